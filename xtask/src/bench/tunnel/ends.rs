//! Both ends of one tunnel on the bare machine, and iperf3 through it.
//!
//! menshen is its own program at both ends: `serve` with one worker, and `tunnel connect`. The
//! limit is `bench/tunnelload`. Plain TLS is what the same server sends curl.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::space::Spaces;
use super::{Amount, Sample, Way};
use crate::bench::lab::{Lab, Store};
use crate::server::Server;
use crate::shell;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    LimitPlain,
    LimitBatched,
    Pptp,
    Mppe,
    Sstp,
    Tls,
}

pub(super) const KINDS: [Kind; 6] =
    [Kind::LimitPlain, Kind::LimitBatched, Kind::Pptp, Kind::Mppe, Kind::Sstp, Kind::Tls];

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::LimitPlain => "TUN over UDP, a packet a call",
            Self::LimitBatched => "TUN over UDP, batched and offloaded",
            Self::Pptp => "PPTP without MPPE",
            Self::Mppe => "PPTP, MPPE-128",
            Self::Sstp => "SSTP",
            Self::Tls => "HTTPS of the same worker to curl",
        }
    }

    /// Whether it is a tunnel of ours.
    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Pptp | Self::Mppe | Self::Sstp)
    }

    pub(super) fn goes(self, way: Way) -> bool {
        self != Self::Tls || way == Way::Down
    }
}

/// Two ends that are joined.
#[derive(Debug)]
pub(super) struct End {
    kind: Kind,
    serving: Server,
    dialling: Option<Server>,
    curl: PathBuf,
    iperf: PathBuf,
    // Last, so that it goes when nobody is in it any more.
    spaces: Spaces,
}

impl End {
    /// Starts both and waits until packets pass.
    pub(super) fn start(lab: &Lab, kind: Kind) -> Result<Self, String> {
        let spaces = Spaces::new()?;
        let log = |name: &str| lab.conf().join(format!("tunnel-{name}.log"));
        let limit = lab.program("tunnel_limit");
        let word = if kind == Kind::LimitPlain { "plain" } else { "batched" };
        let is_limit = matches!(kind, Kind::LimitPlain | Kind::LimitBatched);
        let mut command = if is_limit {
            let mut command = spaces.first(&limit);
            command.args(["serve", "10.8.0.1:9999", word]);
            command
        } else {
            let mppe = if kind == Kind::Mppe { "require" } else { "off" };
            let folder = prepare(lab, "", &configuration(lab, mppe))?;
            let mut command = spaces.first(&lab.menshen);
            command.current_dir(folder).args(["serve", "--config", "menshen.toml"]);
            command
        };
        let serve_log = log("serve");
        let serving = Server::start(kind.name(), &mut command, &serve_log)?;
        let find = |name| shell::find(name).ok_or_else(|| format!("no {name}; install {name}"));
        let (curl, iperf) = (find("curl")?, find("iperf3")?);
        let mut end = Self { kind, serving, dialling: None, curl, iperf, spaces };
        if is_limit {
            thread::sleep(Duration::from_millis(300));
        } else {
            let spaces = &end.spaces;
            let open = || [443, 1723].into_iter().all(|port| spaces.listens(port));
            end.serving.wait_until(&serve_log, open)?;
        }
        let mut command = match kind {
            Kind::Tls => return Ok(end),
            Kind::LimitPlain | Kind::LimitBatched => {
                let mut command = end.spaces.second(&limit);
                command.args(["dial", "10.8.0.1:9999", word]);
                command
            }
            Kind::Pptp | Kind::Mppe | Kind::Sstp => {
                let mut command = end.spaces.second(&lab.menshen);
                command.args(["tunnel", "connect"]).args(dial(
                    &lab.certificate(),
                    kind,
                    "10.8.0.1",
                )?);
                command.arg("--password-file").arg(folder(lab, "").join("password"));
                command.args(["--interface", "mt0"]);
                command
            }
        };
        let log = log("dial");
        let dialling = end.dialling.insert(Server::start(kind.name(), &mut command, &log)?);
        let spaces = &end.spaces;
        dialling.wait_until(&log, || {
            let mut ping = spaces.second("ping".as_ref());
            ping.args(["-c", "1", "-W", "1", kind.inner()]);
            spaces.has_address("mt0") && shell::output(&mut ping).is_ok()
        })?;
        Ok(end)
    }

