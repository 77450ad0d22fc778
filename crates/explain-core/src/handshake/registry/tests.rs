//! Tables in order, and names that are often asked for.

use super::*;

#[test]
fn tables_are_sorted_so_that_every_row_is_found() {
    for table in [suites::SUITES, GROUPS, SCHEMES, EXTENSIONS] {
        assert!(table.is_sorted_by(|left, right| left.0 < right.0));
        for (code, name) in table {
            assert_eq!(find(table, *code), *name);
        }
    }
}

#[test]
fn names_as_registered() {
    assert_eq!(suite(0xc02f).name, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    assert_eq!(suite(0x1301).name, "TLS_AES_128_GCM_SHA256");
    assert_eq!(suite(0x0a0a).name, "GREASE");
    assert_eq!(suite(0xfefe).name, "0xfefe");
    assert_eq!(group(0x11ec).name, "X25519MLKEM768");
    assert_eq!(scheme(0x0402).name, "dsa_sha256");
    assert_eq!(version(0x7f1c).name, "TLS 1.3 draft 28");
    assert_eq!(extension(0xfe0d), "encrypted_client_hello");
    assert_eq!(alert(48).name, "unknown_ca");
}

#[test]
fn the_key_share_of_a_hybrid_is_its_halves() {
    let bytes: usize = hybrid(0x11ec).iter().map(|half| half.client_bytes).sum();
    assert_eq!(bytes, 1216);
    assert!(hybrid(0x001d).is_empty());
}
