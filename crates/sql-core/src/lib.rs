//! The sql door's decisions, without IO: the protocol's packets, what statements do, what may be
//! cached, versions of tables, one shard of the store, binlog events.
//!
//! This crate never touches a clock, a socket, a file or a thread; `no_std` keeps it so. Time comes
//! in as an argument.
#![no_std]

extern crate alloc;

pub mod binlog;
pub mod catalog;
pub mod follow;
pub mod functions;
pub mod fuzz;
pub mod judge;
pub mod lexer;
pub mod session;
pub mod statement;
pub mod store;
pub mod surface;
pub mod versions;
pub mod wire;
