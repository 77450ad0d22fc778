//! What status says of doors that can be asked: slots of the scoreboard, the answer from the
//! control socket, and how both are shown.

use std::fmt::Write;
use std::io;

use menshen_base::Counter;
use menshen_sys::{ScoreView, Slot, SlotDoor};

use super::{escape_bytes, living};

/// What is known of a door.
pub(super) struct Looked<D> {
    /// Of its workers that live, of all generations.
    pub(super) slots: Vec<Slot>,
    /// What the one that serves new sessions said; `None`: see `unanswered`.
    pub(super) door: Option<D>,
    /// Why it said nothing.
    pub(super) unanswered: Option<String>,
}

/// Joins the scoreboard and the answer, of which `open` makes the report or says why it is none;
/// `None`: there is no such door.
pub(super) fn look<A, D>(
    board: ScoreView,
    kind: SlotDoor,
    asked: io::Result<A>,
    open: impl FnOnce(A) -> Result<D, String>,
) -> Option<Looked<D>> {
    let slots: Vec<_> = living(board).filter(|slot| slot.door() == kind).collect();
    let said = match asked {
        Ok(answer) => open(answer),
        Err(_) if slots.is_empty() => return None,
        Err(error) => Err(error.to_string()),
    };
    let (door, unanswered) = match said {
        Ok(door) => (Some(door), None),
        Err(why) => (None, Some(why)),
    };
    Some(Looked { slots, door, unanswered })
}

impl<D> Looked<D> {
    /// Of all its workers.
    pub(super) fn sum(&self, counter: Counter) -> u64 {
        self.slots.iter().fold(0, |sum, slot| sum.saturating_add(slot.get(counter)))
    }
}

/// Lines of which the first of a kind has a label; an empty line goes before the first of all.
pub(super) struct Rows<'a> {
    out: &'a mut String,
    label: &'static str,
}

impl<'a> Rows<'a> {
    /// A block that begins with `label`.
    pub(super) fn new(out: &'a mut String, label: &'static str) -> Self {
        out.push('\n');
        Self { out, label }
    }

    /// The next line has this label.
    pub(super) const fn label(&mut self, label: &'static str) {
        self.label = label;
    }

    /// One line. Whatever is foreign in it (names of users, of servers, statements) is escaped.
    pub(super) fn add(&mut self, text: &str) {
        let label = std::mem::take(&mut self.label);
        let _ = writeln!(self.out, "{label:<10} {}", escape_bytes(text.as_bytes()));
    }

    /// A line of what to do, if there is something.
    pub(super) fn hint(&mut self, text: &str) {
        if !text.is_empty() {
            self.add(&format!("hint: {text}"));
        }
    }

    /// The line of a door that said nothing.
    pub(super) fn silent(&mut self, why: Option<&str>) {
        self.add(&format!("the door does not answer: {}", why.unwrap_or_default()));
    }
}
