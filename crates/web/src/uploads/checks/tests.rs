//! Tests of `checks`.

use menshen_store::Running;

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
        let checksum = Some(Checksum { kind, bytes: hex(digest) });
        let promises = of_content(&Checks { checksum, ..Checks::default() });
        let mut running = Running::of(&promises);
        assert!(running.any());
        running.update(b"hello ");
        running.update(b"world");
        assert!(running.kept(), "{kind:?}");
        let mut wrong = Running::of(&promises);
        wrong.update(b"hello worlD");
        assert!(!wrong.kept(), "{kind:?}");
    }
    let sha256 = hex(known[3].1).try_into().ok();
    let content = Digests { sha256, ..Digests::default() };
    let mut running = Running::of(&of_content(&Checks { content, ..Checks::default() }));
    running.update(b"hello world");
    assert!(running.kept());
    assert!(!Running::of(&of_content(&Checks::default())).any());
}
