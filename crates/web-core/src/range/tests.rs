//! Tests of `range`.

use alloc::format;
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn one(start: u64, end: u64) -> Ranges {
    Ranges::One(ByteRange { start, end })
}

fn many(list: &[(u64, u64)]) -> Ranges {
    Ranges::Many(list.iter().map(|&(start, end)| ByteRange { start, end }).collect())
}

#[test]
fn single_ranges() {
    let rows: &[(&str, u64, Ranges)] = &[
        ("bytes=0-0", 10, one(0, 1)),
        ("bytes=0-9", 10, one(0, 10)),
        ("bytes=0-10", 10, one(0, 10)),
        ("bytes=3-", 10, one(3, 10)),
        ("bytes=9-", 10, one(9, 10)),
        ("bytes=-3", 10, one(7, 10)),
        ("bytes=-10", 10, one(0, 10)),
        ("bytes=-11", 10, one(0, 10)),
        ("Bytes=1-2", 10, one(1, 3)),
        ("BYTES=1-2", 10, one(1, 3)),
        ("  bytes= 1-2\t", 10, one(1, 3)),
        ("bytes=,, 1-2 ,", 10, one(1, 3)),
        ("bytes=007-08", 10, one(7, 9)),
        ("bytes=10-", 10, Ranges::Unsatisfiable),
        ("bytes=10-11", 10, Ranges::Unsatisfiable),
        ("bytes=-0", 10, Ranges::Unsatisfiable),
        ("bytes=", 10, Ranges::Unsatisfiable),
        ("bytes= , ,", 10, Ranges::Unsatisfiable),
        ("bytes=20-,1-2,-0", 10, one(1, 3)),
    ];
    for (text, size, wanted) in rows {
        assert_eq!(&parse(text.as_bytes(), *size, 8), wanted, "{text} of {size}");
    }
}

#[test]
fn what_is_not_a_byte_range_asks_for_the_whole_file() {
    for text in [
        "",
        "bytes",
        "byte=0-1",
        "bytes 0-1",
        "bytes =0-1",
        "seconds=0-1",
        "bytes=5-3",
        "bytes=a-",
        "bytes=-",
        "bytes=--5",
        "bytes=1",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=1 - 2",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=9-,x",
        "bytes=1.5-2",
        "bytes=-1-",
        "bytes=\u{661}-2",
    ] {
        assert_eq!(parse(text.as_bytes(), 10, 8), Ranges::Whole, "{text}");
    }
}

#[test]
fn positions_above_64_bits_do_not_wrap() {
    let beyond = "99999999999999999999999999999999";
    let at = |text: &str, size| parse(text.replace('N', beyond).as_bytes(), size, 8);
    assert_eq!(at("bytes=0-N", 10), one(0, 10));
    assert_eq!(at("bytes=-N", 10), one(0, 10));
    assert_eq!(at("bytes=N-", 10), Ranges::Unsatisfiable);
    assert_eq!(at("bytes=N-N", 10), Ranges::Unsatisfiable);
    assert_eq!(at("bytes=N-5", 10), Ranges::Whole);
    assert_eq!(at("bytes=18446744073709551615-", u64::MAX), Ranges::Unsatisfiable);
    assert_eq!(at("bytes=18446744073709551616-", 10), Ranges::Unsatisfiable);
    assert_eq!(at("bytes=0-18446744073709551615", u64::MAX), one(0, u64::MAX));
    assert_eq!(at("bytes=0-0,-1", u64::MAX), many(&[(0, 1), (u64::MAX - 1, u64::MAX)]));
}

#[test]
fn an_empty_file_has_no_range() {
    assert_eq!(parse(b"bytes=0-", 0, 8), Ranges::Unsatisfiable);
    assert_eq!(parse(b"bytes=0-0", 0, 8), Ranges::Unsatisfiable);
    assert_eq!(parse(b"bytes=-0", 0, 8), Ranges::Unsatisfiable);
    assert_eq!(parse(b"bytes=-5", 0, 8), Ranges::Whole);
    assert_eq!(parse(b"bytes=0-,-5", 0, 8), Ranges::Whole);
}

#[test]
fn more_than_the_limit_is_the_whole_file() {
    assert_eq!(parse(b"bytes=0-0,200-200", 1000, 2), many(&[(0, 1), (200, 201)]));
    assert_eq!(parse(b"bytes=0-0,200-200,400-400", 1000, 2), Ranges::TooMany);
    assert_eq!(parse(b"bytes=0-0", 1000, 0), Ranges::TooMany);
    // Ranges outside the file cost work too, so they count.
    assert_eq!(parse(b"bytes=2000-,2001-,2002-", 1000, 2), Ranges::TooMany);
    let apache_killer = (0..1300).map(|at| format!("5-{at}")).collect::<Vec<_>>().join(",");
    let header = format!("bytes=0-,{apache_killer}");
    assert_eq!(parse(header.as_bytes(), 1000, 64), Ranges::Whole, "5-0 is malformed");
    let valid = (5..1300).map(|at| format!("5-{at}")).collect::<Vec<_>>().join(",");
    assert_eq!(parse(format!("bytes=0-,{valid}").as_bytes(), 1000, 64), Ranges::TooMany);
    assert_eq!(parse(format!("bytes=0-,{valid}").as_bytes(), 1000, 4096), one(0, 1000));
}

