//! What a web application manifest refers to: icons, screenshots, icons of shortcuts, the start
//! page (W3C Web Application Manifest §1). Text that is no JSON refers to nothing.

use serde_json::Value;
use url::Url;

use super::csp::Policies;
use super::kind::Kind;
use super::{Gather, Scan};

/// Scans a manifest at `url`; addresses are relative to it.
#[must_use]
pub fn scan(page: &Url, url: &Url, text: &str, policies: &Policies) -> Scan {
    let mut gather = Gather::new(page, url, text, policies.clone());
    // Nesting is bounded by the parser.
    if let Ok(manifest) = serde_json::from_str::<Value>(text) {
        icons(&mut gather, &manifest, "icons", "manifest icon");
        icons(&mut gather, &manifest, "screenshots", "manifest screenshot");
        let shortcuts = manifest.get("shortcuts").and_then(Value::as_array);
        for shortcut in shortcuts.into_iter().flatten() {
            icons(&mut gather, shortcut, "icons", "icon of a manifest shortcut");
            link(&mut gather, shortcut, "url", "url of a manifest shortcut");
        }
        link(&mut gather, &manifest, "start_url", "manifest start_url");
    }
    gather.scan
}

fn icons(gather: &mut Gather<'_>, object: &Value, name: &str, place: &str) {
    for icon in object.get(name).and_then(Value::as_array).into_iter().flatten() {
        if let Some(src) = icon.get("src").and_then(Value::as_str) {
            gather.take(Kind::ManifestIcon, place, src);
        }
    }
}

fn link(gather: &mut Gather<'_>, object: &Value, name: &str, place: &str) {
    if let Some(url) = object.get(name).and_then(Value::as_str) {
        gather.take(Kind::Link, place, url);
    }
}
