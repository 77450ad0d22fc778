//! Ordering a certificate from an authority by hand: what each class needs, a key, and a request
//! (PKCS #10, RFC 2986).
//!
//! Which subject fields a class needs is said by the Baseline Requirements (§7.1.2.7, version of 31
//! March 2026) and the EV Guidelines (§9.2). Authorities verify every field and may drop what they
//! do not verify; what this module refuses is what no authority may issue.
//!
//! The key never leaves the folder it is written to, and no error shows it. An order never replaces
//! the key of another order: certificates issued for that one would be worth nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, RsaKeySize};

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, ParsedExtension, parse_x509_pem};

use crate::error::TlsError;
use crate::names::{self, Name};
use crate::state_folder::{Privacy, StateFolder};

/// What an authority vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The names alone.
    Dv,
    /// The names and an organisation.
    Ov,
    /// The names and a person.
    Iv,
    /// The names and an organisation with its entry in a register.
    Ev,
}

/// The subject of an order: what an authority is asked to vouch for, beside the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// ISO 3166-1 code, two letters.
    pub country: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// City.
    pub locality: Option<String>,
    /// Organisation, by its legal name.
    pub organization: Option<String>,
    /// Given name of a person.
    pub given_name: Option<String>,
    /// Surname of a person.
    pub surname: Option<String>,
    /// Kind of organisation, see [`BUSINESS_CATEGORIES`].
    pub business_category: Option<String>,
    /// Number in the register.
    pub serial_number: Option<String>,
    /// Country of the register, two letters.
    pub jurisdiction_country: Option<String>,
    /// State or province of the register.
    pub jurisdiction_state: Option<String>,
    /// City of the register.
    pub jurisdiction_locality: Option<String>,
}

/// What the key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA with P-256: small and fast, understood by everything of this decade.
    EcdsaP256,
    /// ECDSA with P-384.
    EcdsaP384,
    /// RSA of 2048 bits, for very old clients.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
}

/// An order: names, class, subject, kind of key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Host names and addresses, the main one first.
    pub names: Vec<String>,
    /// What is to be vouched for.
    pub class: Class,
    /// Subject fields.
    pub subject: Subject,
    /// What the key is.
    pub key: KeyKind,
}

/// A written order.
#[derive(Debug)]
pub struct Written {
    /// The private key, mode 0600.
    pub key: PathBuf,
    /// The request to hand in.
    pub request: PathBuf,
    /// The request's PEM text.
    pub request_pem: String,
}

/// One row of what classes are.
#[derive(Debug, Clone, Copy)]
pub struct ClassText {
    /// The class.
    pub class: Class,
    /// Its word and name, such as `DV, domain validation`.
    pub name: &'static str,
    /// What the authority verifies.
    pub verifies: &'static str,
    /// What visitors see of it.
    pub shows: &'static str,
    /// How long it takes and what it costs, roughly.
    pub effort: &'static str,
}

/// All classes, the simplest first.
pub const CLASSES: [ClassText; 4] = [
    ClassText {
        class: Class::Dv,
        name: "DV, domain validation",
        verifies: "that you control the names, by machine",
        shows: "a valid connection, as every other class",
        effort: "seconds to minutes; free with ACME (see `tls.acme`)",
    },
    ClassText {
        class: Class::Ov,
        name: "OV, organisation validation",
        verifies: "the names, and that the organisation exists and asked for it",
        shows: "the same; the organisation stands in the certificate's details",
        effort: "one to three working days; paid",
    },
    ClassText {
        class: Class::Iv,
        name: "IV, individual validation",
        verifies: "the names, and a person's identity papers",
        shows: "the same; the person stands in the certificate's details",
        effort: "one to three working days; paid, rarely sold for servers",
    },
    ClassText {
        class: Class::Ev,
        name: "EV, extended validation",
        verifies: "the names, the organisation's entry in a register, who signs for it, by phone",
        shows: "the organisation after a click on the connection's icon; no green bar since 2019",
        effort: "one to two weeks; paid; no wildcards",
    },
];

/// What `businessCategory` may say (EV Guidelines §9.2.3).
pub const BUSINESS_CATEGORIES: [&str; 4] =
    ["Private Organization", "Government Entity", "Business Entity", "Non-Commercial Entity"];

impl Class {
    /// `DV`, `OV`, `IV` or `EV`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dv => "DV",
            Self::Ov => "OV",
            Self::Iv => "IV",
            Self::Ev => "EV",
        }
    }
}

impl Order {
    /// What is wrong with the order: errors are what no authority may issue, warnings what people
    /// are surprised by.
    #[must_use]
    pub fn look(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.look_at_names(&mut findings);
        self.look_at_subject(&mut findings);
        findings
    }

