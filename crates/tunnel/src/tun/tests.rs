//! What an interface is given. Real ones are in the tests with peers.

use menshen_tunnel_core::ppp::{Ipv4Link, Ipv6Link};

use super::*;

/// An interface that is none: only what it would be given is looked at.
fn tun(outer: Option<IpAddr>) -> Tun {
    let fd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let settings = Settings { name: "mt0".to_owned(), outer, routes: Vec::new() };
    Tun::new(watched_for_reading(fd).unwrap(), String::new(), 0, settings, Heads::None)
}

fn opened(peer: [u8; 4], mtu: u16) -> Opened {
    Opened {
        ipv4: Some(Ipv4Link { local: [10, 0, 0, 2].into(), peer: peer.into(), dns: [None; 2] }),
        ipv6: Some(Ipv6Link { local: [0, 0, 0, 0, 0, 0, 0, 7], peer: [1; 8] }),
        mtu,
        sends: None,
        receives: None,
        method: None,
    }
}

#[test]
fn addresses_are_those_agreed_on_and_never_the_outer_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let _entered = runtime.enter();
    let peers = |outer: Option<IpAddr>, peer, mtu| {
        let addresses = tun(outer).addresses(&opened(peer, mtu));
        addresses.into_iter().map(|a| (a.address.to_string(), a.peer)).collect::<Vec<_>>()
    };
    let ipv6 = ("fe80::7".to_owned(), None);
    let own = "10.0.0.2".to_owned();
    let peer = IpAddr::from([10, 0, 0, 1]);
    let outer = Some(IpAddr::from([192, 0, 2, 1]));
    assert_eq!(peers(outer, [10, 0, 0, 1], 1400), [(own.clone(), Some(peer)), ipv6.clone()]);
    assert_eq!(peers(Some(peer), [10, 0, 0, 1], 1400), [(own.clone(), None), ipv6.clone()]);
    assert_eq!(peers(outer, [0; 4], 1280), [(own.clone(), None), ipv6]);
    assert_eq!(peers(outer, [0; 4], 1279), [(own, None)]);
}
