//! The cases: what is requested, of whom, and which ratio is the goal.
//!
//! A goal is written here once; the table of results takes it from here. It must never be lowered
//! to fit a result.

use super::Only;
use super::lab::{Lab, Listener, Store};

/// One load, put on several servers in turn.
#[derive(Debug)]
pub(crate) struct Case {
    /// What it is called in tables, such as `tls 64 KiB c=16`.
    pub(crate) name: &'static str,
    /// Arguments of the load client that are the same for all.
    pub(crate) load: &'static [&'static str],
    /// Whether it moves so much that a short run leaves it out.
    pub(crate) is_large: bool,
    /// Whether what it writes is flushed before each run, so that none pays for the one before.
    pub(crate) is_on_disk: bool,
    /// Least ratio over nginx as most people run it.
    pub(crate) goal_default: f64,
    /// Least ratio over each tuned nginx.
    pub(crate) goal_tuned: f64,
    /// Who takes part.
    pub(crate) targets: Vec<Target>,
}

/// One server's part in a case.
#[derive(Debug)]
pub(crate) struct Target {
    /// What it is called in tables.
    pub(crate) label: &'static str,
    /// Its part.
    pub(crate) part: Part,
    /// Further arguments of the load client: port and path.
    pub(crate) load: Vec<String>,
}

/// Which part a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// This project, like for like.
    Ours(Store),
    /// This project doing more than the rival can: reported, without a goal.
    OursAlone(Store),
    /// nginx as most people run it.
    Default,
    /// nginx with one thing tuned.
    Tuned,
}

impl Target {
    /// Which server it is.
    pub(crate) const fn only(&self) -> Only {
        match self.part {
            Part::Ours(_) | Part::OursAlone(_) => Only::Menshen,
            Part::Default | Part::Tuned => Only::Nginx,
        }
    }
}

impl Case {
    /// Without the targets that are not wanted.
    pub(crate) fn only(mut self, wanted: impl Fn(&Target) -> bool) -> Self {
        self.targets.retain(wanted);
        self
    }

    /// Whether all of them run PHP, so that only their own time differs.
    pub(crate) fn has_page(&self) -> bool {
        self.name.starts_with("php")
    }

    /// Whether PHP's time belongs to the rival's.
    pub(crate) fn has_form(&self) -> bool {
        self.load.contains(&"mode=form")
    }
}

/// Files of 1 KiB to 1 GiB and full handshakes.
pub(crate) fn downloads(lab: &Lab) -> Vec<Case> {
    let plain = |name, load, is_large, goal_default, tuned| {
        let mut targets = ours_and_default(lab, Listener::Plain);
        let (label, listener) = tuned;
        targets.push(nginx(lab, label, Part::Tuned, listener));
        Case { name, load, is_large, is_on_disk: false, goal_default, goal_tuned: 1.0, targets }
    };
    let tls = |name, load, is_large, goal_default, goal_tuned| {
        let mut targets = ours_and_default(lab, Listener::Tls);
        targets.push(nginx(lab, FILE_CACHE, Part::Tuned, Listener::TlsFileCache));
        targets.push(nginx(lab, LARGE_BUFFERS, Part::Tuned, Listener::TlsLargeBuffers));
        Case { name, load, is_large, is_on_disk: false, goal_default, goal_tuned, targets }
    };
    let cache = (FILE_CACHE, Listener::PlainFileCache);
    let no_push = (NO_PUSH, Listener::PlainNoPush);
    let mut cases = vec![
        plain("plain 1 KiB c=16", &["path=/1k", "c=16"], false, 1.5, cache),
        plain("plain 64 KiB c=16", &["path=/64k", "c=16"], false, 1.3, cache),
        plain("plain 1 MiB c=16", &["path=/1m", "c=16"], false, 1.3, no_push),
        plain("plain 1 GiB exact", &["path=/1g", "c=1", "n=2"], true, 1.0, no_push),
        tls("tls 1 KiB c=16", &["tls=1", AES, "path=/1k", "c=16"], false, 1.5, 1.0),
        tls("tls 64 KiB c=16", &["tls=1", AES, "path=/64k", "c=16"], false, 2.0, 2.0),
        tls("tls 1 MiB c=16", &["tls=1", AES, "path=/1m", "c=16"], false, 2.0, 2.0),
        tls("tls 1 GiB exact", &["tls=1", AES, "path=/1g", "c=1", "n=2"], true, 2.0, 2.0),
    ];
    cases.extend(handshakes(lab));
    cases
}

