//! What another process is doing: its state and the signal that stopped it, the text stuck in its C
//! library's buffers, the language it was written in, the memory it holds.
//!
//! It looks and never changes: a process that was held for a look goes on as it was. Everything
//! read from another process is foreign bytes: bounded, and never trusted.

pub mod call;
pub mod candidates;
mod elf;
pub mod end;
pub mod follow;
pub mod freezer;
mod maps;
pub mod runtime;
pub mod stdio;
pub mod stopped;
pub mod terminal;
