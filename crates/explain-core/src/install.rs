//! Whether a program is here, is new enough and does what it should, and which way would bring it:
//! facts of the host and of its recipe in, a report with findings out.
//!
//! [`Report::way`] is also what `menshen install` goes by when nobody names a way. Nothing here
//! fails; what was not seen is said to be so.

use alloc::string::String;
use alloc::vec::Vec;

use menshen_base::{Finding, Severity};
use serde::Serialize;

mod findings;
mod text;
mod version;
mod way;

pub use text::text;
pub use version::older;
pub use way::Way;

/// Everything that was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The recipe's name.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// The distribution, as it calls itself. Foreign.
    pub distribution: String,
    /// Its package manager, if one is known.
    pub manager: Option<&'static str>,
    /// The program that is here.
    pub here: Option<Here>,
    /// From which version on it is of use, and why.
    pub minimum: Option<Minimum>,
    /// What it may be able to do.
    pub features: Vec<Feature>,
    /// The way by packages.
    pub package: Package,
    /// The way from source, if the recipe has one.
    pub source: Option<Source>,
}

/// A program that is here.
#[derive(Debug, Clone, Serialize)]
pub struct Here {
    /// Where. Foreign.
    pub program: String,
    /// What it says it is.
    pub version: String,
    /// The prefix whose manifest lists it, if `menshen install` built it.
    pub built_into: Option<String>,
}

/// From which version on it is of use.
#[derive(Debug, Clone, Serialize)]
pub struct Minimum {
    /// That version.
    pub version: String,
    /// Why.
    pub why: String,
}

/// What it may be able to do.
#[derive(Debug, Clone, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// It is wanted unless somebody says otherwise.
    pub standard: bool,
    /// Whether it works; none: there is no program to ask.
    pub works: Option<bool>,
    /// What was seen where it does not. Foreign.
    pub seen: String,
    /// Packages that bring it here.
    pub packages: Vec<String>,
}

/// The way by packages.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Package {
    /// What would be installed.
    pub names: Vec<String>,
    /// Which version the distribution offers, as it writes it; none: not known. Foreign.
    pub offered: Option<String>,
}

/// The way from source.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Which version would be built.
    pub version: String,
    /// Programs that a build needs and that are not here.
    pub missing: Vec<String>,
}

/// What is told.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whether it is here and nothing worse than a note was found.
    pub good: bool,
    /// Which way would bring it.
    pub way: Way,
    /// Why that one.
    pub reason: String,
    /// What was seen.
    #[serde(flatten)]
    pub facts: Facts,
    /// What there is to say.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Draws the conclusions.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        let (way, reason) = way::way(&facts);
        let findings = findings::findings(&facts, way, &reason);
        let good = findings.iter().all(|finding| finding.severity == Severity::Note);
        Self { good, way, reason, facts, findings }
    }

    /// Whether it is here and nothing worse than a note was found.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.good
    }
}

impl Facts {
    /// Whether the version that is here is of use.
    fn is_too_old(&self) -> bool {
        let here = self.here.as_ref();
        here.is_some_and(|here| self.below_minimum(&here.version))
    }

    fn below_minimum(&self, version: &str) -> bool {
        self.minimum.as_ref().is_some_and(|minimum| older(version, &minimum.version))
    }

    /// Whether the distribution offers one that is of use; yes where it is not known.
    fn package_is_of_use(&self) -> bool {
        self.package.offered.as_ref().is_none_or(|offered| !self.below_minimum(offered))
    }

    fn has_packages(&self) -> bool {
        self.manager.is_some() && !self.package.names.is_empty()
    }
}

#[cfg(test)]
mod tests;
