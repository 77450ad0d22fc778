//! A worker without a guard: the test gives it what the guard would, so certificates, challenges
//! and the file of failed handshakes are in its own hands.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use menshen_config::keeper::Challenges;
use menshen_config::{
    Config, Failure, ListenerRole, ListenerSpec, PairOrigin, PlainMode, Secrets, Shelf, ShelfPair,
    WorkerSpec,
};
use menshen_sys::spawn::{Plan, spawn};
use menshen_sys::{Bulletin, Scoreboard, Slot};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, geteuid, kill_process, waitpid};
use tempfile::TempDir;

/// A worker with a shelf of its own; ended when dropped.
pub(crate) struct LoneWorker {
    _folder: TempDir,
    pub(crate) https: SocketAddr,
    pub(crate) plain: SocketAddr,
    pub(crate) shelf: Bulletin,
    pub(crate) challenges: Bulletin,
    pub(crate) slot: Slot,
    pub(crate) board: Scoreboard,
    failures: File,
    pid: Pid,
}

/// A certificate of a development CA of its own, and what a client needs to trust it.
pub(crate) struct Made {
    pub(crate) pair: ShelfPair,
    pub(crate) ca_pem: Vec<u8>,
}

/// A new certificate for `names`.
pub(crate) fn made(names: &[&str]) -> Made {
    let state = tempfile::tempdir().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let now = i64::try_from(menshen_tls::ticket::unix_seconds()).unwrap();
    let made = menshen_tls::dev_ca::ensure(state.path(), &names, now).unwrap();
    let ca_pem = std::fs::read(&made.ca_path).unwrap();
    let (certificate_pem, key_pem) = (made.chain_pem, made.key_pem);
    Made { pair: ShelfPair { certificate_pem, key_pem, origin: PairOrigin::Given }, ca_pem }
}

impl LoneWorker {
    /// Starts one that serves `pairs`; `change` has the last word on its configuration.
    pub(crate) fn start(pairs: Vec<ShelfPair>, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_beside(pairs, None, change)
    }

    /// Likewise, with a tunnel worker that listens at `tunnel`.
    pub(crate) fn start_beside(
        pairs: Vec<ShelfPair>,
        tunnel: Option<PathBuf>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = geteuid().is_root().then_some((65_534, 65_534));
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("hello.txt"), "ok").unwrap();
        if let Some((uid, gid)) = user {
            chown(&files, Some(uid), Some(gid)).unwrap();
        }
        let config = menshen_config::parse(CONFIG).config;
        let mut config = config.unwrap();
        config.web.plain = PlainMode::Redirect;
        change(&mut config);

        let mut shelf = Bulletin::create("shelf").unwrap();
        shelf.post(&serde_json::to_vec(&Shelf { pairs }).unwrap()).unwrap();
        let challenges = Bulletin::create("challenges").unwrap();
        let failures = tempfile::tempfile().unwrap();
        let (board, board_file) = Scoreboard::create(&folder.path().join("board")).unwrap();
        let (ready, ready_write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let sockets = [ListenerRole::Https, ListenerRole::Plain].map(|role| {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            (ListenerSpec { fd: socket.as_raw_fd(), role, address }, socket)
        });
        let root = File::open(&files).unwrap();
        let spec = WorkerSpec {
            index: 0,
            generation: 1,
            slot: SLOT,
            instance: "cafe".to_owned(),
            config,
            listeners: sockets.iter().map(|(listener, _)| listener.clone()).collect(),
            root_fd: root.as_raw_fd(),
            sites: Vec::new(),
            pools: Vec::new(),
            scoreboard_fd: board_file.as_raw_fd(),
            access_log_fd: None,
            ready_fd: ready_write.as_raw_fd(),
            become_user: user,
            oom_score_adj: None,
            shelf_fd: shelf.as_fd().as_raw_fd(),
            challenges_fd: Some(challenges.as_fd().as_raw_fd()),
            failures_fd: Some(failures.as_raw_fd()),
            posture_fd: None,
            tunnel_socket: tunnel,
            secrets: Secrets { ticket_key: [1; 32], token_digest: [2; 32], cookie_key: [3; 32] },
            links: None,
            hooks: Vec::new(),
            s3: None,
        };
        let mut keep = vec![root.as_fd(), board_file.as_fd(), ready_write.as_fd()];
        keep.extend([shelf.as_fd(), challenges.as_fd(), failures.as_fd()]);
        keep.extend(sockets.iter().map(|(_, socket)| socket.as_fd()));
        let pid = spawn(Plan {
            program: Path::new(env!("CARGO_BIN_EXE_menshen")),
            argv0: "menshen: web/0",
            arguments: &["worker"],
            stdin: handed_over(&spec),
            keep: &keep,
            hide: &[],
            set: &[],
            foreign: None,
        })
        .unwrap();
        drop(ready_write);
        let mut said = [0];
        let got = File::from(ready).read(&mut said).unwrap();
        assert_eq!((got, said), (1, *b"+"), "the worker did not get ready");
        let [https, plain] = sockets.map(|(listener, _)| listener.address);
        let slot = board.slot(usize::try_from(SLOT).unwrap());
        Self { _folder: folder, https, plain, shelf, challenges, slot, board, failures, pid }
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid, Signal::TERM).unwrap();
    }

    /// Puts other certificates onto the shelf.
    pub(crate) fn post_shelf(&mut self, pairs: Vec<ShelfPair>) -> u64 {
        self.shelf.post(&serde_json::to_vec(&Shelf { pairs }).unwrap()).unwrap()
    }

    /// Posts challenges.
    pub(crate) fn post_challenges(&mut self, challenges: &Challenges) {
        self.challenges.post(&serde_json::to_vec(challenges).unwrap()).unwrap();
    }

    /// All failed handshakes so far, the newest first.
    pub(crate) fn failures(&self) -> Vec<Failure> {
        menshen_web::failures::read(&self.failures).unwrap()
    }
}

impl Drop for LoneWorker {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}

fn handed_over(spec: &WorkerSpec) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&serde_json::to_vec(spec).unwrap()).unwrap();
    file.rewind().unwrap();
    file.into()
}

const SLOT: u32 = 3;

const CONFIG: &str = r#"
[[web.public]]
path = "/"
access = "read"
"#;
