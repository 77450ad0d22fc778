//! Which of the two ways fits this host, and why.
//!
//! The package manager where it can: it updates what it installs. From source only where the
//! distribution has nothing, or nothing that is of use.

use alloc::format;
use alloc::string::{String, ToString};

use serde::Serialize;

use super::Facts;

/// A way to bring a program here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It is here, and of use.
    Here,
    /// From the package manager.
    Package,
    /// From source.
    Source,
    /// Neither is possible.
    None,
}

/// The way, and the reason for it.
pub(super) fn way(facts: &Facts) -> (Way, String) {
    let missing = facts.features.iter().any(|one| one.standard && one.works == Some(false));
    if facts.here.is_some() && !facts.is_too_old() && !missing {
        return (Way::Here, "it is here, and new enough".to_string());
    }
    let manager = facts.manager.unwrap_or_default();
    let offered = facts.package.offered.as_deref();
    match (facts.has_packages(), facts.package_is_of_use(), &facts.source) {
        (true, true, _) => {
            let version = offered.map(|version| format!(" offers {version}"));
            let version = version.unwrap_or_else(|| " has it".to_string());
            (Way::Package, format!("{manager}{version}, and will keep it up to date"))
        }
        (true, false, Some(source)) => {
            let least = facts.minimum.as_ref().map(|one| one.version.as_str()).unwrap_or_default();
            let offered = offered.unwrap_or_default();
            let reason = format!(
                "{manager} offers {offered}, older than {least}; the source is of {}",
                source.version
            );
            (Way::Source, reason)
        }
        (true, false, None) => {
            let offered = offered.unwrap_or_default();
            (Way::None, format!("{manager} offers {offered} only, and the recipe has no source"))
        }
        (false, _, Some(_)) if facts.manager.is_none() => {
            (Way::Source, "no package manager is known here".to_string())
        }
        (false, _, Some(_)) => (Way::Source, format!("the recipe names no package for {manager}")),
        (false, _, None) => {
            (Way::None, "neither a package nor a source is known for this host".to_string())
        }
    }
}
