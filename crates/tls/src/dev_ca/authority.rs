//! The authority itself: its certificate, key and name constraints.
//!
//! It signs server certificates and nothing else: path length 0, server authentication only.

use std::net::IpAddr;

use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData,
    SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::{CA_CERTIFICATE, CA_KEY, Reason};
use crate::error::TlsError;
use crate::names::{self, Name, Names};
use crate::state_folder::{Privacy, StateFolder};

/// A usable authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    der: CertificateDer<'static>,
    not_before_unix: i64,
}

impl Authority {
    /// The authority on disk, or why there has to be a new one for these names.
    pub(super) fn read(
        folder: &StateFolder,
        names: &Names,
        now_unix: i64,
    ) -> Result<Result<Self, Reason>, TlsError> {
        let Some(pem) = folder.read(CA_CERTIFICATE, Privacy::Open)? else {
            return Ok(Err(Reason::FirstUse));
        };
        let Some(key) = folder.read(CA_KEY, Privacy::Secret)? else {
            return Ok(Err(Reason::Damaged));
        };
        let Ok(der) = CertificateDer::from_pem_slice(&pem) else {
            return Ok(Err(Reason::Damaged));
        };
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
            return Ok(Err(Reason::Damaged));
        };
        if !is_ours(&certificate) {
            return Err(TlsError::ConfigForeignAuthority { path: folder.path(CA_CERTIFICATE) });
        }
        let (not_before_unix, issuer) = match judge(&certificate, &der, &key, names, now_unix) {
            Ok(issuer) => (certificate.validity().not_before.timestamp(), issuer),
            Err(reason) => return Ok(Err(reason)),
        };
        let certificate_pem = String::from_utf8_lossy(&pem).into_owned();
        Ok(Ok(Self { issuer, certificate_pem, der, not_before_unix }))
    }

    /// A new authority for these names.
    pub(super) fn issue(names: &Names, now_unix: i64) -> Result<Self, TlsError> {
        let mut params = CertificateParams::default();
        set_validity(&mut params, now_unix - CLOCK_SKEW_SECONDS, LIFE_SECONDS)?;
        let mut tag = [0; 2];
        rand::fill(&mut tag).map_err(|_| TlsError::LocalRandom)?;
        let common_name = format!("{SUBJECT} {:02x}{:02x}", tag[0], tag[1]);
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.serial_number = Some(random_serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: names::constraints(names).iter().map(subtree).collect(),
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            der: certificate.der().clone(),
            not_before_unix: params.not_before.unix_timestamp(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Who signs.
    pub(super) const fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    /// The certificate.
    pub(super) const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate as a file.
    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key as a file.
    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Unix seconds before which it does not count.
    pub(super) const fn not_before_unix(&self) -> i64 {
        self.not_before_unix
    }
}

/// Sets both ends; the life includes its last second (RFC 5280 §4.1.2.5), so it is one less.
pub(super) fn set_validity(
    params: &mut CertificateParams,
    not_before_unix: i64,
    life_seconds: i64,
) -> Result<(), TlsError> {
    let time = |unix: i64| {
        let time = ASN1Time::from_timestamp(unix).map_err(|_| TlsError::LocalClock)?;
        Ok::<_, TlsError>(time.to_datetime())
    };
    let not_before_unix = not_before_unix.max(0);
    params.not_before = time(not_before_unix)?;
    params.not_after = time(not_before_unix.saturating_add(life_seconds - 1))?;
    Ok(())
}

/// 127 random bits in 16 bytes, never negative and never short.
pub(super) fn random_serial() -> Result<SerialNumber, TlsError> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| TlsError::LocalRandom)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

fn is_ours(certificate: &X509Certificate<'_>) -> bool {
    let common_name = certificate.subject().iter_common_name().next();
    common_name.and_then(|name| name.as_str().ok()).is_some_and(|name| name.starts_with(SUBJECT))
}

fn judge(
    certificate: &X509Certificate<'_>,
    der: &CertificateDer<'_>,
    key: &[u8],
    names: &Names,
    now_unix: i64,
) -> Result<Issuer<'static, KeyPair>, Reason> {
    let key = str::from_utf8(key).map_err(|_| Reason::Damaged)?;
    let key = KeyPair::from_pem(key).map_err(|_| Reason::Damaged)?;
    if key.subject_public_key_info() != certificate.public_key().raw {
        return Err(Reason::Damaged);
    }
    if certificate.validity().not_after.timestamp().saturating_sub(now_unix) < REPLACE_SECONDS {
        return Err(Reason::NearEnd);
    }
    let permitted = permitted(certificate).ok_or(Reason::Damaged)?;
    if !names::constraints(names).iter().all(|name| names::permits(&permitted, name)) {
        return Err(Reason::NamesChanged);
    }
    Issuer::from_ca_cert_der(der, key).map_err(|_| Reason::Damaged)
}

/// What the constraints permit; `None` unless they are critical and of the form made here, as
/// anything else might permit more than it seems to.
fn permitted(certificate: &X509Certificate<'_>) -> Option<Names> {
    let extension = certificate
        .iter_extensions()
        .find(|extension| {
            matches!(extension.parsed_extension(), ParsedExtension::NameConstraints(_))
        })
        .filter(|extension| extension.critical)?;
    let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() else {
        return None;
    };
    let subtrees = constraints.permitted_subtrees.as_ref()?;
    subtrees
        .iter()
        .map(|subtree| match &subtree.base {
            GeneralName::DNSName(host) => Some(Name::Dns((*host).to_owned())),
            GeneralName::IPAddress(bytes) => single_address(bytes).map(Name::Address),
            _ => None,
        })
        .collect()
}

/// The address of an address-and-mask pair whose mask is full.
fn single_address(bytes: &[u8]) -> Option<IpAddr> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    if mask.iter().any(|&byte| byte != 0xff) {
        return None;
    }
    address_from(address)
}

/// An address of 4 or 16 bytes.
pub(super) fn address_from(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn subtree(name: &Name) -> GeneralSubtree {
    match name {
        Name::Dns(host) => GeneralSubtree::DnsName(host.clone()),
        Name::Address(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, bits))
        }
    }
}

/// Begin of the common name; four random hex digits follow, as some trust stores show no more.
const SUBJECT: &str = "menshen development CA";

/// Ten years of 365 days.
const LIFE_SECONDS: i64 = 3650 * 86_400;

/// A new one this long before the end, so that every leaf ends before its authority.
const REPLACE_SECONDS: i64 = 90 * 86_400;

/// Certificates begin this much in the past, for clients whose clock is behind.
pub(super) const CLOCK_SKEW_SECONDS: i64 = 3600;
