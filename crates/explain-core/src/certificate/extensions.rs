//! The extensions of a certificate, one by one (RFC 5280 §4.2, RFC 6962 §3.3, RFC 7633).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::{
    DistributionPointName, ExtendedKeyUsage, GeneralName, KeyUsage,
    NameConstraints as ParsedLimits, ParsedExtension, PolicyInformation, X509Extension,
};
use x509_parser::prelude::X509Certificate;

use super::facts::{
    AlternativeName, BasicConstraints, Certificate, NameConstraints, Policy, Presence, Timestamp,
    Usage,
};
use super::{class, der, name, oid};

/// Fills in what the extensions say.
pub(super) fn read(facts: &mut Certificate, parsed: &X509Certificate<'_>) {
    let mut seen: Vec<String> = Vec::new();
    for extension in parsed.extensions() {
        let id = extension.oid.to_id_string();
        if seen.contains(&id) {
            facts.unreadable_extensions.push(id);
            continue;
        }
        let known = raw(facts, &id, extension) || structured(facts, &id, extension);
        if !known && extension.critical {
            facts.unknown_critical.push(id.clone());
        }
        seen.push(id);
    }
}

/// The extensions read here from their octets.
fn raw(facts: &mut Certificate, id: &str, extension: &X509Extension<'_>) -> bool {
    match id {
        oid::SCT_LIST => match timestamps(extension.value) {
            Some(list) => facts.timestamps = list,
            None => facts.timestamps_unreadable = true,
        },
        oid::POISON => facts.poisoned = true,
        oid::TLS_FEATURE => facts.must_staple = asks_for_staple(extension.value),
        oid::QC_STATEMENTS => facts.qualified_statements = qualified(extension.value),
        _ => return false,
    }
    true
}

/// The extensions that the parser reads.
fn structured(facts: &mut Certificate, id: &str, extension: &X509Extension<'_>) -> bool {
    let presence = if extension.critical { Presence::Critical } else { Presence::Present };
    match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => {
            facts.alternative_names_presence = presence;
            facts.alternative_names = names.general_names.iter().map(alternative).collect();
        }
        ParsedExtension::CertificatePolicies(policies) => {
            facts.policies = policies.iter().map(policy).collect();
        }
        ParsedExtension::ExtendedKeyUsage(usage) => facts.extended_key_usage = Some(usages(usage)),
        ParsedExtension::KeyUsage(usage) => facts.key_usage = Some(key_usage(*usage)),
        ParsedExtension::BasicConstraints(constraints) => {
            let path_length = constraints.path_len_constraint;
            facts.basic_constraints = Some(BasicConstraints { ca: constraints.ca, path_length });
        }
        ParsedExtension::NameConstraints(limits) => {
            facts.name_constraints = Some(constraints(limits))
        }
        ParsedExtension::SubjectKeyIdentifier(id) => facts.subject_key_id = Some(oid::hex(id.0)),
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            facts.authority_key_id = id.key_identifier.as_ref().map(|id| oid::hex(id.0));
        }
        ParsedExtension::AuthorityInfoAccess(access) => {
            facts.authority_info_presence = presence;
            for description in &access.accessdescs {
                if let GeneralName::URI(uri) = &description.access_location {
                    match description.access_method.to_id_string().as_str() {
                        CA_ISSUERS => facts.issuer_urls.push((*uri).to_string()),
                        OCSP => facts.ocsp_urls.push((*uri).to_string()),
                        _ => {}
                    }
                }
            }
        }
        ParsedExtension::CRLDistributionPoints(points) => {
            for point in &points.points {
                if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                    facts.crl_urls.extend(names.iter().filter_map(|name| match name {
                        GeneralName::URI(uri) => Some((*uri).to_string()),
                        _ => None,
                    }));
                }
            }
        }
        ParsedExtension::ParseError { .. } => {
            facts.unreadable_extensions.push(id.to_string());
            if id == SUBJECT_ALTERNATIVE_NAME {
                facts.alternative_names_presence = presence;
            }
        }
        ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::Unparsed => return false,
        _ => {}
    }
    true
}

