//! Any bytes are a page, a style, a manifest.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::report::{Facts, Report};
use super::*;

fn everything(given: &str) {
    let url = Url::parse("https://page.test/").unwrap();
    let scan = html::scan(&url, &url, given, Policies::default());
    let style = scan_style(&url, &url, given, &scan.policies);
    let manifest = manifest::scan(&url, &url, given, &scan.policies);
    let references = [scan.references, style.references, manifest.references].concat();
    let facts = Facts { page: url.to_string(), references, ..Facts::default() };
    let shown = text::text(&Report::new(facts));
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

proptest! {
    #[test]
    fn any_bytes(raw in any::<Vec<u8>>()) {
        everything(&String::from_utf8_lossy(&raw));
    }

    #[test]
    fn any_soup(parts in proptest::collection::vec(0..PARTS.len(), 0..40), junk in "\\PC{0,20}") {
        let mut text: String = parts.into_iter().map(|part| PARTS[part]).collect();
        let middle = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at));
        text.insert_str(middle.unwrap_or(0), &junk);
        everything(&text);
    }

    #[test]
    fn an_address_is_found_wherever_it_stands(before in "[a-z <>=]{0,30}", name in "[a-z]{1,8}") {
        let text = format!("<p>{before}</p><img src=\"http://t.test/{name}\">");
        let url = Url::parse("https://page.test/").unwrap();
        let scan = html::scan(&url, &url, &text, Policies::default());
        prop_assert!(scan.references.iter().any(|one| one.url.ends_with(&name)), "{}", text);
    }
}

const PARTS: &[&str] = &[
    "<img src=\"http://t/\x1b[31m\u{202e}x\">",
    "<picture>",
    "</picture>",
    "<template>",
    "</template>",
    "<noscript>",
    "</noscript>",
    "<svg>",
    "</svg>",
    "<style>",
    "</style>",
    "@import 'http://t/",
    "<iframe srcdoc=\"",
    "\">",
    "<base href='http://b/'>",
    "<script>'ws://t/",
    "</script>",
    "{",
    "}",
    "url(http://t/",
    ")",
    "<!--",
    "-->",
    "<meta http-equiv=content-security-policy content='",
    "'>",
    "<video>",
    "<source src=http://t/v>",
    "<table><td background=http://t/b>",
    "{\"icons\":[{\"src\":\"",
];

#[test]
fn a_manifest_refers_to_icons_and_pages() {
    let url = Url::parse("https://page.test/app/m.json").unwrap();
    let text = r#"{"icons":[{"src":"http://t/i"},{"src":"own"}],"start_url":"http://t/s",
        "shortcuts":[{"url":"http://t/u","icons":[{"src":"http://t/j"}]}],
        "screenshots":[{"src":"http://t/k"}]}"#;
    let scan = manifest::scan(&url, &url, text, &Policies::default());
    let found: Vec<&str> = scan.references.iter().map(|one| one.url.as_str()).collect();
    assert_eq!(found, ["http://t/i", "http://t/k", "http://t/j", "http://t/u", "http://t/s"]);
    assert_eq!(scan.seen, 6);
}
