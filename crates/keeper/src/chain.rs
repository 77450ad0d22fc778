//! The certificate an authority returned, looked at before it is handed on (and the one in store).
//!
//! A certificate that does not fit would take a working one's place, so everything a client would
//! refuse later is refused here: another key, another name, a time that is not now, a chain in
//! disorder or with a signature that does not fit. Trust is not judged: roots of private
//! authorities are theirs to hand out.

use instant_acme::CertificateIdentifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::prelude::FromDer;

use crate::base64::pem;
use crate::name::Name;
use crate::schedule::Life;
use crate::words::{WORDS_MAX, clean};

/// A certificate that is kept.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// PEM chain, leaf first: certificates and nothing else.
    pub(crate) chain_pem: String,
    /// Its validity.
    pub(crate) life: Life,
    /// SHA-256 of the leaf.
    pub(crate) fingerprint: String,
    /// Who issued it.
    pub(crate) issuer: String,
    /// How it is named in RFC 9773; none when it cannot be.
    pub(crate) identifier: Option<CertificateIdentifier<'static>>,
}

/// Looks at a chain that came for `key_pem`, as of `now`.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn check(chain_pem: &str, key_pem: &str, name: &Name, now: i64) -> Result<Held, String> {
    let loaded =
        menshen_tls::load_pair(chain_pem.as_bytes(), key_pem.as_bytes(), now).map_err(|error| {
            match error.detail() {
                Some(detail) => format!("the certificate is not usable: {error}: {detail}"),
                None => format!("the certificate is not usable: {error}"),
            }
        })?;
    if !name.is_covered_by(&loaded.names) {
        let names = clean(&loaded.names.join(", "), NAMES_SHOWN);
        return Err(format!("the certificate is made out to {names}, not to {}", name.text()));
    }
    if now > loaded.not_after_unix || now.saturating_add(CLOCK_SKEW) < loaded.not_before_unix {
        return Err(format!(
            "the certificate is valid from {} to {} (Unix seconds), but the clock here says {now}",
            loaded.not_before_unix, loaded.not_after_unix
        ));
    }
    if let Some(finding) = loaded.findings.iter().find(|one| REFUSED.contains(&one.code)) {
        return Err(clean(&finding.claim, WORDS_MAX));
    }
    signatures(&loaded.chain)?;
    held(&loaded.chain).ok_or_else(|| "the certificate cannot be understood".to_owned())
}

/// The certificate in store, if it is one for `name`; whether it is still good is not asked.
pub(crate) fn stored(chain_pem: &str, name: &Name) -> Option<Held> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain_pem.as_bytes())
        .take(CHAIN_MAX)
        .collect::<Result<_, _>>()
        .ok()?;
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    name.is_covered_by(&names(&leaf)).then(|| held(&chain))?
}

fn held(chain: &[CertificateDer<'static>]) -> Option<Held> {
    let der = chain.first()?;
    let (_, leaf) = X509Certificate::from_der(der).ok()?;
    let issuer = leaf.issuer();
    let organization = issuer.iter_organization().next().and_then(|one| one.as_str().ok());
    let common = issuer.iter_common_name().next().and_then(|one| one.as_str().ok());
    let issuer = match (organization, common) {
        (Some(organization), Some(common)) => format!("{organization} {common}"),
        (one, other) => one.or(other).map_or_else(|| issuer.to_string(), ToOwned::to_owned),
    };
    Some(Held {
        chain_pem: chain.iter().map(|der| pem("CERTIFICATE", der)).collect(),
        life: Life {
            not_before: leaf.validity().not_before.timestamp(),
            not_after: leaf.validity().not_after.timestamp(),
        },
        fingerprint: menshen_tls::fingerprint(der),
        issuer: clean(&issuer, ISSUER_SHOWN),
        identifier: CertificateIdentifier::try_from(der).ok().map(|id| id.into_owned()),
    })
}

/// Each certificate must be signed by the next one.
fn signatures(chain: &[CertificateDer<'static>]) -> Result<(), String> {
    for (place, pair) in chain.windows(2).enumerate() {
        let [below, above] = pair else { continue };
        let (Ok((_, below)), Ok((_, above))) =
            (X509Certificate::from_der(below), X509Certificate::from_der(above))
        else {
            return Err("the chain holds something that is no certificate".to_owned());
        };
        // A kind of signature this library does not know is for clients to judge.
        let verdict = below.verify_signature(Some(above.public_key()));
        if matches!(verdict, Err(X509Error::SignatureVerificationError)) {
            let (this, next) = (place + 1, place + 2);
            return Err(format!("certificate {this} of the chain is not signed by {next}"));
        }
    }
    Ok(())
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    use x509_parser::extensions::GeneralName;
    let Ok(Some(names)) = leaf.subject_alternative_name() else {
        return Vec::new();
    };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(Into::into));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

/// Findings of [`menshen_tls::load_pair`] that a fresh certificate must not have.
const REFUSED: &[&str] =
    &["certificate-expired", "certificate-is-authority", "certificate-chain-order"];
/// Seconds our clock may be behind the authority's.
const CLOCK_SKEW: i64 = 300;
const CHAIN_MAX: usize = 16;
const NAMES_SHOWN: usize = 200;
const ISSUER_SHOWN: usize = 120;

#[cfg(test)]
mod tests;
