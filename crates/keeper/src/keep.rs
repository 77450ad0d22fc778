//! The task that keeps one name: plans, orders, asks for the window, looks, and notes it all.
//!
//! Each name has its own task, so a failing one delays only itself. It starts with what is in
//! store and never gives up: every failure ends in a note and a later try. It sleeps in short
//! pieces and asks the clock again, since a clock may jump and a machine may have been asleep.

mod steps;

use std::rc::Rc;
use std::time::Duration;

use menshen_config::keeper::{KeepState, Message, NOTE_BYTES_MAX, Note, OrderSpec};
use tokio::time::sleep;

use crate::chain::{self, Held};
use crate::choice::Turn;
use crate::clock::{share, unix_now};
use crate::fault::is_limit;
use crate::name::Name;
use crate::outbox::Gone;
use crate::race::{First, first};
use crate::schedule::{self, Past, Share};
use crate::shared::Shared;
use crate::words::{WORDS_MAX, clean};

/// One name.
pub(crate) struct Keep {
    index: u32,
    name: Name,
    shared: Rc<Shared>,
    note: Note,
    /// The note as the guard has it.
    told: Vec<u8>,
    held: Option<Held>,
    /// When the certificate came, Unix seconds.
    got: i64,
    /// The chance of this certificate.
    share: Share,
    /// Early renewals in a row.
    early: u32,
    turn: Turn,
    /// Until when each authority asked to be left alone.
    embargoes: Vec<i64>,
    next_order: i64,
    next_window: Option<i64>,
    next_look: Option<i64>,
    /// Looks until a new certificate must be seen.
    looks: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Order,
    Window,
    Look,
}

impl Keep {
    /// The name of that index as the guard has it in store.
    pub(crate) fn new(index: u32, spec: OrderSpec, shared: Rc<Shared>) -> Self {
        let name = Name::new(&spec.name);
        let held = spec.chain_pem.and_then(|chain| chain::stored(&chain, &name));
        let noted = spec.note.filter(|note| note.len() <= NOTE_BYTES_MAX);
        let noted: Option<Note> = noted.and_then(|note| serde_json::from_str(&note).ok());
        let mut note = noted.unwrap_or_default();
        let fingerprint = held.as_ref().map(|held| held.fingerprint.clone());
        if note.fingerprint_sha256 != fingerprint {
            // It speaks of another certificate; only its failures still count.
            note = Note {
                tried_unix: note.tried_unix,
                next_unix: note.next_unix,
                failures: note.failures,
                error: note.error,
                ..Note::default()
            };
        }
        note.name = spec.name;
        note.error = note.error.map(|error| clean(&error, WORDS_MAX));
        note.served = None;
        let now = unix_now();
        let mut keep = Self {
            index,
            name,
            got: held.as_ref().map_or(now, |held| held.life.not_before),
            share: share(),
            early: 0,
            turn: Turn::default(),
            embargoes: vec![i64::MIN; shared.authorities.len()],
            next_order: now,
            next_window: held.as_ref().map(|_| now),
            next_look: held.as_ref().map(|_| now),
            looks: 0,
            told: Vec::new(),
            shared,
            note,
            held,
        };
        keep.describe();
        keep.plan();
        let limited = keep.note.error.as_deref().is_some_and(is_limit);
        let note = &keep.note;
        let past =
            Past { failures: note.failures, tried: note.tried_unix, next: note.next_unix, limited };
        keep.next_order = schedule::first(now, keep.next_order, past);
        keep
    }

    /// Keeps the name until this process ends.
    ///
    /// # Errors
    /// The guard is gone.
    pub(crate) async fn run(mut self) -> Result<(), Gone> {
        self.tell().await?;
        let shared = Rc::clone(&self.shared);
        // A step that was cut short is still due.
        while !shared.is_ending() {
            let now = unix_now();
            self.settle(now);
            let (at, step) = self.next();
            let left = at.saturating_sub(now);
            if left > 0 {
                let left = Duration::from_secs(left.unsigned_abs()).min(CLOCK_LOOK);
                match first(shared.ended(), sleep(left)).await {
                    First::One(()) => return Ok(()),
                    First::Other(()) => continue,
                }
            }
            match step {
                Step::Order => self.order().await?,
                Step::Window => {
                    if let First::One(()) = first(shared.ended(), self.window()).await {
                        return Ok(());
                    }
                }
                Step::Look => self.look().await,
            }
            self.tell().await?;
        }
        Ok(())
    }

    /// What was planned under a clock that has been set back since must not hold for years.
    fn settle(&mut self, now: i64) {
        let latest = |most: i64| now.saturating_add(most);
        for embargo in &mut self.embargoes {
            *embargo = (*embargo).min(latest(schedule::EMBARGO_SECONDS_MAX));
        }
        // Of a name that does not fail the plan follows from the certificate.
        if self.note.failures > 0 {
            self.next_order = self.next_order.min(latest(schedule::EMBARGO_SECONDS_MAX));
        }
        for at in [&mut self.next_window, &mut self.next_look].into_iter().flatten() {
            *at = (*at).min(latest(schedule::WINDOW_SECONDS_MAX));
        }
    }

    fn next(&self) -> (i64, Step) {
        let mut next = (self.next_order, Step::Order);
        for (at, step) in [(self.next_window, Step::Window), (self.next_look, Step::Look)] {
            if let Some(at) = at
                && at < next.0
            {
                next = (at, step);
            }
        }
        next
    }

    /// Plans the renewal of what is held; at once if there is nothing.
    fn plan(&mut self) {
        let Some(held) = &self.held else {
            self.note.renew_unix = None;
            return;
        };
        let due = schedule::renewal(held.life, self.note.window_unix, self.share);
        let due = schedule::paced(due, self.got, held.life, self.early, self.share);
        self.note.renew_unix = Some(due);
        self.next_order = due;
    }

    /// Notes what is held.
    fn describe(&mut self) {
        let held = self.held.as_ref();
        let note = &mut self.note;
        note.issuer = held.map(|held| held.issuer.clone());
        note.not_before_unix = held.map(|held| held.life.not_before);
        note.not_after_unix = held.map(|held| held.life.not_after);
        note.fingerprint_sha256 = held.map(|held| held.fingerprint.clone());
        note.state = match (held, note.failures) {
            (_, 1..) => KeepState::Failing,
            (Some(_), 0) => KeepState::Kept,
            (None, 0) => KeepState::Missing,
        };
    }

    /// Tells the guard what changed since it was last told.
    async fn tell(&mut self) -> Result<(), Gone> {
        self.note.next_unix = Some(self.next_order);
        let json = serde_json::to_vec(&self.note).unwrap_or_default();
        if json != self.told && json.len() <= NOTE_BYTES_MAX {
            self.told.clone_from(&json);
            self.shared.outbox.send(Message::Note { order: self.index, json }).await?;
        }
        Ok(())
    }
}

/// Longest sleep between two looks at the clock.
const CLOCK_LOOK: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
