//! One php-fpm of our own: started, watched, started again, ended.
//!
//! Its sockets belong to the guard, which hands them over by `FPM_SOCKETS` (the way php-fpm hands
//! them to itself when it restarts). So a php-fpm that dies loses no waiting request: they stay in
//! the socket's queue for its successor, as those of the doors do for theirs.
//!
//! How it can fail, and what then:
//! - it does not start (settings, rights, memory): what it said is in the log, the next try comes
//!   later and later, and from the third on its sockets are closed, so that requests are refused
//!   at once instead of waiting for nobody;
//! - the master dies: its children would go on accepting without anybody to replace them, so the
//!   whole process group is ended before the next master starts. The requests they had in hand are
//!   lost, those in the queue are not;
//! - a child dies: the master starts another;
//! - the guard dies: the kernel sends the master `SIGTERM`, and it ends its children. Only if both
//!   are killed in the same moment, children are left; they hold the old sockets, which nobody can
//!   reach any more by name, and wait there until they are ended by hand.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use menshen_guard_core::restart::{RestartRecord, START_TRIES_MAX};
use menshen_sys::spawn::{Foreign, Plan, spawn};
use rustix::fs::{Mode, OFlags};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, kill_process, kill_process_group,
    waitid, waitpid,
};

use serde::{Deserialize, Serialize};

use super::find::Program;
use super::folder::{Folder, listen};
use super::place::Place;
use super::pool::{PoolPlan, QUIT_SECONDS};
use super::said::Said;
use crate::account::Account;
use crate::error::GuardError;
use crate::handover::{Handed, Outgoing};
use crate::worker::{describe, is_child};
use crate::{log, notify};

/// What makes a pool another one: with the same of all this a reload leaves it alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) program: Program,
    pub(crate) plan: PoolPlan,
    pub(crate) account: Option<Account>,
    pub(crate) folder: Folder,
}

/// A php-fpm of our own.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) number: u32,
    pub(crate) identity: Identity,
    /// Who uses it holds its place; without users it is ended.
    pub(crate) place: Weak<Place>,
    /// Path and listening socket; empty: closed, since it does not start.
    sockets: Vec<(PathBuf, OwnedFd)>,
    state: State,
    record: RestartRecord,
    said: Option<Said>,
    /// It was ready once, failed, or took too long: nobody waits for it any more.
    pub(crate) settled: bool,
    /// Why it does not run.
    pub(crate) failure: Option<String>,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Is started at the moment.
    Waiting {
        at: Instant,
    },
    /// Runs, and has not said that it accepts requests.
    Starting {
        pid: Pid,
        since: Instant,
        until: Instant,
    },
    Running {
        pid: Pid,
        since: Instant,
    },
    /// Was asked to end, the last time so; the next step comes at the moment.
    Ending {
        pid: Pid,
        by: Signal,
        until: Instant,
    },
    Gone,
}

/// What a started php-fpm gets from the guard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inheritance {
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) descriptors: Option<u64>,
}

/// A php-fpm as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedPool {
    number: u32,
    identity: Identity,
    /// Number of its place; `None`: nobody uses it any more.
    place: Option<u32>,
    sockets: Vec<(PathBuf, RawFd)>,
    pid: i32,
    said: Option<RawFd>,
    ending: bool,
}

impl HandedPool {
    /// Whether this is its process id.
    pub(crate) fn is(&self, pid: Pid) -> bool {
        pid.as_raw_nonzero().get() == self.pid
    }
}