    /// Makes key and request and writes them to the folder `orders` of the state folder, under the
    /// first name. An order of that name is never replaced.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate, an order that is there already, a failing file
    /// system.
    pub fn write(&self, state: &Path) -> Result<Written, TlsError> {
        let (key_pem, request_pem) = self.make()?;
        let folder = StateFolder::open(&state.join(ORDERS))?;
        let first = self.names.first().map_or("order", String::as_str);
        let stem = stem(first);
        let (key, request) = (format!("{stem}.key"), format!("{stem}.csr"));
        for name in [&key, &request] {
            let path = folder.path(name);
            if path.symlink_metadata().is_ok() {
                return Err(TlsError::ConfigOrderExists { path });
            }
        }
        folder.write(&[
            (&key, Privacy::Secret, key_pem),
            (&request, Privacy::Open, request_pem.clone()),
        ])?;
        Ok(Written { key: folder.path(&key), request: folder.path(&request), request_pem })
    }

    /// Key and request as PEM.
    fn make(&self) -> Result<(String, String), TlsError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.distinguished_name();
        for name in names::parse_all(&self.names)? {
            params.subject_alt_names.push(match name {
                Name::Dns(host) => rcgen::SanType::DnsName(host.try_into()?),
                Name::Address(address) => rcgen::SanType::IpAddress(address),
            });
        }
        let key = match self.key {
            KeyKind::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?,
            KeyKind::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384)?,
            KeyKind::Rsa2048 => rsa(RsaKeySize::_2048)?,
            KeyKind::Rsa3072 => rsa(RsaKeySize::_3072)?,
        };
        let request = params.serialize_request(&key)?.pem()?;
        Ok((key.serialize_pem(), request))
    }

    fn distinguished_name(&self) -> DistinguishedName {
        let subject = &self.subject;
        let mut name = DistinguishedName::new();
        let mut add = |kind: DnType, value: &Option<String>| {
            let Some(value) = value else { return };
            // Countries are printable strings (X.520); everything else may be any script.
            let is_country = kind == DnType::CountryName || kind == custom(JURISDICTION_COUNTRY);
            let printable = is_country.then(|| value.as_str().try_into().ok()).flatten();
            let text = DnValue::Utf8String(value.clone());
            name.push(kind, printable.map_or(text, DnValue::PrintableString));
        };
        // The order of EV Guidelines §9.2 and of most certificates in use.
        add(custom(JURISDICTION_COUNTRY), &subject.jurisdiction_country);
        add(custom(JURISDICTION_STATE), &subject.jurisdiction_state);
        add(custom(JURISDICTION_LOCALITY), &subject.jurisdiction_locality);
        add(custom(BUSINESS_CATEGORY), &subject.business_category);
        add(custom(SERIAL_NUMBER), &subject.serial_number);
        add(DnType::CountryName, &subject.country);
        add(DnType::StateOrProvinceName, &subject.state);
        add(DnType::LocalityName, &subject.locality);
        add(DnType::OrganizationName, &subject.organization);
        add(custom(GIVEN_NAME), &subject.given_name);
        add(custom(SURNAME), &subject.surname);
        // A copy of a name, as the requirements want it; authorities may leave it out.
        let common = self.names.first().filter(|name| name.len() <= COMMON_NAME_BYTES_MAX);
        add(DnType::CommonName, &common.cloned());
        name
    }

    fn look_at_names(&self, findings: &mut Vec<Finding>) {
        let first = self.names.first().cloned().unwrap_or_default();
        let mut add = |code, severity, subject: &str, claim: &str, hint: &str| {
            findings.push(Finding::new(code, severity, subject, claim).hint(hint));
        };
        if self.names.is_empty() {
            let hint = "Give at least one with --name.";
            return add("order-without-names", Severity::Error, "names", "there is no name", hint);
        }
        for name in &self.names {
            let is_address = name.parse::<std::net::IpAddr>().is_ok();
            if self.class == Class::Ev && name.starts_with("*.") && !name.ends_with(".onion") {
                let claim = "EV certificates have no wildcards";
                let hint = "Name each host (EV Guidelines §9.8.1), or order OV.";
                add("order-ev-wildcard", Severity::Error, name, claim, hint);
            }
            if self.class == Class::Ev && is_address {
                let claim = "EV certificates have no addresses";
                add("order-ev-address", Severity::Error, name, claim, "Name the host instead.");
            }
            if !is_address && !name.contains('.') {
                let claim = "no public authority issues for a name without a dot";
                let hint = "Use the full name, or the development CA for names inside the house.";
                add("order-internal-name", Severity::Error, name, claim, hint);
            }
        }
        if let Some(bare) = first.strip_prefix("www.")
            && !self.names.iter().any(|name| name == bare)
        {
            let claim = format!("{bare} is not asked for");
            let hint = "Some authorities add the name without www by themselves, others do not; \
                        add it with --name to be sure.";
            add("order-www-only", Severity::Warning, &first, &claim, hint);
        }
        for name in self.names.iter().filter_map(|name| name.strip_prefix("*.")) {
            if !self.names.iter().any(|other| other == name) {
                let claim = format!("*.{name} does not cover {name} itself");
                let hint = "Add it with --name; many authorities take it along without charge.";
                add("order-wildcard-without-bare", Severity::Warning, name, &claim, hint);
            }
        }
    }

    fn look_at_subject(&self, findings: &mut Vec<Finding>) {
        let subject = &self.subject;
        for (field, option, wanted) in fields(subject) {
            let (must, may) = wanted(self.class);
            let class = self.class.word();
            if must && field.is_none() {
                let claim = format!("{class} certificates must name this");
                let hint = format!("Give it with --{option}.");
                findings.push(
                    Finding::new("order-field-missing", Severity::Error, option, claim).hint(hint),
                );
            } else if !may && field.is_some() {
                let claim = format!("{class} certificates do not carry this");
                let hint = "Leave it out, or order a class that vouches for it.";
                findings.push(
                    Finding::new("order-field-forbidden", Severity::Error, option, claim)
                        .hint(hint),
                );
            }
        }
        let placed = subject.locality.is_some() || subject.state.is_some();
        if self.class != Class::Dv && !placed {
            let claim = format!("{} certificates name a city or a state", self.class.word());
            let hint =
                "Give --locality, --state-or-province or both (Baseline Requirements §7.1.2.7).";
            findings.push(
                Finding::new("order-field-missing", Severity::Error, "locality", claim).hint(hint),
            );
        }
        for (code, option) in
            [(&subject.country, "country"), (&subject.jurisdiction_country, "jurisdiction-country")]
        {
            let bad = |code: &String| {
                code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())
            };
            if code.as_ref().is_some_and(bad) {
                let claim = "a country is two capital letters (ISO 3166-1), such as DE";
                findings.push(Finding::new("order-country", Severity::Error, option, claim));
            }
        }
        if let Some(category) = &subject.business_category
            && !BUSINESS_CATEGORIES.contains(&category.as_str())
        {
            let claim = format!("the category is one of: {}", BUSINESS_CATEGORIES.join(", "));
            findings.push(Finding::new(
                "order-business-category",
                Severity::Error,
                "business-category",
                claim,
            ));
        }
    }
}

