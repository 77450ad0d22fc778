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
