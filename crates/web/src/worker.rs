//! A worker's life: take over what the guard left open, drop rights, serve, drain, end.
//!
//! It opens nothing by path and binds nothing; it can be killed at any moment without losing an
//! acknowledged byte. How it fails: out of descriptors (accepting pauses, counted), the guard dies
//! (the kernel sends SIGTERM, the worker drains).

mod secure;

use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_base::{Counter, Finding, Phase, Severity};
use menshen_config::model::Expire;
use menshen_config::{ListenerRole, ListenerSpec, PlainMode, PoolSpec, WorkerSpec};
use menshen_net::{Breach, Gate, GateRefusal, Pass, Stream, Watch};
use menshen_sys::posture::PostureView;
use menshen_sys::process::{Rights, become_worker, could_not_begin};
use menshen_sys::scoreboard::HeaderWord;
use menshen_sys::{Scoreboard, Slot, SlotState, inherit};
use rustix::process::Signal;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::auth::Authority;
use crate::bucket::Bucket;
use crate::certificates::{Certificates, Look, Manner};
use crate::challenges::Challenges;
use crate::door::{Door, Shared};
use crate::expire;
use crate::failures::Failures;
use crate::files::Files;
use crate::h1::{Mode, Session};
use crate::h2;
use crate::hooks::Hooks;
use crate::links::Links;
use crate::log::Log;
use crate::notes::Notes;
use crate::php::Pool;
use crate::php::pulse::Pulse;
use crate::quota::Quotas;
use crate::quota::count::Which;
use crate::root::Root;
use crate::shrink::Shrink;
use crate::site::Sites;
use crate::spool::Spool;
use crate::tunnel::Tunnel;
use crate::uploads::Uploads;

/// Why a worker could not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("could not {0}")]
    Local(&'static str, #[source] Box<dyn std::error::Error>),
}

/// Runs a worker to its end.
pub(crate) fn run(spec: WorkerSpec) -> ExitCode {
    match begin(spec) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => could_not_begin("worker", &error),
    }
}

struct Listening {
    listener: StdListener,
    role: ListenerRole,
}

struct Acceptor {
    door: Rc<Door>,
    gate: Rc<Gate>,
    certificates: Certificates,
    failures: Option<Failures>,
    plain: Mode,
    /// Whether this is the first worker of its generation, which does what one alone should.
    first: bool,
    /// Folders whose files are deleted after a time.
    expires: Vec<Expire>,
}

/// What the guard left open for this worker, all taken over before rights are dropped.
struct Inherited {
    listening: Vec<Listening>,
    root: OwnedFd,
    board: Scoreboard,
    log: Option<OwnedFd>,
    ready: File,
    shelf: OwnedFd,
    challenges: Option<OwnedFd>,
    failures: Option<OwnedFd>,
    posture: Option<PostureView>,
    links: Option<OwnedFd>,
}

impl Inherited {
    fn take_over(spec: &WorkerSpec) -> Result<Self, StartError> {
        let take = |fd: i32, what| inherit::adopt(fd).map_err(fail(what));
        let take_some = |fd: Option<i32>, what| fd.map(|fd| take(fd, what)).transpose();
        let board = take(spec.scoreboard_fd, "take over the scoreboard")?;
        let links = spec.links.as_ref().map(|links| links.folder_fd);
        Ok(Self {
            links: take_some(links, "take over the folder of links")?,
            listening: listeners(spec).map_err(fail("take over a socket"))?,
            root: take(spec.root_fd, "take over the served folder")?,
            board: Scoreboard::from_file(board).map_err(fail("map the scoreboard"))?,
            log: take_some(spec.access_log_fd, "take over the log")?,
            ready: take(spec.ready_fd, "take over the pipe")?.into(),
            shelf: take(spec.shelf_fd, "take over the certificates")?,
            challenges: take_some(spec.challenges_fd, "take over the challenges")?,
            failures: take_some(spec.failures_fd, "take over the failures file")?,
            posture: take_some(spec.posture_fd, "take over the posture")?
                .map(PostureView::from_file)
                .transpose()
                .map_err(fail("map the posture"))?,
        })
    }
}

fn fail(what: &'static str) -> impl Fn(std::io::Error) -> StartError {
    move |error| StartError::Local(what, error.into())
}

