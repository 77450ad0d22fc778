//! Real sockets of this process, and any bytes.
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use proptest::prelude::*;

use super::*;
use crate::pidfd::{SocketOptions, fetch};

fn inode(socket: impl AsFd) -> u32 {
    let inode = rustix::fs::fstat(socket).unwrap().st_ino;
    u32::try_from(inode).unwrap()
}

#[test]
fn listeners_and_their_queues_are_seen() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(bind).unwrap();
        let address = listener.local_addr().unwrap();
        let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
        let list = || {
            sockets(Transport::Tcp, family, States::LISTEN, address.port())
                .unwrap()
                .into_iter()
                .find(|row| row.local == address)
                .unwrap()
        };
        let row = list();
        assert_eq!(row.inode, inode(&listener));
        assert_eq!(row.state, State::LISTEN);
        assert_eq!(row.receive_queue, 0);
        assert!(row.send_queue >= 1);
        assert_eq!(row.only_v6.is_some(), address.is_ipv6());
        assert_eq!(row.drops, Some(0));
        let near = TcpStream::connect(address).unwrap();
        assert_eq!(list().receive_queue, 1);
        let there = connection(address, near.local_addr().unwrap()).unwrap().unwrap();
        assert_eq!((there.inode, there.state), (0, State::ESTABLISHED), "not accepted yet");
        let (far, _) = listener.accept().unwrap();
        let there = connection(address, near.local_addr().unwrap()).unwrap().unwrap();
        assert_eq!(there.inode, inode(&far));
        assert_eq!(list().receive_queue, 0);
        let nobody = SocketAddr::new(address.ip(), 1);
        assert_eq!(connection(address, nobody).unwrap(), None);
    }
}

#[test]
fn unconnected_udp_sockets_are_seen() {
    let socket = UdpSocket::bind("[::]:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let rows = sockets(Transport::Udp, Family::V6, States::UNCONNECTED, port).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].inode, inode(&socket));
    assert_eq!(rows[0].only_v6, Some(false));
    assert!(sockets(Transport::Tcp, Family::V6, States::LISTEN, port).unwrap().is_empty());
}

#[test]
fn a_fetched_descriptor_tells_its_options() {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_only_v6(true).unwrap();
    socket.bind(&"[::1]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(3).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let row = sockets(Transport::Tcp, Family::V6, States::LISTEN, port).unwrap().remove(0);
    assert_eq!((row.only_v6, row.send_queue), (Some(true), 3));
    let fd = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&socket)).unwrap();
    let copy = fetch(std::process::id(), fd).unwrap();
    let options = SocketOptions::read(&copy);
    assert_eq!(options.reuse_port, Some(true));
    assert_eq!(options.only_v6, Some(true));
    assert_eq!(options.cookie, Some(row.cookie));
    assert_eq!(options.defer_accept_seconds, Some(0));
    assert_eq!(options.device.as_deref(), Some(&b""[..]));
    assert_eq!(options.filter_instructions, Some(0));
    assert_eq!(fetch(std::process::id(), 99_999).unwrap_err().raw_os_error(), Some(9));
}

proptest! {
    #[test]
    fn any_bytes(
        start in prop_oneof![Just(2_u8), Just(10), any::<u8>()],
        rest in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = vec![start];
        bytes.extend(rest);
        let row = parse(&bytes);
        prop_assert_eq!(row.is_some(), bytes.len() >= MESSAGE_BYTES && matches!(start, 2 | 10));
    }
}
