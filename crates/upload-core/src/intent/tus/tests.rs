//! What tus 1.0.0 asks of a server when it reads a request; sections by their names.

use alloc::format;
use alloc::string::String;

use super::super::tests::{ask, intent, refusal};
use super::*;
use crate::checksum::ChecksumKind;
use crate::dialect::Dialect;

const CREATION: Place = Place::Creation;
const UPLOAD: Place = Place::Upload;

fn tus(lines: &str) -> String {
    format!("Tus-Resumable: 1.0.0\n{lines}")
}

fn typed(lines: &str) -> String {
    tus(&format!("Content-Type: application/offset+octet-stream\n{lines}"))
}

fn created(length: Option<u64>, lines: &str) -> Create {
    match intent(Method::Post, CREATION, length, lines) {
        Intent::Create(create) => create,
        other => unreachable!("{other:?}"),
    }
}

fn appended(length: Option<u64>, lines: &str) -> Append {
    match intent(Method::Patch, UPLOAD, length, lines) {
        Intent::Append(append) => append,
        other => unreachable!("{other:?}"),
    }
}

fn post(length: Option<u64>, lines: &str) -> Refusal {
    refusal(Method::Post, CREATION, length, lines)
}

fn patch(length: Option<u64>, lines: &str) -> Refusal {
    refusal(Method::Patch, UPLOAD, length, lines)
}

/// "Tus-Resumable": another version must not be processed.
#[test]
fn another_version_is_refused() {
    for version in ["0.2.2", "1.0", "1.0.1", "1", "2.0.0", "1.0.0, 1.0.0", ""] {
        let lines = format!("Tus-Resumable: {version}\nUpload-Length: 9");
        assert_eq!(post(Some(0), &lines), Refusal::TusVersion, "{version}");
        for method in [Method::Head, Method::Patch, Method::Delete] {
            assert_eq!(refusal(method, UPLOAD, Some(0), &lines), Refusal::TusVersion);
        }
    }
    let twice = "Tus-Resumable: 1.0.0\nTus-Resumable: 1.0.0\nUpload-Length: 9";
    assert_eq!(post(Some(0), twice), Refusal::TusVersion);
}

/// What is plainly tus but for the version must be told the version, not be taken for another.
#[test]
fn a_missing_version_is_refused() {
    assert_eq!(post(Some(0), "Upload-Length: 9"), Refusal::TusVersion);
    let lines = "Content-Type: application/offset+octet-stream\nUpload-Offset: 0";
    assert_eq!(post(Some(3), lines), Refusal::TusVersion);
    assert_eq!(patch(Some(3), lines), Refusal::TusVersion);
    assert_eq!(ask(Method::Patch, UPLOAD, Some(3), lines).unwrap_err().dialect, Dialect::Tus);
}

/// "HEAD", "Termination"
#[test]
fn looking_and_terminating() {
    assert_eq!(intent(Method::Head, UPLOAD, Some(0), &tus("")), Intent::Look);
    assert_eq!(intent(Method::Delete, UPLOAD, Some(0), &tus("")), Intent::Cancel);
}

/// "Upload-Offset", "Upload-Length": non-negative integers.
#[test]
fn numbers_are_digits() {
    for value in ["-1", "+1", "1.0", " 1 2", "0x1", "1000000000000000", "18446744073709551616", ""]
    {
        let refused = post(Some(0), &tus(&format!("Upload-Length: {value}")));
        assert_eq!(refused, Refusal::Malformed("upload-length"), "{value}");
        let refused = patch(Some(3), &typed(&format!("Upload-Offset: {value}")));
        assert_eq!(refused, Refusal::Malformed("upload-offset"), "{value}");
    }
    let twice = tus("Upload-Length: 9\nUpload-Length: 9");
    assert_eq!(post(Some(0), &twice), Refusal::Malformed("upload-length"));
    assert_eq!(created(Some(0), &tus("Upload-Length: 999999999999999")).length, Some(LENGTH_MAX));
}

/// "PATCH": the type, else 415; the offset.
#[test]
fn an_append_has_type_and_offset() {
    let append = appended(Some(3), &typed("Upload-Offset: 6"));
    assert_eq!((append.offset, append.content, append.length), (6, Content::Sized(3), None));
    assert_eq!(append.end, End::AtLength);
    assert_eq!(appended(None, &typed("Upload-Offset: 6")).content, Content::Open);
    assert_eq!(appended(Some(0), &typed("Upload-Offset: 6")).content, Content::None);
    assert_eq!(patch(Some(3), &typed("")), Refusal::Missing("upload-offset"));
    assert_eq!(patch(Some(3), &tus("Upload-Offset: 6")), Refusal::MediaType);
    for kind in ["application/octet-stream", "text/plain", "application/partial-upload"] {
        let lines = tus(&format!("Upload-Offset: 6\nContent-Type: {kind}"));
        assert_eq!(patch(Some(3), &lines), Refusal::MediaType, "{kind}");
    }
}

