//! What browsers show for a certificate today: data with versions and sources.
//!
//! A table, not a simulation: of several faults the browser's page names one, the first in its own
//! order (trust, name, transparency, algorithm, key, time). Safari cannot be tried on Linux; its
//! words are from its vendor's and CAs' pages.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

/// A browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Browser {
    /// Chromium, Chrome, Edge.
    Chromium,
    /// Firefox.
    Firefox,
    /// Safari.
    Safari,
}

/// What one browser shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BrowserView {
    /// The browser.
    pub browser: Browser,
    /// The version the words are from.
    pub version: &'static str,
    /// In the address bar.
    pub address_bar: String,
    /// After a click.
    pub after_click: String,
    /// How the words are known.
    pub source: &'static str,
    /// Date of the source, `2026-11`.
    pub source_date: &'static str,
}

/// The sentence about the green bar.
pub const GREEN_BAR: &str = "the green bar with the company name is gone: Chrome 77 (2019) and \
    Firefox 70 (2019) moved it behind a click, Safari 12 (2018) removed the name; pictures that \
    still show it are of older versions";

/// What decides the picture.
#[derive(Debug, Clone, Default)]
pub(super) struct Scene {
    /// Browsers would treat it as EV; then organisation and country.
    pub(super) ev_identity: Option<String>,
    /// It states to be an EU qualified certificate for web sites.
    pub(super) qwac: bool,
    /// What is wrong, in no order.
    pub(super) troubles: Vec<Trouble>,
    /// Nobody has checked whether the root is trusted.
    pub(super) trust_unknown: bool,
    /// An intermediate was not sent that browsers can fetch or know.
    pub(super) mended: bool,
}

/// What browsers refuse, in the order in which they name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    SelfSigned,
    Untrusted,
    Name,
    Transparency,
    Signature,
    Key,
    Time,
    TooLong,
}

/// The three views.
pub(super) fn views(scene: &Scene) -> Vec<BrowserView> {
    let worst = |row: &Row| {
        let seen = scene.troubles.iter().filter(|trouble| !row.ignores.contains(trouble));
        seen.min().copied()
    };
    TABLE.iter().map(|row| view(row, scene, worst(row))).collect()
}

fn view(row: &Row, scene: &Scene, worst: Option<Trouble>) -> BrowserView {
    let (address_bar, after_click) = match worst {
        Some(trouble) => {
            let (_, code) = row
                .codes
                .iter()
                .find(|(known, _)| *known == trouble)
                .copied()
                .unwrap_or((trouble, ""));
            let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
            (row.refused_bar.to_string(), format!("{}{code}", row.refused_page))
        }
        None => {
            let mut after = row.fine_panel.to_string();
            if let Some(identity) = &scene.ev_identity {
                after = format!("{after}; {} {identity}", row.ev_words);
            }
            if scene.qwac && !row.qwac_words.is_empty() {
                after = format!("{after}; {}", row.qwac_words);
            }
            if scene.mended {
                after = format!("{after} (once it has the missing intermediate)");
            }
            if scene.trust_unknown {
                after = format!("{after} (if it trusts the root, which was not checked)");
            }
            (row.fine_bar.to_string(), after)
        }
    };
    BrowserView {
        browser: row.browser,
        version: row.version,
        address_bar,
        after_click,
        source: row.source,
        source_date: row.source_date,
    }
}

struct Row {
    browser: Browser,
    version: &'static str,
    fine_bar: &'static str,
    fine_panel: &'static str,
    ev_words: &'static str,
    qwac_words: &'static str,
    refused_bar: &'static str,
    refused_page: &'static str,
    codes: &'static [(Trouble, &'static str)],
    /// What this browser does not look at.
    ignores: &'static [Trouble],
    source: &'static str,
    source_date: &'static str,
}

const TABLE: &[Row] = &[
    Row {
        browser: Browser::Chromium,
        version: "156",
        fine_bar: "the tune icon (two sliders), since version 117; no padlock, no name",
        fine_panel: "\"Connection is secure\", then \"Certificate is valid\"",
        ev_words: "\"Issued to:\"",
        qwac_words: "the EU qualified certificate (QWAC) can be opened",
        refused_bar: "\"Not secure\" in red",
        refused_page: "a full page, \"Your connection is not private\"",
        codes: CHROMIUM_CODES,
        ignores: &[],
        source: "string tables of Debian's Chromium 156; net_error_list.h",
        source_date: "2026-11",
    },
    Row {
        browser: Browser::Firefox,
        version: "153",
        fine_bar: "a grey shield with a check mark, since version 149; no name",
        fine_panel: "\"Connection secure\"",
        ev_words: "\"Certificate issued to:\"",
        qwac_words: "",
        refused_bar: "the shield struck through in red",
        refused_page: "a full page with a warning",
        codes: FIREFOX_CODES,
        ignores: &[Trouble::TooLong],
        source: "string tables of Debian's Firefox ESR 153; its error pages",
        source_date: "2026-11",
    },
    Row {
        browser: Browser::Safari,
        version: "14 and later",
        fine_bar: "a grey padlock at most; no name, no green since 2020",
        fine_panel: "\"Safari is using an encrypted connection\", then the certificate",
        ev_words: "the certificate names",
        qwac_words: "",
        refused_bar: "\"Not Secure\"",
        refused_page: "a full page, \"This Connection Is Not Private\"",
        codes: &[],
        ignores: &[],
        source: "vendor pages, not tried",
        source_date: "2026-11",
    },
];

const CHROMIUM_CODES: &[(Trouble, &str)] = &[
    (Trouble::SelfSigned, "NET::ERR_CERT_AUTHORITY_INVALID"),
    (Trouble::Untrusted, "NET::ERR_CERT_AUTHORITY_INVALID"),
    (Trouble::Name, "NET::ERR_CERT_COMMON_NAME_INVALID"),
    (Trouble::Transparency, "NET::ERR_CERTIFICATE_TRANSPARENCY_REQUIRED"),
    (Trouble::Signature, "NET::ERR_CERT_WEAK_SIGNATURE_ALGORITHM"),
    (Trouble::Key, "NET::ERR_CERT_WEAK_KEY"),
    (Trouble::Time, "NET::ERR_CERT_DATE_INVALID"),
    (Trouble::TooLong, "NET::ERR_CERT_VALIDITY_TOO_LONG"),
];

const FIREFOX_CODES: &[(Trouble, &str)] = &[
    (Trouble::SelfSigned, "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT"),
    (Trouble::Untrusted, "SEC_ERROR_UNKNOWN_ISSUER"),
    (Trouble::Name, "SSL_ERROR_BAD_CERT_DOMAIN"),
    (Trouble::Transparency, "MOZILLA_PKIX_ERROR_INSUFFICIENT_CERTIFICATE_TRANSPARENCY"),
    (Trouble::Signature, "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED"),
    (Trouble::Key, "MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE"),
    (Trouble::Time, "SEC_ERROR_EXPIRED_CERTIFICATE"),
];
