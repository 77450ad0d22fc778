//! A worker as the guard sees it: a process id, a slot of the scoreboard and one byte that says it
//! is ready. Nothing else a worker writes is ever read.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use menshen_config::model::PhpBackend;
use menshen_config::{ListenerSpec, PoolSpec, Secrets, SiteSpec, WorkerSpec};
use menshen_sys::spawn::{Plan, spawn};
use menshen_sys::{Slot, SlotDoor};
use menshen_tls::Token;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitStatus, kill_process, waitid};
use serde::{Deserialize, Serialize};

use crate::companion::handed_over;
use crate::generation::Generation;
use crate::links::Links;
use crate::posture::Shared;
use crate::{notify, sql, tunnel};

/// What all workers of this guard share, for its whole life.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) instance: String,
    pub(crate) ticket_key: [u8; 32],
    pub(crate) token: Token,
    pub(crate) scoreboard: File,
    pub(crate) oom_score_adj: Option<i32>,
    /// Failed handshakes; each worker has a part of its own.
    pub(crate) failures: File,
    /// Which steps against memory shortage hold.
    pub(crate) posture: Shared,
}

/// What of a guard's the workers of the web door of all generations are handed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lent<'a> {
    /// Certificates.
    pub(crate) shelf: BorrowedFd<'a>,
    /// What authorities are answered while orders run.
    pub(crate) challenges: BorrowedFd<'a>,
    /// The file of the socket where the tunnel worker takes over SSTP.
    pub(crate) sstp_file: Option<BorrowedFd<'a>>,
}

/// Which door a worker serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The web door.
    Web,
    /// The sql door; there is one of a generation.
    Sql,
    /// The tunnel door; there is one of a generation.
    Tunnel,
}

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: Pid,
    pub(crate) role: Role,
    pub(crate) index: u32,
    pub(crate) generation: u64,
    pub(crate) slot: u32,
    pub(crate) started: Instant,
    pub(crate) state: State,
    /// Whether its end was asked for.
    pub(crate) asked: bool,
    /// Whether it has ever been ready.
    pub(crate) served: bool,
}

/// Where it is in its life.
#[derive(Debug)]
pub(crate) enum State {
    /// Waits for the byte on this pipe, until the moment; `None`: it was closed without one.
    Starting { ready: Option<OwnedFd>, until: Instant },
    /// Accepts connections.
    Ready,
    /// Was asked to end; is killed at the moment.
    Draining { until: Instant },
}

/// A worker as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedWorker {
    pid: i32,
    role: Role,
    index: u32,
    generation: u64,
    slot: u32,
    lived_ms: u64,
    /// What is left of its patience, where its end was asked for.
    ends_in_ms: Option<u64>,
    asked: bool,
    served: bool,
}

impl HandedWorker {
    /// The worker, if it is still there to be waited for.
    pub(crate) fn adopt(&self, now: Instant) -> Option<Worker> {
        let pid = Pid::from_raw(self.pid).filter(|pid| is_child(*pid))?;
        let lived = Duration::from_millis(self.lived_ms);
        let started = now.checked_sub(lived).unwrap_or(now);
        let Self { role, index, generation, slot, asked, served, .. } = *self;
        let state = self.ends_in_ms.map_or(State::Ready, |left| State::Draining {
            until: now + Duration::from_millis(left),
        });
        Some(Worker { pid, role, index, generation, slot, started, state, asked, served })
    }
}

/// Whether there is such a child of this process, also one that has ended and was not waited for.
pub(crate) fn is_child(pid: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), look).is_ok()
}

