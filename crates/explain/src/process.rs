//! What other processes are doing: why one stands still, why one prints nothing.
//!
//! Facts come from `menshen-process`; what follows from them is in `menshen-explain-core`. Nothing
//! is changed in a process that was not started here. It needs the rights over that process, so
//! root stays root: what it reads of a stranger is bounded and only shown.

pub mod silence;
pub mod stopped;
mod target;
mod watch;
