//! Handshakes between rustls and rustls in memory, for tests: no socket, no thread.

use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, NamedGroup, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme, SupportedProtocolVersion,
};

use crate::server::server_config;
use crate::store::{Pair, Standing, Store};
use crate::ticket::{Ticketer, unix_seconds};

/// A client that trusts `ca_pem` only and speaks `version` only.
pub(crate) fn client(
    ca_pem: &[u8],
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    Arc::new(config)
}

/// A client that believes every certificate, but can check `schemes` only, and that offers the
/// ticket of any name to any other.
pub(crate) fn credulous(
    version: &'static SupportedProtocolVersion,
    schemes: &[SignatureScheme],
    alpn: &[&[u8]],
) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(schemes.to_vec())))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::store(Arc::new(AnyName(ClientSessionMemoryCache::new(8))));
    Arc::new(config)
}

#[derive(Debug)]
struct Credulous(Vec<SignatureScheme>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// Sessions kept without the name they belong to.
#[derive(Debug)]
struct AnyName(ClientSessionMemoryCache);

impl AnyName {
    fn name() -> ServerName<'static> {
        ServerName::try_from("any.test").unwrap()
    }
}

impl ClientSessionStore for AnyName {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(Self::name(), group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&Self::name())
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(Self::name(), value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&Self::name())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&Self::name());
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(Self::name(), value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&Self::name())
    }
}

/// Both ends after the handshake and after tickets and one message each way went through.
pub(crate) fn handshake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    for _ in 0..10 {
        let mut flight = Vec::new();
        client.write_tls(&mut flight).unwrap();
        server.read_tls(&mut Cursor::new(flight)).unwrap();
        server.process_new_packets()?;
        let mut flight = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut flight).unwrap();
        }
        client.read_tls(&mut Cursor::new(flight)).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    if server.alpn_protocol() == Some(crate::server::ACME_TLS_ALPN) {
        return Ok((client, server));
    }
    server.writer().write_all(b"hello").unwrap();
    let mut flight = Vec::new();
    server.write_tls(&mut flight).unwrap();
    client.read_tls(&mut Cursor::new(flight)).unwrap();
    client.process_new_packets()?;
    let mut heard = [0; 5];
    client.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    Ok((client, server))
}

/// A worker that serves this one pair.
pub(crate) fn worker(
    chain: &[u8],
    key: &[u8],
    ticket_key: [u8; 32],
    alpn: &[&[u8]],
) -> Arc<ServerConfig> {
    let ticketer = Arc::new(Ticketer::new(&ticket_key, unix_seconds));
    Arc::new(server_config(Arc::new(store_of(chain, key)), None, ticketer, alpn).unwrap())
}

/// A store of this one pair.
pub(crate) fn store_of(certificate_pem: &[u8], key_pem: &[u8]) -> Store {
    let pair = Pair { certificate_pem, key_pem, standing: Standing::Proper };
    Store::new([pair], i64::try_from(unix_seconds()).unwrap()).unwrap().0
}

/// A new state folder's certificate for `names`, made for the real time, and its authority.
pub(crate) fn made_for(
    state: &std::path::Path,
    names: &[&str],
) -> (crate::dev_ca::DevCertificate, Vec<u8>) {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let now = i64::try_from(unix_seconds()).unwrap();
    let made = crate::dev_ca::ensure(state, &names, now).unwrap();
    let ca = std::fs::read(&made.ca_path).unwrap();
    (made, ca)
}
