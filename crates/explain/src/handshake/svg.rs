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
use crate::picture::{Area, Canvas, Column, Sign, escape};

pub(super) use head::INTRO;
pub(super) use style::{CSS, defs};

/// The picture.
#[must_use]
pub fn svg(report: &Report) -> String {
    let scene = Scene::of(report);
    let (narrow, wide) = (narrow(&scene), wide(&scene));
    let wide_height = i64::from(wide.height) * i64::from(NARROW) / i64::from(WIDE);
    let title = escape(&format!("Handshake with {}", scene.title));
    let desc = escape(&description(&scene));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"root\" viewBox=\"0 0 {NARROW} {0}\" \
         width=\"{NARROW}\" height=\"{0}\" preserveAspectRatio=\"xMinYMin slice\" role=\"img\" \
         aria-labelledby=\"title desc\" lang=\"en\">\n<title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">{desc}</desc>\n<style>\n{CSS}{1}</style>\n{2}\
         <svg class=\"narrow\" width=\"{NARROW}\" height=\"{0}\" viewBox=\"0 0 {NARROW} {0}\">\n{3}\
         </svg>\n<svg class=\"wide\" display=\"none\" width=\"{NARROW}\" height=\"{4}\" \
         viewBox=\"0 0 {WIDE} {5}\">\n{6}</svg>\n</svg>\n",
        narrow.height,
        window_css(narrow.height, wide.height),
        defs(),
        narrow.body,
        wide_height,
        wide.height,
        wide.body,
    )
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

/// A finished drawing.
#[derive(Debug)]
struct Sheet {
    height: i32,
    body: String,
    /// Where texts are, for the test that none meet.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that no texts meet"))]
    areas: Vec<Area>,
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

fn finish(canvas: Canvas, width: i32, height: i32) -> Sheet {
    let (body, areas) = canvas.done();
    let ground = format!("<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n");
    Sheet { height, body: ground + &body, areas }
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

/// The size of the picture in a window; `slice` keeps the scale by the width.
fn window_css(narrow: i32, wide: i32) -> String {
    format!(
        ".root{{display:block;margin:0 auto;width:min(98vw,640px);\
         height:calc(min(98vw,640px)*{narrow}/{NARROW})}}\n\
         @media (min-width:1000px){{.root{{width:min(98vw,{WIDE}px);\
         height:calc(min(98vw,{WIDE}px)*{wide}/{WIDE})}}\
         .narrow{{display:none}}.wide{{display:inline}}}}\n"
    )
}

/// Units of the narrow layout: a phone shows four fifths of them.
const NARROW: i32 = 480;
/// Units of the wide layout: a screen shows them as they are.
const WIDE: i32 = 1120;
const MARGIN: i32 = 16;
/// Between parts of the picture.
const SECTION: i32 = 28;
/// Of the text for those who do not see the picture.
const DESCRIPTION_BYTES: usize = 2000;

#[cfg(test)]
mod tests;
