//! A tunnel worker's life: take over what the guard left open, drop all rights but two, serve, end.
//!
//! It keeps `CAP_NET_ADMIN` and `CAP_NET_RAW`, by which its sessions get interfaces and GRE; by
//! path it opens `/dev/net/tun` alone. `SIGUSR1`: a newer generation serves; `SIGTERM`: end. How it
//! fails: something cannot be taken over, a right is missing, or the users are wrong (exit status
//! 111); or the guard dies (the kernel sends `SIGTERM`).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use menshen_base::Counter;
use menshen_config::{Mppe, TunnelSpec};
use menshen_sys::lease::Leases;
use menshen_sys::process::{Kept, Rights, become_worker_keeping, could_not_begin};
use menshen_sys::{Scoreboard, Slot, SlotState, inherit};
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::report::{self, StatusReport};
use crate::server::{Limits, Pptp, Server, Settings, Sockets, Times};

mod figures;

/// Why a worker could not begin, or could not go on.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("could not {0}")]
    Local(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs a worker to its end.
pub(crate) fn run(spec: TunnelSpec) -> ExitCode {
    match begin(spec) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => could_not_begin("tunnel worker", &error),
    }
}

/// What the guard left open, all taken over before rights are dropped.
struct Inherited {
    sockets: Sockets,
    board: Scoreboard,
    control: UnixListener,
    ready: File,
    /// Open for as long as it is read by its number.
    users: OwnedFd,
    leases: OwnedFd,
    accounting: Option<File>,
}

impl Inherited {
    fn take_over(spec: &TunnelSpec) -> Result<Self, StartError> {
        let take = |fd: i32, what| inherit::adopt(fd).map_err(fail(what));
        let board = take(spec.scoreboard_fd, "take over the scoreboard")?;
        let accounting = spec.accounting_fd.map(|fd| take(fd, "take over the accounting"));
        let sstp = spec.sstp_fd.map(|fd| take(fd, "take over a socket"));
        let pptp = spec.pptp.iter().map(|one| Ok(take(one.fd, "take over a socket")?.into()));
        Ok(Self {
            sockets: Sockets {
                pptp: pptp.collect::<Result<_, StartError>>()?,
                sstp: sstp.transpose()?.map(UnixListener::from),
            },
            board: Scoreboard::from_file(board).map_err(fail("map the scoreboard"))?,
            control: take(spec.control_fd, "take over the control socket")?.into(),
            ready: take(spec.ready_fd, "take over the pipe")?.into(),
            users: take(spec.users_fd, "take over the users")?,
            leases: take(spec.leases_fd, "take over the leases")?,
            accounting: accounting.transpose()?.map(File::from),
        })
    }
}

fn fail<E: std::error::Error + Send + Sync + 'static>(
    what: &'static str,
) -> impl Fn(E) -> StartError {
    move |error| StartError::Local(what, error.into())
}

fn begin(spec: TunnelSpec) -> Result<(), StartError> {
    let rights = Rights { user: spec.become_user, oom_score_adj: spec.oom_score_adj };
    let Inherited { sockets, board, control, mut ready, users, leases, accounting } =
        Inherited::take_over(&spec)?;
    become_worker_keeping(&rights, Kept::Network).map_err(fail("drop rights"))?;
    let slot = board.slot(usize::try_from(spec.slot).unwrap_or(0));
    slot.set_pid(std::process::id());
    raise_descriptors();
    let settings = settings(&spec, &users, Leases::new(leases), accounting);
    let server = Server::new(settings).map_err(fail("begin"))?;
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
    let runtime = runtime.map_err(fail("start the event loop"))?;
    let served = LocalSet::new().block_on(&runtime, async {
        server.probe(&sockets).map_err(fail("begin"))?;
        let signals = Hearing::new().map_err(fail("hear signals"))?;
        let control = tokio::net::UnixListener::from_std(control);
        let control = control.map_err(fail("answer at the control socket"))?;
        let (asked, about) = (server.clone(), report(&spec));
        let answering = tokio::task::spawn_local(async move {
            let now = || StatusReport { now: asked.snapshot(), ..about.clone() };
            report::serve(control, &now).await;
        });
        slot.set_state(SlotState::Ready);
        ready.write_all(b"+").map_err(fail("say that it is ready"))?;
        drop(ready);
        let (retire, stop) = (Notify::new(), Notify::new());
        let steward =
            Steward { server: server.clone(), slot, drain: seconds(spec.config.drain_seconds_max) };
        let serving = server.run_until(sockets, retire.notified(), stop.notified());
        let mut serving = pin!(serving);
        let mut stewarding = pin!(steward.run(signals, &retire, &stop, || answering.abort()));
        std::future::poll_fn(|cx| {
            // It looks after the slot and never ends by itself.
            let _ = stewarding.as_mut().poll(cx);
            serving.as_mut().poll(cx)
        })
        .await
        .map_err(fail("serve"))
    });
    slot.set_state(SlotState::Ended);
    drop(users);
    served
}

