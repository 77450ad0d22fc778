//! Tests of `conditional`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

struct Fields(Vec<(&'static str, String)>);

impl Headers for Fields {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.0 == name).map(|field| field.1.as_bytes())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.0.iter().filter(|field| field.0 == name).for_each(|field| f(field.1.as_bytes()));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|field| f(field.0.as_bytes(), field.1.as_bytes()));
    }
}

fn fields(list: &[(&'static str, &str)]) -> Fields {
    Fields(list.iter().map(|&(name, value)| (name, value.to_owned())).collect())
}

/// 6 November 1994, 08:49:37: the example of RFC 9110 §5.6.7.
const MTIME: i64 = 784_111_777;
const AT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn current(strength: Strength) -> Validators<'static> {
    Validators {
        etag: b"abc",
        etag_strength: strength,
        mtime_unix_s: MTIME,
        mtime_strength: strength,
    }
}

fn judge(list: &[(&'static str, &str)], purpose: Purpose) -> Outcome {
    evaluate(&fields(list), purpose, Some(&current(Strength::Strong)))
}

use Outcome::{NotModified, PreconditionFailed, Proceed};
use Purpose::{Read, Write};

#[test]
fn each_field_alone() {
    let rows: &[(&str, &str, Outcome, Outcome)] = &[
        // field, value, read, write
        ("if-match", "\"abc\"", Proceed, Proceed),
        ("if-match", "\"x\", \"abc\"", Proceed, Proceed),
        ("if-match", "\"x\",\"abc\" ,", Proceed, Proceed),
        ("if-match", "*", Proceed, Proceed),
        ("if-match", "\"abcd\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "W/\"abc\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "abc", PreconditionFailed, PreconditionFailed),
        ("if-match", "", PreconditionFailed, PreconditionFailed),
        ("if-match", "\"a,bc\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "*, \"x\"", PreconditionFailed, PreconditionFailed),
        ("if-match", "\"x\" \"abc\"", PreconditionFailed, PreconditionFailed),
        ("if-unmodified-since", AT, Proceed, Proceed),
        ("if-unmodified-since", AFTER, Proceed, Proceed),
        ("if-unmodified-since", BEFORE, PreconditionFailed, PreconditionFailed),
        ("if-unmodified-since", "yesterday", Proceed, Proceed),
        ("if-none-match", "\"abc\"", NotModified, PreconditionFailed),
        ("if-none-match", "W/\"abc\"", NotModified, PreconditionFailed),
        ("if-none-match", "\"x\", W/\"abc\"", NotModified, PreconditionFailed),
        ("if-none-match", "*", NotModified, PreconditionFailed),
        ("if-none-match", "\"x\"", Proceed, Proceed),
        ("if-none-match", "w/\"abc\"", Proceed, PreconditionFailed), // `W` is case-sensitive
        ("if-none-match", "abc", Proceed, PreconditionFailed),
        ("if-none-match", "\"abc", Proceed, PreconditionFailed),
        ("if-none-match", "", Proceed, PreconditionFailed),
        ("if-modified-since", AT, NotModified, Proceed),
        ("if-modified-since", AFTER, NotModified, Proceed),
        ("if-modified-since", BEFORE, Proceed, Proceed),
        ("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", NotModified, Proceed),
        ("if-modified-since", "Sun Nov  6 08:49:37 1994", NotModified, Proceed),
        ("if-modified-since", "784111777", Proceed, Proceed),
    ];
    for (name, value, read, write) in rows {
        assert_eq!(judge(&[(name, value)], Read), *read, "{name}: {value} reading");
        assert_eq!(judge(&[(name, value)], Write), *write, "{name}: {value} writing");
    }
    assert_eq!(judge(&[], Read), Proceed);
    assert_eq!(judge(&[], Write), Proceed);
}

#[test]
fn the_order_is_that_of_section_13_2_2() {
    let (hit, miss) = ("\"abc\"", "\"x\"");
    // If-Match replaces If-Unmodified-Since.
    assert_eq!(judge(&[("if-match", hit), ("if-unmodified-since", BEFORE)], Write), Proceed);
    assert_eq!(
        judge(&[("if-match", miss), ("if-unmodified-since", AFTER)], Write),
        PreconditionFailed
    );
    // 412 comes before 304.
    assert_eq!(judge(&[("if-match", miss), ("if-none-match", hit)], Read), PreconditionFailed);
    assert_eq!(
        judge(&[("if-unmodified-since", BEFORE), ("if-none-match", hit)], Read),
        PreconditionFailed
    );
    assert_eq!(judge(&[("if-match", hit), ("if-none-match", hit)], Read), NotModified);
    assert_eq!(judge(&[("if-match", hit), ("if-none-match", hit)], Write), PreconditionFailed);
    // If-None-Match replaces If-Modified-Since, also when it is not met.
    assert_eq!(judge(&[("if-none-match", miss), ("if-modified-since", AFTER)], Read), Proceed);
    assert_eq!(judge(&[("if-none-match", hit), ("if-modified-since", BEFORE)], Read), NotModified);
    assert_eq!(judge(&[("if-match", hit), ("if-modified-since", AT)], Read), NotModified);
}

#[test]
fn without_a_representation() {
    let judge = |list: &[(&'static str, &str)]| evaluate(&fields(list), Write, None);
    assert_eq!(judge(&[("if-match", "*")]), PreconditionFailed);
    assert_eq!(judge(&[("if-match", "\"abc\"")]), PreconditionFailed);
    assert_eq!(judge(&[("if-none-match", "*")]), Proceed);
    assert_eq!(judge(&[("if-none-match", "\"abc\"")]), Proceed);
    assert_eq!(judge(&[("if-none-match", "*, *")]), PreconditionFailed);
    assert_eq!(judge(&[("if-unmodified-since", BEFORE)]), Proceed);
}

#[test]
fn several_lines_are_one_list_but_never_one_date() {
    let split = [("if-match", "\"x\""), ("if-match", "\"abc\"")];
    assert_eq!(judge(&split, Write), Proceed);
    let star = [("if-none-match", "*"), ("if-none-match", "\"x\"")];
    assert_eq!(judge(&star, Write), PreconditionFailed);
    assert_eq!(judge(&star, Read), Proceed);
    let dates = [("if-modified-since", AT), ("if-modified-since", AT)];
    assert_eq!(judge(&dates, Read), Proceed);
    let dates = [("if-unmodified-since", BEFORE), ("if-unmodified-since", BEFORE)];
    assert_eq!(judge(&dates, Write), Proceed);
}

#[test]
fn a_weak_current_tag_guards_nothing_but_still_saves_a_download() {
    let judge = |name, value, purpose| {
        evaluate(&fields(&[(name, value)]), purpose, Some(&current(Strength::Weak)))
    };
    assert_eq!(judge("if-match", "\"abc\"", Write), PreconditionFailed);
    assert_eq!(judge("if-match", "W/\"abc\"", Write), PreconditionFailed);
    assert_eq!(judge("if-match", "*", Write), Proceed);
    assert_eq!(judge("if-none-match", "\"abc\"", Read), NotModified);
    assert_eq!(judge("if-none-match", "W/\"abc\"", Read), NotModified);
}

#[test]
fn if_range_wants_a_strong_validator_that_is_still_current() {
    let rows = [
        ("\"abc\"", true, false),
        (" \"abc\" ", true, false),
        ("\"x\"", false, false),
        ("W/\"abc\"", false, false),
        ("\"abc\", \"abc\"", false, false),
        ("*", false, false),
        ("", false, false),
        (AT, true, false),
        (AFTER, false, false),
        (BEFORE, false, false),
    ];
    for (value, strong, weak) in rows {
        let headers = fields(&[("if-range", value)]);
        assert_eq!(range_applies(&headers, &current(Strength::Strong)), strong, "{value}");
        assert_eq!(range_applies(&headers, &current(Strength::Weak)), weak, "{value} weak");
    }
    assert!(range_applies(&fields(&[]), &current(Strength::Weak)));
    let twice = fields(&[("if-range", "\"abc\""), ("if-range", "\"abc\"")]);
    assert!(!range_applies(&twice, &current(Strength::Strong)));
}

#[test]
fn entity_tags_are_read_exactly() {
    let tag = |text: &'static str| ETag::parse(text.as_bytes()).map(|tag| tag.opaque);
    assert_eq!(tag("\"\""), Some(b"".as_slice()));
    assert_eq!(tag("\t\"a\\b\" "), Some(b"a\\b".as_slice())); // a backslash is no escape
    assert_eq!(tag("W/\"\u{e9}\""), Some("\u{e9}".as_bytes()));
    for text in [
        "",
        "a",
        "\"",
        "\"a",
        "a\"",
        "W/a",
        "W\"a\"",
        "w/\"a\"",
        "\"a\"b",
        "\"a b\"",
        "\"a\u{7f}\"",
        "\"a\nb\"",
        "W/ \"a\"",
        "*",
    ] {
        assert_eq!(tag(text), None, "{text:?}");
    }
}

#[test]
fn file_tags_are_short_and_differ_by_every_part() {
    let tag = file_etag(0x1f, 0, 0xabc);
    assert_eq!(tag.header_value(Strength::Strong), b"\"1f-0-abc\"");
    assert_eq!(tag.header_value(Strength::Weak), b"W/\"1f-0-abc\"");
    assert_eq!(tag.opaque(), b"1f-0-abc");
    let longest = file_etag(u64::MAX, u64::MAX, -1);
    assert_eq!(longest.header_value(Strength::Weak).len(), ETAG_BYTES_MAX);
    assert_eq!(longest.opaque(), b"ffffffffffffffff-ffffffffffffffff-ffffffffffffffff");
    assert_ne!(file_etag(1, 2, 3), file_etag(1, 2, 4));
    assert_ne!(file_etag(0x12, 3, 4), file_etag(1, 0x23, 4));
}

#[test]
fn a_young_time_stamp_is_weak() {
    assert_eq!(Strength::of_time(1_000, 1_009, 10), Strength::Weak);
    assert_eq!(Strength::of_time(1_000, 1_010, 10), Strength::Strong);
    assert_eq!(Strength::of_time(2_000, 1_000, 10), Strength::Weak); // from the future
    assert_eq!(Strength::of_time(i64::MIN, i64::MAX, 10), Strength::Strong);
    assert_eq!(Strength::of_time(i64::MAX, i64::MIN, 10), Strength::Weak);
}

proptest! {
    #[test]
    fn file_tags_read_back(inode: u64, size: u64, mtime: i64) {
        let text = file_etag(inode, size, mtime);
        let tag = ETag::parse(text.header_value(Strength::Strong)).unwrap();
        prop_assert_eq!(tag, ETag { strength: Strength::Strong, opaque: text.opaque() });
        let parts: Vec<_> = core::str::from_utf8(text.opaque()).unwrap().split('-').collect();
        let number = |at: usize| u64::from_str_radix(parts[at], 16).unwrap();
        prop_assert_eq!((number(0), number(1), number(2)), (inode, size, mtime.cast_unsigned()));
    }

    #[test]
    fn any_bytes_are_judged(lines in prop::collection::vec((0_u8..5, ".{0,40}"), 0..6)) {
        let text: Vec<_> = lines.iter().map(|(name, value)| format!("{name}{value}")).collect();
        crate::fuzz::conditional(text.join("\n").as_bytes());
    }

    #[test]
    fn nearly_tags_are_judged(lines in prop::collection::vec("[0-4][W/\"a*, ]{0,12}", 0..4)) {
        crate::fuzz::conditional(lines.join("\n").as_bytes());
    }
}
