//! The server certificate of the development CA.
//!
//! It is kept only if a client that trusts the authority would accept it now: the check is the
//! path validation of rustls itself, not a second opinion.

use std::time::Duration;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::authority::{Authority, CLOCK_SKEW_SECONDS, address_from, random_serial, set_validity};
use super::{LEAF_CERTIFICATE, LEAF_KEY, Reason};
use crate::error::TlsError;
use crate::names::{Name, Names};
use crate::state_folder::{Privacy, StateFolder};

/// A server certificate and its key.
pub(super) struct Leaf {
    pub(super) chain_pem: String,
    pub(super) key_pem: String,
    pub(super) der: CertificateDer<'static>,
    pub(super) not_before_unix: i64,
    pub(super) not_after_unix: i64,
}

impl Leaf {
    /// The certificate on disk, or why there has to be a new one for exactly these names.
    pub(super) fn read(
        folder: &StateFolder,
        authority: &Authority,
        names: &Names,
        now_unix: i64,
    ) -> Result<Result<Self, Reason>, TlsError> {
        let certificate = folder.read(LEAF_CERTIFICATE, Privacy::Open)?;
        let key = folder.read(LEAF_KEY, Privacy::Secret)?;
        let (Some(certificate), Some(key)) = (certificate, key) else {
            return Ok(Err(Reason::FirstUse));
        };
        let Ok(leaf) = parse(certificate, key) else {
            return Ok(Err(Reason::Damaged));
        };
        Ok(leaf.judge(authority, names, now_unix).map(|()| leaf))
    }

    /// A new certificate for these names.
    pub(super) fn issue(
        authority: &Authority,
        names: &Names,
        now_unix: i64,
    ) -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        // A clock set back must not give a certificate older than its authority.
        let not_before = (now_unix - CLOCK_SKEW_SECONDS).max(authority.not_before_unix());
        set_validity(&mut params, not_before, LIFE_SECONDS)?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, "menshen development certificate");
        params.serial_number = Some(random_serial()?);
        // Explicit, because only then a subject key identifier is written.
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.subject_alt_names = names
            .iter()
            .map(|name| match name {
                Name::Dns(host) => Ok(SanType::DnsName(host.as_str().try_into()?)),
                Name::Address(address) => Ok(SanType::IpAddress(*address)),
            })
            .collect::<Result<_, TlsError>>()?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, authority.issuer())?;
        Ok(Self {
            chain_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            not_before_unix: params.not_before.unix_timestamp(),
            not_after_unix: params.not_after.unix_timestamp(),
        })
    }

    fn judge(&self, authority: &Authority, names: &Names, now_unix: i64) -> Result<(), Reason> {
        let now_unix = now_unix.max(authority.not_before_unix());
        if now_unix < self.not_before_unix
            || now_unix >= renew_at(self.not_before_unix, self.not_after_unix)
        {
            return Err(Reason::NearEnd);
        }
        if names_of(&self.der).as_ref() != Some(names) {
            return Err(Reason::NamesChanged);
        }
        let provider = default_provider();
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).map_err(|_| Reason::Damaged)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now_unix.unsigned_abs()));
        let parsed = ParsedCertificate::try_from(&self.der).map_err(|_| Reason::Damaged)?;
        let algorithms = provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms)
            .map_err(|_| Reason::AuthorityChanged)?;

        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes());
        let key = key.map_err(|_| Reason::Damaged)?;
        // Also compares the public keys of the two.
        CertifiedKey::from_der(vec![self.der.clone()], key, &provider)
            .map(drop)
            .map_err(|_| Reason::Damaged)
    }
}

/// Two thirds of the life, Unix seconds.
pub(super) const fn renew_at(not_before_unix: i64, not_after_unix: i64) -> i64 {
    not_before_unix + (not_after_unix - not_before_unix) / 3 * 2
}

fn parse(certificate: Vec<u8>, key: Vec<u8>) -> Result<Leaf, Reason> {
    let chain_pem = String::from_utf8(certificate).map_err(|_| Reason::Damaged)?;
    let key_pem = String::from_utf8(key).map_err(|_| Reason::Damaged)?;
    let der = CertificateDer::from_pem_slice(chain_pem.as_bytes()).map_err(|_| Reason::Damaged)?;
    let (not_before_unix, not_after_unix) = {
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| Reason::Damaged)?;
        let validity = parsed.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    };
    Ok(Leaf { chain_pem, key_pem, der, not_before_unix, not_after_unix })
}

/// What the certificate is made out to; `None` if that cannot be read or holds anything else.
fn names_of(der: &CertificateDer<'_>) -> Option<Names> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    names
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(host) => Some(Name::Dns((*host).to_owned())),
            GeneralName::IPAddress(bytes) => address_from(bytes).map(Name::Address),
            _ => None,
        })
        .collect()
}

/// A day less than the shortest limit public authorities will have (47 days).
const LIFE_SECONDS: i64 = 46 * 86_400;