#[test]
fn close_ranges_become_one_and_the_order_asked_stays() {
    let rows: &[(&str, Ranges)] = &[
        ("bytes=0-9,10-19", one(0, 20)),
        ("bytes=10-19,0-9", one(0, 20)),
        ("bytes=0-9,5-14", one(0, 15)),
        ("bytes=0-99,10-19", one(0, 100)),
        ("bytes=0-9,89-99", one(0, 100)), // a gap of 79
        ("bytes=0-9,90-99", many(&[(0, 10), (90, 100)])), // a gap of 80
        ("bytes=500-509,0-9", many(&[(500, 510), (0, 10)])),
        ("bytes=500-509,0-9,505-599", many(&[(500, 600), (0, 10)])),
        ("bytes=505-599,0-9,500-509", many(&[(500, 600), (0, 10)])),
        ("bytes=0-9,500-509,5-29,-10", many(&[(0, 30), (500, 510), (990, 1000)])),
        ("bytes=-10,0-9,400-499,8-", one(0, 1000)),
    ];
    for (text, wanted) in rows {
        assert_eq!(&parse(text.as_bytes(), 1000, 8), wanted, "{text}");
    }
}

#[test]
fn the_multipart_frame_is_spelled_out() {
    let ranges = [ByteRange { start: 0, end: 2 }, ByteRange { start: 98, end: 100 }];
    let frame = MultipartRanges::new(&ranges, 100, b"text/plain", b"XyZ");
    let mut body = Vec::new();
    frame.part_head(0, &mut body);
    body.extend_from_slice(b"ab");
    frame.part_head(1, &mut body);
    body.extend_from_slice(b"yz");
    frame.closing(&mut body);
    let wanted = "--XyZ\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/100\r\n\r\nab\
        \r\n--XyZ\r\nContent-Type: text/plain\r\nContent-Range: bytes 98-99/100\r\n\r\nyz\
        \r\n--XyZ--\r\n";
    assert_eq!(core::str::from_utf8(&body).unwrap(), wanted);
    assert_eq!(frame.content_length(), body.len() as u64);
    let mut kind = Vec::new();
    frame.content_type(&mut kind);
    assert_eq!(kind, b"multipart/byteranges; boundary=XyZ");
    let mut refused = Vec::new();
    content_range_unsatisfied(u64::MAX, &mut refused);
    assert_eq!(refused, b"bytes */18446744073709551615");
}

/// The meaning of a range list without merging: which bytes were asked for.
fn asked(specs: &[(u64, u64)], size: u64, byte: u64) -> bool {
    specs.iter().any(|&(first, last)| first <= byte && byte <= last && byte < size)
}

proptest! {
    #[test]
    fn answers_cover_what_was_asked(
        size in 1_u64..600,
        specs in prop::collection::vec((0_u64..700, 0_u64..300), 1..12),
    ) {
        let specs: Vec<_> = specs.iter().map(|&(first, more)| (first, first + more)).collect();
        let list: Vec<_> = specs.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        let answer = match parse(format!("bytes={}", list.join(",")).as_bytes(), size, 12) {
            Ranges::One(range) => vec![range],
            Ranges::Many(ranges) => { prop_assert!(ranges.len() > 1); ranges }
            Ranges::Unsatisfiable => vec![],
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        for byte in 0..size {
            let times = answer.iter().filter(|r| r.start <= byte && byte < r.end).count();
            prop_assert!(times <= 1, "byte {byte} is sent twice");
            if asked(&specs, size, byte) {
                prop_assert_eq!(times, 1, "byte {} is missing", byte);
            }
        }
        for range in &answer {
            prop_assert!(range.start < range.end && range.end <= size);
            prop_assert!(asked(&specs, size, range.start) && asked(&specs, size, range.end - 1));
        }
    }

    #[test]
    fn any_bytes_are_answered(text in prop::collection::vec(any::<u8>(), 0..80), size: u64) {
        crate::fuzz::range(&[&size.to_le_bytes()[..], &text].concat());
        crate::fuzz::range(&[&size.to_le_bytes()[..], b"bytes=", &text].concat());
    }

    #[test]
    fn nearly_ranges_are_answered(text in "bytes=[-0-9, ]{0,60}", size: u64) {
        crate::fuzz::range(&[&size.to_le_bytes()[..], text.as_bytes()].concat());
    }
}