fn alternative(general: &GeneralName<'_>) -> AlternativeName {
    match general {
        GeneralName::DNSName(name) => AlternativeName::Dns((*name).to_string()),
        GeneralName::IPAddress(octets) => address(octets)
            .map_or_else(|| AlternativeName::Broken(oid::hex(octets)), AlternativeName::Ip),
        GeneralName::RFC822Name(mail) => AlternativeName::Email((*mail).to_string()),
        GeneralName::URI(uri) => AlternativeName::Uri((*uri).to_string()),
        GeneralName::DirectoryName(directory) => {
            AlternativeName::Directory(name::read(directory).text)
        }
        GeneralName::OtherName(kind, _) => {
            AlternativeName::Other(format!("otherName {}", kind.to_id_string()))
        }
        GeneralName::RegisteredID(id) => {
            AlternativeName::Other(format!("registeredID {}", id.to_id_string()))
        }
        GeneralName::X400Address(_) => AlternativeName::Other("x400Address".to_string()),
        GeneralName::EDIPartyName(_) => AlternativeName::Other("ediPartyName".to_string()),
        GeneralName::Invalid(_, octets) => AlternativeName::Broken(oid::hex(octets)),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    <[u8; 16]>::try_from(octets).ok().map(|all| IpAddr::V6(Ipv6Addr::from(all)))
}

fn policy(policy: &PolicyInformation<'_>) -> Policy {
    let qualifiers = policy.policy_qualifiers.iter().flatten();
    let practice_statements = qualifiers
        .filter(|qualifier| qualifier.policy_qualifier_id.to_id_string() == PRACTICE_STATEMENT)
        .filter_map(|qualifier| {
            let (text, _) = der::element(qualifier.qualifier)?;
            core::str::from_utf8(text.content).ok().map(ToString::to_string)
        });
    let oid = policy.policy_id.to_id_string();
    Policy {
        meaning: class::policy_meaning(&oid),
        practice_statements: practice_statements.collect(),
        oid,
    }
}

fn usages(usage: &ExtendedKeyUsage<'_>) -> Vec<Usage> {
    let flags = [
        (usage.any, oid::ANY_USAGE),
        (usage.server_auth, oid::SERVER_AUTH),
        (usage.client_auth, oid::CLIENT_AUTH),
        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
    ];
    let known = flags.iter().filter(|(set, _)| *set).map(|(_, id)| (*id).to_string());
    let other = usage.other.iter().map(|id| id.to_id_string());
    known.chain(other).map(|oid| Usage { name: oid::named(oid::USAGES, &oid), oid }).collect()
}

fn key_usage(usage: KeyUsage) -> Vec<&'static str> {
    let flags = [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ];
    flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect()
}

fn constraints(limits: &ParsedLimits<'_>) -> NameConstraints {
    let texts = |trees: &Option<Vec<x509_parser::extensions::GeneralSubtree<'_>>>| {
        trees.iter().flatten().map(|tree| constraint(&tree.base)).collect()
    };
    NameConstraints {
        permitted: texts(&limits.permitted_subtrees),
        excluded: texts(&limits.excluded_subtrees),
    }
}

fn constraint(base: &GeneralName<'_>) -> String {
    match base {
        GeneralName::DNSName(name) => format!("dns:{name}"),
        GeneralName::RFC822Name(mail) => format!("email:{mail}"),
        GeneralName::URI(uri) => format!("uri:{uri}"),
        GeneralName::DirectoryName(directory) => {
            format!("directory:{}", name::read(directory).text)
        }
        GeneralName::IPAddress(octets) => {
            network(octets).unwrap_or_else(|| format!("ip:?{}", oid::hex(octets)))
        }
        other => format!(
            "other:{}",
            match alternative(other) {
                AlternativeName::Other(text) | AlternativeName::Broken(text) => text,
                _ => String::new(),
            }
        ),
    }
}

