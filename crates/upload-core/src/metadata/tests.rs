//! tus 1.0.0, "Upload-Metadata".

use alloc::format;
use alloc::string::String;

use super::*;

fn parsed(text: &str) -> Metadata {
    Metadata::parse(text.as_bytes()).unwrap()
}

#[test]
fn pairs_have_a_key_and_a_base64_value() {
    let metadata = parsed("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential");
    assert_eq!(metadata.get("filename"), Some(b"world_domination_plan.pdf".as_slice()));
    assert_eq!(metadata.get("is_confidential"), Some(b"".as_slice()), "the space may be left out");
    assert_eq!(metadata.get("Filename"), None);
    assert_eq!(metadata.pairs().count(), 2);
    assert_eq!(metadata.file_name(), Some(b"world_domination_plan.pdf".as_slice()));
    assert!(parsed("").is_empty());
    // Clients that join with ", ".
    assert_eq!(parsed("a YQ==, b Yg==").get("b"), Some(b"b".as_slice()));
    assert_eq!(parsed("a ").get("a"), Some(b"".as_slice()));
}

#[test]
fn what_could_be_read_twice_is_refused() {
    for text in [
        "a YQ==,a Yg==",
        "a YQ==,a",
        "a,",
        ",a",
        "a,,b",
        " ",
        "a YQ",
        "a YQ=",
        "a YR==",
        "a YQ==\u{b}",
        "a Y Q==",
        "a  YQ==",
        "a -_==",
        "ä YQ==",
        "a\tb YQ==",
        "a\u{0}b YQ==",
    ] {
        assert_eq!(Metadata::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn it_is_bounded() {
    let pairs = |count: usize| (0..count).map(|key| format!("k{key}")).collect::<Vec<String>>();
    assert!(Metadata::parse(pairs(METADATA_PAIRS_MAX).join(",").as_bytes()).is_some());
    assert!(Metadata::parse(pairs(METADATA_PAIRS_MAX + 1).join(",").as_bytes()).is_none());
    let long = |bytes: usize| format!("a {}", "A".repeat(bytes - 2));
    assert!(Metadata::parse(long(METADATA_BYTES_MAX - 2).as_bytes()).is_some());
    assert!(Metadata::parse(long(METADATA_BYTES_MAX + 2).as_bytes()).is_none());
}

#[test]
fn a_record_reads_back_the_same() {
    let metadata = parsed("filename YS50eHQ=,empty, x /+8=");
    assert_eq!(metadata.field(), b"filename YS50eHQ=,empty,x /+8=");
    assert_eq!(Metadata::parse(&metadata.field()), Some(metadata));
}

#[test]
fn a_name_is_no_path() {
    let name = |path: &str| {
        let mut text = b"filename ".to_vec();
        base64::encode(path.as_bytes(), &mut text);
        Metadata::parse(&text).unwrap().file_name().map(<[u8]>::to_vec)
    };
    assert_eq!(name("../../etc/passwd").as_deref(), Some(b"passwd".as_slice()));
    assert_eq!(name("C:\\x.txt").as_deref(), Some(b"x.txt".as_slice()));
    for path in ["", ".", "..", "a/", "a\u{0}b", "a\nb"] {
        assert_eq!(name(path), None, "{path:?}");
    }
    assert_eq!(parsed("name YQ==,filename Yg==").file_name(), Some(b"b".as_slice()));
    assert_eq!(parsed("name YQ==").file_name(), Some(b"a".as_slice()), "as Uppy has it");
}
