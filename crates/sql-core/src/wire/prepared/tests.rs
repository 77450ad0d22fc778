//! Tests of `wire::prepared`.

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{bytes, named};
use crate::wire::command::Command;

const HEAD: PreparedHead = PreparedHead { statement: 1, columns: 2, parameters: 2, warnings: 0 };
const TEXT: &[u8] = b"select * from t1 where id > ? and id < ?";

fn prepared() -> Prepared {
    let mut prepared = Prepared::new(1000);
    prepared.prepared(HEAD, TEXT);
    prepared
}

fn execute(payload: &[u8]) -> Execute<'_> {
    match Command::parse(payload) {
        Command::Execute(execute) => execute,
        other => panic!("{other:?}"),
    }
}

fn key(prepared: &mut Prepared, payload: &[u8]) -> Result<Vec<u8>, NoKey> {
    let mut out = Vec::new();
    prepared.key(&execute(payload), &mut out).map(|()| out)
}

fn forward(prepared: &mut Prepared, payload: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match prepared.forward(&execute(payload), &mut out) {
        Forward::AsIs => None,
        Forward::Rewritten => Some(out),
    }
}

#[test]
fn types_are_remembered() {
    let mut prepared = prepared();
    let (first, again) = (named("eof execute").command, named("eof execute again").command);
    assert_eq!(key(&mut prepared, &again), Err(NoKey::Malformed), "no types yet");
    let one = key(&mut prepared, &first).unwrap();
    assert_eq!(key(&mut prepared, &again), Ok(one.clone()));
    // Other types of the same bytes are another key.
    let other = bytes("17010000000001000000 00 01 0380 0300 00000000 0a000000");
    assert_ne!(key(&mut prepared, &other), Ok(one.clone()));
    assert_ne!(key(&mut prepared, &again), Ok(one), "the new types hold");
}

#[test]
fn types_the_server_has_not_seen_are_sent() {
    let mut prepared = prepared();
    let (first, again) = (named("eof execute").command, named("eof execute again").command);
    key(&mut prepared, &first).unwrap();
    assert!(prepared.lacks_types(1));
    // The first was answered from the cache; the second is forwarded.
    assert_eq!(forward(&mut prepared, &again), Some(first.clone()));
    assert!(!prepared.lacks_types(1));
    assert_eq!(forward(&mut prepared, &again), None, "the server knows them now");
    // Other types, seen by the cache only: the next one carries them.
    let other = bytes("17010000000001000000 00 01 0380 0300 00000000 0a000000");
    key(&mut prepared, &other).unwrap();
    assert_eq!(forward(&mut prepared, &again), Some(other));
}

#[test]
fn types_the_client_sends_are_not_sent_twice() {
    let mut prepared = prepared();
    let (first, again) = (named("eof execute").command, named("eof execute again").command);
    assert_eq!(forward(&mut prepared, &first), None);
    key(&mut prepared, &first).unwrap();
    assert_eq!(forward(&mut prepared, &again), None);
}

#[test]
fn bulk_executions_carry_missing_types() {
    let mut prepared = prepared();
    let first = named("eof execute").command;
    key(&mut prepared, &first).unwrap();
    let bulk = |flags| Bulk { statement: 1, flags, body: b"rows" };
    let mut out = Vec::new();
    assert_eq!(prepared.forward_bulk(&bulk(64), &mut out), Forward::Rewritten);
    assert_eq!(out, bytes("fa 01000000 c000 0300 0300 726f7773"));
    assert_eq!(prepared.forward_bulk(&bulk(64), &mut out), Forward::AsIs);
    key(&mut prepared, &bytes("17010000000001000000 00 01 0500 0500 00000000")).unwrap();
    let with = Bulk { statement: 1, flags: BULK_TYPES, body: &[3, 0, 3, 0, 1] };
    assert_eq!(prepared.forward_bulk(&with, &mut out), Forward::AsIs);
    assert!(!prepared.lacks_types(1));
}

#[test]
fn cursors_and_long_data_are_forwarded() {
    let mut prepared = prepared();
    let first = named("eof execute").command;
    assert!(key(&mut prepared, &first).is_ok());
    let cursor = named("eof execute cursor").command;
    assert_eq!(key(&mut prepared, &cursor), Err(NoKey::Cursor));
    forward(&mut prepared, &cursor);
    prepared.opened_cursor(1);
    assert_eq!(key(&mut prepared, &first), Err(NoKey::Cursor), "it must be closed");
    forward(&mut prepared, &first);
    assert!(key(&mut prepared, &first).is_ok());
    prepared.long_data(1);
    assert_eq!(key(&mut prepared, &first), Err(NoKey::LongData));
    prepared.reset(1);
    assert!(key(&mut prepared, &first).is_ok());
    prepared.long_data(1);
    forward(&mut prepared, &first);
    assert!(key(&mut prepared, &first).is_ok());
}

