//! Hold and choose: at the limit of a named group (v1 memory controller) nobody is killed; whoever
//! wants memory waits (`memory.oom_control`, cgroup-v1/memory.rst section 10), an eventfd says so,
//! and the process that ends is chosen here: `menshen_guard_core::hold`.
//!
//! It is on as long as the watch runs. What keeps it from hanging a group for good:
//! - a thread of its own looks four times a second whether a group waits; one that waits for
//!   [`STUCK_MAX`] without the loop having done anything is given back to the kernel;
//! - every end of the watch gives all groups back, and the journal has the next watch do it where
//!   this one was killed;
//! - a chosen process that is still there after [`ENDING_MAX`] does not keep the next from being
//!   chosen;
//! - a group that waits for [`WAITING_MAX`] whatever was done is the kernel's until nobody waits.
//!
//! How it fails: a group that is gone, or that may not be written, is left to the kernel and said
//! once. In a group whose processes all free nothing the kernel decides, that is, it waits as well.
//! A limit that cannot be raised (`memory.memsw` is in the way) counts as raised.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use menshen_guard_core::hold::{Choice, Member, Raise, Standing, choose};
use menshen_guard_core::ladder::Bytes;
use menshen_sys::cgroup::{Group, Switch, Tree, Version};
use menshen_sys::memory_events::{V1Event, V1Source};
use menshen_sys::proc;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::journal::Journal;
use crate::log::Log;

/// The groups that are held at their limits.
#[derive(Debug)]
pub(crate) struct Hold {
    groups: Vec<Held>,
    raise_percent: u32,
    /// What the watchdog sees.
    shared: Arc<Shared>,
    log: Log,
}

#[derive(Debug)]
struct Held {
    path: String,
    group: Group,
    event: V1Event,
    /// Its limit when it was taken.
    limit: Option<u64>,
    raised: bool,
    /// It could not be raised, and is not tried again.
    raise_failed: bool,
    /// Waits since; the bytes it used then.
    waits: Option<(Instant, u64)>,
    chosen: Option<(u32, Instant)>,
    /// The kernel decides this time; held again when nobody waits any more.
    given_back: bool,
    /// What was done while it waits, in words.
    told: Vec<String>,
}

/// Between loop and watchdog.
#[derive(Debug)]
struct Shared {
    groups: Mutex<Vec<Group>>,
    /// Moves whenever the loop did something about a waiting group.
    acted: AtomicU64,
    /// The watchdog gave groups back: the loop has to take them anew.
    released: AtomicBool,
    ended: AtomicBool,
    log: Log,
}

/// What was let go on.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Released {
    /// So many groups.
    pub(crate) groups: u64,
    /// Bytes that became free for it.
    pub(crate) freed: u64,
    /// What was done for it, in words.
    pub(crate) told: Vec<String>,
}

impl Hold {
    /// Takes the groups of the configuration; those that cannot be had stay the kernel's.
    pub(crate) fn begin(
        paths: &[String],
        raise_percent: u32,
        journal: &mut Journal,
        log: Log,
    ) -> Self {
        let shared = Arc::new(Shared {
            groups: Mutex::default(),
            acted: AtomicU64::new(0),
            released: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            log,
        });
        let mut hold = Self { groups: Vec::new(), raise_percent, shared, log };
        if paths.is_empty() {
            return hold;
        }
        // Without the watchdog nothing is held.
        let watchdog = Arc::clone(&hold.shared);
        let thread = std::thread::Builder::new().name("watchdog".into());
        if let Err(error) = thread.stack_size(STACK_BYTES).spawn(move || watchdog.run()) {
            log(&format!("hold: no watchdog, so nothing is held: {error}"));
            return hold;
        }
        for path in paths {
            match take(path, journal) {
                Ok(held) => {
                    let limit = held.limit.map_or_else(
                        || "no limit yet".to_owned(),
                        |bytes| format!("its limit of {}", Bytes(bytes)),
                    );
                    log(&format!("hold: {path} is held at {limit}, we choose who ends"));
                    hold.groups.push(held);
                }
                Err(error) => log(&format!("hold: {path} stays the kernel's: {error}")),
            }
        }
        hold.tell_watchdog();
        hold
    }

