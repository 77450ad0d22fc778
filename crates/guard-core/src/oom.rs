//! What the kernel says when it runs out of memory, read from text nobody here wrote: formats from
//! 2.6.18 to 6.18 and vendors' variants, as `/dev/kmsg` records, `dmesg`, syslog, journal exports
//! and consoles show them.
//!
//! The [`Reader`] streams: bytes in, [`Event`]s out, bounded memory. It takes any bytes without
//! panic and loses no kill because something else of its block is missing, cut or interleaved.

mod kmsg;
mod limits;
mod model;
mod reader;
mod summary;

pub use kmsg::KmsgRecord;
pub use limits::Limits;
pub use model::{
    Boot, CgroupState, Event, Invoker, Kill, KillForm, Lost, LostCause, MemoryState, Name, Reaped,
    Report, Restart, Scope, Span, Stamp, Suppressed, Task, UnitHit, Wall, Zone,
};
pub use reader::Reader;
pub use summary::{Style, Summary};
