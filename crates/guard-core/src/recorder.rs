//! The flight recorder's file: what was seen before the kernel killed and what the kernel said, in
//! a form that any reset, any torn write and any damage leaves readable elsewhere.
//!
//! The file has a fixed size: a head page, then segments of [`SEGMENT_BYTES`] in two lanes, each a
//! ring, so that tables of processes never push out the kernel's words. A segment is entered by
//! writing it whole (head, first records, zeros). A record never crosses segments and carries its
//! own length and sum; the sum also covers a random word of the file, so that bytes of a command
//! line cannot pass for a record where damage made the reader look for the next one.
//!
//! This module never does IO; it encodes into vectors and decodes from slices, little-endian.
//! Decoding takes any bytes without panic, in bounded time.

mod body;
mod bytes;
mod kill;
mod layout;
mod process;
mod read;

pub use body::{
    Body, Count, Forecast, Loss, LossCause, Outcome, Pressure, Snapshot, Start, Step, StepEdge,
    Stop, Trigger, Victim, VictimRow,
};
pub use kill::{KillLine, kill_line};
pub use layout::{
    FileHead, Lane, LaneWriter, LastSegment, Stamp, Status, encode_record, segment_offset,
    segments, segments_of,
};
pub use process::{Process, Processes, encode_processes_into};
pub use read::{NotARecording, Record, Recording, head, read, status};

/// Bytes of a segment.
pub const SEGMENT_BYTES: usize = 64 * 1024;

/// Bytes of the head page; segments begin behind it.
pub const HEAD_BYTES: usize = 4096;

/// Most bytes of one record's body.
pub const BODY_BYTES_MAX: usize = 16 * 1024;

/// Most bytes of a command line that are kept.
pub const COMMAND_LINE_BYTES_MAX: usize = 4096;

/// Most bytes of a control group's path that are kept.
pub const CGROUP_BYTES_MAX: usize = 1024;

/// Most bytes of a name or of a short text that are kept.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Fewest and most bytes of a file: 16 segments, 1 GiB.
pub const FILE_BYTES: core::ops::RangeInclusive<u64> =
    (HEAD_BYTES + 16 * SEGMENT_BYTES) as u64..=1 << 30;

/// Where the parts of the head page are.
const STATUS_OFFSETS: [usize; 2] = [1024, 2048];
