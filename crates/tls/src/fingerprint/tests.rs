//! Tests of `fingerprint`.

use super::fingerprint;

#[test]
fn known_answer_of_sha256() {
    // FIPS 180-4 example: SHA-256("abc").
    assert_eq!(
        fingerprint(b"abc"),
        "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
         B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
    );
}
