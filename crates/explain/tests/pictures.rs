//! Text, SVG and page of recorded handshakes. `UPDATE_EXPECT=1` rewrites the golden files.
//!
//! The recordings were written by `menshen explain https --pcapng` and hold the keys of their own
//! connections: `hybrid` with menshen itself, the others with `openssl s_server`.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::fs::File;
use std::path::{Path, PathBuf};

use menshen_explain::certificate::Paint;
use menshen_explain::handshake::{
    Choose, Gallery, Report, from_capture, gallery_html, gallery_text, html, svg, text,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshakes")
}

fn report(name: &str) -> Report {
    let file = File::open(folder().join(format!("{name}.pcapng"))).unwrap();
    let choose = Choose { stream: None, host: None };
    from_capture(file, None, &choose).unwrap()
}

fn same(name: &str, now: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(now == agreed, "{}: run with UPDATE_EXPECT=1 if this is meant", path.display());
}

#[test]
fn texts_are_as_agreed() {
    for name in RECORDED {
        let now = text(&report(name), Paint::Plain);
        for line in now.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
            assert_eq!(line.trim_end(), line, "{name}");
        }
        same(&format!("{name}.txt"), &now);
    }
}

#[test]
fn colours_change_no_word() {
    for name in RECORDED {
        let report = report(name);
        let mut painted = text(&report, Paint::Ansi);
        assert!(painted.contains("\x1b[33m"));
        while let Some(start) = painted.find("\x1b[") {
            let end = start + painted[start..].find('m').unwrap();
            painted.replace_range(start..=end, "");
        }
        assert_eq!(painted, text(&report, Paint::Plain));
    }
}

#[test]
fn pictures_are_as_agreed() {
    same("hybrid.svg", &svg(&report("hybrid")));
    same("refused.svg", &svg(&report("refused")));
    same("refused.html", &html(&report("refused")));
}

#[test]
fn nothing_outside_is_needed() {
    for name in RECORDED {
        let report = report(name);
        for shown in [svg(&report), html(&report)] {
            let own = shown.replace("http://www.w3.org/2000/svg", "");
            for word in ["http://", "https://", "<script", "<image", "@import", "<foreignObject"] {
                // A finding may name an address, but nothing is loaded from one.
                let at = own.find(word).filter(|_| !word.starts_with("http"));
                assert_eq!(at, None, "{name}: {word}");
            }
            let mut rest = &*own;
            while let Some(at) = rest.find("href=\"").or_else(|| rest.find("src=\"")) {
                rest = rest.get(at..).unwrap();
                let to = rest.split('"').nth(1).unwrap();
                assert!(to.starts_with('#'), "{name}: {to}");
                rest = rest.get(6..).unwrap();
            }
            assert!(!own.contains(" style=\"") && !own.contains("url(h"), "{name}");
        }
    }
}

#[test]
fn the_pages_of_a_door() {
    let mut refused = report("refused");
    refused.number = Some(1);
    let list = refused.list.clone();
    let gallery = Gallery { list, handshakes: vec![refused] };
    let shown = gallery_text(&gallery, Paint::Plain);
    assert!(
        shown.contains("no_application_protocol") && shown.contains("── Number 1 ─"),
        "{shown}"
    );
    let page = gallery_html(&gallery);
    assert!(page.contains("<h2>Number 1: Handshake with ") && page.contains("</html>"));
    let empty = Gallery { list: Vec::new(), handshakes: Vec::new() };
    assert_eq!(gallery_text(&empty, Paint::Plain), "No failed handshake is kept.\n");
    assert!(gallery_html(&empty).contains("No failed handshake is kept."));
}

const RECORDED: [&str; 5] = ["hybrid", "client-certificate", "tls12", "rsa", "refused"];
