//! Writing the recorder: callers add records to a queue and never wait for a disk; one thread
//! writes them, as many at once as there are, and each write is on the disk when it returns.
//!
//! The queue is bounded and made in advance. Tables have one of their own, so that they cannot take
//! the room of the kernel's words. What does not fit is counted, and the count is recorded.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_guard_core::recorder::{
    Body, Lane, LaneWriter, Loss, LossCause, Process, Stamp, Status, encode_processes_into,
    encode_record,
};
use menshen_sys::lock::touch;
use rustix::time::{ClockId, clock_gettime};

use crate::file::RecorderFile;
use crate::log::Log;

/// Adds records; clones add to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
}

/// The writing thread.
#[derive(Debug)]
pub(crate) struct Writing {
    recorder: Recorder,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was added, or the end was asked for.
    added: Condvar,
}

#[derive(Debug)]
struct Queue {
    /// `None`: there is no file, and everything is let go.
    salt: Option<u64>,
    next_sequence: u64,
    next_snapshot: u64,
    words: Vec<u8>,
    tables: Vec<u8>,
    /// Records that found no room here or on the disk since the last [`Loss`].
    dropped: u64,
    /// A body being encoded.
    body: Vec<u8>,
    status: Status,
    status_wanted: bool,
    closing: bool,
}

