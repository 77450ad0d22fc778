//! A client of ours on a thread of its namespace, watched and closed from the test's own.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::thread::JoinHandle;

use menshen_tunnel::carrier::Carrier;
use menshen_tunnel::clock::Clock;
use menshen_tunnel::driver::{Driver, Nobody, Parts, Status};
use menshen_tunnel::pptp::{Dial, dial};
use menshen_tunnel::sstp::{Patience, Target, Trust, connect};
use menshen_tunnel::tun::{self, Tun};
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::{Cause, Credentials, Meaning, Session, Settings};
use menshen_tunnel_core::sstp::Timers;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::sync::{oneshot, watch};

use super::space::{Space, wait_for};

/// A session that runs, or has failed.
#[derive(Debug)]
pub(crate) struct Client {
    status: watch::Receiver<Status>,
    close: oneshot::Sender<()>,
    thread: JoinHandle<Ended>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    pub(crate) lost: Option<String>,
    pub(crate) status: Status,
}

/// Who dials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a>(pub(crate) &'a str, pub(crate) &'a str);

/// Dials by PPTP to the server at the other end of line `net`.
pub(crate) fn pptp(space: &Space, net: u8, who: Who<'_>, ppp: Settings) -> Client {
    let server = Ipv4Addr::new(10, 9, net, 1);
    start(space, server, who, ppp, async move |clock| {
        let dial = dial(Dial::new(SocketAddrV4::new(server, 1723), clock)).await;
        dial.map_err(|error| error.to_string())
    })
}

/// Dials by SSTP to the door at the other end of line `net`.
pub(crate) fn sstp(
    space: &Space,
    (net, port, root): (u8, u16, Vec<u8>),
    who: Who<'_>,
    ppp: Settings,
) -> Client {
    let server = Ipv4Addr::new(10, 9, net, 1);
    start(space, server, who, ppp, async move |clock| {
        let address = Some(server.into());
        let target = Target { host: "door.test".to_owned(), port, address };
        let connected = connect(&target, &Trust::Roots(root), &Patience::default()).await;
        let connection = connected.map_err(|error| error.to_string())?;
        Ok(connection.start(clock.now(), Timers::default()))
    })
}

fn start<C: Carrier>(
    space: &Space,
    server: Ipv4Addr,
    Who(user, password): Who<'_>,
    ppp: Settings,
    dial: impl AsyncFnOnce(Clock) -> Result<C, String> + Send + 'static,
) -> Client {
    let (told, status) = std::sync::mpsc::channel();
    let (close, closed) = oneshot::channel();
    let user = user.as_bytes().to_vec();
    let credentials = Credentials { user, password: Secret::new(password.as_bytes()) };
    let thread = space.thread(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let clock = Clock::new();
            let carrier = dial(clock).await.unwrap();
            let name = "mt%d".to_owned();
            let settings = tun::Settings { name, outer: Some(server.into()), routes: Vec::new() };
            let mut dice = |octets: &mut [u8]| {
                getrandom(octets, GetRandomFlags::empty()).unwrap();
            };
            let driver = Driver::new(Parts {
                session: Session::new(ppp, Some(credentials), &mut dice),
                carrier,
                device: Tun::open(settings).unwrap(),
                users: Nobody,
                clock,
            });
            told.send(driver.status()).unwrap();
            let close = async {
                // A test that has gone closes, too.
                let _ = closed.await;
                "User request".to_owned()
            };
            let ending = driver.run(close).await;
            let lost = ending.lost.map(|lost| lost.to_string());
            Ended { cause: ending.cause, lost, status: ending.status }
        })
    });
    let status = status.recv().expect("no carrier");
    Client { status, close, thread }
}

impl Client {
    /// Waits until packets pass; the address it got, and the server's.
    pub(crate) fn open(&self) -> (Ipv4Addr, Ipv4Addr) {
        let is_open = || self.status.borrow().opened.is_some();
        wait_for("the session", || self.thread.is_finished() || is_open());
        let status = self.status.borrow();
        let opened = status.opened.as_ref().expect("it ended before it was open");
        let link = opened.ipv4.unwrap();
        assert_eq!(link.dns, [Some([10, 77, 0, 53].into()), None]);
        (link.local, link.peer)
    }

    /// Closes it in good order.
    pub(crate) fn close(self) -> Ended {
        let _ = self.close.send(());
        self.thread.join().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        let Self { close, thread, .. } = self;
        let ended = thread.join().unwrap();
        drop(close);
        ended
    }
}

impl Ended {
    /// What the server said when it ended PPP.
    pub(crate) fn text(&self) -> (Meaning, String) {
        match &self.cause {
            Cause::PeerTerminated { meaning, text, .. } => {
                (*meaning, String::from_utf8_lossy(text).into_owned())
            }
            other => panic!("{other:?}, {:?}", self.lost),
        }
    }
}