    /// What to wait on, for reading.
    pub(crate) fn waits(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.groups.iter().map(|held| held.event.as_fd())
    }

    /// When to look again without being woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let soon = |held: &Held| held.waits.map(|(since, _)| since + LOOK);
        let waiting = self.groups.iter().filter_map(soon).min();
        waiting.map(|at| at.max(Instant::now() + LOOK))
    }

    /// Looks at all groups and does what is to be done. `standing` says what the configuration
    /// says of a process.
    pub(crate) fn look(&mut self, now: Instant, standing: impl Fn(u32) -> Standing) -> Released {
        let mut done = Released::default();
        if self.shared.released.swap(false, Ordering::Relaxed) {
            self.take_again();
        }
        let mut gone = false;
        for held in &mut self.groups {
            let fired = held.event.take().unwrap_or(0) > 0;
            if !fired && held.waits.is_none() {
                continue;
            }
            match held.group.memory_events() {
                Err(_) => gone = true,
                Ok(events) if events.under_oom => {
                    self.shared.acted.fetch_add(1, Ordering::Relaxed);
                    held.act(now, self.raise_percent, &standing, self.log);
                }
                Ok(_) => {
                    if held.given_back {
                        held.hold_again(self.log);
                    }
                    if let Some((since, before)) = held.waits.take() {
                        let after = held.group.memory_usage().unwrap_or(before);
                        let freed = before.saturating_sub(after);
                        held.chosen = None;
                        done.groups += 1;
                        done.freed += freed;
                        done.told.append(&mut held.told);
                        (self.log)(&format!(
                            "ladder: hold: {} goes on after {} ms, {} freed",
                            held.path,
                            now.saturating_duration_since(since).as_millis(),
                            Bytes(freed)
                        ));
                    }
                }
            }
        }
        if gone {
            self.groups.retain(|held| held.group.folder().exists());
            self.tell_watchdog();
        }
        self.lower();
        done
    }

    /// Gives all groups back to the kernel.
    pub(crate) fn end(&mut self, journal: &mut Journal) {
        self.shared.ended.store(true, Ordering::Relaxed);
        for held in self.groups.drain(..) {
            let released = held.group.set_kill_disabled(Switch::Off);
            let lowered =
                if held.raised { held.group.set_memory_limit(held.limit) } else { Ok(()) };
            match released.and(lowered) {
                Ok(()) => {
                    let _ = journal.change(|set| {
                        set.held.remove(&held.path);
                    });
                }
                Err(error) => {
                    (self.log)(&format!("hold: {} could not be given back: {error}", held.path));
                }
            }
        }
        self.tell_watchdog();
    }

    /// Limits that were raised go back as soon as the group fits.
    fn lower(&mut self) {
        for held in self.groups.iter_mut().filter(|held| held.raised && held.waits.is_none()) {
            let Some(limit) = held.limit else { continue };
            let fits = held.group.memory_usage().is_ok_and(|used| used < limit / 10 * 9);
            if fits && held.group.set_memory_limit(Some(limit)).is_ok() {
                held.raised = false;
                (self.log)(&format!("hold: {} has its limit of {} again", held.path, Bytes(limit)));
            }
        }
    }

    fn take_again(&mut self) {
        for held in &mut self.groups {
            held.waits = None;
            held.chosen = None;
            held.given_back = false;
            if let Err(error) = held.group.set_kill_disabled(Switch::On) {
                (self.log)(&format!("hold: {} stays the kernel's: {error}", held.path));
            }
        }
    }

    fn tell_watchdog(&self) {
        let groups = self.groups.iter().map(|held| held.group.clone()).collect();
        *self.shared.groups.lock().unwrap_or_else(PoisonError::into_inner) = groups;
    }
}