/// A request that was handed in, as far as what comes back is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Names asked for, lower case.
    pub names: Vec<String>,
    /// Organisation asked for.
    pub organization: Option<String>,
}

/// Reads a request's PEM text; `None` if it is none.
#[must_use]
pub fn requested(pem: &[u8]) -> Option<Requested> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let (_, request) = X509CertificationRequest::from_der(&pem.contents).ok()?;
    let names = request.requested_extensions().into_iter().flatten();
    let names = names.filter_map(|extension| match extension {
        ParsedExtension::SubjectAlternativeName(names) => Some(names.general_names.as_slice()),
        _ => None,
    });
    let names = names.flatten().filter_map(crate::load::name_text);
    let mut organizations = request.certification_request_info.subject.iter_organization();
    let organization = organizations.next().and_then(|name| name.as_str().ok());
    Some(Requested {
        names: names.map(|name| name.to_ascii_lowercase()).collect(),
        organization: organization.map(str::to_owned),
    })
}

/// An order whose key a certificate was made for; `Debug` shows no key.
pub struct Open {
    /// The key's file.
    pub key: PathBuf,
    /// Its PEM text.
    pub key_pem: String,
    /// What was asked for.
    pub requested: Option<Requested>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Open");
        shown.field("key", &self.key).field("requested", &self.requested).finish_non_exhaustive()
    }
}

/// All orders of a state folder whose key can be read; none where there is no such folder.
///
/// # Errors
/// A folder that cannot be read, or a key others can read.
pub fn open_orders(state: &Path) -> Result<Vec<Open>, TlsError> {
    let path = state.join(ORDERS);
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TlsError::LocalFile { action: "read", path, source }),
    };
    let folder = StateFolder::open(&path)?;
    let mut found = Vec::new();
    for entry in entries.flatten().take(ORDERS_MAX) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".key").filter(|stem| !stem.starts_with('.')) else {
            continue;
        };
        let Some(key) = folder.read(&name, Privacy::Secret)? else { continue };
        let request = folder.read(&format!("{stem}.csr"), Privacy::Open)?;
        found.push(Open {
            key: folder.path(&name),
            key_pem: String::from_utf8_lossy(&key).into_owned(),
            requested: request.and_then(|pem| requested(&pem)),
        });
    }
    Ok(found)
}

