//! The guard's decisions, without IO: when a worker is started again, how memory protection is
//! arranged, what the kernel's out-of-memory reports say.
//!
//! This crate never touches a clock, a socket, a file or a process; `no_std` keeps it so. Time
//! comes in as an argument.
#![no_std]

extern crate alloc;

pub mod forecast;
pub mod hold;
pub mod ladder;
pub mod memory;
pub mod oom;
pub mod protect;
pub mod recorder;
pub mod restart;
pub mod supervise;
