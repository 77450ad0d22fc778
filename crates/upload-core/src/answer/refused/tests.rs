//! The status of every refusal, and what it tells of the upload.

use super::super::tests::{field, lines};
use super::*;
use crate::answer::Facts;
use crate::dialect::Interop;
use crate::intent::Place;
use crate::limits::Limits;

const V8: Dialect = Dialect::Rufh(Interop::V8);

fn facts() -> Facts<'static> {
    Facts {
        url: "/u/1",
        offset: 25,
        length: Some(100),
        limits: Limits { size_max: Some(1000), ..Limits::default() },
        ..Facts::default()
    }
}

fn json(answer: &Answer) -> alloc::string::String {
    let (kind, content) = answer.content().unwrap();
    assert_eq!(kind, "application/problem+json");
    alloc::string::String::from_utf8(content).unwrap()
}

/// RUFH §4.4.2, §7.1: 409 with the right offset, and the problem with both.
#[test]
fn an_offset_that_does_not_match() {
    let refusal = Refusal::Offset { provided: 50 };
    let answer = V8.refused(refusal, &facts());
    assert_eq!(lines(&answer), "409|upload-complete: ?0|upload-offset: 25");
    let text = json(&answer);
    let kind =
        "\"type\":\"https://iana.org/assignments/http-problem-types#mismatching-upload-offset\"";
    assert!(text.contains(kind), "{text}");
    assert!(text.ends_with(",\"expected-offset\":25,\"provided-offset\":50}\n"), "{text}");
    // Problem types came with draft -04; the offset was always there.
    for interop in [Interop::V3, Interop::V4, Interop::V5] {
        let answer = Dialect::Rufh(interop).refused(refusal, &facts());
        assert_eq!((answer.status, answer.problem), (409, None));
        assert_eq!(field(&answer, "upload-offset"), Some("25"));
    }
    // tus "PATCH": 409.
    let tus = Dialect::Tus.refused(refusal, &facts());
    assert_eq!(lines(&tus), "409|tus-resumable: 1.0.0|upload-offset: 25");
}

/// RUFH §4.4.2, §7.2 and §7.3: bytes are an inconsistent length since draft -09.
#[test]
fn an_append_to_a_complete_upload() {
    let whole = Facts { offset: 100, complete: true, ..facts() };
    let kind = |interop, content| {
        let answer = Dialect::Rufh(interop).refused(Refusal::Complete(content), &whole);
        assert_eq!(answer.status, 400);
        assert_eq!(field(&answer, "upload-complete"), None, "it would look final");
        answer.problem.map(|problem| problem.kind)
    };
    let bytes = Content::Sized(3);
    assert_eq!(kind(Interop::V8, bytes), Some(ProblemKind::Length));
    assert_eq!(kind(Interop::V8, Content::None), Some(ProblemKind::Complete));
    for interop in [Interop::V6, Interop::V7] {
        assert_eq!(kind(interop, bytes), Some(ProblemKind::Complete));
    }
    assert_eq!(kind(Interop::V5, bytes), None);
    let answer = V8.refused(Refusal::Complete(Content::None), &whole);
    assert!(json(&answer).contains("#completed-upload\""));
    // tus-js-client tries again after a 409: it looks, and finds that all is there.
    assert_eq!(Dialect::Tus.refused(Refusal::Complete(bytes), &whole).status, 409);
}

/// Draft -12 §4.1.2 and §4.4.2: false in every refusal, also of a complete upload, and
/// no problem type for it; but still nothing of an upload that is not there.
#[test]
fn refusals_of_the_newest_version_say_whose_they_are() {
    let v9 = Dialect::Rufh(Interop::V9);
    let whole = Facts { offset: 100, complete: true, ..facts() };
    let answer = v9.refused(Refusal::Offset { provided: 50 }, &whole);
    assert_eq!(lines(&answer), "409|upload-complete: ?0|upload-offset: 100");
    let answer = v9.refused(Refusal::Complete(Content::None), &whole);
    assert_eq!(lines(&answer), "400|upload-complete: ?0|upload-offset: 100");
    assert_eq!(answer.problem, None);
    let answer = v9.refused(Refusal::Complete(Content::Sized(3)), &whole);
    assert_eq!(answer.problem.map(|problem| problem.kind), Some(ProblemKind::Length));
    let door = Facts { limits: facts().limits, ..Facts::default() };
    let answer = v9.refused(Refusal::TooLarge, &door);
    assert_eq!(lines(&answer), "413|upload-limit: max-size=1000|upload-complete: ?0");
    assert_eq!(lines(&v9.refused(Refusal::Beyond, &facts())), "400|upload-complete: ?0");
    for (refusal, status) in
        [(Refusal::Unknown, "404"), (Refusal::Gone, "410"), (Refusal::Forbidden, "403")]
    {
        assert_eq!(lines(&v9.refused(refusal, &facts())), status);
    }
}

/// RUFH §4.1.3, §7.3; §4.4.2: such an upload is invalid, so nothing is told of it.
#[test]
fn a_length_that_does_not_fit() {
    for refusal in [Refusal::Length, Refusal::Beyond] {
        let answer = V8.refused(refusal, &facts());
        assert_eq!(answer.status, 400);
        assert!(json(&answer).contains("#inconsistent-upload-length\""));
    }
    assert_eq!(field(&V8.refused(Refusal::Beyond, &facts()), "upload-offset"), None);
    assert_eq!(Dialect::Tus.refused(Refusal::Beyond, &facts()).status, 413);
    assert_eq!(Dialect::Tus.refused(Refusal::Length, &facts()).status, 400);
}

