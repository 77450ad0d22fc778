//! No texts meet, the documents are well-formed, and strangers' texts stay texts.

use std::fs::File;
use std::path::Path;

use menshen_explain_core::handshake::{KeyName, Protection, Side};
use proptest::prelude::*;

use super::*;
use crate::certificate::Paint;
use crate::handshake::{Choose, Expected, from_capture, html, text};
use crate::picture::proof::{meet, well_formed};

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

const EVIL: &str = "<script>alert(1)</script>\" onload=\"x ' & ]]> --> \u{1b}[31mred\u{202e}\u{0}\
                    aVeryLongWordWithoutAnySpaceThatGoesOnAndOnAndOnAndOnAndOnAndOnAndOnAndOnAndOn \
                    多言語の長い文字列がここにあります多言語の長い文字列がここにあります";
