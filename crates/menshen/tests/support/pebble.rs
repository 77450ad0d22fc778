//! An ACME authority of the test's own: Debian's pebble, with pebble-challtestsrv as its DNS.
//!
//! pebble refuses part of all nonces and knows no mercy for wrong answers; where it looks for them
//! is said by two ports. All names lead to 127.0.0.1. It forgets everything when it is stopped.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::live::wait_for;
use super::peers::{find, free_address};

/// How pebble shall be.
pub(crate) struct Settings {
    /// Where it looks for http-01.
    pub(crate) http_port: u16,
    /// Where it looks for tls-alpn-01.
    pub(crate) tls_port: u16,
    /// How many of a hundred nonces it refuses.
    pub(crate) refused_nonces: u32,
    /// How long its certificates last; `None`: five years.
    pub(crate) life_seconds: Option<u64>,
    /// Key identifier and key (base64url) without which nobody gets an account.
    pub(crate) binding: Option<(String, String)>,
}

/// A pebble in a folder of its own; ended when dropped.
pub(crate) struct Pebble {
    /// Open to all: hooks run as nobody.
    pub(crate) folder: TempDir,
    /// PEM root its own HTTPS is checked against.
    pub(crate) root_pem: String,
    /// Certificate (PEM) and key (PEM) of its HTTPS, good for localhost.
    pub(crate) pair: (String, String),
    /// Where its API is.
    pub(crate) address: SocketAddr,
    /// Where it gives out its roots.
    management: SocketAddr,
    settings: Settings,
    dns: SocketAddr,
    dns_control: SocketAddr,
    dns_server: Child,
    pebble: Option<Child>,
}

impl Pebble {
    /// Starts both; `None` after saying so where they are not installed.
    pub(crate) fn start(settings: Settings) -> Option<Self> {
        for program in ["pebble", "pebble-challtestsrv", "curl"] {
            find(program)?;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (root_pem, pair) = own_https();
        let [address, management, dns, dns_control] = [(); 4].map(|()| free_address());
        let dns_server = Command::new("pebble-challtestsrv")
            .args(["-management", &dns_control.to_string(), "-dns01", &dns.to_string()])
            .args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("its DNS", || TcpStream::connect(dns_control).is_ok());
        let mut pebble = Self {
            folder,
            root_pem,
            pair,
            address,
            management,
            settings,
            dns,
            dns_control,
            dns_server,
            pebble: None,
        };
        pebble.begin();
        Some(pebble)
    }

    /// URL of the directory.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// A file of its folder, such as `root.pem`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it again, at the same place, without any memory.
    pub(crate) fn begin(&mut self) {
        let path = |name: &str| self.path(name);
        std::fs::write(path("root.pem"), &self.root_pem).unwrap();
        std::fs::write(path("api.pem"), &self.pair.0).unwrap();
        std::fs::write(path("api.key"), &self.pair.1).unwrap();
        let mut config = serde_json::json!({
            "listenAddress": self.address.to_string(),
            "managementListenAddress": self.management.to_string(),
            "certificate": path("api.pem"),
            "privateKey": path("api.key"),
            "httpPort": self.settings.http_port,
            "tlsPort": self.settings.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.settings.binding.is_some(),
        });
        if let Some((identifier, key)) = &self.settings.binding {
            config["externalAccountMACKeys"] = serde_json::json!({ identifier: key });
        }
        if let Some(life) = self.settings.life_seconds {
            config["certificateValidityPeriod"] = life.into();
        }
        let config = serde_json::json!({ "pebble": config });
        std::fs::write(path("pebble.json"), config.to_string()).unwrap();
        let log = std::fs::File::create(path("pebble.log")).unwrap();
        let child = Command::new("pebble")
            .args(["-strict", "-dnsserver", &self.dns.to_string(), "-config"])
            .arg(path("pebble.json"))
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", self.settings.refused_nonces.to_string())
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.pebble = Some(child);
        wait_for("pebble", || TcpStream::connect(self.address).is_ok());
    }

    /// Ends pebble; its DNS goes on.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.pebble.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It is there and says nothing, until [`Self::go_on`].
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// It answers again.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.pebble.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// PEM root of the certificates it issues; another one after each start.
    pub(crate) fn issuing_root(&self) -> String {
        let url = format!("https://localhost:{}/roots/0", self.management.port());
        let mut command = Command::new("curl");
        command.args(["-sSf", "--noproxy", "*", "--retry", "5", "--retry-connrefused", "--cacert"]);
        let output = command.arg(self.path("root.pem")).arg(url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// From now on its DNS leads `name` to `address`.
    pub(crate) fn lead(&self, name: &str, address: Ipv4Addr) {
        let record = serde_json::json!({ "host": format!("{name}."), "addresses": [address] });
        let url = format!("http://{}/add-a", self.dns_control);
        let mut command = Command::new("curl");
        command.args(["-sSf", "--noproxy", "*", "-d", &record.to_string(), &url]);
        assert!(command.status().unwrap().success());
    }

    /// What pebble said so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("pebble.log")).unwrap()
    }

    /// A hook that sets TXT records in this DNS and writes down its calls in `hook.log`; only with
    /// the secret "open sesame".
    pub(crate) fn hook(&self) -> PathBuf {
        let log = self.path("hook.log");
        std::fs::write(&log, "").unwrap();
        std::fs::set_permissions(&log, PermissionsExt::from_mode(0o666)).unwrap();
        let script = format!(
            "#!/bin/sh\nset -e\nread -r secret || true\n[ \"$secret\" = 'open sesame' ]\n\
             echo \"$1 $2 $3\" >> {log}\n\
             case $1 in\n\
             set) curl -sf -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" \
             http://{control}/set-txt ;;\n\
             remove) curl -sf -d \"{{\\\"host\\\":\\\"$2.\\\"}}\" http://{control}/clear-txt ;;\n\
             esac\n",
            log = log.display(),
            control = self.dns_control,
        );
        let hook = self.path("hook");
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        hook
    }

    /// Calls of [`Self::hook`], one a line.
    pub(crate) fn hook_calls(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("hook.log")).unwrap();
        log.lines().map(ToOwned::to_owned).collect()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
        let _ = self.dns_server.kill();
        let _ = self.dns_server.wait();
    }
}

/// A root, and a certificate for localhost with its key.
fn own_https() -> (String, (String, String)) {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Another name than the leaf's, or OpenSSL takes the leaf for self-signed.
    root.distinguished_name.push(DnType::CommonName, "root of a test's API");
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (root_pem, (leaf.pem(), key.serialize_pem()))
}
