//! The fix for what was seen, and what counts as found.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;
use crate::page::csp::Policies;
use crate::page::html;

const WORKS: Twin = Twin::Works { status: 200 };
const GONE: Twin = Twin::Status { status: 404 };

fn report(text: &str, twins: &[(&str, Twin)]) -> Report {
    let page = Url::parse("https://page.test/").unwrap();
    let scan = html::scan(&page, &page, text, Policies::default());
    let twins = twins.iter().map(|(url, twin)| ((*url).to_string(), twin.clone())).collect();
    Report::new(Facts {
        page: page.to_string(),
        upgrades: scan.policies.upgrades(),
        blocks_all: scan.policies.blocks_all(),
        references: scan.references,
        twins,
        seen: scan.seen,
        ..Facts::default()
    })
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

const TWO: &str = "<img src='http://a/x'>\n<script src='http://b/y'></script>";

#[test]
fn all_twins_work_so_one_header_does() {
    let report = report(TWO, &[("http://a/x", WORKS), ("http://b/y", WORKS)]);
    let header = report.fix.header.as_ref().unwrap();
    assert_eq!(header.repairs, 2);
    assert_eq!(
        header.menshen_toml,
        "headers = { Content-Security-Policy = \"upgrade-insecure-requests\" }"
    );
    assert!(report.fix.edits.is_empty() && !report.fix.untested);
    assert_eq!(codes(&report), ["page-blocked", "page-upgraded"]);
    assert!(!report.is_clean());
}

#[test]
fn a_broken_twin_is_an_edit_of_its_own() {
    let report = report(TWO, &[("http://a/x", GONE), ("http://b/y", WORKS)]);
    assert_eq!(report.fix.header.as_ref().unwrap().repairs, 1);
    let edit = &report.fix.edits[0];
    assert_eq!(
        (edit.line, edit.column, &*edit.from, &edit.to),
        (Some(1), Some(11), "http://a/x", &None)
    );
    assert_eq!(codes(&report), ["page-blocked", "page-upgrade-fails"]);
}

#[test]
fn the_header_is_not_offered_where_it_would_break_something() {
    let text = alloc::format!("{TWO}<form action='http://c/z'></form>");
    let report =
        report(&text, &[("http://a/x", WORKS), ("http://b/y", WORKS), ("http://c/z", GONE)]);
    assert_eq!(report.fix.header, None);
    let to: Vec<_> = report.fix.edits.iter().map(|edit| edit.to.as_deref()).collect();
    assert_eq!(to, [Some("https://a/x"), Some("https://b/y"), None]);
}

#[test]
fn an_object_needs_an_edit_even_with_the_policy() {
    let up = "<meta http-equiv=content-security-policy content=upgrade-insecure-requests>";
    let object = "<object data='http://a/x'></object>";
    let twins = [("http://a/x", WORKS), ("http://b/y", WORKS)];
    let with = report(&alloc::format!("{up}{object}<script src='http://b/y'></script>"), &twins);
    assert_eq!(with.fix.header, None);
    assert_eq!(with.fix.edits.len(), 1);
    assert_eq!(with.fix.edits[0].to.as_deref(), Some("https://a/x"));
    let clean = report(&alloc::format!("{up}<script src='http://b/y'></script>"), &twins);
    assert!(clean.is_clean() && clean.fix == Fix::default());
    assert_eq!(codes(&clean), ["page-policy-upgrades"]);
    let broken =
        report(&alloc::format!("{up}<script src='http://b/y'></script>"), &[("http://b/y", GONE)]);
    assert!(!broken.is_clean());
    assert_eq!(broken.fix.edits[0].to, None);
}

#[test]
fn links_and_strings_alone_are_notes() {
    let report = report("<a href='http://a/'>x</a><script>'http://b/'</script>", &[]);
    assert!(report.is_clean());
    assert_eq!(codes(&report), ["page-script-address", "page-links"]);
}

#[test]
fn a_relative_address_below_an_insecure_base_is_written_whole() {
    let report = report("<base href='http://a/'><img src=x>", &[("http://a/x", WORKS)]);
    let facts = Facts::default();
    let edit = edit(&report.references[0].reference, &facts);
    assert_eq!((&*edit.from, edit.to.as_deref()), ("x", Some("https://a/x")));
}
