//! Tests of the look, against a small server.

use std::net::TcpListener;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection};

use super::*;

fn serve(shake: bool) -> (SocketAddr, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let fingerprint = menshen_tls::fingerprint(certificate.der());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (Ok(mut socket), true) = (socket, shake) else { continue };
            let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
        }
    });
    (address, fingerprint)
}

#[test]
fn the_leaf_shown_is_compared() {
    let (address, fingerprint) = serve(true);
    let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
    assert_eq!(look(&[address, everywhere], "a.example", &fingerprint), Some(true));
    assert_eq!(look(&[address], "192.0.2.1", &fingerprint), Some(true));
    let (other, _) = serve(true);
    assert_eq!(look(&[address, other], "a.example", &fingerprint), Some(false));
    assert_eq!(look(&[], "a.example", &fingerprint), None);
}

#[test]
fn nobody_there_is_not_served() {
    let (address, fingerprint) = serve(false);
    assert_eq!(look(&[address], "a.example", &fingerprint), Some(false));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(look(&[closed], "a.example", &fingerprint), Some(false));
}