fn begin(spec: WorkerSpec) -> Result<(), StartError> {
    let rights = Rights { user: spec.become_user, oom_score_adj: spec.oom_score_adj };
    let inherited = Inherited::take_over(&spec)?;
    let Inherited { listening, root, board, log, mut ready, .. } = inherited;
    become_worker(&rights).map_err(|error| StartError::Local("drop rights", error.into()))?;

    let descriptors = raise_descriptors();
    let slot = board.slot(usize::try_from(spec.slot).unwrap_or(0));
    slot.set_pid(std::process::id());
    let challenges = inherited.challenges.map(|fd| Arc::new(Challenges::new(fd)));
    let (certificates, left_out) = certificates(&spec, inherited.shelf, challenges.clone(), &slot)?;
    let root = Arc::new(Root::new(root).map_err(fail("look at the served folder"))?);
    let quotas = Quotas::new(&spec.config.web.quotas, &root);
    let spool = Spool::open(Arc::clone(&root), &spec.instance, spec.config.web.durable);
    let spool = spool.with_quotas(quotas);
    spool.collect();

    let limits = spec.config.limits.clone();
    let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let hooks = Hooks::new(&spec.config, &spec.hooks, &spec.pools, &root);
    let shared = Arc::new(Shared {
        root,
        spool,
        board,
        durable: spec.config.web.durable,
        entries_max: size(limits.listing_entries_max),
        hooks,
    });
    let authority = authority(&spec, inherited.links);
    let gate = gate(&limits, &spec.pools, descriptors);
    let files = Files::new(board, slot, size(limits.descriptors_max));
    let sites = Sites::new(&spec.config, &spec.sites, &files).map_err(fail("open the sites"))?;
    let door = Rc::new(Door {
        posture: inherited.posture,
        sites,
        pools: pools(&spec, board, slot).map_err(fail("take over a PHP pool"))?,
        notes: Notes::new(format!("web/{}", spec.index)),
        files,
        log: Log::new(log, slot, format!("web/{}", spec.index)),
        https_port: https_port(&spec),
        challenges,
        trusted: spec.config.web.trusted_proxies.clone(),
        watch: Rc::new(Watch::default()),
        drain: tokio::sync::Notify::new(),
        cut: crate::relay::Cut::default(),
        tunnel: tunnel(&spec),
        bucket: bucket(&spec, slot),
        uploads: Uploads::new(spec.config.uploads.clone(), umask()),
        places: Door::all_places(),
        date: <_>::default(),
        boundaries: <_>::default(),
        window_budget: std::cell::Cell::new(h2::WINDOW_BUDGET_BYTES),
        limits,
        slot,
        shared,
        authority,
    });
    let plain = plain_mode(spec.config.web.plain);
    let first = spec.index == 0;
    let expires = spec.config.web.expires.clone();
    let failures = inherited.failures.map(|file| Failures::new(file, spec.slot));
    let acceptor = Rc::new(Acceptor { door, gate, certificates, failures, plain, first, expires });
    acceptor.tell(&left_out);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .map_err(fail("start the event loop"))?;
    drop(spec);
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        serve(&acceptor, listening, &mut ready).await.map_err(fail("accept connections"))
    })
}

/// Starts what looks after things now and then; most of it is for one worker alone.
fn upkeep(acceptor: &Rc<Acceptor>) {
    let door = &acceptor.door;
    let which = if acceptor.first { Which::All } else { Which::Due };
    tokio::task::spawn_local(count_quotas(Rc::clone(door), which));
    if !acceptor.first {
        return;
    }
    tokio::task::spawn_local(collect_uploads(Rc::clone(door)));
    tokio::task::spawn_local(expire::run(Rc::clone(door), acceptor.expires.clone()));
    for pool in &door.pools {
        if let Some(pulse) = Pulse::of(pool.spec()) {
            tokio::task::spawn_local(pulse.run(Rc::clone(&pool.admission)));
        }
    }
}

