//! The layouts: one column for a phone, bars in two columns for a desk.

use super::scene::Scene;
use super::{bars, lanes};
use crate::picture::{Canvas, Column, Face, MARGIN, NARROW, SECTION, Sheet, WIDE, finish};

/// Whether the sheet has a head of its own; a page has one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    Drawn,
    Left,
}

pub(super) fn narrow(scene: &Scene, head: Head) -> Sheet {
    let column = Column { x: MARGIN, width: NARROW - 2 * MARGIN };
    draw(scene, head, column, NARROW, 1)
}

pub(super) fn wide(scene: &Scene, head: Head) -> Sheet {
    let column = Column { x: MARGIN, width: WIDE - 2 * MARGIN };
    draw(scene, head, column, WIDE, 2)
}

fn draw(scene: &Scene, head: Head, column: Column, width: i32, columns: i32) -> Sheet {
    let mut canvas = Canvas::new();
    let mut y = MARGIN;
    if head == Head::Drawn {
        y = canvas.paragraph(column, y, Face::TITLE, &scene.title) + 2;
        y = canvas.paragraph(column, y, Face::FAINT, &scene.when) + SECTION;
    }
    y = lanes::draw(&mut canvas, scene, column, y);
    y = bars::draw(&mut canvas, scene, column, columns, y);
    for note in &scene.notes {
        y = canvas.paragraph(column, y + 4, Face::FAINT, note);
    }
    finish(canvas, width, y + MARGIN)
}
