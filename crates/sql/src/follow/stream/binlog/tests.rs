//! MySQL's sets of GTIDs as bytes, and compressed statements.

use super::{gtid_set, inflate};

#[test]
fn sets_are_encoded_as_intervals_with_ends_excluded() {
    let text = "01020304-0506-0708-090a-0b0c0d0e0f10:1-5:7";
    let uuid: Vec<u8> = (1..=16).collect();
    let number = |value: u64| value.to_le_bytes().to_vec();
    let wanted = [number(1), uuid, number(2), number(1), number(6), number(7), number(8)].concat();
    assert_eq!(gtid_set(text), Some(wanted));
    assert_eq!(gtid_set(""), Some(number(0)));
    assert_eq!(gtid_set("01020304-0506-0708-090a-0b0c0d0e0f10:tag:1"), None);
}

#[test]
fn a_text_of_another_length_than_said_is_refused() {
    use std::io::Write as _;
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"delete from t").unwrap();
    let packed = packed.finish().unwrap();
    assert_eq!(inflate(&packed, 13).as_deref(), Some(&b"delete from t"[..]));
    assert_eq!(inflate(&packed, 12), None);
    assert_eq!(inflate(&packed, 14), None);
    assert_eq!(inflate(&packed, usize::MAX), None);
}
