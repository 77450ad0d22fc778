//! Tests of `ticket`.

use std::cell::Cell;

use proptest::prelude::*;
use rustls::server::ProducesTickets;

use super::{EPOCH_SECONDS, PLAIN_BYTES_MAX, Ticketer};

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(100 * EPOCH_SECONDS) };
}

fn clock() -> u64 {
    NOW.get()
}

fn ticketer(root: u8) -> Ticketer {
    Ticketer::new(&[root; 32], clock)
}

#[test]
fn workers_open_each_others_tickets() {
    let (one, two) = (ticketer(1), ticketer(1));
    let ticket = one.encrypt(b"session").unwrap();
    assert_eq!(two.decrypt(&ticket).as_deref(), Some(b"session".as_slice()));
    let back = two.encrypt(b"").unwrap();
    assert_eq!(one.decrypt(&back).as_deref(), Some(b"".as_slice()));
}

#[test]
fn another_root_opens_nothing() {
    let ticket = ticketer(1).encrypt(b"session").unwrap();
    assert_eq!(ticketer(2).decrypt(&ticket), None);
}

#[test]
fn a_ticket_outlives_one_change_of_epoch_but_not_two() {
    let start = 100 * EPOCH_SECONDS;
    // Fresh instances (a reload) and one that has cached the old key behave alike.
    let old = ticketer(1);
    let ticket = old.encrypt(b"session").unwrap();
    for (seconds, opens) in [
        (EPOCH_SECONDS - 1, true),
        (EPOCH_SECONDS, true),
        (2 * EPOCH_SECONDS - 1, true),
        (2 * EPOCH_SECONDS, false),
        (3 * EPOCH_SECONDS, false),
    ] {
        NOW.set(start + seconds);
        assert_eq!(old.decrypt(&ticket).is_some(), opens, "cached, after {seconds} s");
        assert_eq!(ticketer(1).decrypt(&ticket).is_some(), opens, "fresh, after {seconds} s");
        // Both keep working for tickets of now, whatever is cached.
        let now = old.encrypt(b"now").unwrap();
        assert_eq!(ticketer(1).decrypt(&now).as_deref(), Some(b"now".as_slice()));
    }
}

#[test]
fn a_ticket_from_the_future_is_refused() {
    let start = 100 * EPOCH_SECONDS;
    let worker = ticketer(1);
    NOW.set(start + EPOCH_SECONDS);
    let ticket = worker.encrypt(b"session").unwrap();
    NOW.set(start);
    assert_eq!(worker.decrypt(&ticket), None);
    assert_eq!(ticketer(1).decrypt(&ticket), None);
}

#[test]
fn the_first_epoch_has_no_one_before() {
    NOW.set(0);
    let worker = ticketer(1);
    let ticket = worker.encrypt(b"session").unwrap();
    assert!(worker.decrypt(&ticket).is_some());
    assert_eq!(worker.decrypt(&[0xff; 60]), None);
}

#[test]
fn every_changed_byte_is_noticed() {
    let worker = ticketer(1);
    let ticket = worker.encrypt(b"session").unwrap();
    for place in 0..ticket.len() {
        let mut forged = ticket.clone();
        forged[place] ^= 1;
        assert_eq!(worker.decrypt(&forged), None, "byte {place}");
    }
    for length in 0..ticket.len() {
        assert_eq!(worker.decrypt(&ticket[..length]), None, "cut to {length}");
    }
}

#[test]
fn the_previous_epochs_name_on_a_ticket_of_now_is_refused() {
    let worker = ticketer(1);
    let mut ticket = worker.encrypt(b"session").unwrap();
    let epoch = u64::from_be_bytes(ticket[..8].try_into().unwrap());
    ticket[..8].copy_from_slice(&(epoch - 1).to_be_bytes());
    assert_eq!(worker.decrypt(&ticket), None);
}

#[test]
fn sizes_are_bounded() {
    let worker = ticketer(1);
    let largest = worker.encrypt(&vec![5; PLAIN_BYTES_MAX]).unwrap();
    assert_eq!(worker.decrypt(&largest).unwrap(), vec![5; PLAIN_BYTES_MAX]);
    assert_eq!(worker.encrypt(&vec![5; PLAIN_BYTES_MAX + 1]), None);
    assert_eq!(worker.decrypt(&vec![5; 10_000_000]), None);
}

#[test]
fn equal_sessions_give_different_tickets() {
    let worker = ticketer(1);
    assert_ne!(worker.encrypt(b"session"), worker.encrypt(b"session"));
}

proptest! {
    #[test]
    fn any_bytes_are_refused(mut ticket in proptest::collection::vec(any::<u8>(), 0..200)) {
        let worker = ticketer(1);
        prop_assert_eq!(worker.decrypt(&ticket), None);
        // Again with a key name that is known, so that the AEAD itself is reached.
        if let Some(name) = ticket.get_mut(..8) {
            name.copy_from_slice(&100_u64.to_be_bytes());
            prop_assert_eq!(worker.decrypt(&ticket), None);
        }
    }
}
