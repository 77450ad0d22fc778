//! One ladder: both ends as lanes, rungs with their arrows, and how it ends.

use menshen_base::Severity;
use menshen_explain_core::tunnel::Side;
use menshen_explain_core::tunnel::picture::{Arrow, Ending, Fate, Ladder, Rung};

use super::words;
use crate::picture::{Anchor, Canvas, Column, Face, Sign, clean, short};

/// Draws it from `y` on; gives where it ends.
pub(super) fn draw(canvas: &mut Canvas, ladder: &Ladder, column: Column, y: i32) -> i32 {
    let lanes = Lanes { column };
    let mut y = lanes.ends_named(canvas, ladder, y);
    let top = y;
    let mut stopped = None;
    for rung in &ladder.rungs {
        if !rung.is_done && ladder.ending.severity != Severity::Note {
            stopped.get_or_insert(y);
        }
        y = lanes.rung(canvas, rung, &ladder.ending, y);
    }
    let whole = y;
    y = lanes.ending(canvas, &ladder.ending, stopped.is_some(), y);
    let (left, right) = lanes.ends();
    for x in [left, right] {
        canvas.below(&format!("<path class=\"lane\" d=\"M{x} {top}V{whole}\"/>"));
    }
    if !ladder.unreached.is_empty() {
        let from = y;
        let text = format!("never reached: {}", ladder.unreached.join(", "));
        y = canvas.paragraph(lanes.inner(), y + 10, Face::FAINT, &text) + 6;
        for x in [left, right] {
            canvas.below(&format!("<path class=\"quiet\" d=\"M{x} {from}V{y}\"/>"));
        }
    }
    y
}

/// How a severity is marked.
pub(super) const fn sign(severity: Severity) -> Sign {
    match severity {
        Severity::Note => Sign { id: "good", class: "good" },
        Severity::Warning => Sign { id: "unknown", class: "odd" },
        Severity::Error => Sign { id: "bad", class: "bad" },
    }
}

/// The place of the lanes.
#[derive(Debug, Clone, Copy)]
struct Lanes {
    column: Column,
}

impl Lanes {
    const fn ends(self) -> (i32, i32) {
        (self.column.x + 8, self.column.right() - 8)
    }

    /// Where text may be.
    const fn inner(self) -> Column {
        Column { x: self.column.x + 22, width: self.column.width - 44 }
    }

    fn ends_named(self, canvas: &mut Canvas, ladder: &Ladder, y: i32) -> i32 {
        let face = Face::HEADING;
        canvas.text(self.column.x, y + face.size, face, Anchor::Start, "client");
        canvas.text(self.column.right(), y + face.size, face, Anchor::End, "server");
        let y = y + face.line();
        let (client, server) = (ladder.client.to_string(), ladder.server.to_string());
        let faint = Face::FAINT;
        let room = self.column.width - faint.width(&client) - faint.width(&server);
        canvas.text(self.column.x, y + faint.size, faint, Anchor::Start, &client);
        // Two long addresses do not stand in one line of a phone.
        let below = if room < 16 { faint.line() } else { 0 };
        let base = y + faint.size + below;
        canvas.text(self.column.right(), base, faint, Anchor::End, &server);
        y + faint.line() + below + 6
    }

    /// Name and sign, what it is for, then its arrows.
    fn rung(self, canvas: &mut Canvas, rung: &Rung, ending: &Ending, y: i32) -> i32 {
        let sign = match (rung.is_done, ending.severity) {
            (true, _) => Sign { id: "good", class: "good" },
            (false, Severity::Note) => Sign { id: "unknown", class: "odd" },
            (false, _) => Sign { id: "bad", class: "bad" },
        };
        let inner = self.inner();
        let mut y = canvas.marked(inner, y + 10, sign, Face::STRONG, rung.name);
        y = canvas.paragraph(inner.indented(23), y, Face::FAINT, rung.plain) + 2;
        for arrow in rung.arrows.iter().take(ARROWS_MAX) {
            y = self.arrow(canvas, arrow, y);
        }
        y + 4
    }

