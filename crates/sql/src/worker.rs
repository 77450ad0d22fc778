//! A sql worker's life: take over what the guard left open, drop rights, serve, end.
//!
//! It binds nothing and opens by path only the server's socket, and once the system's list of
//! users. Threads serve; the first thread of the process has no client: it hears signals and keeps
//! the scoreboard. `SIGUSR1`: a newer generation serves; `SIGTERM`: end. How it fails: something
//! cannot be taken over (exit status 111), writes of its sessions
//! are left in flight at its end (exit status 1), or the guard dies (the kernel sends `SIGTERM`).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_base::Counter;
use menshen_config::{SqlAddress, SqlSpec};
use menshen_net::clock::unix_s;
use menshen_sql_core::versions::Versions;
use menshen_sys::posture::PostureView;
use menshen_sys::process::{Rights, become_worker, could_not_begin};
use menshen_sys::words::Words;
use menshen_sys::{Scoreboard, Slot, SlotState, inherit};
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, LocalSet};

use crate::accept::{Listening, Stage, Thread};
use crate::desk::{Desk, Insight};
use crate::door::Door;
use crate::report;
use crate::serve::Shared;

/// Why a worker could not begin.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("could not {0}")]
    Local(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs a worker to its end.
pub(crate) fn run(spec: SqlSpec) -> ExitCode {
    match begin(spec) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            // Standard error may be gone; the guard sees the exit code.
            let _ = io::stderr().write_all(WRITES_LEFT.as_bytes());
            ExitCode::FAILURE
        }
        Err(error) => could_not_begin("sql worker", &error),
    }
}

/// What the guard left open, all taken over before rights are dropped.
struct Inherited {
    /// For each thread.
    listening: Vec<Vec<Listening>>,
    words: Versions,
    board: Scoreboard,
    posture: Option<PostureView>,
    control: UnixListener,
    ready: File,
}

impl Inherited {
    fn take_over(spec: &SqlSpec) -> Result<Self, StartError> {
        let take = |fd: i32, what| inherit::adopt(fd).map_err(fail(what));
        let words = Words::from_file(take(spec.words_fd, "take over the versions")?);
        let words = words.map_err(fail("map the versions"))?;
        let board = take(spec.scoreboard_fd, "take over the scoreboard")?;
        let posture = spec.posture_fd.map(|fd| {
            let page = take(fd, "take over the posture")?;
            PostureView::from_file(page).map_err(fail("map the posture"))
        });
        Ok(Self {
            listening: listeners(spec).map_err(fail("take over a socket"))?,
            words: Versions::over(words.all())
                .ok_or_else(|| fail("use the versions")(io::ErrorKind::InvalidData.into()))?,
            board: Scoreboard::from_file(board).map_err(fail("map the scoreboard"))?,
            posture: posture.transpose()?,
            control: take(spec.control_fd, "take over the control socket")?.into(),
            ready: take(spec.ready_fd, "take over the pipe")?.into(),
        })
    }
}

fn fail(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::Local(what, error.into())
}

