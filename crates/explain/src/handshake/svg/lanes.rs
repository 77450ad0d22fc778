//! The lanes: legend, time to scale, and every message as an arrow with its bar of bytes.

mod scale;

use super::sign;
use crate::handshake::scene::{Arrow, Line, Mark, Row, Scene, Seal, bytes, short};
use crate::picture::{Anchor, Canvas, Column, Face};
use menshen_explain_core::handshake::Side;

/// Draws them from `y` on; gives where they end.
pub(super) fn draw(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    if scene.rows.is_empty() {
        return y;
    }
    let mut y = legend(canvas, scene, column, y) + 12;
    if let Some(scale) = &scene.scale {
        y = scale::draw(canvas, scale, column, y) + 16;
    }
    let face = Face::HEADING;
    canvas.text(column.x, y + face.size, face, Anchor::Start, "client");
    canvas.text(column.right(), y + face.size, face, Anchor::End, "server");
    y += face.line() + 4;
    let lanes = Lanes { column, bytes_max: scene.bytes_max };
    let top = y;
    let mut stopped = None;
    for row in &scene.rows {
        y = match row {
            Row::Flight { text, gap_us, gap } => {
                let room = scene
                    .scale
                    .as_ref()
                    .map_or(Room { units: 0, broken: false }, |scale| scale.room(*gap_us));
                lanes.flight(canvas, y, text, gap, room)
            }
            Row::Arrow(arrow) => lanes.message(canvas, y, arrow),
            Row::Key { side, text, sentence } => lanes.key(canvas, y, *side, text, sentence),
            Row::Check(line) => lanes.check(canvas, y, line),
            Row::Stop(line) => {
                stopped.get_or_insert(y);
                lanes.stop(canvas, y, line)
            }
        };
    }
    let (left, right) = lanes.ends();
    let whole = stopped.unwrap_or(y + 8);
    for x in [left, right] {
        canvas.below(&format!("<path class=\"lane\" d=\"M{x} {top}V{whole}\"/>"));
        if stopped.is_some() {
            canvas.below(&format!("<path class=\"quiet\" d=\"M{x} {whole}V{}\"/>", y + 8));
        }
    }
    y + 8
}

/// The place of the lanes.
#[derive(Debug, Clone, Copy)]
struct Lanes {
    column: Column,
    bytes_max: u64,
}

impl Lanes {
    const fn ends(self) -> (i32, i32) {
        (self.column.x + 8, self.column.right() - 8)
    }

    /// Where text may be.
    const fn inner(self) -> Column {
        Column { x: self.column.x + 20, width: self.column.width - 40 }
    }

    /// Time that passes, then the title of a flight.
    fn flight(self, canvas: &mut Canvas, y: i32, text: &str, gap: &str, room: Room) -> i32 {
        let (left, right) = self.ends();
        let height = 34 + room.units;
        let middle = y + height / 2;
        for x in [left, right] {
            if room.broken {
                canvas.below(&format!(
                    "<path class=\"zig\" d=\"M{x} {}l6 3l-12 4l12 4l-6 3\"/>",
                    middle - 7
                ));
            }
        }
        let width = Face::FAINT.width(gap) / 2 + 10;
        let centre = i32::midpoint(left, right);
        canvas.below(&format!(
            "<path class=\"quiet\" d=\"M{} {middle}H{}M{} {middle}H{}\"/>",
            left + 12,
            centre - width,
            centre + width,
            right - 12
        ));
        canvas.text(centre, middle + 5, Face::FAINT, Anchor::Middle, gap);
        canvas.paragraph(self.inner(), y + height, Face::LABEL, text) + 2
    }

    /// A message: sign, name and numbers, the arrow, the sentence.
    fn message(self, canvas: &mut Canvas, y: i32, arrow: &Arrow) -> i32 {
        let (top, inner) = (y, self.inner());
        let class = class(arrow.seal);
        canvas.open(&tooltip(arrow));
        let mut y = y + 16;
        canvas.icon(class, class, inner.x, y + 2, 15);
        let number = arrow.number.map(|number| format!("{number} ")).unwrap_or_default();
        let name = format!("{number}{}", short(&arrow.name, NAME_CHARS));
        let numbers = match arrow.seal {
            Seal::Expected => arrow.seal.word().to_owned(),
            _ => format!("{} · {}", bytes(arrow.bytes), arrow.at),
        };
        let named = inner.indented(22);
        let free = named.width - Face::STRONG.width(&name) - Face::FAINT.width(&numbers);
        if free >= 12 {
            canvas.text(named.x, y + 15, Face::STRONG, Anchor::Start, &name);
            canvas.text(inner.right(), y + 15, Face::FAINT, Anchor::End, &numbers);
            y += Face::STRONG.line();
        } else {
            y = canvas.paragraph(named, y, Face::STRONG, &name);
            y = canvas.paragraph(named, y, Face::FAINT, &numbers);
        }
        self.shaft(canvas, y + 11, arrow);
        y = canvas.paragraph(inner, y + 21, Face::BODY, &arrow.sentence) + 4;
        canvas.close(self.column, top, y);
        y
    }

