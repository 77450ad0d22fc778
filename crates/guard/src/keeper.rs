//! The keeper as the guard sees it: a process that asks authorities for certificates, and a pipe.
//!
//! It talks to strangers, so what it writes is taken for a stranger's: numbers, lengths and opaque
//! bytes in bounds (`menshen_config::keeper::message`), so many per minute. Whatever is out of
//! bounds ends it; it is started again, later and later. It never affects the workers, and workers
//! go on with what is on the shelf while there is no keeper.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use menshen_config::keeper::{Message, MessageReader};
use menshen_guard_core::restart::RestartRecord;
use menshen_sys::Bulletin;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitStatus};

use crate::companion::Companion;
use crate::log;
use crate::shelf::read_only;
use crate::worker::describe;
pub(crate) use plan::Plan;
pub(crate) use store::Store;
use store::StoredPair;

mod plan;
pub(crate) mod store;

#[cfg(test)]
mod tests;

/// The place of the keeper; there is one for the guard's whole life.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// The keeper posts challenges, the workers answer them.
    challenges: Bulletin,
    /// The same for the workers, who may not post.
    readable: OwnedFd,
    plan: Option<Plan>,
    running: Option<Running>,
    record: RestartRecord,
    start_at: Option<Instant>,
    save_at: Option<Instant>,
    oom_score_adj: Option<i32>,
}

#[derive(Debug)]
struct Running {
    process: Companion,
    pipe: OwnedFd,
    /// Nothing more is read after its end or a fault.
    open: bool,
    reader: MessageReader,
    /// Names and URLs that its messages count.
    names: Vec<String>,
    urls: Vec<String>,
    budget: Budget,
}

/// What it may send within a minute.
#[derive(Debug, Clone, Copy)]
struct Budget {
    since: Instant,
    certificates: usize,
    others: usize,
}

impl Keeper {
    /// A place without a keeper.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn create(oom_score_adj: Option<i32>) -> io::Result<Self> {
        let challenges = Bulletin::create("challenges")?;
        let readable = read_only(&challenges)?;
        Ok(Self {
            challenges,
            readable,
            plan: None,
            running: None,
            record: RestartRecord::new(),
            start_at: None,
            save_at: None,
            oom_score_adj,
        })
    }

    /// Challenges, for a worker.
    pub(crate) fn challenges(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }

    /// From now on `plan` is what is to be done; a keeper with another one is replaced.
    pub(crate) fn want(&mut self, plan: Option<Plan>, now: Instant) {
        if plan == self.plan {
            return;
        }
        self.plan = plan;
        self.record = RestartRecord::new();
        self.end(now);
        self.start_at = self.plan.is_some().then_some(now);
    }

    /// Starts what is due, ends what takes too long, saves what could not be saved. Gives whether
    /// something in the store changed.
    pub(crate) fn keep_times(&mut self, now: Instant, store: &mut Store) -> bool {
        if let Some(running) = &mut self.running {
            running.process.keep_times(now);
        }
        if self.running.is_none() && self.start_at.is_some_and(|at| at <= now) {
            self.start(now, store);
        }
        if self.save_at.is_some_and(|at| at <= now) {
            let saved = store.save_again();
            self.save_at = store.has_unsaved().then(|| now + SAVE_AGAIN);
            return saved;
        }
        false
    }

    /// Takes what it wrote. Gives whether something in the store changed that is to be served.
    pub(crate) fn hear(&mut self, now: Instant, store: &mut Store) -> bool {
        let Some(running) = self.running.as_mut().filter(|running| running.open) else {
            return false;
        };
        let heard = running.hear(now, store);
        if store.has_unsaved() && self.save_at.is_none() {
            self.save_at = Some(now + SAVE_AGAIN);
        }
        match heard {
            Ok(changed) => changed,
            Err(fault) => {
                log::event(&format!("keeper: {fault}; ending it"));
                running.open = false;
                running.process.kill();
                false
            }
        }
    }

    /// Whether the ended process was the keeper; it is started again, later and later.
    pub(crate) fn ended(&mut self, pid: Pid, status: WaitStatus, now: Instant) -> bool {
        let Some(running) = self.running.take_if(|running| running.process.pid() == pid) else {
            return false;
        };
        if !running.process.is_ending() && self.plan.is_some() {
            let wait = self.wait(running.process.lived(now));
            let what = describe(status);
            log::event(&format!("keeper {what}; starting it again in {} s", wait.as_secs()));
            self.start_at = Some(now + wait);
        }
        true
    }

    /// Asks it to end.
    pub(crate) fn quit(&mut self, now: Instant) {
        self.plan = None;
        self.start_at = None;
        self.end(now);
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self, now: Instant) {
        self.quit(now);
        if let Some(running) = &mut self.running {
            running.process.hurry(now);
        }
    }

    /// Whether no process is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.running.is_none()
    }

    /// The pipe to wait on.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.running.as_ref().filter(|running| running.open).map(|running| running.pipe.as_fd())
    }

    /// When the guard has to look after it without being woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ending = self.running.as_ref().and_then(|running| running.process.deadline());
        // One that waits for the end of its predecessor is woken by that.
        let start = self.start_at.filter(|_| self.running.is_none());
        ending.into_iter().chain(start).chain(self.save_at).min()
    }

    fn end(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            running.process.end(now, PATIENCE);
        }
    }

    /// A certificate authority is behind it: a keeper that keeps ending must not ask it every
    /// moment.
    fn wait(&mut self, lived: Duration) -> Duration {
        self.record.ended(lived).max(Duration::from_millis(100)) * SLOWER
    }

    fn start(&mut self, now: Instant, store: &Store) {
        let Some(plan) = &self.plan else { return };
        self.start_at = None;
        match launch(plan, &self.challenges, store, self.oom_score_adj, now) {
            Ok((process, pipe)) => {
                let (names, urls) = (plan.names.clone(), plan.urls());
                self.running = Some(Running::new(process, pipe, now, names, urls));
            }
            Err(error) => {
                let wait = self.wait(Duration::ZERO);
                log::event(&format!("the keeper could not be started: {error}"));
                self.start_at = Some(now + wait);
            }
        }
    }
}

