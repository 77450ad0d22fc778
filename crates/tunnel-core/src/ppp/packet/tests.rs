//! Lengths that lie, lists that do not end, and any octets.

use proptest::prelude::*;

use super::*;

#[test]
fn padding_is_left_out_and_a_length_that_lies_is_refused() {
    let packet = Packet::parse(&[1, 0, 0, 6, 9, 9, 7, 7]).unwrap();
    assert_eq!(packet, Packet { code: Code::CONFIGURE_REQUEST, id: 0, data: &[9, 9] });
    for octets in [&[1, 1, 0][..], &[1, 1, 0, 3], &[1, 1, 0, 5], &[1, 1, 0xFF, 0xFF, 0]] {
        assert_eq!(Packet::parse(octets), None, "{octets:?}");
    }
}

#[test]
fn a_list_with_a_length_of_nought_or_one_ends_and_is_not_whole() {
    for octets in [&[1, 0, 1, 0][..], &[1, 1, 2, 2], &[5, 2, 5], &[5, 6, 1, 2]] {
        let choices = Choices::new(octets);
        assert!(!choices.is_whole(), "{octets:?}");
        assert!(choices.count() <= 1);
    }
    assert!(Choices::new(&[]).is_whole());
    assert!(Choices::new(&[7, 2, 8, 2, 1, 4, 5, 0xDC]).is_whole());
}

#[test]
fn a_value_too_long_is_cut_and_stays_readable() {
    let mut out = Vec::new();
    push_option(9, &[&[1; 300]], &mut out);
    assert_eq!(Choices::new(&out).next().unwrap().value.len(), 253);
    assert!(Choices::new(&out).is_whole());
}

proptest! {
    #[test]
    fn packets_are_read_back(code: u8, id: u8, data: Vec<u8>, padding: Vec<u8>) {
        let mut out = Vec::new();
        push(Code(code), id, &data, &mut out);
        out.extend_from_slice(&padding);
        prop_assert_eq!(Packet::parse(&out), Some(Packet { code: Code(code), id, data: &data }));
    }

    #[test]
    fn lists_are_written_back_as_far_as_they_are_whole(data: Vec<u8>) {
        let mut again = Vec::new();
        Choices::new(&data).for_each(|choice| choice.push(&mut again));
        prop_assert!(data.starts_with(&again));
        prop_assert_eq!(Choices::new(&data).is_whole(), again.len() == data.len());
    }
}
