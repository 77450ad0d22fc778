//! `menshen explain port` on real sockets in network namespaces of the test's own: who is shown,
//! compared with `ss`, who never accepts, and why a connection is refused or times out.

use crate::support::{live, peers, space};

use std::collections::BTreeMap;
use std::process::Command;

use live::{Live, command, folder};
use peers::{find, free_address};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use space::{Server, Space, answer};

/// Codes of findings, in the order they are told.
fn codes(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn finding<'a>(answer: &'a Value, code: &str) -> &'a Value {
    let mut findings = answer["findings"].as_array().unwrap().iter();
    findings.find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {answer:#}"))
}

fn target<'a>(answer: &'a Value, address: &str) -> &'a Value {
    let mut targets = answer["targets"].as_array().unwrap().iter();
    targets.find(|target| target["address"] == address).unwrap_or_else(|| panic!("{answer:#}"))
}

fn listeners(answer: &Value) -> &[Value] {
    answer["listeners"].as_array().unwrap()
}

/// Probes that came to a socket: accepted, left.
fn share(answer: &Value, inode: &Value) -> (u64, u64) {
    let count = |kind: &str| {
        let targets = answer["targets"].as_array().unwrap().iter();
        let rows = targets.flat_map(|target| target[kind].as_array().unwrap());
        let rows = rows.filter(|row| row["listener"] == *inode);
        rows.map(|row| row["count"].as_u64().unwrap()).sum()
    };
    (count("taken"), count("left"))
}

/// Queue and backlog of each socket as `ss` shows them, by inode.
fn ss(space: &Space, options: &str) -> BTreeMap<u64, (u64, u64)> {
    let text = space.run("ss", &[options, "sport = :8080"]);
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let inode = words.iter().find_map(|word| word.strip_prefix("ino:"))?;
        Some((inode.parse().unwrap(), (words[1].parse().unwrap(), words[2].parse().unwrap())))
    };
    text.lines().filter_map(row).collect()
}

/// The same from an answer.
fn seen(answer: &Value) -> BTreeMap<u64, (u64, u64)> {
    let row = |listener: &Value| {
        let number = |field: &str| listener[field].as_u64().unwrap_or(0);
        (number("inode"), (number("queue"), number("backlog")))
    };
    listeners(answer).iter().map(row).collect()
}

#[test]
fn each_member_of_a_group_is_shown_with_its_share() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("fork 6 :: 8080 reuse only=0");
    let before = ss(&space, "-Hltne");
    let (code, answer) = space.explain(&[]);
    assert_eq!(seen(&answer), before);
    assert_eq!((code, codes(&answer)), (0, vec![]), "{answer:#}");
    assert_eq!(listeners(&answer).len(), 3);
    let mut sum = 0;
    for listener in listeners(&answer) {
        let (taken, left) = share(&answer, &listener["inode"]);
        assert!(taken > 0 && left == 0, "{answer:#}");
        sum += taken;
        assert_eq!(listener["options"]["reuse_port"], true);
        assert_eq!(listener["only_v6"], false);
        assert_eq!(listener["holders"][0]["waits"], "accepts");
    }
    let connected = |address| target(&answer, address)["connected"].as_u64().unwrap();
    assert_eq!(sum, connected("127.0.0.1") + connected("::1"));
    assert_eq!(connected("127.0.0.1"), 64);
    assert_eq!(answer["instances"]["all"].as_array().unwrap().len(), 1);
    drop(server);
}

#[test]
fn a_process_that_has_all_sockets_took_it_from_the_one_it_waits_at() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("inherit 6 :: 8080 reuse only=0");
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)), (0, vec![]), "{answer:#}");
    for listener in listeners(&answer) {
        assert_eq!(listener["holders"].as_array().unwrap().len(), 4);
        assert!(share(&answer, &listener["inode"]).0 > 0, "{answer:#}");
    }
    drop(server);
}

