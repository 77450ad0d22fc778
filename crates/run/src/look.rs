//! Text a program has printed and its C library has not written: seen while it is stuck, and at the
//! end what was lost.
//!
//! A silent program is looked at soon after its start and then once a second, without stopping it
//! ([`menshen_process::stdio`]). Once text was stuck, the program is seized (ptrace(2)), so that
//! its exit can be looked at as well: one that ends by `_exit`, or a Go program that calls C, loses
//! the text without a word. What cannot be looked at is not spoken of. A look costs some ten
//! microseconds; new processes are opened a few at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use menshen_process::stdio::{Reader, Stream, StuckStream};
use menshen_sys::ptrace::{self, Events, Stop};

use crate::plan::Look;
use crate::{orphans, words};

/// The state of looking at one start of a program.
#[derive(Debug)]
pub(crate) struct Looker {
    mode: Look,
    program: u32,
    readers: HashMap<u32, Known>,
    looks: usize,
    next: Option<Instant>,
    seized: bool,
    /// What the last look saw, and how much had been written then.
    last: Option<(Vec<Stuck>, u64)>,
    /// What the look at the exit saw.
    at_exit: Option<Vec<Stuck>>,
    said: Vec<(u32, Stream, u64)>,
    /// Nothing is said before this, so that a slowly filling buffer is no news each second.
    quiet_until: Option<Instant>,
    quiet_for: Duration,
}

/// Text stuck in one stream of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stuck {
    pid: u32,
    stream: StuckStream,
}

/// How a process is looked at.
#[derive(Debug)]
struct Known {
    /// What it ran then: after an exec all is elsewhere.
    image: Option<PathBuf>,
    /// `None`: there is nothing to look at.
    reader: Option<Reader>,
}

impl Looker {
    /// For a program that was just started. `traced`: held at its exit from now on.
    pub(crate) fn start(mode: Look, program: u32, now: Instant) -> Self {
        let mut looker = Self {
            mode,
            program,
            readers: HashMap::new(),
            looks: 0,
            next: (mode != Look::Never).then(|| now + FIRST),
            seized: false,
            last: None,
            at_exit: None,
            said: Vec::new(),
            quiet_until: None,
            quiet_for: QUIET_FIRST,
        };
        if mode == Look::UntilExit {
            looker.seize();
        }
        looker
    }

