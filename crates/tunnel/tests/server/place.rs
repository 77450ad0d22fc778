//! A server on a thread of its namespace, asked from the test's own.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::JoinHandle;

use menshen_tunnel::server::{
    Limits, Pptp, Server, Settings, Snapshot, Sockets, StartError, Times, users,
};
use menshen_tunnel_core::auth::{Method, Secret};
use menshen_tunnel_core::mppe::Strength;
use menshen_tunnel_core::ppp::{Ciphers, Mppe, Stateful};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use crate::space::{Space, wait_for};

type Question = Box<dyn FnOnce(&Server) + Send>;

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
    questions: mpsc::UnboundedSender<Question>,
    retire: Option<oneshot::Sender<()>>,
    thread: JoinHandle<Result<(), StartError>>,
}

impl Place {
    /// A server in a namespace with these users, whose password is `testpass`; `change` has the
    /// last word on its settings.
    pub(crate) fn new(space: &Space, names: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&folder);
        change(&mut settings);
        let (questions, mut asked) = mpsc::unbounded_channel::<Question>();
        let path = folder.path().join("sstp");
        write_users(&folder, names);
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (retire, is_retired) = oneshot::channel();
        let thread = space.thread(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let server = Server::new(settings).unwrap();
                let pptp = vec![TcpListener::bind((Ipv4Addr::UNSPECIFIED, 1723)).unwrap()];
                let sockets = Sockets { pptp, sstp: Some(UnixListener::bind(path).unwrap()) };
                server.probe(&sockets).unwrap();
                ready.send(()).unwrap();
                let stop = async {
                    while let Some(question) = asked.recv().await {
                        question(&server);
                    }
                };
                let retired = async {
                    if is_retired.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                server.run_until(sockets, retired, stop).await
            })
        });
        is_ready.recv().unwrap();
        Self { folder, questions, retire: Some(retire), thread }
    }

    /// Asks the server something.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> T {
        let (tell, told) = std::sync::mpsc::channel();
        let question = Box::new(move |server: &Server| tell.send(question(server)).unwrap());
        self.questions.send(question).unwrap();
        told.recv().unwrap()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.ask(Server::snapshot)
    }

    /// Waits until the server is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let mut last = Snapshot::default();
        wait_for(what, || {
            last = self.snapshot();
            is_so(&last)
        });
        last
    }

    /// Nothing new is accepted from now on.
    pub(crate) fn retire(&mut self) {
        self.retire.take().unwrap().send(()).unwrap();
        // Its turn is before the answer's.
        self.snapshot();
        self.snapshot();
    }

    /// Where the web door hands connections over.
    pub(crate) fn handovers(&self) -> PathBuf {
        self.folder.path().join("sstp")
    }

    /// These are the users from now on.
    pub(crate) fn users(&self, names: &[&str]) {
        write_users(&self.folder, names);
    }

    /// Stops it in good order; the lines of its accounting.
    pub(crate) fn stop(self) -> Vec<String> {
        drop(self.questions);
        self.thread.join().unwrap().unwrap();
        let text = std::fs::read_to_string(self.folder.path().join("accounting")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

fn write_users(folder: &TempDir, names: &[&str]) {
    let mut text = "# users of a test\n".to_owned();
    for name in names {
        let (name, address) = name
            .split_once(':')
            .map_or((*name, None), |(name, address)| (name, Some(address.parse().unwrap())));
        text += &users::format(name, &Secret::new(b"testpass"), address);
        text.push('\n');
    }
    let path = folder.path().join("users");
    // Replaced as an editor does, so that no half file is ever read.
    let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.persist(path).unwrap();
}

fn settings(folder: &TempDir) -> Settings {
    let mut accounting = std::fs::File::options();
    let accounting = accounting.append(true).create(true);
    let strengths = Strength::ALL.iter().fold(Strength::Bits128.bits(), |all, strength| {
        menshen_tunnel_core::mppe::Bits(all.0 | strength.bits().0)
    });
    Settings {
        users: folder.path().join("users"),
        addresses: ([10, 77, 0, 0].into(), 24),
        leases: None,
        dns: vec![[10, 77, 0, 53].into()],
        routes: Vec::new(),
        domain: None,
        interface: "ms%d".to_owned(),
        mru: 1400,
        limits: Limits { sessions_per_user: 1, ..Limits::default() },
        times: Times::default(),
        rate: None,
        pptp: Pptp {
            mppe: Mppe::Allowed(Ciphers { strengths, stateful: Stateful::Refused }),
            host: "door".to_owned(),
            vendor: "menshen".to_owned(),
        },
        sstp_methods: vec![Method::MsChapV2, Method::Pap],
        accounting: Some(accounting.open(folder.path().join("accounting")).unwrap()),
    }
}