    fn shaft(self, canvas: &mut Canvas, y: i32, arrow: &Arrow) {
        let (left, right) = self.ends();
        let room = right - left - 16;
        let most = i64::from(room);
        let share = arrow.bytes.saturating_mul(most.unsigned_abs()).div_ceil(self.bytes_max);
        let length = i32::try_from(share).unwrap_or(room).min(room).max(3);
        let class = class(arrow.seal);
        let dashes = if arrow.seal == Seal::Expected { " stroke-dasharray=\"7 6\"" } else { "" };
        let (from, to, tip, bar) = match arrow.from {
            Side::Client => (left, right - 12, right, left),
            Side::Server => (right, left + 12, left, right - length),
        };
        canvas.shape(&format!(
            "<path class=\"shaft {class}\" d=\"M{from} {y}H{to}\"{dashes}/>\
             <path class=\"{class}\" stroke=\"none\" d=\"M{tip} {y}L{to} {}V{}Z\"/>",
            y - 6,
            y + 6
        ));
        if arrow.seal != Seal::Expected {
            canvas.shape(&format!(
                "<rect class=\"{class} bar-{class}\" x=\"{bar}\" y=\"{}\" width=\"{length}\" \
                 height=\"12\"/>",
                y - 6
            ));
        }
    }

    /// Keys that can be used from here on, at the lane of who can.
    fn key(self, canvas: &mut Canvas, y: i32, side: Side, text: &str, sentence: &str) -> i32 {
        let inner = self.inner();
        let free = inner.width / 8;
        let place = match side {
            Side::Client => Column { x: inner.x - 4, width: inner.width - free },
            Side::Server => Column { x: inner.x + free + 4, width: inner.width - free },
        };
        let top = y + 8;
        let words = Column { x: place.x + 32, width: place.width - 42 };
        canvas.icon("key", "gold", place.x + 8, top + 8, 17);
        let y = canvas.paragraph(words, top + 7, Face::STRONG, text);
        let y = canvas.paragraph(words, y + 1, Face::FAINT, sentence) + 7;
        canvas.below(&format!(
            "<rect class=\"keys\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
            place.x,
            place.width,
            y - top
        ));
        y + 4
    }

    fn check(self, canvas: &mut Canvas, y: i32, line: &Line) -> i32 {
        let place = self.inner().indented(6);
        let y = canvas.marked(place, y + 2, sign(line.mark), Face::BODY, &line.text);
        canvas.paragraph(place.indented(23), y, Face::FAINT, &line.more)
    }

    /// The end before its time, or the end of what was recorded.
    fn stop(self, canvas: &mut Canvas, y: i32, line: &Line) -> i32 {
        let inner = self.inner();
        let top = y + 12;
        let words = Column { x: inner.x + 8, width: inner.width - 16 };
        let y = canvas.marked(words, top + 8, sign(line.mark), Face::STRONG, &line.text);
        let y = canvas.paragraph(words.indented(23), y + 1, Face::BODY, &line.more) + 9;
        canvas.below(&format!(
            "<rect class=\"box\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"6\"/>",
            inner.x,
            inner.width,
            y - top
        ));
        if line.mark == Mark::Bad {
            canvas.below(&format!(
                "<rect class=\"f-bad\" x=\"{}\" y=\"{top}\" width=\"4\" height=\"{}\"/>",
                inner.x,
                y - top
            ));
        }
        y + 4
    }
}

/// Room for a time that passes.
#[derive(Debug, Clone, Copy)]
struct Room {
    units: i32,
    /// It is shorter than to scale.
    broken: bool,
}

fn legend(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    let mut y = y;
    for seal in scene.seals() {
        let class = class(seal);
        let middle = y + 11;
        let (x, end) = (column.x, column.x + 34);
        canvas.shape(&match seal {
            Seal::Expected => format!(
                "<path class=\"shaft {class}\" d=\"M{x} {middle}H{end}\" stroke-dasharray=\"7 6\"/>"
            ),
            _ => format!(
                "<rect class=\"{class} bar-{class}\" x=\"{x}\" y=\"{}\" width=\"34\" \
                 height=\"12\"/>",
                middle - 6
            ),
        });
        canvas.icon(class, class, column.x + 43, y + 3, 15);
        y = canvas.paragraph(column.indented(68), y + 1, Face::FAINT, seal.legend()) + 2;
    }
    if scene.has_keys() {
        canvas.icon("key", "gold", column.x + 42, y + 2, 17);
        let text = "from here on these keys can be used";
        y = canvas.paragraph(column.indented(68), y + 1, Face::FAINT, text) + 2;
    }
    let text = format!(
        "The bar at the start of an arrow shows its bytes; a full one is {}.",
        bytes(scene.bytes_max)
    );
    canvas.paragraph(column, y + 1, Face::FAINT, &text)
}

/// What is in a message, when it is pointed at.
fn tooltip(arrow: &Arrow) -> String {
    let number = arrow.number.map(|number| format!("{number} ")).unwrap_or_default();
    let mut text = format!("{number}{}, from the {}", arrow.name, arrow.from.word());
    if arrow.seal == Seal::Expected {
        return format!("{text}; {}", arrow.seal.word());
    }
    text += &format!("\n{}, {}, {}", bytes(arrow.bytes), arrow.seal.word(), arrow.at);
    for (name, value, note) in arrow.fields.iter().take(TOOLTIP_FIELDS) {
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        text +=
            &format!("\n{name}: {}{}", short(value, TOOLTIP_CHARS), short(&note, TOOLTIP_CHARS));
    }
    if arrow.fields.len() > TOOLTIP_FIELDS {
        text += &format!("\nand {} more", arrow.fields.len() - TOOLTIP_FIELDS);
    }
    text
}

const fn class(seal: Seal) -> &'static str {
    match seal {
        Seal::Clear => "clear",
        Seal::Opened => "opened",
        Seal::Sealed => "sealed",
        Seal::Expected => "expected",
    }
}

/// Characters shown of a name.
const NAME_CHARS: usize = 80;
/// Fields shown when a message is pointed at.
const TOOLTIP_FIELDS: usize = 18;
/// Characters shown of a field there.
const TOOLTIP_CHARS: usize = 140;
