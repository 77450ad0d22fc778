//! The server of the tunnel door: PPTP calls and SSTP streams in, one PPP session and one TUN
//! interface for each user who proves who he is.
//!
//! One process, one thread; every session is a task. Nothing here may hand a packet of one session
//! to another, believe an inner source address that was not given, or keep anything about a
//! stranger without a bound. A session that ends gives back all it had: number, address, place.
//! [`Server::run`] fails only where it cannot begin; what goes wrong later is counted and told by
//! [`Server::snapshot`].

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use menshen_sys::lease::Leases;
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::ppp::{Echo, Mppe};
use tokio::task::{LocalSet, spawn_local};

use crate::tun::{self, Tun};
use door::Door;
pub use facts::{Bearer, CallCount, Counters, PoolFacts, SessionFacts, Snapshot};

use seat::Why;

mod accounting;
mod accounts;
mod call;
mod counts;
mod door;
mod facts;
#[cfg(test)]
mod fixture;
mod guesses;
mod hub;
mod lines;
mod pool;
mod port;
mod rate;
mod seat;
mod session;
mod streams;
pub mod users;

/// Everything a server is told.
#[derive(Debug)]
pub struct Settings {
    /// The users' file ([`users`]); read at the start and again when it has changed.
    pub users: PathBuf,
    /// The addresses of the tunnel: a network with 8 to 30 leading bits. Its first host address is
    /// this end's of every session.
    pub addresses: (Ipv4Addr, u8),
    /// What keeps addresses and numbers of calls from being given out twice where several
    /// processes serve at once; `None`: there is no other.
    pub leases: Option<Leases>,
    /// Name servers that clients are told; two are taken (RFC 1877).
    pub dns: Vec<Ipv4Addr>,
    /// Networks that clients are told to route through the tunnel when they ask (DHCPINFORM), as
    /// addresses and leading bits; 64 at most.
    pub routes: Vec<(Ipv4Addr, u8)>,
    /// The domain that clients are told when they ask (DHCPINFORM).
    pub domain: Option<String>,
    /// Names of the interfaces; `%d` stands for a number that is free. At most 15 octets.
    pub interface: String,
    /// The longest packet of a tunnel, in octets; 576 to 1500.
    pub mru: u16,
    /// How many at once.
    pub limits: Limits,
    /// How long.
    pub times: Times,
    /// Octets in a second that each user may send, and be sent, with a burst of a second; `None`:
    /// no limit. Sessions of one user share it.
    pub rate: Option<u64>,
    /// What PPTP is told and asks for.
    pub pptp: Pptp,
    /// What users of SSTP prove themselves by, the preferred method first: MS-CHAPv2, and PAP,
    /// which is as good as the connection's TLS.
    pub sstp_methods: Vec<Method>,
    /// Where a line of JSON goes when a session begins and when it ends; opened for appending.
    pub accounting: Option<File>,
}

/// What PPTP is told and asks for. Who proves himself there does so by MS-CHAPv2.
#[derive(Debug, Clone)]
pub struct Pptp {
    /// Encryption.
    pub mppe: Mppe,
    /// Host name that clients are told; at most 64 octets.
    pub host: String,
    /// Vendor that clients are told; at most 64 octets.
    pub vendor: String,
}

/// How many at once. What is beyond a limit is refused, told so where the protocol can, and
/// counted. Each process counts its own: while an older one still has sessions, there may be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions of users who came in.
    pub sessions: usize,
    /// Of those, sessions of one user. With one, a user whose connection broke waits until the
    /// broken session is noticed.
    pub sessions_per_user: usize,
    /// Connections and calls of whom nobody knows yet who they are.
    pub half_open: usize,
    /// Of those, from one address.
    pub half_open_per_source: usize,
    /// Wrong passwords in a row from one address; one more is forgiven every ten seconds.
    pub guesses_per_source: u32,
    /// Wrong passwords in a row for one name; one more is forgiven every minute.
    pub guesses_per_name: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 1000,
            sessions_per_user: 2,
            half_open: 256,
            half_open_per_source: 32,
            guesses_per_source: 10,
            guesses_per_name: 20,
        }
    }
}

