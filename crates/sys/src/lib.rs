//! The only crate with unsafe code: inherited descriptors, the shared scoreboard, process rights,
//! socket options the safe crates lack.
//!
//! Everything here is a thin, checked wrapper around one kernel interface; no policy, no protocol.

pub mod addresses;
pub mod batch;
pub mod bulletin;
pub mod cgroup;
pub mod hold;
pub mod inherit;
pub mod kmsg;
pub mod lease;
pub mod link;
pub mod local_time;
pub mod lock;
pub mod memory;
pub mod memory_events;
mod netlink;
pub mod pidfd;
pub mod posture;
pub mod proc;
pub mod process;
pub mod psi;
pub mod ptrace;
pub mod pty;
pub mod queue;
pub mod remote_memory;
pub mod scoreboard;
pub mod scratch;
pub mod session;
pub mod sock_diag;
pub mod spawn;
pub mod steer;
pub mod tun;
pub mod ways;
pub mod words;

pub use bulletin::{Bulletin, BulletinReader};
pub use netlink::NetlinkError;
pub use scoreboard::pools::{POOLS_MAX, PoolLoad, PoolView};
pub use scoreboard::{
    ScoreView, Scoreboard, Slot, SlotDoor, SlotState, TransferKind, TransferView,
};
