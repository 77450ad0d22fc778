//! Tests of `handover`.

use std::future::Future as _;
use std::net::IpAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

fn whole(octets: &[u8]) -> (Handover, usize) {
    match read(octets) {
        Ok(Read::Whole { handover, octets }) => (handover, octets),
        other => panic!("not whole: {other:?}"),
    }
}

/// Runs `receive` over octets that are all there; gives what it left unread.
fn received(mut octets: &[u8]) -> (io::Result<Handover>, usize) {
    let outcome = {
        let mut reading = pin!(receive(&mut octets));
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => panic!("octets in memory never wait"),
        }
    };
    (outcome, octets.len())
}

fn early(octets: &[u8]) -> Kind {
    Kind::Sstp(Early { sha1: [1; 20], sha256: [2; 32], octets: octets.to_vec() })
}

#[test]
fn the_octets_are_these() {
    let handover = Handover { client: "192.0.2.1:50000".parse().unwrap(), kind: early(b"head") };
    let mut expected = b"mnHO\x01\x01\x00\x00\x00\x3f\x04\xc3\x50\xc0\x00\x02\x01".to_vec();
    expected.extend_from_slice(&[1; 20]);
    expected.extend_from_slice(&[2; 32]);
    expected.extend_from_slice(b"head");
    assert_eq!(write(&handover), expected);
    assert_eq!(whole(&expected), (handover, expected.len()));
}

#[test]
fn the_scope_of_a_link_local_client_comes_along() {
    let client = SocketAddrV6::new("fe80::7".parse().unwrap(), 9, 0, 3).into();
    let handover = Handover { client, kind: Kind::GreCounts };
    assert_eq!(whole(&write(&handover)).0, handover);
}

#[test]
fn strangers_other_versions_and_other_kinds_are_told_apart_at_once() {
    assert_eq!(read(b""), Ok(Read::NotYet));
    assert_eq!(read(b"GET"), Err(HandoverError::Foreign));
    assert_eq!(read(b"mnHO\x02"), Err(HandoverError::Version(2)));
    assert_eq!(read(b"mnHO\x01\x03\0\0\0\0"), Err(HandoverError::Kind(3)));
    assert_eq!(read(b"mnHO\x01\x01\xff\xff\xff\xff"), Err(HandoverError::Malformed));
    // A question has no early octets.
    let mut question =
        write(&Handover { client: ([192, 0, 2, 1], 1).into(), kind: Kind::GreCounts });
    question.push(0);
    question[9] += 1;
    assert_eq!(read(&question), Err(HandoverError::Malformed));
}

#[test]
fn more_early_octets_than_allowed_are_the_callers() {
    let handover = Handover {
        client: ([192, 0, 2, 1], 1).into(),
        kind: early(&vec![7; EARLY_OCTETS_MAX + 5]),
    };
    let octets = write(&handover);
    assert!(octets.len() <= OCTETS_MAX);
    let (read, length) = whole(&octets);
    assert_eq!(length, octets.len());
    assert_eq!(read.kind, early(&[7; EARLY_OCTETS_MAX]));
}

fn handovers() -> impl Strategy<Value = Handover> {
    let client = (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from);
    let kind = prop_oneof![
        Just(Kind::GreCounts),
        (any::<[u8; 20]>(), any::<[u8; 32]>(), prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(sha1, sha256, octets)| Kind::Sstp(Early { sha1, sha256, octets })),
    ];
    (client, kind).prop_map(|(client, kind)| Handover { client, kind })
}

proptest! {
    /// Whatever is written is read, whole only with its last octet, and nothing behind it is taken.
    #[test]
    fn what_is_written_is_read_over_any_chunking(handover in handovers(), behind in 0_usize..40) {
        let mut octets = write(&handover);
        let length = octets.len();
        for known in 0..length {
            prop_assert_eq!(read(&octets[..known]), Ok(Read::NotYet));
        }
        octets.extend(std::iter::repeat_n(0xAA, behind));
        prop_assert_eq!(whole(&octets), (handover.clone(), length));
        let (outcome, left) = received(&octets);
        prop_assert_eq!(outcome.unwrap(), handover);
        prop_assert_eq!(left, behind);
    }

    /// Any octets: no panic, no verdict that more octets change, both readers of one mind.
    #[test]
    fn any_octets_are_read(
        start in prop_oneof![Just(Vec::new()), Just(b"mnHO\x01\x01\0\0\0".to_vec()),
            Just(b"mnHO\x01\x02\0\0\0".to_vec())],
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let octets = [start, rest].concat();
        let mut verdict = Ok(Read::NotYet);
        for known in 0..=octets.len() {
            let now = read(&octets[..known]);
            if verdict != Ok(Read::NotYet) {
                prop_assert_eq!(&now, &verdict);
            }
            verdict = now;
        }
        let (outcome, _) = received(&octets);
        match verdict {
            Ok(Read::Whole { handover, .. }) => prop_assert_eq!(outcome.unwrap(), handover),
            Ok(Read::NotYet) => {
                prop_assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
            Err(_) => prop_assert!(outcome.is_err()),
        }
    }
}
