//! Interfaces in a network namespace of the test's own thread, where the rights are there.

use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::*;
use crate::addresses::own_addresses;
use crate::link;

/// An interface in a namespace of its own; `None` after saying so.
fn alone(name: &str) -> Option<Tun> {
    // SAFETY: a network namespace has nothing to do with memory or descriptors.
    let made = unsafe { unshare_unsafe(UnshareFlags::NEWNET) };
    match made.map_err(io::Error::from).and_then(|()| open(name)) {
        Ok(tun) => Some(tun),
        Err(error) => {
            eprintln!("SKIPPED: no TUN interface can be made here: {error}");
            None
        }
    }
}

fn next_packet(tun: &Tun) -> Vec<u8> {
    let mut packet = vec![0; 2000];
    let mut wait = [PollFd::new(&tun.fd, PollFlags::IN)];
    poll(&mut wait, Some(&Timespec { tv_sec: 30, tv_nsec: 0 })).unwrap();
    let length = rustix::io::read(tun.fd.as_fd(), &mut packet).unwrap();
    packet.truncate(length);
    packet
}

#[test]
fn names_that_cannot_be() {
    for name in ["sixteen-octets-x", "a/b", "a\0b"] {
        assert_eq!(open(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
    }
}

#[test]
fn packets_to_the_peer_come_out_of_it() {
    let Some(tun) = alone("mt%d") else { return };
    assert_eq!(tun.name, "mt0");
    let index = link::index(&tun.name).unwrap();
    link::quiet(index).unwrap();
    link::set_mtu(index, 1300).unwrap();
    let (local, peer) = (IpAddr::from([10, 78, 0, 2]), IpAddr::from([10, 78, 0, 1]));
    let address = link::Address { address: local, prefix: 32, peer: Some(peer) };
    link::add_address(index, address).unwrap();
    link::set_up(index).unwrap();
    link::add_route(index, [192, 0, 2, 0].into(), 24).unwrap();
    let own = own_addresses().unwrap();
    assert!(own.iter().any(|own| own.address == local && own.device == index), "{own:?}");
    let socket = std::net::UdpSocket::bind("10.78.0.2:0").unwrap();
    for to in ["10.78.0.1:9", "192.0.2.7:9"] {
        socket.send_to(b"through", to).unwrap();
        let packet = next_packet(&tun);
        assert!(packet.starts_with(&[0x45]) && packet.ends_with(b"through"), "{to}");
    }
    socket.send_to(&[0; 1272 + 8], "10.78.0.1:9").unwrap();
    assert_eq!(next_packet(&tun).len(), 20 + 1280, "the first piece: 1280 is 8 times 160");
    link::remove_address(index, address).unwrap();
    assert!(own_addresses().unwrap().iter().all(|own| own.address != local));
    drop(tun);
    // A program that another test starts has a copy of the descriptor until it executes.
    let is_gone = |_| {
        std::thread::sleep(Duration::from_millis(1));
        link::index("mt0").is_err()
    };
    assert!((0..1000).any(is_gone));
}

#[test]
fn what_the_kernel_refuses_is_said() {
    let Some(tun) = alone("mtx") else { return };
    let index = link::index(&tun.name).unwrap();
    assert_eq!(open("mtx").unwrap_err().raw_os_error(), Some(16));
    let route = link::add_route(index, [192, 0, 2, 0].into(), 24);
    assert!(matches!(route, Err(crate::NetlinkError::Refused(_))), "down: {route:?}");
    let mtu = link::set_mtu(index, 10);
    assert!(matches!(mtu, Err(crate::NetlinkError::Refused(_))), "{mtu:?}");
}
