//! Which dialect a request speaks: never two, never a guess.

use super::*;
use crate::fuzz::Lines;

/// Reads a head of these lines.
pub(super) fn ask(
    method: Method,
    place: Place,
    length: Option<u64>,
    lines: &str,
) -> Result<Option<Spoken>, Refused> {
    read(method, &Lines::new(lines.as_bytes()), length, place)
}

/// What a head that must be understood wants.
pub(super) fn intent(method: Method, place: Place, length: Option<u64>, lines: &str) -> Intent {
    ask(method, place, length, lines).unwrap().unwrap().intent
}

/// Why a head that must be refused is.
pub(super) fn refusal(method: Method, place: Place, length: Option<u64>, lines: &str) -> Refusal {
    ask(method, place, length, lines).unwrap_err().refusal
}

#[test]
fn a_request_with_fields_of_two_dialects_is_refused() {
    let rufh = ["Upload-Complete: ?1", "Upload-Incomplete: ?0", "Upload-Draft-Interop-Version: 8"];
    let tus = "Tus-Resumable: 1.0.0";
    let segments = "X-Session-ID: a\nX-Content-Range: bytes 0-3/4";
    for place in [Place::Creation, Place::Upload, Place::Elsewhere] {
        for rufh in rufh {
            for other in [tus, segments] {
                let lines = alloc::format!("{rufh}\n{other}\nUpload-Length: 4");
                assert_eq!(refusal(Method::Post, place, Some(4), &lines), Refusal::Mixed);
            }
        }
        let lines = alloc::format!("{tus}\n{segments}\nUpload-Length: 4");
        assert_eq!(refusal(Method::Post, place, Some(4), &lines), Refusal::Mixed);
    }
}

/// Promises of tus that RUFH would pass over in silence.
#[test]
fn checksums_and_concatenations_are_only_tus() {
    for field in ["Upload-Concat: partial", "Upload-Checksum: sha1 AAAA"] {
        let lines = alloc::format!("Upload-Complete: ?1\n{field}");
        for place in [Place::Creation, Place::Elsewhere] {
            assert_eq!(refusal(Method::Post, place, Some(4), &lines), Refusal::Mixed);
        }
        let lines = alloc::format!(
            "Upload-Complete: ?1\nUpload-Offset: 0\n{field}\n\
             Content-Type: application/partial-upload"
        );
        assert_eq!(refusal(Method::Patch, Place::Upload, Some(4), &lines), Refusal::Mixed);
    }
}

/// tus-js-client 4 sends these with RUFH, too (`lib/upload.ts`, `_createUpload`).
#[test]
fn metadata_and_deferred_lengths_do_not_make_it_tus() {
    let lines = "Upload-Draft-Interop-Version: 6\nUpload-Complete: ?0\nUpload-Defer-Length: 1\n\
        Upload-Metadata: filename YS50eHQ=";
    let spoken = ask(Method::Post, Place::Creation, Some(0), lines).unwrap().unwrap();
    assert_eq!(spoken.dialect, Dialect::Rufh(Interop::V6));
    let Intent::Create(create) = spoken.intent else { unreachable!("{:?}", spoken.intent) };
    assert_eq!(create.file_name.as_deref(), Some(b"a.txt".as_slice()));
    assert_eq!((create.length, create.end), (None, End::Later));
}

#[test]
fn ordinary_requests_stay_ordinary() {
    for method in [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete] {
        let lines = "Content-Type: text/plain\nCookie: a=b\nUpload-Offset: 3";
        assert_eq!(ask(method, Place::Elsewhere, Some(4), lines), Ok(None));
    }
    // An application's own tus server, and its own idea of a session.
    let lines = "Tus-Resumable: 1.0.0\nUpload-Length: 4";
    assert_eq!(ask(Method::Post, Place::Elsewhere, Some(0), lines), Ok(None));
    assert_eq!(ask(Method::Post, Place::Elsewhere, Some(4), "Session-ID: a"), Ok(None));
    assert_eq!(ask(Method::Put, Place::Elsewhere, Some(4), "Content-Range: bytes 0-3/4"), Ok(None));
    // The list of uploads, and what a browser may do to an upload.
    assert_eq!(ask(Method::Get, Place::Creation, Some(0), ""), Ok(None));
    assert_eq!(ask(Method::Get, Place::Upload, Some(0), ""), Ok(None));
    assert_eq!(ask(Method::Post, Place::Creation, Some(9), "Content-Type: text/plain"), Ok(None));
}

#[test]
fn options_are_for_everybody() {
    for place in [Place::Creation, Place::Upload] {
        for lines in ["", "Tus-Resumable: 1.0.0", "Tus-Resumable: 9", "Upload-Complete: ?1"] {
            assert_eq!(intent(Method::Options, place, Some(0), lines), Intent::Options);
        }
    }
    assert_eq!(ask(Method::Options, Place::Elsewhere, Some(0), "Upload-Complete: ?1"), Ok(None));
}

/// RUFH §4.3: a client of the final text names no version.
#[test]
fn looking_and_cancelling_need_no_sign() {
    let spoken = |method| ask(method, Place::Upload, Some(0), "").unwrap().unwrap();
    let dialect = Dialect::Rufh(Interop::Unnamed);
    assert_eq!(spoken(Method::Head), Spoken { dialect, intent: Intent::Look });
    assert_eq!(spoken(Method::Delete), Spoken { dialect, intent: Intent::Cancel });
}

#[test]
fn an_upload_takes_no_other_methods() {
    for method in [Method::Post, Method::Put, Method::Move, Method::Other] {
        for lines in ["", "Tus-Resumable: 1.0.0", "Upload-Complete: ?1"] {
            let refused = refusal(method, Place::Upload, Some(0), lines);
            assert_eq!(refused, Refusal::Method(Place::Upload), "{method:?} {lines}");
        }
    }
}

#[test]
fn digests_are_promises_in_every_dialect() {
    let digest = "Repr-Digest: sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:";
    let (post, creation) = (Method::Post, Place::Creation);
    for lines in ["Upload-Complete: ?1", "Tus-Resumable: 1.0.0\nUpload-Length: 0"] {
        let Intent::Create(create) =
            intent(post, creation, Some(0), &alloc::format!("{lines}\n{digest}"))
        else {
            unreachable!("no creation")
        };
        assert!(create.checks.whole.sha256.is_some());
        let broken = alloc::format!("{lines}\nContent-Digest: sha-256=:AAAA:");
        let refused = refusal(post, creation, Some(0), &broken);
        assert_eq!(refused, Refusal::Malformed("content-digest"));
        let want = alloc::format!("{lines}\nWant-Repr-Digest: sha-256=1\nWant-Repr-Digest: x=1");
        let Intent::Create(create) = intent(post, creation, Some(0), &want) else {
            unreachable!("no creation")
        };
        assert_eq!(create.checks.want, Some(Algorithm::Sha256));
    }
}