impl Recorder {
    /// Starts to write `file`; without one everything is let go.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(file: Option<RecorderFile>, log: Log) -> io::Result<Writing> {
        let room = || {
            let mut bytes = vec![0; QUEUE_BYTES];
            touch(&mut bytes);
            bytes.clear();
            bytes
        };
        let queue = Queue {
            salt: file.as_ref().map(|file| file.head.salt),
            next_sequence: file.as_ref().map_or(1, |file| file.next_sequence),
            next_snapshot: file.as_ref().map_or(1, |file| file.next_snapshot),
            words: room(),
            tables: room(),
            dropped: 0,
            body: Vec::with_capacity(BODY_ROOM),
            status: Status {
                version: file.as_ref().map_or(1, |file| file.next_status),
                ..Status::default()
            },
            status_wanted: false,
            closing: false,
        };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), added: Condvar::new() });
        let thread = match file {
            None => None,
            Some(file) => {
                let writer = Writer::new(file, Arc::clone(&shared), [room(), room()], log);
                let builder = std::thread::Builder::new().name("recorder".to_owned());
                Some(builder.stack_size(STACK_BYTES).spawn(move || writer.run())?)
            }
        };
        Ok(Writing { recorder: Self { shared }, thread })
    }

    /// Adds a record of the lane [`Lane::Words`].
    pub(crate) fn record(&self, body: &Body<'_>) {
        let mut queue = self.queue();
        queue.say(body);
        drop(queue);
        self.shared.added.notify_one();
    }

    /// Adds a table: `head` gets its number, which is given back, and the rows follow.
    pub(crate) fn table<'a>(
        &self,
        head: impl FnOnce(u64) -> Body<'a>,
        rows: impl Iterator<Item = Process<'a>> + Clone,
        then: impl FnOnce(&mut dyn FnMut(&Body<'_>), u64),
    ) -> u64 {
        let mut queue = self.queue();
        let number = queue.next_snapshot;
        queue.next_snapshot += 1;
        let body = head(number);
        queue.add(Lane::Tables, |bytes| body.encode_into(bytes));
        let mut done = 0;
        loop {
            let mut count = 0;
            queue.add(Lane::Tables, |bytes| {
                count = encode_processes_into(bytes, number, rows.clone().skip(done));
                PROCESSES_KIND
            });
            done += count;
            if count == 0 || rows.clone().nth(done).is_none() {
                break;
            }
        }
        then(&mut |body| queue.say(body), number);
        drop(queue);
        self.shared.added.notify_one();
        number
    }

    /// Changes what the file says about this watch.
    pub(crate) fn show(&self, change: impl FnOnce(&mut Status)) {
        let mut queue = self.queue();
        change(&mut queue.status);
        queue.status_wanted = true;
        drop(queue);
        self.shared.added.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// For adding records.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Waits until all is written.
    pub(crate) fn end(mut self) {
        self.recorder.queue().closing = true;
        self.recorder.shared.added.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; nothing is left to be done about it.
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn say(&mut self, body: &Body<'_>) {
        if self.dropped > 0 && self.words.len() < QUEUE_BYTES / 2 {
            let loss = Loss { cause: LossCause::QueueFull, count: Some(self.dropped) };
            self.dropped = 0;
            self.add(Lane::Words, |bytes| Body::Loss(loss).encode_into(bytes));
        }
        self.add(Lane::Words, |bytes| body.encode_into(bytes));
    }

    fn add(&mut self, lane: Lane, encode: impl FnOnce(&mut Vec<u8>) -> u16) {
        let Some(salt) = self.salt else { return };
        let kind = encode(&mut self.body);
        let queue = match lane {
            Lane::Words => &mut self.words,
            Lane::Tables => &mut self.tables,
        };
        if queue.len() + self.body.len() + RECORD_ROOM > QUEUE_BYTES {
            self.dropped += 1;
            self.status.dropped += 1;
            return;
        }
        let stamp = Stamp {
            sequence: self.next_sequence,
            wall_micros: wall_micros(),
            mono_micros: mono_micros(),
        };
        self.next_sequence += 1;
        encode_record(queue, salt, stamp, kind, &self.body);
    }
}

/// The thread's side.
struct Writer {
    file: RecorderFile,
    shared: Arc<Shared>,
    /// What was taken of the queue; changes places with it.
    words: Vec<u8>,
    tables: Vec<u8>,
    failing: bool,
    log: Log,
}

impl Writer {
    fn new(file: RecorderFile, shared: Arc<Shared>, room: [Vec<u8>; 2], log: Log) -> Self {
        let [words, tables] = room;
        Self { file, shared, words, tables, failing: false, log }
    }

    fn run(mut self) {
        loop {
            let shared = Arc::clone(&self.shared);
            let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
            while queue.words.is_empty()
                && queue.tables.is_empty()
                && !queue.status_wanted
                && !queue.closing
            {
                queue = shared.added.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut queue.words, &mut self.words);
            std::mem::swap(&mut queue.tables, &mut self.tables);
            queue.status_wanted = false;
            let (last, closing) = (queue.next_sequence - 1, queue.closing);
            let mut status = queue.status;
            queue.status.version += 1;
            drop(queue);
            let written = self.write();
            self.words.clear();
            self.tables.clear();
            if written {
                status.flushed_sequence = last;
                let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.status.flushed_sequence = last;
            }
            status.wall_micros = wall_micros();
            let (offset, bytes) = status.encode();
            // Nobody depends on it.
            let _ = self.file.plain.write_all_at(&bytes, offset);
            if closing {
                return;
            }
        }
    }

    /// Words first: they are what a last moment is for. Gives whether all is on the disk.
    fn write(&mut self) -> bool {
        let file = &self.file.durable;
        let mut put = |offset: u64, bytes: &[u8]| file.write_all_at(bytes, offset);
        let words = write_lane(&mut self.file.words, &self.words, &mut put);
        let tables = write_lane(&mut self.file.tables, &self.tables, &mut put);
        let mut lost = 0;
        let mut fault = None;
        for (left, error) in [words, tables].into_iter().filter_map(Result::err) {
            lost += left;
            fault = Some(error);
        }
        if let Some(error) = &fault
            && !self.failing
        {
            (self.log)(&format!("the recorder cannot be written: {error}"));
        }
        self.failing = fault.is_some();
        let mut queue = self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.dropped += lost;
        queue.status.dropped += lost;
        fault.is_none()
    }
}

/// What could not be written stays in the lane's segment, and is written with what comes next; what
/// found no room in it is lost, and counted beside the error.
fn write_lane(
    lane: &mut LaneWriter,
    records: &[u8],
    put: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<(), (u64, io::Error)> {
    let mut rest = records;
    let mut lost = None;
    while let Some(length) = LaneWriter::record_bytes_at(rest) {
        let (record, next) = rest.split_at(length.min(rest.len()));
        match &mut lost {
            Some((count, _)) => *count += 1,
            None => lost = lane.add(record, &mut *put).err().map(|error| (1, error)),
        }
        rest = next;
    }
    match lost {
        Some(lost) => Err(lost),
        None => lane.flush(put).map_err(|error| (0, error)),
    }
}

/// Microseconds since 1970.
pub(crate) fn wall_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds of the clock that stands still while the machine sleeps, as the kernel's log does.
pub(crate) fn mono_micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1000
}

/// Of each lane's queue: a storm of reports, or a table of some thousand processes.
const QUEUE_BYTES: usize = 1 << 20;
/// Head and padding of a record.
const RECORD_ROOM: usize = 64;
const BODY_ROOM: usize = 32 * 1024;
const STACK_BYTES: usize = 256 * 1024;
/// [`Body::Processes`], which is encoded from rows.
const PROCESSES_KIND: u16 = 5;

#[cfg(test)]
mod tests;
