//! The watch: a process of its own, root where the guard is, that sees memory running out, protects
//! what matters, takes named steps before the kernel kills, and keeps the last words.
//!
//! It never listens, speaks no protocol and parses nothing a stranger wrote: kernel records and
//! command lines are stored as they came, numbers are the kernel's. Its memory is locked and its
//! files are open before anything goes wrong.
//!
//! Three threads: the loop (kernel's log, pressure, groups, ladder) waits for nothing but events;
//! tables of processes and writing to the disk, which may be slow, have a thread each.

mod census;
mod domain;
pub mod drill;
mod file;
mod forecasts;
mod groups;
mod kernel;
mod log;
mod pace;
mod protect;
mod readings;
mod recorder;
mod rungs;
mod signals;
mod start;
mod steps;
mod watch;

pub use file::RecorderError;
pub use log::Log;
pub use start::{Alone, run, run_child};
