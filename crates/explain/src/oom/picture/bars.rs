//! The bars: what held the memory at each report, to scale; what was killed is hatched.

use std::fmt::Write as _;

use menshen_explain_core::oom::size;

use super::scene::{Bar, Hue, Part, Scene};
use super::style::class;
use crate::picture::{Anchor, Canvas, Column, Face, escape};

/// Draws them from `y` on, in so many columns; gives where the next thing may begin.
pub(super) fn draw(canvas: &mut Canvas, scene: &Scene, at: Column, columns: i32, y: i32) -> i32 {
    if scene.bars.is_empty() {
        return y;
    }
    let mut y = canvas.paragraph(at, y, Face::HEADING, "What held the memory at each kill") + 6;
    y = legend(canvas, scene, at, y) + 14;
    let columns = columns.max(1);
    let width = (at.width - (columns - 1) * BETWEEN) / columns;
    let mut bars = scene.bars.iter().peekable();
    while bars.peek().is_some() {
        let mut below = y;
        for number in 0..columns {
            let Some(bar) = bars.next() else { break };
            let place = Column { x: at.x + number * (width + BETWEEN), width };
            below = below.max(one(canvas, bar, place, y));
        }
        y = below + 20;
    }
    y
}

fn legend(canvas: &mut Canvas, scene: &Scene, at: Column, y: i32) -> i32 {
    let face = Face::FAINT;
    let killed = (None, "killed in this step");
    let hues = scene.legend.iter().map(|(hue, text)| (Some(*hue), &**text));
    let (mut x, mut y) = (at.x, y);
    for (hue, text) in hues.chain([killed]) {
        let width = face.width(text) + 24;
        if x > at.x && x + width > at.right() {
            x = at.x;
            y += face.line() + 3;
        }
        let classes = hue.map_or("n", class);
        let place = format!("x=\"{x}\" y=\"{}\" width=\"15\" height=\"15\"", y + 1);
        canvas.shape(&format!("<rect class=\"part {classes}\" {place}/>"));
        if hue.is_none() {
            canvas.shape(&format!("<rect class=\"victim\" {place}/>"));
        }
        // A name longer than the sheet is cut.
        let text = fit(text, face, at.right() - x - 22).unwrap_or_default();
        canvas.text(x + 22, y + face.size, face, Anchor::Start, &text);
        x += width + 14;
    }
    y + face.line()
}

fn one(canvas: &mut Canvas, bar: &Bar, at: Column, y: i32) -> i32 {
    let y = canvas.paragraph(at, y, Face::STRONG, &bar.title);
    let top = canvas.paragraph(at, y, Face::FAINT, &bar.more) + 6;
    let scale = |kib: u64| {
        let units = u128::from(kib) * u128::from(at.width.unsigned_abs())
            / u128::from(bar.whole_kib.max(1));
        i32::try_from(units).unwrap_or(at.width).min(at.width)
    };
    canvas.below(&format!(
        "<rect class=\"trough\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{HEIGHT}\"/>",
        at.x, at.width
    ));
    let mut done = 0_u64;
    for part in &bar.parts {
        let left = scale(done);
        done = done.saturating_add(part.kib);
        piece(canvas, part, at.x + left, top, scale(done) - left);
    }
    let mut y = top + HEIGHT + 4;
    if let Some((kib, text)) = &bar.limit {
        let x = at.x + scale(*kib);
        canvas.shape(&format!(
            "<path class=\"limit\" d=\"M{x} {}V{}\"/>",
            top - 4,
            top + HEIGHT + 6
        ));
        let width = Face::LABEL.width(text);
        let left = (x - width / 2).clamp(at.x, (at.right() - width).max(at.x));
        canvas.text(left, y + 4 + Face::LABEL.size, Face::LABEL, Anchor::Start, text);
        y += 6 + Face::LABEL.line();
    }
    canvas.paragraph(at, y, Face::FAINT, &sentence(bar))
}

/// One program of a bar, with its name where there is room for it.
fn piece(canvas: &mut Canvas, part: &Part, x: i32, y: i32, width: i32) {
    if width <= 0 {
        return;
    }
    let mut shape = format!(
        "<g><title>{}: {}</title><rect class=\"part {}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
         height=\"{HEIGHT}\"/>",
        escape(&part.label),
        size(part.kib),
        class(part.hue),
    );
    if part.killed {
        let _ = write!(
            shape,
            "<rect class=\"victim\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\"/>"
        );
    }
    canvas.shape(&(shape + "</g>"));
    let face = match part.hue {
        Hue::Program(_) => INSIDE,
        _ => Face::BODY,
    };
    // Hatched ground carries no letters.
    if part.killed || matches!(part.hue, Hue::Kernel) {
        return;
    }
    if let Some(text) = fit(&part.label, face, width - 10) {
        canvas.text(x + width / 2, y + HEIGHT / 2 + 5, face, Anchor::Middle, &text);
    }
}

/// The text, if it fits, or its beginning, if that says enough.
fn fit(text: &str, face: Face, room: i32) -> Option<String> {
    if face.width(text) <= room {
        return Some(text.to_owned());
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if face.width(&short) + face.width("…") > room {
            short.pop();
            break;
        }
    }
    (short.chars().count() >= FIT_CHARS_MIN).then(|| short + "…")
}

/// The largest parts in words.
fn sentence(bar: &Bar) -> String {
    let mut parts: Vec<&Part> = bar.parts.iter().collect();
    parts.sort_by_key(|part| (!part.killed, std::cmp::Reverse(part.kib)));
    let words = parts.iter().take(NAMED_MAX).map(|part| {
        let killed = if part.killed { " (killed)" } else { "" };
        format!("{}{killed} {}", part.label, size(part.kib))
    });
    words.collect::<Vec<_>>().join(" · ")
}

/// Letters on the colour of a program.
const INSIDE: Face = Face { size: 14, bold: true, class: "on" };
const HEIGHT: i32 = 30;
/// Between the columns.
const BETWEEN: i32 = 36;
const FIT_CHARS_MIN: usize = 5;
const NAMED_MAX: usize = 5;
