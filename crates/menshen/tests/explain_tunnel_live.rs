//! `menshen explain tunnel HOST` on ways that are blocked in every manner: the verdict of the
//! probe, of its own capture, and of tcpdump's beside it.
//!
//! Client, router and server are network namespaces of the test's own; the server is pptpd with a
//! stand-in for pppd. What is missing (root, a program, the kernel's PPTP helper) is said.

use crate::support::{live, peers, space};

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use live::wait_for;
use peers::find;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use space::{Server, Space, answer};
use tempfile::TempDir;

/// 192.168.77.2, its router, and 10.77.0.2.
struct Way {
    client: Space,
    router: Space,
    server: Space,
    folder: TempDir,
    pptpd: Option<Ended>,
    /// Methods of authentication that the stand-in for pppd asks for.
    methods: String,
}

/// A program of a test, asked to end when dropped, so that it can end its own.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// What was said: exit code and answer of the probe, and of each capture.
struct Said {
    code: i32,
    live: Value,
    captures: Vec<Value>,
}

impl Way {
    /// The way, open; with pptpd at its end.
    fn new() -> Option<Self> {
        let mut way = Self::bare()?;
        way.serve(&find("pptpd")?);
        Some(way)
    }

    /// The way, open, and nobody at its end.
    fn bare() -> Option<Self> {
        for program in ["nft", "ip", "ss"] {
            find(program)?;
        }
        let (client, router, server) = (Space::new()?, Space::new()?, Space::new()?);
        let folder = tempfile::tempdir().unwrap();
        let (pptpd, methods) = (None, String::new());
        let way = Self { client, router, server, folder, pptpd, methods };
        for (device, other, there, addresses) in [
            ("rc", &way.client, "c0", ["192.168.77.1/24", "192.168.77.2/24"]),
            ("rs", &way.server, "s0", ["10.77.0.1/24", "10.77.0.2/24"]),
        ] {
            let path = other.path();
            let link = ["link", "add", device, "type", "veth", "peer", "name", there, "netns"];
            way.router.run("ip", &[&link[..], &[&path]].concat());
            for (space, device, address) in
                [(&way.router, device, addresses[0]), (other, there, addresses[1])]
            {
                space.run("ip", &["addr", "add", address, "dev", device]);
                space.run("ip", &["link", "set", device, "up"]);
            }
        }
        way.client.run("ip", &["route", "add", "default", "via", "192.168.77.1"]);
        way.server.run("ip", &["route", "add", "default", "via", "10.77.0.1"]);
        way.router.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        Some(way)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&mut self, pptpd: &Path) {
        let standin = concat!(env!("CARGO_MANIFEST_DIR"), "/../tunnel/tests/peers/ppp/standin.py");
        std::fs::write(self.path("options"), "").unwrap();
        let lines = [
            format!("ppp {standin}"),
            format!("option {}", self.path("options").display()),
            "localip 10.78.0.1".to_owned(),
            "remoteip 10.78.0.100-110".to_owned(),
            format!("pidfile {}", self.path("pid").display()),
            "listen 10.77.0.2\n".to_owned(),
        ];
        std::fs::write(self.path("pptpd.conf"), lines.join("\n")).unwrap();
        let conf = self.path("pptpd.conf").display().to_string();
        let mut command = self.server.command(&pptpd.display().to_string(), &["-f", "-c", &conf]);
        command.env("STANDIN_LOG", self.path("lcp.log")).env("STANDIN_SECS", "300");
        command.env("STANDIN_AUTH", &self.methods);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.pptpd = Some(Ended(command.spawn().unwrap()));
        wait_for("pptpd", || self.server.run("ss", &["-ltn"]).contains(":1723"));
    }

    /// A whole menshen at the end, with a tunnel door on both ports.
    fn menshen(&self) -> Ended {
        let folder = self.path("menshen");
        std::fs::create_dir_all(folder.join("files")).unwrap();
        std::fs::write(folder.join("users"), "").unwrap();
        std::fs::set_permissions(folder.join("users"), PermissionsExt::from_mode(0o600)).unwrap();
        let text = "workers = 1\n[web]\nlisten = [\"10.77.0.2:443\"]\n[admin]\nlisten = \"off\"\n\
                    [tls]\nnames = [\"vpn.test\"]\n[tunnel]\nusers = \"users\"\n\
                    [tunnel.pptp]\nlisten = [\"10.77.0.2:1723\"]\n";
        std::fs::write(folder.join("menshen.toml"), text).unwrap();
        let mut command = self.server.command(env!("CARGO_BIN_EXE_menshen"), &["serve"]);
        let log = std::fs::File::create(folder.join("log")).unwrap();
        command.current_dir(&folder).stdout(log.try_clone().unwrap()).stderr(log);
        let menshen = Ended(command.spawn().unwrap());
        wait_for("menshen", || {
            let listens = self.server.run("ss", &["-ltn"]);
            listens.contains(":1723 ") && listens.contains(":443 ")
        });
        menshen
    }

