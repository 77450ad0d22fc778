//! `menshen run`: supervises one program of any kind. A session of its own, output line by line
//! through a terminal that stops nobody, restarts with backoff, and last words that survive.
//!
//! It passes bytes on and never interprets them; it never raises the rights of what it starts.

pub mod escape;
pub mod lines;
mod output;
pub mod record;
mod stamp;
