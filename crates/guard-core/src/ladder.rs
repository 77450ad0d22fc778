//! The ladder: named steps against a shortage of memory, taken before the kernel kills.
//!
//! Readings come in, [`Action`]s come out. Rules:
//! - Steps are taken in one order, each only when all before it are taken, however its marks lie.
//! - One at a time, with a pause in which the last one can show what it does; the pause is short
//!   when memory is nearly gone.
//! - A step begins when a mark is reached and ends when both marks were passed for a while; no step
//!   ends before it held [`HELD_MIN`], and none before those behind it.
//! - What a step freed is the rise of available memory from its begin to the end of the pause; what
//!   its executors counted themselves is told by them.
//!
//! This module never acts. It fails in one way: memory that goes faster than readings come.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// A step, in the order they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum Step {
    /// New uploads get 503.
    RefuseUploads,
    /// Workers give back what only makes them faster.
    ShrinkCaches,
    /// Large PHP workers end after their request.
    RecyclePhp,
    /// Named groups may not grow.
    Brake,
    /// An exhausted limit holds its group until somebody was chosen. Not taken by readings but by
    /// the event of that limit; here for its name and place.
    Hold,
}

/// When a step begins and ends; per cent of a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Available memory at which it begins (or less) and from which on it may end.
    pub available: Option<[u8; 2]>,
    /// Pressure at which it begins (or more) and up to which it may end.
    pub pressure: Option<[u8; 2]>,
}

/// Marks of the steps that are taken by readings, in their order; `None`: never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// One per step of [`Step::BY_READING`].
    pub marks: [Option<Marks>; 4],
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// When, since any fixed moment.
    pub now: Duration,
    /// What programs could still get, bytes.
    pub available_bytes: u64,
    /// What there is in all, bytes.
    pub total_bytes: u64,
    /// Share of the last seconds in which some task waited for memory, per mille; `None`: the
    /// kernel does not say.
    pub pressure: Option<u16>,
}

/// What is to be done, or said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The step begins.
    Enter {
        /// Which.
        step: Step,
        /// What led to it.
        reading: Reading,
    },
    /// The step holds for long; what it does once is to be done once more.
    Again {
        /// Which.
        step: Step,
        /// What was read.
        reading: Reading,
    },
    /// The pause behind a step is over.
    Effect {
        /// Which.
        step: Step,
        /// Available bytes at its begin.
        before_bytes: u64,
        /// What was read.
        reading: Reading,
    },
    /// The step ends.
    Leave {
        /// Which.
        step: Step,
        /// How long it held.
        held: Duration,
        /// What was read.
        reading: Reading,
    },
}

/// The ladder.
#[derive(Debug, Clone)]
pub struct Ladder {
    rules: Rules,
    /// Since when each step holds.
    held: [Option<Held>; 4],
    /// The last one taken, whose effect is still to come.
    watched: Option<Watched>,
    /// The last time a step began or ended.
    moved: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    since: Duration,
    /// The last time its marks asked for it.
    wanted: Duration,
    /// The last time it was done.
    done: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    index: usize,
    at: Duration,
    before_bytes: u64,
}

impl Step {
    /// All, in their order.
    pub const ALL: [Self; 5] =
        [Self::RefuseUploads, Self::ShrinkCaches, Self::RecyclePhp, Self::Brake, Self::Hold];

    /// Those that readings decide about.
    pub const BY_READING: [Self; 4] =
        [Self::RefuseUploads, Self::ShrinkCaches, Self::RecyclePhp, Self::Brake];

    /// Its name in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RefuseUploads => "refuse-uploads",
            Self::ShrinkCaches => "shrink-caches",
            Self::RecyclePhp => "recycle-php",
            Self::Brake => "brake",
            Self::Hold => "hold",
        }
    }

    /// Its place, from 0.
    #[must_use]
    pub const fn number(self) -> usize {
        self as usize
    }

    /// Whether it does something once, which a long shortage wants repeated.
    const fn repeats(self) -> bool {
        matches!(self, Self::ShrinkCaches)
    }
}