/// How long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Without a packet either way, until a session is ended; `None`: as long as it lives.
    pub idle: Option<Duration>,
    /// That a session may last.
    pub session: Option<Duration>,
    /// From a connection's first octet until a user is in, whatever it does meanwhile.
    pub half_open: Duration,
    /// PPP's questions whether the peer lives.
    pub echo: Echo,
    /// SSTP: silence before the peer is asked, and then its time to answer. PPTP's control
    /// connection has the same.
    pub hello: Duration,
    /// How long sessions may take to end in good order when the server stops.
    pub stop: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            idle: None,
            session: None,
            half_open: Duration::from_secs(30),
            echo: Echo::default(),
            hello: Duration::from_secs(60),
            stop: Duration::from_secs(8),
        }
    }
}

/// What a server is handed: sockets that are bound and listen.
#[derive(Debug, Default)]
pub struct Sockets {
    /// TCP, port 1723 as a rule; IPv4, or IPv6 that takes IPv4, too. None: no PPTP, and no right
    /// to raw sockets is needed.
    pub pptp: Vec<TcpListener>,
    /// Where the web door's workers hand over connections: SSTP, and questions for counts of GRE.
    pub sstp: Option<UnixListener>,
}

/// Why a server cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The users' file cannot be read.
    #[error("the users' file cannot be read")]
    Users(#[source] io::Error),
    /// The users' file has a line that is wrong.
    #[error("the users' file is wrong: {0}")]
    UsersProblem(users::Problem),
    /// The addresses cannot be given out.
    #[error("{0}/{1} is no network with addresses to give out (8 to 30 leading bits)")]
    Addresses(Ipv4Addr, u8),
    /// No raw sockets are allowed to this process.
    #[error("no right to receive GRE (CAP_NET_RAW)")]
    Right(#[source] io::Error),
    /// No interfaces are allowed to this process, or there are none.
    #[error("no TUN interface can be made (CAP_NET_ADMIN, /dev/net/tun)")]
    Interface(#[source] io::Error),
    /// A socket cannot be used.
    #[error("a socket cannot be used")]
    Socket(#[source] io::Error),
}

/// The tunnel door's server. Copies are the same server.
#[derive(Debug, Clone)]
pub struct Server(Rc<Door>);

impl Server {
    /// Reads the users' file. Nothing is opened yet.
    ///
    /// # Errors
    /// When the settings cannot be.
    pub fn new(settings: Settings) -> Result<Self, StartError> {
        Ok(Self(Rc::new(Door::new(settings)?)))
    }

    /// Whether this process may make interfaces, and raw sockets if there is PPTP: to be asked
    /// before "ready" is said, within the runtime.
    ///
    /// # Errors
    /// Which right is missing.
    pub fn probe(&self, sockets: &Sockets) -> Result<(), StartError> {
        if !sockets.pptp.is_empty() {
            hub::open().map_err(StartError::Right)?;
        }
        let name = self.0.settings.interface.clone();
        let settings = tun::Settings { name, outer: None, routes: Vec::new() };
        let tun = Tun::open(settings).map_err(StartError::Interface)?;
        drop(tun);
        Ok(())
    }

    /// Serves until `stop` is ready, then ends every session in good order, for as long as
    /// [`Times::stop`] allows. To be run within a current-thread runtime, once.
    ///
    /// # Errors
    /// When it cannot begin.
    pub async fn run(
        &self,
        sockets: Sockets,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        self.run_until(sockets, std::future::pending(), stop).await
    }

    /// As [`Self::run`], and nothing new is accepted from when `retire` is ready: it returns when
    /// the last session has ended by itself, or by `stop`.
    ///
    /// # Errors
    /// When it cannot begin.
    pub async fn run_until(
        &self,
        sockets: Sockets,
        retire: impl Future<Output = ()>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let (closer, threads) = interfaces_closed()?;
        *self.0.closer.borrow_mut() = Some(closer);
        let done = LocalSet::new().run_until(self.serve(sockets, retire, stop)).await;
        self.0.clear();
        // The interfaces of sessions that have just ended are gone then.
        for thread in threads {
            let _ = thread.join();
        }
        done
    }

    /// How it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Ends a session in good order; whether there is one of this number.
    #[must_use]
    pub fn disconnect(&self, session: u64) -> bool {
        self.0.ring(session, Why::Administrator)
    }

    /// Packets of GRE from and to a client address in the last ten minutes, by number of the call.
    #[must_use]
    pub fn gre_counts(&self, client: IpAddr) -> Vec<CallCount> {
        match client.to_canonical() {
            IpAddr::V4(client) => self.0.hub.counts(client),
            IpAddr::V6(_) => Vec::new(),
        }
    }

    async fn serve(
        &self,
        sockets: Sockets,
        retire: impl Future<Output = ()>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), StartError> {
        let door = &self.0;
        let mut acceptors = Vec::new();
        for listener in sockets.pptp {
            listener.set_nonblocking(true).map_err(StartError::Socket)?;
            let listener = tokio::net::TcpListener::from_std(listener);
            let listener = listener.map_err(StartError::Socket)?;
            acceptors.push(spawn_local(lines::accept(door.clone(), listener)));
        }
        if let Some(listener) = sockets.sstp {
            listener.set_nonblocking(true).map_err(StartError::Socket)?;
            let listener = tokio::net::UnixListener::from_std(listener);
            let listener = listener.map_err(StartError::Socket)?;
            acceptors.push(spawn_local(streams::accept(door.clone(), listener)));
        }
        let watched = door.clone();
        let watching = spawn_local(async move {
            loop {
                tokio::time::sleep(USERS_EVERY).await;
                watched.refresh();
            }
        });
        let mut stop = pin!(stop);
        let is_stop = first(stop.as_mut(), pin!(retire)).await;
        for acceptor in acceptors {
            acceptor.abort();
        }
        if !is_stop {
            door.retired.set(true);
            first(stop, pin!(door.finished())).await;
        }
        watching.abort();
        door.stop();
        // Who has not ended by then is cut off.
        let _ = tokio::time::timeout(door.settings.times.stop, door.finished()).await;
        Ok(())
    }
}

/// Waits for either; whether it was the first.
async fn first(
    mut one: Pin<&mut impl Future<Output = ()>>,
    mut other: Pin<&mut impl Future<Output = ()>>,
) -> bool {
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => other.as_mut().poll(cx).map(|()| false),
    })
    .await
}

/// Threads that close interfaces: the kernel takes 20 ms for one, most of it waiting, and sessions
/// must not wait with it.
fn interfaces_closed() -> Result<(Sender<Tun>, Vec<JoinHandle<()>>), StartError> {
    let (closer, closed) = mpsc::channel::<Tun>();
    let closed = Arc::new(Mutex::new(closed));
    let threads = (0..CLOSERS).map(|_| {
        let closed = closed.clone();
        let thread = std::thread::Builder::new().name("interfaces".to_owned());
        thread.stack_size(STACK_OCTETS).spawn(move || {
            // Waiting for the next one is done by one thread, closing by all.
            let next = || closed.lock().ok()?.recv().ok();
            while let Some(tun) = next() {
                drop(tun);
            }
        })
    });
    let threads = threads.collect::<Result<_, _>>().map_err(StartError::Socket)?;
    Ok((closer, threads))
}

/// How often the users' file is looked at without anybody coming in.
const USERS_EVERY: Duration = Duration::from_secs(5);
/// How many interfaces are closed at once.
const CLOSERS: usize = 8;
/// Enough to close a descriptor.
const STACK_OCTETS: usize = 128 * 1024;
