//! `menshen run`: supervises one program of any kind. A session of its own, output line by line
//! through a terminal that stops nobody, restarts with backoff, and last words that survive.
//!
//! It passes bytes on and never interprets them; it never raises the rights of what it starts.

pub mod escape;
mod group;
mod input;
pub mod lines;
mod look;
mod orphans;
mod output;
pub mod plan;
mod program;
mod protect;
pub mod record;
mod signals;
mod stamp;
mod supervisor;
mod words;

pub use group::LimitError;
pub use plan::Plan;
pub use supervisor::{RunError, run};