#[test]
fn the_statement_prepared_last_has_a_number_of_its_own() {
    let mut prepared = prepared();
    let direct = bytes("17ffffffff0001000000 00 01 0300 0300 00000000 0a000000");
    let first = named("eof execute").command;
    assert_eq!(key(&mut prepared, &direct), key(&mut prepared, &first));
    prepared.failed();
    assert_eq!(key(&mut prepared, &direct), Err(NoKey::Unknown));
    prepared.prepared(PreparedHead { statement: 2, ..HEAD }, b"other");
    assert_ne!(key(&mut prepared, &direct), key(&mut prepared, &first));
    prepared.close(2);
    assert_eq!(key(&mut prepared, &direct), Err(NoKey::Unknown));
    assert!(key(&mut prepared, &first).is_ok());
    prepared.clear();
    assert!(prepared.is_empty() && key(&mut prepared, &first) == Err(NoKey::Unknown));
}

#[test]
fn texts_are_bounded() {
    let mut prepared = Prepared::new(10);
    for statement in 0..5 {
        prepared.prepared(PreparedHead { statement, parameters: 0, ..HEAD }, b"do 1");
    }
    let kept = |prepared: &Prepared| {
        (0..5).filter(|id| prepared.get(*id).is_some_and(|known| known.text.is_some())).count()
    };
    assert_eq!((kept(&prepared), prepared.len()), (2, 5));
    assert_eq!(key(&mut prepared, &bytes("17 04000000 00 01000000")), Err(NoKey::Unknown));
    prepared.close(0);
    prepared.prepared(PreparedHead { statement: 4, parameters: 0, ..HEAD }, b"do 2");
    assert_eq!(kept(&prepared), 2);
    assert!(key(&mut prepared, &bytes("17 04000000 00 01000000")).is_ok());
}

#[test]
fn executions_cut_short_have_no_key() {
    let whole = bytes("17010000000001000000 00 01 0300 0300");
    for len in 10..whole.len() {
        assert_eq!(key(&mut prepared(), &whole[..len]), Err(NoKey::Malformed), "{len}");
    }
    assert!(key(&mut prepared(), &whole).is_ok());
}

#[test]
fn a_text_cannot_pass_for_parameters() {
    let mut prepared = Prepared::new(100);
    prepared.prepared(PreparedHead { parameters: 1, ..HEAD }, b"a");
    prepared.prepared(PreparedHead { statement: 2, parameters: 0, ..HEAD }, b"a\x01\0\x03\0\0");
    let one = key(&mut prepared, &bytes("17010000000001000000 00 01 0300 0000")).unwrap();
    let two = key(&mut prepared, &bytes("17020000000001000000")).unwrap();
    assert_ne!(one, two);
    assert_eq!(one[4..], two[4..], "they differ in the length of the text alone");
}

proptest! {
    #[test]
    fn any_commands_in_any_order(commands in prop::collection::vec(
        (prop::sample::select(&[0x16_u8, 0x17, 0x18, 0x19, 0x1a, 0x1c, 0xfa, 0x17, 0x00][..]),
         prop::collection::vec(0_u8..3, 0..24)), 0..30))
    {
        let mut data = Vec::new();
        for (code, rest) in commands {
            data.push(u8::try_from(rest.len() + 1).unwrap());
            data.push(code);
            data.extend_from_slice(&rest);
        }
        crate::fuzz::prepared(&data);
    }

    #[test]
    fn different_executions_have_different_keys(
        a in (prop::collection::vec(0_u8..2, 0..4), prop::collection::vec(0_u8..2, 0..5)),
        b in (prop::collection::vec(0_u8..2, 0..4), prop::collection::vec(0_u8..2, 0..5)),
    ) {
        let keyed = |(text, values): &(Vec<u8>, Vec<u8>)| {
            let mut prepared = Prepared::new(100);
            prepared.prepared(PreparedHead { parameters: 1, ..HEAD }, text);
            let mut payload = bytes("17010000000001000000 00 01 0300");
            payload.extend_from_slice(values);
            key(&mut prepared, &payload).unwrap()
        };
        prop_assert_eq!(keyed(&a) == keyed(&b), a == b);
    }
}