/// Serves to the end; whether no write of its sessions is left in flight.
fn begin(spec: SqlSpec) -> Result<bool, StartError> {
    let rights = Rights { user: spec.become_user, oom_score_adj: spec.oom_score_adj };
    let Inherited { listening, words, board, posture, control, mut ready } =
        Inherited::take_over(&spec)?;
    become_worker(&rights).map_err(|error| StartError::Local("drop rights", error.into()))?;

    let descriptors = raise_descriptors();
    let slot = board.slot(usize::try_from(spec.slot).unwrap_or(0));
    slot.set_pid(std::process::id());
    let now_unix = i64::try_from(unix_s()).unwrap_or(0);
    let door = Door::new(&spec, descriptors, own_name(), now_unix);
    let door = door.map_err(|error| StartError::Local("set up the door", error.into()))?;
    let shared = Shared::begin(&spec, words, door.entrance.upstream.clone());
    let shared = shared.map_err(fail("start the control account's thread"))?;
    let door = Arc::new(door.with_cache(Arc::clone(&shared)));
    let runtime = runtime().map_err(fail("start the event loop"))?;
    let (stage, stages) = watch::channel(Stage::Serving);
    let (up, mut ups) = mpsc::unbounded_channel();
    let threads: Vec<_> = listening
        .into_iter()
        .enumerate()
        .map(|(number, listening)| {
            let (door, stages, up) = (Arc::clone(&door), stages.clone(), up.clone());
            let name = format!("sql/{}.{number}", spec.index);
            let body = move || thread(door, number, listening, stages, up);
            std::thread::Builder::new().name(name).spawn(body)
        })
        .collect::<io::Result<_>>()
        .map_err(fail("start a thread"))?;
    drop(up);
    let insight = door.shared.as_ref().map(Insight::of);
    let desk = Rc::new(RefCell::new(Desk::new(&spec, Arc::clone(&door), insight)));
    let stop_seconds_max = spec.stop_seconds_max;
    let steward = Steward { door, slot, words, posture, desk, stop_seconds_max };
    drop(spec);
    LocalSet::new().block_on(&runtime, async {
        for _ in &threads {
            let up = ups.recv().await.unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
            up.map_err(fail("accept connections"))?;
        }
        let signals = Hearing::new().map_err(fail("hear signals"))?;
        let control = tokio::net::UnixListener::from_std(control);
        let control = control.map_err(fail("answer at the control socket"))?;
        let desk = Rc::clone(&steward.desk);
        let answering = tokio::task::spawn_local(async move {
            report::serve(control, &*desk).await;
        });
        slot.set_state(SlotState::Ready);
        ready.write_all(b"+").map_err(fail("say that it is ready"))?;
        steward.run(signals, stage, ups, &answering).await;
        Ok(())
    })?;
    // One that has panicked may have left anything behind.
    let through: Vec<bool> = threads.into_iter().map(|thread| thread.join().is_ok()).collect();
    let settled = settled(&shared, words);
    shared.foreign().stop();
    slot.set_state(SlotState::Ended);
    Ok(settled && !through.contains(&false))
}

/// After the last session: waits a moment until the server is through with writes whose sessions
/// were ended in the middle. Whether all are; of retired versions nobody asks any more.
fn settled(shared: &Shared, words: Versions) -> bool {
    let until = Instant::now() + Duration::from_millis(SETTLE_MS_MAX);
    while shared.writes_left() && !words.retired() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(SETTLE_LOOK_MS));
    }
    true
}

fn thread(
    door: Arc<Door>,
    number: usize,
    listening: Vec<Listening>,
    stages: watch::Receiver<Stage>,
    up: mpsc::UnboundedSender<io::Result<()>>,
) {
    // Not a `LocalSet`: that is a second scheduler within the first, with a queue under a lock for
    // what sockets wake.
    // Signals and child processes are no business of it, and each costs a look in every turn.
    let mut builder = Builder::new_current_thread();
    builder.enable_io().enable_time().max_blocking_threads(BLOCKING_THREADS_MAX);
    let runtime = builder.build_local(LocalOptions::default());
    let served = runtime.and_then(|runtime| {
        let thread = Rc::new(Thread::new(door, number));
        let ready = || drop(up.send(Ok(())));
        runtime.block_on(thread.serve(listening, stages, ready))
    });
    if served.is_err() {
        let _ = up.send(served);
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS_MAX).build()
}

/// What the first thread sees to.
struct Steward {
    door: Arc<Door>,
    slot: Slot,
    words: Versions,
    posture: Option<PostureView>,
    desk: Rc<RefCell<Desk>>,
    stop_seconds_max: u32,
}

/// The signals a worker hears.
struct Hearing {
    retire: Signals,
    terminate: Signals,
    /// A key press reaches the whole process group; what happens then is the guard's to say.
    _unheard: [Signals; 2],
}

impl Hearing {
    fn new() -> io::Result<Self> {
        Ok(Self {
            retire: signal(SignalKind::user_defined1())?,
            terminate: signal(SignalKind::terminate())?,
            _unheard: [signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?],
        })
    }
}

/// What the steward has heard.
enum Told {
    Retire,
    Stop,
    Ended,
    Nothing,
}

