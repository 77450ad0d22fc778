//! Tests of `server`.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig};

use super::server_config;
use crate::dev_ca::DevCertificate;
use crate::error::TlsError;
use crate::memory_handshake::{client, handshake, made_for};

fn worker(made: &DevCertificate, ticket_key: u8) -> Arc<ServerConfig> {
    let (chain, key) = (made.chain_pem.as_bytes(), made.key_pem.as_bytes());
    Arc::new(server_config(chain, key, &[ticket_key; 32], &[b"h2", b"http/1.1"]).unwrap())
}

#[test]
fn both_versions_shake_hands_and_agree_on_a_protocol() {
    let state = tempfile::tempdir().unwrap();
    let (made, ca) = made_for(state.path(), &["localhost"]);
    for version in [&TLS12, &TLS13] {
        let (client, server) =
            handshake(&client(&ca, version), &worker(&made, 1), "localhost").unwrap();
        assert_eq!(client.protocol_version(), Some(version.version));
        // The server's order decides.
        assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[test]
fn another_worker_with_the_same_key_resumes() {
    let state = tempfile::tempdir().unwrap();
    let (made, ca) = made_for(state.path(), &["localhost"]);
    for version in [&TLS12, &TLS13] {
        let client = client(&ca, version);
        handshake(&client, &worker(&made, 1), "localhost").unwrap();
        for _ in 0..3 {
            let (_, server) = handshake(&client, &worker(&made, 1), "localhost").unwrap();
            assert_eq!(server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        }
        let (_, server) = handshake(&client, &worker(&made, 2), "localhost").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
    }
}

#[test]
fn one_ticket_is_sent() {
    let state = tempfile::tempdir().unwrap();
    let (made, ca) = made_for(state.path(), &["localhost"]);
    let (connection, _) = handshake(&client(&ca, &TLS13), &worker(&made, 1), "localhost").unwrap();
    assert_eq!(connection.tls13_tickets_received(), 1);
}

#[test]
fn a_damaged_pair_is_an_error_not_a_panic() {
    let state = tempfile::tempdir().unwrap();
    let (made, _) = made_for(state.path(), &["localhost"]);
    let (chain, key) = (made.chain_pem.as_bytes(), made.key_pem.as_bytes());
    for (chain, key) in [(b"".as_slice(), key), (chain, b""), (key, chain), (&chain[..200], key)] {
        let error = server_config(chain, key, &[0; 32], &[]).unwrap_err();
        assert!(matches!(error, TlsError::ConfigPem { .. }), "{error}");
    }
}
