//! TLS on both sides: what clients are offered, and how the server is asked.
//!
//! Towards the server there are three ways: none, any certificate (encrypted, but whoever stands in
//! between is not noticed), or one that is checked against roots and a name. No key is kept but
//! within rustls. It fails when a PEM text cannot be used or a root cannot be found.

use std::sync::Arc;

use menshen_config::{Sql, SqlAddress, SqlPair, UpstreamTls};
use menshen_tls::{TlsError, Trust, TrustProblem, client_config, load_pair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error, ServerConfig};

/// How the server is asked for TLS.
#[derive(Debug, Clone)]
pub struct UpstreamSecurity {
    /// The configuration.
    pub config: Arc<ClientConfig>,
    /// The name asked for, and checked where certificates are.
    pub name: ServerName<'static>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsProblem {
    /// The door's own certificate or key.
    #[error("the certificate for clients cannot be used")]
    Own(#[source] TlsError),
    /// The library refused.
    #[error("TLS cannot be set up")]
    Library(#[from] Error),
    /// There is nothing to check the server's certificate against: `upstream_ca` holds no root, or
    /// the system has none.
    #[error(transparent)]
    Trust(#[from] TrustProblem),
    /// `upstream_name` is no name.
    #[error("the server's name cannot stand in a certificate")]
    Name,
}

/// What clients are offered. `now_unix`: seconds since 1970.
///
/// # Errors
/// PEM that cannot be read, or a key that does not match.
pub fn for_clients(pair: &SqlPair, now_unix: i64) -> Result<Arc<ServerConfig>, TlsProblem> {
    let loaded = load_pair(pair.certificate_pem.as_bytes(), pair.key_pem.as_bytes(), now_unix)
        .map_err(TlsProblem::Own)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(loaded.chain, loaded.key)?;
    // Clients of this protocol hardly ever come back with a ticket; each costs a record.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(Arc::new(config))
}

/// How the server is asked; `None` where the way to it is not encrypted.
///
/// # Errors
/// Roots that cannot be used, or a name that is none.
pub fn for_upstream(
    config: &Sql,
    ca_pem: Option<&str>,
) -> Result<Option<UpstreamSecurity>, TlsProblem> {
    let trust = match (config.upstream_tls, ca_pem) {
        (UpstreamTls::Off, _) => return Ok(None),
        (UpstreamTls::On, _) => Trust::Nothing,
        (UpstreamTls::Verify, Some(pem)) => Trust::Roots(pem.as_bytes()),
        (UpstreamTls::Verify, None) => Trust::System,
    };
    let name = match (&config.upstream_name, &config.upstream) {
        (Some(name), _) => ServerName::try_from(name.clone()).map_err(|_| TlsProblem::Name)?,
        (None, SqlAddress::Tcp(address)) => ServerName::IpAddress(address.ip().into()),
        (None, SqlAddress::Unix(_)) => {
            ServerName::try_from("localhost").map_err(|_| TlsProblem::Name)?
        }
    };
    let config = client_config(trust)?;
    Ok(Some(UpstreamSecurity { config: Arc::new(config), name }))
}
