//! An out-of-memory night as a picture: who was killed when, and what held the memory at each
//! kill. One self-contained SVG or page: no script, no font, no reference to anything outside.
//!
//! All texts come cleaned from the scene and are escaped where they are written. The number of
//! lanes, marks and bars is bounded. Nothing here can fail.

mod axis;
mod bars;
mod lanes;
mod scene;
mod sheet;
mod style;

use std::fmt::Write as _;

use menshen_base::Finding;
use menshen_explain_core::oom::{Night, Report};

use self::scene::Scene;
use crate::picture::{Document, NARROW, WIDE, clean, document, escape, page};

/// The picture.
#[must_use]
pub fn svg(night: &Night, report: &Report) -> String {
    let scene = Scene::of(night, report);
    document(&Document {
        title: &scene.title,
        description: &scene.description(),
        css: style::CSS,
        defs: style::DEFS,
        narrow: &sheet::narrow(&scene, sheet::Head::Drawn),
        wide: &sheet::wide(&scene, sheet::Head::Drawn),
    })
}

/// A page with the picture, the findings and a table of all kills.
#[must_use]
pub fn html(night: &Night, report: &Report) -> String {
    let scene = Scene::of(night, report);
    let mut body = format!("<h1>{}</h1>\n", escape(&scene.title));
    if !scene.when.is_empty() {
        let _ = writeln!(body, "<p class=\"why\">{}</p>", escape(&scene.when));
    }
    for (class, width, sheet) in [
        ("narrow", NARROW, sheet::narrow(&scene, sheet::Head::Left)),
        ("wide", WIDE, sheet::wide(&scene, sheet::Head::Left)),
    ] {
        let _ = writeln!(
            body,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"night {class}\" viewBox=\"0 0 \
             {width} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>",
            sheet.height,
            escape(&scene.description()),
            sheet.body,
        );
    }
    for finding in &report.findings {
        body += &section(finding);
    }
    body += &table(night);
    page(&scene.title, &format!("\n{}{}", style::CSS, style::PAGE_CSS), style::DEFS, &body)
}

fn section(finding: &Finding) -> String {
    let mut out = format!(
        "<section class=\"finding {}\"><p><b>{}: {}</b> <span class=\"code\">{}</span></p>\n",
        finding.severity.word(),
        finding.severity.word(),
        escape(&clean(&finding.claim)),
        escape(finding.code),
    );
    if !finding.hint.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&clean(&finding.hint)));
    }
    out + "</section>\n"
}

fn table(night: &Night) -> String {
    let mut out = String::from(
        "<h2>Every kill</h2>\n<div class=\"scroll\"><table><thead><tr><th>when</th><th>program\
         </th><th>process</th><th>memory</th><th>adj</th><th>limit of</th></tr></thead><tbody>\n",
    );
    for kill in night.kills.iter().take(ROWS_MAX) {
        let text = |text: &str| escape(&clean(text));
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>pid {}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            text(&kill.at.text),
            text(&kill.name.text),
            kill.pid,
            kill.rss_kib.map(menshen_explain_core::oom::size).unwrap_or_default(),
            kill.oom_score_adj.map(|adj| format!("adj {adj}")).unwrap_or_default(),
            text(kill.cgroup.as_deref().unwrap_or("the machine")),
        );
    }
    out += "</tbody></table></div>\n";
    let more = night.kills.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        let _ = writeln!(out, "<p>and {more} more</p>");
    }
    out
}

/// Kills in the table of a page.
const ROWS_MAX: usize = 1000;

#[cfg(test)]
mod tests;
