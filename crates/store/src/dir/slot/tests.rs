//! Tests of the format of records.

use proptest::prelude::*;

use super::*;
use crate::{Id, Stored};

fn slot() -> Slot {
    let mut record = Record::new(Id::derived(&[b"x"]), 1, 2);
    record.metadata = (0..=255).collect();
    record.owner = Some([0xab; 32]);
    record.stage = Stage::Answered(Stored { status: 200, fields: vec![], body: vec![0, 255] });
    Slot { number: 7, tail: Some(Tail { start: 5, crc: 9 }), record }
}

#[test]
fn a_record_reads_back() {
    let bytes = slot().encode().unwrap();
    assert_eq!(Slot::decode(&bytes), Some(slot()));
    assert_eq!(Slot::rest(&bytes[..HEADER_BYTES]), Some(bytes.len() - HEADER_BYTES));
}

#[test]
fn a_record_with_one_other_byte_is_none() {
    let bytes = slot().encode().unwrap();
    for at in 0..bytes.len() {
        let mut torn = bytes.clone();
        torn[at] ^= 1;
        assert_eq!(Slot::decode(&torn), None, "{at}");
        assert_eq!(Slot::decode(&bytes[..at]), None);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(Slot::decode(&bytes), None);
        let with_magic = [MAGIC.as_slice(), &bytes].concat();
        prop_assert_eq!(Slot::decode(&with_magic), None);
        let _ = crate::dir::cell::Cell::decode(&bytes, [0; 16]);
    }
}
