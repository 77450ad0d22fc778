//! Tests of the hook with small shell scripts.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use tempfile::TempDir;

use super::*;

fn hook(script: &str, time: Duration) -> (TempDir, Hook) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hook");
    std::fs::write(&program, format!("#!/bin/sh\ncd {}\n{script}", folder.path().display()))
        .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let secret = Some(Secret("token=s3cr3t-t0ken\n".to_owned()));
    (folder, Hook { program, secret, time })
}

fn run(hook: &Hook, action: Action) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(hook.run(action, "_acme-challenge.a.example", "value"))
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn it_gets_its_arguments_its_secret_and_little_else() {
    let (folder, hook) = hook("echo \"$@\" > said; cat >> said; env > env", SOON);
    run(&hook, Action::Set).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("said"), "set _acme-challenge.a.example value\ntoken=s3cr3t-t0ken\n");
    let names = ["PATH=", "LANG=", "PWD=", "OLDPWD=", "SHLVL=", "_="];
    for line in read("env").lines() {
        assert!(names.iter().any(|name| line.starts_with(name)), "{line}");
    }
    run(&hook, Action::Remove).unwrap();
    assert!(read("said").starts_with("remove "));
}

#[test]
fn its_failure_is_told_in_its_words_but_without_the_secret() {
    let script = "cat >&2; printf 'bad \\033[31mnews\\n' >&2; exit 3";
    let error = run(&hook(script, SOON).1, Action::Set).unwrap_err();
    assert_eq!(error, "the DNS hook ended with exit status: 3: token=… bad [31mnews");
}

#[test]
fn no_end_of_a_secret_is_left_where_the_tail_begins() {
    // The last 300 bytes begin in the middle of the secret.
    let script = "cat >&2; printf '%0290d end' 0 >&2; exit 1";
    let error = run(&hook(script, SOON).1, Action::Set).unwrap_err();
    assert!(error.ends_with("0 end"), "{error}");
    assert!(!error.contains("ken"), "{error}");
}

#[test]
fn it_may_talk_without_end_and_not_read() {
    let script = "i=0; while [ $i -lt 4000 ]; do echo 0123456789012345678901234567890123456789 >&2;
        i=$((i+1)); done; echo last >&2; exit 1";
    let error = run(&hook(script, SOON).1, Action::Set).unwrap_err();
    assert!(error.ends_with(" last") && error.len() < TAIL_BYTES + 80, "{error}");
}

#[test]
fn one_that_hangs_is_killed_with_its_children() {
    let script = "sleep 1000 & echo $! > pid; echo waiting >&2; sleep 1000";
    let (folder, hook) = hook(script, Duration::from_secs(1));
    let begin = Instant::now();
    let error = run(&hook, Action::Set).unwrap_err();
    assert_eq!(error, "the DNS hook took longer than 1s: waiting");
    assert!(begin.elapsed() < Duration::from_secs(10));
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    let gone = || {
        let stat = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    };
    while !gone() {
        assert!(begin.elapsed() < Duration::from_secs(10), "the hook's child lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_grandchild_that_keeps_the_pipe_open_holds_nobody_up() {
    let begin = Instant::now();
    run(&hook("sleep 5 &\nexit 0", SOON).1, Action::Set).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[test]
fn one_that_is_not_there_is_an_error() {
    let hook = Hook { program: "/nowhere/hook".into(), secret: None, time: SOON };
    let error = run(&hook, Action::Set).unwrap_err();
    assert!(error.starts_with("the DNS hook could not be started: "), "{error}");
    assert!(!error.contains("nowhere"));
}
