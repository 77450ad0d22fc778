//! What the kernel says when it runs out of memory, read from text nobody here wrote: formats from
//! 2.6.18 to 6.18 and vendors' variants, as `/dev/kmsg` records, `dmesg`, syslog, journal exports
//! and consoles show them.
//!
//! The reader streams: bytes in, [`Event`]s out, bounded memory. It takes any bytes without panic
//! and loses no kill because something else of its block is missing, cut or interleaved.

mod model;

pub use model::{
    Boot, CgroupState, Event, Invoker, Kill, KillForm, Lost, LostCause, MemoryState, Name, Reaped,
    Report, Restart, Scope, Span, Stamp, Suppressed, Task, Wall, Zone,
};