    fn arrow(self, canvas: &mut Canvas, arrow: &Arrow, y: i32) -> i32 {
        let label = short(&clean(&arrow.label), LABEL_CHARS);
        let inner = self.inner();
        let y = match arrow.from {
            Side::Server if Face::BODY.width(&label) <= inner.width => {
                canvas.text(inner.right(), y + 4 + 15, Face::BODY, Anchor::End, &label);
                y + 4 + Face::BODY.line()
            }
            _ => canvas.paragraph(inner, y + 4, Face::BODY, &label),
        };
        self.shaft(canvas, arrow, y + 8);
        y + 17
    }

    /// The whole way, or as far as it is known to have come, with the sign of what stopped it.
    fn shaft(self, canvas: &mut Canvas, arrow: &Arrow, y: i32) {
        let (left, right) = self.ends();
        let (from, to, step) = match arrow.from {
            Side::Client => (left, right, 1),
            Side::Server => (right, left, -1),
        };
        let middle = from + (to - from) * 3 / 5;
        let (class, end) = match arrow.fate {
            Fate::Arrives => ("arrives", to),
            Fate::Doubt => ("doubt", to),
            Fate::Refuses => ("stops", to),
            Fate::Stops => ("stops", middle),
            Fate::Missing => ("missing", to),
        };
        let dashes = match arrow.fate {
            Fate::Doubt | Fate::Missing => " stroke-dasharray=\"7 6\"",
            Fate::Arrives | Fate::Refuses | Fate::Stops => "",
        };
        let shaft = end - 11 * step;
        canvas.shape(&format!("<path class=\"shaft {class}\" d=\"M{from} {y}H{shaft}\"{dashes}/>"));
        if arrow.fate != Fate::Missing {
            canvas.shape(&format!(
                "<path class=\"{class}\" stroke=\"none\" d=\"M{end} {y}l{0} -6v12Z\"/>",
                -12 * step
            ));
        }
        let (id, class, at) = match arrow.fate {
            Fate::Arrives | Fate::Refuses => return,
            Fate::Doubt => ("unknown", "odd", middle),
            Fate::Stops => ("bad", "bad", middle + 14 * step),
            Fate::Missing => ("bad", "bad", middle),
        };
        canvas.shape(&format!("<circle class=\"ground\" cx=\"{at}\" cy=\"{y}\" r=\"12\"/>"));
        canvas.icon(id, class, at - 9, y - 9, 18);
    }

    /// A box across both lanes.
    fn ending(self, canvas: &mut Canvas, ending: &Ending, stops: bool, y: i32) -> i32 {
        let (top, place) = (y + 8, self.column);
        let text = Column { x: place.x + 18, width: place.width - 34 };
        let title = match (ending.severity, stops) {
            (Severity::Error, true) => format!("It stops here. {}", ending.claim),
            _ => ending.claim.clone(),
        };
        let mut y =
            canvas.marked(text, top + 11, sign(ending.severity), Face::STRONG, &words(&title));
        let text = text.indented(23);
        if !ending.open.is_empty() {
            y = canvas.paragraph(text, y + 5, Face::LABEL, "From here this looks the same:");
            for open in &ending.open {
                canvas.shape(&format!(
                    "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"2.5\"/>",
                    text.x + 4,
                    y + 11
                ));
                y = canvas.paragraph(text.indented(13), y + 1, Face::BODY, &words(open));
            }
        }
        if let Some(settle) = ending.settle {
            y = canvas.paragraph(text, y + 5, Face::LABEL, "What tells them apart:");
            y = canvas.paragraph(text, y + 1, Face::BODY, &words(settle));
        }
        if !ending.hint.is_empty() {
            y = canvas.paragraph(text, y + 5, Face::LABEL, "What to do:");
            y = canvas.paragraph(text, y + 1, Face::BODY, &words(&ending.hint));
        }
        let bottom = y + 12;
        let class = match ending.severity {
            Severity::Note => "well",
            Severity::Warning => "odd",
            Severity::Error => "ill",
        };
        canvas.below(&format!(
            "<rect class=\"box-{class}\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" \
             rx=\"6\"/>",
            place.x,
            place.width,
            bottom - top
        ));
        if ending.severity == Severity::Error && stops {
            canvas.below(&format!(
                "<rect class=\"wall\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"6\"/>",
                place.x,
                top - 3,
                place.width
            ));
        }
        bottom
    }
}

/// Arrows of one rung.
const ARROWS_MAX: usize = 12;
/// Characters of a label.
const LABEL_CHARS: usize = 180;