impl Managed {
    /// What the next program is told; one that does not run it starts itself.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> Option<HandedPool> {
        let pid = self.pid()?.as_raw_nonzero().get();
        let sockets = self.sockets.iter().map(|(path, fd)| (path.clone(), outgoing.add(fd)));
        Some(HandedPool {
            number: self.number,
            identity: self.identity.clone(),
            place: self.place.upgrade().map(|place| place.number),
            sockets: sockets.collect(),
            pid,
            said: self.said.as_ref().map(|said| outgoing.add(&said.pipe)),
            ending: self.is_ending(),
        })
    }

    /// One that another program started.
    pub(crate) fn adopt(
        handed: &HandedPool,
        left: &Handed,
        now: Instant,
    ) -> Result<Self, GuardError> {
        let place = left.places.iter().find(|place| Some(place.number) == handed.place);
        let socket = |(path, number): &(PathBuf, RawFd)| Ok((path.clone(), left.copy(*number)?));
        let pid = Pid::from_raw(handed.pid).filter(|pid| is_child(*pid));
        let state = match pid {
            Some(pid) if handed.ending => {
                State::Ending { pid, by: Signal::QUIT, until: now + QUIT_MAX }
            }
            Some(pid) => State::Running { pid, since: now },
            None => State::Waiting { at: now },
        };
        let said = handed.said.map(|number| left.copy(number).map(Said::of)).transpose()?;
        Ok(Self {
            number: handed.number,
            identity: handed.identity.clone(),
            place: place.map(Rc::downgrade).unwrap_or_default(),
            sockets: handed.sockets.iter().map(socket).collect::<Result<_, GuardError>>()?,
            state,
            record: RestartRecord::new(),
            said,
            settled: true,
            failure: None,
        })
    }

    /// Ends it and all its children, and is there until they are gone.
    pub(crate) fn kill_and_wait(&mut self, now: Instant) {
        if let Some(pid) = self.pid() {
            self.kill(now);
            let _ = waitpid(Some(pid), WaitOptions::empty());
            self.bury();
        }
    }

    /// Makes its sockets and settings and has php-fpm check them; nothing is started.
    pub(crate) fn prepare(
        number: u32,
        identity: Identity,
        now: Instant,
    ) -> Result<Self, GuardError> {
        let mut pool = Self {
            number,
            identity,
            place: Weak::new(),
            sockets: Vec::new(),
            state: State::Waiting { at: now },
            record: RestartRecord::new(),
            said: None,
            settled: false,
            failure: None,
        };
        match pool.write_settings().and_then(|()| pool.open_sockets()) {
            Ok(()) => Ok(pool),
            Err(error) => {
                pool.bury();
                Err(error)
            }
        }
    }

    /// The socket requests go to.
    pub(crate) fn socket(&self) -> PathBuf {
        self.identity.folder.of_pool("fpm", self.number, "sock")
    }

    /// The socket its status is asked at: its own where php-fpm knows such a thing.
    pub(crate) fn status_socket(&self) -> PathBuf {
        let own = self.identity.program.has_status_listen();
        self.identity.folder.of_pool(if own { "status" } else { "fpm" }, self.number, "sock")
    }

    /// The master's process id while it runs.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Starting { pid, .. }
            | State::Running { pid, .. }
            | State::Ending { pid, .. } => Some(pid),
            State::Waiting { .. } | State::Gone => None,
        }
    }

    /// The master's process id while it is neither starting nor ending.
    pub(crate) fn running(&self) -> Option<Pid> {
        if let State::Running { pid, .. } = self.state { Some(pid) } else { None }
    }

    /// Where its words come from.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.said.as_ref().map(|said| said.pipe.as_fd())
    }

    /// When it has to be looked after without being woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { at } => Some(at),
            State::Starting { until, .. } | State::Ending { until, .. } => Some(until),
            State::Running { .. } | State::Gone => None,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending { .. } | State::Gone)
    }

    /// Passes its words on.
    pub(crate) fn hear(&mut self, now: Instant) {
        let Some(said) = &mut self.said else { return };
        for line in said.hear(now) {
            log::event(&format!("php-fpm: {line}"));
        }
        if let (State::Starting { pid, since, .. }, true) = (self.state, said.ready) {
            self.state = State::Running { pid, since };
            self.settled = true;
            self.failure = None;
        }
    }

    /// Starts it when that is due, goes on with its end when it takes too long.
    pub(crate) fn keep_times(&mut self, inheritance: Inheritance, now: Instant) {
        if self.deadline().is_none_or(|at| now < at) {
            return;
        }
        match self.state {
            State::Waiting { .. } => self.start(inheritance, now),
            State::Starting { pid, since, .. } => {
                let name = self.name();
                log::event(&format!("{name} is not ready after {} s", START_MAX.as_secs()));
                self.state = State::Running { pid, since };
                self.settled = true;
            }
            State::Ending { by: Signal::QUIT, .. } => self.signal(Signal::TERM, now + TERM_MAX),
            State::Ending { .. } => self.kill(now),
            State::Running { .. } | State::Gone => {}
        }
    }

    /// Asks it to finish what it has; what takes longer than [`QUIT_MAX`] is ended.
    pub(crate) fn quit(&mut self, now: Instant) {
        match self.state {
            State::Waiting { .. } => self.bury(),
            // Before it has its handlers a SIGQUIT would leave a core file.
            State::Starting { .. } => self.signal(Signal::TERM, now + TERM_MAX),
            State::Running { .. } => self.signal(Signal::QUIT, now + QUIT_MAX),
            State::Ending { .. } | State::Gone => {}
        }
    }

    /// Ends it and all its children at once.
    pub(crate) fn kill(&mut self, now: Instant) {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
            let until = now + Duration::from_secs(1);
            self.state = State::Ending { pid, by: Signal::KILL, until };
        }
    }

    /// Notices its end. The children are ended while the master is still to be waited for, since
    /// the number of its group cannot be another's until then.
    pub(crate) fn collect(&mut self, now: Instant) {
        let Some(pid) = self.pid() else { return };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if !matches!(waitid(WaitId::Pid(pid), look), Ok(Some(_))) {
            return;
        }
        let _ = kill_process_group(pid, Signal::KILL);
        if let Ok(Some((_, status))) = waitpid(Some(pid), WaitOptions::NOHANG) {
            self.ended(status, now);
        }
    }

    /// Its master has ended and was waited for.
    pub(crate) fn ended(&mut self, status: WaitStatus, now: Instant) {
        self.hear(now);
        let (name, last) = (self.name(), self.said.take().map(|said| said.last_words()));
        let (began, was_ready) = match self.state {
            State::Starting { since, .. } => (since, false),
            State::Running { since, .. } => (since, true),
            _ => return self.bury(),
        };
        let lived = now.saturating_duration_since(began);
        let mut what = format!("{name} {}", describe(status));
        if let Some(words) = last.filter(|words| !was_ready && !words.is_empty()) {
            what.push_str(&format!(": {words}"));
        }
        self.fail(what, lived, now);
    }

    fn start(&mut self, inheritance: Inheritance, now: Instant) {
        match self.try_start(inheritance, now) {
            Ok(pid) => {
                self.state = State::Starting { pid, since: now, until: now + START_MAX };
            }
            Err(error) => {
                let text = error.render();
                self.fail(text.trim_start_matches("menshen: ").to_owned(), Duration::ZERO, now);
            }
        }
    }

    fn try_start(&mut self, inheritance: Inheritance, now: Instant) -> Result<Pid, GuardError> {
        // An old one's last words are not the new one's.
        self.said = None;
        if self.sockets.is_empty() || self.sockets.iter().any(|(path, _)| !path.exists()) {
            // A php-fpm that ends in order removes its sockets where it may.
            self.open_sockets()?;
        }
        let program = self.identity.program.path.clone();
        let failed = |source| GuardError::LocalFile { action: "start", path: program, source };
        self.spawn(inheritance, now).map_err(failed)
    }

    fn spawn(&mut self, inheritance: Inheritance, _now: Instant) -> std::io::Result<Pid> {
        let (said, output) = Said::new()?;
        let handed: Vec<String> = self
            .sockets
            .iter()
            .map(|(path, socket)| format!("{}={}", path.display(), socket.as_raw_fd()))
            .collect();
        let keep: Vec<BorrowedFd<'_>> = self.sockets.iter().map(|(_, s)| s.as_fd()).collect();
        let stdin = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let settings = self.settings_path();
        let account = self.identity.account.as_ref();
        let pid = spawn(Plan {
            program: &self.identity.program.path,
            argv0: "php-fpm",
            arguments: &["-F", "-O", "-y", settings.to_str().unwrap_or_default()],
            stdin,
            keep: &keep,
            hide: notify::HIDDEN,
            set: &[("FPM_SOCKETS", &handed.join(","))],
            foreign: Some(Foreign {
                output,
                user: account.map(|account| (account.uid, account.gid)),
                oom_score_adj: inheritance.oom_score_adj,
                descriptors: inheritance.descriptors,
            }),
        })?;
        self.said = Some(said);
        Ok(pid)
    }

    fn fail(&mut self, what: String, lived: Duration, now: Instant) {
        let wait = self.record.ended(lived);
        log::event(&format!("{what}; starting it again in {:.1} s", wait.as_secs_f32()));
        self.settled = true;
        self.failure = Some(what);
        if self.record.failures() >= START_TRIES_MAX {
            self.close_sockets();
        }
        self.state = State::Waiting { at: now + wait };
    }

    fn signal(&mut self, by: Signal, until: Instant) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, by);
            self.state = State::Ending { pid, by, until };
        }
    }

    fn bury(&mut self) {
        self.state = State::Gone;
        self.close_sockets();
        let _ = std::fs::remove_file(self.settings_path());
    }

    fn close_sockets(&mut self) {
        for (path, _socket) in self.sockets.drain(..) {
            // It may be gone already.
            let _ = std::fs::remove_file(path);
        }
    }

    fn open_sockets(&mut self) -> Result<(), GuardError> {
        self.sockets.clear();
        let mut paths = vec![self.socket(), self.status_socket()];
        paths.dedup();
        for path in paths {
            let socket = listen(&path, self.identity.account.as_ref())?;
            self.sockets.push((path, socket));
        }
        Ok(())
    }

    fn write_settings(&self) -> Result<(), GuardError> {
        let (socket, status) = (self.socket(), self.status_socket());
        // Both would cut the list in FPM_SOCKETS.
        if socket.to_str().is_none_or(|path| path.contains([',', '='])) {
            return Err(GuardError::ConfigPhpFolder { path: socket });
        }
        let own = (status != socket).then_some(status.as_path());
        let text = self.identity.plan.render(&self.identity.folder, &socket, own)?;
        let (path, account) = (self.settings_path(), self.identity.account.as_ref());
        super::folder::private_file(&path, &text, account)?;
        check(&self.identity.program.path, &path, account)
    }

    fn settings_path(&self) -> PathBuf {
        self.identity.folder.of_pool("fpm", self.number, "conf")
    }

    fn name(&self) -> String {
        match self.pid() {
            Some(pid) => format!("php-fpm (pid {})", pid.as_raw_nonzero()),
            None => "php-fpm".to_owned(),
        }
    }
}

/// Asks php-fpm what it thinks of its settings.
fn check(program: &Path, settings: &Path, account: Option<&Account>) -> Result<(), GuardError> {
    let settings = settings.to_str().unwrap_or_default();
    let arguments = ["-t", "-F", "-O", "-y", settings];
    let output = super::find::run(program, &arguments, account).map_err(|source| {
        GuardError::LocalFile { action: "start", path: program.to_owned(), source }
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("NOTICE: ")).collect();
    Err(GuardError::ConfigPhpRefused { detail: lines.join("\n          ") })
}

/// How long it may take to accept requests.
const START_MAX: Duration = Duration::from_secs(10);

/// How long an end in order may take: php-fpm's own patience with scripts, and then some.
const QUIT_MAX: Duration = Duration::from_secs(QUIT_SECONDS + 2);

/// How long it may take to end its children.
const TERM_MAX: Duration = Duration::from_secs(2);
