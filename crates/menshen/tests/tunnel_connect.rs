//! `menshen tunnel connect` and `menshen tunnel user` as their users see them: the real program in
//! a network namespace, our SSTP server half in another one.
//!
//! Needs root and /dev/net/tun, else it says so and is skipped.

use crate::support::{live, peers, space, tunnel_server};

#[path = "tunnel_connect/guest.rs"]
mod guest;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use space::Space;
use tunnel_server::{CLIENT, Kind, SstpServer, start, start_control};

/// Client and server, joined by a line of their own.
struct Both {
    client: Space,
    server: Space,
    folder: tempfile::TempDir,
}

#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn both() -> Option<Both> {
    if !Path::new("/dev/net/tun").exists() {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "/dev/net/tun is not there");
        eprintln!("SKIPPED: /dev/net/tun is not there");
        return None;
    }
    let _ = (peers::find("ip")?, peers::find("ping")?);
    let (client, server) = (Space::new()?, Space::new()?);
    let path = server.path();
    let there = path.split('/').nth(2).unwrap().to_owned();
    client.run("ip", &words(&format!("link add c0 type veth peer name s0 netns {there}")));
    for (space, device, address) in
        [(&client, "c0", "10.66.0.2/24"), (&server, "s0", "10.66.0.1/24")]
    {
        space.run("ip", &words(&format!("addr add {address} dev {device}")));
        space.run("ip", &words(&format!("link set {device} up")));
    }
    Some(Both { client, server, folder: tempfile::tempdir().unwrap() })
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// A running `menshen tunnel connect --json`.
struct Tunnel {
    child: Child,
    events: mpsc::Receiver<Value>,
}

impl Tunnel {
    fn start(both: &Both, arguments: &str, password: &str) -> Self {
        Self::start_with(both, arguments, password, &[])
    }

    /// The same with further variables of the environment.
    fn start_with(
        both: &Both,
        arguments: &str,
        password: &str,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut all = vec!["tunnel", "connect", "--json"];
        all.extend(arguments.split(' '));
        let mut command = both.client.command(env!("CARGO_BIN_EXE_menshen"), &all);
        command.envs(variables.iter().copied());
        let file = std::fs::File::create(both.folder.path().join("stderr")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, events }
    }

    /// The next event of this name; others are passed over.
    fn event(&self, name: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            let Ok(event) = self.events.recv_timeout(Duration::from_secs(60)) else {
                panic!("{name} did not come after {seen:#?}");
            };
            if event["event"] == name {
                return event;
            }
            seen.push(event);
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its exit code.
    fn end(&mut self) -> Option<i32> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it did not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Both {
    fn sstp(&self, server: &SstpServer, more: &str) -> String {
        format!("sstp://anna@10.66.0.1 --fingerprint {}{more}", server.fingerprint)
    }

    fn has_interface(&self) -> bool {
        self.client
            .command("ip", &words("link show dev menshen0"))
            .output()
            .unwrap()
            .status
            .success()
    }

    fn pings(&self, address: &str) {
        let text = self.client.run("ping", &["-n", "-c", "3", "-i", "0.1", "-W", "20", address]);
        assert!(text.contains(" 3 received"), "{text}");
    }
}

#[test]
fn a_tunnel_comes_up_carries_and_ends_without_a_trace() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Sstp);
    let before = both.client.run("ip", &["route"]);
    let more = " --route 10.99.0.0/16,192.0.2.7 --every 1";
    let mut tunnel = Tunnel::start(&both, &both.sstp(&server, more), "geheim");
    let dialling = tunnel.event("dialling");
    assert_eq!((&dialling["server"], &dialling["outer"]), (&"10.66.0.1:443".into(), &"c0".into()));
    let open = tunnel.event("open");
    assert_eq!((&open["by"], &open["interface"]), (&"sstp".into(), &"menshen0".into()));
    assert_eq!(open["address"], CLIENT.to_string());
    assert_eq!(open["dns"][0], "10.67.0.1");
    assert!(open["encryption"].as_str().unwrap().starts_with("TLS 1.3"), "{open}");
    let routes = both.client.run("ip", &words("route show dev menshen0"));
    assert!(routes.contains("10.99.0.0/16") && routes.contains("192.0.2.7"), "{routes}");
    both.pings("10.67.0.1");
    let figures = std::iter::repeat_with(|| tunnel.event("figures"));
    let counted = |figures: &Value| figures["received_packets"].as_u64().unwrap() >= 3;
    assert!(figures.take(20).any(|figures| counted(&figures)));
    tunnel.signal(Signal::TERM);
    tunnel.event("closed");
    assert_eq!(tunnel.end(), Some(0));
    assert!(!both.has_interface());
    assert_eq!(both.client.run("ip", &["route"]), before);
}