/// "X-HTTP-Method-Override": it is the method, where a client can only send `POST`.
#[test]
fn the_method_can_be_overridden() {
    let lines =
        |method: &str, more: &str| typed(&format!("{more}X-HTTP-Method-Override: {method}"));
    let patch = intent(Method::Post, UPLOAD, Some(3), &lines("PATCH", "Upload-Offset: 6\n"));
    assert!(matches!(patch, Intent::Append(_)));
    assert_eq!(intent(Method::Post, UPLOAD, Some(0), &lines("DELETE", "")), Intent::Cancel);
    assert_eq!(intent(Method::Post, UPLOAD, Some(0), &lines("HEAD", "")), Intent::Look);
    for other in ["POST", "GET", "patch", "PUT", "OPTIONS", "CONNECT", ""] {
        let refused = refusal(Method::Post, UPLOAD, Some(0), &lines(other, ""));
        assert_eq!(refused, Refusal::Method(UPLOAD), "{other}");
    }
    let safe = refusal(Method::Head, UPLOAD, Some(0), &lines("DELETE", ""));
    assert_eq!(safe, Refusal::Method(UPLOAD), "a safe method became an unsafe one");
    let elsewhere = refusal(Method::Post, CREATION, Some(0), &lines("PATCH", "Upload-Length: 9\n"));
    assert_eq!(elsewhere, Refusal::Method(CREATION));
    // Without a sign of the dialect it is nothing: a form of another site could send it.
    let bare = refusal(Method::Post, UPLOAD, Some(0), "X-HTTP-Method-Override: GET");
    assert_eq!(bare, Refusal::Method(UPLOAD));
}

/// "Creation": the length, or that it comes later.
#[test]
fn a_creation_says_or_defers_its_length() {
    let create = created(Some(0), &tus("Upload-Length: 100"));
    assert_eq!((create.length, create.content), (Some(100), Content::None));
    assert_eq!((create.end, &create.concat), (End::AtLength, &Concat::None));
    assert_eq!(created(Some(0), &tus("Upload-Length: 0")).length, Some(0));
    assert_eq!(created(Some(0), &tus("Upload-Defer-Length: 1")).length, None);
    assert_eq!(post(Some(0), &tus("")), Refusal::Missing("upload-length"));
    for value in ["0", "2", "true", "01", "1, 1", ""] {
        let refused = post(Some(0), &tus(&format!("Upload-Defer-Length: {value}")));
        assert_eq!(refused, Refusal::Malformed("upload-defer-length"), "{value}");
    }
    let both = post(Some(0), &tus("Upload-Defer-Length: 1\nUpload-Length: 9"));
    assert_eq!(both, Refusal::Malformed("upload-defer-length"));
}

/// "Creation": the length that comes with a `PATCH`.
#[test]
fn a_late_length_comes_with_an_append() {
    let append = appended(Some(3), &typed("Upload-Offset: 6\nUpload-Length: 9"));
    assert_eq!(append.length, Some(9));
    let beyond = patch(Some(4), &typed("Upload-Offset: 6\nUpload-Length: 9"));
    assert_eq!(beyond, Refusal::Beyond);
    let behind = patch(None, &typed("Upload-Offset: 6\nUpload-Length: 5"));
    assert_eq!(behind, Refusal::Beyond);
}

/// "Creation With Upload": the type is that of an append.
#[test]
fn a_creation_may_bring_bytes() {
    let create = created(Some(5), &typed("Upload-Length: 100"));
    assert_eq!(create.content, Content::Sized(5));
    assert_eq!(created(None, &typed("Upload-Length: 100")).content, Content::Open);
    assert_eq!(post(Some(5), &tus("Upload-Length: 100")), Refusal::MediaType);
    assert_eq!(post(None, &tus("Upload-Length: 100")), Refusal::MediaType);
    assert_eq!(post(Some(101), &typed("Upload-Length: 100")), Refusal::Beyond);
    // Some clients always send a type.
    let lines = tus("Upload-Length: 100\nContent-Type: application/x-www-form-urlencoded");
    assert_eq!(created(Some(0), &lines).content, Content::None);
}

