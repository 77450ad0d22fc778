//! The guard's life: start, one poll loop, stop.
//!
//! Everything happens on one thread, in the order of one loop: ended workers, ready workers,
//! moments that came, what signals ask for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use menshen_config::{Colour, Config};
use menshen_sys::Scoreboard;
use menshen_sys::process::{ignore_terminal_stops, stdin_from_null};
use menshen_sys::scoreboard::HeaderWord;
use menshen_sys::spawn::seal_descriptors;
use menshen_tls::{Token, ensure_token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::announce::{self, TokenShown};
use crate::error::GuardError;
use crate::folders::{StateLock, create_failures, scoreboard_path};
use crate::generation::{Current, Generation};
use crate::handover::{Handed, Inventory};
use crate::keeper::{Keeper, Store};
use crate::memory::{self, Protection};
use crate::php::{Estate, HeldPlaces, Inheritance, Php};
use crate::posture::Shared;
use crate::settings::{self, Source};
use crate::shelf::Certificates;
use crate::signals::{Asked, Signals};
use crate::sockets::activation;
use crate::watch::Watch;
use crate::worker::{Home, Worker, unix_millis};
use crate::{log, notify, sql, tunnel};
use crew::Seat;
use upgrade::Upgrade;

mod crew;
mod reload;
mod upgrade;

/// What `menshen serve` was asked for.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The configuration, read again at each reload.
    pub source: Source,
    /// What is printed once the door is open.
    pub print: Print,
    /// Says what is wrong with the octets of a file of users, if anything, and never what a line
    /// says. The guard does not know such files; what is wrong never reaches a worker.
    pub users: UsersCheck,
}

/// What is wrong with a file of users; bounded in time and memory.
pub type UsersCheck = fn(&[u8]) -> Result<(), String>;

/// What is printed once the door is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// The owner link and how the door can be reached.
    Full,
    /// Nothing but warnings.
    Quiet,
}

/// Opens the door and keeps it open until `SIGTERM` or `SIGINT`.
///
/// The exit code is 0 after a stop that was asked for, else that of the error, which has been
/// printed. An end that follows a handover is 111 whatever the error: a service manager that leaves
/// a door shut for a mistake in the configuration must not do so for a door that was open.
#[must_use]
pub fn serve(options: ServeOptions) -> ExitCode {
    let before = match Handed::take() {
        Ok(before) => before,
        Err(error) => return fail(&error, RETRY),
    };
    let follows = before.is_some();
    // Here, so that who goes back from a start that failed still knows what was asked for.
    let signals = match Signals::install() {
        Ok(signals) => Rc::new(signals),
        Err(source) => {
            let error = GuardError::LocalSystem { action: "install signal handlers", source };
            return fail(&error, error.exit_code());
        }
    };
    let started = Guard::start(options, before.clone(), Rc::clone(&signals));
    if let (Err(error), Some(before)) = (&started, before.filter(|before| before.can_go_back())) {
        // Returns only where that cannot be.
        log::event(&before.go_back(error, &signals, Asked::default()).render());
    }
    let ended = started.and_then(Guard::run);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if follows => fail(&error, RETRY),
        Err(error) => fail(&error, error.exit_code()),
    }
}

fn fail(error: &GuardError, code: u8) -> ExitCode {
    log::to_stderr(&format!("{}\n", error.render()));
    ExitCode::from(code)
}

