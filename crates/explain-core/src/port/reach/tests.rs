//! Who gets a connection.
use super::super::{Origin, text::tests::facts, text::tests::listener};
use super::*;

fn chosen(listeners: &[(u32, &str, Option<bool>)], to: &str) -> Vec<u32> {
    let mut facts = facts();
    for (inode, address, only_v6) in listeners {
        let mut one = listener(*inode, address);
        one.only_v6 = *only_v6;
        facts.listeners.push(one);
    }
    let target = Target::new(to.parse().unwrap(), Origin::Own);
    super::listeners(&facts, &target).iter().map(|one| one.inode).collect()
}

#[test]
fn the_nearest_address_wins() {
    let all = [
        (1, "0.0.0.0", None),
        (2, "127.0.0.1", None),
        (3, "::", Some(false)),
        (4, "::1", None),
        (5, "0.0.0.0", None),
    ];
    assert_eq!(chosen(&all, "127.0.0.1"), [2]);
    assert_eq!(chosen(&all, "192.0.2.1"), [1, 5]);
    assert_eq!(chosen(&all, "::1"), [4]);
    assert_eq!(chosen(&all, "2001:db8::1"), [3]);
    assert_eq!(chosen(&all[2..4], "127.0.0.1"), [3]);
    assert_eq!(chosen(&[(1, "::", Some(true))], "127.0.0.1"), [0; 0]);
    assert_eq!(chosen(&[(1, "::ffff:127.0.0.1", Some(false))], "127.0.0.1"), [1]);
    assert_eq!(chosen(&[(1, "0.0.0.0", None)], "::1"), [0; 0]);
}

#[test]
fn a_bound_device_takes_only_its_own() {
    let mut facts = facts();
    let mut one = listener(1, "0.0.0.0");
    one.device = 2;
    facts.listeners.push(one);
    let target = Target::new("127.0.0.1".parse().unwrap(), Origin::Loopback);
    assert!(listeners(&facts, &target).is_empty());
    facts.listeners[0].device = 1;
    assert_eq!(listeners(&facts, &target).len(), 1);
}
