//! Trust stores, and what each says about a chain: the system's, Mozilla's, and roots given by the
//! person who asks.
//!
//! rustls-webpki verifies, as rustls does; the words for its verdicts are ours. The name and, where
//! the leaf is over, the time are left aside: both have verdicts of their own. Loading fails with
//! [`RootsError`] for a given file; a system without a store has an empty one.

use std::path::Path;

use menshen_explain_core::certificate::{Anchor, CERTIFICATE_BYTES_MAX, Certificate, StoreTrust};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::certificate::input;

/// A set of roots.
#[derive(Debug)]
pub struct Store {
    /// `system`, `mozilla` or `given`.
    pub name: &'static str,
    /// Publicly trusted roots as shipped, without additions of this host.
    pub public: bool,
    roots: Vec<Root>,
}

#[derive(Debug)]
struct Root {
    anchor: TrustAnchor<'static>,
    der: Option<Vec<u8>>,
}

/// Why given roots cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no root certificate could be read: {0}")]
pub struct RootsError(pub String);

impl Store {
    /// The system's roots, wherever this system keeps them (also `SSL_CERT_FILE`, `SSL_CERT_DIR`).
    #[must_use]
    pub fn system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        Self { name: "system", public: false, roots: roots_of(found.certs) }
    }

    /// Mozilla's roots, as they were when menshen was built.
    #[must_use]
    pub fn mozilla() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.iter();
        let roots = anchors.map(|anchor| Root { anchor: anchor.clone(), der: None }).collect();
        Self { name: "mozilla", public: true, roots }
    }

    /// Roots of a file's contents, PEM or DER.
    ///
    /// # Errors
    /// [`RootsError`] when there is none.
    pub fn given(bytes: &[u8]) -> Result<Self, RootsError> {
        let ders = input::ders(bytes).map_err(|error| RootsError(error.to_string()))?;
        let roots = roots_of(ders.into_iter().map(CertificateDer::from).collect());
        if roots.is_empty() {
            return Err(RootsError("none of them is a certificate".into()));
        }
        Ok(Self { name: "given", public: false, roots })
    }

    /// How many roots are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// What it says about a leaf with these other certificates, at `now` in Unix seconds.
    #[must_use]
    pub fn judge(&self, leaf: &Certificate, others: &[&Certificate], now: i64) -> StoreTrust {
        let verdict = |trusted, reason, root_sha256| StoreTrust {
            store: self.name.to_owned(),
            trusted,
            reason,
            root_sha256,
            public: self.public,
        };
        if self.is_empty() {
            return verdict(false, "this system has no store of roots".into(), None);
        }
        // Where the leaf is not in its time, the chain is judged at a moment when it was.
        let at = now.clamp(leaf.not_before, leaf.not_after.max(leaf.not_before));
        match self.verify(leaf, others, at) {
            Ok(root) => {
                let label = label(&root.anchor);
                let digest = root.der.as_deref().map(sha256);
                verdict(true, format!("ends in the root {label}"), digest)
            }
            Err(error) => verdict(false, words(&error, leaf, others), None),
        }
    }

    fn verify(
        &self,
        leaf: &Certificate,
        others: &[&Certificate],
        at: i64,
    ) -> Result<&Root, webpki::Error> {
        let der = CertificateDer::from(&*leaf.der);
        let end = EndEntityCert::try_from(&der)?;
        let others: Vec<_> = others.iter().map(|other| CertificateDer::from(&*other.der)).collect();
        let anchors: Vec<_> = self.roots.iter().map(|root| root.anchor.clone()).collect();
        let seconds = u64::try_from(at).unwrap_or_default();
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        let path = end.verify_for_usage(algorithms, &anchors, &others, time, usage, None, None)?;
        let key = &path.anchor().subject_public_key_info;
        let root = self.roots.iter().find(|root| root.anchor.subject_public_key_info == *key);
        root.ok_or(webpki::Error::UnknownIssuer)
    }
}

/// The roots of all stores for the chain builder, each once; a root known by name and key only
/// gets its certificate from a store that has it.
#[must_use]
pub fn anchors(stores: &[&Store]) -> Vec<Anchor> {
    let mut all: Vec<Anchor> = Vec::new();
    for root in stores.iter().flat_map(|store| &store.roots) {
        let name = wrap(&root.anchor.subject);
        let spki = wrap(&root.anchor.subject_public_key_info);
        match all.iter_mut().find(|anchor| anchor.spki == spki && anchor.name == name) {
            Some(known) => known.der = known.der.take().or_else(|| root.der.clone()),
            None => {
                all.push(Anchor { name, spki, der: root.der.clone(), label: label(&root.anchor) })
            }
        }
    }
    all
}