/// RUFH §4.1.4: a 413 must have the limits; tus "Creation": 413.
#[test]
fn limits_that_are_broken() {
    let door = Facts { limits: facts().limits, ..Facts::default() };
    let answer = V8.refused(Refusal::TooLarge, &door);
    assert_eq!(lines(&answer), "413|upload-limit: max-size=1000");
    assert_eq!(V8.refused(Refusal::AppendTooLarge, &door).status, 413);
    for refusal in [Refusal::TooSmall, Refusal::AppendTooSmall] {
        assert_eq!(lines(&V8.refused(refusal, &door)), "400|upload-limit: max-size=1000");
    }
    assert_eq!(lines(&Dialect::Rufh(Interop::V5).refused(Refusal::TooLarge, &door)), "413");
    let tus = Dialect::Tus.refused(Refusal::TooLarge, &door);
    assert_eq!(lines(&tus), "413|tus-resumable: 1.0.0");
}

/// RUFH drafts -01 to -05: 404; -11 §4.4.2 allows 410. tus "HEAD": no offset; "Expiration": 410.
#[test]
fn uploads_that_are_not_there_tell_nothing() {
    for (dialect, gone) in [
        (V8, 410),
        (Dialect::Rufh(Interop::V7), 404),
        (Dialect::Rufh(Interop::V3), 404),
        (Dialect::Tus, 410),
        (Dialect::Segments, 404),
    ] {
        for (refusal, status) in
            [(Refusal::Unknown, 404), (Refusal::Gone, gone), (Refusal::Forbidden, 403)]
        {
            let answer = dialect.refused(refusal, &facts());
            assert_eq!(answer.status, status);
            let known = answer.fields.iter().filter(|field| field.0 != "tus-resumable");
            assert_eq!(known.count(), 0, "{refusal:?}");
        }
    }
}

/// tus "Tus-Version"
#[test]
fn a_version_that_is_not_spoken() {
    let answer = Dialect::Tus.refused(Refusal::TusVersion, &facts());
    assert_eq!(lines(&answer), "412|tus-resumable: 1.0.0|tus-version: 1.0.0");
}

/// tus "Checksum": 460 for a mismatch, 400 for an algorithm; RUFH §10: the transfer failed.
#[test]
fn digests_that_do_not_match() {
    let status = |dialect: Dialect, refusal| dialect.refused(refusal, &facts()).status;
    assert_eq!(status(Dialect::Tus, Refusal::Checksum), 460);
    assert_eq!(status(Dialect::Tus, Refusal::ChecksumKind), 400);
    assert_eq!(status(V8, Refusal::Checksum), 400);
    for dialect in [V8, Dialect::Tus, Dialect::Segments] {
        assert_eq!(status(dialect, Refusal::Digest), 400);
    }
    let kept = V8.refused(Refusal::Checksum, &facts());
    assert_eq!(field(&kept, "upload-offset"), Some("25"), "the upload itself goes on");
}

/// tus "Concatenation": 403 for bytes to a sum.
#[test]
fn sums_take_no_bytes() {
    assert_eq!(Dialect::Tus.refused(Refusal::FinalConcat, &facts()).status, 403);
    assert_eq!(Dialect::Tus.refused(Refusal::ConcatPart, &facts()).status, 400);
}

/// As tusd and @tus/server answer what their store does not have.
#[test]
fn what_a_store_does_not_have() {
    for dialect in [V8, Dialect::Tus, Dialect::Segments] {
        assert_eq!(dialect.refused(Refusal::Unsupported, &Facts::default()).status, 501);
    }
}

/// RFC 5789 §2.2, RFC 9110 §15.5.6 and §10.2.3, RFC 4918 §11.5.
#[test]
fn statuses_that_need_a_field() {
    let typed = Dialect::Tus.refused(Refusal::MediaType, &Facts::default());
    assert_eq!(typed.status, 415);
    let patch = "application/partial-upload, application/offset+octet-stream";
    assert_eq!(field(&typed, "accept-patch"), Some(patch));
    let method = V8.refused(Refusal::Method(Place::Upload), &Facts::default());
    assert_eq!(lines(&method), "405|allow: HEAD, PATCH, DELETE, OPTIONS");
    let later = V8.refused(Refusal::Unavailable { retry_after_s: 7 }, &Facts::default());
    assert_eq!(lines(&later), "503|retry-after: 7");
    let full = V8.refused(Refusal::Full, &facts());
    assert_eq!(lines(&full), "507|upload-complete: ?0|upload-offset: 25", "it can go on");
    assert_eq!(V8.refused(Refusal::Fenced, &facts()).status, 409);
    assert_eq!(V8.refused(Refusal::Failed, &facts()).status, 500);
    for refusal in [Refusal::Mixed, Refusal::Missing("a"), Refusal::Malformed("a")] {
        assert_eq!(lines(&V8.refused(refusal, &Facts::default())), "400");
    }
}

/// upload-protocol.md §2.1: an error for two at once; what is there helps the client.
#[test]
fn segments_that_overlap_or_scatter() {
    let facts = Facts { spans: Some(&[(0, 4)]), length: Some(9), url: "/u/1", ..Facts::default() };
    for refusal in [Refusal::Overlap, Refusal::Scattered] {
        assert_eq!(lines(&Dialect::Segments.refused(refusal, &facts)), "409|range: 0-3/9");
    }
}