impl Steward {
    /// Until all threads have ended.
    async fn run(
        self,
        mut signals: Hearing,
        stage: watch::Sender<Stage>,
        mut threads: mpsc::UnboundedReceiver<io::Result<()>>,
        answering: &JoinHandle<()>,
    ) {
        loop {
            let told = hear(&mut signals, &mut threads).await;
            self.door.tally.post(&self.slot);
            self.desk.borrow_mut().post(&self.slot, Instant::now());
            self.desk.borrow_mut().look(self.posture, &self.slot);
            let seconds = |count: u32| Instant::now() + Duration::from_secs(u64::from(count));
            let now = *stage.borrow();
            match told {
                Told::Ended => return,
                Told::Retire if now == Stage::Serving => {
                    self.slot.set_state(SlotState::Draining);
                    let until = seconds(self.door.config.drain_seconds_max);
                    stage.send_replace(Stage::Retired(until));
                    self.desk.borrow().forget();
                }
                Told::Stop => self.stop(&stage, seconds(self.stop_seconds_max)),
                // Whoever wrote these versions last has crashed: nothing here can be relied on.
                Told::Nothing if self.words.retired() => {
                    self.desk.borrow().forget();
                    self.stop(&stage, seconds(self.stop_seconds_max));
                }
                Told::Retire | Told::Nothing => {}
            }
            if *stage.borrow() != Stage::Serving {
                // The next generation answers for the door.
                answering.abort();
            }
            if let Stage::Retired(until) = now
                && Instant::now() >= until
            {
                let left = u64::from(self.door.open());
                self.door.tally.add(0, Counter::LimitSqlDrain, left);
                self.stop(&stage, seconds(self.stop_seconds_max));
            }
        }
    }

    fn stop(&self, stage: &watch::Sender<Stage>, until: Instant) {
        if !matches!(*stage.borrow(), Stage::Stopping(_)) {
            self.slot.set_state(SlotState::Draining);
            stage.send_replace(Stage::Stopping(until));
        }
    }
}

/// Waits for a signal, for the end of all threads, or for the time to look around.
async fn hear(
    signals: &mut Hearing,
    threads: &mut mpsc::UnboundedReceiver<io::Result<()>>,
) -> Told {
    let look = std::future::poll_fn(|cx| {
        if signals.terminate.poll_recv(cx).is_ready() {
            return std::task::Poll::Ready(Told::Stop);
        }
        if signals.retire.poll_recv(cx).is_ready() {
            return std::task::Poll::Ready(Told::Retire);
        }
        match threads.poll_recv(cx) {
            std::task::Poll::Ready(None) => std::task::Poll::Ready(Told::Ended),
            _ => std::task::Poll::Pending,
        }
    });
    tokio::time::timeout(Duration::from_millis(LOOK_MS), look).await.unwrap_or(Told::Nothing)
}

/// The listeners of each thread; those of the unix family once for each.
fn listeners(spec: &SqlSpec) -> io::Result<Vec<Vec<Listening>>> {
    let threads = usize::try_from(spec.threads).unwrap_or(1).max(1);
    let mut all: Vec<Vec<Listening>> = (0..threads).map(|_| Vec::new()).collect();
    for listener in &spec.listeners {
        let fd = inherit::adopt(listener.fd)?;
        let only = listener.thread.and_then(|number| usize::try_from(number).ok());
        for (number, listening) in all.iter_mut().enumerate() {
            if only.is_none_or(|only| only == number) {
                listening.push(listening_on(fd.try_clone()?, &listener.address));
            }
        }
    }
    Ok(all)
}

fn listening_on(fd: OwnedFd, address: &SqlAddress) -> Listening {
    match address {
        SqlAddress::Tcp(_) => Listening::Tcp(fd.into()),
        SqlAddress::Unix(_) => Listening::Unix(fd.into()),
    }
}

/// The name of the user this process runs as, in the system's own list.
fn own_name() -> Option<Vec<u8>> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = users.lines().map(|line| line.split(':'));
    let mut mine = lines.find(|fields| fields.clone().nth(2) == Some(&uid))?;
    mine.next().map(|name| name.as_bytes().to_vec())
}

/// Raises the descriptor limit as far as allowed; returns what it is then.
fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Refused or not, what holds is read again.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(DESCRIPTORS_UNLIMITED)
}

const BLOCKING_THREADS_MAX: usize = 4;
const DESCRIPTORS_UNLIMITED: u64 = 1 << 20;
const WRITES_LEFT: &str = "menshen: sql worker ends with writes in flight\n";
const SETTLE_MS_MAX: u64 = 2000;
const SETTLE_LOOK_MS: u64 = 10;
/// Time between two looks at the versions and postings to the scoreboard.
const LOOK_MS: u64 = 500;
