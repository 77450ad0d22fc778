//! Tests of the wire between keeper and guard.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn message() -> impl Strategy<Value = Message> {
    let part = || vec(any::<u8>(), 1..300);
    prop_oneof![
        (any::<u32>(), part(), part()).prop_map(|(order, chain_pem, key_pem)| {
            Message::Certificate { order, chain_pem, key_pem }
        }),
        (any::<u32>(), part())
            .prop_map(|(directory, credentials)| Message::Account { directory, credentials }),
        (any::<u32>(), part()).prop_map(|(order, json)| Message::Note { order, json }),
    ]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_messages_back(
        messages in vec(message(), 0..6),
        chunk in 1_usize..200,
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|one| one.encode().unwrap()).collect();
        let mut reader = MessageReader::default();
        let mut read = Vec::new();
        for chunk in bytes.chunks(chunk) {
            read.extend(reader.push(chunk).unwrap());
        }
        prop_assert_eq!(read, messages);
        prop_assert!(reader.is_between_messages());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..2000), chunk in 1_usize..100) {
        let mut reader = MessageReader::default();
        for chunk in bytes.chunks(chunk) {
            if let Err(error) = reader.push(chunk) {
                prop_assert_eq!(reader.push(&[NOTE]), Err(error));
                prop_assert!(!reader.is_between_messages());
            }
            prop_assert!(reader.buffer.len() <= bytes.len());
        }
    }

    #[test]
    fn plausible_heads_are_read_or_refused(
        kind in 0_u8..5, lengths in any::<[u16; 2]>(), tail in vec(any::<u8>(), 0..400),
    ) {
        let mut bytes = vec![kind, 0, 0, 0, 0];
        for length in lengths {
            bytes.extend_from_slice(&u32::from(length % 128).to_le_bytes());
        }
        bytes.extend_from_slice(&tail);
        let _ = MessageReader::default().push(&bytes);
    }
}

#[test]
fn an_announced_length_is_refused_before_its_bytes_come() {
    for (kind, bound) in
        [(CERTIFICATE, CHAIN_BYTES_MAX), (ACCOUNT, ACCOUNT_BYTES_MAX), (NOTE, NOTE_BYTES_MAX)]
    {
        let second = u32::from(kind == CERTIFICATE);
        let head = |length: usize| {
            let length = u32::try_from(length).unwrap();
            let words = [7, length, second].map(u32::to_le_bytes);
            [vec![kind], words.concat()].concat()
        };
        assert_eq!(MessageReader::default().push(&head(bound)), Ok(Vec::new()));
        let error = MessageError::Length { kind, bytes: bound + 1 };
        assert_eq!(MessageReader::default().push(&head(bound + 1)), Err(error));
    }
}

#[test]
fn a_second_part_where_none_belongs_is_refused() {
    let head = [[NOTE].as_slice(), &[0; 4], &1_u32.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    let error = MessageError::Length { kind: NOTE, bytes: 1 };
    assert_eq!(MessageReader::default().push(&head), Err(error));
}

#[test]
fn what_the_reader_would_refuse_is_not_sent() {
    let empty = Message::Note { order: 0, json: Vec::new() };
    assert_eq!(empty.encode(), Err(MessageError::Length { kind: NOTE, bytes: 0 }));
    let bytes = KEY_BYTES_MAX + 1;
    let long = Message::Certificate { order: 0, chain_pem: vec![1], key_pem: vec![0; bytes] };
    assert_eq!(long.encode(), Err(MessageError::Length { kind: CERTIFICATE, bytes }));
}

#[test]
fn a_wrong_kind_is_refused_at_its_first_byte() {
    assert_eq!(MessageReader::default().push(&[9]), Err(MessageError::Kind(9)));
}

#[test]
fn secrets_are_not_shown() {
    let key_pem = b"SECRET".to_vec();
    let message = Message::Certificate { order: 1, chain_pem: vec![0; 3], key_pem };
    assert_eq!(format!("{message:?}"), "Certificate(1, 3 + 6 bytes)");
}