impl Ladder {
    /// A ladder on which no step is taken.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self { rules, held: [None; 4], watched: None, moved: None }
    }

    /// Other rules, as after a reload. Steps that are no more end with the next reading.
    pub const fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// Whether a step holds.
    #[must_use]
    pub fn holds(&self, step: Step) -> bool {
        self.held.get(step.number()).is_some_and(Option::is_some)
    }

    /// How soon the next reading is wanted: often while something goes on or may begin soon.
    #[must_use]
    pub fn next_reading(&self, last: &Reading) -> Duration {
        let near = |marks: &Marks| {
            let available = marks.available.is_some_and(|[_, leave]| {
                percent_of(last) < u64::from(leave).saturating_mul(10).saturating_mul(3) / 2
            });
            available || marks.pressure.is_some_and(|[_, leave]| over(last, leave))
        };
        let busy = self.held.iter().any(Option::is_some);
        if busy || self.rules.marks.iter().flatten().any(near) { READING_NEAR } else { READING_FAR }
    }

    /// Takes a reading; gives what is to be done, in this order.
    pub fn read(&mut self, reading: Reading) -> Vec<Action> {
        let mut actions = Vec::new();
        self.note_wanted(&reading);
        self.effect(&reading, &mut actions);
        if let Some(index) = self.next_to_enter(&reading) {
            self.enter(index, &reading, &mut actions);
        } else {
            self.leave(&reading, &mut actions);
            self.repeat(&reading, &mut actions);
        }
        actions
    }

    /// Ends every step at once, last ones first, as when the watch ends.
    pub fn leave_all(&mut self, reading: Reading) -> Vec<Action> {
        let mut actions = Vec::new();
        self.watched = None;
        for (index, step) in Step::BY_READING.into_iter().enumerate().rev() {
            if let Some(held) = self.held[index].take() {
                let held = reading.now.saturating_sub(held.since);
                actions.push(Action::Leave { step, held, reading });
            }
        }
        actions
    }

    fn note_wanted(&mut self, reading: &Reading) {
        for (held, marks) in self.held.iter_mut().zip(&self.rules.marks) {
            if let (Some(held), Some(marks)) = (held, marks)
                && still_wanted(marks, reading)
            {
                held.wanted = reading.now;
            }
        }
    }

    fn effect(&mut self, reading: &Reading, actions: &mut Vec<Action>) {
        let Some(watched) = self.watched else { return };
        if reading.now.saturating_sub(watched.at) < PAUSE && !self.is_urgent(reading) {
            return;
        }
        self.watched = None;
        let step = Step::BY_READING[watched.index];
        let before_bytes = watched.before_bytes;
        actions.push(Action::Effect { step, before_bytes, reading: *reading });
    }

    /// The first step that is not taken, when it or one behind it is asked for.
    fn next_to_enter(&self, reading: &Reading) -> Option<usize> {
        let pause = if self.is_urgent(reading) { PAUSE_URGENT } else { PAUSE };
        if self.moved.is_some_and(|moved| reading.now.saturating_sub(moved) < pause) {
            return None;
        }
        let free =
            |index: &usize| self.rules.marks[*index].is_some() && self.held[*index].is_none();
        let next = (0..self.held.len()).find(free)?;
        let asked = |marks: &Option<Marks>| marks.as_ref().is_some_and(|m| is_asked(m, reading));
        self.rules.marks[next..].iter().any(asked).then_some(next)
    }

    fn enter(&mut self, index: usize, reading: &Reading, actions: &mut Vec<Action>) {
        let now = reading.now;
        self.held[index] = Some(Held { since: now, wanted: now, done: now });
        self.moved = Some(now);
        let before_bytes = reading.available_bytes;
        self.watched = Some(Watched { index, at: now, before_bytes });
        actions.push(Action::Enter { step: Step::BY_READING[index], reading: *reading });
    }

    /// Ends the last step that holds, if it may end.
    fn leave(&mut self, reading: &Reading, actions: &mut Vec<Action>) {
        let now = reading.now;
        let Some(index) = self.held.iter().rposition(Option::is_some) else { return };
        let (Some(held), rule) = (self.held[index], self.rules.marks[index]) else { return };
        let calm = now.saturating_sub(held.wanted) >= CALM_MIN;
        let long = now.saturating_sub(held.since) >= HELD_MIN;
        let paused = self.moved.is_some_and(|moved| now.saturating_sub(moved) < PAUSE);
        if rule.is_some() && !(calm && long && !paused) {
            return;
        }
        self.held[index] = None;
        self.moved = Some(now);
        let held = now.saturating_sub(held.since);
        actions.push(Action::Leave { step: Step::BY_READING[index], held, reading: *reading });
    }

    fn repeat(&mut self, reading: &Reading, actions: &mut Vec<Action>) {
        for (index, step) in Step::BY_READING.into_iter().enumerate() {
            let marks = self.rules.marks[index];
            let asked = marks.as_ref().is_some_and(|marks| is_asked(marks, reading));
            if let Some(held) = self.held[index].as_mut().filter(|_| asked && step.repeats())
                && reading.now.saturating_sub(held.done) >= AGAIN_AFTER
            {
                held.done = reading.now;
                actions.push(Action::Again { step, reading: *reading });
            }
        }
    }

    /// Whether even the last step there is would be asked for by available memory alone: then there
    /// is no time to wait what each one does.
    fn is_urgent(&self, reading: &Reading) -> bool {
        let last =
            self.rules.marks.iter().flatten().filter_map(|marks| marks.available).next_back();
        last.is_some_and(|[enter, _]| percent_of(reading) <= u64::from(enter) * 10)
    }
}