    /// One run.
    pub(super) fn run(&self, way: Way, amount: Amount) -> Result<Sample, String> {
        if self.kind == Kind::Tls {
            return self.download();
        }
        let inner = self.kind.inner();
        let mut listening = self.spaces.first(&self.iperf);
        listening.args(["-s", "-1", "-B", inner]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut listening = listening.spawn().map_err(|e| format!("could not run iperf3: {e}"))?;
        thread::sleep(Duration::from_millis(300));
        let mut command = self.spaces.second(&self.iperf);
        command.args(["-c", inner, "-J"]);
        match amount {
            Amount::Seconds(seconds) => command.args(["-t", &format!("{}", seconds.ceil())]),
            Amount::Megabytes(megabytes) => command.args(["-n", &format!("{megabytes}M")]),
        };
        if way == Way::Down {
            command.arg("-R");
        }
        let before = self.cpu_ns();
        let text = shell::output(&mut command);
        let after = self.cpu_ns();
        let _ = listening.kill();
        let _ = listening.wait();
        let (octets, megabits, retransmitted) =
            figures(&text?).ok_or("iperf3 said something else")?;
        let cpu = (after - before) as f64 / octets;
        Ok(Sample { megabits, cpu, retransmitted })
    }

    /// A gigabyte over HTTPS, decrypted by curl.
    fn download(&self) -> Result<Sample, String> {
        let mut command = self.spaces.second(&self.curl);
        command.args(["-s", "-k", "-o", "/dev/null", "-w", "%{size_download} %{time_total}"]);
        command.arg("https://10.8.0.1/1g");
        let before = self.cpu_ns();
        let text = shell::output(&mut command)?;
        let cpu = (self.cpu_ns() - before) as f64;
        let mut words = text.split(' ').map(|word| word.trim().parse::<f64>().unwrap_or(0.0));
        let (octets, seconds) = (words.next().unwrap_or(0.0), words.next().unwrap_or(0.0));
        if octets < 1e9 {
            return Err(format!("curl did not get the file: {text}"));
        }
        Ok(Sample { megabits: octets * 8e-6 / seconds, cpu: cpu / octets, retransmitted: 0.0 })
    }

    fn cpu_ns(&self) -> u64 {
        self.serving.cpu_ns() + self.dialling.as_ref().map_or(0, Server::cpu_ns)
    }
}

impl Kind {
    /// The serving end's address within the tunnel.
    const fn inner(self) -> &'static str {
        match self {
            Self::LimitPlain | Self::LimitBatched => "10.9.0.1",
            _ => "10.77.0.1",
        }
    }
}

/// Octets received, their rate, segments sent again, of iperf3's JSON.
pub(super) fn figures(text: &str) -> Option<(f64, f64, f64)> {
    let all: Value = serde_json::from_str(text).ok()?;
    let end = all.get("end")?;
    let received = end.get("sum_received")?;
    let octets = received.get("bytes")?.as_f64().filter(|octets| *octets > 0.0)?;
    let again =
        end.get("sum_sent").and_then(|sent| sent.get("retransmits")).and_then(Value::as_f64);
    Some((octets, received.get("bits_per_second")?.as_f64()? / 1e6, again.unwrap_or(0.0)))
}

/// What `menshen tunnel connect` is told.
pub(super) fn dial(certificate: &Path, kind: Kind, server: &str) -> Result<Vec<String>, String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Ok(match kind {
        Kind::Sstp => {
            let mut openssl = Command::new("openssl");
            openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
            let said = shell::output(openssl.arg(certificate))?;
            let print = said.trim().rsplit('=').next().unwrap_or_default();
            words(&[&format!("sstp://bench@{server}"), "--fingerprint", print])
        }
        Kind::Mppe => words(&[&format!("pptp://bench@{server}"), "--mppe", "require"]),
        _ => words(&[&format!("pptp://bench@{server}"), "--mppe", "off"]),
    })
}

/// `menshen.toml` of the serving end.
pub(super) fn configuration(lab: &Lab, mppe: &str) -> String {
    format!(
        "workers = 1

[web]
listen = [\"0.0.0.0:443\"]
root = \"{root}\"
access_log = \"off\"

[[web.public]]
path = \"/\"

[tls]
certificate = \"{certificate}\"
key = \"{key}\"

[admin]
listen = \"off\"

[tunnel]
users = \"users\"

[tunnel.pptp]
listen = [\"0.0.0.0:1723\"]
mppe = \"{mppe}\"
",
        root = lab.root(Store::Files).display(),
        certificate = lab.certificate().display(),
        key = lab.certificate().with_extension("key").display(),
    )
}

/// Where a server under test has its files, by a word for the case.
pub(super) fn folder(lab: &Lab, word: &str) -> PathBuf {
    lab.disk.join("up").join(format!("state-tunnel{word}"))
}

/// Makes that folder, with a configuration, a user and a password.
pub(super) fn prepare(lab: &Lab, word: &str, configuration: &str) -> Result<PathBuf, String> {
    let folder = folder(lab, word);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
    };
    let made = fs::create_dir_all(&folder)
        .and_then(|()| write("menshen.toml", configuration))
        .and_then(|()| write("users", USER))
        .and_then(|()| write("password", "password\n"));
    made.map_err(|e| format!("could not write {}: {e}", folder.display()))?;
    Ok(folder)
}

/// The hash is that of `password`.
const USER: &str = "bench:8846f7eaee8fb117ad06bdd830b7586c\n";