impl Held {
    fn act(
        &mut self,
        now: Instant,
        raise_percent: u32,
        standing: &impl Fn(u32) -> Standing,
        log: Log,
    ) {
        let used = self.group.memory_usage().unwrap_or(0);
        let first = self.waits.is_none();
        let (since, _) = *self.waits.get_or_insert((now, used));
        if self.given_back {
            return;
        }
        if now.saturating_duration_since(since) >= WAITING_MAX {
            return self.give_back("still waits", log);
        }
        if let Some((pid, at)) = self.chosen
            && now.saturating_duration_since(at) < ENDING_MAX
            && proc::Stat::read(pid).is_ok()
        {
            return;
        }
        let may_raise = raise_percent > 0 && !self.raised && !self.raise_failed;
        let raise = if may_raise { Raise::Allowed } else { Raise::Spent };
        let dying = self.chosen.map(|(pid, _)| pid);
        let members = members(&self.group, standing, dying);
        let limit = self.group.memory_limit().ok().flatten().unwrap_or(0);
        if first {
            log(&format!(
                "ladder: hold begins: {} uses {} of {} and wants more",
                self.path,
                Bytes(used),
                Bytes(limit)
            ));
        }
        match choose(&members, limit, raise) {
            Choice::End(member) => {
                if end(&self.group, member.pid) {
                    self.chosen = Some((member.pid, now));
                    let said = format!(
                        "{} in {} ends ({}, {}, score {})",
                        named(member.pid),
                        self.path,
                        Bytes(member.bytes),
                        word(member.standing),
                        member.score
                    );
                    log(&format!("ladder: hold: {said}"));
                    self.told.push(said);
                }
            }
            Choice::Raise => {
                let more = u128::from(limit) * u128::from(raise_percent) / 100;
                let raised = limit.saturating_add(u64::try_from(more).unwrap_or(0));
                let set = self.group.set_memory_limit(Some(raised));
                (self.raised, self.raise_failed) = (set.is_ok(), set.is_err());
                let what = if set.is_ok() { "has" } else { "could not be given" };
                let said = format!("{} {what} a limit of {}", self.path, Bytes(raised));
                log(&format!("ladder: hold: {said}"));
                self.told.push(said);
            }
            Choice::Release => {
                if now.saturating_duration_since(since) >= ENDING_MAX {
                    self.give_back("has nobody to end", log);
                }
            }
        }
    }

    fn give_back(&mut self, why: &str, log: Log) {
        log(&format!("ladder: hold: {} {why}; the kernel decides", self.path));
        self.given_back = self.group.set_kill_disabled(Switch::Off).is_ok();
    }

    fn hold_again(&mut self, log: Log) {
        self.given_back = false;
        if let Err(error) = self.group.set_kill_disabled(Switch::On) {
            log(&format!("hold: {} stays the kernel's: {error}", self.path));
        }
    }
}

impl Shared {
    /// The watchdog: gives groups back that wait while the loop does nothing.
    fn run(&self) {
        let mut waiting: BTreeMap<Vec<u8>, (u64, Instant)> = BTreeMap::new();
        while !self.ended.load(Ordering::Relaxed) {
            std::thread::sleep(WATCHDOG_LOOK);
            let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let now = Instant::now();
            let acted = self.acted.load(Ordering::Relaxed);
            for group in groups {
                let stuck = group.memory_events().is_ok_and(|events| events.under_oom);
                if !stuck {
                    waiting.remove(group.path());
                    continue;
                }
                let (seen, since) = *waiting.entry(group.path().to_vec()).or_insert((acted, now));
                if seen != acted {
                    waiting.insert(group.path().to_vec(), (acted, now));
                } else if now.saturating_duration_since(since) >= STUCK_MAX {
                    let _ = group.set_kill_disabled(Switch::Off);
                    self.released.store(true, Ordering::Relaxed);
                    let path = String::from_utf8_lossy(group.path()).into_owned();
                    (self.log)(&format!(
                        "hold: nobody chose for {path} in time; the kernel decides"
                    ));
                    waiting.remove(group.path());
                }
            }
        }
    }
}

