//! Answers all dialects share, and those to segments.

use alloc::string::{String, ToString};

use super::*;
use crate::dialect::Interop;

/// The value of a field.
pub(super) fn field<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.fields.iter().find(|field| field.0 == name);
    found.map(|(_, value)| core::str::from_utf8(value).unwrap())
}

/// Status and fields in one line.
pub(super) fn lines(answer: &Answer) -> String {
    let mut text = answer.status.to_string();
    for (name, value) in &answer.fields {
        text.push_str(&alloc::format!("|{name}: {}", core::str::from_utf8(value).unwrap()));
    }
    text
}

/// upload-protocol.md §2.4 and appendix A: 201 with the ranges, in field and content.
#[test]
fn a_segment() {
    let facts = Facts { spans: Some(&[(0, 51201)]), length: Some(511_920), ..Facts::default() };
    for answer in [Dialect::Segments.created(&facts), Dialect::Segments.appended(&facts)] {
        assert_eq!(lines(&answer), "201|range: 0-51200/511920");
        assert_eq!(answer.content(), Some(("text/plain", b"0-51200/511920\n".to_vec())));
    }
    let whole = Facts { complete: true, ..facts };
    let answer = Dialect::Segments.appended(&whole);
    assert_eq!((lines(&answer).as_str(), answer.content()), ("200", None));
    assert_eq!(Dialect::Segments.finished(&whole), []);
    assert_eq!(Dialect::Segments.interim(Interim::Created, &facts), None);
}

/// upload-protocol.md §2.4: first and last bytes, runs with commas between.
#[test]
fn ranges_have_first_and_last_bytes() {
    assert_eq!(ranges(&[(0, 4), (8, 9)], 20), b"0-3/20,8-8/20");
    assert_eq!(ranges(&[], 20), b"");
}

/// RUFH §4.1.4: `Accept-Patch` with the full type, and limits, also when there are none (draft
/// -05: `min-size=0`). The same for every dialect: who asks does not say which it will speak.
#[test]
fn options_tell_all_dialects() {
    let dialects = [Dialect::Tus, Dialect::Rufh(Interop::V8), Dialect::Rufh(Interop::Unnamed)];
    let limits = Limits { size_max: Some(1000), append_max: Some(10), ..Limits::default() };
    for dialect in dialects {
        let answer = dialect.options(Place::Creation, &limits, Offer::Sums);
        let types = field(&answer, "accept-patch").unwrap();
        assert!(types.split(", ").any(|kind| kind == "application/partial-upload"));
        let expected = Some("max-size=1000, max-append-size=10");
        assert_eq!(field(&answer, "upload-limit"), expected);
        assert_eq!(field(&answer, "tus-version"), Some("1.0.0"));
        assert_eq!(field(&answer, "allow"), Some("GET, POST, OPTIONS"));
    }
    let none = Dialect::Tus.options(Place::Upload, &Limits::default(), Offer::Streams);
    assert_eq!(field(&none, "upload-limit"), Some("min-size=0"));
    assert_eq!(field(&none, "allow"), Some("HEAD, PATCH, DELETE, OPTIONS"));
}

/// RFC 9457 §3.1: strings without anything to escape, numbers bare.
#[test]
fn problems_are_json() {
    let problem = Problem { kind: ProblemKind::Offset, offsets: Some((0, u64::MAX)) };
    assert_eq!(
        problem.json(),
        b"{\"type\":\"https://iana.org/assignments/http-problem-types#mismatching-upload-offset\",\
          \"title\":\"the upload is at another offset\",\"expected-offset\":0,\
          \"provided-offset\":18446744073709551615}\n"
    );
}
