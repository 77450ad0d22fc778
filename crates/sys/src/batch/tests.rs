//! Over a pair of unix datagram sockets, which needs no right.

use std::os::unix::net::UnixDatagram;

use super::*;

fn pair() -> (UnixDatagram, UnixDatagram) {
    let (one, two) = UnixDatagram::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    two.set_nonblocking(true).unwrap();
    (one, two)
}

fn outgoing(octets: Range<usize>) -> Outgoing {
    Outgoing { octets, to: None }
}

#[test]
fn what_is_sent_at_once_comes_at_once() {
    let (one, two) = pair();
    let datagrams = [outgoing(0..3), outgoing(3..3), outgoing(3..9), outgoing(8..99)];
    assert_eq!(send(&one, b"abcdefghi", &datagrams).unwrap(), 4);
    let mut rooms = vec![vec![0; 4]; 6];
    let mut lengths = [0; BATCH];
    assert_eq!(receive(&two, &mut rooms, &mut lengths).unwrap(), 4);
    assert_eq!(lengths[..4], [3, 0, 4, 0]);
    assert_eq!((&rooms[0][..3], &rooms[2][..]), (&b"abc"[..], &b"defg"[..]));
    let none = receive(&two, &mut rooms, &mut lengths).unwrap_err();
    assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn no_more_than_a_batch_goes_at_once_and_a_full_queue_stops_it() {
    let (one, two) = pair();
    let datagrams = vec![outgoing(0..1); BATCH + 8];
    let mut sent = 0;
    let stopped = loop {
        match send(&one, b"x", &datagrams) {
            Ok(some) => {
                assert!((1..=BATCH).contains(&some));
                sent += some;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(stopped.kind(), io::ErrorKind::WouldBlock);
    let (mut rooms, mut lengths) = (vec![[0; 8]; BATCH + 8], [0; BATCH]);
    let mut came = 0;
    while let Ok(some) = receive(&two, &mut rooms, &mut lengths) {
        assert!((1..=BATCH).contains(&some));
        came += some;
    }
    assert_eq!(came, sent);
}

#[test]
fn an_address_is_where_it_goes() {
    let socket = || std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (one, two) = (socket(), socket());
    one.set_nonblocking(true).unwrap();
    // To port 0 nothing is sent by UDP: that the kernel says so shows that it read the address.
    let to = Some(Ipv4Addr::LOCALHOST);
    let refused = send(&one, b"x", &[Outgoing { octets: 0..1, to }]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    let connected = send(&two, b"x", &[outgoing(0..1)]).unwrap_err();
    assert_eq!(connected.raw_os_error(), Some(89), "no destination: {connected}");
}
