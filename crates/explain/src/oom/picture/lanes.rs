//! The lanes: one for each program, a mark for each kill, a triangle where it was started again.

use std::fmt::Write as _;

use super::scene::{Lane, Scene};
use super::style::class;
use crate::picture::{Anchor, Canvas, Column, Face};

/// Draws them from `y` on; gives where the next thing may begin.
pub(super) fn draw(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    if scene.lanes.is_empty() {
        return canvas.paragraph(column, y, Face::BODY, "Nobody was killed.") + GAP;
    }
    let mut y = canvas.paragraph(column, y, Face::HEADING, "Who was killed when") + 4;
    y = key(canvas, scene, column, y) + 6;
    // Where there is room, names stand before their lanes, else above.
    let beside = column.width >= BESIDE_MIN;
    let line = if beside { column.indented(LABEL) } else { column };
    let line = Column { x: line.x + END, width: line.width - 2 * END };
    let top = y;
    for lane in &scene.lanes {
        let times = match lane.kills.len() {
            1 => "once".to_owned(),
            number => format!("{number} times"),
        };
        if beside {
            let label = Column { x: column.x, width: LABEL - 12 };
            let below = canvas.paragraph(label, y, Face::STRONG, &lane.label);
            let below = canvas.paragraph(label, below, Face::FAINT, &times);
            row(canvas, scene, lane, line, y + ROW / 2);
            y = below.max(y + ROW) + 4;
        } else {
            y = canvas.paragraph(column, y, Face::STRONG, &format!("{}, {times}", lane.label));
            row(canvas, scene, lane, line, y + ROW / 2);
            y += ROW + 6;
        }
    }
    y = foot(canvas, scene, line, top, y);
    y + GAP
}

/// What the marks mean.
fn key(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    let (x, middle) = (column.x, y + 9);
    canvas.shape(&format!("<circle class=\"n\" cx=\"{}\" cy=\"{middle}\" r=\"6\"/>", x + 7));
    canvas.text(x + 20, y + 14, Face::FAINT, Anchor::Start, "killed");
    if scene.lanes.iter().any(|lane| !lane.restarts.is_empty()) {
        canvas.shape(&triangle(x + 100, middle - 5));
        canvas.text(x + 113, y + 14, Face::FAINT, Anchor::Start, "started again");
    }
    y + Face::FAINT.line()
}

fn row(canvas: &mut Canvas, scene: &Scene, lane: &Lane, line: Column, middle: i32) {
    let at = |number: &usize| {
        let place = scene.axis.places.get(*number).copied().unwrap_or(0);
        line.x + line.width * place / 1000
    };
    canvas.below(&format!("<path class=\"quiet\" d=\"M{} {middle}H{}\"/>", line.x, line.right()));
    let hue = class(lane.hue);
    let places: Vec<i32> = lane.kills.iter().map(at).collect();
    let (first, last) = (places.iter().min().copied(), places.iter().max().copied());
    if let (Some(first), Some(last)) = (first, last)
        && first < last
    {
        canvas.below(&format!("<path class=\"link {hue}\" d=\"M{first} {middle}H{last}\"/>"));
    }
    let mut shapes = String::new();
    let mut drawn = None;
    for x in places {
        // Kills in the space of one unit are one mark.
        if drawn.replace(x) == Some(x) {
            continue;
        }
        let _ = if lane.kills.len() <= ROUND_MAX {
            write!(shapes, "<circle class=\"mark {hue}\" cx=\"{x}\" cy=\"{middle}\" r=\"7\"/>")
        } else {
            let (left, top) = (x - 2, middle - 10);
            write!(
                shapes,
                "<rect class=\"mark {hue}\" x=\"{left}\" y=\"{top}\" width=\"4\" height=\"20\"/>"
            )
        };
    }
    for restart in &lane.restarts {
        shapes += &triangle(at(restart), middle + 8);
    }
    canvas.shape(&shapes);
}

/// A triangle with its point at the top.
fn triangle(x: i32, y: i32) -> String {
    format!("<path class=\"again\" d=\"M{x} {y}l6 10h-12z\"/>")
}

/// The axis under the lanes.
fn foot(canvas: &mut Canvas, scene: &Scene, line: Column, top: i32, y: i32) -> i32 {
    let axis = &scene.axis;
    let place = |permille: i32| line.x + line.width * permille / 1000;
    canvas.below(&format!("<path class=\"axis\" d=\"M{} {y}H{}\"/>", line.x, line.right()));
    for (middle, _) in &axis.breaks {
        let x = place(*middle);
        let (from, to) = (x - 8, x + 8);
        canvas.below(&format!(
            "<path class=\"ground\" d=\"M{from} {top}H{to}V{}H{from}z\"/><path class=\"zig\" \
             d=\"M{from} {y}l5 -6l6 12l5 -6\"/>",
            y + 8
        ));
    }
    let face = Face::FAINT;
    let mut right = i32::MIN;
    for (at, text) in &axis.ticks {
        let x = place(*at);
        canvas.below(&format!("<path class=\"axis\" d=\"M{x} {y}v5\"/>"));
        right = label(canvas, line, x, y + 6 + face.size, text, right);
    }
    if axis.breaks.is_empty() {
        return y + 6 + face.line();
    }
    let below = y + 6 + face.line();
    right = i32::MIN;
    for (middle, text) in &axis.breaks {
        let text = format!("{text} of quiet");
        right = label(canvas, line, place(*middle), below + face.size, &text, right);
    }
    below + face.line()
}

/// Words at a place of the axis, within its ends, unless they would meet those before.
fn label(canvas: &mut Canvas, line: Column, x: i32, y: i32, text: &str, right: i32) -> i32 {
    let width = Face::FAINT.width(text);
    let left = (x - width / 2).clamp(line.x - END, (line.right() + END - width).max(line.x - END));
    if left <= right.saturating_add(8) || left + width > line.right() + END {
        return right;
    }
    canvas.text(left, y, Face::FAINT, Anchor::Start, text);
    left + width
}

/// Between this part and the next.
const GAP: i32 = 24;
/// Height of a lane.
const ROW: i32 = 38;
/// Units of the names before their lanes.
const LABEL: i32 = 250;
const BESIDE_MIN: i32 = 700;
/// Room for half a mark at the ends.
const END: i32 = 10;
/// Kills of a lane that are drawn round; more are strokes.
const ROUND_MAX: usize = 30;
