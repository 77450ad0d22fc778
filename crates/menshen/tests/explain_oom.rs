//! `menshen explain oom` as a command: every kind of input, and what it answers when there is
//! nothing to tell or nothing to read.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A report of one kill, as syslog has it, at a minute after three.
fn report(minute: u32, pid: u32, name: &str) -> String {
    let head = format!("Mar 15 03:{minute:02}:07 host kernel: [{}.000100]", 1000 + minute * 60);
    [
        format!("{name} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"),
        "memory: usage 65536kB, limit 65536kB, failcnt 9".to_owned(),
        "Memory cgroup stats for /shop:".to_owned(),
        "Tasks state (memory values in pages):".to_owned(),
        "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name"
            .to_owned(),
        format!("[{pid:7}]    33 {pid:5}    40000    15000   200000        0             0 {name}"),
        format!(
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
             oom_memcg=/shop,task_memcg=/shop,task={name},pid={pid},uid=33"
        ),
        format!(
            "Memory cgroup out of memory: Killed process {pid} ({name}) total-vm:160000kB, \
             anon-rss:60000kB, file-rss:0kB, shmem-rss:0kB, UID:33 pgtables:195kB oom_score_adj:0"
        ),
    ]
    .map(|line| format!("{head} {line}\n"))
    .concat()
}

/// Only the kill line, as a log of errors has it.
fn kill_line(minute: u32, pid: u32, name: &str) -> String {
    let all = report(minute, pid, name);
    format!("{}\n", all.lines().last().unwrap())
}