/// Full and resumed TLS handshakes with the same certificate and group, each with a request for
/// 1 KiB.
pub(crate) fn handshakes(lab: &Lab) -> Vec<Case> {
    let case = |name, load, goal_default| {
        let mut targets = ours_and_default(lab, Listener::Tls);
        targets.push(nginx(lab, FILE_CACHE, Part::Tuned, Listener::TlsFileCache));
        let (is_large, is_on_disk) = (false, false);
        Case { name, load, is_large, is_on_disk, goal_default, goal_tuned: 1.0, targets }
    };
    vec![
        case("tls handshake c=16", &["mode=connect", "tls=1", AES, "path=/1k", "c=16"], 2.0),
        case(
            "tls resumed handshake c=16",
            &["mode=connect", "tls=1", "resume=1", AES, "path=/1k", "c=16"],
            1.2,
        ),
    ]
}

/// `PUT` to memory and to disk, plain and over TLS, and multipart forms.
pub(crate) fn uploads(lab: &Lab) -> Vec<Case> {
    let put = |name, load: &'static [&'static str], to: Put| {
        let is_large = load.contains(&"c=1");
        let is_on_disk = to.store == Store::Disk;
        let goal_tuned = if is_on_disk { 1.3 } else { 1.0 };
        let (goal_default, targets) = (to.goal_default, to.targets(lab));
        Case { name, load, is_large, is_on_disk, goal_default, goal_tuned, targets }
    };
    let plain = |store| Put { store, listener: Listener::Plain, goal_default: 1.5 };
    let tls = |store| Put { store, listener: Listener::Tls, goal_default: 1.3 };
    vec![
        put("put 1 MiB to memory c=8", PUT_1M, plain(Store::Ram)),
        put("put 256 MiB to memory exact", PUT_256M, plain(Store::Ram)),
        put("put 1 MiB to disk c=8", PUT_1M, plain(Store::Disk)),
        put("put 256 MiB to disk exact", PUT_256M, plain(Store::Disk)),
        put("tls put 1 MiB to memory c=8", TLS_PUT_1M, tls(Store::Ram)),
        put("tls put 256 MiB to memory exact", TLS_PUT_256M, tls(Store::Ram)),
        put("tls put 1 MiB to disk c=8", TLS_PUT_1M, tls(Store::Disk)),
        put("tls put 256 MiB to disk exact", TLS_PUT_256M, tls(Store::Disk)),
        forms(lab),
    ]
}

/// Small PHP pages over HTTPS.
pub(crate) fn pages(lab: &Lab) -> Vec<Case> {
    let page = |name, load, path: &str| {
        let rival = lab.nginx_port(Listener::Tls);
        let target = |label, part, port: u16, path: String| Target {
            label,
            part,
            load: vec![format!("port={port}"), format!("path={path}")],
        };
        let ours = Part::Ours(Store::Php);
        let targets = vec![
            target("menshen", ours, lab.tls_port(Store::Php), path.to_owned()),
            target("nginx", Part::Default, rival, path.to_owned()),
            target(KEPT, Part::Tuned, rival, format!("/kept{path}")),
        ];
        let (is_large, is_on_disk) = (false, false);
        Case { name, load, is_large, is_on_disk, goal_default: 1.1, goal_tuned: 1.0, targets }
    };
    vec![
        page("php echo 1 c=1", &["tls=1", AES, DECRYPT, "c=1"], "/one.php"),
        page("php echo 1 c=4", &["tls=1", AES, DECRYPT, "c=4"], "/one.php"),
        page("php echo 1 c=16", &["tls=1", AES, DECRYPT, "c=16"], "/one.php"),
        page("php 20 KiB c=1", &["tls=1", AES, DECRYPT, "c=1"], "/20k.php"),
        page("php 20 KiB c=4", &["tls=1", AES, DECRYPT, "c=4"], "/20k.php"),
        page("php 20 KiB c=16", &["tls=1", AES, DECRYPT, "c=16"], "/20k.php"),
    ]
}

