//! Numbers are given once.

use core::net::{IpAddr, Ipv4Addr};

use super::*;

const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

#[test]
fn the_first_of_every_address_gets_zero() {
    let mut ids = CallIds::new();
    assert_eq!(ids.take(OFFICE, 77), Some(CallId(0)));
    assert_eq!(ids.take(OTHER, 77), Some(CallId(0)));
    assert_eq!(ids.take(OFFICE, 77), Some(CallId(77)));
    assert!(ids.give_back(OFFICE, CallId(0)));
    assert!(!ids.give_back(OFFICE, CallId(0)), "given back twice");
    assert_eq!(ids.take(OFFICE, 78), Some(CallId(0)));
}

#[test]
fn one_address_cannot_take_all_and_never_gets_one_twice() {
    let mut ids = CallIds::new();
    let mut seen = BTreeSet::new();
    for _ in 0..PER_ADDRESS_MAX {
        // Always the same random number: the worst there is, across the end of the numbers.
        assert!(seen.insert(ids.take(OFFICE, 65_500).unwrap()));
    }
    assert_eq!(ids.take(OFFICE, 1), None);
    assert_eq!(ids.take(OTHER, 1), Some(CallId(0)));
    assert_eq!(ids.len(), PER_ADDRESS_MAX + 1);
}
