//! Hooks: who wants to know is told of uploads, and of files that came and went.
//!
//! An [`Event`] is written to the [`Outbox`] before the client hears of success, and removed when
//! its receiver has answered 2xx: at least once, never lost (`docs/decisions/0045-hooks.md`). One
//! process of all delivers, by a lock; the next one takes over when it dies.
//!
//! It never follows a redirect, never reads more of an answer than it must, and believes nothing
//! that is in it. How it fails: a receiver that is down is asked again, ever more rarely; after
//! the limits of age and attempts an event is set aside, kept, counted and told.

mod client;
mod deliver;
mod event;
mod hook;
mod outbox;
mod pace;

pub use deliver::{Bound, Deliverer, HasHappened, Limits, RunScript, ScriptCall, Tally};
pub use event::{Event, Kind};
pub use hook::{Hook, Settings};
pub use outbox::{Flush, Held, Outbox, Promise, Proof};