#[test]
fn two_servers_at_one_port_are_told() {
    let Some(space) = Space::new() else { return };
    let Some(perl) = find("perl") else { return };
    let words = "accept 4 0.0.0.0 8080 reuse";
    let first = space.listen(words);
    let second = space.listen(words);
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)), (1, vec!["port-shared-by-two-instances", "port-v4-only"]));
    let told = finding(&answer, "port-shared-by-two-instances").to_string();
    for server in [&first, &second] {
        assert!(told.contains(&format!("pid {}", server.pid())), "{told}");
    }
    drop(second);
    let script = "$s = IO::Socket::INET->new(Listen => 5, LocalAddr => '0.0.0.0:8080', \
        ReusePort => 1) or die; $| = 1; print \"ready\\n\"; push @c, $s->accept while 1";
    let perl = perl.display().to_string();
    let other = Server::start(&mut space.command(&perl, &["-MIO::Socket::INET", "-e", script]));
    let (_, answer) = space.explain(&[]);
    let told = finding(&answer, "port-shared-by-two-programs").to_string();
    assert!(told.contains("listeners.py accept") && told.contains("IO::Socket::INET"), "{told}");
    drop((first, other));
}

#[test]
fn families_are_told_apart() {
    let Some(space) = Space::new() else { return };
    let only = space.listen("accept 6 :: 8080 only=1");
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)), (1, vec!["port-v6-only"]));
    assert_eq!(target(&answer, "127.0.0.1")["refused"], 1);
    assert_eq!(target(&answer, "::1")["connected"], 4);
    assert!(finding(&answer, "port-v6-only")["subject"] == "127.0.0.1:8080");
    drop(only);
    let four = space.listen("accept 4 0.0.0.0 8080");
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)), (1, vec!["port-v4-only"]));
    assert_eq!(target(&answer, "::1")["refused"], 1);
    let (_, asked) = space.explain(&["--address", "::1"]);
    assert_eq!(finding(&asked, "port-v4-only")["severity"], "error", "it was asked for");
    drop(four);
    let both = space.listen("accept 6 :: 8080 only=0");
    assert_eq!(space.explain(&[]).0, 0);
    drop(both);
}

#[test]
fn a_full_accept_queue_is_told_with_its_numbers() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("hold 4 127.0.0.1 8080 backlog=2 fill=5");
    let before = ss(&space, "-Hltne");
    let (code, answer) = space.explain(&[]);
    assert_eq!(seen(&answer), before);
    assert_eq!(before.values().copied().collect::<Vec<_>>(), [(3, 2)]);
    assert_eq!(code, 1);
    let full = finding(&answer, "port-accept-queue-full");
    assert_eq!(full["evidence"][0]["value"], "3 > 2");
    assert_eq!(target(&answer, "127.0.0.1")["timed_out"], 1);
    // Nobody waits for them, either.
    assert_eq!(finding(&answer, "port-nobody-accepts")["severity"], "error");
    assert!(!codes(&answer).contains(&"port-times-out"), "told once");
    space.run("sysctl", &["-qw", "net.ipv4.tcp_abort_on_overflow=1"]);
    let (_, answer) = space.explain(&[]);
    let claim = finding(&answer, "port-accept-queue-full")["claim"].as_str().unwrap();
    assert!(claim.contains("reset"), "{claim}");
    drop(server);
}

