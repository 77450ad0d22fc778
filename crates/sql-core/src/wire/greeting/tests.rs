//! Tests of `wire::greeting`.

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{bytes, named};
use crate::wire::{ErrPacket, packet};

/// A greeting made from MySQL 8's documented layout: capabilities 0xdfffffff,
/// caching_sha2_password.
const MYSQL_8: &str = "0a 382e302e3336 00 08000000 0102030405060708 00 ffff ff 0200 ffdf 15
    00000000000000000000 0910111213141516171819 20 00
    63616368696e675f736861325f70617373776f7264 00";

#[test]
fn a_greeting_of_mariadb() {
    let captured = named("greeting");
    let payload = packet::first(&captured.reply).unwrap().payload;
    let greeting = Greeting::parse(payload).unwrap();
    assert_eq!(greeting.version, b"5.5.5-10.11.19-MariaDB-0+deb12u1");
    assert!(greeting.is_mariadb());
    assert_eq!((greeting.scramble.len(), &greeting.plugin[..]), (20, super::super::auth::NATIVE));
    let extended = Capabilities::PROGRESS
        | Capabilities::BULK
        | Capabilities::EXTENDED_METADATA
        | Capabilities::CACHE_METADATA;
    assert_eq!(greeting.capabilities.high(), extended.high());
    assert!(greeting.status.has(Status::AUTOCOMMIT));
    let mut again = Vec::new();
    greeting.encode(&mut again);
    assert_eq!(again, payload);
}

#[test]
fn a_greeting_of_mysql_8() {
    let payload = bytes(MYSQL_8);
    let greeting = Greeting::parse(&payload).unwrap();
    assert_eq!((&greeting.version[..], greeting.is_mariadb()), (&b"8.0.36"[..], false));
    assert_eq!(greeting.plugin, super::super::auth::CACHING_SHA2);
    assert_eq!((greeting.scramble.len(), greeting.scramble[19]), (20, 0x20));
    assert_eq!((greeting.capabilities.low(), greeting.capabilities.high()), (0xdfff_ffff, 0));
    let mut again = Vec::new();
    greeting.encode(&mut again);
    assert_eq!(again, payload);
}

#[test]
fn what_cannot_be_relayed_is_not_offered() {
    let unwanted = [
        Capabilities::COMPRESS,
        Capabilities::ZSTD,
        Capabilities::QUERY_ATTRIBUTES,
        Capabilities::OPTIONAL_METADATA,
        Capabilities::CACHE_METADATA,
        Capabilities::COM_MULTI,
    ];
    for payload in [bytes(MYSQL_8), named("greeting").reply[4..].to_vec()] {
        let greeting = Greeting::parse(&payload).unwrap();
        let (plain, tls) = (greeting.offered(Tls::Absent), greeting.offered(Tls::Offered));
        for capability in unwanted {
            assert!(!plain.has(capability) && !tls.has(capability), "{capability:?}");
        }
        assert!(!plain.has(Capabilities::SSL) && tls.has(Capabilities::SSL));
        let wanted = Capabilities::DEPRECATE_EOF
            | Capabilities::SESSION_TRACK
            | Capabilities::PLUGIN_AUTH
            | Capabilities::CONNECT_ATTRS
            | Capabilities::MULTI_STATEMENTS
            | Capabilities::LOCAL_FILES;
        assert!(plain.has(wanted));
        let mut out = Vec::new();
        greeting.clone().with(plain).encode(&mut out);
        let masked = Greeting::parse(&out).unwrap();
        assert_eq!((masked.capabilities, &masked.scramble), (plain, &greeting.scramble));
    }
}

#[test]
fn a_greeting_of_a_server_without_plugins() {
    // As 5.1: no length of the scramble, 13 bytes of it.
    let payload = bytes(
        "0a 352e312e3733 00 08000000 0102030405060708 00 ffb7 08 0200 0000 00
         00000000000000000000 091011121314151617181920 00",
    );
    let greeting = Greeting::parse(&payload).unwrap();
    assert_eq!((greeting.scramble.len(), greeting.plugin.len()), (20, 0));
    let mut again = Vec::new();
    greeting.encode(&mut again);
    assert_eq!(again, payload);
    // A length of 0 means the same where plugins are named.
    let mut payload = bytes(MYSQL_8);
    payload[28] = 0;
    let greeting = Greeting::parse(&payload).unwrap();
    assert_eq!(greeting.plugin, super::super::auth::CACHING_SHA2);
}

#[test]
fn refusals_and_other_protocols() {
    let refused = bytes("ff 1004 546f6f206d616e7920636f6e6e656374696f6e73");
    assert_eq!(Greeting::parse(&refused), Err(GreetingError::Refused));
    let error = ErrPacket::parse_early(&refused).unwrap();
    assert_eq!((error.code, error.message), (1040, &b"Too many connections"[..]));
    assert_eq!(Greeting::parse(&[9, 0]), Err(GreetingError::Version(9)));
    let whole = bytes(MYSQL_8);
    for len in 0..whole.len() - 22 {
        assert!(Greeting::parse(&whole[..len]).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn a_greeting_with_faults_is_read_and_written(
        at: prop::sample::Index, value: u8, cut: prop::sample::Index,
    ) {
        for payload in [bytes(MYSQL_8), named("greeting").reply[4..].to_vec()] {
            let mut payload = payload;
            let at = at.index(payload.len());
            payload[at] = value;
            crate::fuzz::login(&payload);
            payload.truncate(cut.index(payload.len()));
            crate::fuzz::login(&payload);
        }
    }
}