struct Guard {
    options: ServeOptions,
    began: Instant,
    signals: Rc<Signals>,
    state: Rc<StateLock>,
    /// Where a program to become is looked for.
    program: PathBuf,
    /// Soft limit of open files before it was raised.
    descriptors: Option<u64>,
    home: Home,
    board: Scoreboard,
    protection: Protection,
    /// What is served now.
    current: Generation,
    /// Prepared and started, not all ready yet.
    pending: Option<Generation>,
    /// Number of the last generation tried.
    last_number: u64,
    /// One per worker of the current generation, those of the web door first.
    seats: Vec<Seat>,
    workers: Vec<Worker>,
    certificates: Certificates,
    /// What workers of the sql door share; from the first generation that has one.
    desk: Option<sql::Desk>,
    /// What workers of the tunnel door share while there is one.
    tunnels: Option<tunnel::Desk>,
    /// What they share for ever: retired ones outlast the door.
    tunnel_memory: tunnel::Memory,
    keeper: Keeper,
    store: Store,
    watch: Watch,
    php: Estate,
    /// PHP of earlier generations that still have workers.
    retired: Vec<(u64, Php)>,
    /// The workers of the next generation are not started yet: its pools come first.
    pending_waits: bool,
    reload_wanted: bool,
    upgrade_wanted: bool,
    upgrade: Option<Upgrade>,
    /// What the program before left, until this one serves.
    before: Option<Rc<Handed>>,
    /// Places at PHP of workers of the program before, up to that generation.
    left_places: (u64, HeldPlaces),
    opened: bool,
    stopping: bool,
    /// Why the guard ends by itself.
    fatal: Option<GuardError>,
}

impl Guard {
    fn start(
        options: ServeOptions,
        before: Option<Rc<Handed>>,
        signals: Rc<Signals>,
    ) -> Result<Self, GuardError> {
        let began = Instant::now();
        let system = |action| move |source| GuardError::LocalSystem { action, source };
        ignore_terminal_stops();
        stdin_from_null().map_err(system("open /dev/null"))?;
        seal_descriptors().map_err(system("read /proc/self/fd"))?;
        let left = before.as_deref();
        let (program, descriptors) = program_and_limit(left)?;
        let config = first_config(&options.source, left)?;
        let state = match left {
            Some(left) => left.lock(&config.state)?,
            None => Rc::new(StateLock::take(&config.state)?),
        };
        let token = ensure_token(&config.state)?;
        let protection = memory::protect(left.map(|left| left.inventory.score_saved));
        let oom_score_adj = protection.scores.workers;
        let inheritance = Inheritance { oom_score_adj, descriptors };
        let mut php = match left {
            Some(left) => Estate::adopt(inheritance, left, began)?,
            None => Estate::new(inheritance),
        };
        let store = Store::new(&config.state);
        let mut current = first_generation(config, left, &mut php, &store)?;
        let contents = std::mem::take(&mut current.certificates);
        let certificates = Certificates::create(contents, began)?;
        let keeper = Keeper::create(oom_score_adj).map_err(system("make a bulletin"))?;
        let desk = sql_desk(&current, left)?;
        let (tunnels, tunnel_memory) = share_tunnels(&current, options.users, left)?;
        let shared = SharedFiles::make(&current.config.state, left)?;
        current.php.show(&shared.board);
        let board = shared.board;
        let home = shared.home(token, oom_score_adj, left)?;
        let mut guard = Self {
            options,
            began,
            signals,
            state,
            program,
            descriptors,
            workers: left.map_or_else(Vec::new, |left| left.workers(began)),
            home,
            board,
            protection,
            last_number: current.number,
            current,
            pending: None,
            seats: Vec::new(),
            certificates,
            desk,
            tunnels,
            tunnel_memory,
            keeper,
            store,
            watch: Watch::default(),
            php,
            retired: Vec::new(),
            pending_waits: false,
            reload_wanted: false,
            upgrade_wanted: false,
            upgrade: None,
            before,
            left_places: (0, HeldPlaces::new()),
            opened: false,
            stopping: false,
            fatal: None,
        };
        guard.php.keep_times(Instant::now());
        guard.start_crews(began);
        Ok(guard)
    }

    fn run(mut self) -> Result<(), GuardError> {
        while !(self.stopping && self.is_gone()) {
            self.wait();
            let now = Instant::now();
            // A stop before all else: a step of an upgrade would leave it to the next program.
            self.hear(self.signals.take(), now);
            self.php.look(now);
            if self.keeper.hear(now, &mut self.store) {
                self.certificates.refresh(&self.current.config, &self.store);
            }
            self.collect_ended(now);
            self.welcome_ready(now);
            self.keep_times(now);
            self.begin_wanted(now);
        }
        self.fatal.map_or(Ok(()), Err)
    }

