//! One layer alone: which answer goes with which request, and when it is enough.

use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::ppp::ccp::Cipher;
use crate::ppp::{Ciphers, Mppe};

/// A started layer; its first request is not kept.
pub(in crate::ppp) fn started<O: Options>(options: O) -> (Layer<O>, Outbox) {
    let mut layer = Layer::new(options, &Limits::default());
    let mut out = Outbox::new(1000);
    layer.start(Moment::default(), &mut out);
    (layer, out)
}

/// What the layer says next: code, identifier, data.
pub(in crate::ppp) fn next(out: &mut Outbox) -> Option<(u8, u8, Vec<u8>)> {
    let (_, octets) = out.pop()?;
    let packet = Packet::parse(&octets).unwrap();
    Some((packet.code.0, packet.id, packet.data.to_vec()))
}

/// The answer to a request with these options: its code and data.
pub(in crate::ppp) fn asked<O: Options>(options: O, request: &[u8]) -> (u8, Vec<u8>) {
    let (mut layer, mut out) = started(options);
    next(&mut out);
    give(&mut layer, &mut out, 1, 9, request);
    let (code, id, data) = next(&mut out).unwrap();
    assert_eq!(id, 9);
    (code, data)
}

/// The options of the first request, and of the one that follows this refusal.
pub(in crate::ppp) fn refused<O: Options>(options: O, code: u8, data: &[u8]) -> [Vec<u8>; 2] {
    let (mut layer, mut out) = started(options);
    let (_, id, first) = next(&mut out).unwrap();
    give(&mut layer, &mut out, code, id, data);
    [first, next(&mut out).map(|(_, _, data)| data).unwrap_or_default()]
}

pub(in crate::ppp) fn give<O: Options>(
    layer: &mut Layer<O>,
    out: &mut Outbox,
    code: u8,
    id: u8,
    data: &[u8],
) -> Signals {
    give_at(layer, out, 0, (code, id, data))
}

fn give_at<O: Options>(
    layer: &mut Layer<O>,
    out: &mut Outbox,
    millis: u64,
    (code, id, data): (u8, u8, &[u8]),
) -> Signals {
    let now = Moment(Duration::from_millis(millis));
    layer.input(now, Packet { code: Code(code), id, data }, out)
}

fn cipher() -> Cipher {
    Cipher::new(Mppe::Required(Ciphers::BITS_128))
}

const OPTION: &[u8] = &[18, 6, 1, 0, 0, 0x40];

#[test]
fn it_opens_when_both_requests_are_accepted_and_answers_with_their_identifiers() {
    let (mut layer, mut out) = started(cipher());
    assert_eq!(next(&mut out), Some((1, 1, OPTION.to_vec())));
    // Of another request, of one that says something else: dropped.
    assert!(give(&mut layer, &mut out, 2, 2, OPTION).stale);
    assert!(give(&mut layer, &mut out, 2, 1, &[]).stale);
    assert!(give(&mut layer, &mut out, 2, 1, &[18, 6, 1, 0, 0, 0x20]).stale);
    assert!(!give(&mut layer, &mut out, 2, 1, OPTION).up);
    assert!(give(&mut layer, &mut out, 2, 1, OPTION).stale, "a copy");
    assert_eq!(layer.state(), State::AckRcvd);
    assert!(give(&mut layer, &mut out, 1, 0, OPTION).up);
    assert_eq!(next(&mut out), Some((2, 0, OPTION.to_vec())));
    assert!(layer.is_open() && layer.deadline().is_none());
}

#[test]
fn a_request_is_repeated_as_it_was_so_that_a_late_answer_counts() {
    let (mut layer, mut out) = started(cipher());
    let first = next(&mut out);
    layer.poll(Moment(Duration::from_secs(3)), &mut out);
    assert_eq!(next(&mut out), first);
    give(&mut layer, &mut out, 2, 1, OPTION);
    // Accepted, but the peer's own never came: a new one.
    layer.poll(Moment(Duration::from_secs(9)), &mut out);
    assert_eq!(next(&mut out), Some((1, 2, OPTION.to_vec())));
}

#[test]
fn what_was_not_asked_for_cannot_be_rejected() {
    let (mut layer, mut out) = started(Cipher::new(Mppe::Off));
    assert_eq!(next(&mut out), Some((1, 1, Vec::new())));
    give(&mut layer, &mut out, 4, 1, OPTION);
    assert_eq!(layer.failure(), None);
    let (mut layer, mut out) = started(cipher());
    give(&mut layer, &mut out, 4, 1, OPTION);
    assert!(matches!(layer.failure(), Some(Cause::MppeMissing(_))));
}

#[test]
fn copies_of_the_accepted_request_are_answered_twice_and_then_believed() {
    let (mut layer, mut out) = started(cipher());
    give(&mut layer, &mut out, 2, 1, OPTION);
    for copy in 0..3 {
        give_at(&mut layer, &mut out, copy * 3000, (1, 5, OPTION));
        assert!(layer.is_open());
    }
    assert!(give_at(&mut layer, &mut out, 9000, (1, 5, OPTION)).down);
    assert_eq!(layer.state(), State::AckSent);
}

#[test]
fn copies_that_come_together_are_answered_once() {
    let (mut layer, mut out) = started(cipher());
    next(&mut out);
    // They had queued: before it is open, and after.
    assert!(!give_at(&mut layer, &mut out, 0, (1, 5, OPTION)).stale);
    assert_eq!(next(&mut out), Some((2, 5, OPTION.to_vec())));
    assert!(give_at(&mut layer, &mut out, 1, (1, 5, OPTION)).stale);
    assert!(give_at(&mut layer, &mut out, 2, (2, 1, OPTION)).up);
    assert!(give_at(&mut layer, &mut out, 499, (1, 5, OPTION)).stale);
    assert_eq!((next(&mut out), layer.state()), (None, State::Opened));
    // Our Ack may have been lost; and another request is another one.
    give_at(&mut layer, &mut out, 500, (1, 5, OPTION));
    assert_eq!(next(&mut out), Some((2, 5, OPTION.to_vec())));
    assert!(give_at(&mut layer, &mut out, 501, (1, 6, OPTION)).down);
}

#[test]
fn negotiations_are_counted() {
    let (mut layer, mut out) = started(cipher());
    for _ in 0..Limits::default().openings_max {
        assert_eq!(layer.failure(), None);
        let id = layer.id;
        give(&mut layer, &mut out, 2, id, OPTION);
        give(&mut layer, &mut out, 1, 5, OPTION);
        assert!(layer.is_open());
        give(&mut layer, &mut out, 6, 0, &[]);
        assert_eq!(layer.state(), State::ReqSent);
        while next(&mut out).is_some() {}
    }
    assert_eq!(layer.failure(), Some(Cause::Restless(Protocol::CCP)));
}
