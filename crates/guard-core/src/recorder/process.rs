//! A row of the table of processes.

use alloc::vec::Vec;

use super::bytes::{Put, Take};
use super::{BODY_BYTES_MAX, CGROUP_BYTES_MAX, COMMAND_LINE_BYTES_MAX, TEXT_BYTES_MAX};

/// One process as it was; names and lines are foreign bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Process<'a> {
    /// The process.
    pub pid: u32,
    /// Its parent.
    pub parent: u32,
    /// Its user.
    pub uid: u32,
    /// Its `oom_score_adj`, -1000..=1000.
    pub adj: i32,
    /// When it started, 1/100 s since the kernel did; with the pid it names a process for good.
    pub start_ticks: u64,
    /// Resident anonymous memory, KiB.
    pub anon_kib: u64,
    /// Resident file pages, KiB.
    pub file_kib: u64,
    /// Resident shared memory, KiB.
    pub shmem_kib: u64,
    /// Swapped out, KiB.
    pub swap_kib: u64,
    /// Page tables, KiB.
    pub page_table_kib: u64,
    /// Its name, at most 15 bytes of its own choice.
    pub name: &'a [u8],
    /// Arguments, each ended by a 0 byte; cut after [`COMMAND_LINE_BYTES_MAX`].
    pub command_line: &'a [u8],
    /// Path of its memory control group.
    pub cgroup: &'a [u8],
}

impl<'a> Process<'a> {
    /// Appends it to `bytes`.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        for word in [self.pid, self.parent, self.uid] {
            bytes.put_u32(word);
        }
        bytes.extend_from_slice(&self.adj.to_le_bytes());
        let kib = [self.anon_kib, self.file_kib, self.shmem_kib, self.swap_kib];
        for word in [self.start_ticks].into_iter().chain(kib).chain([self.page_table_kib]) {
            bytes.put_u64(word);
        }
        bytes.put_text(self.name, TEXT_BYTES_MAX);
        bytes.put_text(self.command_line, COMMAND_LINE_BYTES_MAX);
        bytes.put_text(self.cgroup, CGROUP_BYTES_MAX);
    }

    /// Reads one from the front.
    pub(super) fn decode(from: &mut Take<'a>) -> Option<Self> {
        Some(Self {
            pid: from.u32()?,
            parent: from.u32()?,
            uid: from.u32()?,
            adj: from.i32()?,
            start_ticks: from.u64()?,
            anon_kib: from.u64()?,
            file_kib: from.u64()?,
            shmem_kib: from.u64()?,
            swap_kib: from.u64()?,
            page_table_kib: from.u64()?,
            name: from.text()?,
            command_line: from.text()?,
            cgroup: from.text()?,
        })
    }
}

/// Rows of one record, decoded as they are asked for; a row that cannot be read ends them.
#[derive(Debug, Clone, Copy)]
pub struct Processes<'a> {
    /// The snapshot they belong to.
    pub snapshot: u64,
    rows: Take<'a>,
}

impl<'a> Processes<'a> {
    pub(super) fn decode(mut from: Take<'a>) -> Option<Self> {
        Some(Self { snapshot: from.u64()?, rows: from })
    }
}

impl<'a> Iterator for Processes<'a> {
    type Item = Process<'a>;

    fn next(&mut self) -> Option<Process<'a>> {
        Process::decode(&mut self.rows)
    }
}

/// Fills `body` with one record's part of `rows`, from their front, of the snapshot with this number;
/// gives how many went in: at least one, unless there are none.
pub fn encode_processes_into<'a>(
    body: &mut Vec<u8>,
    snapshot: u64,
    rows: impl Iterator<Item = Process<'a>>,
) -> usize {
    body.clear();
    body.put_u64(snapshot);
    let mut count = 0;
    for row in rows {
        let before = body.len();
        row.encode(body);
        if body.len() > BODY_BYTES_MAX {
            body.truncate(before);
            break;
        }
        count += 1;
    }
    count
}