/// Address and mask as `ip:10.0.0.0/8`; a mask with holes is written out.
fn network(octets: &[u8]) -> Option<String> {
    let (start, mask) = octets.split_at_checked(octets.len() / 2)?;
    let (start, mask_address) = (address(start)?, address(mask)?);
    let ones: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
    let leading: u32 = mask
        .iter()
        .scan(true, |whole, octet| {
            let counted = if *whole { octet.leading_ones() } else { 0 };
            *whole &= *octet == 0xff;
            Some(counted)
        })
        .sum();
    Some(if ones == leading {
        format!("ip:{start}/{ones}")
    } else {
        format!("ip:{start}/{mask_address}")
    })
}

/// The list of timestamps (RFC 6962 §3.3); None when it is malformed anywhere.
fn timestamps(value: &[u8]) -> Option<Vec<Timestamp>> {
    let list = der::only(value, der::OCTET_STRING)?;
    let (mut list, rest) = vector(list)?;
    let mut found = Vec::new();
    while !list.is_empty() {
        let (one, after) = vector(list)?;
        found.push(timestamp(one)?);
        list = after;
    }
    (rest.is_empty() && !found.is_empty()).then_some(found)
}

fn timestamp(octets: &[u8]) -> Option<Timestamp> {
    let (version, rest) = octets.split_first()?;
    let (log_id, rest) = rest.split_at_checked(32)?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (extensions, rest) = vector(rest)?;
    let (algorithms, rest) = rest.split_at_checked(2)?;
    let (signature, rest) = vector(rest)?;
    rest.is_empty().then(|| Timestamp {
        version: *version,
        log_id: oid::hex(log_id),
        timestamp_ms: time.iter().fold(0, |sum, octet| (sum << 8) | u64::from(*octet)),
        extensions: extensions.to_vec(),
        hash_algorithm: algorithms.first().copied().unwrap_or_default(),
        signature_algorithm: algorithms.last().copied().unwrap_or_default(),
        signature: signature.to_vec(),
    })
}

/// A vector with a length of two octets and what follows it.
fn vector(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = octets.split_at_checked(2)?;
    let length = length.iter().fold(0usize, |sum, octet| (sum << 8) | usize::from(*octet));
    rest.split_at_checked(length)
}

/// Whether the TLS feature list has status_request (5).
fn asks_for_staple(value: &[u8]) -> bool {
    let list = der::only(value, der::SEQUENCE).unwrap_or_default();
    der::elements(list).any(|feature| feature.tag == der::INTEGER && feature.content == [5])
}

/// OIDs of the statements, and of the types in a QcType statement after it.
fn qualified(value: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let list = der::only(value, der::SEQUENCE).unwrap_or_default();
    for statement in der::elements(list).filter(|element| element.tag == der::SEQUENCE) {
        let mut parts = der::elements(statement.content);
        let Some(id) = parts.next().filter(|id| id.tag == der::OBJECT_IDENTIFIER) else {
            continue;
        };
        let id = oid::dotted(id.content);
        let types = (id == oid::QC_TYPE).then(|| parts.next()).flatten();
        found.push(id);
        for kind in types.iter().flat_map(|types| der::elements(types.content)) {
            if kind.tag == der::OBJECT_IDENTIFIER {
                found.push(oid::dotted(kind.content));
            }
        }
    }
    found
}

/// id-ad-caIssuers.
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
/// id-ad-ocsp.
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
/// id-qt-cps.
const PRACTICE_STATEMENT: &str = "1.3.6.1.5.5.7.2.1";
/// id-ce-subjectAltName.
const SUBJECT_ALTERNATIVE_NAME: &str = "2.5.29.17";