impl Reading {
    /// Available memory, per mille of all.
    #[must_use]
    pub const fn available_per_mille(&self) -> u64 {
        percent_of(self)
    }
}

impl Action {
    /// The step it is about.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Enter { step, .. }
            | Self::Again { step, .. }
            | Self::Effect { step, .. }
            | Self::Leave { step, .. } => *step,
        }
    }

    /// What became available since the step began, bytes; only of [`Action::Effect`].
    #[must_use]
    pub const fn freed_bytes(&self) -> Option<u64> {
        match self {
            Self::Effect { before_bytes, reading, .. } => {
                Some(reading.available_bytes.saturating_sub(*before_bytes))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.step().name();
        match self {
            Self::Enter { reading, .. } => write!(f, "ladder: {name} begins: {reading}"),
            Self::Again { reading, .. } => write!(f, "ladder: {name} once more: {reading}"),
            Self::Effect { before_bytes, reading, .. } => {
                let after = reading.available_bytes;
                let (word, bytes) = if after >= *before_bytes {
                    ("more", after - before_bytes)
                } else {
                    ("less", before_bytes - after)
                };
                write!(f, "ladder: {name}: {} {word} available since: {reading}", Bytes(bytes))
            }
            Self::Leave { held, reading, .. } => {
                write!(f, "ladder: {name} ends after {} s: {reading}", held.as_secs())
            }
        }
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_mille = percent_of(self);
        let (available, total) = (Bytes(self.available_bytes), Bytes(self.total_bytes));
        let (whole, tenth) = (per_mille / 10, per_mille % 10);
        write!(f, "{available} of {total} available ({whole}.{tenth} %)")?;
        match self.pressure {
            Some(share) => {
                write!(f, ", programs waited {}.{} % of the time", share / 10, share % 10)
            }
            None => Ok(()),
        }
    }
}

/// A number of bytes as people read it: exact below 1 KiB, else one decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        for (shift, unit) in units {
            if self.0 >> shift > 0 {
                let tenths = (u128::from(self.0) * 10) >> shift;
                return write!(f, "{}.{} {unit}", tenths / 10, tenths % 10);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}

/// Lines of all actions, for a log that takes one text each.
#[must_use]
pub fn lines(actions: &[Action]) -> Vec<String> {
    actions.iter().map(|action| alloc::format!("{action}")).collect()
}

const fn percent_of(reading: &Reading) -> u64 {
    if reading.total_bytes == 0 {
        return 1000;
    }
    // Divided first where the product would not fit: a machine of 16 PiB.
    let (part, whole) = match reading.available_bytes.checked_mul(1000) {
        Some(part) => (part, reading.total_bytes),
        None => (reading.available_bytes, reading.total_bytes / 1000 + 1),
    };
    let share = part / whole;
    if share > 1000 { 1000 } else { share }
}

fn over(reading: &Reading, percent: u8) -> bool {
    reading.pressure.is_some_and(|share| u32::from(share) > u32::from(percent) * 10)
}

/// A mark is reached.
fn is_asked(marks: &Marks, reading: &Reading) -> bool {
    let low =
        marks.available.is_some_and(|[enter, _]| percent_of(reading) <= u64::from(enter) * 10);
    let high = marks.pressure.is_some_and(|[enter, _]| {
        reading.pressure.is_some_and(|share| u32::from(share) >= u32::from(enter) * 10)
    });
    low || high
}

/// Not both marks have been passed again.
fn still_wanted(marks: &Marks, reading: &Reading) -> bool {
    let low = marks.available.is_some_and(|[_, leave]| percent_of(reading) < u64::from(leave) * 10);
    low || marks.pressure.is_some_and(|[_, leave]| over(reading, leave))
}

/// Between two steps: as long as the kernel's shortest window for everybody.
pub const PAUSE: Duration = Duration::from_secs(2);
/// Between two steps when memory is nearly gone.
pub const PAUSE_URGENT: Duration = Duration::from_millis(200);
/// How long a step holds at least.
pub const HELD_MIN: Duration = Duration::from_secs(10);
/// How long all must be well before a step ends.
pub const CALM_MIN: Duration = Duration::from_secs(5);
/// When a step that acts once acts again.
pub const AGAIN_AFTER: Duration = Duration::from_secs(30);
const READING_NEAR: Duration = Duration::from_millis(250);
const READING_FAR: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
