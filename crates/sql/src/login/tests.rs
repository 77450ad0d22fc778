//! Logins through a door whose both peers are played: the documented exchanges of
//! `caching_sha2_password`, and what happens when somebody is gone or refuses.

use menshen_config::UpstreamTls;
use menshen_sql_core::wire::auth::{CACHING_SHA2, NATIVE};
use menshen_sql_core::wire::login::TlsRequest;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::sha2::Password;
use super::*;
use crate::fixture::{Played, SERVER, accept, certificate, hear, listen, open, run, say};

const SCRAMBLE: &[u8] = b"abcdefghijklmnopqrst";
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];
/// As [`OK`], with a change of the session: `autocommit` is `ON`.
const OK_TRACKED: &[u8] = b"\x00\x00\x00\x02\x40\x00\x00\x00\x10\x00\x0e\x0aautocommit\x02ON";

fn greeting(capabilities: Capabilities, plugin: &[u8]) -> Vec<u8> {
    let greeting = Greeting {
        version: b"8.0.36".to_vec(),
        thread_id: 77,
        capabilities,
        charset: 45,
        status: Status::AUTOCOMMIT,
        scramble: SCRAMBLE.to_vec(),
        plugin: plugin.to_vec(),
    };
    let mut payload = Vec::new();
    greeting.encode(&mut payload);
    payload
}

fn own_login(capabilities: Capabilities) -> Login {
    Login {
        capabilities,
        message_max: 1 << 24,
        charset: 45,
        user: b"anna".to_vec(),
        answer: vec![7; 32],
        database: None,
        plugin: Some(CACHING_SHA2.to_vec()),
        attributes: Some(b"\x04_pid\x0212".to_vec()),
        rest: Vec::new(),
    }
}

const WANTED: Capabilities = Capabilities(
    Capabilities::PROTOCOL_41.0
        | Capabilities::SECURE_CONNECTION.0
        | Capabilities::PLUGIN_AUTH.0
        | Capabilities::PLUGIN_AUTH_LENENC.0
        | Capabilities::CONNECT_ATTRS.0,
);

/// A client up to its login; what it was offered.
async fn enter(client: &mut Link, tls: Option<&Arc<ClientConfig>>) -> Greeting {
    let greeting = Greeting::parse(&hear(client).await.unwrap().1).unwrap();
    let mut login = own_login(WANTED);
    let mut sequence = 1;
    if let Some(config) = tls {
        login.capabilities = login.capabilities | Capabilities::SSL;
        let mut request = Vec::new();
        login.tls_request().encode(&mut request);
        say(client, sequence, &request).await;
        let name = ServerName::try_from("localhost").unwrap();
        client.connect_tls(Arc::clone(config), name).await.unwrap();
        sequence = 2;
    }
    let mut payload = Vec::new();
    login.encode(&mut payload);
    say(client, sequence, &payload).await;
    greeting
}

/// A server up to the login, inside TLS if it has a certificate.
async fn host(server: &mut Link, tls: Option<Arc<ServerConfig>>) -> (u8, Login) {
    let capabilities = if tls.is_some() { SERVER | Capabilities::SSL } else { SERVER };
    say(server, 0, &greeting(capabilities, CACHING_SHA2)).await;
    let (mut sequence, mut payload) = hear(server).await.unwrap();
    if let Some(config) = tls {
        let First::Tls(TlsRequest { capabilities, .. }) = login::parse(&payload).unwrap() else {
            panic!("no request for TLS");
        };
        assert!(capabilities.has(Capabilities::SSL));
        server.accept_tls(config).await.unwrap();
        (sequence, payload) = hear(server).await.unwrap();
    }
    let First::Login(login) = login::parse(&payload).unwrap() else { panic!("no login") };
    (sequence, login)
}

