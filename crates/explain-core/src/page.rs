//! What a page refers to without https, and what Chromium does with each reference.
//!
//! The words are those of W3C Mixed Content §3 (upgradeable, blockable) and of Upgrade Insecure
//! Requests §3; what Chromium really does is a table in [`kind`], held against the browser itself
//! by the tests of the program. Pure: documents come in as text, nothing is fetched here. Any
//! bytes are a document; nothing fails, and what is too much is cut at the limits of this module.

pub mod classify;
pub mod csp;
pub mod css;
pub mod html;
pub mod kind;
pub mod manifest;
pub mod place;
pub mod report;
mod script;
pub mod text;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::Confidence;
use serde::Serialize;
pub use url::Url;

use self::classify::Outcome;
use self::csp::Policies;
use self::kind::{Kind, Spec};

/// One reference without https.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, such as `img src` or `url() of a style`.
    pub place: String,
    /// The address as it is written, cut at [`WRITTEN_BYTES_MAX`].
    pub written: String,
    /// The address it comes to.
    pub url: String,
    /// The document it stands in.
    pub document: String,
    /// Line in the document, from 1, where it could be found again.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// The category of the specification.
    pub spec: Spec,
    /// What Chromium does.
    pub outcome: Outcome,
    /// Read from markup, or guessed from a script.
    pub confidence: Confidence,
    /// It stands in `noscript`: only browsers without scripts see it.
    pub without_scripts_only: bool,
}

impl Reference {
    /// `URL:line:column`, or the address of the document alone.
    #[must_use]
    pub fn position(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.document),
            _ => self.document.clone(),
        }
    }
}

/// What to read next, for what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Its address, https or a trusted one.
    pub url: Url,
    /// What is expected there.
    pub what: Expected,
}

/// What is expected of a document to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A stylesheet.
    Style,
    /// A web application manifest.
    Manifest,
    /// A document in a frame.
    Frame,
}

/// What one document gave.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// References without https, in document order.
    pub references: Vec<Reference>,
    /// What the document loads and may refer further.
    pub follow: Vec<Follow>,
    /// Addresses looked at, https or not.
    pub seen: usize,
    /// The policies in force at the end: those given and those of `meta`.
    pub policies: Policies,
    /// A limit was reached; the rest was not looked at.
    pub cut: bool,
}

/// Collects the references of one document.
pub(crate) struct Gather<'a> {
    /// The page that people see, for policies' `'self'` and for navigations.
    pub(crate) page: &'a Url,
    /// The document itself.
    pub(crate) document: &'a Url,
    /// What relative addresses are relative to.
    pub(crate) base: Url,
    pub(crate) places: place::Places<'a>,
    pub(crate) in_noscript: bool,
    pub(crate) scan: Scan,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(page: &'a Url, document: &'a Url, text: &'a str, policies: Policies) -> Self {
        Self {
            page,
            document,
            base: document.clone(),
            places: place::Places::new(text),
            in_noscript: false,
            scan: Scan { policies, ..Scan::default() },
        }
    }

    /// The address that `written` comes to, as the URL Standard joins them.
    pub(crate) fn resolve(&self, written: &str) -> Option<Url> {
        self.base.join(written).ok()
    }

    /// Takes one address; its outcome, if it has none of https.
    pub(crate) fn take(&mut self, kind: Kind, place: &str, written: &str) -> Option<Outcome> {
        self.take_as(kind, place, written, Confidence::Certain)
    }

    pub(crate) fn take_as(
        &mut self,
        kind: Kind,
        place: &str,
        written: &str,
        confidence: Confidence,
    ) -> Option<Outcome> {
        if self.scan.seen >= ADDRESSES_MAX || self.scan.references.len() >= REFERENCES_MAX {
            self.scan.cut = true;
            return None;
        }
        let url = self.resolve(written)?;
        self.scan.seen += 1;
        if !matches!(url.scheme(), "http" | "ws") || url.as_str().len() > URL_BYTES_MAX {
            return None;
        }
        let outcome = classify::outcome(kind, &url, &self.scan.policies, self.page);
        let spot = self.places.find(written);
        self.scan.references.push(Reference {
            kind,
            place: place.to_string(),
            written: cut(written, WRITTEN_BYTES_MAX).to_string(),
            url: url.to_string(),
            document: self.document.to_string(),
            line: spot.map(|(line, _)| line),
            column: spot.map(|(_, column)| column),
            spec: kind.spec_for(&url),
            outcome,
            confidence,
            without_scripts_only: self.in_noscript,
        });
        Some(outcome)
    }

    /// Notes a document to read next, unless the browser would not read it either.
    pub(crate) fn follow(&mut self, what: Expected, written: &str, outcome: Option<Outcome>) {
        let Some(mut url) = self.resolve(written) else { return };
        if outcome == Some(Outcome::Upgraded) {
            url = classify::twin(&url);
        }
        let readable = url.scheme() == "https" || outcome == Some(Outcome::Allowed);
        if readable && !self.in_noscript && self.scan.follow.len() < FOLLOW_MAX {
            self.scan.follow.push(Follow { url, what });
        }
    }
}

/// References of a stylesheet of its own; `policies` are those of the document that loads it.
#[must_use]
pub fn scan_style(page: &Url, sheet: &Url, text: &str, policies: &Policies) -> Scan {
    let mut gather = Gather::new(page, sheet, text, policies.clone());
    css::gather(&mut gather, text, "a stylesheet");
    gather.scan
}

/// The longest prefix of at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// References without https of one document; more are cut.
pub const REFERENCES_MAX: usize = 500;
/// Addresses looked at in one document.
pub const ADDRESSES_MAX: usize = 20_000;
/// Documents that one document may send us on to.
pub const FOLLOW_MAX: usize = 100;
/// Bytes of an address that is reported.
pub const URL_BYTES_MAX: usize = 8192;
/// Bytes of an address as written that are kept.
pub const WRITTEN_BYTES_MAX: usize = 2048;

#[cfg(test)]
mod tests;