    /// When the next look is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.next
    }

    /// Bytes that were stuck at the last look.
    pub(crate) fn stuck_bytes(&self) -> u64 {
        self.last.iter().flat_map(|(stuck, _)| stuck).map(|stuck| stuck.stream.bytes).sum()
    }

    /// Looks, and gives what there is to be said. `silent`: so long nothing was written;
    /// `written`: bytes written so far.
    pub(crate) fn look(&mut self, now: Instant, silent: Duration, written: u64) -> Option<String> {
        self.next = Some(now + if self.looks < 2 { SECOND } else { EACH });
        self.looks += 1;
        // One that speaks is not asked why it is silent.
        if silent < FIRST {
            self.last = None;
            return None;
        }
        let stuck = self.see(&orphans::near(self.program));
        if stuck.iter().any(|stuck| stuck.pid == self.program) {
            self.seize();
        }
        let news: Vec<_> = stuck.iter().map(|s| (s.pid, s.stream.stream, s.stream.bytes)).collect();
        let text = sentence(&stuck, self.program, "stuck in");
        let same = self.last.as_ref().is_some_and(|(last, _)| *last == stuck);
        self.last = Some((stuck, written));
        let quiet = self.quiet_until.is_some_and(|until| now < until);
        // What just came may still be on its way; what was there before is stuck.
        if news.is_empty() || news == self.said || quiet || !same || silent < EACH {
            return None;
        }
        self.said = news;
        self.quiet_until = Some(now + self.quiet_for);
        self.quiet_for = (self.quiet_for * 2).min(QUIET_MAX);
        Some(text)
    }

    /// Looks before the program is told to end.
    pub(crate) fn look_before_the_end(&mut self, written: u64) {
        if self.mode != Look::Never {
            let stuck = self.see(&[self.program]);
            self.last = Some((stuck, written));
        }
    }

    /// Takes what waiting told of a process that stands still, and lets it go on.
    pub(crate) fn stopped(&mut self, pid: u32, stop: Stop) {
        // Errors: it is gone, which is what waiting tells next.
        let _ = match stop {
            Stop::Signal(signal) => ptrace::resume(pid, signal),
            Stop::Group(_) => ptrace::listen(pid),
            Stop::Exit => {
                if pid == self.program {
                    self.at_exit = Some(self.see(&[pid]));
                }
                ptrace::resume(pid, 0)
            }
            Stop::Held | Stop::Exec | Stop::Fork | Stop::Other(_) => ptrace::resume(pid, 0),
        };
    }

    /// What was lost, once the program has ended and all it wrote was read: `written` bytes.
    pub(crate) fn lost(&self, written: u64) -> Option<String> {
        if let Some(stuck) = &self.at_exit {
            return (!stuck.is_empty()).then(|| sentence(stuck, self.program, "lost in"));
        }
        let (stuck, before) = self.last.as_ref()?;
        // Had it been written at the exit, there would be more now.
        let own: Vec<Stuck> = stuck.iter().filter(|s| s.pid == self.program).cloned().collect();
        (!own.is_empty() && *before == written).then(|| sentence(&own, self.program, "lost in"))
    }

    fn seize(&mut self) {
        if !self.seized {
            let events = Events { exit: true, ..Events::default() };
            // Refused where it runs with other rights or is traced by somebody else.
            self.seized = ptrace::seize(self.program, events).is_ok();
        }
    }

    /// What is stuck in these processes now.
    fn see(&mut self, pids: &[u32]) -> Vec<Stuck> {
        let (mut found, mut opened) = (Vec::new(), 0);
        self.readers.retain(|pid, _| pids.contains(pid) || *pid == self.program);
        for &pid in pids {
            let image = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
            if image.is_none() || self.readers.get(&pid).is_none_or(|known| known.image != image) {
                if opened == OPENED_MAX {
                    continue;
                }
                opened += 1;
                let reader = Reader::open(pid).ok();
                self.readers.insert(pid, Known { image, reader });
            }
            let Some(known) = self.readers.get_mut(&pid) else { continue };
            let Some(reader) = &known.reader else { continue };
            match reader.look() {
                Ok(look) => found.extend(
                    { look.stuck }
                        .into_iter()
                        .filter(|stream| stream.stream != Stream::Other)
                        .map(|stream| Stuck { pid, stream }),
                ),
                // Another program under the same number, or gone: opened anew the next time.
                Err(_) => {
                    self.readers.remove(&pid);
                }
            }
        }
        found
    }
}

/// `32 bytes are stuck in its stdout buffer: 'hello'`, for each stream.
fn sentence(stuck: &[Stuck], program: u32, what: &str) -> String {
    let one = |stuck: &Stuck| {
        let (bytes, stream) = (stuck.stream.bytes, &stuck.stream);
        let name = if stream.stream == Stream::Stdout { "stdout" } else { "stderr" };
        let whose = match stuck.pid {
            pid if pid == program => "its".to_owned(),
            pid => format!("its child {pid}'s"),
        };
        let plural = if bytes == 1 { "byte is" } else { "bytes are" };
        let text = words::quoted(&stream.text);
        format!("{bytes} {plural} {what} {whose} {name} buffer: {text}")
    };
    stuck.iter().map(one).collect::<Vec<_>>().join("; ")
}

const FIRST: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_millis(200);
const EACH: Duration = Duration::from_secs(1);
const QUIET_FIRST: Duration = Duration::from_secs(2);
const QUIET_MAX: Duration = Duration::from_secs(60);
const OPENED_MAX: usize = 4;
