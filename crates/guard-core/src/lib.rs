//! The guard's decisions, without IO: when a worker is started again, how memory protection is
//! arranged.
//!
//! This crate never touches a clock, a socket, a file or a process; `no_std` keeps it so. Time
//! comes in as an argument.
#![no_std]

#[cfg(test)]
extern crate alloc;

pub mod memory;
pub mod restart;
