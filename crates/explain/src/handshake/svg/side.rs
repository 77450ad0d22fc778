//! Beside the lanes, or below them: the classic story, further checks, cause and hint.

use super::sign;
use crate::handshake::scene::{Mark, Scene, capital, severity_mark};
use crate::picture::{Canvas, Column, Face};

/// Draws it from `y` on; gives where it ends.
pub(super) fn draw(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    let mut y = y;
    for finding in &scene.findings {
        let (top, inner) = (y, Column { x: column.x + 16, width: column.width - 28 });
        let mark = severity_mark(finding.severity);
        let word = capital(finding.severity.word());
        y = canvas.marked(
            inner,
            y + 10,
            sign(mark),
            Face::STRONG,
            &format!("{word}: {}", finding.claim),
        );
        y = canvas.paragraph(inner, y + 4, Face::BODY, &finding.hint) + 10;
        let class = match mark {
            Mark::Bad => "f-bad",
            Mark::Differs => "f-odd",
            _ => "f-note",
        };
        let height = y - top;
        canvas.below(&format!(
            "<rect class=\"box\" x=\"{0}\" y=\"{top}\" width=\"{1}\" height=\"{height}\" rx=\"4\"/>\
             <rect class=\"{class}\" x=\"{0}\" y=\"{top}\" width=\"4\" height=\"{height}\"/>",
            column.x, column.width
        ));
        y += 12;
    }
    if !scene.findings.is_empty() {
        y += 12;
    }
    if !scene.textbook.is_empty() {
        y = textbook(canvas, scene, column, y);
    }
    if !scene.checks.is_empty() {
        y = canvas.paragraph(column, y + 12, Face::HEADING, "Also checked") + 4;
        for check in &scene.checks {
            y = canvas.marked(column, y, sign(check.mark), Face::BODY, &check.text);
            y = canvas.paragraph(column.indented(22), y, Face::FAINT, &check.more) + 5;
        }
    }
    y
}

fn textbook(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    let heading = "The textbook story, and what happened here";
    let mut y = canvas.paragraph(column, y, Face::HEADING, heading) + 4;
    let intro = "Many books tell HTTPS in these steps: those of servers of the past.";
    y = canvas.paragraph(column, y, Face::FAINT, intro) + 8;
    for step in &scene.textbook {
        let face = if step.struck { Face::STRUCK } else { Face::BODY };
        y = canvas.marked(column, y, sign(step.mark), face, &step.text);
        let why = format!("{}: {}", capital(step.word()), step.why);
        y = canvas.paragraph(column.indented(22), y + 1, Face::FAINT, &why) + 9;
    }
    y
}
