//! Any bytes, any set of headers: no panic, and the invariants of the targets hold.

use alloc::string::String;
use alloc::vec;

use proptest::prelude::*;

use super::*;

/// Names that mean something, so that most cases get past the first question.
const NAMES: &[&str] = &[
    "upload-complete",
    "upload-incomplete",
    "upload-draft-interop-version",
    "upload-offset",
    "upload-length",
    "upload-defer-length",
    "upload-metadata",
    "upload-checksum",
    "upload-concat",
    "tus-resumable",
    "x-http-method-override",
    "content-type",
    "content-disposition",
    "content-digest",
    "repr-digest",
    "want-repr-digest",
    "x-session-id",
    "session-id",
    "x-content-range",
    "content-range",
];

const VALUES: &[&str] = &[
    "?0",
    "?1",
    "0",
    "1",
    "3",
    "6",
    "8",
    "100",
    "999999999999999",
    "1000000000000000",
    "18446744073709551615",
    "-1",
    "1.0.0",
    "partial",
    "final;/a /b",
    "PATCH",
    "DELETE",
    "application/partial-upload",
    "application/offset+octet-stream",
    "filename dGVzdA==",
    "sha1 Lve95gjOVATpfV8EL5X4nxwjKHE=",
    "bytes 0-99/100",
    "bytes 5-5/6",
    "abc",
    "inline; filename=\"a b.txt\"",
];

fn line() -> impl Strategy<Value = String> {
    let name = proptest::sample::select(NAMES);
    let known = proptest::sample::select(VALUES).prop_map(String::from);
    let value = prop_oneof![6 => known, 1 => "[ -~]{0,40}"];
    (name, value).prop_map(|(name, value)| alloc::format!("{name}: {value}\n"))
}

proptest! {
    #[test]
    fn any_set_of_fields_is_understood_or_refused(
        start in any::<[u8; 3]>(),
        lines in proptest::collection::vec(line(), 0..9),
    ) {
        let mut data = start.to_vec();
        data.extend_from_slice(lines.concat().as_bytes());
        head(&data);
    }

    #[test]
    fn any_bytes_hold_the_invariants(data in proptest::collection::vec(any::<u8>(), 0..900)) {
        for (_, target) in TARGETS {
            target(&data);
        }
    }

    #[test]
    fn any_text_is_metadata_or_not(text in "([a-c]{1,2} ?[A-D]{0,4}=?=?,? ?){0,6}") {
        metadata(text.as_bytes());
    }
}

/// The invariants are no empty words: each shape of head reaches one of them.
#[test]
fn the_targets_reach_all_kinds_of_verdicts() {
    let cases = vec![
        (Method::Post, "upload-complete: ?1\n", true),
        (Method::Post, "x-session-id: a\nx-content-range: bytes 0-3/4\n", true),
        (Method::Get, "tus-resumable: 1.0.0\n", false),
    ];
    for (method, lines, some) in cases {
        let verdict = read(method, &Lines::new(lines.as_bytes()), Some(4), Place::Creation);
        assert_eq!(verdict.unwrap().is_some(), some, "{lines}");
    }
}
