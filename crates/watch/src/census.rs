//! Tables of processes, taken by a thread of its own: reading a command line waits for a lock of
//! the process it belongs to, which may itself be waiting for memory; neither the kernel's log nor
//! the ladder may wait with it.
//!
//! Now and then a table is taken for memory only, so that a process that is killed out of the blue
//! was seen alive. Command lines are read once per process and name.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use menshen_guard_core::forecast::{Candidate, Census, Domain, Standing};
use menshen_guard_core::recorder::{
    Body, COMMAND_LINE_BYTES_MAX, Pressure, Process, Snapshot, Trigger, VictimRow,
};
use menshen_process::candidates::census;
use menshen_sys::proc::{self, Stat, Status};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use crate::forecasts::{Forecasts, Named};
use crate::groups::Limited;
use crate::log::Log;
use crate::recorder::{Recorder, mono_micros};

/// Asks for tables and sees the newest.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    shared: Arc<Shared>,
}

/// What is wanted of a table.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Why.
    pub(crate) trigger: Trigger,
    /// Memory at that moment.
    pub(crate) pressure: Pressure,
    /// The group it is about; empty: the machine.
    pub(crate) group: Vec<u8>,
}

/// The newest table.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// Its number in the recorder; 0: it is only in memory.
    pub(crate) number: u64,
    seen_mono_micros: u64,
    rows: Arc<HashMap<u32, Row>>,
    /// Who would be killed.
    pub(crate) forecasts: Forecasts,
    /// Groups with a limit, nearest to it first.
    pub(crate) limited: Vec<Limited>,
}

#[derive(Debug)]
struct Shared {
    wanted: Mutex<Asked>,
    asked: Condvar,
    latest: Mutex<Latest>,
    /// Readable when there is a newer one.
    ready: OwnedFd,
}

#[derive(Debug, Default)]
struct Asked {
    tables: VecDeque<Wanted>,
    ending: bool,
}

#[derive(Debug, Clone, Default)]
struct Row {
    parent: u32,
    uid: u32,
    adj: i32,
    start_ticks: u64,
    anon_kib: u64,
    file_kib: u64,
    shmem_kib: u64,
    swap_kib: u64,
    page_table_kib: u64,
    name: Vec<u8>,
    command_line: Option<Vec<u8>>,
    cgroup: Vec<u8>,
}

impl Tables {
    /// Starts the thread.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn start(recorder: Recorder, log: Log) -> std::io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared {
            wanted: Mutex::default(),
            asked: Condvar::new(),
            latest: Mutex::default(),
            ready,
        });
        let taker = Taker { shared: Arc::clone(&shared), recorder, log, failing: false };
        let builder = std::thread::Builder::new().name("tables".to_owned());
        // It is never waited for: it may hang on a process that does.
        builder.stack_size(STACK_BYTES).spawn(move || taker.run())?;
        Ok(Self { shared })
    }

    /// Wants a table to be recorded. While [`WANTED_MAX`] wait already it is let go: they are about
    /// the same moment.
    pub(crate) fn want(&self, wanted: Wanted) {
        let mut asked = lock(&self.shared.wanted);
        if asked.tables.len() < WANTED_MAX {
            asked.tables.push_back(wanted);
        }
        drop(asked);
        self.shared.asked.notify_one();
    }

    /// The newest table.
    pub(crate) fn latest(&self) -> MutexGuard<'_, Latest> {
        lock(&self.shared.latest)
    }

    /// Readable when there is a newer one.
    pub(crate) fn ready(&self) -> &OwnedFd {
        &self.shared.ready
    }

    /// Whether there was a newer one since the last call.
    pub(crate) fn take_ready(&self) -> bool {
        rustix::io::read(&self.shared.ready, &mut [0; 8]).is_ok()
    }

    /// Ends the thread, when it gets to it.
    pub(crate) fn end(&self) {
        lock(&self.shared.wanted).ending = true;
        self.shared.asked.notify_one();
    }
}

impl Latest {
    /// Records the row of a process that was killed, as it was when last seen; gives its name in
    /// brackets, for a log, or nothing.
    pub(crate) fn record_victim(&self, pid: u32, recorder: &Recorder) -> String {
        let Some(row) = self.rows.get(&pid) else { return String::new() };
        let process = row.process(pid);
        let seen_mono_micros = self.seen_mono_micros;
        recorder.record(&Body::VictimRow(VictimRow { seen_mono_micros, process }));
        format!(" ({})", row.name.escape_ascii())
    }
}

struct Taker {
    shared: Arc<Shared>,
    recorder: Recorder,
    log: Log,
    failing: bool,
}

impl Taker {
    fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            let mut asked = lock(&self.shared.wanted);
            if asked.tables.is_empty() && !asked.ending {
                let waited = self.shared.asked.wait_timeout(asked, pause);
                asked = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if asked.ending {
                return;
            }
            let wanted = asked.tables.pop_front();
            drop(asked);
            let begun = Instant::now();
            self.take(wanted);
            pause = (begun.elapsed() * QUIET_SHARE).max(QUIET_MIN);
        }
    }

    fn take(&mut self, wanted: Option<Wanted>) {
        let census = match census() {
            Ok(census) => census,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    (self.log)(&format!("processes cannot be read: {error}"));
                }
                return;
            }
        };
        self.failing = false;
        // Not under the lock, so that nobody waits for the reading below.
        let before = Arc::clone(&lock(&self.shared.latest).rows);
        let rows = Arc::new(rows(&census, &before));
        let forecasts = forecasts(&census);
        let mut latest = Latest {
            number: 0,
            seen_mono_micros: mono_micros(),
            rows,
            forecasts,
            limited: limited(&census),
        };
        if let Some(wanted) = wanted {
            latest.number = record(&self.recorder, &latest, &wanted, &census);
        }
        let mut place = lock(&self.shared.latest);
        latest.forecasts.go_on_from(&place.forecasts);
        *place = latest;
        drop(place);
        // A full counter means that it is readable already.
        let _ = rustix::io::write(&self.shared.ready, &1_u64.to_ne_bytes());
    }
}

