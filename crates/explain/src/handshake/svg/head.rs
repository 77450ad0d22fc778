//! The head: with whom, how it ended, what both agreed on.

use super::sign;
use crate::handshake::scene::Scene;
use crate::picture::{Canvas, Column, Face};

/// Draws it from `y` on; gives where it ends.
pub(super) fn draw(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    let title = format!("Handshake with {}", scene.title);
    let mut y = canvas.paragraph(column, y, Face::TITLE, &title) + 2;
    y = canvas.paragraph(column, y, Face::FAINT, INTRO) + 8;
    let ending = &scene.ending;
    y = canvas.marked(column, y, sign(ending.mark), Face::HEADING, &ending.text);
    y = canvas.paragraph(column.indented(25), y + 2, Face::BODY, &ending.more) + 10;
    for fact in &scene.facts {
        let value = column.indented(LABEL);
        let label = Column { x: column.x, width: LABEL };
        let below = canvas.paragraph(label, y + 1, Face::LABEL, fact.label);
        y = canvas.paragraph(value, y, Face::BODY, &fact.value);
        for (word, note) in &fact.notes {
            let text = if word.is_empty() { note.clone() } else { format!("{word}: {note}") };
            y = canvas.paragraph(value.indented(10), y + 1, Face::FAINT, &text);
        }
        y = y.max(below) + 6;
    }
    y
}

/// For whom this is new.
pub(in crate::handshake) const INTRO: &str = "\
    How two computers agree on secret keys, and one of them shows who it is, before the first word \
    of the talk. Read from top to bottom.";
/// Units of the labels.
const LABEL: i32 = 124;
