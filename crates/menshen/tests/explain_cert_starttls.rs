//! `menshen explain cert` through STARTTLS: a real MariaDB, a real PostgreSQL, and Python's ssl
//! module behind SMTP, IMAP, POP3 and FTP. Left out where they are not installed; `CI` requires
//! them.

use crate::support::{authority, live, peers};

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use authority::{Authority, Leaf};
use peers::{Peer, find, free_address};
use serde_json::Value;

fn ready() -> Option<Authority> {
    let authority = find("openssl").and_then(|_| find("python3")).map(|_| Authority::new())?;
    let extensions = "subjectAltName=DNS:localhost\ncertificatePolicies=2.23.140.1.2.1";
    let leaf = Leaf { file: "leaf", subject: "/CN=localhost", extensions, times: None };
    authority.issue(&leaf);
    // The servers are other users.
    fs::set_permissions(authority.folder.path(), Permissions::from_mode(0o755)).unwrap();
    Some(authority)
}

/// Exit code and JSON about `localhost` at an address.
fn explain(authority: &Authority, protocol: &str, address: SocketAddr) -> (i32, Value) {
    let output = live::command(authority.folder.path(), &["explain", "cert", "localhost"])
        .args(["--json", "--offline", "--roots", "root.pem", "--starttls", protocol])
        .arg(format!("--connect={address}"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code().unwrap(), json.unwrap_or_else(|_| panic!("{error}")))
}

fn is_good(answer: &(i32, Value), protocol: &str) {
    let (code, answer) = answer;
    assert_eq!((*code, &answer["class"]), (0, &"dv".into()), "{protocol}: {answer:#}");
    assert_eq!(answer["connection"]["starttls"]["protocol"], protocol);
    assert_eq!(answer["connection"]["version"], "TLS 1.3");
}

fn offers_none(answer: &(i32, Value), protocol: &str) {
    let (code, answer) = answer;
    assert_eq!((*code, &answer["class"]), (1, &"none".into()), "{protocol}: {answer:#}");
    assert_eq!(answer["findings"][0]["code"], "starttls-not-offered", "{protocol}: {answer:#}");
}

#[test]
fn mail_and_files() {
    let Some(authority) = ready() else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/starttls.py");
    for protocol in ["smtp", "imap", "pop3", "ftp"] {
        let serve = |offers| {
            let address = free_address();
            let mut command = Command::new("python3");
            command.current_dir(authority.folder.path()).arg(&script).arg(protocol);
            command.args([&address.port().to_string(), "leaf.chain", "leaf.key", offers]);
            (Peer::serve(&mut command, address), address)
        };
        let (_server, address) = serve("yes");
        is_good(&explain(&authority, protocol, address), protocol);
        let (_server, address) = serve("no");
        offers_none(&explain(&authority, protocol, address), protocol);
        let (code, answer) = explain(&authority, "postgres", address);
        assert_eq!((code, &answer["findings"][0]["code"]), (1, &"starttls-foreign".into()));
    }
}

#[test]
fn mariadb() {
    let Some(authority) = ready() else { return };
    let (Some(install), Some(server)) = (find("mariadb-install-db"), find("mariadbd")) else {
        return;
    };
    let data = authority.path("data");
    let mut command = Command::new(install);
    command.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
    let whoami =
        if rustix::process::geteuid().is_root() { "--user=root" } else { "--skip-name-resolve" };
    let temporary = format!("--tmpdir={}", authority.folder.path().display());
    let output = command
        .arg(&temporary)
        .args(["--auth-root-authentication-method=normal", "--skip-test-db", whoami])
        .output();
    assert!(output.as_ref().unwrap().status.success(), "{output:?}");
    let serve = |more: &[&str]| {
        let address = free_address();
        let mut command = Command::new(&server);
        command.current_dir(authority.folder.path()).args([
            "--no-defaults",
            &format!("--datadir={}", data.display()),
            whoami,
            &temporary,
        ]);
        command.arg(format!("--port={}", address.port())).arg("--bind-address=127.0.0.1");
        command.arg(format!("--socket={}", authority.path("socket").display()));
        (Peer::serve(command.args(more), address), address)
    };
    let files = [authority.path("leaf.chain"), authority.path("leaf.key")];
    let [chain, key] = files.map(|file| file.display().to_string());
    let secure = serve(&[&format!("--ssl-cert={chain}"), &format!("--ssl-key={key}")]);
    is_good(&explain(&authority, "mysql", secure.1), "mysql");
    drop(secure);
    let plain = serve(&[]);
    offers_none(&explain(&authority, "mysql", plain.1), "mysql");
}

#[test]
fn postgresql() {
    let Some(authority) = ready() else { return };
    let (Some(install), Some(server)) = (find("initdb"), find("postgres")) else { return };
    // It refuses to run as root.
    let user = rustix::process::geteuid().is_root().then_some(65_534);
    let own = |path: &Path| chown(path, user, user).unwrap();
    let data = authority.path("data");
    fs::create_dir(&data).unwrap();
    fs::copy(authority.path("leaf.key"), authority.path("own.key")).unwrap();
    fs::set_permissions(authority.path("own.key"), Permissions::from_mode(0o600)).unwrap();
    own(&data);
    own(&authority.path("own.key"));
    let run = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&data);
        if let Some(user) = user {
            command.uid(user).gid(user);
        }
        command
    };
    let output = run(&install).args(["-D", ".", "-A", "trust", "-N"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let serve = |more: &[&str]| {
        let address = free_address();
        let mut command = run(&server);
        command.args(["-D", ".", "-h", "127.0.0.1", "-p", &address.port().to_string(), "-k", ""]);
        (Peer::serve(command.args(more), address), address)
    };
    let files =
        ["-c", "ssl=on", "-c", "ssl_cert_file=../leaf.chain", "-c", "ssl_key_file=../own.key"];
    let secure = serve(&files);
    is_good(&explain(&authority, "postgres", secure.1), "postgres");
    drop(secure);
    // Killed, it leaves its lock behind; the process it names is gone.
    let _ = fs::remove_file(data.join("postmaster.pid"));
    let plain = serve(&[]);
    offers_none(&explain(&authority, "postgres", plain.1), "postgres");
}
