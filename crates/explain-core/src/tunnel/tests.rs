//! The table of causes, and the rules that use it.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use menshen_base::Severity;

use super::vantage::hops;
use super::verdict::causes::{CAUSES, finding};

#[test]
fn causes_are_told_in_one_manner_and_once() {
    let codes: BTreeSet<&str> = CAUSES.iter().map(|cause| cause.code).collect();
    assert_eq!(codes.len(), CAUSES.len(), "a code twice");
    for cause in CAUSES {
        assert!(cause.code.starts_with("tunnel-"), "{}", cause.code);
        assert!(!cause.claim.ends_with('.'), "{}", cause.code);
        assert!(cause.claim.starts_with(|c: char| c.is_lowercase() || c == 'G'), "{}", cause.code);
        assert!(cause.hint.is_empty() || cause.hint.ends_with(['.', '?']), "{}", cause.code);
        assert!(!cause.hint.is_empty() || cause.severity == Severity::Note, "{}", cause.code);
    }
}

/// Every code that a rule names is in the table: else its claim would be the code itself.
#[test]
fn every_code_of_the_rules_is_a_cause() {
    let sources = [
        include_str!("live.rs"),
        include_str!("verdict.rs"),
        include_str!("verdict/control.rs"),
        include_str!("verdict/gre.rs"),
        include_str!("verdict/ppp.rs"),
    ];
    let mut used: Vec<&str> = sources.iter().flat_map(|source| source.split('"')).collect();
    used.retain(|word| word.starts_with("tunnel-") && !word.contains(' '));
    assert!(used.len() > 40, "{}", used.len());
    for code in used {
        assert!(CAUSES.iter().any(|cause| cause.code == code), "{code}");
    }
    assert_eq!(finding("tunnel-works", "a → b".into()).claim, "the tunnel works");
}

#[test]
fn routers_are_counted_from_the_ttls_that_systems_use() {
    let counted = [64, 63, 128, 117, 255, 250, 1].map(hops);
    assert_eq!(counted, [0, 1, 0, 11, 0, 5, 63]);
}
