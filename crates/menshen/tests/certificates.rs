//! Certificates of a live menshen: broken ones, ones that change while it runs, and the keeper as
//! a child that never stands in anybody's way.

use crate::support::{live, secure};

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_sys::SlotState;
use menshen_sys::scoreboard::HeaderWord;
use menshen_tls::{DevCertificate, dev_ca, fingerprint};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use live::{BIG_BYTES, Live, wait_for};
use secure::{Secure, connect};

/// An authority of the test's own, which makes a new certificate whenever it is asked later.
struct Issuer {
    folder: TempDir,
    day: i64,
}

impl Issuer {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), day: -31 }
    }

    /// Another certificate for `localhost`, valid now.
    fn next(&mut self) -> DevCertificate {
        assert!(self.day <= 0, "a third one would not have begun");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap() + self.day * 86_400;
        self.day += 31;
        dev_ca::ensure(self.folder.path(), &["localhost".to_owned()], now).unwrap()
    }

    fn client(&self) -> Arc<ClientConfig> {
        let authority = CertificateDer::from_pem_file(self.folder.path().join("ca.pem")).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(authority).unwrap();
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }
}

/// What a client that trusts everything in the way of this issuer is shown.
fn served(client: &Arc<ClientConfig>, address: SocketAddr) -> String {
    shown(&connect(client, address))
}

fn shown(secure: &Secure) -> String {
    fingerprint(&secure.conn.peer_certificates().unwrap()[0])
}

fn start(settings: &str, prepare: impl FnOnce(&Path)) -> Live {
    let folder = live::folder(settings);
    prepare(folder.path());
    let command = live::command(folder.path(), &["serve"]);
    Live::start_command(folder, command)
}

fn put(folder: &Path, made: &DevCertificate) {
    for (name, text) in [("c.pem", &made.chain_pem), ("k.pem", &made.key_pem)] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).unwrap();
    }
}

/// Process ids of the workers.
fn pids(live: &Live) -> Vec<u64> {
    live.workers(SlotState::Ready).iter().map(menshen_sys::Slot::pid).collect()
}

const GIVEN: &str = "workers = 2\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";