async fn serve(
    acceptor: &Rc<Acceptor>,
    listening: Vec<Listening>,
    ready: &mut File,
) -> std::io::Result<()> {
    let door = Rc::clone(&acceptor.door);
    let mut terminate = signal(SignalKind::terminate())?;
    // A key press reaches the whole process group; what happens then is the guard's to say.
    let _interrupt = signal(SignalKind::interrupt())?;
    let _hangup = signal(SignalKind::hangup())?;
    // A file size limit (`ulimit -f`) must fail the write that hits it, not end the worker.
    let _file_too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
    let mut loops = Vec::new();
    for Listening { listener, role } in listening {
        listener.set_nonblocking(true)?;
        let listener = Rc::new(TcpListener::from_std(listener)?);
        let task = accept(Rc::clone(acceptor), Rc::clone(&listener), role);
        loops.push((tokio::task::spawn_local(task), listener, role));
    }
    tokio::task::spawn_local(Rc::clone(&door.watch).run({
        let door = Rc::clone(&door);
        move |breach| count_breach(&door, breach)
    }));
    tokio::task::spawn_local(housekeeping(Rc::clone(acceptor)));
    if let Some(bucket) = &door.bucket {
        let (door, tells) = (Rc::clone(&door), acceptor.first);
        tokio::task::spawn_local(Rc::clone(bucket).keep(move |mode, why| {
            // Once is enough, whichever worker serves.
            if tells {
                door.tell_bucket(mode, why);
            }
        }));
    }
    upkeep(acceptor);
    let delivering = tokio::task::spawn_local(Rc::clone(&door).deliver_hooks());
    door.slot.set_state(SlotState::Ready);
    ready.write_all(b"+")?;

    terminate.recv().await;
    door.slot.set_state(SlotState::Draining);
    // The next generation knows what is configured now; what is under way is delivered again.
    delivering.abort();
    for gauge in [Counter::HooksWaiting, Counter::HooksAside] {
        door.slot.set(gauge, 0);
    }
    for (task, listener, role) in loops {
        task.abort();
        // What the kernel has accepted for this socket is ours to serve.
        loop {
            match accept_now(&listener) {
                Ok((socket, peer)) => acceptor.admit(socket, peer, role),
                // One that is gone already is no reason to forget those behind it.
                Err(error) if is_gone(&error) => {}
                Err(_) => break,
            }
        }
    }
    door.watch.drain(DRAIN_IDLE_MS);
    door.drain.notify_waiters();
    let begun = Instant::now();
    let deadline = begun + Duration::from_secs(u64::from(door.limits.drain_seconds_max));
    // A script may have more to do behind its answer; without its connection PHP ends it.
    let busy = || door.pools.iter().any(|pool| pool.admission.holds_places());
    while (acceptor.gate.open() > 0 || busy()) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(DRAIN_LOOK_MS)).await;
    }
    keep_tunnels(&door, begun).await;
    door.log.flush();
    door.slot.set_state(SlotState::Ended);
    Ok(())
}

/// Tunnels outlive a reload by a limit of their own; then, and when menshen stops, they are told.
async fn keep_tunnels(door: &Door, begun: Instant) {
    let Some(tunnel) = &door.tunnel else { return };
    let open = || door.slot.get(Counter::SstpOpen) > 0;
    let stops = || door.shared.board.view().header(HeaderWord::Stopping) != 0;
    let deadline = begun + Duration::from_secs(u64::from(tunnel.drain_seconds_max));
    if open() {
        door.watch.reset_all_but(Phase::Tunnel);
    }
    while open() && !stops() && Instant::now() < deadline {
        door.log.flush();
        tokio::time::sleep(Duration::from_millis(TUNNELS_LOOK_MS)).await;
    }
    door.cut.ring();
    let deadline = Instant::now() + Duration::from_millis(CUT_MS);
    // Long enough to say goodbye and to leave a line.
    while open() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(DRAIN_LOOK_MS)).await;
    }
}

async fn accept(acceptor: Rc<Acceptor>, listener: Rc<TcpListener>, role: ListenerRole) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => acceptor.admit(socket, peer, role),
            // Out of descriptors or memory: connections wait in the queue until some end.
            Err(error) if is_shortage(&error) => {
                acceptor.door.slot.add(Counter::LimitConnections, 1);
                tokio::time::sleep(Duration::from_millis(SHORTAGE_MS)).await;
            }
            // The connection was gone before we took it.
            Err(error) if is_gone(&error) => {}
            // Whatever it is may last: trying without a pause would take the whole processor.
            Err(_) => tokio::time::sleep(Duration::from_millis(SHORTAGE_MS)).await,
        }
    }
}

fn accept_now(listener: &TcpListener) -> std::io::Result<(TcpStream, SocketAddr)> {
    use rustix::net::{SocketFlags, accept_with};
    let fd = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let socket = std::net::TcpStream::from(fd);
    let peer = socket.peer_addr()?;
    Ok((TcpStream::from_std(socket)?, peer))
}

impl Acceptor {
    /// Tells of certificates that cannot be served: once, not by every worker.
    fn tell(&self, findings: &[Finding]) {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        for finding in errors.filter(|_| self.first) {
            let what = format!("{} is left out: {}", finding.subject, finding.claim);
            self.door.notes.tell(&what, b"");
        }
    }