impl Worker {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, now: Instant) -> HandedWorker {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let ends_in_ms = match self.state {
            State::Draining { until } => Some(millis(until.saturating_duration_since(now))),
            State::Starting { .. } | State::Ready => None,
        };
        let Self { role, index, generation, slot, asked, served, .. } = *self;
        let (pid, lived) = (self.pid.as_raw_nonzero().get(), now - self.started);
        let lived_ms = millis(lived);
        HandedWorker { pid, role, index, generation, slot, lived_ms, ends_in_ms, asked, served }
    }

    /// Starts worker `index` of the web door of `generation`.
    pub(crate) fn start(
        home: &Home,
        lent: Lent<'_>,
        generation: &Generation,
        index: u32,
        number: u32,
        slot: Slot,
    ) -> io::Result<Self> {
        let (ready, ready_write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut keep = vec![home.scoreboard.as_fd(), generation.root.as_fd(), ready_write.as_fd()];
        keep.extend([lent.shelf, home.failures.as_fd()]);
        keep.extend(lent.sstp_file);
        let posture = generation.config.guard.watch.then(|| home.posture.readable());
        keep.extend(posture);
        let challenges = generation.keeping.is_some().then_some(lent.challenges);
        keep.extend(challenges);
        keep.extend(generation.access_log.as_ref().map(AsFd::as_fd));
        keep.extend(generation.links.as_ref().map(|links| links.folder.as_fd()));
        let mut listeners = Vec::new();
        for door in &generation.doors {
            for socket in door.sockets_of(index, generation.workers) {
                let fd = socket.as_raw_fd();
                listeners.push(ListenerSpec { fd, role: door.role, address: door.bound });
                keep.push(socket);
            }
        }
        let spec = WorkerSpec {
            index,
            generation: generation.number,
            slot: number,
            instance: home.instance.clone(),
            config: generation.config.clone(),
            listeners,
            root_fd: generation.root.as_raw_fd(),
            sites: site_specs(generation, &mut keep),
            pools: pool_specs(generation, &mut keep),
            scoreboard_fd: home.scoreboard.as_raw_fd(),
            access_log_fd: generation.access_log.as_ref().map(AsRawFd::as_raw_fd),
            ready_fd: ready_write.as_raw_fd(),
            become_user: generation.account.as_ref().map(|account| (account.uid, account.gid)),
            oom_score_adj: home.oom_score_adj,
            shelf_fd: lent.shelf.as_raw_fd(),
            challenges_fd: challenges.map(|fd| fd.as_raw_fd()),
            failures_fd: Some(home.failures.as_raw_fd()),
            posture_fd: posture.map(|fd| fd.as_raw_fd()),
            // By a path of the worker's own: the folder of the socket is closed to it.
            tunnel_socket: lent
                .sstp_file
                .map(|fd| Path::new("/proc/self/fd").join(fd.as_raw_fd().to_string())),
            secrets: Secrets {
                ticket_key: home.ticket_key,
                token_digest: home.token.digest(),
                cookie_key: home.token.cookie_key(),
            },
            links: generation.links.as_ref().map(Links::spec),
            hooks: generation.hooks.clone(),
            s3: generation.s3.clone(),
        };
        let spec = handed_over("worker", &spec)?;
        let place = Place { role: Role::Web, index, generation: generation.number, number, slot };
        Self::launch(place, spec, &keep, ready)
    }

    /// Starts the worker of the sql door.
    pub(crate) fn start_sql(
        home: &Home,
        plan: &sql::Plan,
        desk: &sql::Desk,
        number: u32,
        slot: Slot,
    ) -> io::Result<Self> {
        let (ready, ready_write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let handed = sql::Handed {
            slot: number,
            scoreboard: home.scoreboard.as_fd(),
            posture: home.posture.readable(),
            ready: ready_write.as_fd(),
            oom_score_adj: home.oom_score_adj,
        };
        let (spec, keep) = plan.spec(desk, handed);
        let spec = handed_over("worker", &spec)?;
        let place = Place { role: Role::Sql, index: 0, generation: plan.since, number, slot };
        Self::launch(place, spec, &keep, ready)
    }

    /// Starts the worker of the tunnel door.
    pub(crate) fn start_tunnel(
        home: &Home,
        plan: &tunnel::Plan,
        (desk, memory): (&tunnel::Desk, &tunnel::Memory),
        number: u32,
        slot: Slot,
    ) -> io::Result<Self> {
        let (ready, ready_write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let handed = tunnel::Handed {
            slot: number,
            memory,
            scoreboard: home.scoreboard.as_fd(),
            ready: ready_write.as_fd(),
            oom_score_adj: home.oom_score_adj,
        };
        let (spec, keep) = plan.spec(desk, handed);
        let spec = handed_over("worker", &spec)?;
        let place = Place { role: Role::Tunnel, index: 0, generation: plan.since, number, slot };
        Self::launch(place, spec, &keep, ready)
    }

    fn launch(
        place: Place,
        spec: OwnedFd,
        keep: &[BorrowedFd<'_>],
        ready: OwnedFd,
    ) -> io::Result<Self> {
        let Place { role, index, generation, number, slot } = place;
        let started = Instant::now();
        slot.reset(index, generation, unix_millis());
        slot.set_door(role.door());
        let pid = spawn(Plan {
            program: Path::new("/proc/self/exe"),
            argv0: &format!("menshen: {}/{index}", role.word()),
            arguments: &[role.command()],
            stdin: spec,
            keep,
            hide: notify::HIDDEN,
            set: role.tunables(),
            foreign: None,
        })?;
        slot.set_pid(pid.as_raw_nonzero().get().unsigned_abs());
        let state = State::Starting { ready: Some(ready), until: started + START_MAX };
        let (asked, served) = (false, false);
        Ok(Self { pid, role, index, generation, slot: number, started, state, asked, served })
    }

    /// Asks it to go on with what it has and take nothing more; after `patience` it is killed.
    pub(crate) fn retire(&mut self, now: Instant, patience: Duration) {
        // One that is not ready yet listens to no signal of ours.
        if self.role == Role::Web || !matches!(self.state, State::Ready) {
            return self.drain(now, patience);
        }
        self.asked = true;
        self.signal(Signal::USR1);
        self.state = State::Draining { until: now + patience };
    }

    /// Asks it to finish what it has; after `patience` it is killed.
    pub(crate) fn drain(&mut self, now: Instant, patience: Duration) {
        self.asked = true;
        let until = now + patience;
        match self.state {
            // It sees by itself when all of menshen stops.
            State::Draining { until: sooner } if self.role == Role::Web => {
                self.state = State::Draining { until: sooner.min(until) };
            }
            State::Draining { until: sooner } if sooner <= until => {}
            // One of the other doors may be retired only.
            _ => {
                self.signal(Signal::TERM);
                self.state = State::Draining { until };
            }
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self, now: Instant) {
        self.signal(Signal::KILL);
        // Should the kernel take its time, the next look is not before this moment.
        self.state = State::Draining { until: now + Duration::from_secs(1) };
    }

    /// When the guard has to look after it again without being woken.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Starting { until, .. } | State::Draining { until } => Some(until),
            State::Ready => None,
        }
    }

    /// The pipe to wait on for its ready byte.
    pub(crate) fn ready_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Starting { ready, .. } => ready.as_ref().map(AsFd::as_fd),
            _ => None,
        }
    }

    /// Whether its ready byte came just now.
    pub(crate) fn became_ready(&mut self) -> bool {
        let State::Starting { ready, .. } = &mut self.state else { return false };
        let mut byte = [0];
        match ready.as_ref().map(|pipe| rustix::io::read(pipe, &mut byte)) {
            Some(Ok(1)) => {
                self.state = State::Ready;
                self.served = true;
                true
            }
            Some(Err(Errno::AGAIN | Errno::INTR)) | None => false,
            // Closed without a byte: it died, which its wait status tells, or it never will be
            // ready, which its deadline tells.
            Some(_) => {
                *ready = None;
                false
            }
        }
    }

    /// `web/0 (pid 123)`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{} (pid {})", self.role.word(), self.index, self.pid.as_raw_nonzero())
    }

    fn signal(&self, signal: Signal) {
        // It may be gone and not waited for yet; the number cannot be another's before that.
        let _ = kill_process(self.pid, signal);
    }
}