/// The server's part of the full authentication: what password it was given.
async fn demand_password(server: &mut Link, login_sequence: u8, key: &OwnKey) -> Vec<u8> {
    say(server, login_sequence + 1, &[1, 4]).await;
    let (sequence, said) = hear(server).await.unwrap();
    assert_eq!(sequence, login_sequence + 2);
    if server.is_secure() {
        say(server, sequence + 1, OK_TRACKED).await;
        return said;
    }
    assert_eq!(said, [2], "the password must not come in the clear");
    let pem = key.public_pem().await.unwrap();
    say(server, sequence + 1, &[b"\x01", &pem[..]].concat()).await;
    let (sequence, sealed) = hear(server).await.unwrap();
    say(server, sequence + 1, OK_TRACKED).await;
    key.open(&sealed, SCRAMBLE).unwrap().clear().to_vec()
}

/// The client's part; the sequence number and payload of what ended it.
async fn give_password(client: &mut Link) -> (u8, Vec<u8>) {
    let (sequence, asked) = hear(client).await.unwrap();
    assert_eq!(asked, [1, 4]);
    if client.is_secure() {
        say(client, sequence + 1, b"secret\0").await;
    } else {
        say(client, sequence + 1, &[2]).await;
        let (sequence, key) = hear(client).await.unwrap();
        assert_eq!(key[0], 1);
        let password = Password::from_clear(b"secret\0").unwrap();
        let sealed = password.encrypted(&key[1..], SCRAMBLE).unwrap();
        say(client, sequence + 1, &sealed).await;
    }
    hear(client).await.unwrap()
}

#[test]
fn a_password_reaches_the_server_whichever_of_both_links_is_private() {
    for (client_tls, server_tls) in [(false, false), (true, true), (true, false), (false, true)] {
        run(async {
            let (pair, server_config, client_config) = certificate();
            let (listener, upstream) = listen().await;
            let door = open(upstream, Some(pair), |config| {
                config.upstream_tls = if server_tls { UpstreamTls::On } else { UpstreamTls::Off };
            });
            let server = tokio::task::spawn_local(async move {
                let mut server = accept(&listener).await;
                let (sequence, login) =
                    host(&mut server, server_tls.then_some(server_config)).await;
                assert!(login.capabilities.has(Capabilities::SESSION_TRACK));
                assert_eq!(login.capabilities.has(Capabilities::SSL), server_tls);
                assert_eq!((&login.user[..], &login.answer[..]), (&b"anna"[..], &[7; 32][..]));
                assert_eq!(login.attributes.as_deref(), Some(&b"\x04_pid\x0212"[..]));
                let given = demand_password(&mut server, sequence, &OwnKey::default()).await;
                let ping = hear(&mut server).await.unwrap();
                say(&mut server, 1, OK_TRACKED).await;
                (given, ping)
            });
            let mut client = door.client().await;
            enter(&mut client, client_tls.then_some(&client_config)).await;
            let (_, ended) = give_password(&mut client).await;
            // What the client did not ask for is not in its OK.
            assert_eq!(ended, OK, "client TLS {client_tls}, server TLS {server_tls}");
            say(&mut client, 0, &[0x0e]).await;
            assert_eq!(hear(&mut client).await.unwrap(), (1, OK.to_vec()));
            let (given, ping) = server.await.unwrap();
            assert_eq!(given, b"secret\0", "client TLS {client_tls}, server TLS {server_tls}");
            assert_eq!(ping, (0, vec![0x0e]));
        });
    }
}

#[test]
fn the_client_is_offered_only_what_the_door_relays() {
    run(async {
        let (listener, upstream) = listen().await;
        let door = open(upstream, None, |_| {});
        let mut client = door.client().await;
        let mut server = accept(&listener).await;
        say(&mut server, 0, &greeting(SERVER | Capabilities::SSL, NATIVE)).await;
        let offered = Greeting::parse(&hear(&mut client).await.unwrap().1).unwrap();
        assert_eq!((offered.thread_id, &offered.version[..]), (77, &b"8.0.36"[..]));
        assert_eq!(offered.scramble, SCRAMBLE);
        assert_eq!(offered.capabilities, SERVER & Capabilities::RELAYED);
    });
}