/// All of IPv4 goes through it, but its own packets, also where the way back is checked strictly.
#[test]
fn everything_goes_through_but_the_tunnel_itself() {
    for strict in ["0", "1"] {
        let Some(both) = both() else { return };
        let server = start(&both.server, both.folder.path(), Kind::Sstp);
        for name in ["all", "c0"] {
            let set = format!("net.ipv4.conf.{name}.rp_filter={strict}");
            both.client.run("sysctl", &["-qw", &set]);
        }
        both.client.run("ip", &words("route add default via 10.66.0.1"));
        let before = both.client.run("ip", &["route"]);
        let mut tunnel = Tunnel::start(&both, &both.sstp(&server, " --route all"), "geheim");
        tunnel.event("open");
        let inner = both.client.run("ip", &words("route get 192.0.2.99"));
        assert!(inner.contains("dev menshen0"), "{inner}");
        both.pings("10.67.0.1");
        // The line is on-link here: a route of its own to the server would hide a loop.
        both.client.run("ip", &words("route del 10.66.0.0/24 dev c0"));
        both.client.run("ip", &words("route add 10.66.0.1/32 dev menshen0 metric 1"));
        both.pings("10.67.0.1");
        both.client.run("ip", &words("route del 10.66.0.1/32 dev menshen0"));
        both.client.run(
            "ip",
            &words("route add 10.66.0.0/24 dev c0 proto kernel scope link src 10.66.0.2"),
        );
        let routes = both.client.run("ip", &["route"]);
        let held = routes.lines().any(|line| line.starts_with("10.66.0.1 dev c0"));
        assert_eq!(held, strict == "1", "{routes}");
        tunnel.signal(Signal::INT);
        assert_eq!(tunnel.end(), Some(0));
        let after = both.client.run("ip", &["route"]);
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&after), sorted(&before));
    }
}

#[test]
fn a_server_that_dies_is_dialled_again_and_nothing_goes_around() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Sstp);
    let mut tunnel = Tunnel::start(&both, &both.sstp(&server, " --route all"), "geheim");
    tunnel.event("open");
    let index = both.client.run("ip", &words("-o link show dev menshen0"));
    server.cut.send(()).unwrap();
    let down = tunnel.event("down");
    assert_eq!(down["exit_code"], 111, "{down}");
    let wait = tunnel.event("waiting")["seconds"].as_f64().unwrap();
    assert!((0.75..=1.25).contains(&wait), "{wait}");
    let inner = both.client.run("ip", &words("route get 192.0.2.99"));
    assert!(inner.contains("dev menshen0"), "{inner}");
    tunnel.event("open");
    both.pings("10.67.0.1");
    let number = |text: &str| text.split(':').next().unwrap().to_owned();
    let now = both.client.run("ip", &words("-o link show dev menshen0"));
    assert_eq!(number(&now), number(&index), "the interface stays");

    // Told to dial again, it ends in good order first.
    tunnel.signal(Signal::HUP);
    assert_eq!(tunnel.event("closing")["dials_again"], true);
    tunnel.event("open");
    // Its interface is taken away: another one is made.
    both.client.run("ip", &words("link delete menshen0"));
    assert_eq!(tunnel.event("down")["finding"]["code"], "tunnel-interface-failed");
    tunnel.event("open");
    both.pings("10.67.0.1");
    tunnel.signal(Signal::KILL);
    assert_eq!(tunnel.end(), None);
    live::wait_for("the interface to vanish", || !both.has_interface());
    assert!(!both.client.run("ip", &["route"]).contains("menshen"));
}

