//! Tests of what a door knows of its clients and transfers.

use super::*;
use crate::fixture::{Choices, Fixture, Lines};

fn network(text: &str) -> Network {
    let (address, prefix) = text.split_once('/').unwrap();
    Network { address: address.parse().unwrap(), prefix: prefix.parse().unwrap() }
}

#[test]
fn networks_contain_their_own_addresses_only() {
    let rows = [
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("192.0.2.7/32", "192.0.2.7", true),
        ("192.0.2.7/32", "192.0.2.6", false),
        ("192.0.2.128/25", "192.0.2.127", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "203.0.113.9", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
        ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
        ("::1/128", "::1", true),
        ("::1/128", "::2", false),
    ];
    for (net, address, expected) in rows {
        assert_eq!(contains(&network(net), address.parse().unwrap()), expected, "{net} {address}");
    }
}

#[test]
fn a_client_is_believed_as_far_as_trusted_proxies_vouch() {
    let trusted = ["192.0.2.0/24", "2001:db8::/64"].map(network).to_vec();
    let made = Fixture::with(Choices { trusted, ..Choices::default() });
    let many = vec!["192.0.2.2"; 100].join(", ");
    let rows: &[(&str, &[&str], &str)] = &[
        // A stranger says what it likes and stays who it is.
        ("203.0.113.1", &["198.51.100.1"], "203.0.113.1"),
        ("192.0.2.1", &[], "192.0.2.1"),
        ("192.0.2.1", &["198.51.100.1"], "198.51.100.1"),
        ("::ffff:192.0.2.1", &["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::7", &["2001:db8:5::1"], "2001:db8:5::1"),
        // What the client itself put in front is not believed.
        ("192.0.2.1", &["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        ("192.0.2.1", &["127.0.0.1", "198.51.100.1,192.0.2.9"], "198.51.100.1"),
        ("192.0.2.1", &["198.51.100.1, 192.0.2.2, 192.0.2.3"], "198.51.100.1"),
        ("192.0.2.1", &["198.51.100.1, nonsense, 192.0.2.3"], "192.0.2.3"),
        ("192.0.2.1", &["unknown"], "192.0.2.1"),
        ("192.0.2.1", &["198.51.100.1:4711"], "192.0.2.1"),
        ("192.0.2.1", &[""], "192.0.2.1"),
        ("192.0.2.1", &[&many], "192.0.2.2"),
    ];
    for (peer, lines, expected) in rows {
        let fields: Vec<String> =
            lines.iter().map(|line| format!("X-Forwarded-For: {line}")).collect();
        let client = made.door.client(peer.parse().unwrap(), &Lines::of(&fields));
        assert_eq!(client, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
    }
}

#[test]
fn more_transfers_than_places_are_counted_and_give_their_places_back() {
    let made = Fixture::new();
    let door = &made.door;
    let begin = || door.transfer(TransferKind::Upload, Some(10), b"/file");
    let all: Vec<Transfer> = (0..TRANSFERS_MAX + 5).map(|_| begin()).collect();
    assert_eq!(door.slot.transfers().len(), TRANSFERS_MAX);
    for transfer in &all {
        transfer.moved(3);
    }
    assert_eq!(door.slot.get(Counter::BytesIn), 3 * all.len() as u64);
    assert!(door.slot.transfers().iter().all(|shown| shown.done == 3 && shown.path == b"/file"));
    drop(all);
    assert!(door.slot.transfers().is_empty());
    let again: Vec<Transfer> = (0..TRANSFERS_MAX).map(|_| begin()).collect();
    assert_eq!(door.slot.transfers().len(), again.len());
}

#[test]
fn tunnels_leave_places_for_what_comes_and_goes() {
    let made = Fixture::new();
    let door = &made.door;
    let tunnel = || door.transfer(TransferKind::Tunnel, None, b"sstp");
    let tunnels: Vec<Transfer> = (0..TRANSFERS_MAX).map(|_| tunnel()).collect();
    assert_eq!(door.slot.transfers().len(), TRANSFERS_MAX / 2);
    tunnels[0].moved_as(Counter::BytesIn, 3);
    tunnels[0].moved_as(Counter::BytesOut, 4);
    assert_eq!(door.slot.transfers()[0].done, 7);
    let counted = [Counter::BytesIn, Counter::BytesOut].map(|counter| door.slot.get(counter));
    assert_eq!(counted, [3, 4]);
    let others: Vec<Transfer> =
        (0..TRANSFERS_MAX).map(|_| door.transfer(TransferKind::Upload, None, b"/x")).collect();
    assert_eq!(door.slot.transfers().len(), TRANSFERS_MAX);
    drop((tunnels, others));
    assert!(door.slot.transfers().is_empty());
}

#[test]
fn answers_are_counted_by_class() {
    let made = Fixture::new();
    for status in [200, 204, 206, 304, 404, 412, 429, 507] {
        made.door.count_status(status);
    }
    let counts = [Counter::Status2xx, Counter::Status3xx, Counter::Status4xx, Counter::Status5xx]
        .map(|counter| made.door.slot.get(counter));
    assert_eq!((counts, made.door.slot.get(Counter::Requests)), ([3, 1, 3, 1], 8));
}

#[test]
fn boundaries_differ_and_dates_are_dates() {
    let made = Fixture::new();
    let mut all: Vec<String> = (0..1000).map(|_| made.door.boundary()).collect();
    assert!(all.iter().all(|one| (20..=70).contains(&one.len())));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
    let date = made.door.date();
    let unix = menshen_web_core::response::parse_http_date(&date).unwrap();
    assert!(i64::try_from(clock::unix_s()).unwrap().abs_diff(unix) <= 1);
}
