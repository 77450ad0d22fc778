//! Elements, lengths and times.

use proptest::prelude::*;

use super::*;

#[test]
fn elements_come_out_as_they_went_in() {
    for size in [0, 1, 127, 128, 255, 256, 70_000] {
        let content = vec![7; size];
        let bytes = wrap(SEQUENCE, &content);
        let mut reader = Reader::new(&bytes);
        let element = reader.expect(SEQUENCE).unwrap();
        assert_eq!((element.content, element.whole), (&content[..], &bytes[..]));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&bytes[..bytes.len() - 1]).next(), None);
    }
    assert_eq!(Reader::new(&[0x30, 0x80, 0, 0]).next(), None, "indefinite length");
    assert_eq!(Reader::new(&[0x30, 0x85, 0, 0, 0, 0, 0]).next(), None);
    assert_eq!(Reader::new(&[0x1f, 1, 0]).next(), None);
}

#[test]
fn times_are_read() {
    let at = |tag, text: &str| {
        let bytes = wrap(tag, text.as_bytes());
        time(&Reader::new(&bytes).next().unwrap())
    };
    assert_eq!(at(UTC_TIME, "700101000000Z"), Some(0));
    assert_eq!(at(UTC_TIME, "000229120000Z"), Some(951_825_600));
    assert_eq!(at(GENERALIZED_TIME, "20260315000001Z"), Some(1_773_532_801));
    for bad in ["20260315000001", "202603150000Z", "20261315000000Z", "2026031500000aZ"] {
        assert_eq!(at(GENERALIZED_TIME, bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = Reader::new(&bytes);
        while let Some(element) = reader.next() {
            let _ = time(&element);
            let _ = element.inside().next();
        }
    }
}