/// Writes a table: its head with memory and forecasts, then its rows.
fn record(recorder: &Recorder, latest: &Latest, wanted: &Wanted, census: &Census) -> u64 {
    let processes = u32::try_from(latest.rows.len()).unwrap_or(u32::MAX);
    let (trigger, level) = (wanted.trigger, wanted.pressure.level);
    let in_order = census
        .candidates
        .iter()
        .filter_map(|candidate| Some(latest.rows.get(&candidate.pid)?.process(candidate.pid)));
    recorder.record(&Body::Pressure(wanted.pressure));
    recorder.table(
        |number| {
            let group = wanted.group.as_slice();
            Body::Snapshot(Snapshot { number, trigger, level, processes, group })
        },
        in_order,
        |say, number| latest.forecasts.say(number, &wanted.group, say),
    )
}

/// One row per process with memory of its own.
fn rows(census: &Census, before: &HashMap<u32, Row>) -> HashMap<u32, Row> {
    let mut rows = HashMap::with_capacity(census.candidates.len());
    for candidate in &census.candidates {
        if matches!(candidate.standing, Standing::KernelThread | Standing::Zombie) {
            continue;
        }
        let Ok(status) = Status::read(candidate.pid) else { continue };
        rows.insert(candidate.pid, row(candidate, &status, census, before.get(&candidate.pid)));
    }
    rows
}

fn row(candidate: &Candidate, status: &Status, census: &Census, before: Option<&Row>) -> Row {
    let same = |old: &&Row| old.start_ticks == candidate.start_ticks && old.name == candidate.name;
    let known = before.filter(same).and_then(|old| old.command_line.clone());
    let group = candidate.group.and_then(|place| census.groups.get(place));
    Row {
        parent: candidate.parent,
        uid: candidate.uid,
        adj: candidate.adj,
        start_ticks: candidate.start_ticks,
        anon_kib: status.anon_kib,
        file_kib: status.file_kib,
        shmem_kib: status.shmem_kib,
        swap_kib: status.swap_kib,
        page_table_kib: status.page_table_kib,
        name: candidate.name.clone(),
        command_line: known.or_else(|| command_line(candidate.pid)),
        cgroup: group.map(|group| group.path.clone()).unwrap_or_default(),
    }
}

/// A process that cannot be interrupted may hold the lock that its command line is read under.
fn command_line(pid: u32) -> Option<Vec<u8>> {
    let waiting = Stat::read(pid).ok()?.state == b'D';
    if waiting { None } else { proc::command_line(pid, COMMAND_LINE_BYTES_MAX).ok() }
}

fn forecasts(census: &Census) -> Forecasts {
    let named = |domain| {
        let victims = census.rank(domain).victims;
        let places = victims.iter().flat_map(|victim| {
            let together = victim.with.iter().copied();
            std::iter::once(victim.candidate).chain(together).map(|place| (place, victim.points))
        });
        places
            .filter_map(|(place, points)| {
                let candidate = census.candidates.get(place)?;
                Some(Named {
                    pid: candidate.pid,
                    start_ticks: candidate.start_ticks,
                    points,
                    name: candidate.name.clone(),
                })
            })
            .take(NAMED_MAX)
            .collect::<Vec<_>>()
    };
    let groups = census.domains().into_iter().filter_map(|domain| match domain {
        Domain::Machine => None,
        Domain::Group(place) => Some((census.groups.get(place)?.path.clone(), named(domain))),
    });
    Forecasts::new(named(Domain::Machine), groups.take(FORECAST_GROUPS_MAX).collect())
}

fn limited(census: &Census) -> Vec<Limited> {
    let groups = census.domains().into_iter().filter_map(|domain| match domain {
        Domain::Machine => None,
        Domain::Group(place) => census.groups.get(place),
    });
    groups
        .filter_map(|group| {
            let limit_bytes = group.limit_pages?.checked_mul(census.page_bytes)?;
            Some(Limited { path: group.path.clone(), limit_bytes })
        })
        .collect()
}

impl Row {
    fn process(&self, pid: u32) -> Process<'_> {
        Process {
            pid,
            parent: self.parent,
            uid: self.uid,
            adj: self.adj,
            start_ticks: self.start_ticks,
            anon_kib: self.anon_kib,
            file_kib: self.file_kib,
            shmem_kib: self.shmem_kib,
            swap_kib: self.swap_kib,
            page_table_kib: self.page_table_kib,
            name: &self.name,
            command_line: self.command_line.as_deref().unwrap_or_default(),
            cgroup: &self.cgroup,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Between tables that nobody asked for: at least so long, and so many times what one takes, which
/// is one percent of one processor.
const QUIET_MIN: Duration = Duration::from_secs(5);
const QUIET_SHARE: u32 = 100;
const WANTED_MAX: usize = 8;
const NAMED_MAX: usize = 64;
const FORECAST_GROUPS_MAX: usize = 64;
const STACK_BYTES: usize = 512 * 1024;
