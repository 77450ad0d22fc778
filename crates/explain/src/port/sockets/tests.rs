//! The kernel's list and `/proc/net` say the same of real sockets; any bytes.
use std::net::{TcpListener, UdpSocket};

use proptest::prelude::*;

use super::*;

#[test]
fn both_lists_agree() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let socket = TcpListener::bind(bind).unwrap();
        let address = socket.local_addr().unwrap();
        let list = listeners(Transport::Tcp, address.port()).unwrap();
        assert!(list.complete);
        let old = from_proc(Transport::Tcp, address.port()).unwrap();
        let key = |one: &Listener| (one.address, one.inode, one.uid, one.queue);
        let mut new: Vec<_> = list.listeners.iter().map(key).collect();
        let mut old: Vec<_> = old.iter().map(key).collect();
        new.sort_unstable();
        old.sort_unstable();
        assert_eq!(new, old);
        assert!(new.iter().any(|one| one.0 == address.ip()));
    }
    let socket = UdpSocket::bind("[::1]:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let old = from_proc(Transport::Udp, port).unwrap();
    assert_eq!(old.len(), 1);
    assert_eq!(old[0].inode, listeners(Transport::Udp, port).unwrap().listeners[0].inode);
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(parse_proc(&bytes, Transport::Tcp, 1), []);
    }

    #[test]
    fn any_line(line in "[0-9A-F: ]{0,200}") {
        let _ = parse_proc(line.as_bytes(), Transport::Tcp, 0);
    }
}
