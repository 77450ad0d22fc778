//! Tests of steering on loopback: which member of a group gets the connections.

use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use super::*;

fn member(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(256).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn group(count: usize) -> (Vec<Socket>, SocketAddr) {
    let first = member(([127, 0, 0, 1], 0).into());
    let address = first.local_addr().unwrap().as_socket().unwrap();
    let mut all = vec![first];
    all.extend((1..count).map(|_| member(address)));
    (all, address)
}

/// Connects `times` times and counts what each member got.
fn shares(sockets: &[Socket], address: SocketAddr, times: usize) -> Vec<usize> {
    let streams: Vec<_> = (0..times).map(|_| TcpStream::connect(address).unwrap()).collect();
    let counts = sockets.iter().map(|socket| {
        let mut count = 0;
        while socket.accept().is_ok() {
            count += 1;
        }
        count
    });
    let counts = counts.collect();
    drop(streams);
    counts
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

#[test]
fn only_the_first_members_get_new_connections() {
    let (sockets, address) = group(3);
    assert!(shares(&sockets, address, 120)[2] > 0, "the hash of the kernel reaches all");
    steer_to_first(&sockets[0], count(2)).unwrap();
    let counts = shares(&sockets, address, 120);
    assert_eq!(counts[2], 0, "{counts:?}");
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    steer_to_first(&sockets[1], count(1)).unwrap();
    assert_eq!(shares(&sockets, address, 60), [60, 0, 0]);
    steer_to_first(&sockets[0], count(3)).unwrap();
    assert!(shares(&sockets, address, 120).iter().all(|&share| share > 0));
}

#[test]
fn a_member_added_under_steering_gets_nothing_until_told() {
    let (mut sockets, address) = group(2);
    steer_to_first(&sockets[0], count(2)).unwrap();
    sockets.push(member(address));
    assert_eq!(shares(&sockets, address, 100)[2], 0);
    steer_to_first(&sockets[0], count(3)).unwrap();
    assert!(shares(&sockets, address, 150)[2] > 0);
}

#[test]
fn the_order_survives_retiring_the_last() {
    let (mut sockets, address) = group(3);
    steer_to_first(&sockets[0], count(2)).unwrap();
    sockets.pop();
    let counts = shares(&sockets, address, 100);
    assert_eq!(counts.iter().sum::<usize>(), 100);
    assert!(counts.iter().all(|&share| share > 0), "{counts:?}");
}

#[test]
fn a_lone_socket_is_refused() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    assert!(steer_to_first(&socket, count(1)).is_err());
}
