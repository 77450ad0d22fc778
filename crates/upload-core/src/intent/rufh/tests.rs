//! What RUFH asks of a server when it reads a request. Sections are those of draft -11; older
//! drafts are named.

use super::super::tests::{ask, intent, refusal};
use super::*;
use crate::dialect::Dialect;

const CREATION: Place = Place::Creation;
const UPLOAD: Place = Place::Upload;
const ELSEWHERE: Place = Place::Elsewhere;

fn created(place: Place, length: Option<u64>, lines: &str) -> Create {
    match intent(Method::Post, place, length, lines) {
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

/// An append of this version with these lines; the type is given.
fn typed(lines: &str) -> alloc::string::String {
    alloc::format!("Content-Type: application/partial-upload\n{lines}")
}

/// §4.2.1: any request that can carry content, with `Upload-Complete`.
#[test]
fn any_request_with_content_can_become_an_upload() {
    for method in [Method::Post, Method::Put, Method::Patch] {
        let Intent::Create(create) = intent(method, ELSEWHERE, Some(9), "Upload-Complete: ?1")
        else {
            unreachable!("{method:?}")
        };
        assert_eq!((create.length, create.end), (Some(9), End::Here));
        assert_eq!(create.content, Content::Sized(9));
    }
    for method in [Method::Get, Method::Head, Method::Delete, Method::Options] {
        assert_eq!(ask(method, ELSEWHERE, Some(0), "Upload-Complete: ?1"), Ok(None));
    }
    for method in [Method::Post, Method::Put] {
        let intent = intent(method, CREATION, Some(9), "Upload-Complete: ?0");
        assert!(matches!(intent, Intent::Create(_)));
    }
    let refused = refusal(Method::Patch, CREATION, Some(9), "Upload-Complete: ?0");
    assert_eq!(refused, Refusal::Method(CREATION));
}

/// §4.1.2: other values have the whole field ignored, so the request is an ordinary one; where
/// only uploads are, the field is then missing.
#[test]
fn a_malformed_completeness_is_none() {
    for value in ["1", "true", "?2", "?1, ?1", "\"?1\"", ""] {
        let lines = alloc::format!("Upload-Complete: {value}");
        assert_eq!(ask(Method::Post, ELSEWHERE, Some(9), &lines), Ok(None), "{value}");
        let refused = refusal(Method::Post, CREATION, Some(9), &lines);
        assert_eq!(refused, Refusal::Missing("upload-complete"), "{value}");
    }
    let twice = "Upload-Complete: ?1\nUpload-Complete: ?1";
    assert_eq!(ask(Method::Post, ELSEWHERE, Some(9), twice), Ok(None));
    assert_eq!(created(ELSEWHERE, Some(9), "Upload-Complete: ?1;later=2").end, End::Here);
}

/// §4.1.3: the length by `Content-Length` of the last request, by `Upload-Length`, or both.
#[test]
fn the_length_has_two_indicators_that_must_agree() {
    assert_eq!(created(CREATION, Some(9), "Upload-Complete: ?1").length, Some(9));
    assert_eq!(created(CREATION, None, "Upload-Complete: ?1").length, None);
    assert_eq!(created(CREATION, Some(9), "Upload-Complete: ?0").length, None);
    let both = "Upload-Complete: ?1\nUpload-Length: 9";
    assert_eq!(created(CREATION, Some(9), both).length, Some(9));
    assert_eq!(created(CREATION, None, both).length, Some(9));
    assert_eq!(created(CREATION, Some(4), "Upload-Complete: ?0\nUpload-Length: 9").length, Some(9));
    for length in [8, 10, 0] {
        assert_eq!(refusal(Method::Post, CREATION, Some(length), both), Refusal::Length);
    }
    let part = "Upload-Complete: ?0\nUpload-Length: 9";
    assert_eq!(refusal(Method::Post, CREATION, Some(10), part), Refusal::Length);

    let last = typed("Upload-Offset: 6\nUpload-Complete: ?1");
    assert_eq!(appended(Some(3), &last).length, Some(9));
    assert_eq!(appended(None, &last).length, None);
    let both = typed("Upload-Offset: 6\nUpload-Complete: ?1\nUpload-Length: 9");
    assert_eq!(appended(Some(3), &both).length, Some(9));
    for length in [Some(2), Some(4), Some(0)] {
        assert_eq!(refusal(Method::Patch, UPLOAD, length, &both), Refusal::Length);
    }
    let before = typed("Upload-Offset: 6\nUpload-Complete: ?0\nUpload-Length: 5");
    assert_eq!(refusal(Method::Patch, UPLOAD, None, &before), Refusal::Length);
}

/// §4.1.1, §4.1.3: only integers, not negative; anything else is ignored.
#[test]
fn numbers_are_structured_integers() {
    for value in ["-9", "9.0", "+9", "0x9", "1000000000000000", "9, 9", "nine", ""] {
        let lines = alloc::format!("Upload-Complete: ?0\nUpload-Length: {value}");
        assert_eq!(created(CREATION, Some(1), &lines).length, None, "{value}");
        let lines = typed(&alloc::format!("Upload-Complete: ?0\nUpload-Offset: {value}"));
        let refused = refusal(Method::Patch, UPLOAD, Some(1), &lines);
        assert_eq!(refused, Refusal::Missing("upload-offset"), "{value}");
    }
}

#[test]
fn no_sum_overflows() {
    let last = typed("Upload-Offset: 999999999999999\nUpload-Complete: ?1");
    assert_eq!(refusal(Method::Patch, UPLOAD, Some(1), &last), Refusal::TooLarge);
    assert_eq!(refusal(Method::Patch, UPLOAD, Some(u64::MAX), &last), Refusal::TooLarge);
    let create = "Upload-Complete: ?0";
    assert_eq!(refusal(Method::Post, CREATION, Some(u64::MAX), create), Refusal::TooLarge);
}

/// §4.2.1: no content, either to learn the address or as an empty whole.
#[test]
fn a_creation_may_be_empty() {
    let careful = created(CREATION, Some(0), "Upload-Complete: ?0\nUpload-Length: 9");
    assert_eq!((careful.content, careful.length), (Content::None, Some(9)));
    let empty = created(CREATION, Some(0), "Upload-Complete: ?1");
    assert_eq!((empty.content, empty.length, empty.end), (Content::None, Some(0), End::Here));
}

/// §4.2.1: the file's name.
#[test]
fn the_name_is_that_of_the_content_disposition() {
    let name = |value: &str| {
        let lines = alloc::format!("Upload-Complete: ?1\nContent-Disposition: {value}");
        created(CREATION, Some(9), &lines).file_name
    };
    let both = "inline; filename=\"file name.jpg\"; filename*=UTF-8''file%20name.jpg";
    assert_eq!(name(both).as_deref(), Some(b"file name.jpg".as_slice()));
    assert_eq!(name("inline; filename=\"../../x\"").as_deref(), Some(b"x".as_slice()));
    assert_eq!(name("inline"), None);
    let broken = "Upload-Complete: ?1\nContent-Disposition: inline; filename=\"..\"";
    let refused = refusal(Method::Post, CREATION, Some(9), broken);
    assert_eq!(refused, Refusal::Malformed("content-disposition"));
    assert_eq!(created(ELSEWHERE, Some(9), broken).file_name, None, "others read it there");
}

/// §4.4.2: type, offset and completeness, all three.
#[test]
fn an_append_says_where_and_whether_more_comes() {
    let append = appended(Some(3), &typed("Upload-Offset: 6\nUpload-Complete: ?0"));
    assert_eq!((append.offset, append.end), (6, End::Later));
    assert_eq!((append.content, append.length), (Content::Sized(3), None));
    let last = appended(Some(0), &typed("Upload-Offset: 6\nUpload-Complete: ?1"));
    assert_eq!((last.content, last.length, last.end), (Content::None, Some(6), End::Here));

    let patch = |lines: &str| refusal(Method::Patch, UPLOAD, Some(3), lines);
    assert_eq!(patch(&typed("Upload-Complete: ?0")), Refusal::Missing("upload-offset"));
    assert_eq!(patch(&typed("Upload-Offset: 6")), Refusal::Missing("upload-complete"));
    let fields = "Upload-Offset: 6\nUpload-Complete: ?0";
    assert_eq!(patch(fields), Refusal::MediaType);
    for kind in ["application/octet-stream", "application/partial-upload2", "partial-upload"] {
        assert_eq!(patch(&alloc::format!("{fields}\nContent-Type: {kind}")), Refusal::MediaType);
    }
    let lines = alloc::format!("{fields}\nContent-Type: Application/Partial-Upload; a=b");
    assert_eq!(appended(Some(3), &lines).offset, 6);
}

/// "Draft Version Identification": the version decides how all of this is read.
#[test]
fn versions_differ_as_their_drafts_say() {
    // Draft -01: the opposite field; without it an append is the last one.
    let v3 = "Upload-Draft-Interop-Version: 3\nUpload-Offset: 6";
    assert_eq!(appended(Some(3), v3).end, End::Here);
    assert_eq!(appended(Some(3), &alloc::format!("{v3}\nUpload-Incomplete: ?1")).end, End::Later);
    assert_eq!(appended(Some(3), &alloc::format!("{v3}\nUpload-Incomplete: ?0")).end, End::Here);
    let v3 = "Upload-Draft-Interop-Version: 3";
    let creation = created(CREATION, Some(3), &alloc::format!("{v3}\nUpload-Incomplete: ?1"));
    assert_eq!((creation.end, creation.length), (End::Later, None));
    assert_eq!(created(CREATION, Some(3), v3).end, End::Here);
    assert_eq!(ask(Method::Post, ELSEWHERE, Some(3), v3), Ok(None), "says nothing of uploads");

    // Drafts -02 to -05: without the field an append is not the last; -04 wants the type.
    for (version, typed) in [(4, false), (5, false), (6, true)] {
        let lines = alloc::format!("Upload-Draft-Interop-Version: {version}\nUpload-Offset: 6");
        if typed {
            let untyped = refusal(Method::Patch, UPLOAD, Some(3), &lines);
            assert_eq!(untyped, Refusal::MediaType);
        } else {
            assert_eq!(appended(Some(3), &lines).end, End::Later);
        }
        let lines = alloc::format!("{lines}\nContent-Type: application/partial-upload");
        assert_eq!(appended(Some(3), &lines).end, End::Later);
    }
    // Since draft -06 it must be there.
    for version in [7, 8, 9] {
        let lines = alloc::format!("Upload-Draft-Interop-Version: {version}\nUpload-Offset: 6");
        let refused = refusal(Method::Patch, UPLOAD, Some(3), &typed(&lines));
        assert_eq!(refused, Refusal::Missing("upload-complete"));
    }
}

#[test]
fn the_version_is_the_one_that_is_named() {
    let dialect = |lines: &str| {
        let lines = alloc::format!("{lines}\nUpload-Complete: ?0");
        ask(Method::Post, CREATION, Some(3), &lines).unwrap().unwrap().dialect
    };
    let of = [Interop::V4, Interop::V5, Interop::V6, Interop::V7, Interop::V8, Interop::V9];
    for (number, interop) in (4..).zip(of) {
        let line = alloc::format!("Upload-Draft-Interop-Version: {number}");
        assert_eq!(dialect(&line), Dialect::Rufh(interop));
    }
    for value in ["2", "10", "-8", "8.0", "\"8\"", "8, 8", "18446744073709551615"] {
        let line = alloc::format!("Upload-Draft-Interop-Version: {value}");
        assert_eq!(dialect(&line), Dialect::Rufh(Interop::Unnamed), "{value}");
    }
    assert_eq!(dialect(""), Dialect::Rufh(Interop::Unnamed));
}

/// A part must not be taken for the whole because its version calls the field otherwise.
#[test]
fn the_field_of_another_version_is_refused_or_whole() {
    for lines in [
        "Upload-Draft-Interop-Version: 3\nUpload-Complete: ?0",
        "Upload-Draft-Interop-Version: 8\nUpload-Incomplete: ?1",
        "Upload-Incomplete: ?1",
        "Upload-Complete: ?1\nUpload-Incomplete: ?1",
    ] {
        assert_eq!(refusal(Method::Post, ELSEWHERE, Some(3), lines), Refusal::Mixed, "{lines}");
        assert_eq!(refusal(Method::Post, CREATION, Some(3), lines), Refusal::Mixed, "{lines}");
    }
    for lines in ["Upload-Incomplete: ?0", "Upload-Draft-Interop-Version: 3\nUpload-Complete: ?1"] {
        assert_eq!(ask(Method::Post, ELSEWHERE, Some(3), lines), Ok(None), "{lines}");
        assert_eq!(refusal(Method::Post, CREATION, Some(3), lines), Refusal::Mixed, "{lines}");
    }
}

/// Draft -01 §4 ("MUST NOT include the `Upload-Offset` header").
#[test]
fn a_creation_has_no_offset() {
    let lines = "Upload-Complete: ?0\nUpload-Offset: 6";
    let refused = refusal(Method::Post, CREATION, Some(3), lines);
    assert_eq!(refused, Refusal::Malformed("upload-offset"));
    assert_eq!(created(CREATION, Some(3), "Upload-Complete: ?0\nUpload-Offset: 0").end, End::Later);
}

/// Drafts -01 to -05, "Offset Retrieval" and "Upload Cancellation": 400; later ones take it.
#[test]
fn looking_with_fields_of_an_append_is_refused_by_old_drafts() {
    for method in [Method::Head, Method::Delete] {
        for version in 3..=9 {
            let lines = alloc::format!("Upload-Draft-Interop-Version: {version}\nUpload-Offset: 6");
            let verdict = ask(method, UPLOAD, Some(0), &lines);
            assert_eq!(verdict.is_err(), version < 7, "{version}");
        }
        let named = "Upload-Draft-Interop-Version: 6";
        assert!(ask(method, UPLOAD, Some(0), named).unwrap().is_some());
    }
}

/// tus-js-client's `overridePatchMethod` works with its RUFH, too.
#[test]
fn a_post_can_stand_for_a_patch() {
    let lines = typed("Upload-Offset: 6\nUpload-Complete: ?0\nX-HTTP-Method-Override: PATCH");
    assert!(matches!(intent(Method::Post, UPLOAD, Some(3), &lines), Intent::Append(_)));
}

#[test]
fn metadata_is_right_or_refused() {
    let lines = "Upload-Complete: ?0\nUpload-Metadata: filename !";
    let refused = refusal(Method::Post, CREATION, Some(3), lines);
    assert_eq!(refused, Refusal::Malformed("upload-metadata"));
}
