//! The sql door: relays MySQL and MariaDB sessions, one server connection for each client, and
//! answers repeated reads from its cache.
//!
//! It holds no password but that of its own control account, parses nothing as root, and changes no
//! reply but where the query cache itself is asked about.

pub mod cache;
pub mod catalog;
pub mod control;
pub mod counters;
pub mod follow;
pub mod link;
pub mod orphans;
pub mod report;