    /// Lets a connection in, or closes it.
    fn admit(self: &Rc<Self>, socket: TcpStream, peer: SocketAddr, role: ListenerRole) {
        let slot = &self.door.slot;
        slot.add(Counter::ConnectionsAccepted, 1);
        let entered = if self.door.trusts(peer.ip()) {
            self.gate.enter_proxy()
        } else {
            self.gate.enter(peer.ip())
        };
        let pass = match entered {
            Ok(pass) => pass,
            Err(GateRefusal::Full) => return slot.add(Counter::LimitConnections, 1),
            Err(GateRefusal::Address) => return slot.add(Counter::LimitPerAddress, 1),
        };
        slot.add(Counter::ConnectionsOpen, 1);
        let _ = socket.set_nodelay(true);
        tokio::task::spawn_local(Rc::clone(self).connection(socket, peer, role, pass));
    }

    async fn connection(
        self: Rc<Self>,
        socket: TcpStream,
        peer: SocketAddr,
        role: ListenerRole,
        pass: Pass,
    ) {
        let door = Rc::clone(&self.door);
        let socket = Rc::new(socket);
        let watched = door.watch.add(Rc::clone(&socket));
        match role {
            ListenerRole::Https => self.secure(socket, Rc::clone(&watched), peer).await,
            ListenerRole::Plain | ListenerRole::Admin => {
                let mode = if role == ListenerRole::Admin { Mode::Admin } else { self.plain };
                let stream = Stream::new(socket, None);
                Session::new(Rc::clone(&door), stream, watched, peer, mode, -1).run().await;
            }
        }
        door.slot.sub(Counter::ConnectionsOpen, 1);
        drop(pass);
    }
}

async fn housekeeping(acceptor: Rc<Acceptor>) {
    let door = &acceptor.door;
    let mut ticks: u32 = 0;
    let mut shrink = Shrink::default();
    loop {
        tokio::time::sleep(Duration::from_millis(LOG_FLUSH_MS)).await;
        door.log.flush();
        match acceptor.certificates.look(&door.slot).await {
            Look::Same => {}
            Look::Taken(left_out) => acceptor.tell(&left_out),
            Look::Refused(reason) if acceptor.first => {
                let what = "newer certificates cannot be served, the old ones stay";
                door.notes.tell(what, reason.as_bytes());
            }
            Look::Refused(_) => {}
        }
        shrink.look(door);
        if let Some(bucket) = &door.bucket {
            bucket.count();
        }
        ticks = ticks.wrapping_add(1);
        if ticks.is_multiple_of(IDLE_FILE_TICKS) {
            door.files.close_idle();
            door.sites.close_idle();
        }
        if ticks.is_multiple_of(REORDER_TICKS) {
            acceptor.certificates.reorder();
        }
        if acceptor.first && ticks % LINKS_TICKS == 1 {
            door.authority.links().collect();
        }
    }
}

/// Removes uploads whose time is over, at the start and now and then.
async fn collect_uploads(door: Rc<Door>) {
    loop {
        // Another worker may have made the folder since.
        door.open_uploads();
        door.collect_uploads().await;
        if let Some(bucket) = &door.bucket {
            bucket.collect(menshen_net::clock::unix_s()).await;
        }
        tokio::time::sleep(Duration::from_secs(COLLECT_SECONDS)).await;
    }
}

/// Counts what rests in folders with quotas. Every worker looks whether it is due: whoever comes
/// first counts.
async fn count_quotas(door: Rc<Door>, mut which: Which) {
    while door.shared.spool.quotas().is_some() {
        door.count_quotas(which).await;
        which = Which::Due;
        tokio::time::sleep(Duration::from_secs(QUOTA_SECONDS)).await;
    }
}

/// Bits that new files do not have. It can only be read by setting it: before there are threads.
fn umask() -> rustix::fs::Mode {
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    rustix::process::umask(mask);
    mask
}

fn count_breach(door: &Door, breach: Breach) {
    let counter = match breach {
        Breach::Deadline(Phase::Handshake) => Counter::LimitHandshake,
        Breach::Deadline(Phase::Idle) => Counter::LimitIdle,
        Breach::Deadline(Phase::Tunnel) => Counter::LimitStall,
        Breach::Deadline(_) => Counter::LimitHeadSeconds,
        Breach::Stall(_) => Counter::LimitStall,
        Breach::Rate(_) => Counter::LimitRate,
        Breach::Drain => return,
    };
    door.slot.add(counter, 1);
}

/// Who may do what; `links` is the folder where uses of signed links are counted.
fn authority(spec: &WorkerSpec, links: Option<OwnedFd>) -> Authority {
    let limits = &spec.config.limits;
    Authority::new(
        &spec.secrets,
        spec.config.web.public.clone(),
        Links::new(spec.links.as_ref(), links, spec.config.links.counted_max),
        limits.session_seconds_max,
        limits.auth_failures_per_minute_max,
    )
}