    /// Sleeps until a signal, a ready worker, or the next moment something is due.
    fn wait(&self) {
        let ready = self.workers.iter().filter_map(Worker::ready_fd);
        let mut fds: Vec<PollFd<'_>> = std::iter::once(self.signals.wake_fd())
            .chain(ready)
            .chain(self.php.pipes())
            .chain(self.keeper.pipe())
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let due = self.workers.iter().filter_map(Worker::deadline);
        let due = due.chain(self.seats.iter().filter_map(|seat| seat.start_at));
        let due = due.chain(self.php.deadline()).chain(self.keeper.deadline());
        let due = due.chain([self.certificates.deadline()]);
        let due = due.chain(self.tunnels.as_ref().map(tunnel::Desk::deadline));
        let due = due.chain(self.upgrade.as_ref().and_then(Upgrade::deadline));
        let due = due.chain(self.watch.deadline()).min();
        let pause = due.map_or(DAY, |due| due.saturating_duration_since(Instant::now()));
        // Rounded up, or the loop would spin through the last millisecond.
        let pause = Timespec::try_from(pause + Duration::from_millis(1)).ok();
        // Interrupted or not, the loop looks at everything anyway.
        let _ = poll(&mut fds, pause.as_ref());
    }

    /// Begins to stop at once; the rest is remembered.
    fn hear(&mut self, asked: Asked, now: Instant) {
        if self.stopping && asked.interrupt {
            log::event("interrupted again; ending at once");
            self.workers.iter_mut().for_each(|worker| worker.kill(now));
            self.php.kill(now);
            self.keeper.kill(now);
            self.watch.kill(now);
        } else if asked.ends() {
            self.begin_stop(now, "stopping: waiting for open transfers to end");
        }
        self.reload_wanted |= asked.reload;
        self.upgrade_wanted |= asked.upgrade;
    }

    fn begin_wanted(&mut self, now: Instant) {
        let busy = self.pending.is_some() || self.upgrade.is_some();
        if !self.opened || self.stopping || busy {
            return;
        }
        if std::mem::take(&mut self.reload_wanted) {
            self.begin_reload();
        } else if std::mem::take(&mut self.upgrade_wanted) {
            self.begin_upgrade(now);
        }
    }

    fn keep_times(&mut self, now: Instant) {
        self.look_after_workers(now);
        if self.stopping && self.workers.is_empty() {
            self.php.quit(now);
            self.watch.quit(now);
        }
        self.php.keep_times(now);
        self.php.recycle(&self.home.posture.posture, now);
        self.watch.keep_times(now, &self.home.posture, &self.home.scoreboard);
        self.start_crews(now);
        let saved = self.keeper.keep_times(now, &mut self.store);
        if (self.certificates.is_due(now) || saved) && !self.stopping {
            self.certificates.refresh(&self.current.config, &self.store);
        }
        if let (Some(desk), false) = (&mut self.tunnels, self.stopping) {
            desk.look(now, &mut self.tunnel_memory);
        }
        self.board.set_header(HeaderWord::ShelfVersion, self.certificates.version());
        self.go_on_upgrading(now);
    }

