//! No texts meet, the documents are well-formed, and strangers' texts stay texts.

use std::fs::File;
use std::path::Path;

use menshen_explain_core::handshake::{KeyName, Protection, Side};
use proptest::prelude::*;

use super::canvas::Area;
use super::*;
use crate::certificate::Paint;
use crate::handshake::{Choose, Expected, from_capture, html, text};

pub(in crate::handshake) fn recorded(name: &str) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshakes");
    let file = File::open(folder.join(format!("{name}.pcapng"))).unwrap();
    from_capture(file, None, &Choose { stream: None, host: None }).unwrap()
}

const RECORDED: [&str; 5] = ["hybrid", "client-certificate", "tls12", "rsa", "refused"];

/// All recordings, one as seen without keys, one with what would have followed.
fn reports() -> Vec<Report> {
    let mut reports: Vec<Report> = RECORDED.iter().map(|name| recorded(name)).collect();
    let mut sealed = recorded("hybrid");
    for message in &mut sealed.story.messages {
        if message.protection != Protection::Clear {
            message.protection = Protection::Encrypted { opened: false, key: KeyName::Handshake };
        }
    }
    let mut dashed = recorded("rsa");
    let sentence = "From here on this side encrypts.";
    dashed.expected = vec![Expected { from: Side::Client, name: "ClientKeyExchange", sentence }; 3];
    reports.extend([sealed, dashed, hostile(EVIL)]);
    reports
}

/// A recording in which everything a peer has a hand in is `text`.
fn hostile(text: &str) -> Report {
    let mut report = recorded("client-certificate");
    let story = &mut report.story;
    story.subject = text.into();
    story.alpn = Some(text.into());
    for message in &mut story.messages {
        message.name = text.into();
        message.sentence = text.into();
        for field in &mut message.fields {
            (field.name, field.value, field.note) = (text.into(), text.into(), text.into());
        }
    }
    if let Some(leaf) = &mut story.server_certificate {
        (leaf.subject, leaf.issuer, leaf.key) = (text.into(), text.into(), text.into());
    }
    if let Some(suite) = &mut story.cipher_suite {
        suite.name = text.into();
    }
    for check in &mut story.checks {
        check.what = text.into();
    }
    for step in &mut story.textbook {
        step.why = text.into();
    }
    for finding in &mut report.findings {
        (finding.claim, finding.hint) = (text.into(), text.into());
        finding.subject = text.into();
        *finding = finding.clone().evidence(text, text, text);
    }
    report.said = Some(text.into());
    report.address = Some(text.into());
    report
}

fn meet(areas: &[Area]) -> Vec<(&Area, &Area)> {
    let mut met = Vec::new();
    for (place, one) in areas.iter().enumerate() {
        for other in areas.iter().skip(place + 1) {
            let beside = one.right <= other.left || other.right <= one.left;
            let above = one.bottom <= other.top || other.bottom <= one.top;
            if !beside && !above {
                met.push((one, other));
            }
        }
    }
    met
}

#[test]
fn no_texts_meet_and_all_are_on_the_sheet() {
    for report in reports() {
        let scene = Scene::of(&report);
        for (sheet, width) in
            [(narrow(&scene), NARROW), (wide(&scene), WIDE), (lanes_only(&scene), NARROW)]
        {
            assert!(sheet.areas.len() > 8);
            assert_eq!(meet(&sheet.areas), []);
            for area in &sheet.areas {
                let inside = area.left >= 0 && area.right <= width && area.top >= 0;
                assert!(inside && area.bottom <= sheet.height, "{area:?} of {width}");
            }
        }
    }
}

#[test]
fn documents_are_well_formed() {
    for report in reports() {
        well_formed(&svg(&report), &[]);
        // A style sheet is no markup in HTML.
        let page = html(&report);
        let (before, after) = page.split_once("<style>").unwrap();
        let after = after.split_once("</style>").unwrap().1;
        well_formed(&format!("{before}{after}"), &["meta", "br", "!DOCTYPE"]);
    }
}

#[test]
fn texts_of_strangers_stay_texts() {
    let report = hostile(EVIL);
    for shown in [svg(&report), html(&report)] {
        assert!(!shown.contains("<script") && !shown.contains("onload=\"x"), "markup of a peer");
        assert!(shown.contains("&lt;script&gt;"));
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()) && !shown.contains('\u{202e}'));
        assert!(shown.len() < 3_000_000, "{} bytes", shown.len());
    }
    let shown = text(&report, Paint::Plain);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()) && !shown.contains('\u{202e}'));
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
}

#[test]
fn the_longest_bar_belongs_to_the_most_bytes() {
    let scene = Scene::of(&recorded("tls12"));
    let drawn = lanes_only(&scene).body;
    let mut bars = Vec::new();
    for bar in drawn.split("<rect class=\"").skip(1) {
        let (Some(class), Some((_, rest))) = (bar.split('"').next(), bar.split_once(" width=\""))
        else {
            continue;
        };
        // Those of the legend stand at the left edge.
        if class.contains("bar-") && !bar.contains(" x=\"4\"") {
            bars.push(rest.split('"').next().unwrap().parse::<u64>().unwrap());
        }
    }
    let arrows = scene.rows.iter().filter_map(|row| match row {
        crate::handshake::scene::Row::Arrow(arrow) => Some(arrow.bytes),
        _ => None,
    });
    let arrows: Vec<u64> = arrows.collect();
    assert_eq!(bars.len(), arrows.len());
    let most = bars.iter().max().unwrap();
    for (bar, bytes) in bars.iter().zip(arrows) {
        let share = (bytes * most).div_ceil(scene.bytes_max);
        assert!(bar.abs_diff(share.max(3)) <= 1, "{bar} for {bytes} bytes, not {share}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_fits(text in "\\PC{0,80}|[^ ]{0,400}|.{0,60}") {
        let report = hostile(&text);
        let scene = Scene::of(&report);
        for sheet in [narrow(&scene), wide(&scene)] {
            prop_assert_eq!(meet(&sheet.areas), []);
        }
        well_formed(&svg(&report), &[]);
    }
}

/// Every tag is closed in its order, attributes are quoted, and `&` begins a known entity.
fn well_formed(document: &str, alone: &[&str]) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find(['<', '&', '>']) {
        rest = &rest[at..];
        if rest.starts_with('&') {
            let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            assert!(known.iter().any(|name| rest.starts_with(name)), "{}", excerpt(rest));
            rest = &rest[1..];
            continue;
        }
        assert!(rest.starts_with('<'), "a stray > before {}", excerpt(rest));
        let end = rest.find('>').unwrap_or_else(|| panic!("no end: {}", excerpt(rest)));
        let tag = &rest[1..end];
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{}", excerpt(rest));
        } else if !tag.ends_with('/') && !alone.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, [""; 0]);
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

const EVIL: &str = "<script>alert(1)</script>\" onload=\"x ' & ]]> --> \u{1b}[31mred\u{202e}\u{0}\
                    aVeryLongWordWithoutAnySpaceThatGoesOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOn \
                    多言語の長い文字列がここにあります多言語の長い文字列がここにあります";
