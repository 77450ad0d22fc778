//! Tests of `fields::encoding`.

use alloc::vec::Vec;

use super::*;

#[test]
fn accepted() {
    let (gzip, br, zstd) = (Encoding::Gzip, Encoding::Br, Encoding::Zstd);
    for (line, wanted) in [
        ("", &[][..]),
        ("gzip, deflate, br, zstd", &[gzip, br, zstd]),
        ("gzip, deflate", &[gzip]),
        ("GZIP", &[gzip]),
        ("x-gzip", &[gzip]),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", &[gzip, br, zstd]),
        ("*", &[gzip, br, zstd]),
        ("*;q=0", &[]),
        ("gzip;q=0", &[]),
        ("gzip;q=0, *", &[br, zstd]),
        ("*, gzip;q=0.000", &[br, zstd]),
        ("*;q=0, br", &[br]),
        ("*;q=0, *", &[]),
        ("gzip;q=0.001", &[gzip]),
        ("gzip;q=0, x-gzip", &[]),
        ("gzip ; q=0.5 , br ;Q=0", &[gzip]),
        ("gzip;q=2", &[]),
        ("gzip;q=", &[]),
        ("gzip;q=no", &[]),
        ("identity", &[]),
        ("identity;q=0", &[]),
        ("gzippy, brotli, \"gzip\"", &[]),
        (",,gzip,", &[gzip]),
        ("\u{e9}\0,br", &[br]),
    ] {
        let found = accepted_encodings(line.as_bytes());
        let all: Vec<_> = [gzip, br, zstd].into_iter().filter(|e| found.contains(*e)).collect();
        assert_eq!(all, wanted, "{line:?}");
        assert_eq!(found.is_empty(), wanted.is_empty());
    }
    assert!(Encodings::default().is_empty());
}
