//! Informs as Windows sends them, and any octets.

use alloc::vec;

use proptest::prelude::*;

use super::*;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

/// An inform with these options, as broadcast.
fn inform(options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; OPTIONS_AT];
    message[..8].copy_from_slice(&[REQUEST, 8, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    message[12..16].copy_from_slice(&CLIENT.octets());
    message[28..34].copy_from_slice(b"\0SENDP");
    message[OPTIONS_AT - 4..].copy_from_slice(&COOKIE);
    message.extend([OPTION_PAD, OPTION_KIND, 1, INFORM]);
    message.extend(options);
    message.push(OPTION_END);
    let mut packet = in_ipv4(&message, CLIENT, Ipv4Addr::BROADCAST);
    packet[20..24].copy_from_slice(&[0, 68, 0, 67]);
    packet
}

fn told<'a>(dns: &'a [Ipv4Addr], routes: &'a [(Ipv4Addr, u8)]) -> Told<'a> {
    Told { server: SERVER, dns, routes, domain: Some("corp.test") }
}

/// The options of an answer, after a look at what is around them.
fn options(answer: &[u8]) -> &[u8] {
    assert!(answer.len() <= ANSWER_OCTETS_MAX);
    assert_eq!(sum(&answer[..20], 0), 0xffff, "IPv4's checksum");
    let length = u32::try_from(answer.len() - 20).unwrap();
    let pseudo = u32::from(sum(&answer[12..20], 0)) + u32::from(UDP) + length;
    assert_eq!(sum(&answer[20..], pseudo), 0xffff, "UDP's checksum");
    assert_eq!((&answer[12..16], &answer[16..20]), (&SERVER.octets()[..], &CLIENT.octets()[..]));
    assert_eq!(answer[20..24], [0, 67, 0, 68]);
    let message = &answer[28..];
    assert_eq!(message[..8], [REPLY, 8, 6, 0, 0xde, 0xad, 0xbe, 0xef]);
    assert_eq!(message[28..34], *b"\0SENDP");
    assert_eq!(message[12..16], CLIENT.octets());
    assert_eq!(message[16..20], [0; 4], "no address is given");
    &message[OPTIONS_AT..]
}

#[test]
fn what_windows_asks_for_is_told() {
    let dns = [[10, 77, 0, 53].into(), [9, 9, 9, 9].into()];
    let routes = [([192, 168, 5, 77].into(), 24), ([172, 16, 0, 0].into(), 12)];
    let asked = inform(&[OPTION_WANTED, 6, 6, 44, 43, 15, 121, 249]);
    assert!(is_asked(&asked));
    let answer = answer(&asked, CLIENT, &told(&dns, &routes)).unwrap();
    let options = options(&answer);
    assert_eq!(find(options, OPTION_KIND), Some(&[ACK][..]));
    assert_eq!(find(options, OPTION_SERVER), Some(&SERVER.octets()[..]));
    assert_eq!(find(options, OPTION_DNS), Some(&[10, 77, 0, 53, 9, 9, 9, 9][..]));
    assert_eq!(find(options, OPTION_DOMAIN), Some(&b"corp.test"[..]));
    let ways = [24, 192, 168, 5, 10, 77, 0, 1, 12, 172, 16, 10, 77, 0, 1];
    assert_eq!(find(options, OPTION_ROUTES), Some(&ways[..]));
    assert_eq!(find(options, OPTION_ROUTES_WINDOWS), Some(&ways[..]));
    assert_eq!(find(options, 51), None, "nothing is leased");
}

#[test]
fn only_what_is_asked_for_and_what_there_is() {
    let asked = inform(&[OPTION_WANTED, 1, 6]);
    let dns = [[10, 77, 0, 53].into()];
    let answered = answer(&asked, CLIENT, &told(&dns, &[([10, 0, 0, 0].into(), 8)])).unwrap();
    assert!(find(options(&answered), OPTION_DNS).is_some());
    for code in [OPTION_DOMAIN, OPTION_ROUTES, OPTION_ROUTES_WINDOWS] {
        assert_eq!(find(options(&answered), code), None);
    }
    let nothing = Told { domain: None, ..told(&[], &[]) };
    let answered = answer(&inform(&[]), CLIENT, &nothing).unwrap();
    assert_eq!(find(options(&answered), OPTION_DNS), None);
    assert_eq!(find(options(&answered), OPTION_DOMAIN), None);
}

#[test]
fn many_routes_come_in_pieces_and_once() {
    let routes: Vec<_> = (0..80).map(|net| ([10, 1, net, 0].into(), 32)).collect();
    let answered = answer(&inform(&[]), CLIENT, &told(&[], &routes)).unwrap();
    let mut rest = options(&answered);
    let mut octets = 0;
    while let [code, length, ..] = *rest
        && code != OPTION_END
    {
        assert_ne!(code, OPTION_ROUTES_WINDOWS);
        octets += if code == OPTION_ROUTES { usize::from(length) } else { 0 };
        rest = &rest[2 + usize::from(length)..];
    }
    assert_eq!(octets, ROUTES_MAX * 9);
    assert_eq!(rest, [OPTION_END]);
}

#[test]
fn nothing_else_is_answered() {
    let told = told(&[], &[]);
    let good = inform(&[]);
    assert!(answer(&good, CLIENT, &told).is_some());
    assert!(answer(&good, SERVER, &told).is_none(), "another client's");
    let changed = [
        (9, 6, "not UDP"),
        (23, 68, "another port"),
        (16, 10, "for another host"),
        (6, 0x20, "a fragment"),
        (28, REPLY, "a reply"),
        (28 + 12, 11, "another address within"),
        (28 + OPTIONS_AT - 1, 0, "no cookie"),
        (28 + OPTIONS_AT + 3, 1, "it wants an address"),
        (25, 250, "longer than it is"),
    ];
    for (at, octet, what) in changed {
        let mut packet = good.clone();
        packet[at] = octet;
        assert!(answer(&packet, CLIENT, &told).is_none(), "{what}");
    }
    for length in 0..good.len() {
        assert!(answer(&good[..length], CLIENT, &told).is_none());
    }
}

proptest! {
    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        crate::fuzz::dhcp(&octets);
    }

    #[test]
    fn any_options(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let packet = inform(&octets);
        crate::fuzz::dhcp(&packet);
        let wanted = find(&packet[28 + OPTIONS_AT..], OPTION_KIND) == Some(&[INFORM][..]);
        prop_assert_eq!(answer(&packet, CLIENT, &told(&[], &[])).is_some(), wanted);
    }
}
