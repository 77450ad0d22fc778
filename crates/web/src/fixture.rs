//! What the tests of this crate stand on: a folder on a real disk, a door over it, requests.
//!
//! Nothing here is faked but the clock of file times, which tests set back.

use std::cell::Cell;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use menshen_config::{Config, Limits, Network, PublicPath, Secrets, SiteSpec, model};
use menshen_net::Watch;
use menshen_sys::Scoreboard;
use menshen_web_core::head::{Headers, Interest, Method};
use rustix::fs::{Mode, OFlags, open};
use tempfile::TempDir;

use crate::ask::{Ask, Wire};
use crate::auth::Authority;
use crate::challenges::Challenges;
use crate::door::{Door, Shared};
use crate::files::Files;
use crate::log::Log;
use crate::root::Root;
use crate::site::Sites;
use crate::spool::Spool;

/// The owner token of every test.
pub(crate) const TOKEN: &str = "the-owner-token";

/// A served folder and the door over it.
pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) board: Scoreboard,
    pub(crate) door: Rc<Door>,
}

/// What tests choose.
#[derive(Default)]
pub(crate) struct Choices {
    pub(crate) public: Vec<PublicPath>,
    pub(crate) trusted: Vec<Network>,
    pub(crate) limits: Limits,
    pub(crate) log: Option<OwnedFd>,
    /// A bulletin of challenges.
    pub(crate) challenges: Option<OwnedFd>,
    /// Their folders are made in the fixture's own; see [`Fixture::lay`].
    pub(crate) sites: Vec<model::Site>,
    /// Where a tunnel worker listens.
    pub(crate) tunnel: Option<PathBuf>,
    pub(crate) uploads: menshen_config::Uploads,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Choices::default())
    }

    pub(crate) fn with(choices: Choices) -> Self {
        let Choices { public, trusted, limits, log, challenges, sites, tunnel, uploads } = choices;
        let challenges = challenges.map(|fd| Arc::new(Challenges::new(fd)));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        let (board, _) = Scoreboard::create(&dir.path().join("board")).unwrap();
        let slot = board.slot(0);
        let root = Arc::new(open_root(&dir.path().join("files")));
        let spool = Spool::open(Arc::clone(&root), "cafe", true);
        let shared = Shared { root, spool, board, durable: true, entries_max: 100, hooks: None };
        let authority = Authority::new(
            &secrets(),
            public,
            links(dir.path()),
            limits.session_seconds_max,
            limits.auth_failures_per_minute_max,
        );
        let files = Files::new(board, slot, usize::try_from(limits.descriptors_max).unwrap());
        let pools = if sites.is_empty() {
            Vec::new()
        } else {
            vec![pool(dir.path(), board, slot, &limits)]
        };
        let door = Door {
            posture: None,
            sites: open_sites(dir.path(), sites, &files),
            files,
            pools,
            notes: crate::notes::Notes::new("web/0".into()),
            log: Log::new(log, slot, "web/0".into()),
            https_port: 8443,
            challenges,
            trusted,
            watch: Rc::new(Watch::default()),
            drain: tokio::sync::Notify::new(),
            cut: crate::relay::Cut::default(),
            tunnel: tunnel.map(|socket| crate::tunnel::Tunnel::new(socket, 60)),
            bucket: None,
            uploads: crate::uploads::Uploads::new(uploads, Mode::from_raw_mode(0o022)),
            places: Door::all_places(),
            date: <_>::default(),
            boundaries: <_>::default(),
            window_budget: Cell::new(crate::h2::WINDOW_BUDGET_BYTES),
            limits,
            slot,
            shared: Arc::new(shared),
            authority,
        };
        Self { dir, board, door: Rc::new(door) }
    }

    /// Where `name` lies on the disk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("files").join(name)
    }

    /// Writes a file a minute old, so that its tag is strong.
    pub(crate) fn file(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        age(&path, 60);
    }

    /// Writes a file a minute old into a folder of a site, and says where it lies.
    pub(crate) fn lay(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        age(&path, 60);
        path
    }

    /// Where the folders of sites are made.
    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn root(&self) -> &Arc<Root> {
        &self.door.shared.root
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.door.shared.spool
    }

    /// Names in the spool of the served folder.
    pub(crate) fn spooled(&self) -> Vec<String> {
        names(&self.path(crate::spool::SPOOL))
    }
}

/// A pool nobody answers in.
fn pool(
    folder: &Path,
    board: Scoreboard,
    slot: menshen_sys::Slot,
    limits: &Limits,
) -> Rc<crate::php::Pool> {
    use rustix::event::{EventfdFlags, eventfd};
    let spool_path = folder.join("php-spool");
    std::fs::create_dir(&spool_path).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let spool_fd = open(&spool_path, flags, Mode::empty()).unwrap().into_raw_fd();
    let wake_fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
    let spec = menshen_config::PoolSpec {
        address: model::PhpAddress::Unix(folder.join("nobody.sock")),
        workers: 4,
        managed: false,
        status: None,
        folder: folder.into(),
        spool_fd,
        spool_path,
        place: 0,
        wake_fd: wake_fd.into_raw_fd(),
    };
    Rc::new(crate::php::Pool::new(&spec, "cafe", board, slot, limits).unwrap())
}