/// The journal first: whatever happens after it is undone.
fn take(path: &str, journal: &mut Journal) -> std::io::Result<Held> {
    let missing = |what: &str| std::io::Error::other(what.to_owned());
    let tree = Tree::memory()?.filter(|tree| tree.version() == Version::V1);
    let tree = tree.ok_or_else(|| missing("the memory controller of version 1 is not here"))?;
    let group = tree.group(path.as_bytes())?;
    // An earlier watch may have raised it and been killed.
    let limit = match journal.set().held.get(path) {
        Some(before) => *before,
        None => group.memory_limit()?,
    };
    let event = V1Event::register(group.folder(), V1Source::Oom)?;
    journal.change(|set| {
        set.held.insert(path.to_owned(), limit);
    })?;
    if let Err(error) = group.set_kill_disabled(Switch::On) {
        let _ = journal.change(|set| {
            set.held.remove(path);
        });
        return Err(error);
    }
    let path = path.to_owned();
    Ok(Held {
        path,
        group,
        event,
        limit,
        raised: false,
        raise_failed: false,
        waits: None,
        chosen: None,
        given_back: false,
        told: Vec::new(),
    })
}

/// All processes of the group and of those below it, but for those on their way out.
fn members(group: &Group, standing: &impl Fn(u32) -> Standing, dying: Option<u32>) -> Vec<Member> {
    let mut left = vec![group.clone()];
    let mut members = Vec::new();
    while let Some(group) = left.pop() {
        left.extend(group.children().unwrap_or_default());
        for pid in group.processes().unwrap_or_default() {
            let Ok(status) = proc::Status::read(pid) else { continue };
            let leaving = proc::Stat::read(pid).is_ok_and(|stat| matches!(stat.state, b'Z' | b'X'));
            if dying == Some(pid) || leaving || pid == std::process::id() {
                continue;
            }
            members.push(Member {
                pid,
                bytes: (status.rss_kib + status.swap_kib + status.page_table_kib) * 1024,
                score: proc::oom_score_adj(pid).unwrap_or(0),
                standing: standing(pid),
            });
        }
        if members.len() > MEMBERS_MAX {
            break;
        }
    }
    members
}

/// Whether it was ended; by a descriptor that was opened before the process was seen in the group
/// once more, since the number may be another's by now.
fn end(group: &Group, pid: u32) -> bool {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process: Option<OwnedFd> = number.and_then(|n| pidfd_open(n, PidfdFlags::empty()).ok());
    let Some(process) = process else { return false };
    let is_member = members(group, &|_| Standing::Ordinary, None).iter().any(|one| one.pid == pid);
    is_member && pidfd_send_signal(&process, Signal::KILL).is_ok()
}

/// Number and name for the log; names are foreign bytes.
fn named(pid: u32) -> String {
    let name = proc::Stat::read(pid).map(|stat| stat.name).unwrap_or_default();
    format!("process {pid} ({})", name.escape_ascii())
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Expendable => "expendable",
        Standing::Ordinary => "not protected",
        Standing::Protected => "protected, and nobody else is left",
    }
}

/// How long a group may wait before the kernel decides again.
const STUCK_MAX: Duration = Duration::from_secs(1);
/// How long a chosen process may take to be gone.
const ENDING_MAX: Duration = Duration::from_millis(500);
/// How long a group may wait in all before the kernel decides.
const WAITING_MAX: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
const WATCHDOG_LOOK: Duration = Duration::from_millis(250);
const MEMBERS_MAX: usize = 65_536;
const STACK_BYTES: usize = 256 << 10;

#[cfg(test)]
mod tests;
