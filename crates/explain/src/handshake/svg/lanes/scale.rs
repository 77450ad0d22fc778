//! Time in true proportion: one line from the start of the connection to the end of the handshake.

use super::Room;
use crate::handshake::scene::{Scale, micros};
use crate::picture::{Anchor, Canvas, Column, Face};
use menshen_explain_core::handshake::Side;

impl Scale {
    /// How much room a time gets in the lanes: to scale up to a limit.
    pub(super) fn room(&self, us: u64) -> Room {
        let units = us.saturating_mul(LANE_UNITS) / self.end_us;
        let limited = units.min(LANE_UNITS / 3);
        Room { units: i32::try_from(limited).unwrap_or(0), broken: limited < units }
    }
}

/// Draws it from `y` on; gives where it ends.
pub(super) fn draw(canvas: &mut Canvas, scale: &Scale, column: Column, y: i32) -> i32 {
    let text = "Time to scale: when each flight passed";
    let mut y = canvas.paragraph(column, y, Face::LABEL, text) + 4;
    let label = Face::FAINT.width("server") + 10;
    let axis = Column { x: column.x + label, width: column.width - label - 10 };
    let at = |us: u64| {
        let share = us.min(scale.end_us).saturating_mul(axis.width.unsigned_abs().into());
        axis.x + i32::try_from(share / scale.end_us).unwrap_or(axis.width)
    };
    let middle = y + 36;
    if let Some(connect) = scale.connect_us {
        canvas.shape(&format!(
            "<rect class=\"sealed\" fill-opacity=\"0.25\" x=\"{}\" y=\"{}\" \
             width=\"{}\" height=\"8\"/>",
            axis.x,
            middle - 4,
            (at(connect) - axis.x).max(2)
        ));
    }
    canvas.below(&format!("<path class=\"axis\" d=\"M{} {middle}H{}\"/>", axis.x, axis.right()));
    for (side, row) in [(Side::Client, middle - 18), (Side::Server, middle + 6)] {
        canvas.text(column.x, row + 11, Face::FAINT, Anchor::Start, side.word());
        // Numbers that would meet are left out: the lanes have them all.
        let mut free = i32::MIN;
        for span in scale.flights.iter().filter(|span| span.from == side) {
            let (from, to) = (at(span.start_us), at(span.end_us));
            canvas.shape(&format!(
                "<rect class=\"mark-{}\" x=\"{from}\" y=\"{row}\" width=\"{}\" height=\"12\"/>",
                side.word(),
                (to - from).max(5)
            ));
            let number = span.number.to_string();
            let half = Face::FAINT.width(&number) / 2 + 1;
            let centre = i32::midpoint(from, to.max(from + 5));
            if centre - half > free {
                let base = if side == Side::Client { row - 4 } else { row + 26 };
                canvas.text(centre, base, Face::FAINT, Anchor::Middle, &number);
                free = centre + half;
            }
        }
    }
    for us in &scale.keys_us {
        let x = at(*us);
        canvas.shape(&format!("<path class=\"gem\" d=\"M{x} {}l5 5l-5 5l-5 -5Z\"/>", middle - 5));
    }
    y = middle + 38;
    let mut text = format!("From 0 to {}.", micros(scale.end_us));
    if let Some(connect) = scale.connect_us {
        text += &format!(" Grey: TCP connects until {}.", micros(connect));
    }
    if !scale.keys_us.is_empty() {
        text += " Diamonds: keys become usable.";
    }
    canvas.paragraph(column, y, Face::FAINT, &text)
}

/// Units all the time would get in the lanes.
const LANE_UNITS: u64 = 240;
