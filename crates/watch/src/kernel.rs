//! The kernel's log while it is written: what belongs to a shortage of memory is kept, with what
//! stands around it, and its kills are counted.
//!
//! Nothing is understood here but a few words of the kernel's own facility, which no program can
//! write in; the grammar reads it later. Gaps are told by the numbers of the records. Everything
//! outside of a shortage is let go: a firewall that logs every packet must not wear the disk out.

use std::collections::VecDeque;

use memchr::memmem;
use menshen_guard_core::recorder::{Body, KillLine, Loss, LossCause, kill_line};
use menshen_sys::kmsg::{self, Head, KernelLog, Next};

use crate::recorder::Recorder;

/// Reads the log and keeps what matters.
#[derive(Debug)]
pub(crate) struct KernelReader {
    log: KernelLog,
    window: Window,
    /// The last record that was read, or that an earlier watch kept.
    last: Option<u64>,
    /// The first one this watch read.
    first: Option<u64>,
    kill_lines: u64,
    kills: Vec<KillLine>,
}

impl KernelReader {
    /// Reads from the oldest record that is behind `kept`.
    pub(crate) const fn new(log: KernelLog, window: Window, kept: Option<u64>) -> Self {
        Self { log, window, last: kept, first: None, kill_lines: 0, kills: Vec::new() }
    }

    /// The descriptor to wait on.
    pub(crate) const fn log(&self) -> &KernelLog {
        &self.log
    }

    /// The first record this watch read.
    pub(crate) const fn first(&self) -> Option<u64> {
        self.first
    }

    /// `Killed process` lines so far, also those from before this watch.
    pub(crate) const fn kill_lines(&self) -> u64 {
        self.kill_lines
    }

    /// Reads what there is, `records_max` at most; gives whether that was all. Kills are collected
    /// for [`Self::take_kills`].
    pub(crate) fn read(&mut self, recorder: &Recorder, records_max: usize) -> bool {
        for _ in 0..records_max {
            let record = match self.log.next_record() {
                Ok(Next::Record(record)) => record,
                // The number of the next record tells how many.
                Ok(Next::Overrun) => continue,
                Ok(Next::TooLong) => {
                    let loss = Loss { cause: LossCause::TooLong, count: Some(1) };
                    recorder.record(&Body::Loss(loss));
                    continue;
                }
                Ok(Next::Nothing) | Err(_) => return true,
            };
            let Some(head) = kmsg::head(record) else { continue };
            if self.last.is_some_and(|last| head.sequence <= last) {
                continue;
            }
            if let Some(last) = self.last
                && head.sequence > last + 1
            {
                let count = Some(head.sequence - last - 1);
                recorder.record(&Body::Loss(Loss { cause: LossCause::Overrun, count }));
            }
            self.last = Some(head.sequence);
            self.first = self.first.or(Some(head.sequence));
            if let Some(kill) = kill_line(head.priority, kmsg::text(record)) {
                self.kill_lines += 1;
                if self.kills.len() < KILLS_MAX {
                    self.kills.push(kill);
                }
            }
            self.window.offer(&head, record, |record| recorder.record(&Body::Kernel(record)));
        }
        false
    }

    /// Kills read since the last call.
    pub(crate) fn take_kills(&mut self) -> Vec<KillLine> {
        std::mem::take(&mut self.kills)
    }
}

/// Decides which records are kept: those that tell of a shortage, [`BEFORE`] before them, and those
/// behind them until it is quiet.
#[derive(Debug)]
pub(crate) struct Window {
    marks: Vec<memmem::Finder<'static>>,
    before: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// How many more are kept unless another mark comes.
    open: usize,
    /// When the last one was written.
    micros: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            marks: MARKS.iter().map(|mark| memmem::Finder::new(*mark)).collect(),
            before: VecDeque::with_capacity(BEFORE + 1),
            spare: (0..=BEFORE).map(|_| Vec::with_capacity(1024)).collect(),
            open: 0,
            micros: 0,
        }
    }
}

impl Window {
    /// Takes the next record; gives those to be kept to `keep`, in order.
    pub(crate) fn offer(&mut self, head: &Head, record: &[u8], mut keep: impl FnMut(&[u8])) {
        let quiet = head.micros.saturating_sub(self.micros) > QUIET_MICROS;
        self.micros = head.micros;
        if quiet {
            self.open = 0;
        }
        let marked = is_kernel(head) && self.marks.iter().any(|mark| mark.find(record).is_some());
        if marked {
            for earlier in self.before.drain(..) {
                keep(&earlier);
                self.spare.push(earlier);
            }
            self.open = AFTER;
        }
        if self.open > 0 {
            self.open -= 1;
            keep(record);
            return;
        }
        if self.before.len() == BEFORE {
            self.spare.extend(self.before.pop_front());
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(record);
        self.before.push_back(copy);
    }
}

/// Whether the kernel itself wrote it; programs that write to the log get another facility.
const fn is_kernel(head: &Head) -> bool {
    head.priority < 8
}

/// Words of a shortage, as kernels from 2.6 on write them.
const MARKS: [&str; 9] = [
    "invoked oom-killer",
    "oom-kill:",
    "ut of memory",
    "illed process ",
    "Mem-Info:",
    "oom_reaper:",
    "memory.oom.group",
    "oom_kill_process: ",
    "page allocation failure",
];
const BEFORE: usize = 32;
/// The largest tables of processes, and what stands behind them.
const AFTER: usize = 8192;
/// Nothing for so long: the report is over.
const QUIET_MICROS: u64 = 3_000_000;
/// Kills kept for looking at, of one reading.
const KILLS_MAX: usize = 1024;

#[cfg(test)]
mod tests;
