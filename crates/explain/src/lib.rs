//! Looks at live hosts and saved files, and tells what was seen: text, JSON, SVG and HTML.
//!
//! What follows from what was seen is decided in `menshen-explain-core`. Nothing here runs as root
//! but what looks at other processes, and nothing of a peer reaches a terminal unescaped.

pub mod certificate;
pub mod connect;
pub mod fetch;
pub mod handshake;
mod hello;
pub mod install;
pub mod next;
pub mod oom;
pub mod page;
mod picture;
pub mod port;
pub mod process;
pub mod rights;
pub mod starttls;
pub mod trust;
pub mod tunnel;
mod words;
