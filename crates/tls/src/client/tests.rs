//! Each way of trust against servers it must take and servers it must not.

use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ServerConfig};

use super::*;
use crate::memory_handshake::{handshake, made_for, worker};

struct Made {
    server: Arc<ServerConfig>,
    ca: Vec<u8>,
    sha256: [u8; 32],
    chain: Vec<CertificateDer<'static>>,
}

fn made(state: &std::path::Path) -> Made {
    let (made, ca) = made_for(state, &["door.test"]);
    let server = worker(made.chain_pem.as_ref(), made.key_pem.as_ref(), [7; 32], &[]);
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(made.chain_pem.as_ref()).map(Result::unwrap).collect();
    let sha256 = digest::digest(&SHA256, &chain[0]).as_ref().try_into().unwrap();
    Made { server, ca, sha256, chain }
}

fn outcome(trust: Trust<'_>, server: &Arc<ServerConfig>, name: &str) -> Result<(), Error> {
    let config = Arc::new(client_config(trust).unwrap());
    handshake(&config, server, name).map(drop)
}

#[test]
fn roots_take_their_own_under_its_name_alone() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (made, other) = (made(folder.path()), made(other.path()));
    assert_eq!(outcome(Trust::Roots(&made.ca), &made.server, "door.test"), Ok(()));
    let wrong_name = outcome(Trust::Roots(&made.ca), &made.server, "other.test");
    assert!(matches!(wrong_name, Err(Error::InvalidCertificate(_))), "{wrong_name:?}");
    let wrong_root = outcome(Trust::Roots(&other.ca), &made.server, "door.test");
    assert!(matches!(wrong_root, Err(Error::InvalidCertificate(_))), "{wrong_root:?}");
}

#[test]
fn a_fingerprint_takes_one_certificate_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let made = made(folder.path());
    assert_eq!(outcome(Trust::Fingerprint(made.sha256), &made.server, "other.test"), Ok(()));
    let wrong = outcome(Trust::Fingerprint([0; 32]), &made.server, "door.test");
    let refused = CertificateError::ApplicationVerificationFailure;
    assert_eq!(wrong, Err(Error::InvalidCertificate(refused)));
}

#[test]
fn who_does_not_hold_the_key_is_refused_in_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let (made, other) = (made(folder.path()), made_for(other.path(), &["door.test"]).0);
    let key = PrivateKeyDer::from_pem_slice(other.key_pem.as_ref()).unwrap();
    let key = default_provider().key_provider.load_private_key(key).unwrap();
    let shown = Arc::new(CertifiedKey::new(made.chain.clone(), key));
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(shown)));
    let server = Arc::new(server);
    for trust in [Trust::Nothing, Trust::Fingerprint(made.sha256), Trust::Roots(&made.ca)] {
        let heard = outcome(trust, &server, "door.test");
        let refused = CertificateError::BadSignature;
        assert_eq!(heard, Err(Error::InvalidCertificate(refused)), "{trust:?}");
    }
    assert_eq!(outcome(Trust::Nothing, &made.server, "whatever.test"), Ok(()));
}

#[test]
fn without_a_root_there_is_no_configuration() {
    let none = client_config(Trust::Roots(b"no PEM"));
    assert!(matches!(none, Err(TrustProblem::NoRoots)));
}
