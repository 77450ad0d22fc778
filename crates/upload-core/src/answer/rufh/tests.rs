//! What RUFH asks of answers. Sections are those of draft -11; older drafts are named.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::tests::{field, lines};
use super::*;
use crate::dialect::{Dialect, Interop};
use crate::limits::Limits;

const VERSIONS: [Interop; 8] = [
    Interop::V3,
    Interop::V4,
    Interop::V5,
    Interop::V6,
    Interop::V7,
    Interop::V8,
    Interop::V9,
    Interop::Unnamed,
];

fn facts() -> Facts<'static> {
    Facts {
        url: "/u/b530ce8ff",
        offset: 25,
        length: Some(100),
        expires: Some(1600),
        now: 1000,
        limits: Limits { size_max: Some(1000), ..Limits::default() },
        ..Facts::default()
    }
}

/// §4.2.2: 201 with the address and limits; and, for clients that exist, the offset.
#[test]
fn a_creation_that_is_not_complete() {
    let answer = |interop| lines(&Dialect::Rufh(interop).created(&facts()));
    assert_eq!(
        answer(Interop::V8),
        "201|location: /u/b530ce8ff|upload-complete: ?0|upload-offset: 25|\
         upload-limit: max-size=1000, max-age=600"
    );
    // Draft -01: the opposite field. No limits before -04, another key before -06.
    assert_eq!(
        answer(Interop::V3),
        "201|location: /u/b530ce8ff|upload-incomplete: ?1|upload-offset: 25"
    );
    for interop in [Interop::V4, Interop::V5] {
        assert_eq!(
            answer(interop),
            "201|location: /u/b530ce8ff|upload-complete: ?0|upload-offset: 25"
        );
    }
    assert!(answer(Interop::V6).ends_with("upload-limit: max-size=1000, expires=600"));
    assert!(answer(Interop::V7).ends_with("upload-limit: max-size=1000, max-age=600"));
}

/// §4.4.2: 2xx with `Upload-Complete: ?0`; until draft -05 it is 201.
#[test]
fn an_append_that_does_not_complete() {
    let answers: Vec<String> =
        VERSIONS.map(|interop| lines(&Dialect::Rufh(interop).appended(&facts()))).to_vec();
    assert_eq!(answers[0], "201|upload-incomplete: ?1|upload-offset: 25");
    for old in &answers[1..4] {
        assert_eq!(old, "201|upload-complete: ?0|upload-offset: 25");
    }
    for new in &answers[4..] {
        assert_eq!(new, "204|upload-complete: ?0|upload-offset: 25");
    }
}

/// §4.4.2: the final answer is the application's, with `Upload-Complete: ?1`.
#[test]
fn the_answer_to_the_last_append() {
    let whole = Facts { offset: 100, complete: true, ..facts() };
    let finished = |interop| Dialect::Rufh(interop).finished(&whole);
    let value = |text: &str| text.as_bytes().to_vec();
    for interop in VERSIONS {
        let expected = if interop == Interop::V3 {
            ("upload-incomplete", value("?0"))
        } else {
            ("upload-complete", value("?1"))
        };
        assert_eq!(finished(interop), [expected, ("upload-offset", value("100"))]);
    }
}

/// §4.3.2: offset, completeness, length and limits; not to be stored. 204 is what drafts -01 and
/// -02 ask for and the others allow.
#[test]
fn a_look() {
    let answer = |interop, facts: &Facts<'_>| lines(&Dialect::Rufh(interop).looked(facts));
    assert_eq!(
        answer(Interop::V8, &facts()),
        "204|upload-complete: ?0|upload-offset: 25|upload-length: 100|\
         upload-limit: max-size=1000, max-age=600|cache-control: no-store"
    );
    let open = Facts { length: None, expires: None, limits: Limits::default(), ..facts() };
    assert_eq!(
        answer(Interop::V8, &open),
        "204|upload-complete: ?0|upload-offset: 25|upload-limit: min-size=0|cache-control: no-store"
    );
    let whole = Facts { offset: 100, complete: true, ..facts() };
    assert!(answer(Interop::V8, &whole).starts_with("204|upload-complete: ?1|upload-offset: 100|"));
    assert!(answer(Interop::V3, &whole).starts_with("204|upload-incomplete: ?0|"));
    for interop in VERSIONS {
        assert!(answer(interop, &facts()).ends_with("|cache-control: no-store"));
    }
    let late = Facts { expires: Some(999), ..facts() };
    assert!(answer(Interop::V8, &late).contains("max-age=0"), "an age is never negative");
}

/// §4.1.2, last words of §4.1.3: the length does not decide whether it is complete.
#[test]
fn a_full_length_is_not_completeness() {
    let full = Facts { offset: 100, ..facts() };
    let answer = Dialect::Rufh(Interop::V8).looked(&full);
    assert_eq!(field(&answer, "upload-complete"), Some("?0"));
}

/// §4.5.2
#[test]
fn a_cancellation() {
    for interop in VERSIONS {
        assert_eq!(lines(&Dialect::Rufh(interop).cancelled()), "204");
    }
}

/// §5 and "Draft Version Identification": only with a version, and with the client's.
#[test]
fn interim_answers() {
    let created = |interop| Dialect::Rufh(interop).interim(Interim::Created, &facts());
    let progress = |interop| Dialect::Rufh(interop).interim(Interim::Progress, &facts());
    assert_eq!(
        lines(&created(Interop::V8).unwrap()),
        "104|upload-draft-interop-version: 8|location: /u/b530ce8ff|\
         upload-limit: max-size=1000, max-age=600"
    );
    for (number, interop) in (3..=5).zip(VERSIONS) {
        let text =
            alloc::format!("104|upload-draft-interop-version: {number}|location: /u/b530ce8ff");
        assert_eq!(lines(&created(interop).unwrap()), text);
    }
    // §4.4.2: without the address; since draft -03.
    for (number, interop) in (5..=9).zip(&VERSIONS[2..]) {
        let text = alloc::format!("104|upload-draft-interop-version: {number}|upload-offset: 25");
        assert_eq!(lines(&progress(*interop).unwrap()), text);
    }
    assert_eq!((progress(Interop::V3), progress(Interop::V4)), (None, None));
    assert_eq!((created(Interop::Unnamed), progress(Interop::Unnamed)), (None, None));
}