#[test]
fn causes_have_their_exit_codes() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Sstp);
    let code = |arguments: &str, password: &str| {
        let mut tunnel = Tunnel::start(&both, arguments, password);
        let failed = tunnel.event("failed");
        assert_eq!(failed["exit_code"], tunnel.end().unwrap(), "{failed}");
        let finding = &failed["finding"];
        assert!(!finding["hint"].as_str().unwrap().is_empty(), "{failed}");
        assert!(!failed.to_string().contains(password), "{failed}");
        (failed["exit_code"].as_u64().unwrap(), finding["code"].as_str().unwrap().to_owned())
    };
    let refused = |number, name: &str| (number, name.to_owned());
    // A wrong password ends it without --once.
    assert_eq!(code(&both.sstp(&server, ""), "guessed"), refused(10, "tunnel-auth-refused"));
    assert_eq!(code("sstp://anna@10.66.0.1", "geheim"), refused(13, "tunnel-sstp-untrusted"));
    let other = format!("sstp://anna@10.66.0.1 --fingerprint {}", "ab".repeat(32));
    assert_eq!(code(&other, "geheim"), refused(13, "tunnel-sstp-untrusted"));
    let ca = format!("sstp://anna@10.66.0.1 --once --ca {}", server.certificate.display());
    let mut tunnel = Tunnel::start(&both, &ca, "geheim");
    tunnel.event("open");
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.end(), Some(0));
    let closed = "sstp://anna@10.66.0.1:444 --once";
    assert_eq!(code(closed, "geheim"), refused(15, "tunnel-sstp-closed"));
    assert_eq!(code("pptp://anna@10.66.0.1 --once", "geheim"), refused(15, "tunnel-port-closed"));
    let named = "sstp://anna@no-such-name.invalid --once";
    assert_eq!(code(named, "geheim"), refused(15, "tunnel-name-unknown"));
    assert!(!both.has_interface());
}

/// Stand-ins for the programs write down what they are told, and their environment.
#[test]
fn name_servers_are_set_and_taken_back() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Sstp);
    let folder = both.folder.path().display().to_string();
    for program in ["resolvectl", "resolvconf"] {
        let file = both.folder.path().join(program);
        let script = format!("#!/bin/sh\nexec >>{folder}/told\necho {program} $*\ncat\nenv\n");
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let socket = UnixDatagram::bind(both.folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let notify = format!("{folder}/notify");
    let variables =
        [("PATH", &*path), ("MENSHEN_TUNNEL_PASSWORD", "geheim"), ("NOTIFY_SOCKET", &*notify)];
    let told = || std::fs::read_to_string(both.folder.path().join("told")).unwrap_or_default();

    let resolved = both.sstp(&server, " --dns resolved --route all");
    let mut tunnel = Tunnel::start_with(&both, &resolved, "not read", &variables);
    assert_eq!(tunnel.event("names_set")["servers"][0], "10.67.0.1");
    let mut octets = [0; 256];
    let count = socket.recv(&mut octets).unwrap();
    let said = String::from_utf8_lossy(&octets[..count]).into_owned();
    assert!(said.starts_with("READY=1\nSTATUS=up by SSTP, 10.67.0.2"), "{said}");
    assert!(told().contains("resolvectl dns menshen0 10.67.0.1\n"), "{}", told());
    assert!(told().contains("resolvectl domain menshen0 ~.\n"), "{}", told());
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.end(), Some(0));
    assert!(told().contains("resolvectl revert menshen0\n"), "{}", told());

    let resolvconf = both.sstp(&server, " --dns resolvconf --domain corp.test");
    let mut tunnel = Tunnel::start_with(&both, &resolvconf, "not read", &variables);
    tunnel.event("names_set");
    let record = "resolvconf -a menshen0.menshen\nnameserver 10.67.0.1\nsearch corp.test\n";
    assert!(told().contains(record), "{}", told());
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.end(), Some(0));
    assert!(told().contains("resolvconf -d menshen0.menshen\n"), "{}", told());
    assert!(!told().contains("geheim"), "no other program is to find the password");
}

#[test]
fn a_web_server_is_no_tunnel() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Web);
    let mut tunnel = Tunnel::start(&both, &both.sstp(&server, ""), "geheim");
    let failed = tunnel.event("failed");
    assert_eq!(failed["finding"]["code"], "tunnel-sstp-not-there", "{failed}");
    assert_eq!(tunnel.end(), Some(16));
}

