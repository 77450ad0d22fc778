//! The text of `explain cert` for saved certificates at a fixed moment. `UPDATE_EXPECT=1` rewrites
//! the golden files. The line of the system's own store is left out: it differs between systems.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::path::Path;

use menshen_explain::certificate::{
    About, Explanation, Network, Paint, Question, explain, json, parse_moment, text,
};

fn card(name: &str, asked: Option<&str>, roots: bool) -> Explanation {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cards");
    let read = |name: &str| std::fs::read(folder.join(format!("{name}.pem"))).unwrap();
    let explanation = explain(&Question {
        about: About::File { name: format!("{name}.pem"), bytes: read(name) },
        asked: asked.map(str::to_owned),
        now: parse_moment("2026-11-22").unwrap(),
        at: None,
        roots: roots.then(|| read("root")),
        ct_logs: None,
        network: Network::Offline,
    });
    explanation.unwrap()
}

fn without_system(text: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some((title, _)) = line.split_once(" system: ") {
            lines.push(format!("{title} system: \u{2026}"));
            inside = true;
        } else if !inside || !line.starts_with(FURTHER) {
            lines.push(line.to_owned());
            inside = false;
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn cards_are_as_agreed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cards");
    for (name, asked, roots, good) in [
        ("good", Some("example.com"), true, true),
        ("ev-without-intermediate", Some("shop.example.com"), true, false),
        ("old-wildcard", Some("a.b.example.com"), true, false),
        ("hostile-subject", None, false, false),
    ] {
        let explanation = card(name, asked, roots);
        assert_eq!(explanation.good(), good, "{name}: {:#?}", explanation.findings);
        let now = without_system(&text(&explanation, Paint::Plain, 100));
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(now, agreed, "{}: run with UPDATE_EXPECT=1 if this is meant", path.display());
        assert!(now.lines().all(|line| line.trim_end() == line), "{name}");
    }
}

#[test]
fn no_byte_of_a_certificate_steers_the_terminal() {
    let explanation = card("hostile-subject", None, false);
    let organisation = explanation.report.as_ref().unwrap().leaf.subject.get("O").unwrap();
    assert!(organisation.contains('\u{1b}') && organisation.contains('\u{202e}'));
    let plain = text(&explanation, Paint::Plain, 100);
    assert!(plain.chars().all(|c| c == '\n' || !c.is_control()), "{plain}");
    assert!(!plain.contains('\u{202e}'), "{plain}");
    let painted = text(&explanation, Paint::Ansi, 100);
    let steps: String = painted.split("\x1b[").skip(1).map(|part| &part[..2]).collect();
    assert!(!steps.contains("31mred") && !painted.contains("[31mred\u{202e}"), "{painted}");
}

#[test]
fn the_json_has_its_class_at_the_top() {
    let value: serde_json::Value = serde_json::from_str(&json(&card("good", None, true))).unwrap();
    assert_eq!((&value["class"], &value["good"]), (&"dv".into(), &true.into()));
    assert_eq!(value["certificate"]["findings"], serde_json::Value::Null);
    assert_eq!(value["certificate"]["leaf"]["subject"]["text"], "CN=www.example.com");
    assert!(value["findings"].is_array() && value["connection"].is_null());
}

/// How a further line of a marked row begins.
const FURTHER: &str = "               ";
