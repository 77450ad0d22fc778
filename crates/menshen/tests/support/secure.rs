//! A TLS client that trusts the development authority of a live menshen, and nobody else.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::live::Live;

/// A connection whose handshake is done.
pub(crate) type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Settings of a client that offers these protocols and always shakes hands in full.
pub(crate) fn client(live: &Live, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let authority = CertificateDer::from_pem_file(live.path(".menshen/ca.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Connects and shakes hands.
pub(crate) fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> Secure {
    shake(config, TcpStream::connect(address).unwrap())
}

/// Shakes hands on a connected socket.
pub(crate) fn shake(config: &Arc<ClientConfig>, mut socket: TcpStream) -> Secure {
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).unwrap();
    }
    StreamOwned::new(tls, socket)
}