fn certificates(
    spec: &WorkerSpec,
    shelf: OwnedFd,
    challenges: Option<Arc<Challenges>>,
    slot: &Slot,
) -> Result<(Certificates, Vec<Finding>), StartError> {
    let alpn: &[&[u8]] = if spec.config.web.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    let manner = Manner { ticket_key: &spec.secrets.ticket_key, challenges, alpn };
    Certificates::new(shelf, manner, slot)
        .map_err(|error| StartError::Local("load the certificates", error))
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

/// Automatic limits leave each connection a second descriptor for its file. With PHP it may be two:
/// a form's small parts and the file that arrives; later there is one, for the answer. What a
/// request has open while it is with PHP, there are as many of as PHP has workers.
fn gate(limits: &menshen_config::Limits, pools: &[PoolSpec], descriptors: u64) -> Rc<Gate> {
    let at_php: u64 = pools.iter().map(|pool| u64::from(pool.workers) * AT_PHP).sum();
    let kept = u64::from(limits.descriptors_max) + DESCRIPTORS_KEPT + FORMS_KEPT + at_php;
    let each = if pools.is_empty() { 2 } else { 3 };
    let automatic = descriptors.saturating_sub(kept).max(DESCRIPTORS_KEPT) / each;
    let open_max = match limits.connections_max {
        0 => u32::try_from(automatic).unwrap_or(u32::MAX),
        set => set,
    };
    let per_address_max = match limits.connections_per_address_max {
        0 => (open_max / 4).max(256),
        set => set,
    };
    Gate::new(open_max, per_address_max)
}

fn pools(spec: &WorkerSpec, board: Scoreboard, slot: Slot) -> std::io::Result<Vec<Rc<Pool>>> {
    let limits = &spec.config.limits;
    let pool = |pool| Pool::new(pool, &spec.instance, board, slot, limits).map(Rc::new);
    spec.pools.iter().map(pool).collect()
}

fn listeners(spec: &WorkerSpec) -> std::io::Result<Vec<Listening>> {
    let adopt = |listener: &ListenerSpec| {
        let fd = inherit::adopt(listener.fd)?;
        Ok(Listening { listener: StdListener::from(fd), role: listener.role })
    };
    spec.listeners.iter().map(adopt).collect()
}

fn bucket(spec: &WorkerSpec, slot: Slot) -> Option<Rc<Bucket>> {
    let handed = spec.s3.as_ref()?;
    let limits = crate::uploads::limits(&spec.config.uploads);
    Some(Rc::new(Bucket::new(&spec.config.s3, handed, slot).held_to(limits)))
}

fn tunnel(spec: &WorkerSpec) -> Option<Tunnel> {
    let drain_s = spec.config.tunnel.drain_seconds_max;
    spec.tunnel_socket.clone().map(|socket| Tunnel::new(socket, drain_s))
}

const fn plain_mode(plain: PlainMode) -> Mode {
    match plain {
        PlainMode::Redirect => Mode::Redirect,
        PlainMode::Serve => Mode::Serve,
    }
}

fn https_port(spec: &WorkerSpec) -> u16 {
    let https = spec.listeners.iter().find(|listener| listener.role == ListenerRole::Https);
    https.map_or(443, |listener| listener.address.port())
}

fn is_gone(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, NotConnected};
    [ConnectionAborted, ConnectionReset, Interrupted, NotConnected].contains(&error.kind())
}

fn is_shortage(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| shortages.iter().any(|e| e.raw_os_error() == code))
}

const BLOCKING_THREADS_MAX: usize = 16;
const DESCRIPTORS_KEPT: u64 = 64;
/// Compressed files of sites lie in descriptors of their own.
const FORMS_KEPT: u64 = crate::site::coding::KEPT_MAX as u64;
/// The connection to PHP and the file that is being sent over it.
const AT_PHP: u64 = 2;
const DESCRIPTORS_UNLIMITED: u64 = 1 << 20;
/// How often it is looked whether a quota is to be counted, and said what this worker holds: sooner
/// than a count of a lost book ends.
const QUOTA_SECONDS: u64 = 2;
const COLLECT_SECONDS: u64 = 300;
const CUT_MS: u64 = 1000;
const DRAIN_IDLE_MS: u64 = 1000;
const DRAIN_LOOK_MS: u64 = 20;
const IDLE_FILE_TICKS: u32 = 10;
const LINKS_TICKS: u32 = 3600;
const LOG_FLUSH_MS: u64 = 1000;
/// A minute: certificates begin and expire by the second, but nobody counts on the very second.
const REORDER_TICKS: u32 = 60;
const SHORTAGE_MS: u64 = 50;
const TUNNELS_LOOK_MS: u64 = 200;