/// What the server is told.
fn settings(
    spec: &TunnelSpec,
    users: &OwnedFd,
    leases: Leases,
    accounting: Option<File>,
) -> Settings {
    let config = &spec.config;
    let number = std::os::fd::AsRawFd::as_raw_fd(users).to_string();
    let none_is = |count: u32, none| if count == 0 { none } else { places(count) };
    let routes = config.routes.iter().filter_map(|route| match route.address {
        std::net::IpAddr::V4(address) => Some((address, route.prefix)),
        std::net::IpAddr::V6(_) => None,
    });
    Settings {
        // The file itself is root's; opened by its number it is another open file each time.
        users: Path::new("/proc/self/fd").join(number),
        addresses: (config.own_address(), config.addresses.prefix),
        leases: Some(leases),
        dns: config.dns.clone(),
        routes: routes.collect(),
        domain: None,
        interface: INTERFACE.to_owned(),
        mru: MRU,
        limits: Limits {
            sessions: places(config.sessions()),
            sessions_per_user: none_is(config.sessions_per_user_max, usize::MAX),
            half_open: places(config.half_open_max),
            half_open_per_source: places(config.half_open_max)
                .min(Limits::default().half_open_per_source),
            guesses_per_source: config.guesses_max,
            guesses_per_name: config.guesses_max.saturating_mul(2),
        },
        times: Times {
            idle: limit(config.idle_seconds_max),
            session: limit(config.session_seconds_max),
            stop: seconds(spec.stop_seconds_max).min(Times::default().stop),
            ..Times::default()
        },
        rate: Some(config.rate_bytes_per_second_max).filter(|rate| *rate > 0),
        pptp: Pptp {
            mppe: match config.pptp.mppe {
                Mppe::Require => ppp::Mppe::Required(CIPHERS),
                Mppe::Allow => ppp::Mppe::Allowed(CIPHERS),
                Mppe::Off => ppp::Mppe::Off,
            },
            host: String::new(),
            vendor: "menshen".to_owned(),
        },
        sstp_methods: vec![Method::MsChapV2],
        accounting,
    }
}

/// What does not change of what is told.
fn report(spec: &TunnelSpec) -> StatusReport {
    let config = &spec.config;
    StatusReport {
        generation: spec.generation,
        pptp: spec.pptp.iter().map(|one| one.address.to_string()).collect(),
        sstp: config.sstp,
        addresses: format!("{}/{}", config.addresses.address, config.addresses.prefix),
        sessions_max: config.sessions(),
        users_file: config
            .users
            .as_deref()
            .map(|path| path.display().to_string())
            .unwrap_or_default(),
        ..StatusReport::default()
    }
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

/// What was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Retire,
    Stop,
    Nothing,
}

/// Looks after signals and the scoreboard.
struct Steward {
    server: Server,
    slot: Slot,
    /// How long sessions go on once a newer generation serves.
    drain: Duration,
}

impl Steward {
    /// For ever; `unasked` is called once a newer generation answers for the door.
    async fn run(self, mut signals: Hearing, retire: &Notify, stop: &Notify, unasked: impl Fn()) {
        let mut until = None;
        loop {
            let told = hear(&mut signals).await;
            figures::post(&self.server.snapshot(), &self.slot);
            match told {
                Told::Retire if until.is_none() => {
                    until = Some(Instant::now() + self.drain);
                    unasked();
                    self.slot.set_state(SlotState::Draining);
                    retire.notify_one();
                }
                Told::Stop => {
                    unasked();
                    self.slot.set_state(SlotState::Draining);
                    stop.notify_one();
                }
                Told::Retire | Told::Nothing => {}
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                let left = self.slot.get(Counter::TunnelSessions);
                self.slot.add(Counter::LimitTunnelDrain, left);
                stop.notify_one();
                until = Some(Instant::now() + DAY);
            }
        }
    }
}

/// Waits for a signal, or for the time to look around.
async fn hear(signals: &mut Hearing) -> Told {
    let look = std::future::poll_fn(|cx| {
        if signals.terminate.poll_recv(cx).is_ready() {
            return std::task::Poll::Ready(Told::Stop);
        }
        if signals.retire.poll_recv(cx).is_ready() {
            return std::task::Poll::Ready(Told::Retire);
        }
        std::task::Poll::Pending
    });
    tokio::time::timeout(LOOK, look).await.unwrap_or(Told::Nothing)
}

/// Each session has an interface and perhaps a connection.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Refused, sessions beyond it are refused one by one.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

fn limit(count: u32) -> Option<Duration> {
    (count > 0).then(|| seconds(count))
}

fn places(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A firewall knows them by it.
const INTERFACE: &str = "menshen%d";
/// Fits into GRE with MPPE and into TLS on every path that carries 1500 octets.
const MRU: u16 = 1400;
/// A weaker one is none.
const CIPHERS: ppp::Ciphers = ppp::Ciphers::BITS_128;
const LOOK: Duration = Duration::from_millis(500);
const DAY: Duration = Duration::from_secs(24 * 3600);
