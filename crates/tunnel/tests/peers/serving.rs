//! The tunnel door's server on a thread of a namespace, watched from the test's own.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread::JoinHandle;

use menshen_tunnel::server::{Limits, Pptp, Server, Settings, Snapshot, Sockets, Times};
use menshen_tunnel_core::auth::Method;
use menshen_tunnel_core::mppe::Strength;
use menshen_tunnel_core::ppp::{Ciphers, Mppe, Stateful};
use tokio::sync::{mpsc, oneshot};

use crate::space::{Space, wait_for};

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Serving {
    asks: mpsc::UnboundedSender<oneshot::Sender<Snapshot>>,
    thread: JoinHandle<Snapshot>,
}

/// Settings of a server whose user is the peers'; its file of users lies in `folder`. It gives out
/// addresses of 10.90.0.0/24 and is 10.90.0.1.
pub(crate) fn settings(folder: &Path) -> Settings {
    let users = folder.join("users");
    let hash = "35ccba9168b1d5ca6093b4b7d56c619b";
    std::fs::write(&users, format!("testuser:{hash}\n")).unwrap();
    let strengths = Strength::Bits128.bits().with(Strength::Bits40.bits());
    let mppe = Mppe::Allowed(Ciphers { strengths, stateful: Stateful::Refused });
    Settings {
        users,
        addresses: (Ipv4Addr::new(10, 90, 0, 0), 24),
        leases: None,
        dns: vec![Ipv4Addr::new(10, 90, 0, 1)],
        routes: Vec::new(),
        domain: None,
        interface: "door%d".to_owned(),
        mru: 1400,
        limits: Limits::default(),
        times: Times::default(),
        rate: None,
        pptp: Pptp { mppe, host: "door".to_owned(), vendor: "menshen".to_owned() },
        sstp_methods: vec![Method::MsChapV2],
        accounting: None,
    }
}

impl Serving {
    /// Serves PPTP in `space` on all of its addresses.
    pub(crate) fn start(space: &Space, settings: Settings) -> Self {
        let (asks, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Snapshot>>();
        let (ready, listens) = std::sync::mpsc::channel();
        let thread = space.thread(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let server = Server::new(settings).unwrap();
                let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 1723)).unwrap();
                let sockets = Sockets { pptp: vec![listener], sstp: None };
                server.probe(&sockets).unwrap();
                ready.send(()).unwrap();
                let watched = server.clone();
                let stop = async {
                    while let Some(ask) = asked.recv().await {
                        let _ = ask.send(watched.snapshot());
                    }
                };
                server.run(sockets, stop).await.unwrap();
                server.snapshot()
            })
        });
        listens.recv().unwrap();
        Self { asks, thread }
    }

    /// How it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let (ask, answer) = oneshot::channel();
        self.asks.send(ask).unwrap();
        answer.blocking_recv().unwrap()
    }

    /// Waits until it is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Snapshot) -> bool) {
        wait_for(what, || is_so(&self.snapshot()));
    }

    /// Ends it in good order; how it was at last.
    pub(crate) fn stop(self) -> Snapshot {
        drop(self.asks);
        self.thread.join().unwrap()
    }
}
