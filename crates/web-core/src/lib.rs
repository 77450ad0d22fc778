//! The web door's protocol rules: HTTP/1.1 framing, targets and paths, ranges, conditionals,
//! multipart, fields; zip files as they are laid out; FastCGI and CGI on the side of applications.
//!
//! This crate never touches a clock, a socket, a file or a thread; `no_std` keeps it so. Time comes
//! in as an argument, bytes come in as slices. Whatever the bytes are, nothing here panics, and
//! memory and work stay within the limits handed in.
#![no_std]

extern crate alloc;

pub mod body;
pub mod cgi;
pub mod conditional;
pub mod fastcgi;
pub mod fields;
pub mod fuzz;
pub mod glob;
pub mod head;
pub mod link;
pub mod multipart;
pub mod range;
pub mod response;
pub mod script;
pub mod target;
pub mod zip;
