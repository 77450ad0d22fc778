//! Tests of the access log: what a client can put into a line, and what a stuck reader costs.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use menshen_base::{Phase, Who};

use super::*;
use crate::fixture::Fixture;

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    escape(bytes, &mut out);
    out
}

fn line(request: &[u8]) -> Line<'_> {
    Line {
        client: [192, 0, 2, 1].into(),
        protocol: "h1",
        request,
        status: 200,
        bytes_in: 1,
        bytes_out: 2,
        times: Times { handshake: 3, head: 4, body: -1, store: -1, send: 5 },
        php: PhpNote::default(),
        end: EndReason::new(Who::Limit, Phase::Send),
    }
}

#[test]
fn values_of_clients_cannot_leave_their_quotes() {
    let rows: &[(&[u8], &str)] = &[
        (b"GET /plain?x=1", "GET /plain?x=1"),
        ("GET /文件/é".as_bytes(), "GET /文件/é"),
        (b"a\"b", "a\\x22b"),
        (b"a\\x22b", "a\\x5cx22b"),
        (b"a\r\nb\0c\x1b[31m\x7f\t", "a\\x0d\\x0ab\\x00c\\x1b[31m\\x7f\\x09"),
        (b"\xff\xfea\xc3", "\\xff\\xfea\\xc3"),
        (b"\xc3\x28\xe2\x82", "\\xc3(\\xe2\\x82"),
        // C1 controls, direction overrides, line and paragraph separators.
        ("\u{9b}x".as_bytes(), "\\xc2\\x9bx"),
        ("\u{85}".as_bytes(), "\\xc2\\x85"),
        ("\u{202e}gpj".as_bytes(), "\\xe2\\x80\\xaegpj"),
        ("\u{2067}\u{200f}\u{61c}".as_bytes(), "\\xe2\\x81\\xa7\\xe2\\x80\\x8f\\xd8\\x9c"),
        ("\u{2028}\u{2029}".as_bytes(), "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"),
        (b"", ""),
    ];
    for (bytes, expected) in rows {
        assert_eq!(escaped(bytes), *expected, "{bytes:?}");
    }
}

#[test]
fn long_values_are_cut_also_within_a_character() {
    assert_eq!(escaped(&[b'a'; REQUEST_BYTES]), "a".repeat(REQUEST_BYTES));
    assert_eq!(escaped(&[b'a'; REQUEST_BYTES + 1]), "a".repeat(REQUEST_BYTES) + "…");
    let text = "门".repeat(REQUEST_BYTES);
    let cut = escaped(text.as_bytes());
    assert!(cut.starts_with("门门") && cut.ends_with("\\xe9\\x97…"), "{cut}");
}

#[test]
fn a_line_reads_as_documented_and_goes_out_whole() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("log")).unwrap();
    let made = Fixture::new();
    let log = Log::new(Some(OwnedFd::from(file)), made.door.slot, "web/7".into());
    assert!(log.wanted());
    log.add(&line(b"GET /\"x"));
    log.add(&line(b"PUT /y"));
    assert_eq!(std::fs::metadata(dir.path().join("log")).unwrap().len(), 0, "gathered first");
    log.flush();
    let text = std::fs::read_to_string(dir.path().join("log")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (time, rest) = lines[0].split_once(' ').unwrap();
    assert_eq!(
        rest,
        "web/7 192.0.2.1 h1 \"GET /\\x22x\" 200 in=1 out=2 ms=3/4/-1/-1/5 end=limit/send"
    );
    assert_eq!((time.len(), time.ends_with('Z')), ("2026-11-22T12:00:00.000Z".len(), true));
    assert_eq!(lines.len(), 2);
    log.flush();
    assert_eq!(std::fs::read_to_string(dir.path().join("log")).unwrap(), text, "and only once");
}

#[test]
fn much_is_written_without_waiting_for_the_second() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("log")).unwrap();
    let made = Fixture::new();
    let log = Log::new(Some(OwnedFd::from(file)), made.door.slot, "web/0".into());
    for _ in 0..1000 {
        log.add(&line(b"GET /some/path"));
    }
    assert!(log.lines.borrow().len() < FLUSH_BYTES);
    assert!(std::fs::metadata(dir.path().join("log")).unwrap().len() > 0);
}

#[test]
fn pieces_are_whole_lines_and_nothing_is_lost() {
    let lines = b"first\nsecond line\n\nthird\n";
    for most in 1..40 {
        let all: Vec<&[u8]> = pieces(lines, most).collect();
        assert_eq!(all.concat(), lines, "{most}");
        assert!(all.iter().all(|piece| piece.len() <= most), "{most}");
        if most >= 12 {
            assert!(all.iter().all(|piece| piece.ends_with(b"\n")), "{most}");
        }
    }
}

#[test]
fn the_longest_line_goes_into_a_pipe_in_one_piece() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let made = Fixture::new();
    let log = Log::new(Some(OwnedFd::from(writer)), made.door.slot, "web/4294967295".into());
    let most = Times { handshake: i64::MIN, head: i64::MIN, ..Times::NONE };
    let client = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
    log.add(&Line { client, times: most, bytes_in: u64::MAX, ..line(&[0; 9999]) });
    assert!(log.lines.borrow().len() <= PIECE_BYTES, "{}", log.lines.borrow().len());
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_no_time() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let made = Fixture::new();
    let log = Log::new(Some(OwnedFd::from(writer)), made.door.slot, "web/0".into());
    assert_eq!(log.target, Target::Stream);
    let begun = Instant::now();
    let count = 20_000;
    for _ in 0..count {
        log.add(&line(b"GET /some/path"));
    }
    log.flush();
    assert!(begun.elapsed() < Duration::from_secs(10));
    let lost = made.door.slot.get(Counter::LogDropped);
    drop(log);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let written = text.lines().count() as u64;
    assert!(lost > 0 && written > 0, "{lost} lost, {written} written");
    assert_eq!(lost + written, count);
    assert!(text.lines().all(|line| line.ends_with("end=limit/send")));
}

#[test]
fn a_reader_that_is_gone_costs_lines_only() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let made = Fixture::new();
    let log = Log::new(Some(OwnedFd::from(writer)), made.door.slot, "web/0".into());
    log.add(&line(b"GET /"));
    log.flush();
    assert_eq!(made.door.slot.get(Counter::LogDropped), 1);
}

#[test]
fn no_log_gathers_nothing() {
    let made = Fixture::new();
    let log = Log::new(None, made.door.slot, "web/0".into());
    log.add(&line(b"GET /"));
    assert!(!log.wanted() && log.lines.borrow().is_empty());
}