    /// An end that is not as it should be.
    fn end(&self, space: &Space, words: &[&str]) -> Server {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/pptp_ends.py");
        Server::start(&mut space.command("python3", &[&[script][..], words].concat()))
    }

    /// Looks, with these rules in each namespace.
    fn look(&self, client: &str, router: &str, server: &str) -> Said {
        for (space, rules) in
            [(&self.client, client), (&self.router, router), (&self.server, server)]
        {
            space.nft(&format!("flush ruleset; {rules}"));
        }
        let own = self.path("own.pcap").display().to_string();
        let beside = self.path("beside.pcap").display().to_string();
        let tcpdump = find("tcpdump").map(|program| self.dump(&program, &beside));
        let look = ["explain", "tunnel", "10.77.0.2", "--json", "--save", &own];
        let (code, live) =
            answer(&self.client.command(env!("CARGO_BIN_EXE_menshen"), &look).output().unwrap());
        let mut captures = vec![capture(&own).1];
        if let Some(tcpdump) = tcpdump {
            let packets = |capture: &Value| capture["counts"]["packets"].as_u64().unwrap();
            // What it has not written yet is lost when it ends.
            wait_for("tcpdump", || packets(&capture(&beside).1) >= packets(&captures[0]));
            drop(tcpdump);
            captures.push(capture(&beside).1);
        }
        Said { code, live, captures }
    }

    fn dump(&self, program: &Path, file: &str) -> Ended {
        let what = "ip proto 47 or tcp port 1723 or icmp";
        let options = ["-i", "c0", "-s", "0", "--immediate-mode", "-U", "-Z", "root", "-w", file];
        let options = [&options[..], &[what]].concat();
        let mut command = self.client.command(&program.display().to_string(), &options);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        while !line.contains("listening on") {
            assert!(said.read_line(&mut line).unwrap() > 0, "{line}");
        }
        // It says how much it had when it ends.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ended(child)
    }
}

fn capture(file: &str) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    answer(&command.args(["explain", "tunnel", "--pcap", file, "--json"]).output().unwrap())
}

