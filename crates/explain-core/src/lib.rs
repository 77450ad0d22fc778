//! What follows from certificates, handshakes, captures, pages and ports: facts in, findings and
//! stories out.
//!
//! Pure: no clock, socket, file or thread; bytes and Unix seconds come in as arguments. Parsers
//! here take any bytes: no panic, bounded memory and time.
#![no_std]

extern crate alloc;

pub mod capture;
pub mod certificate;
pub mod fuzz;
pub mod handshake;
pub mod install;
pub mod next;
pub mod oom;
pub mod page;
pub mod port;
pub mod silence;
pub mod stopped;
pub mod tunnel;
