//! Tests of the gate.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn places_are_given_back() {
    let gate = Gate::new(2, 2);
    let first = gate.enter(ip("127.0.0.1")).unwrap();
    let second = gate.enter(ip("127.0.0.1")).unwrap();
    assert_eq!(gate.enter(ip("127.0.0.2")).unwrap_err(), GateRefusal::Full);
    drop(first);
    assert_eq!(gate.open(), 1);
    gate.enter(ip("127.0.0.2")).unwrap();
    drop(second);
    assert_eq!(gate.open(), 0);
    assert!(gate.addresses.borrow().is_empty());
}

#[test]
fn one_address_cannot_take_all() {
    let gate = Gate::new(100, 1);
    let _held = gate.enter(ip("2001:db8::1")).unwrap();
    assert_eq!(gate.enter(ip("2001:db8::2")).unwrap_err(), GateRefusal::Address);
    assert!(gate.enter(ip("2001:db8:0:1::2")).is_ok());
    let _v4 = gate.enter(ip("192.0.2.1")).unwrap();
    assert_eq!(gate.enter(ip("::ffff:192.0.2.1")).unwrap_err(), GateRefusal::Address);
}

#[test]
fn proxies_share_no_limit_of_one_address() {
    let gate = Gate::new(3, 1);
    let one = gate.enter(ip("192.0.2.1")).unwrap();
    let proxied = [gate.enter_proxy().unwrap(), gate.enter_proxy().unwrap()];
    assert_eq!(gate.enter_proxy().unwrap_err(), GateRefusal::Full);
    assert_eq!(gate.open(), 3);
    drop(proxied);
    assert_eq!(gate.enter(ip("192.0.2.1")).unwrap_err(), GateRefusal::Address);
    drop(one);
    assert_eq!(gate.open(), 0);
}

#[test]
fn a_refused_address_leaves_no_trace() {
    let gate = Gate::new(10, 1);
    let held = gate.enter(ip("192.0.2.1")).unwrap();
    for _ in 0..5 {
        gate.enter(ip("192.0.2.1")).unwrap_err();
    }
    drop(held);
    assert!(gate.addresses.borrow().is_empty());
}