impl Said {
    /// The probe's verdict, and those of the calls in every capture.
    #[track_caller]
    fn is(&self, code: i32, live: &str, calls: &[&str]) {
        let told = self.live["verdict"]["finding"]["code"].as_str().unwrap();
        assert_eq!((self.code, told), (code, live), "{:#}", self.live);
        for capture in &self.captures {
            let told: Vec<&str> = capture["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["verdict"]["finding"]["code"].as_str().unwrap())
                .collect();
            assert_eq!(told, calls, "{capture:#}");
        }
    }

    /// What cannot be told apart.
    fn open(&self) -> usize {
        self.live["verdict"]["open"].as_array().unwrap().len()
    }

    fn notes(&self) -> Vec<&str> {
        let notes = self.live["findings"].as_array().unwrap().iter();
        notes.map(|note| note["code"].as_str().unwrap()).collect()
    }

    /// All evidence of the verdict.
    fn evidence(&self) -> String {
        self.live["verdict"]["finding"]["evidence"].to_string()
    }
}

#[test]
fn a_good_way_is_well_and_told_with_its_length() {
    let Some(way) = Way::new() else { return };
    let said = way.look("", "", "");
    said.is(0, "tunnel-lcp-only", &["tunnel-lcp-only", "tunnel-lcp-only"]);
    assert_eq!(said.notes(), ["tunnel-mtu-fine", "tunnel-sstp-absent"]);
    let live = &said.live["live"];
    assert_eq!(live["route"]["from"], "192.168.77.2");
    assert_eq!(live["route"]["device"], "c0");
    assert_eq!(live["addresses"][0]["tcp"], "connected");
    assert_eq!(live["attempts"][0]["id"], 0);
    assert!(live["attempts"][1]["id"].as_u64().unwrap() > 0);
    assert!(live["attempts"][0]["received"].as_u64().unwrap() > 2, "{live:#}");
    assert_eq!(said.live["calls"][0]["control"]["server"]["vendor"], "linux");

    // A way that takes only short packets.
    way.router.run("ip", &["link", "set", "rs", "mtu", "1300"]);
    way.server.run("ip", &["link", "set", "s0", "mtu", "1300"]);
    let said = way.look("", "", "");
    assert!(said.notes().contains(&"tunnel-mtu-small"), "{:#}", said.live);
    assert_eq!(said.live["verdict"]["finding"]["code"], "tunnel-lcp-only");
    assert_eq!(said.code, 1);
}

#[test]
fn gre_that_is_dropped_or_rejected_on_the_way() {
    let Some(way) = Way::new() else { return };
    let said = way.look("", &forward("drop"), "");
    said.is(1, "tunnel-gre-lost", &["tunnel-gre-lost", "tunnel-gre-lost"]);
    assert_eq!(said.open(), 5, "one end alone cannot tell");
    assert!(said.live["verdict"]["settle"].is_string());

    let said = way.look("", &forward("iifname rc drop"), "");
    said.is(1, "tunnel-gre-lost-out", &["tunnel-gre-lost-out", "tunnel-gre-lost-out"]);

    let said = way.look("", &forward("iifname rs drop"), "");
    said.is(1, "tunnel-gre-lost", &["tunnel-gre-lost", "tunnel-gre-lost"]);
    assert_eq!(said.open(), 5, "one end alone cannot tell");

    let said = way.look("", &forward("reject with icmp type admin-prohibited"), "");
    said.is(1, "tunnel-gre-rejected", &["tunnel-gre-rejected"]);
    assert!(said.evidence().contains("192.168.77.1"), "who rejects: {}", said.evidence());
}

#[test]
fn a_menshen_at_the_far_end_settles_the_direction() {
    let Some(way) = Way::bare() else { return };
    let _menshen = way.menshen();
    for (rule, code) in
        [("iifname rs drop", "tunnel-gre-lost-back"), ("drop", "tunnel-gre-lost-out")]
    {
        let said = way.look("", &forward(rule), "");
        said.is(1, code, &["tunnel-gre-lost", "tunnel-gre-lost"]);
        let far = &said.live["live"]["far"];
        let (seen, sent) = (far["seen"].as_u64().unwrap(), far["sent"].as_u64().unwrap());
        assert_eq!((said.open(), seen > 0), (0, rule != "drop"), "{far}");
        // Of two calls, each at least a request of LCP.
        assert!(sent >= 2, "{far}");
        assert!(said.evidence().contains("menshen at the server"), "{}", said.evidence());
        assert_eq!(said.notes(), ["tunnel-sstp-answers"]);
    }
    // And nothing is wrong where nothing is in the way.
    let said = way.look("", "", "");
    said.is(0, "tunnel-lcp-only", &["tunnel-lcp-only", "tunnel-lcp-only"]);
    let methods = &said.live["live"]["attempts"][0]["methods"];
    assert_eq!((&methods["asked"], &methods["whole"]), (&json!(["MS-CHAPv2"]), &true.into()));
}

#[test]
fn all_methods_of_authentication_are_named_and_no_capture_blames_them() {
    let (ms2, md5, pap) = ("c22381", "c22305", "c023");
    for (methods, asked, refused) in [
        (
            format!("{ms2} {md5} {pap}"),
            json!(["MS-CHAPv2", "CHAP with MD5", "PAP"]),
            json!(["MS-CHAP", "EAP"]),
        ),
        (pap.to_owned(), json!(["PAP"]), json!(["MS-CHAPv2", "MS-CHAP", "CHAP with MD5", "EAP"])),
    ] {
        let Some(mut way) = Way::bare() else { return };
        let Some(pptpd) = find("pptpd") else { return };
        way.methods = methods;
        way.serve(&pptpd);
        let said = way.look("", "", "");
        said.is(0, "tunnel-lcp-only", &["tunnel-lcp-only", "tunnel-lcp-only"]);
        let told = &said.live["live"]["attempts"][0]["methods"];
        assert_eq!((&told["asked"], &told["refused"]), (&asked, &refused), "{told}");
        assert_eq!(told["whole"], true);
        assert!(said.live["live"]["attempts"][1]["methods"].is_null(), "asked once");
        for capture in &said.captures {
            let ppp = &capture["calls"][0]["to_client"]["ppp"];
            assert_eq!(ppp["asked_auth"], asked, "{ppp:#}");
        }
    }
}

#[test]
fn this_hosts_own_firewall_and_rights() {
    let Some(way) = Way::new() else { return };
    let said = way.look(&hook("output", "drop"), "", "");
    said.is(1, "tunnel-own-firewall", &["tunnel-client-sends-no-gre"]);
    let said = way.look(&hook("output", "reject"), "", "");
    said.is(1, "tunnel-own-firewall", &["tunnel-client-sends-no-gre"]);
    assert!(said.evidence().contains("not permitted"), "{}", said.evidence());
    let said = way.look(&hook("input", "drop"), "", "");
    let calls = ["tunnel-client-ignores-gre", "tunnel-client-ignores-gre"];
    said.is(1, "tunnel-own-firewall-in", &calls);
    let tcp = "add table ip t; add chain ip t o { type filter hook output priority 0; }; \
               add rule ip t o tcp dport 1723 reject with tcp reset";
    way.look(tcp, "", "").is(1, "tunnel-own-firewall-tcp", &[]);

    way.client.nft("flush ruleset");
    let Some(setpriv) = find("setpriv") else { return };
    let drop = ["--bounding-set=-net_raw", "--inh-caps=-net_raw", env!("CARGO_BIN_EXE_menshen")];
    let words = [&drop[..], &["explain", "tunnel", "10.77.0.2", "--json"]].concat();
    let output = way.client.command(&setpriv.display().to_string(), &words).output().unwrap();
    let (code, told) = answer(&output);
    assert_eq!((code, &told["verdict"]["finding"]["code"]), (1, &"tunnel-no-right".into()));
    assert!(told["verdict"]["finding"]["hint"].as_str().unwrap().contains("CAP_NET_RAW"));
    assert_eq!(told["live"]["addresses"][0]["tcp"], "connected", "what needs no right is told");
}

#[test]
fn a_nat_without_helper_is_named_though_call_zero_passes_it() {
    let calls = ["tunnel-lcp-only", "tunnel-nat-without-helper"];
    let Some(way) = Way::new() else { return };
    let said = way.look("", MASQUERADE, "");
    said.is(1, "tunnel-nat-without-helper", &calls);
    assert_eq!(said.open(), 0);
    // With the server's number 0 in use only the decoy opens the way back. At a NAT of its own:
    // the first one remembers what passed.
    let Some(way) = Way::new() else { return };
    let held = way.end(&way.router, &["hold", "10.77.0.2"]);
    let said = way.look("", MASQUERADE, "");
    said.is(1, "tunnel-nat-without-helper", &calls);
    assert_ne!(said.live["calls"][0]["server_id"], 0);
    drop(held);
}

#[test]
fn a_nat_with_helper_is_well() {
    let Some(way) = Way::new() else { return };
    let mut nft = way.router.command("nft", &["-f", "-"]);
    let mut nft = nft.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    nft.stdin.take().unwrap().write_all(HELPER.as_bytes()).unwrap();
    if !nft.wait().unwrap().success() {
        eprintln!("SKIPPED: the kernel has no PPTP helper");
        return;
    }
    let rules = format!("{MASQUERADE}; {HELPER}");
    way.look("", &rules, "").is(0, "tunnel-lcp-only", &["tunnel-lcp-only", "tunnel-lcp-only"]);
}

#[test]
fn control_connections_that_fail() {
    let Some(way) = Way::bare() else { return };
    way.look("", "", "").is(1, "tunnel-port-closed", &["tunnel-port-closed"]);
    let tcp = |verdict: &str| {
        format!(
            "add table ip t; add chain ip t f {{ type filter hook forward priority 0; }}; \
             add rule ip t f tcp dport 1723 {verdict}"
        )
    };
    way.look("", &tcp("drop"), "").is(1, "tunnel-port-filtered", &["tunnel-port-filtered"]);
    let said = way.look("", &tcp("reject with icmp type admin-prohibited"), "");
    said.is(1, "tunnel-port-rejected", &["tunnel-port-rejected"]);
    for (what, code) in [
        ("banner", "tunnel-not-pptp"),
        ("refuse", "tunnel-call-refused"),
        ("mute", "tunnel-control-silent"),
    ] {
        let end = way.end(&way.server, &[what, "10.77.0.2"]);
        let said = way.look("", "", "");
        assert_eq!(said.live["verdict"]["finding"]["code"], code, "{:#}", said.live);
        // Refused with call id 0, another one is tried.
        let calls = vec![code; if what == "refuse" { 2 } else { 1 }];
        said.is(1, code, &calls);
        drop(end);
    }
}

/// GRE that passes the router.
fn forward(rule: &str) -> String {
    format!(
        "add table ip t; add chain ip t f {{ type filter hook forward priority 0; }}; \
         add rule ip t f ip protocol 47 {rule}"
    )
}

/// GRE at one end.
fn hook(hook: &str, rule: &str) -> String {
    format!(
        "add table ip t; add chain ip t h {{ type filter hook {hook} priority 0; }}; \
         add rule ip t h ip protocol 47 {rule}"
    )
}

const MASQUERADE: &str = "add table ip n; \
    add chain ip n p { type nat hook postrouting priority 100; }; \
    add rule ip n p oifname \"rs\" masquerade";
const HELPER: &str = "add table ip h; add ct helper ip h pptp { type \"pptp\" protocol tcp; }; \
    add chain ip h p { type filter hook prerouting priority 0; }; \
    add rule ip h p tcp dport 1723 ct helper set \"pptp\"";
