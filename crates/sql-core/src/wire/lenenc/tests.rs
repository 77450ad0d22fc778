//! Tests of `wire::lenenc`.

use proptest::prelude::*;

use super::*;

#[test]
fn integers_have_four_forms() {
    for (value, bytes) in [
        (0, &[0][..]),
        (250, &[250]),
        (251, &[0xfc, 251, 0]),
        (0xffff, &[0xfc, 0xff, 0xff]),
        (0x1_0000, &[0xfd, 0, 0, 1]),
        (0xff_ffff, &[0xfd, 0xff, 0xff, 0xff]),
        (0x100_0000, &[0xfe, 0, 0, 0, 1, 0, 0, 0, 0]),
        (u64::MAX, &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        let mut out = Vec::new();
        push_int(&mut out, value);
        assert_eq!(out, bytes);
        let mut fields = Fields::new(bytes);
        assert_eq!((fields.int(), fields.is_empty()), (Ok(value), true));
        for short in 0..bytes.len() {
            assert!(Fields::new(&bytes[..short]).int().is_err());
        }
    }
    assert!(Fields::new(&[0xfb]).int().is_err() && Fields::new(&[0xff, 0, 0]).int().is_err());
}

#[test]
fn a_length_beyond_the_end_is_refused() {
    for bytes in [&[3, b'a', b'b'][..], &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1]] {
        assert_eq!(Fields::new(bytes).string(), Err(SHORT));
    }
    assert_eq!(Fields::new(b"ab").until_nul(), Err(SHORT));
    assert_eq!(Fields::new(b"ab").until_nul_or_end(), b"ab");
}

#[test]
fn strings_with_a_nul_are_cut_at_it() {
    let mut out = Vec::new();
    push_nul(&mut out, b"root\0'; evil");
    assert_eq!(out, b"root\0");
}

proptest! {
    #[test]
    fn values_come_back(values: Vec<Option<Vec<u8>>>, numbers: Vec<u64>) {
        let mut out = Vec::new();
        values.iter().for_each(|value| push_value(&mut out, value.as_deref()));
        numbers.iter().for_each(|number| push_int(&mut out, *number));
        let mut fields = Fields::new(&out);
        for value in &values {
            prop_assert_eq!(fields.value(), Ok(value.as_deref()));
        }
        for number in &numbers {
            prop_assert_eq!(fields.int(), Ok(*number));
        }
        prop_assert!(fields.is_empty());
    }
}
