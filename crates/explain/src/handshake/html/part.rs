//! Parts of the page. Everything written passes [`escape`].

use std::fmt::Write as _;

use crate::handshake::Report;
use crate::handshake::scene::{Mark, Scene, Seal, bytes, capital, checked, severity_mark, short};
use crate::picture::escape;

pub(super) fn ending(scene: &Scene, out: &mut String) {
    let ending = &scene.ending;
    let _ = writeln!(out, "<p class=\"ending\">{}{}</p>", sign(ending.mark), escape(&ending.text));
    if !ending.more.is_empty() {
        let _ = writeln!(out, "<p>{}</p>", escape(&ending.more));
    }
}

pub(super) fn facts(scene: &Scene, out: &mut String) {
    *out += "<dl>\n";
    for fact in &scene.facts {
        let _ = write!(out, "<dt>{}</dt><dd>{}", escape(fact.label), escape(&fact.value));
        for (word, note) in &fact.notes {
            let word =
                if word.is_empty() { String::new() } else { format!("<b>{}</b>: ", escape(word)) };
            let _ = write!(out, "<br><span class=\"note\">{word}{}</span>", escape(note));
        }
        *out += "</dd>\n";
    }
    *out += "</dl>\n";
}

pub(super) fn findings(scene: &Scene, out: &mut String) {
    for finding in &scene.findings {
        let mark = severity_mark(finding.severity);
        let _ = writeln!(
            out,
            "<section class=\"finding {}\"><p>{}<b>{}: {}</b> <span class=\"code\">{}</span></p>",
            class(mark),
            sign(mark),
            capital(finding.severity.word()),
            escape(&finding.claim),
            escape(finding.code),
        );
        if !finding.hint.is_empty() {
            let _ = writeln!(out, "<p>{}</p>", escape(&finding.hint));
        }
        if !finding.evidence.is_empty() {
            *out += "<details><summary>evidence</summary><ul>\n";
            for evidence in &finding.evidence {
                let _ = writeln!(
                    out,
                    "<li>{}: {} <span class=\"note\">({})</span></li>",
                    escape(&evidence.what),
                    escape(&evidence.value),
                    escape(&evidence.place),
                );
            }
            *out += "</ul></details>\n";
        }
        *out += "</section>\n";
    }
}

pub(super) fn textbook(scene: &Scene, out: &mut String) {
    *out += "<h2>The textbook story, and what happened here</h2>\n<p class=\"why\">Many books tell \
             HTTPS in these steps: those of servers of the past.</p>\n<ol>\n";
    for step in &scene.textbook {
        let text = escape(&step.text);
        let text = if step.struck { format!("<s>{text}</s>") } else { text };
        let _ = writeln!(
            out,
            "<li>{}{text} <span class=\"why\">{}: {}</span></li>",
            sign(step.mark),
            capital(step.word()),
            escape(&step.why)
        );
    }
    *out += "</ol>\n";
}

pub(super) fn checks(report: &Report, out: &mut String) {
    if report.story.checks.is_empty() {
        return;
    }
    *out += "<h2>What was computed again instead of believed</h2>\n<ul>\n";
    for check in &report.story.checks {
        let line = checked(check);
        let _ = write!(out, "<li>{}{}", sign(line.mark), escape(&line.text));
        if !line.more.is_empty() {
            let _ = write!(out, " <span class=\"why\">{}</span>", escape(&line.more));
        }
        *out += "</li>\n";
    }
    *out += "</ul>\n";
}

/// Every message with its fields, to unfold.
pub(super) fn messages(scene: &Scene, out: &mut String) {
    use crate::handshake::scene::Row;
    let arrows = scene.rows.iter().filter_map(|row| match row {
        Row::Arrow(arrow) if arrow.seal != Seal::Expected => Some(arrow),
        _ => None,
    });
    let mut begun = false;
    for arrow in arrows {
        if !begun {
            *out += "<h2>What is in each message</h2>\n";
            begun = true;
        }
        let number = arrow.number.map(|number| format!("{number} ")).unwrap_or_default();
        let _ = writeln!(
            out,
            "<details><summary><b>{number}{}</b> <span class=\"what\">from the {}, {}, {}, {}\
             </span></summary>\n<p>{}</p>",
            escape(&arrow.name),
            arrow.from.word(),
            bytes(arrow.bytes),
            arrow.at,
            arrow.seal.word(),
            escape(&arrow.sentence),
        );
        if !arrow.fields.is_empty() {
            *out += "<table class=\"fields\"><tbody>\n";
            for (name, value, note) in &arrow.fields {
                let _ = writeln!(
                    out,
                    "<tr><td>{}</td><td>{}</td><td class=\"note\">{}</td></tr>",
                    escape(name),
                    escape(&short(value, VALUE_CHARS)),
                    escape(note)
                );
            }
            *out += "</tbody></table>\n";
        }
        *out += "</details>\n";
    }
}

fn sign(mark: Mark) -> String {
    let id = match mark {
        Mark::Good => "good",
        Mark::Bad => "bad",
        Mark::Differs => "differs",
        Mark::Unknown => "unknown",
    };
    format!(
        "<svg class=\"sign {}\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">\
         <use href=\"#i-{id}\"/></svg>",
        class(mark)
    )
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "good",
        Mark::Bad => "bad",
        Mark::Differs | Mark::Unknown => "odd",
    }
}

/// Characters shown of one value.
const VALUE_CHARS: usize = 1200;