/// Sites over new folders below `folder`; sites with PHP have the first pool.
fn open_sites(folder: &Path, mut sites: Vec<model::Site>, files: &Files) -> Sites {
    let open_folder = |name: &mut PathBuf| {
        *name = folder.join(&*name);
        std::fs::create_dir_all(&*name).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        open(&*name, flags, Mode::empty()).unwrap().into_raw_fd()
    };
    let mut specs = Vec::new();
    for site in &mut sites {
        specs.push(SiteSpec {
            root_fd: open_folder(&mut site.root),
            mount_fds: site.mounts.iter_mut().map(|mount| open_folder(&mut mount.root)).collect(),
            store_fds: site.rules.iter().map(|_| None).collect(),
            pool: (site.php != model::PhpBackend::Off).then_some(0),
        });
    }
    let config = Config { sites, ..Config::default() };
    Sites::new(&config, &specs, files).unwrap()
}

/// One key of signed links, and a folder below `folder` to count in.
fn links(folder: &Path) -> crate::links::Links {
    let path = folder.join("links");
    std::fs::create_dir(&path).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let desk = open(&path, flags, Mode::empty()).unwrap();
    let keys = vec![menshen_config::LinkKeySpec { id: LINK_KEY.id, secret: *LINK_KEY.expose() }];
    let spec = menshen_config::LinkSpec { keys, folder_fd: -1 };
    crate::links::Links::new(Some(&spec), Some(desk), 3)
}

/// The key of signed links of every test.
pub(crate) const LINK_KEY: menshen_tls::LinkKey =
    menshen_tls::LinkKey::from_secret([0xa1, 0xb2, 0xc3, 0xd4], [9; 32]);

/// Keys of every test.
pub(crate) fn secrets() -> Secrets {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, TOKEN.as_bytes());
    Secrets {
        ticket_key: [1; 32],
        token_digest: digest.as_ref().try_into().unwrap(),
        cookie_key: [2; 32],
    }
}

/// A certificate for `names` and its key, both PEM, made by a development CA of its own.
pub(crate) fn certificate(names: &[&str]) -> (String, String) {
    let state = tempfile::tempdir().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let now = i64::try_from(menshen_tls::ticket::unix_seconds()).unwrap();
    let made = menshen_tls::dev_ca::ensure(state.path(), &names, now).unwrap();
    (made.chain_pem, made.key_pem)
}

/// A root over `path`.
pub(crate) fn open_root(path: &Path) -> Root {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Root::new(open(path, flags, Mode::empty()).unwrap()).unwrap()
}

/// Sets the time of a file's last change `seconds` back.
pub(crate) fn age(path: &Path, seconds: u64) {
    let file = std::fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

/// Names in a folder, sorted; none when it is missing.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Header fields of a request.
pub(crate) struct Lines(pub(crate) Vec<(String, String)>);

impl Headers for Lines {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_bytes())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        let named = self.0.iter().filter(|(key, _)| key == name);
        named.for_each(|(_, value)| f(value.as_bytes()));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| f(name.as_bytes(), value.as_bytes()));
    }
}

impl Lines {
    /// `name: value` each.
    pub(crate) fn of<S: AsRef<str>>(lines: &[S]) -> Self {
        let pair = |line: &S| {
            let (name, value) = line.as_ref().split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self(lines.iter().map(pair).collect())
    }

    /// A request with these fields to `files.example`, without a body.
    pub(crate) fn ask<'a>(&'a self, method: &'a str, target: &'a str) -> Ask<'a> {
        let names = self.0.iter().map(|(name, _)| Interest::of(name.as_bytes()));
        Ask {
            method: Method::of(method.as_bytes()),
            method_name: method,
            target: target.as_bytes(),
            host: b"files.example",
            headers: self,
            interest: names.fold(Interest::NONE, Interest::with),
            peer: [192, 0, 2, 1].into(),
            length: Some(0),
            wire: Wire {
                local: &|| ([192, 0, 2, 80], 443).into(),
                remote: ([192, 0, 2, 1], 40_000).into(),
                secure: true,
                protocol: "HTTP/1.1",
            },
        }
    }
}

/// Mounts something over a folder for as long as it lives; only for root.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// `None`, said aloud, where nobody may mount.
    pub(crate) fn new(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let done = std::process::Command::new("mount").args(arguments).arg(folder).output();
        if done.is_ok_and(|done| done.status.success()) {
            return Some(Self(folder.into()));
        }
        let text = format!("SKIPPED: may not mount {}\n", folder.display());
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
        None
    }

    /// An empty file system in memory of `bytes`.
    pub(crate) fn memory(folder: &Path, bytes: u32) -> Option<Self> {
        Self::new(folder, &["-t", "tmpfs", "-o", &format!("size={bytes}"), "none"])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
