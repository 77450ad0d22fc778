//! What browsers show for a certificate today: data with sources.

use alloc::string::String;

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
