//! Tests of `fields::digest`.

use alloc::format;

use proptest::prelude::*;

use super::*;

/// SHA-256 of `{"hello": "world"}` with a line end, from RFC 9530 appendix B.1.
const HELLO: &str = "RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=";

fn read(line: &str) -> Result<Digests, DigestError> {
    let mut digests = Digests::default();
    digests.add_line(line.as_bytes())?;
    Ok(digests)
}

#[test]
fn known_algorithms_are_read() {
    let digests = read(&format!("sha-256=:{HELLO}:")).unwrap();
    assert_eq!(digests.sha256.unwrap()[..4], [0x44, 0xaf, 0xf4, 0xab]);
    assert_eq!(digests.sha512, None);
    let zeros = format!("sha-512=:{}==:", "A".repeat(86));
    assert_eq!(read(&zeros).unwrap().sha512, Some([0; 64]));
    let both = read(&format!("  sha-256=:{HELLO}:;x=1;y \t,\t{zeros}  ")).unwrap();
    assert!(both.sha256.is_some() && both.sha512.is_some());
    assert_eq!(read("").unwrap(), Digests::default());
    assert!(read("").unwrap().is_empty());
}

#[test]
fn the_last_of_a_repeated_algorithm_counts() {
    let zeros = format!("sha-256=:{}=:", "A".repeat(43));
    let digests = read(&format!("sha-256=:{HELLO}:, {zeros}")).unwrap();
    assert_eq!(digests.sha256, Some([0; 32]));
    let mut lines = read(&zeros).unwrap();
    lines.add_line(format!("sha-256=:{HELLO}:").as_bytes()).unwrap();
    assert_eq!(lines.sha256.unwrap()[0], 0x44);
    lines.add_line(format!("sha-512=:{}==:", "A".repeat(86)).as_bytes()).unwrap();
    assert!(lines.sha256.is_some() && lines.sha512.is_some(), "lines add up");
}

#[test]
fn other_algorithms_are_passed_over_whatever_their_value() {
    for other in [
        "md5=:AAAA:",
        "crc32c=:AA==:",
        "x=1",
        "x=-1.5",
        "x=\"a\\\"b\\\\\"",
        "x=tok/en:a",
        "x",
        "x;a=?0;b",
        "x=?1",
        "x=@1659578233",
        "x=%\"f%c3%bc\"",
        "x=()",
        "x=( 1  :AA==:;q \"a\" )",
        "x=(a b);c=(",
        "*a-b.c_d=*",
    ] {
        let alone = read(other);
        if other.ends_with('(') {
            assert_eq!(alone, Err(DigestError), "{other}: a parameter is no list");
            continue;
        }
        assert_eq!(alone, Ok(Digests::default()), "{other}");
        let beside = read(&format!("{other}, sha-256=:{HELLO}:"));
        assert!(beside.unwrap().sha256.is_some(), "{other}");
    }
}

#[test]
fn malformed_fields_are_errors() {
    for line in [
        "sha-256",
        "sha-256=",
        "sha-256=abc",
        "sha-256=1",
        "sha-256=:",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=(:AAAA:)",
        "SHA-256=:AAAA:",
        ",",
        "x,",
        "x,,y",
        ",x",
        "x y",
        "x=1;",
        "x=1;A",
        "x=(",
        "x=(1",
        "x=(1 ",
        "x=(1\t2)",
        "x=(1,2)",
        "x=\"",
        "x=\"a",
        "x=\"\\a\"",
        "x=\"\u{e9}\"",
        "x=?2",
        "x=?",
        "x=@",
        "x=@1.5",
        "x=%\"%C3\"",
        "x=%a",
        "x=1.",
        "x=1.2345",
        "x=1234567890123456",
        "x=1234567890123.1",
        "x=-",
        "x=:a b:",
        "x=:a",
        "=1",
        "1=1",
        "x = 1",
    ] {
        assert_eq!(read(line), Err(DigestError), "{line}");
    }
    assert_eq!(read(&format!("sha-256={HELLO}")), Err(DigestError), "colons are missing");
    assert_eq!(read(&format!("sha-512=:{HELLO}:")), Err(DigestError), "32 bytes are not 64");
    assert_eq!(read(&format!("sha-256=:{HELLO}:, x=?")), Err(DigestError), "error behind it");
    let unpadded = HELLO.trim_end_matches('=');
    assert_eq!(read(&format!("sha-256=:{unpadded}:")), Err(DigestError));
}

#[test]
fn an_error_keeps_what_was_there() {
    let mut digests = read(&format!("sha-256=:{HELLO}:")).unwrap();
    let before = digests;
    let zeros = format!("sha-256=:{}=:, x=?", "A".repeat(43));
    assert_eq!(digests.add_line(zeros.as_bytes()), Err(DigestError));
    assert_eq!(digests, before);
}

#[test]
fn preferences() {
    let (sha256, sha512) = (Some(Algorithm::Sha256), Some(Algorithm::Sha512));
    for (line, expected) in [
        ("sha-256=1", sha256),
        ("sha-256=3, sha-512=10, unixsum=0", sha512),
        ("sha-512=3, sha-256=10", sha256),
        ("sha-512=3, sha-256=3", sha256),
        ("sha-256=0", None),
        ("sha-256=0, sha-512=1", sha512),
        ("md5=10", None),
        ("", None),
        ("sha-256", None),
        ("sha-256=11", None),
        ("sha-256=-1", None),
        ("sha-256=1.5", None),
        ("sha-256=1, ", None), // blanks at the end are dropped, the comma is not
    ] {
        assert_eq!(wanted_digest(line.as_bytes()), expected, "{line}");
    }
}

#[test]
fn writing() {
    let mut line = Vec::new();
    write_digest(
        Algorithm::Sha256,
        &read(&format!("sha-256=:{HELLO}:")).unwrap().sha256.unwrap(),
        &mut line,
    );
    assert_eq!(line, format!("sha-256=:{HELLO}:").as_bytes());
}

proptest! {
    #[test]
    fn any_bytes_are_fields(data in prop::collection::vec(any::<u8>(), 0..100)) {
        crate::fuzz::fields(&data);
    }

    #[test]
    fn any_text_is_a_field(text in "\\PC{0,60}") {
        crate::fuzz::fields(text.as_bytes());
    }

    #[test]
    fn nearly_dictionaries_are_fields(text in "[-a0-9=:;,()\"\\\\?@% .*+/]{0,40}") {
        crate::fuzz::fields(text.as_bytes());
    }
}
