//! Findings: whether the program serves its purpose, and what would bring one that does.
//!
//! Codes are stable. An error: it is not here. A warning: it is, and does not do what is usually
//! wanted of it. A note: what else it could do.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};

use super::{Facts, Feature, Way};

/// All findings, errors first.
pub(super) fn findings(facts: &Facts, way: Way, reason: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(missing(facts, way, reason));
    found.extend(too_old(facts, way, reason));
    found.extend(facts.features.iter().filter_map(|feature| lacking(facts, feature)));
    found.extend(offered_too_old(facts));
    found.extend(tools(facts, way));
    // Stable: within a severity they stay as they were found.
    found.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    found
}

fn missing(facts: &Facts, way: Way, reason: &str) -> Option<Finding> {
    facts.here.is_none().then(|| {
        Finding::new("install-missing", Severity::Error, &*facts.name, "it is not on this host")
            .evidence("program", "PATH and the folders for administrators' programs", "none")
            .hint(advice(facts, way, reason))
    })
}

fn too_old(facts: &Facts, way: Way, reason: &str) -> Option<Finding> {
    let (here, minimum) = (facts.here.as_ref()?, facts.minimum.as_ref()?);
    facts.is_too_old().then(|| {
        let claim = format!("version {} is too old to be of use: {}", here.version, minimum.why);
        Finding::new("install-too-old", Severity::Warning, &*here.program, claim)
            .evidence("version", &*here.program, &*here.version)
            .evidence("least version", "recipe", &*minimum.version)
            .hint(advice(facts, way, reason))
    })
}

/// A feature that does not work: a warning where it is usually wanted.
fn lacking(facts: &Facts, feature: &Feature) -> Option<Finding> {
    let here = facts.here.as_ref().filter(|_| feature.works == Some(false))?;
    let severity = if feature.standard { Severity::Warning } else { Severity::Note };
    let claim = format!("{} does not work: {}", feature.name, feature.about);
    // Packages bring nothing to a program that is not theirs.
    let none = feature.packages.is_empty() || !of_distribution(&here.program);
    let hint = match (none, &facts.source, &here.built_into) {
        (_, _, Some(prefix)) => format!(
            "`menshen install {} --from source --prefix {prefix} --with {}` builds it anew.",
            facts.name, feature.name
        ),
        (false, _, None) => format!(
            "`menshen install {} --from package --with {}` adds {}.",
            facts.name,
            feature.name,
            feature.packages.join(", ")
        ),
        (true, Some(_), None) => format!(
            "`menshen install {} --from source --with {}` builds one that has it.",
            facts.name, feature.name
        ),
        (true, None, None) => "No package is known that brings it.".to_string(),
    };
    Some(
        Finding::new("install-feature-missing", severity, &*here.program, claim)
            .evidence(&*feature.name, "its test", &*feature.seen)
            .hint(hint),
    )
}

/// Whether it lies where distributions put programs, and nobody else should.
fn of_distribution(program: &str) -> bool {
    ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].iter().any(|folder| program.starts_with(folder))
}

/// The distribution's own is no help.
fn offered_too_old(facts: &Facts) -> Option<Finding> {
    let (minimum, offered) = (facts.minimum.as_ref()?, facts.package.offered.as_ref()?);
    let manager = facts.manager.unwrap_or_default();
    (facts.has_packages() && !facts.package_is_of_use()).then(|| {
        let claim = format!("{} offers a version that is too old", facts.distribution);
        Finding::new("install-package-too-old", Severity::Note, &*facts.name, claim)
            .evidence("version", manager, &**offered)
            .evidence("least version", "recipe", &*minimum.version)
            .hint("A repository of somebody else, or the source, may have a newer one.")
    })
}

/// Without these nothing can be built.
fn tools(facts: &Facts, way: Way) -> Option<Finding> {
    let source = facts.source.as_ref()?;
    (way == Way::Source && !source.missing.is_empty()).then(|| {
        Finding::new(
            "install-tools-missing",
            Severity::Note,
            &*facts.name,
            "programs that a build needs are not here",
        )
        .evidence("not found", "PATH", source.missing.join(", "))
        .hint(format!(
            "`menshen install {} --from source --build-packages` installs them first.",
            facts.name
        ))
    })
}

fn advice(facts: &Facts, way: Way, reason: &str) -> alloc::string::String {
    match way {
        Way::Here => alloc::string::String::new(),
        Way::Package => {
            format!("`menshen install {} --from package`: {reason}.", facts.name)
        }
        Way::Source => format!("`menshen install {} --from source`: {reason}.", facts.name),
        Way::None => format!("Write a recipe of your own, or install it by hand: {reason}."),
    }
}
