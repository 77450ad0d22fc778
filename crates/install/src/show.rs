//! What an installation tells while it runs; who shows it is another matter.

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step begins.
    Step {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// What it is called.
        name: &'a str,
    },
    /// A step was done before, in an earlier run.
    Done {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// What it is called.
        name: &'a str,
    },
    /// A line of the program that runs. Foreign.
    Line(&'a str),
    /// How far a step is.
    Amount {
        /// Of what.
        unit: &'a str,
        /// So much.
        done: u64,
        /// Of so much, if that is known.
        total: Option<u64>,
    },
    /// Time passes; nothing else happened.
    Tick,
    /// Something to be told.
    Note(&'a str),
    /// The same, but louder.
    Warning(&'a str),
}

/// Who hears of it.
pub trait Show {
    /// Called from one thread, often.
    fn event(&mut self, event: Event<'_>);
}

/// Nobody.
impl Show for () {
    fn event(&mut self, _: Event<'_>) {}
}