/// Where a worker belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    role: Role,
    index: u32,
    generation: u64,
    /// Of its slot in the scoreboard.
    number: u32,
    slot: Slot,
}

impl Role {
    /// What it is called.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Sql => "sql",
            Self::Tunnel => "tunnel",
        }
    }

    const fn command(self) -> &'static str {
        match self {
            Self::Web => "worker",
            Self::Sql => "sql-worker",
            Self::Tunnel => "tunnel-worker",
        }
    }

    const fn door(self) -> SlotDoor {
        match self {
            Self::Web => SlotDoor::Web,
            Self::Sql => SlotDoor::Sql,
            Self::Tunnel => SlotDoor::Tunnel,
        }
    }
}

/// The sites' folders for a worker, which keeps them open.
fn site_specs<'a>(generation: &'a Generation, keep: &mut Vec<BorrowedFd<'a>>) -> Vec<SiteSpec> {
    let mut hand = |fd: &'a OwnedFd| {
        keep.push(fd.as_fd());
        fd.as_raw_fd()
    };
    let sites = generation.config.sites.iter().zip(&generation.sites);
    sites
        .map(|(site, folders)| SiteSpec {
            root_fd: hand(&folders.root),
            mount_fds: folders.mounts.iter().map(&mut hand).collect(),
            store_fds: folders.stores.iter().map(|fd| fd.as_ref().map(&mut hand)).collect(),
            pool: generation.php.pool_of(&site.php),
        })
        .collect()
}

