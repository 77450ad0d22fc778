//! A handshake as one self-contained page: the picture, the classic story beside it, and every
//! field of every message to unfold. No script; the policy in its head forbids all but its own
//! style sheet.
//!
//! All texts come cleaned from the scene and are escaped where they are written. Nothing here can
//! fail.

mod part;
mod style;

use std::fmt::Write as _;

use super::scene::{Scene, clean};
use super::svg::{CSS as PICTURE_CSS, INTRO, defs};
use super::{Gallery, Listed, Report};
use crate::picture::{escape, page};
use menshen_base::calendar::date_time;

/// A page about one handshake; of a capture with several connections also their list.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut body = String::new();
    handshake(report, 1, &mut body);
    if report.list.len() > 1 {
        body += "<section><h2>All connections of the capture</h2>\n";
        listed(&report.list, &mut body);
        if report.left_out > 0 {
            let _ = writeln!(body, "<p>and {} more</p>", report.left_out);
        }
        body += "</section>\n";
    }
    shell(&format!("Handshake with {}", clean(&report.story.subject)), &body)
}

/// A page about the failed handshakes of our door.
#[must_use]
pub fn gallery_html(gallery: &Gallery) -> String {
    let mut body = String::from("<h1>Failed handshakes at this door</h1>\n");
    if gallery.list.is_empty() {
        body += "<p>No failed handshake is kept.</p>\n";
    } else {
        listed(&gallery.list, &mut body);
    }
    for report in gallery.handshakes.iter().take(HANDSHAKES_MAX) {
        handshake(report, 2, &mut body);
    }
    if gallery.handshakes.len() > HANDSHAKES_MAX {
        let _ = writeln!(
            body,
            "<p>The newest {HANDSHAKES_MAX} are drawn; choose another with --number.</p>"
        );
    }
    shell("Failed handshakes at this door", &body)
}

fn handshake(report: &Report, level: u8, out: &mut String) {
    let scene = Scene::of(report);
    let number = report
        .number
        .filter(|_| level > 1)
        .map(|number| format!("Number {number}: "))
        .unwrap_or_default();
    let _ = writeln!(
        out,
        "<article>\n<h{level}>{number}Handshake with {}</h{level}>",
        escape(&scene.title)
    );
    let _ = writeln!(out, "<p class=\"why\">{INTRO}</p>");
    part::ending(&scene, out);
    part::facts(&scene, out);
    *out += "<div class=\"beside\">\n<figure>\n";
    if scene.rows.is_empty() {
        *out += "<p>No message passed.</p>\n";
    } else {
        *out += &super::svg::lanes_svg(&scene);
    }
    *out += "</figure>\n<div class=\"side\">\n";
    part::findings(&scene, out);
    if !scene.rows.is_empty() {
        part::textbook(&scene, out);
    }
    part::checks(report, out);
    *out += "</div>\n</div>\n";
    part::messages(&scene, out);
    *out += "</article>\n";
}

fn listed(list: &[Listed], out: &mut String) {
    *out += "<div class=\"scroll\"><table><thead><tr><th>number</th><th>when</th><th>client</th>\
             <th>name asked for</th><th>what came of it</th></tr></thead><tbody>\n";
    for one in list {
        let name = one.sni.as_deref().unwrap_or("none");
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            one.number,
            date_time((one.unix_ms / 1000).cast_signed()),
            escape(&clean(&one.client)),
            escape(&clean(name)),
            escape(&clean(&one.outcome)),
        );
    }
    *out += "</tbody></table></div>\n";
}

fn shell(title: &str, body: &str) -> String {
    page(title, &format!("\n{PICTURE_CSS}{}", style::CSS), defs(), body)
}

/// Handshakes drawn on one page.
const HANDSHAKES_MAX: usize = 50;
