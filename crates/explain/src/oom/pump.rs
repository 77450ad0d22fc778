//! Bytes into the reader, events into the collector. Runs without rights; never waits for more
//! than the input has.

use std::fs::File;
use std::io::{self, Read};

use menshen_explain_core::oom::{Collector, Recorded, report};
use menshen_guard_core::oom::{Limits, Reader};
use menshen_sys::kmsg::{KernelLog, Next};

use super::input::{Choice, Log, Opened, Origin, Part};
use super::packed::{UNPACKED_BYTES_MAX, plain};
use super::{OomError, Story, journal, recorder};

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far, unpacked.
    pub bytes: u64,
    /// Bytes of all inputs on disk; `None` where one of them has no size.
    pub bytes_all: Option<u64>,
}

/// Reads everything and draws the conclusions. `progress` is called now and then.
///
/// # Errors
/// [`OomError`] where an input that was named gives nothing: it is of a format that is not read, or
/// its first byte cannot be had.
pub fn read(opened: Opened, progress: &mut dyn FnMut(Progress)) -> Result<Story, OomError> {
    let sizes = opened.logs.iter().flat_map(|log| log.parts.iter().map(|part| part.bytes));
    let bytes_all = sizes.sum::<Option<u64>>();
    let mut pump =
        Pump { collector: Collector::new(), bytes: 0, bytes_all, recorded: None, progress };
    for (name, reason) in opened.broken {
        pump.collector.broken(name, reason);
    }
    for log in opened.logs {
        pump.log(log)?;
    }
    let recorded = pump.recorded;
    let night = pump.collector.night();
    let report = report(&night);
    Ok(Story { night, report, recorded })
}

struct Pump<'a> {
    collector: Collector,
    bytes: u64,
    bytes_all: Option<u64>,
    recorded: Option<Recorded>,
    progress: &'a mut dyn FnMut(Progress),
}

impl Pump<'_> {
    fn log(&mut self, log: Log) -> Result<(), OomError> {
        let mut reader = Reader::new(Limits::ORDINARY);
        self.collector.log();
        for part in log.parts {
            let Part { name, changed, choice, from, .. } = part;
            self.collector.source(name.clone(), reader.summary().lines, changed);
            match from {
                // Its logs end by themselves.
                Origin::Recorder(file) => return self.recorder(&name, file),
                Origin::Bytes(bytes) => self.file(&name, bytes, choice, &mut reader)?,
                Origin::Ring(ring) => self.ring(ring, &mut reader)?,
                Origin::Journal(child) => {
                    let done =
                        journal::drain(child, &mut |stdout| self.stream(stdout, &mut reader));
                    done.map_err(OomError::Journal)?;
                }
            }
        }
        let summary = reader.finish(&mut |event| self.collector.event(event));
        self.collector.end(&summary);
        Ok(())
    }

    /// The lives of the machine in it are logs of their own: the kernel's clock began anew.
    fn recorder(&mut self, name: &str, file: File) -> Result<(), OomError> {
        let (recorded, lives) = recorder::read(name, file)?;
        for (number, words) in lives.iter().enumerate() {
            if number > 0 {
                self.collector.log();
                self.collector.source(name.to_owned(), 0, None);
            }
            let mut reader = Reader::new(Limits::ORDINARY);
            self.stream(&mut words.as_slice(), &mut reader)
                .map_err(|source| OomError::Unreadable { name: name.to_owned(), source })?;
            let summary = reader.finish(&mut |event| self.collector.event(event));
            self.collector.end(&summary);
        }
        self.recorded = Some(recorded);
        Ok(())
    }

    fn file(
        &mut self,
        name: &str,
        bytes: Box<dyn Read>,
        choice: Choice,
        reader: &mut Reader,
    ) -> Result<(), OomError> {
        let opened = plain(bytes, UNPACKED_BYTES_MAX);
        match (opened, choice) {
            (Ok(Ok(mut bytes)), _) => {
                // What was read before is worth telling.
                if let Err(error) = self.stream(&mut bytes, reader) {
                    let reason = format!("it could be read in part only ({error})");
                    self.collector.broken(name.to_owned(), reason);
                }
            }
            (Ok(Err(kind)), Choice::Named) => {
                return Err(OomError::Packed { name: name.to_owned(), kind });
            }
            (Err(source), Choice::Named) => {
                return Err(OomError::Unreadable { name: name.to_owned(), source });
            }
            (Ok(Err(kind)), Choice::Found) => {
                let reason = format!("it is {}: {}", kind.name(), kind.hint(name));
                self.collector.broken(name.to_owned(), reason);
            }
            (Err(error), Choice::Found) => {
                self.collector.broken(name.to_owned(), error.to_string());
            }
        }
        Ok(())
    }

    fn stream(&mut self, from: &mut dyn Read, reader: &mut Reader) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut last = b'\n';
        let outcome = loop {
            match from.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(got) => {
                    let piece = buffer.get(..got).unwrap_or_default();
                    last = piece.last().copied().unwrap_or(last);
                    reader.push(piece, &mut |event| self.collector.event(event));
                    self.bytes += got as u64;
                    let (bytes, bytes_all) = (self.bytes, self.bytes_all);
                    (self.progress)(Progress { bytes, bytes_all });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        // The next file of the log begins a new line.
        if last != b'\n' {
            reader.push(b"\n", &mut |event| self.collector.event(event));
        }
        outcome
    }

    /// What the ring holds now, and the kernel's own count after that.
    fn ring(&mut self, mut ring: KernelLog, reader: &mut Reader) -> Result<(), OomError> {
        loop {
            match ring.next_record().map_err(OomError::Ring)? {
                Next::Record(record) => {
                    reader.push(record, &mut |event| self.collector.event(event));
                }
                // The reader sees the jump in the numbers of the records.
                Next::Overrun | Next::TooLong => {}
                Next::Nothing => break,
            }
        }
        if let Some(kills) = kernel_counter() {
            self.collector.kernel_counter(kills);
        }
        Ok(())
    }
}

/// `oom_kill` of `/proc/vmstat`: processes killed since the kernel started (from 4.13 on).
fn kernel_counter() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}

/// Large reads: the reader is faster than small ones.
const BUFFER_BYTES: usize = 256 * 1024;
