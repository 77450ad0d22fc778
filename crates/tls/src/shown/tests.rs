//! Tests of `shown`.

use std::io::Cursor;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, SignatureScheme,
};

use super::{Shown, ShownHashes};
use crate::dev_ca::DevCertificate;
use crate::memory_handshake::{credulous, made_for, store_of};
use crate::server::server_config;
use crate::ticket::{Ticketer, unix_seconds};

const ALPN: &[&[u8]] = &[b"http/1.1"];

fn config(made: &DevCertificate, ticketer: &Arc<Ticketer>) -> ServerConfig {
    let store = store_of(made.chain_pem.as_bytes(), made.key_pem.as_bytes());
    server_config(Arc::new(store), None, Arc::clone(ticketer), ALPN).unwrap()
}

/// Shakes hands, and gives what each side takes for the certificate.
fn shake(client: &Arc<ClientConfig>, server: &ServerConfig) -> (ShownHashes, Told) {
    let (config, shown) = Shown::over(server);
    let name = ServerName::try_from("a.localhost").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(config).unwrap();
    let mut hashes = None;
    for _ in 0..6 {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        server.read_tls(&mut Cursor::new(flight)).unwrap();
        server.process_new_packets().unwrap();
        hashes = shown.look(&mut server).or(hashes);
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        client.read_tls(&mut Cursor::new(flight)).unwrap();
        client.process_new_packets().unwrap();
    }
    let told = Told {
        kind: server.handshake_kind().unwrap(),
        theirs: ShownHashes::of(&client.peer_certificates().unwrap()[0]),
    };
    (hashes.unwrap(), told)
}

/// What the other side says.
struct Told {
    kind: HandshakeKind,
    theirs: ShownHashes,
}

#[test]
fn both_sides_speak_of_the_same_certificate_also_when_they_resume() {
    let state = tempfile::tempdir().unwrap();
    let (made, _) = made_for(state.path(), &["a.localhost"]);
    for version in [&TLS12, &TLS13] {
        let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
        let client = credulous(version, &[SignatureScheme::ECDSA_NISTP256_SHA256], ALPN);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let (hashes, told) = shake(&client, &config(&made, &ticketer));
            assert_eq!((told.kind, hashes), (expected, told.theirs), "{version:?}");
        }
    }
}

#[test]
fn a_renewal_between_ticket_and_return_changes_nothing() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (before, _) = made_for(one.path(), &["a.localhost"]);
    let (after, _) = made_for(other.path(), &["a.localhost"]);
    let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
    let client = credulous(&TLS13, &[SignatureScheme::ECDSA_NISTP256_SHA256], ALPN);
    let (old, _) = shake(&client, &config(&before, &ticketer));
    // Twice: the ticket of a resumed connection says the same.
    for _ in 0..2 {
        let (hashes, told) = shake(&client, &config(&after, &ticketer));
        assert_eq!((told.kind, hashes), (HandshakeKind::Resumed, old));
        assert_eq!(told.theirs, old);
    }
    let fresh = credulous(&TLS13, &[SignatureScheme::ECDSA_NISTP256_SHA256], ALPN);
    let (hashes, told) = shake(&fresh, &config(&after, &ticketer));
    assert_eq!(told.kind, HandshakeKind::Full);
    assert_eq!(hashes, told.theirs);
    assert_ne!(hashes, old);
}

#[test]
fn the_hashes_are_those_of_the_octets() {
    let hashes = ShownHashes::of(b"abc");
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
    // FIPS 180-2, appendices A.1 and B.1.
    assert_eq!(hex(&hashes.sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(&hex(&hashes.sha256)[..16], "ba7816bf8f01cfea");
}