    fn begin_stop(&mut self, now: Instant, why: &str) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        log::event(why);
        self.board.set_header(HeaderWord::Stopping, 1);
        notify::stopping();
        self.pending = None;
        self.upgrade.take().into_iter().for_each(Upgrade::drop_it);
        self.seats.clear();
        self.keeper.quit(now);
        let patience = self.patience();
        self.workers.iter_mut().for_each(|worker| worker.drain(now, patience));
        // From here on only the workers hold the sockets: as soon as they stop accepting, new
        // connections are refused instead of waiting in a queue nobody serves.
        self.current.doors.clear();
        self.current.sql = None;
        self.current.tunnel = None;
    }

    /// The door is open: everybody may know.
    fn open(&mut self) {
        self.opened = true;
        self.want_keeper(Instant::now());
        self.watch.want(&self.current.config.guard, Instant::now());
        notify::ready(&self.status_line());
        if let Some(before) = self.before.take() {
            self.take_over(&before, Instant::now());
            self.log_findings();
        } else if self.options.print == Print::Full {
            let token = if notify::under_service_manager() {
                TokenShown::No
            } else {
                TokenShown::Yes(self.home.token.expose())
            };
            let started_ms = self.began.elapsed().as_millis();
            let text = announce::text(
                &self.current,
                self.certificates.current(),
                &self.protection,
                token,
                started_ms,
            );
            log::to_stdout(&text);
        } else {
            self.log_findings();
        }
    }

    fn status_line(&self) -> String {
        let (workers, number) = (self.current.workers, self.current.number);
        let plural = if workers == 1 { "" } else { "s" };
        format!("{workers} worker{plural}, generation {number}")
    }

    fn log_findings(&self) {
        for finding in self.current.findings.iter().chain(&self.certificates.current().findings) {
            log::event(&log::finding_text(finding));
        }
    }

    /// Whatever the current configuration wants of the keeper.
    fn want_keeper(&mut self, now: Instant) {
        self.store.forget_others(&self.current.config.tls.acme);
        self.keeper.want(self.current.keeping.clone(), now);
    }

    /// Whether no process is left.
    fn is_gone(&self) -> bool {
        let children = self.php.is_gone() && self.keeper.is_gone() && self.watch.is_gone();
        self.workers.is_empty() && children
    }

    /// How long a draining worker is waited for: its own limit and a little more.
    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.current.config.limits.drain_seconds_max) + 2)
    }
}

/// Where a program to become is looked for, and the soft limit of open files before it was raised:
/// this program's, or as `left`.
fn program_and_limit(left: Option<&Handed>) -> Result<(PathBuf, Option<u64>), GuardError> {
    let found = raise_descriptor_limit();
    if let Some(Inventory { program, descriptors, .. }) = left.map(|left| &left.inventory) {
        return Ok((program.clone(), *descriptors));
    }
    let program = std::env::current_exe()
        .map_err(|source| GuardError::LocalSystem { action: "find the own program", source })?;
    Ok((program, found))
}

/// What the file says, or what was served before, for whoever came back.
fn first_config(source: &Source, left: Option<&Handed>) -> Result<Config, GuardError> {
    if let Some(config) = left.map(Handed::config).transpose()?.flatten() {
        return Ok(config);
    }
    let settings = settings::load(source, Colour::Plain)?;
    log::to_stderr(&settings.warnings);
    Ok(settings.config)
}

/// The first generation of this program, on the sockets there are: those `left` by another one, or
/// those of the service manager.
fn first_generation(
    config: Config,
    left: Option<&Handed>,
    php: &mut Estate,
    store: &Store,
) -> Result<Generation, GuardError> {
    let Some(left) = left else {
        let activated = activation::take()?;
        let before = Current { doors: &activated, serving: 0, sql: None, tunnel: None };
        return Generation::prepare(config, 1, before, php, (store, None));
    };
    let Inventory { serving, generation, sql, tunnel, .. } = &left.inventory;
    let doors = left.doors()?;
    let sql_doors = sql.as_ref().map(|sql| sql.doors(left)).transpose()?;
    let tunnel_doors = tunnel.as_ref().map(|tunnel| tunnel.doors(left)).transpose()?;
    let threads = sql.as_ref().map_or(0, |sql| sql.threads);
    let before = Current {
        doors: &doors,
        serving: *serving,
        sql: sql_doors.as_ref().map(|doors| sql::Before { doors, threads, plan: None }),
        tunnel: tunnel_doors.as_ref().map(|doors| tunnel::Before { doors, plan: None }),
    };
    Generation::prepare(config, generation + 1, before, php, (store, None))
}