#[test]
fn a_leaked_descriptor_is_found_and_its_process_named() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("leak 4 127.0.0.1 8080 reuse");
    for arguments in [&[][..], &["--no-probe"]] {
        let (code, answer) = space.explain(arguments);
        assert_eq!(code, 1);
        let told = finding(&answer, "port-member-never-accepts");
        let (mut alive, mut dead) = (0, 0);
        for listener in listeners(&answer) {
            let (taken, left) = share(&answer, &listener["inode"]);
            let holder = &listener["holders"][0];
            if holder["pid"] == server.pid() {
                assert_eq!((holder["waits"].as_str(), left), (Some("accepts"), 0));
                alive += taken;
            } else {
                assert_eq!((holder["waits"].as_str(), taken), (Some("no"), 0));
                dead += left;
                let subject = told["subject"].as_str().unwrap();
                assert!(subject.contains(&format!("(pid {})", holder["pid"])), "{told:#}");
            }
        }
        let probed = arguments.is_empty();
        assert_eq!((alive > 0, dead > 0), (probed, probed), "{answer:#}");
        assert_eq!(told["confidence"], if probed { "certain" } else { "likely" });
    }
    drop(server);
}

#[test]
fn an_heir_of_another_program_is_only_noted() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("accept 4 127.0.0.1 8080 heir=20");
    let (_, answer) = space.explain(&[]);
    assert_eq!(listeners(&answer)[0]["holders"].as_array().unwrap().len(), 2);
    let note = finding(&answer, "port-held-by-another-program");
    assert!(note["claim"].as_str().unwrap().starts_with("sleep (pid "), "{note:#}");
    assert!(!codes(&answer).contains(&"port-nobody-accepts"));
    drop(server);
}

#[test]
fn a_stopped_server_is_told() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("accept 6 :: 8080 only=0");
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let (code, answer) = space.explain(&[]);
    assert_eq!(code, 1);
    let hint = finding(&answer, "port-process-stopped")["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("explain stopped {}", server.pid())));
    assert!(codes(&answer).contains(&"port-nobody-accepts"));
    drop(server);
}

#[test]
fn connections_kept_back_by_the_kernel_are_no_fault() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("accept 6 :: 8080 only=0 defer=5");
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)), (0, vec![]), "{answer:#}");
    assert!(target(&answer, "127.0.0.1")["deferred"].as_u64().unwrap() > 0, "{answer:#}");
    drop(server);
}

#[test]
fn nobody_listens_here_but_elsewhere() {
    let (Some(space), Some(other)) = (Space::new(), Space::new()) else { return };
    let (code, answer) = space.explain(&[]);
    assert_eq!((code, codes(&answer)[0]), (1, "port-nobody-listens"));
    assert_eq!(target(&answer, "127.0.0.1")["refused"], 1);
    let server = other.listen("accept 4 127.0.0.1 8080");
    let (_, answer) = space.explain(&[]);
    // Other tests have namespaces too.
    let pid = format!("(pid {})", server.pid());
    let mut all = answer["findings"].as_array().unwrap().iter();
    let told = all.find(|told| told["claim"].as_str().unwrap().contains(&pid)).unwrap();
    assert_eq!(told["code"], "port-in-other-namespace");
    assert!(told["hint"].as_str().unwrap().contains("nsenter"));
    drop(server);
    let datagrams = space.listen("hold 4 127.0.0.1 8080 udp");
    let (_, answer) = space.explain(&[]);
    finding(&answer, "port-other-protocol");
    drop(datagrams);
}

#[test]
fn a_socket_bound_elsewhere_is_named() {
    let Some(space) = Space::new() else { return };
    space.run("ip", &["address", "add", "192.0.2.9/32", "dev", "lo"]);
    let server = space.listen("accept 4 192.0.2.9 8080");
    let (_, answer) = space.explain(&[]);
    assert_eq!(target(&answer, "192.0.2.9")["connected"], 4);
    assert_eq!(target(&answer, "127.0.0.1")["refused"], 1);
    let told = finding(&answer, "port-bound-elsewhere");
    assert_eq!(told["evidence"][0]["value"], "192.0.2.9:8080");
    drop(server);
    let server = space.listen("accept 4 0.0.0.0 8080 device=lo");
    let (_, answer) = space.explain(&[]);
    assert_eq!(listeners(&answer)[0]["device_name"], "lo");
    assert_eq!(target(&answer, "127.0.0.1")["connected"], 4);
    drop(server);
}