/// Reads a file of roots, not longer than [`ROOTS_BYTES_MAX`].
///
/// # Errors
/// What the system says, or that it is too long.
pub fn read_roots(path: &Path) -> std::io::Result<Vec<u8>> {
    crate::certificate::read_bounded(std::fs::File::open(path)?, ROOTS_BYTES_MAX)
}

fn roots_of(ders: Vec<CertificateDer<'static>>) -> Vec<Root> {
    let fits = ders.into_iter().filter(|der| der.len() <= CERTIFICATE_BYTES_MAX);
    let root = |der: CertificateDer<'static>| {
        let anchor = anchor_from_trusted_cert(&der).ok()?.to_owned();
        Some(Root { anchor, der: Some(der.to_vec()) })
    };
    fits.filter_map(root).collect()
}

/// What webpki said, for people.
fn words(error: &webpki::Error, leaf: &Certificate, others: &[&Certificate]) -> String {
    use webpki::Error as E;
    match error {
        E::UnknownIssuer => unknown_issuer(leaf, others),
        E::CertExpired { .. } => "a certificate of the authority is over".into(),
        E::CertNotValidYet { .. } => "a certificate of the authority has not begun".into(),
        E::InvalidCertValidity => "its time ends before it begins".into(),
        // The roots were not even looked at; that nobody else vouches for it weighs more.
        E::CaUsedAsEndEntity if leaf.issuer.der == leaf.subject.der => {
            "self-signed, and an authority's own (CA:TRUE)".into()
        }
        E::CaUsedAsEndEntity => {
            "the server's certificate says that it is an authority's (CA:TRUE)".into()
        }
        E::EndEntityUsedAsCa => "a certificate that is no authority's was used to sign".into(),
        E::NameConstraintViolation => "the authority may not certify this name".into(),
        E::PathLenConstraintViolated => "an authority stands below one that allows none".into(),
        E::RequiredEkuNotFoundContext(_) => {
            "it is not made for servers (no serverAuth usage)".into()
        }
        E::InvalidSignatureForPublicKey => "a signature in the chain is wrong".into(),
        E::UnsupportedCertVersion => "it is no X.509 version 3 certificate".into(),
        E::UnsupportedCriticalExtension => {
            "it has a critical extension that clients do not know".into()
        }
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a signature in the chain is of a kind that clients refuse (SHA-1, a short key)".into()
        }
        E::MaximumSignatureChecksExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumPathDepthExceeded => "the chain is too tangled to be followed".into(),
        other => format!("the chain cannot be verified ({other:?})"),
    }
}

/// The bare "unknown issuer", with the one who is missing.
fn unknown_issuer(leaf: &Certificate, others: &[&Certificate]) -> String {
    let mut top = leaf;
    for _ in 0..others.len() {
        let above = others.iter().find(|other| {
            other.subject.der == top.issuer.der && other.sha256 != top.sha256 && other.signed(top)
        });
        match above {
            Some(above) => top = above,
            None => break,
        }
    }
    if top.issuer.der == top.subject.der {
        return match std::ptr::eq(top, leaf) {
            true => "self-signed, and not one of the roots".into(),
            false => format!("its root \"{}\" is not one of the roots here", top.title()),
        };
    }
    let issuer = top.issuer.get("CN").or_else(|| top.issuer.get("O")).unwrap_or(&top.issuer.text);
    format!("\"{issuer}\", who signed \"{}\", is neither sent nor one of the roots", top.title())
}

/// What to call an anchor.
fn label(anchor: &TrustAnchor<'_>) -> String {
    common_name(&anchor.subject).unwrap_or_else(|| "without a name".into())
}

/// The last common name, else the last organisation unit or organisation of an encoded name.
fn common_name(name: &[u8]) -> Option<String> {
    use x509_parser::prelude::{FromDer, X509Name};
    let whole = wrap(name);
    let (_, parsed) = X509Name::from_der(&whole).ok()?;
    let text =
        |part: &x509_parser::x509::AttributeTypeAndValue<'_>| part.as_str().ok().map(str::to_owned);
    let common = parsed.iter_common_name().last().and_then(text);
    let unit = || parsed.iter_organizational_unit().last().and_then(text);
    common.or_else(unit).or_else(|| parsed.iter_organization().last().and_then(text))
}

/// The contents of a DER SEQUENCE with its head again.
fn wrap(content: &[u8]) -> Vec<u8> {
    crate::certificate::sequence(content)
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Longest file of roots.
pub const ROOTS_BYTES_MAX: usize = 4 << 20;
