//! Tests of `failure`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{
    Failure, FailureEnd, PLACES, Piece, RECORD_BYTES, Sender, clean, newest_first, next_place,
    region,
};

fn sample(unix_ms: u64) -> Failure {
    Failure {
        unix_ms,
        client: Ipv4Addr::new(192, 0, 2, 7).into(),
        local: SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 443),
        elapsed_us: 1500,
        sni: Some("www.example".to_owned()),
        error: "received fatal alert: UnknownCA".to_owned(),
        alert_received: Some(48),
        alert_sent: None,
        ended: FailureEnd::Tls,
        pieces: vec![
            Piece { from: Sender::Client, at_us: 12, bytes: vec![22, 3, 1] },
            Piece { from: Sender::Server, at_us: 900, bytes: vec![7; 1200] },
        ],
        cut: false,
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from(bits).into()),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)).to_canonical()),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    (any::<bool>(), any::<u64>(), vec(any::<u8>(), 0..900)).prop_map(|(client, at_us, bytes)| {
        Piece { from: if client { Sender::Client } else { Sender::Server }, at_us, bytes }
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    let ended = prop_oneof![
        Just(FailureEnd::Closed),
        Just(FailureEnd::Reset),
        Just(FailureEnd::Limit),
        Just(FailureEnd::Tls)
    ];
    let texts = (option::of("[a-z.]{0,255}"), "[ -~]{0,500}");
    let alerts = (option::of(any::<u8>()), option::of(any::<u8>()));
    let ends = (address(), address(), any::<u16>());
    let rest = (any::<u64>(), any::<u64>(), ended, vec(piece(), 0..7), any::<bool>());
    (texts, alerts, ends, rest).prop_map(|((sni, error), alerts, (client, local, port), rest)| {
        let (alert_received, alert_sent) = alerts;
        let (unix_ms, elapsed_us, ended, pieces, cut) = rest;
        let local = SocketAddr::new(local, port);
        Failure {
            unix_ms,
            client,
            local,
            elapsed_us,
            sni,
            error,
            alert_received,
            alert_sent,
            ended,
            pieces,
            cut,
        }
    })
}

proptest! {
    #[test]
    fn what_fits_comes_back_as_it_was(failure in failure()) {
        let mut record = failure.encode();
        prop_assert!(record.len() <= RECORD_BYTES);
        prop_assert_eq!(Failure::decode(&record), Some(failure.clone()));
        // What an older, longer record left behind it does not matter.
        record.resize(RECORD_BYTES, 0xaa);
        prop_assert_eq!(Failure::decode(&record), Some(failure));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..9000)) {
        prop_assert_eq!(Failure::decode(&bytes), None);
        prop_assert!(newest_first(&bytes).is_empty());
        prop_assert_eq!(next_place(&bytes), 0);
    }

    #[test]
    fn any_body_with_a_right_sum_is_read_without_a_panic(
        failure in failure(),
        at in 0_usize..8000,
        byte in any::<u8>(),
        keep in 0_usize..8200,
    ) {
        let mut body = failure.encode().split_off(16);
        let at = at % body.len();
        body[at] = byte;
        body.truncate(keep);
        let mut record = b"menshenF".to_vec();
        record.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        record.extend_from_slice(&body);
        if let Some(read) = Failure::decode(&record) {
            prop_assert_eq!(Failure::decode(&read.encode()), Some(read));
        }
    }

    #[test]
    fn half_a_record_is_none(failure in failure(), torn in 0_usize..8192, fill in any::<u8>()) {
        let whole = failure.encode();
        let torn = torn % whole.len();
        prop_assert_eq!(Failure::decode(&whole[..torn]), None);
        let mut mixed = whole.clone();
        mixed[torn..].fill(fill);
        prop_assert!(mixed == whole || Failure::decode(&mixed).is_none());
    }
}

#[test]
fn what_does_not_fit_is_cut_and_said() {
    let mut failure = sample(1);
    failure.error = "é".repeat(400);
    failure.pieces[1].bytes = vec![7; 40_000];
    failure.pieces.push(Piece { from: Sender::Client, at_us: 1000, bytes: vec![1] });
    let record = failure.encode();
    assert_eq!(record.len(), RECORD_BYTES);
    let read = Failure::decode(&record).unwrap();
    assert!(read.cut);
    assert_eq!(read.error, "é".repeat(256));
    assert_eq!(read.pieces.len(), 2);
    assert!(read.pieces[1].bytes.len() > 7000);
}

#[test]
fn a_long_body_is_refused_before_it_is_summed() {
    let mut record = sample(1).encode();
    record[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Failure::decode(&record), None);
}

#[test]
fn the_newest_comes_first_and_the_oldest_goes() {
    let times = [5, 9, 7];
    let mut bytes = vec![0; PLACES * RECORD_BYTES];
    for (place, &time) in times.iter().enumerate() {
        let record = sample(time).encode();
        bytes[place * RECORD_BYTES..][..record.len()].copy_from_slice(&record);
    }
    let read: Vec<u64> = newest_first(&bytes).iter().map(|failure| failure.unix_ms).collect();
    assert_eq!(read, [9, 7, 5]);
    assert_eq!(next_place(&bytes), 3);
    for place in 0..PLACES {
        let time = if place == 11 { 3 } else { 100 };
        let record = sample(time).encode();
        bytes[place * RECORD_BYTES..][..record.len()].copy_from_slice(&record);
    }
    assert_eq!(next_place(&bytes), 11);
    assert_eq!(region(2), 2 * 131_072..3 * 131_072);
}

#[test]
fn nothing_steers_a_terminal() {
    assert_eq!(clean("a\u{1b}[2J\nb\u{202e}c é"), "a?[2J?b?c é");
    let mut failure = sample(1);
    failure.error = "x\u{7}y".to_owned();
    assert_eq!(Failure::decode(&failure.encode()).unwrap().error, "x?y");
}
