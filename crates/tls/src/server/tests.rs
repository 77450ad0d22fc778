//! Tests of `server`.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{Error, HandshakeKind, ServerConfig, SignatureScheme};

use super::{ACME_TLS_ALPN, ChallengeCertificates, challenge_certificate, server_config};
use crate::dev_ca::DevCertificate;
use crate::memory_handshake::{self, client, credulous, handshake, made_for, store_of};
use crate::store::Store;
use crate::ticket::{Ticketer, unix_seconds};

fn store(made: &DevCertificate) -> Arc<Store> {
    Arc::new(store_of(made.chain_pem.as_bytes(), made.key_pem.as_bytes()))
}

fn worker(made: &DevCertificate, ticket_key: u8) -> Arc<ServerConfig> {
    let (chain, key) = (made.chain_pem.as_bytes(), made.key_pem.as_bytes());
    memory_handshake::worker(chain, key, [ticket_key; 32], ALPN)
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
fn a_ticket_outlives_a_swap_but_not_its_name() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (before, _) = made_for(one.path(), &["a.localhost", "b.localhost"]);
    let (after, _) = made_for(other.path(), &["a.localhost", "b.localhost"]);
    let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
    for version in [&TLS12, &TLS13] {
        let [before, after] = [&before, &after].map(|made| {
            Arc::new(server_config(store(made), None, Arc::clone(&ticketer), ALPN).unwrap())
        });
        let client = credulous(version, ECDSA, ALPN);
        handshake(&client, &before, "a.localhost").unwrap();
        let (_, server) = handshake(&client, &after, "a.localhost").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
        // This client offers the ticket all the same.
        let (_, server) = handshake(&client, &after, "b.localhost").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        let (_, server) = handshake(&client, &after, "b.localhost").unwrap();
        assert_eq!(server.handshake_kind(), Some(HandshakeKind::Resumed), "{version:?}");
    }
}

#[derive(Debug)]
struct OneChallenge(Arc<CertifiedKey>);

impl ChallengeCertificates for OneChallenge {
    fn certificate_for(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        (name == "c.localhost").then(|| Arc::clone(&self.0))
    }
}

#[test]
fn challenges_are_for_authorities_only() {
    let (own, keeper) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (made, _) = made_for(own.path(), &["localhost"]);
    let (posted, _) = made_for(keeper.path(), &["c.localhost"]);
    let (chain, key) = (posted.chain_pem.as_bytes(), posted.key_pem.as_bytes());
    let posted = challenge_certificate(chain, key).unwrap();
    let config = |challenges| {
        let ticketer = Arc::new(Ticketer::new(&[1; 32], unix_seconds));
        Arc::new(server_config(store(&made), challenges, ticketer, ALPN).unwrap())
    };
    let with = config(Some(Arc::new(OneChallenge(Arc::clone(&posted)))));
    let without = config(None);
    let leaf = |server: &Arc<ServerConfig>, name: &str, alpn: &[&[u8]]| {
        let (client, server) = handshake(&credulous(&TLS13, ECDSA, alpn), server, name)?;
        let protocol = server.alpn_protocol().map(<[u8]>::to_vec);
        let leaf = client.peer_certificates().unwrap()[0].clone();
        Ok::<_, Error>((leaf == posted.cert[0], protocol))
    };
    let acme = Some(ACME_TLS_ALPN.to_vec());
    let h2 = Some(b"h2".to_vec());
    assert_eq!(leaf(&with, "c.localhost", &[ACME_TLS_ALPN]), Ok((true, acme)));
    // Others never see it, whatever they add.
    assert_eq!(leaf(&with, "c.localhost", ALPN), Ok((false, h2.clone())));
    assert_eq!(leaf(&with, "c.localhost", &[]), Ok((false, None)));
    assert_eq!(leaf(&with, "c.localhost", &[ACME_TLS_ALPN, b"h2"]), Ok((false, h2)));
    // Names without a challenge get nothing at all.
    leaf(&with, "localhost", &[ACME_TLS_ALPN]).unwrap_err();
    leaf(&with, "127.0.0.1", &[ACME_TLS_ALPN]).unwrap_err();
    let error = leaf(&without, "c.localhost", &[ACME_TLS_ALPN]).unwrap_err();
    assert_eq!(error, Error::NoApplicationProtocol);
}

#[test]
fn the_certificate_of_a_challenge_may_hold_what_only_authorities_know() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["c.localhost".to_owned()]).unwrap();
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&[7; 32])];
    let certificate = params.self_signed(&key).unwrap();
    let (chain, pem) = (certificate.pem(), key.serialize_pem());
    let made = challenge_certificate(chain.as_bytes(), pem.as_bytes()).unwrap();
    assert_eq!(made.cert, [certificate.der().clone()]);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    challenge_certificate(chain.as_bytes(), other.as_bytes()).unwrap_err();
}

const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];
const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
