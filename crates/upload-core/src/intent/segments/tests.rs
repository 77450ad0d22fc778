//! Segments as `upload-protocol.md` of nginx-upload-module has them.

use alloc::format;
use alloc::string::String;

use super::super::tests::{ask, intent, refusal};
use super::*;

const ELSEWHERE: Place = Place::Elsewhere;

fn lines(session: &str, range: &str) -> String {
    format!("X-Session-ID: {session}\nX-Content-Range: {range}")
}

fn segment(length: Option<u64>, lines: &str) -> Segment {
    match intent(Method::Post, ELSEWHERE, length, lines) {
        Intent::Segment(segment) => segment,
        other => unreachable!("{other:?}"),
    }
}

/// Appendix A, examples 1 and 3.
#[test]
fn the_examples_of_the_text() {
    let more = "Content-Type: application/octet-stream\n\
        Content-Disposition: attachment; filename=\"big.TXT\"\nSession-ID: 1111215056";
    let first = segment(Some(51201), &format!("{more}\nX-Content-Range: bytes 0-51200/511920"));
    assert_eq!(first.session, b"1111215056");
    assert_eq!((first.span, first.total), (Span { start: 0, end: 51201 }, 511_920));
    assert_eq!(first.file_name.as_deref(), Some(b"big.TXT".as_slice()));
    let last =
        segment(Some(51111), &format!("{more}\nX-Content-Range: bytes 460809-511919/511920"));
    assert_eq!(last.span, Span { start: 460_809, end: 511_920 });
}

/// §2.2: both fields with and without `X-`; one of each.
#[test]
fn either_name_of_a_field() {
    for (session, range) in [
        ("X-Session-ID", "X-Content-Range"),
        ("X-Session-ID", "Content-Range"),
        ("Session-ID", "X-Content-Range"),
        ("Session-ID", "Content-Range"),
    ] {
        let lines = format!("{session}: s-1_2.3\n{range}: bytes 0-3/4");
        assert_eq!(segment(Some(4), &lines).session, b"s-1_2.3");
    }
    let both = format!("{}\nSession-ID: other", lines("a", "bytes 0-3/4"));
    let refused = refusal(Method::Post, ELSEWHERE, Some(4), &both);
    assert_eq!(refused, Refusal::Malformed("x-session-id"));
    let both = format!("{}\nContent-Range: bytes 0-3/4", lines("a", "bytes 0-3/4"));
    let refused = refusal(Method::Post, ELSEWHERE, Some(4), &both);
    assert_eq!(refused, Refusal::Malformed("x-content-range"));
}

#[test]
fn ranges_are_inside_the_whole() {
    assert_eq!(segment(Some(1), &lines("a", "bytes 3-3/4")).span, Span { start: 3, end: 4 });
    assert_eq!(segment(Some(4), &lines("a", "BYTES 0-3/4")).total, 4);
    for range in [
        "bytes 0-4/4",
        "bytes 3-2/4",
        "bytes 0-3/*",
        "bytes */4",
        "bytes 0-3",
        "bytes -3/4",
        "bytes 0-/4",
        "bytes 0-3/0",
        "bytes 0-3/4/5",
        "bytes 0-3-4/5",
        "bytes=0-3/4",
        "octets 0-3/4",
        "bytes  0-3/4",
        "bytes 0-999999999999999/1000000000000000",
        "bytes 18446744073709551616-18446744073709551617/18446744073709551618",
        "",
    ] {
        let refused = refusal(Method::Post, ELSEWHERE, Some(4), &lines("a", range));
        assert_eq!(refused, Refusal::Malformed("x-content-range"), "{range}");
    }
}

#[test]
fn the_content_is_as_long_as_the_range() {
    let lines = lines("a", "bytes 0-3/4");
    for length in [0, 3, 5] {
        assert_eq!(refusal(Method::Post, ELSEWHERE, Some(length), &lines), Refusal::Length);
    }
    assert_eq!(segment(None, &lines).span.bytes(), 4, "chunked: the reader counts");
}

#[test]
fn sessions_are_plain_and_bounded() {
    let long = "a".repeat(SESSION_BYTES_MAX);
    assert_eq!(segment(Some(4), &lines(&long, "bytes 0-3/4")).session.len(), SESSION_BYTES_MAX);
    let longer = format!("{long}a");
    for session in [longer.as_str(), "", "a b", "a/b", "a\\b", "ä", "a%00", "a;b"] {
        let refused = refusal(Method::Post, ELSEWHERE, Some(4), &lines(session, "bytes 0-3/4"));
        assert_eq!(refused, Refusal::Malformed("x-session-id"), "{session}");
    }
}

/// §2.2: POST, and never a form.
#[test]
fn only_raw_posts() {
    let lines = lines("a", "bytes 0-3/4");
    assert_eq!(ask(Method::Put, ELSEWHERE, Some(4), &lines), Ok(None));
    let refused = refusal(Method::Put, Place::Creation, Some(4), &lines);
    assert_eq!(refused, Refusal::Method(Place::Creation));
    let refused = refusal(Method::Post, Place::Upload, Some(4), &lines);
    assert_eq!(refused, Refusal::Method(Place::Upload));
    let form = format!("{lines}\nContent-Type: multipart/form-data; boundary=a");
    assert_eq!(refusal(Method::Post, ELSEWHERE, Some(4), &form), Refusal::MediaType);
}

#[test]
fn half_a_segment_is_refused_where_only_uploads_are() {
    let place = Place::Creation;
    let refused = refusal(Method::Post, place, Some(4), "X-Session-ID: a");
    assert_eq!(refused, Refusal::Missing("x-content-range"));
    let refused = refusal(Method::Post, place, Some(4), "X-Content-Range: bytes 0-3/4");
    assert_eq!(refused, Refusal::Missing("x-session-id"));
    assert_eq!(ask(Method::Post, ELSEWHERE, Some(4), "X-Session-ID: a"), Ok(None));
}