/// Removes the files of an order; its key must be somewhere else by then.
///
/// # Errors
/// A failing file system.
pub fn close(order: &Open) -> Result<(), TlsError> {
    for path in [order.key.with_extension("csr"), order.key.clone()] {
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(TlsError::LocalFile { action: "remove", path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes a checked pair to the folder [`INSTALLED`] of the state folder, as one file so that chain
/// and key change together; gives its path.
///
/// # Errors
/// A failing file system.
pub fn install(
    state: &Path,
    name: &str,
    chain_pem: &str,
    key_pem: &str,
) -> Result<PathBuf, TlsError> {
    let folder = StateFolder::open(&state.join(INSTALLED))?;
    let file = format!("{}.pem", stem(name));
    let text = format!("{}\n{}\n", chain_pem.trim_end(), key_pem.trim_end());
    folder.write(&[(&file, Privacy::Secret, text)])?;
    Ok(folder.path(&file))
}

/// The public key (SubjectPublicKeyInfo, DER) of a PEM private key.
///
/// # Errors
/// PEM that cannot be read, or a kind of key that cannot be used.
pub fn public_key(key_pem: &[u8]) -> Result<Vec<u8>, TlsError> {
    crate::load::public_key(key_pem)
}

/// A name as a file name: letters, digits, dots and hyphens stay.
fn stem(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let stem: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .take(STEM_MAX)
        .collect();
    if stem.trim_matches('.').is_empty() { "certificate".to_owned() } else { stem }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EcdsaP256 => "ECDSA with P-256",
            Self::EcdsaP384 => "ECDSA with P-384",
            Self::Rsa2048 => "RSA of 2048 bits",
            Self::Rsa3072 => "RSA of 3072 bits",
        })
    }
}

/// Whether a class must, and may, carry a field.
type Wanted = fn(Class) -> (bool, bool);

/// Each field with its option and which classes want it (Baseline Requirements §7.1.2.7.2-5, EV
/// Guidelines §9.2).
fn fields(subject: &Subject) -> [(&Option<String>, &'static str, Wanted); 11] {
    let ev: Wanted = |class| (class == Class::Ev, class == Class::Ev);
    let ev_may: Wanted = |class| (false, class == Class::Ev);
    let all_but_dv: Wanted = |class| (false, class != Class::Dv);
    let person: Wanted = |class| (class == Class::Iv, class == Class::Iv);
    let organization: Wanted =
        |class| (matches!(class, Class::Ov | Class::Ev), matches!(class, Class::Ov | Class::Ev));
    [
        (&subject.country, "country", |class| (class != Class::Dv, true)),
        (&subject.state, "state-or-province", all_but_dv),
        (&subject.locality, "locality", all_but_dv),
        (&subject.organization, "organization", organization),
        (&subject.given_name, "given-name", person),
        (&subject.surname, "surname", person),
        (&subject.business_category, "business-category", ev),
        (&subject.serial_number, "registration-number", ev),
        (&subject.jurisdiction_country, "jurisdiction-country", ev),
        (&subject.jurisdiction_state, "jurisdiction-state", ev_may),
        (&subject.jurisdiction_locality, "jurisdiction-locality", ev_may),
    ]
}

fn rsa(size: RsaKeySize) -> Result<KeyPair, rcgen::Error> {
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size)
}

fn custom(oid: &[u64]) -> DnType {
    DnType::CustomDnType(oid.to_vec())
}

/// Folder of orders in the state folder.
pub const ORDERS: &str = "orders";

/// Folder of installed certificates in the state folder, each with its key.
pub const INSTALLED: &str = "installed";

const ORDERS_MAX: usize = 1000;
const STEM_MAX: usize = 200;

/// X.520 ub-common-name.
const COMMON_NAME_BYTES_MAX: usize = 64;
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const BUSINESS_CATEGORY: &[u64] = &[2, 5, 4, 15];
const SURNAME: &[u64] = &[2, 5, 4, 4];
const GIVEN_NAME: &[u64] = &[2, 5, 4, 42];
const JURISDICTION_LOCALITY: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 1];
const JURISDICTION_STATE: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 2];
const JURISDICTION_COUNTRY: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3];

#[cfg(test)]
mod tests;