impl Running {
    fn new(
        process: Companion,
        pipe: OwnedFd,
        now: Instant,
        names: Vec<String>,
        urls: Vec<String>,
    ) -> Self {
        Self {
            process,
            pipe,
            open: true,
            reader: MessageReader::default(),
            names,
            urls,
            budget: Budget::new(now),
        }
    }

    /// One turn: a bounded amount is read and carried out.
    fn hear(&mut self, now: Instant, store: &mut Store) -> Result<bool, String> {
        let mut changed = false;
        let mut bytes = [0; READ_BYTES];
        let (mut read, mut messages) = (0, 0);
        while read < TURN_BYTES && messages < TURN_MESSAGES {
            let count = match rustix::io::read(&self.pipe, &mut bytes) {
                Ok(0) => {
                    self.open = false;
                    // It ended, which its wait status tells, or is of no use any more.
                    self.process.kill();
                    return Ok(changed);
                }
                Ok(count) => count,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(changed),
                Err(error) => return Err(format!("its pipe cannot be read: {error}")),
            };
            read += count;
            let bytes = bytes.get(..count).unwrap_or_default();
            for message in self.reader.push(bytes).map_err(|error| error.to_string())? {
                messages += 1;
                self.budget.take(now, &message)?;
                changed |= self.obey(message, store)?;
            }
        }
        Ok(changed)
    }

    /// Carries out one message; gives whether there is something new to serve.
    fn obey(&self, message: Message, store: &mut Store) -> Result<bool, String> {
        let name = |order: u32| place(&self.names, order).ok_or("it names an order nobody gave it");
        let (what, done, serve) = match message {
            Message::Certificate { order, chain_pem, key_pem } => {
                let name = name(order)?;
                let text = |bytes| String::from_utf8(bytes).map_err(|_| "a certificate is no text");
                let pair =
                    StoredPair { certificate_pem: text(chain_pem)?, key_pem: text(key_pem)? };
                let done = store.put_pair(name, pair);
                (format!("the certificate of {name}"), done, true)
            }
            Message::Account { directory, credentials } => {
                let url = place(&self.urls, directory);
                let url = url.ok_or("it names an authority nobody gave it")?;
                (format!("the account at {url}"), store.put_account(url, &credentials), false)
            }
            Message::Note { order, json } => {
                let name = name(order)?;
                (format!("the note on {name}"), store.put_note(name, &json), false)
            }
        };
        if let Err(error) = &done {
            log::event(&format!("{what} could not be written: {}", crate::error::reason(error)));
        }
        Ok(serve && done.is_ok())
    }
}

impl Budget {
    const fn new(since: Instant) -> Self {
        Self { since, certificates: 0, others: 0 }
    }

    fn take(&mut self, now: Instant, message: &Message) -> Result<(), String> {
        if now.saturating_duration_since(self.since) >= MINUTE {
            *self = Self::new(now);
        }
        let (count, most) = match message {
            Message::Note { .. } => (&mut self.others, NOTES_PER_MINUTE),
            _ => (&mut self.certificates, CERTIFICATES_PER_MINUTE),
        };
        *count += 1;
        if *count > most { Err("it sends more than any keeper would".to_owned()) } else { Ok(()) }
    }
}

fn place(list: &[String], number: u32) -> Option<&String> {
    usize::try_from(number).ok().and_then(|number| list.get(number))
}

fn launch(
    plan: &Plan,
    challenges: &Bulletin,
    store: &Store,
    oom_score_adj: Option<i32>,
    now: Instant,
) -> io::Result<(Companion, OwnedFd)> {
    let (pipe, write) = pipe_with(PipeFlags::CLOEXEC)?;
    // This end only: the keeper may wait until there is room.
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let spec = plan.spec(store, challenges.as_fd(), write.as_fd(), oom_score_adj);
    let keep = [challenges.as_fd(), write.as_fd()];
    Ok((Companion::start("keeper", &spec, &keep, now)?, pipe))
}

/// How long it may take to end: a hook may have a record to remove.
const PATIENCE: Duration = Duration::from_secs(5);
/// Times the waits of a worker, which end at 5 s.
const SLOWER: u32 = 12;
const SAVE_AGAIN: Duration = MINUTE;
const MINUTE: Duration = Duration::from_secs(60);
/// Twice as many as a list of names can have.
const CERTIFICATES_PER_MINUTE: usize = 256;
const NOTES_PER_MINUTE: usize = 1024;
/// Read at once: of the smallest messages a few dozen.
const READ_BYTES: usize = 1024;
/// Of one turn of the guard, which has others to look after.
const TURN_BYTES: usize = 64 * 1024;
const TURN_MESSAGES: usize = 32;