/// What the workers of the sql door of a guard that begins share.
fn sql_desk(current: &Generation, left: Option<&Handed>) -> Result<Option<sql::Desk>, GuardError> {
    if current.sql.is_none() {
        return Ok(None);
    }
    if let Some((left, sql)) = left.and_then(|left| Some((left, left.inventory.sql.as_ref()?)))
        && let Some(desk) = sql.desk(left)?
    {
        return Ok(Some(desk));
    }
    sql::Desk::create(&current.config.state).map(Some)
}

/// What the workers of the tunnel door of a guard that begins share.
fn share_tunnels(
    current: &Generation,
    users: UsersCheck,
    left: Option<&Handed>,
) -> Result<(Option<tunnel::Desk>, tunnel::Memory), GuardError> {
    let mut memory = match left {
        Some(left) => left.inventory.tunnel_memory.adopt(left, users)?,
        None => tunnel::Memory::create(users)?,
    };
    let desk = current.tunnel.as_ref().map(|plan| {
        // Its sockets lie in the folder of the state.
        tunnel::Desk::create(&current.config.state, plan, &mut memory, left)
    });
    Ok((desk.transpose()?, memory))
}

/// Files in the state folder that workers share, of a guard that begins.
struct SharedFiles {
    board: Scoreboard,
    scoreboard: File,
    failures: File,
    posture: Shared,
}

impl SharedFiles {
    fn make(state: &Path, left: Option<&Handed>) -> Result<Self, GuardError> {
        let Some(left) = left else {
            let (board, scoreboard) = fresh_board(state)?;
            let (failures, posture) = (create_failures(state)?, Shared::create(state)?);
            return Ok(Self { board, scoreboard, failures, posture });
        };
        let Inventory { board_fd, failures_fd, posture_fd, .. } = left.inventory;
        let scoreboard = File::from(left.copy(board_fd)?);
        let board = Scoreboard::from_file(&scoreboard)
            .map_err(|source| GuardError::LocalSystem { action: "map the scoreboard", source })?;
        let (failures, posture) = (left.copy(failures_fd)?.into(), left.copy(posture_fd)?);
        Ok(Self { board, scoreboard, failures, posture: Shared::adopt(posture)? })
    }

    /// What all workers share, with the names and keys `left`, or new ones.
    fn home(
        self,
        token: Token,
        oom_score_adj: Option<i32>,
        left: Option<&Handed>,
    ) -> Result<Home, GuardError> {
        let (instance, ticket_key) = match left.map(|left| &left.inventory) {
            Some(left) => (left.instance.clone(), left.ticket_key),
            None => {
                let bytes = random::<8>()?;
                (bytes.iter().map(|byte| format!("{byte:02x}")).collect(), random()?)
            }
        };
        let Self { scoreboard, failures, posture, .. } = self;
        Ok(Home { instance, ticket_key, token, scoreboard, oom_score_adj, failures, posture })
    }
}

/// The scoreboard of a guard that begins.
fn fresh_board(state: &Path) -> Result<(Scoreboard, File), GuardError> {
    let path = scoreboard_path(state);
    let (board, file) = Scoreboard::create(&path).map_err(|source| GuardError::LocalFile {
        action: "create",
        path,
        source,
    })?;
    board.set_header(HeaderWord::GuardPid, u64::from(std::process::id()));
    board.set_header(HeaderWord::StartedUnixMs, unix_millis());
    board.set_header(HeaderWord::Generation, 1);
    Ok((board, file))
}

/// Workers inherit the limit; each connection and each open file needs a descriptor. Gives what it
/// was before, for programs that are not ours.
fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused, it stays as it is, and the workers count with what there is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    limit.current
}

fn random<const N: usize>() -> Result<[u8; N], GuardError> {
    let mut bytes = [0; N];
    let got = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(count) if count == N => Ok(bytes),
        Ok(_) => Err(GuardError::LocalSystem {
            action: "get random bytes",
            source: std::io::ErrorKind::UnexpectedEof.into(),
        }),
        Err(error) => {
            Err(GuardError::LocalSystem { action: "get random bytes", source: error.into() })
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Another try can help: [`GuardError::exit_code`].
const RETRY: u8 = 111;
