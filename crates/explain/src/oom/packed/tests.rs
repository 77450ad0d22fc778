//! Formats by their first bytes, and bounds.
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(bytes: Vec<u8>, most: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    plain(Box::new(Cursor::new(bytes)), most)?.unwrap().read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn gzip_is_read_and_bounded() {
    let text = b"a line\nanother\n".repeat(1000);
    assert_eq!(unpacked(zipped(&text), 1 << 20).unwrap(), text);
    // Parts that follow each other, as logrotate's copies may have.
    let two = [zipped(b"one\n"), zipped(b"two\n")].concat();
    assert_eq!(unpacked(two, 1 << 20).unwrap(), b"one\ntwo\n");
    assert!(unpacked(zipped(&text), 100).is_err());
    let mut cut = zipped(&text);
    cut.truncate(cut.len() / 2);
    assert!(unpacked(cut, 1 << 20).is_err());
    assert_eq!(unpacked(b"\x1f".to_vec(), 10).unwrap(), b"\x1f");
    assert_eq!(unpacked(Vec::new(), 10).unwrap(), b"");
}

#[test]
fn other_formats_are_named_with_the_command_that_helps() {
    let of = |bytes: &[u8]| plain(Box::new(Cursor::new(bytes.to_vec())), 1).unwrap().err();
    assert_eq!(of(b"\xfd7zXZ\0\0"), Some(Packed::Xz));
    assert_eq!(of(b"\x28\xb5\x2f\xfdrest"), Some(Packed::Zstd));
    assert_eq!(of(b"BZh91AY"), Some(Packed::Bzip2));
    assert_eq!(of(b"LPKSHHRH...."), Some(Packed::Journal));
    assert_eq!(of(b"Mar 15 03:00"), None);
    assert_eq!(Packed::Xz.hint("/var/log/a.xz"), "xzcat /var/log/a.xz | menshen explain oom -");
    assert_eq!(Packed::Zstd.hint("it's"), r"zstdcat 'it'\''s' | menshen explain oom -");
}
