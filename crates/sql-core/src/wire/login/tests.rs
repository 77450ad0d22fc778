//! Tests of `wire::login`.

use alloc::format;

use proptest::prelude::*;

use super::*;
use crate::wire::captured::{bytes, named};

fn login(payload: &[u8]) -> Login {
    match parse(payload) {
        Ok(First::Login(login)) => login,
        other => panic!("{other:?}"),
    }
}

#[test]
fn logins_of_clients() {
    let captured = named("login");
    let read = login(&captured.command);
    assert_eq!((&read.user[..], &read.answer[..]), (&b"root"[..], &b""[..]));
    assert_eq!(read.database.as_deref(), Some(&b"t"[..]));
    assert_eq!(read.plugin.as_deref(), Some(super::super::auth::NATIVE));
    assert_eq!((read.capabilities, read.charset), (captured.capabilities, 45));
    let named = named("login attributes");
    let with = login(&named.command);
    let attributes: Vec<_> = with.attributes().collect();
    assert_eq!(attributes, [(&b"_client_name"[..], &b"probe123"[..])]);
    for (read, payload) in [(read, &captured.command), (with, &named.command)] {
        let mut again = Vec::new();
        read.encode(&mut again);
        assert_eq!(again, *payload);
    }
}

#[test]
fn a_request_for_tls_is_a_login_without_its_end() {
    let request = &named("login").command[..32];
    assert!(parse(request).is_err(), "without the capability it is a login cut short");
    let mut request = request.to_vec();
    request[1] |= 8;
    let Ok(First::Tls(read)) = parse(&request) else { panic!("no request") };
    let mut again = Vec::new();
    read.encode(&mut again);
    assert_eq!(again, request);
    let tls = login(&named("login").command).tls_request();
    assert_eq!(tls, read);
}

#[test]
fn mysql_capability_means_no_mariadb_capabilities() {
    let mut payload = named("login").command;
    payload[0] |= 1;
    assert_eq!(login(&payload).capabilities.high(), 0);
}

#[test]
fn answers_have_three_forms() {
    let head = "00000001 2d00 000000000000000000000000000000000000 00000000 7500";
    // SECURE_CONNECTION: a length byte; with PLUGIN_AUTH_LENENC a length; without either a NUL.
    for (low, rest) in
        [("00820000", "03 616263"), ("00822000", "03 616263"), ("00020000", "616263 00")]
    {
        let payload = bytes(&format!("{low}{head}{rest}"));
        let read = login(&payload);
        assert_eq!(read.answer, b"abc");
        let mut again = Vec::new();
        read.encode(&mut again);
        assert_eq!(again, payload);
    }
    // 300 bytes, as caching_sha2_password's successors may send.
    let long = Login { answer: [7; 300].to_vec(), ..login(&bytes(&format!("00822000{head}00"))) };
    let mut out = Vec::new();
    long.encode(&mut out);
    assert_eq!(login(&out).answer.len(), 300);
}

#[test]
fn old_and_short_logins_are_refused() {
    assert_eq!(parse(&bytes("0582 000001 726f6f7400")), Err(Malformed("cut short")));
    assert_eq!(parse(&bytes("05800000 01000000")), Err(Malformed("login of before 4.1")));
    let mut payload = named("login attributes").command;
    payload.pop();
    assert!(parse(&payload).is_err(), "attributes longer than what is there");
}

#[test]
fn the_answer_is_not_shown() {
    let mut read = login(&named("login").command);
    read.answer = b"secret".to_vec();
    let shown = format!("{read:?}");
    assert!(!shown.contains("secret") && !shown.contains("115"), "{shown}");
}

proptest! {
    #[test]
    fn logins_come_back(
        low: u32, high: u32, user in "[^\0]{0,9}", answer in prop::collection::vec(1_u8.., 0..60),
        database in "[^\0]{0,9}", plugin in "[^\0]{0,9}", attributes: Option<Vec<u8>>,
    ) {
        let low = (low | Capabilities::PROTOCOL_41.low()) & !Capabilities::ZSTD.low();
        let capabilities = Capabilities::from_halves(low, high);
        let has = |capability| capabilities.has(capability);
        let attributes = attributes.filter(|_| has(Capabilities::CONNECT_ATTRS));
        let login = Login {
            capabilities,
            message_max: 1 << 24,
            charset: 255,
            user: user.into_bytes(),
            answer,
            database: has(Capabilities::CONNECT_WITH_DB).then(|| database.into_bytes()),
            plugin: has(Capabilities::PLUGIN_AUTH).then(|| plugin.into_bytes()),
            attributes,
            rest: Vec::new(),
        };
        let mut out = Vec::new();
        login.encode(&mut out);
        prop_assert_eq!(parse(&out), Ok(First::Login(login)));
    }

    #[test]
    fn any_bytes_are_a_login_or_not(data: Vec<u8>) {
        crate::fuzz::login(&data);
        let mut login = named("login attributes").command;
        login.truncate(32);
        login.extend_from_slice(&data);
        crate::fuzz::login(&login);
    }
}