/// A door whose server has sent its greeting, and a client that has sent a login.
async fn entered() -> (Played, Link, Link, u8) {
    let (listener, upstream) = listen().await;
    let door = open(upstream, None, |_| {});
    let mut client = door.client().await;
    let server = tokio::task::spawn_local(async move {
        let mut server = accept(&listener).await;
        let (sequence, _) = host(&mut server, None).await;
        (server, sequence)
    });
    enter(&mut client, None).await;
    let (server, sequence) = server.await.unwrap();
    (door, client, server, sequence)
}

#[test]
fn switches_and_refusals_of_the_server_are_passed_on() {
    run(async {
        let (_door, mut client, mut server, sequence) = entered().await;
        let switch = b"\xfeclient_ed25519\0ABCDEFGHIJKLMNOPQRSTUVWXYZ012345\0";
        say(&mut server, sequence + 1, switch).await;
        assert_eq!(hear(&mut client).await.unwrap(), (2, switch.to_vec()));
        say(&mut client, 3, &[9; 64]).await;
        assert_eq!(hear(&mut server).await.unwrap(), (sequence + 2, vec![9; 64]));
        say(&mut server, sequence + 3, b"\xff\x15\x04#28000Access denied").await;
        assert_eq!(hear(&mut client).await.unwrap().1, b"\xff\x15\x04#28000Access denied");
        assert_eq!(hear(&mut client).await, None);
        assert_eq!(hear(&mut server).await, None);
    });
}

#[test]
fn plugins_that_would_let_in_the_door_itself_are_refused() {
    run(async {
        let (_door, mut client, mut server, sequence) = entered().await;
        say(&mut server, sequence + 1, b"\xfeauth_socket\0").await;
        let (at, told) = hear(&mut client).await.unwrap();
        let told = ErrPacket::parse(&told).unwrap();
        assert_eq!((at, told.code, told.state), (2, 1045, &b"28000"[..]));
        assert_eq!(hear(&mut server).await, None, "the server must not be answered");
    });
}

#[test]
fn whoever_is_gone_takes_the_other_along() {
    run(async {
        let (_door, client, mut server, _) = entered().await;
        drop(client);
        assert_eq!(hear(&mut server).await, None);

        let (_door, mut client, server, _) = entered().await;
        drop(server);
        let told = hear(&mut client).await.unwrap().1;
        assert_eq!(ErrPacket::parse(&told).unwrap().code, 2013);
        assert_eq!(hear(&mut client).await, None);
    });
}

#[test]
fn a_server_that_is_not_there_or_refuses_at_once_is_told_of() {
    run(async {
        let (listener, upstream) = listen().await;
        let door = open(upstream.clone(), None, |_| {});
        let mut client = door.client().await;
        say(&mut accept(&listener).await, 0, b"\xff\x10\x04Too many connections").await;
        let told = hear(&mut client).await.unwrap();
        assert_eq!(told, (0, b"\xff\x10\x04Too many connections".to_vec()));
        drop(listener);
        let mut client = door.client().await;
        let told = hear(&mut client).await.unwrap().1;
        assert_eq!(ErrPacket::parse(&told).unwrap().code, 2003);
        let tally = &door.door.tally;
        assert_eq!(tally.sum(menshen_base::Counter::SqlUpstreamFailed), 1);
        assert_eq!(tally.sum(menshen_base::Counter::SqlLoginsFailed), 1);
    });
}

#[test]
fn a_client_that_insists_on_compression_is_told_to_stop() {
    run(async {
        let (listener, upstream) = listen().await;
        let door = open(upstream, None, |_| {});
        let mut client = door.client().await;
        let mut server = accept(&listener).await;
        say(&mut server, 0, &greeting(SERVER, NATIVE)).await;
        hear(&mut client).await.unwrap();
        let mut login = Vec::new();
        own_login(WANTED | Capabilities::COMPRESS).encode(&mut login);
        say(&mut client, 1, &login).await;
        let (sequence, told) = hear(&mut client).await.unwrap();
        assert_eq!((sequence, ErrPacket::parse(&told).unwrap().code), (2, 1157));
        assert_eq!(hear(&mut server).await, None);
    });
}
