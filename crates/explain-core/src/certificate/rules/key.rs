//! `cert-key-*`, `cert-signature-*`: algorithms (BR §6.1.5, §6.1.6, §7.1.3.2).

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::facts::{KeyKind, SelfSigned};
use super::{Case, LEAF};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    match case.leaf.public_key.kind {
        KeyKind::Rsa => rsa(case, out),
        KeyKind::Ec => curve(case, out),
        _ => {
            let claim = format!(
                "the key is {}, which browsers do not take",
                word(case.leaf.public_key.kind)
            );
            out.push(
                case.finding("cert-key-kind", Severity::Warning, claim)
                    .evidence("key algorithm", LEAF, case.leaf.public_key.oid.as_str())
                    .hint("Use P-256 or RSA with 2048 bits or more."),
            );
        }
    }
    signature(case, out);
}

fn rsa(case: &Case<'_>, out: &mut Vec<Finding>) {
    let bits = case.leaf.public_key.bits;
    if bits < 2048 {
        let claim = format!("the RSA key has {bits} bits; clients want at least 2048");
        out.push(
            case.finding("cert-key-weak", Severity::Error, claim)
                .evidence("modulus", LEAF, format!("{bits} bits"))
                .hint("Make a new key (P-256, or RSA with 2048 bits) and have it certified."),
        );
    }
    if !bits.is_multiple_of(8) {
        let claim = format!("the RSA modulus has {bits} bits, which is not divisible by 8");
        out.push(case.finding("cert-key-odd-size", case.binding(), claim).evidence(
            "modulus",
            LEAF,
            format!("{bits} bits"),
        ));
    }
    let exponent = case.leaf.public_key.exponent.as_deref().unwrap_or_default();
    let value = exponent.parse::<u64>().ok();
    let even = value.is_some_and(|value| value % 2 == 0) || exponent == "1";
    if even {
        let claim = format!("the RSA exponent is {exponent}: no signature can be right");
        out.push(case.finding("cert-key-exponent", Severity::Error, claim));
    } else if value.is_some_and(|value| value < 65_537) {
        let claim = format!("the RSA exponent is {exponent}; 65537 is usual");
        out.push(case.finding("cert-key-exponent", Severity::Note, claim));
    }
}

fn curve(case: &Case<'_>, out: &mut Vec<Finding>) {
    let curve = case.leaf.public_key.curve.as_deref().unwrap_or("unnamed");
    let (code, severity, claim) = match curve {
        "P-256" | "P-384" => return,
        "P-521" => (
            "cert-key-p521",
            Severity::Warning,
            "the key is on P-521: allowed, yet Chromium offers no signatures with it".into(),
        ),
        other => (
            "cert-key-kind",
            Severity::Warning,
            format!("the key is on the curve {other}, which browsers do not take"),
        ),
    };
    let mut finding = case
        .finding(code, severity, claim)
        .evidence("curve", LEAF, curve)
        .hint("Use P-256 or P-384.");
    finding.confidence = Confidence::Likely;
    out.push(finding);
}

fn signature(case: &Case<'_>, out: &mut Vec<Finding>) {
    let name = case.leaf.signature_algorithm.as_str();
    let lower = name.to_ascii_lowercase();
    let weak = ["md2", "md5", "sha1"].iter().any(|hash| lower.contains(hash));
    if !weak {
        return;
    }
    // Nobody relies on the signature of a certificate over itself.
    let own = case.leaf.self_signed == SelfSigned::SelfSigned;
    let severity = if own { Severity::Note } else { Severity::Error };
    out.push(
        case.finding("cert-signature-weak", severity, format!("it is signed with {name}"))
            .evidence("signature algorithm", LEAF, name)
            .hint("Browsers refuse it since 2017; have it issued again with SHA-256."),
    );
}

fn word(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa => "RSA",
        KeyKind::Ec => "EC",
        KeyKind::Ed25519 => "Ed25519",
        KeyKind::Ed448 => "Ed448",
        KeyKind::Dsa => "DSA",
        KeyKind::MlDsa => "ML-DSA",
        KeyKind::Other => "of an unknown kind",
    }
}
