//! Tests of `checks`.

use menshen_upload_core::Checksum;
use menshen_web_core::fields::Digests;

use super::*;

#[test]
fn what_is_promised_is_compared() {
    // Known digests of "hello world".
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..][..2], 16).unwrap())
            .collect()
    };
    let known = [
        (ChecksumKind::Crc32, "0d4a1185"),
        (ChecksumKind::Md5, "5eb63bbbe01eeed093cb22bb8f5acdc3"),
        (ChecksumKind::Sha1, "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"),
        (ChecksumKind::Sha256, "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"),
    ];
    for (kind, digest) in known {
        let checks =
            |bytes| Checks { checksum: Some(Checksum { kind, bytes }), ..Checks::default() };
        let mut checking = Checking::new(&checks(hex(digest)));
        assert!(checking.any());
        checking.update(b"hello ");
        checking.update(b"world");
        assert!(checking.hold(), "{kind:?}");
        let mut wrong = Checking::new(&checks(hex(digest)));
        wrong.update(b"hello worlD");
        assert!(!wrong.hold(), "{kind:?}");
    }
    let sha256 = hex(known[3].1).try_into().ok();
    let content = Digests { sha256, ..Digests::default() };
    let mut checking = Checking::new(&Checks { content, ..Checks::default() });
    checking.update(b"hello world");
    assert!(checking.hold());
    assert!(!Checking::new(&Checks::default()).any());
}
