//! tus 1.0.0, "Upload-Checksum".

use super::*;

#[test]
fn a_name_a_space_and_base64_of_its_length() {
    // Of `hello world`, as the text has it.
    let checksum = Checksum::parse(b"sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=").unwrap();
    assert_eq!(checksum.kind, ChecksumKind::Sha1);
    assert_eq!(checksum.bytes[..4], [0x2a, 0xae, 0x6c, 0x35]);
    assert_eq!(Checksum::parse(b"crc32 DUoRhQ==").unwrap().bytes, [0x0d, 0x4a, 0x11, 0x85]);
    for kind in ChecksumKind::ALL {
        let mut text = kind.word().as_bytes().to_vec();
        text.push(b' ');
        let name = text.len();
        base64::encode(&[7; 40][..kind.bytes()], &mut text);
        assert_eq!(Checksum::parse(&text).unwrap().kind, kind);
        for bytes in [kind.bytes() - 1, kind.bytes() + 1, 40] {
            text.truncate(name);
            base64::encode(&[7; 40][..bytes], &mut text);
            assert_eq!(Checksum::parse(&text), Err(Refusal::Malformed("upload-checksum")));
        }
    }
}

#[test]
fn others_are_unknown_or_malformed() {
    assert_eq!(Checksum::parse(b"sha3 AAAA"), Err(Refusal::ChecksumKind));
    for text in ["", "sha1", "sha1Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 ", "sha1 *"] {
        let result = Checksum::parse(text.as_bytes());
        assert_eq!(result, Err(Refusal::Malformed("upload-checksum")), "{text}");
    }
}