/// The pools for a worker, with the shared bell of each.
fn pool_specs<'a>(generation: &'a Generation, keep: &mut Vec<BorrowedFd<'a>>) -> Vec<PoolSpec> {
    let php = &generation.php;
    let Some(spool) = &php.spool else { return Vec::new() };
    keep.push(spool.as_fd());
    let pools = php.pools.iter().map(|pool| {
        keep.push(pool.place.wake.as_fd());
        PoolSpec {
            address: pool.place.address.clone(),
            workers: pool.workers,
            managed: pool.backend == PhpBackend::Managed,
            status: pool.status.clone(),
            folder: generation.config.php.folder.clone(),
            spool_fd: spool.as_raw_fd(),
            spool_path: php.spool_path.clone(),
            place: pool.place.number,
            wake_fd: pool.place.wake.as_raw_fd(),
        }
    });
    pools.collect()
}

/// How a process ended, to follow its name.
pub(crate) fn describe(status: WaitStatus) -> String {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("unknown");
            format!("was killed by signal {signal} ({name})")
        }
        (None, Some(code)) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|time| u64::try_from(time.as_millis()).ok()).unwrap_or(0)
}

/// How long a worker may take to get ready.
pub(crate) const START_MAX: Duration = Duration::from_secs(10);

impl Role {
    /// How glibc shall behave in it.
    const fn tunables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Web => WEB_TUNABLES,
            Self::Sql => SQL_TUNABLES,
            Self::Tunnel => &[],
        }
    }
}

/// Of the web door's; both were measured, docs/decisions/0003 has the figures.
///
/// - It gives memory back whenever 128 KiB at the end of the heap are free, and a step of a TLS
///   download is 512 KiB: every step would fault its pages in anew.
/// - It copies large pieces with `rep movsb`, which on some processors is ten times slower when
///   the destination lies 1-16 bytes past the source modulo the page size, as it does for TLS
///   records behind their 5-byte header.
const WEB_TUNABLES: &[(&str, &str)] = &[(
    "GLIBC_TUNABLES",
    "glibc.malloc.trim_threshold=8388608:glibc.malloc.arena_max=2:\
     glibc.cpu.x86_rep_movsb_threshold=1000000000",
)];

/// Of the sql door's: a cache that grows asks the kernel for memory a mebibyte at a time, where
/// glibc would for each page, and gives back what is free only where it is much: a tenth of the
/// processor time of a statement that is stored (docs/decisions/0030).
const SQL_TUNABLES: &[(&str, &str)] =
    &[("GLIBC_TUNABLES", "glibc.malloc.top_pad=1048576:glibc.malloc.trim_threshold=16777216")];