/// "Upload-Metadata"
#[test]
fn metadata_is_right_or_refused() {
    let create = created(Some(0), &tus("Upload-Length: 9\nUpload-Metadata: filename YS50eHQ=,x"));
    assert_eq!(create.metadata.get("x"), Some(b"".as_slice()));
    assert_eq!(create.file_name.as_deref(), Some(b"a.txt".as_slice()));
    for value in ["filename YS50eHQ", "a YQ==,a YQ==", "a  YQ==", ",", "a YQ== YQ=="] {
        let refused = post(Some(0), &tus(&format!("Upload-Length: 9\nUpload-Metadata: {value}")));
        assert_eq!(refused, Refusal::Malformed("upload-metadata"), "{value}");
    }
    let twice = tus("Upload-Length: 9\nUpload-Metadata: a\nUpload-Metadata: b");
    assert_eq!(post(Some(0), &twice), Refusal::Malformed("upload-metadata"));
}

/// "Checksum"
#[test]
fn a_checksum_is_checked_or_refused() {
    let lines = typed("Upload-Offset: 0\nUpload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    let checksum = appended(Some(11), &lines).checks.checksum.unwrap();
    assert_eq!((checksum.kind, checksum.bytes.len()), (ChecksumKind::Sha1, 20));
    let refused = |value: &str| {
        patch(Some(3), &typed(&format!("Upload-Offset: 0\nUpload-Checksum: {value}")))
    };
    assert_eq!(refused("whirlpool AAAA"), Refusal::ChecksumKind);
    assert_eq!(refused("SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="), Refusal::ChecksumKind);
    for value in ["sha1", "sha1 AAAA", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", "sha256 AAAA"] {
        assert_eq!(refused(value), Refusal::Malformed("upload-checksum"), "{value}");
    }
    let create = typed("Upload-Length: 9\nUpload-Checksum: md5 XrY7u+Ae7tCTyyK7j1rNww==");
    assert!(created(Some(3), &create).checks.checksum.is_some());
}

/// "Concatenation"
#[test]
fn parts_and_sums() {
    let part = created(Some(0), &tus("Upload-Length: 9\nUpload-Concat: partial"));
    assert_eq!(part.concat, Concat::Partial);
    let deferred = created(Some(0), &tus("Upload-Defer-Length: 1\nUpload-Concat: partial"));
    assert_eq!((deferred.concat, deferred.length), (Concat::Partial, None));
    let sum = created(Some(0), &tus("Upload-Concat: final;/files/a https://x/files/b"));
    let urls = [b"/files/a".to_vec(), b"https://x/files/b".to_vec()];
    assert_eq!(sum.concat, Concat::Final(urls.to_vec()));
    assert_eq!(sum.length, None);
    for value in ["final", "final;", "final; ", "Partial", "partial;", "sum;/a", "final,/a", ""] {
        let refused = post(Some(0), &tus(&format!("Upload-Length: 9\nUpload-Concat: {value}")));
        assert_eq!(refused, Refusal::Malformed("upload-concat"), "{value}");
    }
    let length = post(Some(0), &tus("Upload-Length: 9\nUpload-Concat: final;/a"));
    assert_eq!(length, Refusal::Malformed("upload-length"), "a sum has the length of its parts");
    assert_eq!(post(Some(3), &typed("Upload-Concat: final;/a")), Refusal::FinalConcat);
}

#[test]
fn a_concatenation_is_bounded() {
    let sum = |parts: usize| tus(&format!("Upload-Concat: final;{}", "/a ".repeat(parts)));
    let Concat::Final(urls) = created(Some(0), &sum(CONCAT_PARTS_MAX)).concat else {
        unreachable!("no sum")
    };
    assert_eq!(urls.len(), CONCAT_PARTS_MAX);
    let malformed = Refusal::Malformed("upload-concat");
    assert_eq!(post(Some(0), &sum(CONCAT_PARTS_MAX + 1)), malformed);
    let long = format!("/{}", "a".repeat(PART_URL_BYTES_MAX));
    assert_eq!(post(Some(0), &tus(&format!("Upload-Concat: final;{long}"))), malformed);
}

#[test]
fn no_sum_overflows() {
    let lines = typed("Upload-Offset: 999999999999999");
    assert_eq!(patch(Some(1), &lines), Refusal::TooLarge);
    assert_eq!(patch(Some(u64::MAX), &lines), Refusal::TooLarge);
}