/// Where a `PUT` case goes and what is asked of it.
struct Put {
    store: Store,
    listener: Listener,
    goal_default: f64,
}

impl Put {
    fn targets(&self, lab: &Lab) -> Vec<Target> {
        let tls = self.listener == Listener::Tls;
        let our_port = |store| if tls { lab.tls_port(store) } else { lab.plain_port(store) };
        let port = lab.nginx_port(self.listener);
        let name = if self.store == Store::Disk { "disk" } else { "put" };
        let target = |label, part, port, path: &str| {
            let load = vec![format!("port={port}"), format!("path={path}")];
            Target { label, part, load }
        };
        let store = self.store;
        let mut targets = vec![
            target("menshen", Part::Ours(store), our_port(store), "/put/"),
            target("nginx", Part::Default, port, &format!("/{name}/")),
            target(BODY_BUFFER, Part::Tuned, port, &format!("/{name}256/")),
        ];
        if store == Store::Disk {
            let (store, part) = (Store::Durable, Part::OursAlone(Store::Durable));
            targets.push(target("menshen, durable", part, our_port(store), "/put/"));
        }
        targets
    }
}

fn forms(lab: &Lab) -> Case {
    let port = lab.nginx_port(Listener::Plain);
    let rival = |label, part, path: &str| Target {
        label,
        part,
        load: vec![format!("port={port}"), format!("path={path}")],
    };
    let ours = vec![format!("port={}", lab.plain_port(Store::Ram)), "path=/form/".to_owned()];
    Case {
        name: "form 1 MiB to memory c=8",
        load: &["mode=form", "size=1048576", "c=8", "cr=1"],
        is_large: false,
        is_on_disk: false,
        goal_default: 3.0,
        goal_tuned: 3.0,
        targets: vec![
            Target { label: "menshen", part: Part::Ours(Store::Ram), load: ours },
            rival("nginx + PHP", Part::Default, "/form"),
            rival("nginx + PHP, 256k body buffer, kept", Part::Tuned, "/form-tuned"),
        ],
    }
}

fn ours_and_default(lab: &Lab, listener: Listener) -> Vec<Target> {
    let port = match listener {
        Listener::Tls => lab.tls_port(Store::Files),
        _ => lab.plain_port(Store::Files),
    };
    let ours = vec![format!("port={port}")];
    vec![
        Target { label: "menshen", part: Part::Ours(Store::Files), load: ours },
        nginx(lab, "nginx", Part::Default, listener),
    ]
}

fn nginx(lab: &Lab, label: &'static str, part: Part, listener: Listener) -> Target {
    Target { label, part, load: vec![format!("port={}", lab.nginx_port(listener))] }
}

/// The suite all servers are asked for, so that none wins by a cheaper one.
const AES: &str = "cipher=AES_256";
/// PHP's answers are framed now with a length and now in chunks.
const DECRYPT: &str = "decrypt=1";
const FILE_CACHE: &str = "nginx, open_file_cache";
const NO_PUSH: &str = "nginx, tcp_nopush off";
const LARGE_BUFFERS: &str = "nginx, open_file_cache, 64k TLS buffer";
const KEPT: &str = "nginx, kept FastCGI connections";
const BODY_BUFFER: &str = "nginx, 256k body buffer";
const PUT_1M: &[&str] = &["mode=put", "size=1048576", "c=8"];
const PUT_256M: &[&str] = &["mode=put", "size=268435456", "c=1", "n=2"];
const TLS_PUT_1M: &[&str] = &["mode=put", "tls=1", AES, "size=1048576", "c=8"];
const TLS_PUT_256M: &[&str] = &["mode=put", "tls=1", AES, "size=268435456", "c=1", "n=2"];
