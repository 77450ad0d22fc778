//! `cert-class-*`, `cert-ev-*`, `cert-policy-*`: what the class claims and what bears it out.

use alloc::format;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::super::class::{Class, POLICY_MANDATORY};
use super::{Case, LEAF};

pub(super) fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    for conflict in &case.class.conflicts {
        out.push(
            case.finding("cert-class-conflict", case.binding(), conflict.as_str())
                .evidence("subject", LEAF, case.leaf.subject.text.as_str())
                .hint("Class and subject must fit (BR §7.1.2.7); the CA should issue it again."),
        );
    }
    if case.ev.claims_only {
        let claim = format!(
            "EV is claimed only: {}, yet {}",
            case.ev.claims.why, case.ev.browser_treated.why
        );
        out.push(
            case.finding("cert-ev-claims-only", Severity::Warning, claim)
                .hint("Anybody can write the OID; without an EV root it says nothing."),
        );
    } else if case.ev.claims.holds && !case.ev.shaped.holds {
        let claim = format!("it claims EV, yet {}", case.ev.shaped.why);
        out.push(case.finding("cert-ev-not-shaped", case.binding(), claim).evidence(
            "subject",
            LEAF,
            case.leaf.subject.text.as_str(),
        ));
    }
    let late = case.leaf.not_before >= POLICY_MANDATORY;
    if case.publicly_trusted == Some(true) && case.class.class == Class::None && late {
        let claim = "its root is public, yet it asserts none of the Forum's policies";
        out.push(case.finding("cert-policy-absent", Severity::Warning, claim));
    }
}