/// The control connection grants the call and no GRE ever comes.
#[test]
fn where_gre_is_lost_the_cause_is_named_and_auto_goes_on_with_sstp() {
    let Some(both) = both() else { return };
    let server = start(&both.server, both.folder.path(), Kind::Sstp);
    start_control(&both.server);
    // Nobody there takes GRE: the system's answer to that would tell more.
    both.server
        .run("sysctl", &["-qw", "net.ipv4.icmp_ratemask=65535", "net.ipv4.icmp_ratelimit=0"]);
    if peers::find("nft").is_some() {
        both.client.nft(
            "add table ip t; add chain ip t o { type filter hook output priority 0; }; \
             add chain ip t i { type filter hook input priority 0; }; \
             add rule ip t i ip protocol gre drop; \
             add rule ip t i icmp type destination-unreachable drop",
        );
    }
    let auto = format!("auto://anna@10.66.0.1 --fingerprint {}", server.fingerprint);
    let mut tunnel = Tunnel::start(&both, &auto, "geheim");
    let falls_over = tunnel.event("falls_over");
    assert_eq!(falls_over["exit_code"], 11, "{falls_over}");
    assert_eq!(tunnel.event("open")["by"], "sstp");
    both.pings("10.67.0.1");
    // What came up is dialled first from now on.
    server.cut.send(()).unwrap();
    tunnel.event("waiting");
    assert_eq!(tunnel.event("dialling")["by"], "sstp");
    tunnel.event("open");
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.end(), Some(0));

    let mut tunnel = Tunnel::start(&both, "pptp://anna@10.66.0.1 --once", "geheim");
    let failed = tunnel.event("failed");
    assert_eq!(tunnel.end(), Some(11), "{failed}");
    let hint = failed["finding"]["hint"].as_str().unwrap();
    assert!(hint.contains("menshen tunnel connect sstp://anna@10.66.0.1"), "{hint}");
    assert!(hint.contains("menshen explain tunnel 10.66.0.1"), "{hint}");
    let told = std::fs::read_to_string(both.folder.path().join("stderr")).unwrap();
    assert!(told.starts_with("warning: PPTP is broken"), "{told}");
}

fn menshen(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(arguments).current_dir(folder).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that does not want it closes its end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_line_for_the_file_of_users() {
    let folder = tempfile::tempdir().unwrap();
    let output = menshen(folder.path(), &["tunnel", "user", "testuser"], "testpass\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"testuser:35ccba9168b1d5ca6093b4b7d56c619b\n");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("as with the password itself"), "{told}");
    for (name, input) in [("a:b", "x\n"), ("anna", ""), ("", "x\n")] {
        let output = menshen(folder.path(), &["tunnel", "user", name], input);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert_eq!(output.stdout, b"");
    }
}

#[test]
fn what_cannot_be_is_said_before_anybody_is_dialled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tunnels.toml");
    let text =
        "[office]\nurl = \"sstp://anna@vpn.test\"\n[lab]\nurl = \"sstp://a:hunter2@h.test\"\n";
    std::fs::write(&file, text).unwrap();
    let table: [(&[&str], &str); 10] = [
        (&["sstp://anna:hunter2@vpn.test"], "the address holds a password"),
        (&["anna:hunter2@vpn.test"], "the address holds a password"),
        (&["vpn.test"], "no tunnel is called \"vpn.test\""),
        (&["lab", "--file", "tunnels.toml"], "no tunnel is called \"lab\" in tunnels.toml"),
        (&["sstp://anna@vpn.test", "--mppe", "require"], "mppe is PPTP's encryption"),
        (&["pptp://anna@vpn.test", "--ca", "x"], "PPTP has no certificate"),
        (&["pptp://anna@vpn.test", "--auth", "pap"], "MPPE needs the keys of mschapv2"),
        (&["sstp://anna@vpn.test", "--route", "10.1.0.0/8"], "did you mean 10.0.0.0/8?"),
        (&["sstp://anna@vpn.test", "--ca", "nowhere.pem"], "cannot be read"),
        (&["sstp://anna@vpn.test"], "there is no password in standard input"),
    ];
    for (arguments, expected) in table {
        let all = [&["tunnel", "connect"], arguments].concat();
        let output = menshen(folder.path(), &all, "");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
