//! Tests of `failures`; real handshakes that fail are in the tests of the program.

use std::io;

use menshen_config::failure::{FailureEnd, PLACES, REGION_BYTES};
use menshen_net::tape::Tape;

use super::{Failed, Failures, KEPT_PER_SECOND_MAX, clear_alert, read};

fn failed<'a>(error: &'a io::Error, tape: &'a Tape) -> Failed<'a> {
    Failed {
        client: ([192, 0, 2, 1], 40_000).into(),
        local: ([192, 0, 2, 80], 443).into(),
        tls: None,
        error,
        limit: false,
        tape,
    }
}

fn writer(file: &std::fs::File, slot: u32) -> Failures {
    Failures::new(file.try_clone().unwrap().into(), slot)
}

#[test]
fn the_end_says_who_did_it() {
    let tape = Tape::begin();
    let tls = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let alert = rustls::AlertDescription::UnknownCA;
    let rows = [
        (io::ErrorKind::UnexpectedEof.into(), FailureEnd::Closed, None),
        (io::ErrorKind::ConnectionReset.into(), FailureEnd::Reset, None),
        (io::ErrorKind::BrokenPipe.into(), FailureEnd::Reset, None),
        (tls(rustls::Error::AlertReceived(alert)), FailureEnd::Tls, Some(48)),
        (tls(rustls::Error::NoApplicationProtocol), FailureEnd::Tls, None),
    ];
    for (error, ended, alert) in rows {
        let record = failed(&error, &tape).record();
        assert_eq!((record.ended, record.alert_received), (ended, alert), "{error}");
        assert!(!record.error.is_empty());
        let late = Failed { limit: true, ..failed(&error, &tape) }.record();
        assert_eq!(late.ended, FailureEnd::Limit);
    }
}

#[test]
fn alerts_in_clear_text_are_found() {
    let handshake = [22, 3, 3, 0, 2, 9, 9];
    let alert = [21, 3, 3, 0, 2, 2, 70];
    assert_eq!(clear_alert(&alert), Some(70));
    assert_eq!(clear_alert(&[&handshake[..], &alert].concat()), Some(70));
    let encrypted = [21, 3, 3, 0, 3, 2, 70, 0];
    for bytes in [&handshake[..], &encrypted, &alert[..6], &[21, 3, 3, 255, 255, 2, 70], &[]] {
        assert_eq!(clear_alert(bytes), None, "{bytes:?}");
    }
}

#[test]
fn probes_without_a_byte_are_not_kept() {
    let file = tempfile::tempfile().unwrap();
    let error = io::ErrorKind::UnexpectedEof.into();
    assert!(!writer(&file, 0).keep(&failed(&error, &Tape::begin())));
    assert!(read(&file).unwrap().is_empty());
}

#[test]
fn a_ring_per_slot_goes_on_where_it_was_left() {
    let file = tempfile::tempfile().unwrap();
    let error: io::Error = io::ErrorKind::UnexpectedEof.into();
    let tape = Tape::of_peer(b"hello");
    for slot in [0, 2] {
        // More than fit into the ring, by several lives of a worker.
        for _ in 0..PLACES {
            for _ in 0..2 {
                let writer = writer(&file, slot);
                assert!(writer.keep(&failed(&error, &tape)));
                assert!(writer.keep(&failed(&error, &tape)));
            }
            let all = read(&file).unwrap();
            assert!(all.windows(2).all(|pair| pair[0].unix_ms >= pair[1].unix_ms));
        }
    }
    assert_eq!(read(&file).unwrap().len(), 2 * PLACES);
    assert!(file.metadata().unwrap().len() <= 3 * REGION_BYTES);
    let record = &read(&file).unwrap()[0];
    assert_eq!(record.pieces[0].bytes, b"hello");
    assert_eq!(record.local.port(), 443);
}

#[test]
fn a_flood_is_only_counted() {
    let file = tempfile::tempfile().unwrap();
    let writer = writer(&file, 0);
    let error: io::Error = io::ErrorKind::UnexpectedEof.into();
    let tape = Tape::of_peer(b"hello");
    let kept = |second| {
        (0..100).filter(|_| writer.may_write(second)).count() == KEPT_PER_SECOND_MAX as usize
    };
    assert!(kept(1) && kept(2));
    let kept = (0..100).filter(|_| writer.keep(&failed(&error, &tape))).count();
    // The clock may have gone on to another second in between.
    assert!((10..=20).contains(&kept), "{kept}");
}
