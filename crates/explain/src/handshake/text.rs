//! A handshake for the terminal, 100 columns wide: the facts, the lanes with their arrows, the
//! classic story, the findings.
//!
//! All texts come cleaned from the scene, so no peer steers the terminal. Colour only repeats what
//! words and the strokes of the arrows say. Nothing here can fail.

mod lanes;
mod line;

use super::scene::{Mark, Scene};
use super::{Gallery, Listed, Report};
use crate::certificate::Paint;
use line::{Page, Style};
use menshen_base::calendar::date_time;
use menshen_base::{Finding, Severity};

/// A handshake as text; of a capture with several connections also their list.
#[must_use]
pub fn text(report: &Report, paint: Paint) -> String {
    let mut page = Page::new(paint);
    handshake(report, &mut page);
    if report.list.len() > 1 {
        page.heading("All connections of the capture (choose with --stream N)");
        listed(&report.list, &mut page);
        if report.left_out > 0 {
            page.put("  ", "  ", &format!("and {} more", report.left_out), Style::Faint);
        }
    }
    page.done()
}

/// The failed handshakes of our door as text: the list, then each one.
#[must_use]
pub fn gallery_text(gallery: &Gallery, paint: Paint) -> String {
    let mut page = Page::new(paint);
    if gallery.list.is_empty() {
        page.put("", "", "No failed handshake is kept.", Style::Plain);
        return page.done();
    }
    page.heading("Failed handshakes at this door, the newest first");
    listed(&gallery.list, &mut page);
    for report in &gallery.handshakes {
        page.gap();
        let number = report.number.map(|number| format!("Number {number}")).unwrap_or_default();
        page.rule(&number);
        handshake(report, &mut page);
    }
    page.done()
}

fn handshake(report: &Report, page: &mut Page) {
    let scene = Scene::of(report);
    page.put("", "", &format!("Handshake with {}", scene.title), Style::Strong);
    page.marked("", scene.ending.mark, &scene.ending.text);
    if !scene.ending.more.is_empty() {
        page.put("  ", "  ", &scene.ending.more, Style::Plain);
    }
    page.gap();
    for fact in &scene.facts {
        let label = format!("  {:LABEL$}", fact.label);
        page.put(&label, &" ".repeat(LABEL + 2), &fact.value, Style::Plain);
        for (word, note) in &fact.notes {
            let text = if word.is_empty() { note.clone() } else { format!("{word}: {note}") };
            let indent = " ".repeat(LABEL + 4);
            page.put(&indent, &indent, &text, Style::Faint);
        }
    }
    if !scene.rows.is_empty() {
        page.gap();
        lanes::draw(&scene, page);
    }
    if !scene.textbook.is_empty() && !report.story.messages.is_empty() {
        page.heading("The textbook story, and what happened here");
        for step in &scene.textbook {
            page.marked("  ", step.mark, &format!("{} [{}]", step.text, step.word()));
            page.put("    ", "    ", &step.why, Style::Faint);
        }
    }
    if !scene.checks.is_empty() {
        page.heading("Also checked");
        for check in &scene.checks {
            page.marked("  ", check.mark, &check.text);
            if !check.more.is_empty() {
                page.put("    ", "    ", &check.more, Style::Plain);
            }
        }
    }
    for found in &scene.findings {
        page.gap();
        finding(found, page);
    }
}

/// As everywhere: severity, claim, code, evidence, hint.
fn finding(finding: &Finding, page: &mut Page) {
    let style = match finding.severity {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Odd,
        Severity::Note => Style::Strong,
    };
    let word = finding.severity.word();
    page.begin(word, style, &format!(": {} [{}]", finding.claim, finding.code), "  ");
    for evidence in &finding.evidence {
        let value = if evidence.value.is_empty() { "(empty)" } else { &evidence.value };
        let text = format!("{} = {value} ({})", evidence.what, evidence.place);
        page.put("  evidence: ", "            ", &text, Style::Plain);
    }
    if !finding.hint.is_empty() {
        page.put("  hint: ", "        ", &finding.hint, Style::Plain);
    }
}

fn listed(list: &[Listed], page: &mut Page) {
    for one in list {
        let server = super::scene::clean(one.sni.as_deref().unwrap_or(&one.server));
        let client = super::scene::clean(&one.client);
        let versions = super::scene::clean(&one.versions.join(", "));
        let outcome = super::scene::clean(&one.outcome);
        let number = format!("{:>4}  ", one.number);
        let place =
            format!("{}  {client} to {server}", date_time((one.unix_ms / 1000).cast_signed()));
        page.put(&number, "      ", &place, Style::Plain);
        let spoken =
            if versions.is_empty() { String::new() } else { format!(" (offered {versions})") };
        page.marked("      ", Mark::Unknown, &format!("{outcome}{spoken}"));
    }
}

/// Columns of the labels of facts.
const LABEL: usize = 14;
