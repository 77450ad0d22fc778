//! RUFH §4.1.4.

use super::*;
use crate::intent::{Checks, Concat};
use crate::metadata::Metadata;

const LIMITS: Limits =
    Limits { size_max: Some(100), size_min: Some(5), append_max: Some(20), append_min: Some(10) };

fn create(length: Option<u64>, content: Content, end: End) -> Create {
    Create {
        length,
        content,
        end,
        metadata: Metadata::default(),
        file_name: None,
        checks: Checks::default(),
        concat: Concat::None,
    }
}

fn append(offset: u64, length: Option<u64>, content: Content, end: End) -> Append {
    Append { offset, length, content, end, checks: Checks::default() }
}

#[test]
fn the_length_of_the_whole() {
    let admit = |length, end| LIMITS.admit_create(&create(length, Content::None, end));
    for (length, verdict) in [
        (Some(100), Ok(())),
        (Some(101), Err(Refusal::TooLarge)),
        (Some(5), Ok(())),
        (Some(4), Err(Refusal::TooSmall)),
    ] {
        assert_eq!(admit(length, End::Later), verdict);
        assert_eq!(admit(length, End::AtLength), verdict);
    }
    assert_eq!(admit(None, End::AtLength), Ok(()), "tus declares it later");
    assert_eq!(admit(None, End::Later), Ok(()));
    let open = create(None, Content::Open, End::Here);
    assert_eq!(LIMITS.admit_create(&open), Err(Refusal::TooSmall), "no length can be deduced");
    assert_eq!(Limits::default().admit_create(&open), Ok(()));
    let late = append(0, Some(101), Content::None, End::AtLength);
    assert_eq!(LIMITS.admit_append(&late), Err(Refusal::TooLarge));
}

/// Requests that complete the upload are exempt from the minimum.
#[test]
fn the_content_of_one_request() {
    let admit = |content, end| LIMITS.admit_append(&append(50, None, content, end));
    assert_eq!(admit(Content::Sized(20), End::Later), Ok(()));
    assert_eq!(admit(Content::Sized(21), End::Later), Err(Refusal::AppendTooLarge));
    assert_eq!(admit(Content::Sized(21), End::Here), Err(Refusal::AppendTooLarge));
    assert_eq!(admit(Content::Sized(10), End::Later), Ok(()));
    assert_eq!(admit(Content::Sized(9), End::Later), Err(Refusal::AppendTooSmall));
    assert_eq!(admit(Content::None, End::Later), Err(Refusal::AppendTooSmall));
    assert_eq!(admit(Content::Sized(1), End::Here), Ok(()));
    assert_eq!(admit(Content::None, End::Here), Ok(()));
    assert_eq!(admit(Content::Open, End::Later), Ok(()), "the reader counts");
    let tus = |bytes| append(50, Some(60), Content::Sized(bytes), End::AtLength);
    assert_eq!(LIMITS.admit_append(&tus(10)), Ok(()));
    assert_eq!(LIMITS.admit_append(&tus(9)), Err(Refusal::AppendTooSmall));
    let careful = create(Some(50), Content::None, End::Later);
    assert_eq!(LIMITS.admit_create(&careful), Ok(()), "only the address is wanted");
    let short = create(Some(50), Content::Sized(9), End::Later);
    assert_eq!(LIMITS.admit_create(&short), Err(Refusal::AppendTooSmall));
}

#[test]
fn the_field_is_a_dictionary_and_never_empty() {
    let all = b"max-size=100, min-size=5, max-append-size=20, min-append-size=10, max-age=60";
    assert_eq!(LIMITS.field(Some(("max-age", 60))), all);
    assert_eq!(Limits::default().field(None), b"min-size=0");
    assert_eq!(Limits::default().field(Some(("expires", 0))), b"expires=0");
    let most = Limits { size_max: Some(u64::MAX), ..Limits::default() };
    assert_eq!(most.field(None), b"max-size=999999999999999", "15 digits are the most");
}
