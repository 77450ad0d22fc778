//! The tunnel door's decisions, without IO: PPP with its authentication and encryption, PPTP with
//! its GRE, SSTP with its crypto binding.
//!
//! This crate never touches a clock, a socket, a file or a thread; `no_std` keeps it so. Time comes
//! in as an argument, random octets too.
#![no_std]

extern crate alloc;

pub mod auth;
pub mod dhcp;
pub mod fuzz;
pub mod mppe;
pub mod offload;
pub mod ppp;
pub mod pptp;
pub mod sstp;
pub mod time;
