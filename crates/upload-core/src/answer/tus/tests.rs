//! What tus 1.0.0 asks of answers; sections by their names.

use super::super::tests::{field, lines};
use super::*;
use crate::answer::{Interim, Offer};
use crate::limits::Limits;

fn facts() -> Facts<'static> {
    Facts { url: "/files/24e5", offset: 70, length: Some(100), ..Facts::default() }
}

/// "Creation", "Creation With Upload"
#[test]
fn a_creation() {
    let text = "201|tus-resumable: 1.0.0|location: /files/24e5|upload-offset: 70";
    assert_eq!(lines(&Dialect::Tus.created(&facts())), text);
}

/// "PATCH"
#[test]
fn an_append() {
    let text = "204|tus-resumable: 1.0.0|upload-offset: 70";
    assert_eq!(lines(&Dialect::Tus.appended(&facts())), text);
}

/// "Expiration": a date of RFC 9110, as long as the upload is not complete.
#[test]
fn an_expiry() {
    let dated = Facts { expires: Some(1_403_712_000), ..facts() };
    let date = Some("Wed, 25 Jun 2014 16:00:00 GMT");
    for answer in
        [Dialect::Tus.created(&dated), Dialect::Tus.appended(&dated), Dialect::Tus.looked(&dated)]
    {
        assert_eq!(field(&answer, "upload-expires"), date);
    }
    let whole = Facts { complete: true, offset: 100, ..dated };
    assert_eq!(field(&Dialect::Tus.appended(&whole), "upload-expires"), None);
}

/// "HEAD": offset and length, not to be stored.
#[test]
fn a_look() {
    assert_eq!(
        lines(&Dialect::Tus.looked(&facts())),
        "200|tus-resumable: 1.0.0|upload-offset: 70|upload-length: 100|cache-control: no-store"
    );
    let none = Facts { offset: 0, ..facts() };
    assert_eq!(field(&Dialect::Tus.looked(&none), "upload-offset"), Some("0"), "also 0");
}

/// "Creation": what was deferred stays said until it is known; metadata comes back.
#[test]
fn a_look_at_a_deferred_length_and_metadata() {
    let open = Facts { length: None, metadata: b"filename YQ==", ..facts() };
    let answer = Dialect::Tus.looked(&open);
    assert_eq!(field(&answer, "upload-defer-length"), Some("1"));
    assert_eq!(field(&answer, "upload-length"), None);
    assert_eq!(field(&answer, "upload-metadata"), Some("filename YQ=="));
    assert_eq!(field(&Dialect::Tus.looked(&facts()), "upload-defer-length"), None);
}

/// "Concatenation": the role in looks; no offset of a sum before it is whole, then both equal.
#[test]
fn a_look_at_a_concatenation() {
    let part = Facts { concat: Some(&Concat::Partial), ..facts() };
    assert_eq!(field(&Dialect::Tus.looked(&part), "upload-concat"), Some("partial"));
    let sum = Concat::Final([b"/files/a".to_vec(), b"/files/b".to_vec()].to_vec());
    let early = Facts { concat: Some(&sum), length: None, offset: 0, ..facts() };
    let answer = Dialect::Tus.looked(&early);
    assert_eq!(field(&answer, "upload-concat"), Some("final;/files/a /files/b"));
    assert_eq!(field(&answer, "upload-offset"), None);
    assert_eq!(field(&answer, "upload-defer-length"), None);
    let whole = Facts { concat: Some(&sum), offset: 100, complete: true, ..facts() };
    let answer = Dialect::Tus.looked(&whole);
    assert_eq!(field(&answer, "upload-offset"), Some("100"));
    assert_eq!(field(&answer, "upload-length"), Some("100"));
}

/// "Termination"
#[test]
fn a_termination() {
    assert_eq!(lines(&Dialect::Tus.cancelled()), "204|tus-resumable: 1.0.0");
}

/// "OPTIONS", "Tus-Max-Size", "Checksum"
#[test]
fn options() {
    let limits = Limits { size_max: Some(1_073_741_824), ..Limits::default() };
    let answer = Dialect::Tus.options(crate::Place::Creation, &limits, Offer::Sums);
    assert_eq!(answer.status, 204);
    assert_eq!(field(&answer, "tus-version"), Some("1.0.0"));
    assert_eq!(field(&answer, "tus-max-size"), Some("1073741824"));
    assert_eq!(field(&answer, "tus-checksum-algorithm"), Some("sha1,sha256,md5,crc32"));
    let extensions = field(&answer, "tus-extension").unwrap();
    for name in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "termination",
        "checksum",
        "expiration",
        "concatenation",
    ] {
        assert!(extensions.split(',').any(|extension| extension == name), "{name}: {extensions}");
    }
    assert_eq!(extensions.split(',').count(), 7);
    let streams = Dialect::Tus.options(crate::Place::Creation, &limits, Offer::Streams);
    let fewer = field(&streams, "tus-extension").unwrap();
    assert_eq!(Some(fewer), extensions.strip_suffix(",concatenation"));
    let none = Dialect::Tus.options(crate::Place::Creation, &Limits::default(), Offer::Sums);
    assert_eq!(field(&none, "tus-max-size"), None);
}

/// tus has none, and its clients would not know them.
#[test]
fn no_interim_answers() {
    assert_eq!(Dialect::Tus.interim(Interim::Created, &facts()), None);
    assert_eq!(Dialect::Tus.interim(Interim::Progress, &facts()), None);
}

/// Clients read the offset of the last answer, too, whoever gives it (tus-js-client
/// `_handleUploadResponse`).
#[test]
fn the_answer_of_an_application() {
    let whole = Facts { offset: 100, complete: true, ..facts() };
    let value = |text: &str| text.as_bytes().to_vec();
    let fields = [("tus-resumable", value("1.0.0")), ("upload-offset", value("100"))];
    assert_eq!(Dialect::Tus.finished(&whole), fields);
}