#[test]
fn a_broken_certificate_stops_nobody_and_a_good_one_heals_it() {
    let live = start(GIVEN, |folder| std::fs::write(folder.join("c.pem"), "nonsense").unwrap());
    let print = live.printed();
    assert!(print.contains("k.pem: it cannot be read") || print.contains("c.pem: "), "{print}");
    assert!(print.contains("development CA, good only for localhost"), "{print}");
    let development = served(&secure::client(&live, &[]), live.https.unwrap());
    let check = live.run(&["check", "menshen.toml"]);
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(2), "{text}");
    assert!(text.contains("error: "), "{text}");

    let mut issuer = Issuer::new();
    let made = issuer.next();
    let before = pids(&live);
    put(live.folder.path(), &made);
    let client = issuer.client();
    wait_for("the good certificate", || live.log().contains("certificate served: localhost"));
    wait_for("the workers", || {
        let status = live.run(&["status", "--json"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        text.contains("\"certificates_behind\": []")
    });
    let now = served(&client, live.https.unwrap());
    assert_eq!(now, made.leaf_fingerprint_sha256);
    assert_ne!(now, development);
    assert_eq!((live.header(HeaderWord::Generation), pids(&live)), (1, before));
    assert_eq!(live.run(&["check", "menshen.toml"]).status.code(), Some(1), "only a warning");

    // Broken again while it runs: the last good one is served.
    std::fs::write(live.path("k.pem"), "nonsense").unwrap();
    wait_for("the finding", || live.log().contains("served in memory: the one read before"));
    assert_eq!(served(&client, live.https.unwrap()), now);
    let reload = live.run(&["reload"]);
    assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
    assert_eq!(served(&client, live.https.unwrap()), now);
}

#[test]
fn a_replaced_certificate_is_served_without_losing_a_download() {
    let mut issuer = Issuer::new();
    let (old, new) = (issuer.next(), issuer.next());
    let live = start(GIVEN, |folder| put(folder, &old));
    let (client, address) = (issuer.client(), live.https.unwrap());
    let before = pids(&live);
    let mut download = connect(&client, address);
    assert_eq!(shown(&download), old.leaf_fingerprint_sha256);
    let request = b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    download.write_all(request).unwrap();
    let mut begin = vec![0; 1 << 20];
    download.read_exact(&mut begin).unwrap();

    put(live.folder.path(), &new);
    wait_for("the new certificate on both workers", || {
        // Which worker answers is up to the kernel.
        (0..8).all(|_| served(&client, address) == new.leaf_fingerprint_sha256)
    });
    assert_eq!((live.header(HeaderWord::Generation), pids(&live)), (1, before));
    let mut rest = Vec::new();
    download.read_to_end(&mut rest).unwrap();
    let head = begin.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!((begin.len() - head + rest.len()) as u64, BIG_BYTES);
    assert_eq!(live.header(HeaderWord::ReloadsDone), 0);
}

#[test]
fn a_renewal_of_certbot_is_served_by_itself() {
    let mut issuer = Issuer::new();
    let (old, new) = (issuer.next(), issuer.next());
    let link = |folder: &Path, made: &DevCertificate, number: u32| {
        let (archive, live) = (folder.join("le/archive/x"), folder.join("le/live/x"));
        std::fs::create_dir_all(&archive).unwrap();
        std::fs::create_dir_all(&live).unwrap();
        for (kind, text) in [("fullchain", &made.chain_pem), ("privkey", &made.key_pem)] {
            let file = format!("{kind}{number}.pem");
            std::fs::write(archive.join(&file), text).unwrap();
            let link = live.join(format!("{kind}.pem"));
            let _ = std::fs::remove_file(&link);
            symlink(format!("../../archive/x/{file}"), link).unwrap();
        }
    };
    let settings = "workers = 1\n[tls]\nfrom = [\"le/live\"]\n";
    let live = start(settings, |folder| link(folder, &old, 1));
    let (client, address) = (issuer.client(), live.https.unwrap());
    assert!(live.printed().contains("live/x/fullchain.pem  made out to localhost"));
    assert_eq!(served(&client, address), old.leaf_fingerprint_sha256);
    link(live.folder.path(), &new, 2);
    wait_for("the new one", || served(&client, address) == new.leaf_fingerprint_sha256);
    assert_eq!(live.header(HeaderWord::Generation), 1);
}

/// The keeper's process id, a child of the guard.
fn keeper(live: &Live) -> Option<u32> {
    let guard = live.child.id();
    let children = format!("/proc/{guard}/task/{guard}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"menshen: keeper")
    })
}

/// An authority nobody listens for: port 1 of this machine.
const NOWHERE: &str = "workers = 1\ntls = { acme = [\"a.test\"] }\n\
    [[acme.directory]]\nurl = \"https://127.0.0.1:1/directory\"\n";

#[test]
fn the_keeper_comes_back_and_stands_in_nobodys_way() {
    let mut live = Live::start(NOWHERE);
    let print = live.printed();
    assert!(print.contains("a.test  not there yet"), "{print}");
    live::fetch(live.plain).unwrap();
    let workers = pids(&live);
    wait_for("the keeper", || keeper(&live).is_some());
    let first = keeper(&live).unwrap();
    if rustix::process::geteuid().is_root() {
        wait_for("an unprivileged keeper", || {
            let status = std::fs::read_to_string(format!("/proc/{first}/status"));
            status.unwrap_or_default().contains("\nUid:\t65534\t65534\t65534\t65534\n")
        });
    }
    wait_for("its note", || live.path(".menshen/certificates/a.test.json").exists());
    let status = String::from_utf8(live.run(&["status"]).stdout).unwrap();
    assert!(status.contains("\n  a.test  "), "{status}");

    kill_process(Pid::from_raw(first.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    wait_for("another keeper", || keeper(&live).is_some_and(|pid| pid != first));
    assert!(live.log().contains("keeper was killed by signal 9 (SIGKILL); starting it again"));
    assert_eq!(pids(&live), workers, "workers notice nothing");
    live::fetch(live.plain).unwrap();

    assert!(live.reload("workers = 1").status.success());
    wait_for("the end of the keeper", || keeper(&live).is_none());
    assert!(live.reload(NOWHERE).status.success());
    wait_for("a keeper again", || keeper(&live).is_some());
    let last = keeper(&live).unwrap();
    live.signal(Signal::TERM);
    assert!(live.ended(std::time::Duration::from_secs(10)).success(), "{}", live.log());
    assert!(!Path::new(&format!("/proc/{last}")).exists(), "no keeper without a guard");
}