#[test]
fn udp_sockets_are_shown() {
    let Some(space) = Space::new() else { return };
    let server = space.listen("hold 4 127.0.0.1 8080 udp");
    let (_, answer) = space.explain(&["--udp"]);
    assert_eq!(
        seen(&answer).into_keys().collect::<Vec<_>>(),
        ss(&space, "-Hlune").into_keys().collect::<Vec<_>>()
    );
    assert_eq!(listeners(&answer)[0]["holders"][0]["pid"], server.pid());
    assert_eq!(target(&answer, "127.0.0.1")["refused"], 0);
    assert_eq!(target(&answer, "::1")["refused"], 1);
    drop(server);
}

#[test]
fn without_root_it_says_what_it_did_not_see() {
    let Some(space) = Space::new() else { return };
    let Some(setpriv) = find("setpriv") else { return };
    let server = space.listen("leak 6 :: 8080 reuse only=0");
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut arguments = nobody.to_vec();
    arguments.extend([env!("CARGO_BIN_EXE_menshen"), "explain", "port", "8080", "--json"]);
    let setpriv = setpriv.display().to_string();
    let output = space.command(&setpriv, &arguments).output().unwrap();
    let (code, answer) = answer(&output);
    assert_eq!(code, 1);
    assert!(answer["sight"]["hidden_processes"].as_u64().unwrap() > 0);
    assert_eq!(listeners(&answer).len(), 2, "sockets are everybody's to see");
    // Even so: what is left in a queue is seen.
    assert_eq!(finding(&answer, "port-member-never-accepts")["confidence"], "likely");
    finding(&answer, "port-holders-hidden");
    drop(server);
}

/// `menshen serve` itself: guard and workers hold the sockets, only workers accept.
#[test]
fn menshen_finds_nothing_wrong_with_menshen() {
    let Some(_) = Space::new() else { return };
    let folder = folder("");
    let port = free_address().port().to_string();
    let both = format!(r#"["127.0.0.1:{port}", "[::1]:{port}"]"#);
    let config = live::BASE
        .replace(r#"plain_listen = ["127.0.0.1:0"]"#, &format!("plain_listen = {both}"))
        .replace("[web]\n", "workers = 2\n\n[web]\n");
    std::fs::write(folder.path().join("menshen.toml"), config).unwrap();
    let serve = command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, serve);
    let (code, answer) = answer(&live.run(&["explain", "port", &port, "--json"]));
    assert_eq!(code, 0, "{answer:#}");
    // Of this machine's other addresses, if there are any.
    assert!(codes(&answer).iter().all(|code| *code == "port-bound-elsewhere"), "{answer:#}");
    assert_eq!(listeners(&answer).len(), 4, "two workers, two families");
    let guard = live.child.id();
    for listener in listeners(&answer) {
        let holders = listener["holders"].as_array().unwrap();
        let waits = |of_guard: bool| {
            let mut fitting = holders.iter().filter(|one| (one["pid"] == guard) == of_guard);
            fitting.next().map(|holder| holder["waits"].as_str().unwrap())
        };
        assert_eq!((waits(true), waits(false)), (Some("no"), Some("watches")), "{answer:#}");
        assert!(share(&answer, &listener["inode"]).0 > 0);
    }
    assert_eq!(answer["instances"]["all"].as_array().unwrap().len(), 1);
}

#[test]
fn usage() {
    let run = |arguments: &[&str]| {
        let mut menshen = Command::new(env!("CARGO_BIN_EXE_menshen"));
        menshen.args(["explain", "port"]).args(arguments).output().unwrap()
    };
    for bad in [&["0"][..], &["70000"], &["no-such-service"], &["-5"], &["80", "--address", "x"]] {
        assert_eq!(run(bad).status.code(), Some(2), "{bad:?}");
    }
}
