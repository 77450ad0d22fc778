//! Heads as they go onto the wire.

use alloc::string::{String, ToString};

use super::*;

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_head_is_written_in_order() {
    let head = text(|out| {
        ResponseHead::begin(out, 206)
            .push("content-type", b"text/plain")
            .push_number("content-length", 1024)
            .push_date("last-modified", 784_111_777)
            .push_lines(b"etag: \"x\"\r\n")
            .finish();
    });
    assert_eq!(
        head,
        "HTTP/1.1 206 Partial Content\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\
         last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\netag: \"x\"\r\n\r\n"
    );
}

#[test]
fn interim_heads_are_whole_messages() {
    assert_eq!(text(|out| ResponseHead::begin(out, 100).finish()).as_bytes(), CONTINUE);
    let interim =
        text(|out| ResponseHead::begin(out, 104).push_number("upload-offset", 7).finish());
    assert_eq!(interim, "HTTP/1.1 104 Upload Resumption Supported\r\nupload-offset: 7\r\n\r\n");
}

#[test]
fn a_value_cannot_end_its_line() {
    let head = text(|out| ResponseHead::begin(out, 200).push("x", b"a\r\nb: c\0\n").finish());
    assert_eq!(head, "HTTP/1.1 200 OK\r\nx: a  b: c  \r\n\r\n");
}

#[test]
fn statuses_outside_the_range_are_ours_to_blame() {
    for status in [0, 99, 600, u16::MAX] {
        assert!(text(|out| ResponseHead::begin(out, status).finish()).starts_with("HTTP/1.1 500 "));
    }
    assert_eq!(reason_phrase(599), "Unknown");
}

#[test]
fn decimals_are_those_of_the_standard_library() {
    let powers = (0..20).map(|power| 10_u64.pow(power));
    for number in powers.flat_map(|n| [n - 1, n, n + 1]).chain([u64::MAX, u64::MAX - 1]) {
        assert_eq!(text(|out| push_decimal(out, number)), number.to_string());
    }
}

#[test]
fn every_refusal_of_this_crate_has_a_reason_phrase() {
    use crate::{body::BodyError, head::HeadError, target::PathError};
    let heads = HeadError::ALL.iter().map(|error| error.status());
    let paths = [PathError::TooLong, PathError::Reserved, PathError::Escape].map(PathError::status);
    let bodies = [BodyError::Size, BodyError::TrailersTooLarge].map(BodyError::status);
    for status in heads.chain(paths).chain(bodies) {
        assert_ne!(reason_phrase(status), "Unknown", "{status}");
    }
}
