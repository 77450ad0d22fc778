//! A handshake as one self-contained SVG: no script, no font, no reference to anything outside.
//!
//! It is laid out twice, for a narrow and for a wide window, and a media query shows one; programs
//! that know no CSS show the narrow one. Text sizes are those of a reader, not of a poster. All
//! texts come cleaned from the scene and are escaped where they are written. Nothing here can fail.

mod head;
mod lanes;
mod side;
mod style;

use super::Report;
use super::scene::{Mark, Scene};
use crate::picture::{
    Canvas, Column, Document, MARGIN, NARROW, SECTION, Sheet, Sign, WIDE, document, escape, finish,
};

pub(super) use head::INTRO;
pub(super) use style::{CSS, defs};

/// The picture.
#[must_use]
pub fn svg(report: &Report) -> String {
    let scene = Scene::of(report);
    document(&Document {
        title: &format!("Handshake with {}", scene.title),
        description: &description(&scene),
        css: CSS,
        defs: defs(),
        narrow: &narrow(&scene),
        wide: &wide(&scene),
    })
}

/// The lanes alone, to be put into a page that has [`CSS`] and [`defs`].
pub(super) fn lanes_svg(scene: &Scene) -> String {
    let lanes = lanes_only(scene);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lanes\" viewBox=\"0 0 {NARROW} {0}\" \
         role=\"img\" aria-label=\"{1}\">\n{2}</svg>\n",
        lanes.height,
        escape(&description(scene)),
        lanes.body,
    )
}

fn narrow(scene: &Scene) -> Sheet {
    let mut canvas = Canvas::new();
    let (x, width) = (MARGIN, NARROW - 2 * MARGIN);
    let y = head::draw(&mut canvas, scene, Column { x, width }, MARGIN);
    let y = lanes::draw(&mut canvas, scene, Column { x, width }, y + SECTION);
    let y = side::draw(&mut canvas, scene, Column { x, width }, y + SECTION);
    finish(canvas, NARROW, y + MARGIN)
}

/// The classic story beside the lanes.
fn wide(scene: &Scene) -> Sheet {
    let mut canvas = Canvas::new();
    let width = WIDE - 2 * MARGIN;
    let left = Column { x: MARGIN, width: width * 58 / 100 };
    let x = left.x + left.width + SECTION;
    let right = Column { x, width: WIDE - MARGIN - x };
    let top = head::draw(&mut canvas, scene, Column { x: MARGIN, width }, MARGIN) + SECTION;
    let lanes = lanes::draw(&mut canvas, scene, left, top);
    let side = side::draw(&mut canvas, scene, right, top);
    finish(canvas, WIDE, lanes.max(side) + MARGIN)
}

fn lanes_only(scene: &Scene) -> Sheet {
    let mut canvas = Canvas::new();
    let column = Column { x: 4, width: NARROW - 8 };
    let y = lanes::draw(&mut canvas, scene, column, 4);
    finish(canvas, NARROW, y + 4)
}

/// How a mark is drawn.
const fn sign(mark: Mark) -> Sign {
    match mark {
        Mark::Good => Sign { id: "good", class: "good" },
        Mark::Bad => Sign { id: "bad", class: "bad" },
        Mark::Differs => Sign { id: "differs", class: "odd" },
        Mark::Unknown => Sign { id: "unknown", class: "odd" },
    }
}

/// For those who do not see the picture.
fn description(scene: &Scene) -> String {
    let mut text = format!("{}. {}", scene.ending.text, scene.ending.more);
    for row in &scene.rows {
        if let super::scene::Row::Arrow(arrow) = row {
            let number = arrow.number.map(|number| format!("{number} ")).unwrap_or_default();
            text += &format!(" {number}{}, {}.", arrow.name, arrow.seal.word());
            if text.len() > DESCRIPTION_BYTES {
                text += " And more.";
                break;
            }
        }
    }
    text
}

/// Of the text for those who do not see the picture.
const DESCRIPTION_BYTES: usize = 2000;

#[cfg(test)]
mod tests;
