//! One session of ours on a thread of a namespace, watched and closed from the test's own.

use std::net::SocketAddrV4;
use std::thread::JoinHandle;

use menshen_tunnel::clock::Clock;
use menshen_tunnel::driver::{Driver, Ending, Nobody, Parts, Status};
use menshen_tunnel::pptp::{Dial, DialError, Facts, Lost, Number, PptpCarrier, dial};
use menshen_tunnel::tun::{self, Tun};
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::{Cause, Credentials, Session, Settings};
use tokio::sync::{oneshot, watch};

use crate::space::{Space, wait_for};

/// A session that runs.
#[derive(Debug)]
pub(crate) struct Running {
    status: Option<watch::Receiver<Status>>,
    close: oneshot::Sender<()>,
    thread: JoinHandle<Result<Ended, DialError>>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cause: Cause,
    pub(crate) lost: Option<Lost>,
    pub(crate) device_failed: bool,
    pub(crate) status: Status,
    pub(crate) facts: Facts,
}

/// Dials from a namespace, with these settings of PPP; user and password are the peers'.
pub(crate) fn start(space: &Space, server: [u8; 4], number: Number, ppp: Settings) -> Running {
    dialled(space, server, number, session(ppp, "testpass"))
}

/// The same with another password.
pub(crate) fn start_as(space: &Space, server: [u8; 4], password: &str, ppp: Settings) -> Running {
    dialled(space, server, Number::ZeroFirst, session(ppp, password))
}

fn dialled(space: &Space, server: [u8; 4], number: Number, session: Session) -> Running {
    let (told, status) = std::sync::mpsc::channel();
    let (close, closed) = oneshot::channel();
    let thread = space.thread(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let clock = Clock::new();
            let server = SocketAddrV4::new(server.into(), 1723);
            let mut to = Dial::new(server, clock);
            to.number = number;
            let carrier = dial(to).await?;
            let outer = Some((*server.ip()).into());
            let name = "mt%d".to_owned();
            let device = Tun::open(tun::Settings { name, outer, routes: Vec::new() }).unwrap();
            let driver = Driver::new(Parts { session, carrier, device, users: Nobody, clock });
            told.send(driver.status()).unwrap();
            let close = async {
                // A test that has gone closes, too.
                let _ = closed.await;
                "User request".to_owned()
            };
            let ending: Ending<PptpCarrier, Tun> = driver.run(close).await;
            let Ending { cause, lost, device_error, status, carrier, .. } = ending;
            let device_failed = device_error.is_some();
            Ok(Ended { cause, lost, device_failed, status, facts: carrier.facts() })
        })
    });
    Running { status: status.recv().ok(), close, thread }
}

fn session(settings: Settings, password: &str) -> Session {
    let password = Secret::new(password.as_bytes());
    let credentials = Credentials { user: b"testuser".to_vec(), password };
    let mut dice = |octets: &mut [u8]| {
        rustix::rand::getrandom(octets, rustix::rand::GetRandomFlags::empty()).unwrap();
    };
    Session::new(settings, Some(credentials), &mut dice)
}

impl Running {
    /// Waits until the status is so, or the session has ended.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Status) -> bool) {
        let status = self.status.as_ref().expect("dialled");
        wait_for(what, || self.thread.is_finished() || is_so(&status.borrow()));
        let status = status.borrow();
        assert!(is_so(&status), "{what}: it ended before, {status:?}");
    }

    /// The status now.
    pub(crate) fn status(&self) -> Status {
        self.status.as_ref().expect("dialled").borrow().clone()
    }

    /// Closes it in good order.
    pub(crate) fn close(self) -> Result<Ended, DialError> {
        let _ = self.close.send(());
        self.thread.join().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Result<Ended, DialError> {
        let Self { close, thread, .. } = self;
        let ended = thread.join().unwrap();
        drop(close);
        ended
    }
}
