//! The guard: the process that owns the sockets and the workers, starts them, replaces them without
//! losing a connection, and is the last one the kernel kills.
//!
//! One process, one poll loop, no async runtime. It parses no untrusted bytes: of its workers it
//! reads one ready byte and their wait statuses, of the keeper bytes that it stores and passes on
//! unread, of clients nothing. It runs with the rights it was started with; workers and keeper give
//! theirs up (`menshen_sys::process`).

mod account;
mod announce;
mod bucket;
mod companion;
mod error;
mod folders;
mod generation;
mod guard;
mod handover;
mod holder;
mod hooks;
mod keeper;
mod links;
mod log;
mod memory;
mod notify;
mod php;
mod posture;
mod reach;
mod settings;
mod shelf;
mod signals;
mod sites;
mod sockets;
mod sql;
mod survey;
mod tunnel;
mod watch;
mod worker;

pub use error::GuardError;
pub use folders::{ask_reload, ask_upgrade, running_guard, scoreboard_path};
pub use guard::{Print, ServeOptions, UsersCheck, serve};
pub use handover::trial;
pub use log::{event as log_event, finding_text};
pub use posture::posture_path;
pub use reach::{PoolReach, Reach, reach, user_name};
pub use settings::{Settings, Source, default_file, load};
pub use sql::{sql_control, sql_control_path};
pub use survey::survey;
pub use tunnel::{tunnel_control, tunnel_control_path};