fn explain(folder: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_menshen"))
        .current_dir(folder)
        .args(["explain", "oom"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not read its input has closed it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code, and process ids with names.
fn kills(folder: &Path, arguments: &[&str], stdin: &[u8]) -> (i32, Vec<(u64, String)>, Value) {
    let output = explain(folder, &[arguments, &["--json"]].concat(), stdin);
    assert_eq!(text(&output.stderr), "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kills = json["kills"].as_array().unwrap().iter();
    let kills = kills
        .map(|kill| (kill["pid"].as_u64().unwrap(), kill["name"].as_str().unwrap().to_owned()))
        .collect();
    (output.status.code().unwrap(), kills, json)
}

fn zipped(text: &str) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn named(list: &[(u64, &str)]) -> Vec<(u64, String)> {
    list.iter().map(|(pid, name)| (*pid, (*name).to_owned())).collect()
}

#[test]
fn one_log_from_a_file_from_gzip_and_from_standard_input() {
    let log = report(5, 4711, "php-fpm");
    // The name says nothing: the first bytes do.
    let folder = folder(&[("log", log.as_bytes()), ("packed", &zipped(&log))]);
    let expected = named(&[(4711, "php-fpm")]);
    for (arguments, stdin) in [
        (&["log"][..], &b""[..]),
        (&["packed"], b""),
        (&["-"], log.as_bytes()),
        (&[], log.as_bytes()),
        (&["-"], &zipped(&log)),
    ] {
        let (code, told, json) = kills(folder.path(), arguments, stdin);
        assert_eq!((code, &told), (1, &expected), "{arguments:?}");
        assert_eq!(json["complete"], true, "{arguments:?}");
        assert_eq!(json["kills"][0]["uid"], 33);
        assert_eq!(json["kills"][0]["scope"], "cgroup");
        assert_eq!(json["kills"][0]["cgroup"], "/shop");
        assert_eq!(json["kills"][0]["limit_kib"], 65_536);
        assert_eq!(json["kills"][0]["anon_rss_kib"], 60_000);
    }
    let output = explain(folder.path(), &["log"], b"");
    let first = text(&output.stdout);
    assert_eq!(
        first.lines().next().unwrap(),
        "php-fpm was killed because it held 92 % of the limit of /shop (64 MiB)"
    );
    assert!(first.contains("[oom-one-process]") && first.contains("Mar 15 03:05:07"), "{first}");
}

#[test]
fn a_folder_of_rotated_logs_is_put_in_order_and_told_once() {
    let oldest = report(1, 11, "first");
    let kern = [report(1, 11, "first"), report(9, 22, "second")].concat();
    // A report that begins in one file and ends in the next.
    let third = report(30, 33, "third");
    let (begin, end) = third.split_at(third.match_indices('\n').nth(3).unwrap().0 + 1);
    let before = [kill_line(9, 22, "second"), begin.to_owned()].concat();
    let folder = folder(&[
        ("syslog.2.gz", &zipped(&oldest)),
        ("syslog.1", before.as_bytes()),
        ("syslog", end.as_bytes()),
        ("kern.log", kern.as_bytes()),
        ("auth.log", kill_line(40, 44, "never").as_bytes()),
        (".hidden", kill_line(41, 45, "never").as_bytes()),
    ]);
    let (code, told, json) = kills(folder.path(), &["."], b"");
    assert_eq!(code, 1);
    assert_eq!(told, named(&[(11, "first"), (22, "second"), (33, "third")]), "{json:#}");
    assert_eq!(json["complete"], true, "{:#}", json["completeness"]);
    let shortages = json["shortages"].as_array().unwrap();
    assert_eq!(shortages.len(), 3);
    assert_eq!(shortages[0]["also_in"].as_array().unwrap().len(), 1);
    // The report over two files has its table and its kill, each with its own place.
    assert_eq!(shortages[2]["processes"], 1);
    let source = |value: &Value| {
        let number = usize::try_from(value["source"].as_u64().unwrap()).unwrap();
        json["sources"][number]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(source(&shortages[2]), "./syslog.1");
    assert_eq!(source(&json["kills"][2]), "./syslog");
    // The line that names it first, of the second file.
    assert_eq!(json["kills"][2]["line"], 3);
}

#[test]
fn several_files_with_the_same_kill_tell_it_once() {
    let folder = folder(&[
        ("errors", kill_line(5, 4711, "php-fpm").as_bytes()),
        ("all", report(5, 4711, "php-fpm").as_bytes()),
    ]);
    for order in [["errors", "all"], ["all", "errors"]] {
        let (_, told, json) = kills(folder.path(), &order, b"");
        assert_eq!(told, named(&[(4711, "php-fpm")]));
        assert_eq!(json["kills"][0]["killed_times"], 1);
        assert_eq!(json["shortages"][0]["processes"], 1);
    }
}

#[test]
fn nothing_to_tell_is_no_error() {
    let noise: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n * 7919 % 251).unwrap()).collect();
    let folder = folder(&[
        ("empty", b""),
        ("quiet", b"Mar 15 03:00:00 host sshd[1]: Connection closed\n"),
        ("noise", &noise),
    ]);
    for file in ["empty", "quiet", "noise"] {
        let output = explain(folder.path(), &[file], b"");
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output.stdout));
        assert!(text(&output.stdout).starts_with("no out-of-memory kill in "), "{file}");
        let (code, told, json) = kills(folder.path(), &[file], b"");
        assert_eq!((code, told.len()), (0, 0));
        assert_eq!(json["complete"], true);
    }
    assert_eq!(explain(folder.path(), &[], b"").status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_said_with_what_helps() {
    let folder = folder(&[("log.xz", b"\xfd7zXZ\0\0\0\0"), ("system.journal", b"LPKSHHRH\0\0\0")]);
    std::fs::create_dir(folder.path().join("none")).unwrap();
    for (argument, message, hint) in [
        ("missing", "could not read missing", ""),
        ("log.xz", "log.xz is compressed with xz", "xzcat log.xz | menshen explain oom -"),
        ("system.journal", "a file of systemd's journal", "journalctl --file system.journal"),
        ("none", "there is no log in none", "/var/log"),
    ] {
        let output = explain(folder.path(), &[argument], b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(100), "{argument}: {said}");
        assert!(said.contains(message) && said.contains(hint), "{argument}: {said}");
        assert_eq!(text(&output.stdout), "");
    }
    for arguments in [&["--live", "file"][..], &["--journal", "--live"], &["-", "-"], &["--what"]] {
        let output = explain(folder.path(), arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_file_that_breaks_off_is_told_as_far_as_it_goes() {
    let log = [report(5, 4711, "php-fpm"), "filler that packs badly 8qT\n".repeat(9000)].concat();
    let mut packed = zipped(&log);
    packed.truncate(packed.len() - 20);
    let folder = folder(&[("cut.gz", &packed), ("syslog.3.xz", b"\xfd7zXZ\0\0\0\0")]);
    let (code, told, json) = kills(folder.path(), &["cut.gz"], b"");
    assert_eq!((code, told), (1, named(&[(4711, "php-fpm")])));
    assert_eq!(json["complete"], false);
    let doubt = json["completeness"]["doubts"][0].as_str().unwrap();
    assert!(doubt.starts_with("cut.gz: it could be read in part only"), "{doubt}");
    // In a folder, what cannot be read keeps nobody from reading the rest.
    std::fs::write(folder.path().join("syslog"), report(7, 12, "other")).unwrap();
    let (code, told, json) = kills(folder.path(), &["."], b"");
    assert_eq!((code, told), (1, named(&[(12, "other")])));
    let doubts = json["completeness"]["doubts"].to_string();
    assert!(doubts.contains("syslog.3.xz") && doubts.contains("xzcat"), "{doubts}");
}

#[test]
fn the_ring_of_this_machine_is_read_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let output = explain(folder.path(), &["--live", "--json"], b"");
    if output.status.code() == Some(100) {
        let said = text(&output.stderr);
        assert!(said.starts_with("menshen: could not read /dev/kmsg"), "{said}");
        eprintln!("SKIPPED: /dev/kmsg may not be read here");
        return;
    }
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counted = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map(|number| number.trim().parse::<u64>().unwrap())
    };
    let now = counted(&std::fs::read_to_string("/proc/vmstat").unwrap());
    let told = json["completeness"]["kernel_counter"].as_u64();
    assert!(told.is_some() == now.is_some() && told <= now, "{told:?} {now:?}");
    let kills = json["completeness"]["kills"].as_u64();
    assert_eq!(json["complete"].as_bool().unwrap() && told.is_some(), kills == told);
}

#[test]
fn the_journal_is_asked_or_it_is_said_why_not() {
    let folder = tempfile::tempdir().unwrap();
    // A journalctl that plays back what the real one would print.
    let script = folder.path().join("journalctl");
    let line = kill_line(5, 4711, "php-fpm");
    let message = line.split_once("] ").unwrap().1;
    let export = format!(
        "__REALTIME_TIMESTAMP=1773543907000000\n_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\n\
         MESSAGE={message}\n"
    );
    std::fs::write(folder.path().join("export"), export).unwrap();
    let play = |body: &str| {
        std::fs::write(&script, format!("#!/bin/sh\n{body}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, mode).unwrap();
        Command::new(env!("CARGO_BIN_EXE_menshen"))
            .args(["explain", "oom", "--journal", "--json"])
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let output = play("cat export");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["kills"][0]["pid"], 4711);
    let output = play("echo 'No journal files were found.' >&2; exit 1");
    assert_eq!(output.status.code(), Some(100));
    let said = text(&output.stderr);
    assert!(said.contains("could not read the journal"), "{said}");
    assert!(said.contains("No journal files were found."), "{said}");
    // One without any journal may say so and still end well.
    let output = play("echo '-- No entries --' >&2");
    assert_eq!(output.status.code(), Some(100));
    assert!(text(&output.stderr).contains("-- No entries --"));
    std::fs::remove_file(&script).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(["explain", "oom", "--journal"])
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(100));
    assert!(text(&output.stderr).contains("There is no journalctl here"));
}

#[test]
fn root_becomes_nobody_before_it_reads_a_log() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(["explain", "oom", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Nothing was written yet, so it waits for its first byte.
    let stdin = child.stdin.take().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let nobody = || {
        let text = std::fs::read_to_string(&status).unwrap();
        let has = |wanted: &str| text.lines().any(|line| line == wanted);
        has("Uid:\t65534\t65534\t65534\t65534") && has("CapEff:\t0000000000000000")
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !nobody() {
        assert!(std::time::Instant::now() < until, "it stays root");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.try_wait().unwrap().is_none());
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
