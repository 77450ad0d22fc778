//! `cert-name-*`, `cert-no-san`, `cert-cn-*`: whom the certificate is for.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::coverage::{self, NameVerdict, Why};
use super::super::facts::{AlternativeName, Presence};
use super::{Case, LEAF};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    if let Some(asked) = case.names.asked.as_ref().filter(|asked| !asked.covered) {
        out.push(mismatch(case, asked));
    }
    presence(case, out);
    common_name(case, out);
    entries(case, out);
    one_form_only(case, out);
}

fn mismatch(case: &Case<'_>, asked: &NameVerdict) -> Finding {
    let hint = match asked.why_not {
        Some(Why::WildcardTooDeep | Why::WildcardApex | Why::OnlyWww | Why::OnlyBare) => {
            format!("Order a certificate that has {} as a name of its own.", asked.name)
        }
        Some(Why::CommonNameOnly | Why::AddressAsName | Why::NoNames | Why::EntryMalformed) => {
            "Have it issued again with the name in subjectAltName, in its proper form.".into()
        }
        Some(Why::WildcardMalformed | Why::WildcardPublicSuffix) => {
            "Have it issued again with names, or with a wildcard as the whole leftmost label below \
             a registered name."
                .into()
        }
        Some(Why::NotAName) => "Ask for a host name or an IP address.".into(),
        Some(Why::OtherNames) | None => String::from(
            "Either this is the default certificate because no name was sent (SNI) or no other \
             matches, or the wrong one is installed.",
        ),
    };
    let names: Vec<&str> = case.leaf.dns_names().take(EVIDENCE_NAMES_MAX).collect();
    case.finding("cert-name-mismatch", Severity::Error, asked.text.clone())
        .evidence("subjectAltName", LEAF, names.join(", "))
        .hint(hint)
}

fn presence(case: &Case<'_>, out: &mut Vec<Finding>) {
    let leaf = case.leaf;
    let usable = leaf.dns_names().next().is_some() || leaf.ip_addresses().next().is_some();
    if !usable && !leaf.is_ca() {
        let claim = "it has no DNS name and no address in subjectAltName; clients stopped reading \
                     the common name in 2017";
        out.push(
            case.finding("cert-no-san", Severity::Error, claim)
                .evidence("CN", LEAF, leaf.common_name().unwrap_or_default())
                .hint("Have it issued again with its names in subjectAltName."),
        );
    }
    let critical = leaf.alternative_names_presence == Presence::Critical;
    if critical && !leaf.subject.attributes.is_empty() {
        let claim = "subjectAltName is critical although the subject is not empty";
        out.push(case.finding("cert-san-critical", Severity::Note, claim));
    } else if !critical && leaf.subject.attributes.is_empty() && usable {
        let claim = "the subject is empty, and subjectAltName is not critical (RFC 5280 §4.2.1.6)";
        out.push(case.finding("cert-san-not-critical", Severity::Note, claim));
    }
}

fn common_name(case: &Case<'_>, out: &mut Vec<Finding>) {
    let Some(name) = case.leaf.common_name().filter(|_| !case.leaf.is_ca()) else {
        return;
    };
    let address = coverage::address(name);
    let there = match address {
        Some(address) => case.leaf.ip_addresses().any(|san| san == address),
        None => case.leaf.dns_names().any(|san| san.eq_ignore_ascii_case(name)),
    };
    if there {
        return;
    }
    let (code, claim) = match address {
        Some(address) => (
            "cert-address-in-cn",
            format!("the address {address} stands in the common name, where no client looks"),
        ),
        None => (
            "cert-cn-not-in-san",
            format!("the common name {name} is not among the names of subjectAltName"),
        ),
    };
    out.push(
        case.finding(code, case.binding(), claim)
            .evidence("CN", LEAF, name)
            .hint("Put what shall be covered into subjectAltName; the common name may stay away."),
    );
}

fn entries(case: &Case<'_>, out: &mut Vec<Finding>) {
    for name in &case.names.wildcards_at_public_suffix {
        let claim = format!("{name} stands directly left of a public suffix");
        out.push(
            case.finding("cert-wildcard-public-suffix", Severity::Error, claim)
                .evidence("dNSName", LEAF, name.as_str())
                .hint("Browsers refuse it: a wildcard must stand below a registered name."),
        );
    }
    for name in case.leaf.dns_names() {
        let (code, claim) = if coverage::address(name).is_some() {
            ("cert-address-as-name", format!("the address {name} stands as a DNS name"))
        } else if !coverage::well_formed(name) && name.contains('*') {
            ("cert-wildcard-malformed", format!("{name} is no wildcard that clients accept"))
        } else if !coverage::well_formed(name) {
            ("cert-name-malformed", format!("{name:?} is not a DNS name in the form of RFC 5280"))
        } else {
            continue;
        };
        out.push(
            case.finding(code, Severity::Warning, claim)
                .evidence("dNSName", LEAF, name)
                .hint("Clients do not match it; have it issued again in the proper form."),
        );
    }
    let broken = |name: &&AlternativeName| matches!(name, AlternativeName::Broken(_));
    if let Some(AlternativeName::Broken(octets)) = case.leaf.alternative_names.iter().find(broken) {
        let claim = "an entry of subjectAltName cannot be read";
        out.push(case.finding("cert-san-broken", Severity::Warning, claim).evidence(
            "octets",
            LEAF,
            octets.as_str(),
        ));
    }
    if !case.names.internal.is_empty() && !case.leaf.is_ca() {
        let list = case.names.internal.join(", ");
        let claim = format!("{list} can only be certified by a private CA");
        out.push(
            case.finding("cert-internal-name", case.binding(), claim)
                .hint("Public CAs stopped in 2015; use a name below a registered domain."),
        );
    }
}

fn one_form_only(case: &Case<'_>, out: &mut Vec<Finding>) {
    let (Some(www), Some(bare)) = (&case.names.www, &case.names.bare) else {
        return;
    };
    let (there, other) = match (www.covered, bare.covered) {
        (true, false) => (www, bare),
        (false, true) => (bare, www),
        _ => return,
    };
    if case.names.internal.contains(&there.name) {
        return;
    }
    // Somebody who asks for mail.example.com does not care for either.
    let asked = case.names.asked.as_ref().map(|asked| asked.name.as_str());
    if asked.is_some_and(|asked| asked != www.name && asked != bare.name) {
        return;
    }
    let claim = format!("{} is covered, {} is not", there.name, other.name);
    out.push(case.finding("cert-one-form-only", Severity::Note, claim).hint(
        "No rule makes a CA add the other form; visitors who type it see an error page even if \
         the server would redirect them.",
    ));
}

/// Names quoted as evidence.
const EVIDENCE_NAMES_MAX: usize = 8;
