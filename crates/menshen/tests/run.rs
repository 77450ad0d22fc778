//! `menshen run` with real programs: lines as they are written, stuck and lost text, ends, signals,
//! terminals, limits, and what is left when both are killed.

use crate::support::running;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use running::{Running, c_program, installed, menshen, run, skipped};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::tempdir;

#[test]
fn lines_appear_while_the_program_still_runs() {
    let table: [(&str, &[&str]); 3] = [
        ("python3", &["-c", "import time; print('a line'); time.sleep(60)"]),
        ("php", &["-r", "echo \"a line\\n\"; sleep(60);"]),
        ("perl", &["-e", "print \"a line\\n\"; sleep 60"]),
    ];
    for (program, arguments) in table {
        if !installed(&[program]) {
            continue;
        }
        let folder = tempdir().unwrap();
        let mut running =
            Running::start(menshen(folder.path(), &[&["--", program], arguments].concat()));
        running.wait_for("a line\n");
        assert!(running.is_running(), "{program}");
        running.signal(Signal::TERM);
        assert_eq!(running.end().0.code(), Some(143), "{program}");
    }
}

#[test]
fn without_a_terminal_python_keeps_its_lines_to_itself() {
    // The counterpart of the test above: it shows that the terminal is what makes the difference.
    if !installed(&["python3"]) {
        return;
    }
    let script = "import time,sys; print('a line'); print('err', file=sys.stderr); time.sleep(60)";
    let folder = tempdir().unwrap();
    let arguments = ["--pipe", "--name", "p", "--no-look", "--", "python3", "-c", script];
    let running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("[p err] err\n");
    assert!(!running.text().contains("a line"), "{}", running.text());
    running.signal(Signal::KILL);
}

const STUCK_C: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    printf("text that nobody sees, no newlin");
    sleep(atoi(words[1]));
    if (count > 2) _exit(5);
    return 6;
}
"#;

const STUCK: &str = "32 bytes are stuck in its stdout buffer: 'text that nobody sees, no newlin'";
const LOST: &str = "32 bytes are lost in its stdout buffer: 'text that nobody sees, no newlin'";

#[test]
fn text_stuck_in_c_is_told_while_it_is_stuck_and_when_it_is_lost() {
    for options in [&[][..], &["-static"]] {
        let folder = tempdir().unwrap();
        let Some(program) = c_program(folder.path(), STUCK_C, options) else { return };
        let program = program.to_str().unwrap();
        let mut running = Running::start(menshen(folder.path(), &["--", program, "60"]));
        running.wait_for(STUCK);
        assert!(running.is_running());
        running.signal(Signal::TERM);
        let (status, text) = running.end();
        assert_eq!(status.code(), Some(143), "{options:?}");
        assert!(text.contains(LOST), "{options:?}: {text}");

        let (code, text) = run(folder.path(), &["--", program, "1", "without flush"]);
        assert_eq!((code, text.contains(LOST)), (5, true), "{options:?}: {text}");
        // One that flushes at its end has lost nothing.
        let (code, text) = run(folder.path(), &["--look-exit", "--", program, "1"]);
        assert_eq!((code, text.contains("lost")), (6, false), "{options:?}: {text}");
        assert!(text.contains("] text that nobody sees, no newlin\n"), "{options:?}: {text}");
        let (_, text) = run(folder.path(), &["--no-look", "--", program, "1", "without flush"]);
        assert!(!text.contains("bytes are"), "{options:?}: {text}");
    }
}

#[test]
fn go_that_calls_c_loses_its_text_not_without_a_word() {
    if !installed(&["go", "gcc"]) {
        return;
    }
    let source = r#"package main

/*
#include <stdio.h>
static void say(void) { printf("text that nobody sees, no newlin"); }
*/
import "C"

import (
	"fmt"
	"os"
	"time"
)

func main() {
	fmt.Println("from Go")
	C.say()
	time.Sleep(1500 * time.Millisecond)
	os.Exit(4)
}
"#;
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    std::fs::create_dir_all(&cache).unwrap();
    let folder = tempdir().unwrap();
    let (file, program) = (folder.path().join("main.go"), folder.path().join("main"));
    std::fs::write(&file, source).unwrap();
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(&file).env("GOCACHE", &cache);
    build.env("CGO_ENABLED", "1").env("GO111MODULE", "off").env("GOFLAGS", "");
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (code, text) = run(folder.path(), &["--", program.to_str().unwrap()]);
    assert_eq!(code, 4, "{text}");
    let [line, stuck, lost] = ["from Go", STUCK, LOST].map(|part| text.find(part));
    assert!(line.is_some() && line < stuck && stuck < lost, "{text}");
}

#[test]
fn exit_codes_and_signals_are_the_program_s() {
    let table = [
        ("exit 0", 0, ""),
        ("exit 3", 3, "ended with exit code 3"),
        ("kill -SEGV $$", 139, "was killed by SIGSEGV (11)"),
        ("kill -KILL $$", 137, "was killed by SIGKILL (9)"),
        ("sleep 60 & exit 0", 0, "left 1 process (sleep "),
    ];
    for (script, agreed, told) in table {
        let folder = tempdir().unwrap();
        let (code, text) = run(folder.path(), &["--", "sh", "-c", script]);
        assert_eq!(code, agreed, "{script}: {text}");
        assert!(text.contains(told) && (!told.is_empty() || text.is_empty()), "{script}: {text}");
    }
    let folder = tempdir().unwrap();
    assert_eq!(run(folder.path(), &["--", "/nonexistent"]).0, 127);
    assert_eq!(run(folder.path(), &["--", "/etc/passwd"]).0, 126);
    assert_eq!(run(folder.path(), &["--log", "/nonexistent/log", "--", "true"]).0, 2);
}

#[test]
fn signals_are_passed_on() {
    let ignored = menshen_sys::proc::Status::read(std::process::id()).unwrap().ignored;
    // (signals, what the program does with them, exit code, what it prints)
    let table: [(&[Signal], &str, i32, &str); 7] = [
        (&[Signal::TERM], "", 143, "killed by SIGTERM"),
        (&[Signal::INT], "", 130, "killed by SIGINT"),
        (&[Signal::TERM], "trap 'echo caught; exit 7' TERM", 7, "caught"),
        (&[Signal::HUP, Signal::TERM], "trap 'echo again' HUP", 143, "again"),
        (&[Signal::USR1, Signal::TERM], "trap 'echo one' USR1", 143, "one"),
        // A child hears it as well: the whole group gets it.
        (
            &[Signal::TERM],
            "trap 'exit 8' TERM; (trap 'echo child; exit' TERM; echo up2; while :; \
            do sleep 0.05; done) &",
            8,
            "child",
        ),
        (&[Signal::INT, Signal::INT], "trap '' INT TERM", 137, "killed by SIGKILL"),
    ];
    for (signals, traps, agreed, told) in table {
        if signals.contains(&Signal::INT) && ignored >> 1 & 1 == 1 {
            skipped("SIGINT is ignored here");
            continue;
        }
        let folder = tempdir().unwrap();
        let script = format!("{traps}\necho ready\nwhile :; do sleep 0.05; done");
        let arguments = ["--patience", "50", "--", "sh", "-c", &script];
        let running = Running::start(menshen(folder.path(), &arguments));
        running.wait_for("ready\n");
        if traps.contains("up2") {
            running.wait_for("up2\n");
        }
        for (number, signal) in signals.iter().enumerate() {
            if number > 0 {
                // Two of a kind at once are one for the kernel.
                std::thread::sleep(Duration::from_millis(300));
            }
            running.signal(*signal);
        }
        let (status, text) = running.end();
        assert_eq!(status.code(), Some(agreed), "{signals:?} {traps}: {text}");
        assert!(text.contains(told), "{signals:?} {traps}: {text}");
    }
}

#[test]
fn what_does_not_end_is_killed_after_the_patience() {
    let folder = tempdir().unwrap();
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let arguments = ["--patience", "1", "--", "sh", "-c", script];
    let running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("ready\n");
    running.signal(Signal::TERM);
    let (status, text) = running.end();
    assert_eq!(status.code(), Some(137), "{text}");
    assert!(text.contains("sh did not end within 1 s of SIGTERM (15): killed"), "{text}");
}

#[test]
fn a_crash_loop_is_slowed_down_and_given_up() {
    let folder = tempdir().unwrap();
    let arguments = ["--restart", "--give-up", "4/60", "--", "sh", "-c", "echo tried; exit 9"];
    let (code, text) = run(folder.path(), &arguments);
    assert_eq!((code, text.matches("] tried\n").count()), (100, 4), "{text}");
    for part in [
        "sh ended with exit code 9",
        "started again in 100 ms (end 2)",
        "started again in 200 ms (end 3)",
        "that was end 4 within",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A good end is one with --restart alone, and none with =always.
    assert_eq!(run(folder.path(), &["--restart", "--", "true"]), (0, String::new()));
    let always = ["--restart=always", "--give-up", "2/60", "--", "true"];
    assert_eq!(run(folder.path(), &always).0, 100);
}

#[test]
fn a_program_that_reads_the_terminal_neither_waits_nor_stops() {
    if !installed(&["script"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let reads = "read x </dev/tty; echo tty=$?; cat; echo cat=$?; stty -echo <&1; echo stty=$?; \
                 read y <&1; echo read=$?";
    std::fs::write(folder.path().join("reads.sh"), reads).unwrap();
    let line =
        format!("{} run --runs runs --name reads -- sh reads.sh", env!("CARGO_BIN_EXE_menshen"));
    // A terminal of our own, which the program could take input from.
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(folder.path());
    let (_input, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::from(_input)).env_remove("JOURNAL_STREAM");
    let (status, text) = Running::start(command).end();
    drop(writer);
    assert!(status.success(), "{text}");
    for part in ["tty=2", "cat=0", "stty=0", "read=1", "reads has read its standard input"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn in_the_background_of_a_shell_it_is_not_stopped() {
    if !installed(&["script", "bash"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let mut command = Command::new("script");
    command.args(["-qec", "bash --norc -i", "/dev/null"]).current_dir(folder.path());
    let (reader, mut writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::from(reader)).env_remove("JOURNAL_STREAM");
    let running = Running::start(command);
    let mut line = |text: &str| std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
    line("stty tostop\n");
    // Without menshen a program that writes in the background is stopped: so the trap is set.
    line("(sleep 0.2; echo from-the-bare-program) &\n");
    line("sleep 0.6; jobs -l\n");
    running.wait_for("Stopped");
    assert!(running.text().contains("tty output"), "{}", running.text());
    let supervised = "sh -c 'for n in 1 2 3; do echo number=$n; sleep 0.2; done; read x; echo end'";
    line(&format!(
        "{} run --stdin --runs runs --name bg -- {supervised} &\n",
        env!("CARGO_BIN_EXE_menshen")
    ));
    running.wait_for("[bg] number=3");
    line("jobs -l\n");
    running.wait_for("Running");
    line("kill -KILL %1; kill -TERM %2; wait %2; echo code=$?\n");
    running.wait_for("code=143");
}

#[test]
fn kill_9_of_the_supervisor_ends_the_program_and_last_words_stay() {
    let folder = tempdir().unwrap();
    let script = "echo pid=$$=; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; \
                  echo the last words; exec sleep 60";
    let arguments = ["--name", "gone", "--", "sh", "-c", script];
    let mut running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("the last words\n");
    let text = running.text();
    let pid: i32 = text.split("pid=").nth(1).unwrap().split('=').next().unwrap().parse().unwrap();
    let (code, listed) = run(folder.path(), &["--list"]);
    assert_eq!(code, 0);
    assert!(listed.contains("running") && listed.contains(&pid.to_string()), "{listed}");
    assert!(running.is_running());
    running.signal(Signal::KILL);
    let until = Instant::now() + Duration::from_secs(20);
    let state = || menshen_sys::proc::Stat::read(pid.cast_unsigned()).map(|stat| stat.state);
    while state().is_ok_and(|state| state != b'Z') {
        assert!(Instant::now() < until, "the program outlives its supervisor");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(running);
    let (code, words) = run(folder.path(), &["--last", "gone"]);
    assert_eq!((code, words.len()), (0, 64 * 1024));
    assert!(words.ends_with("line 19999\nthe last words\n"), "{}", &words[words.len() - 200..]);
    let (code, listed) = run(folder.path(), &["--list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((code, &listed["runs"][0]["state"]), (1, &"lost".into()));
    assert_eq!(run(folder.path(), &["--last", "nobody"]).0, 1);
}

#[test]
fn both_killed_leave_their_last_words() {
    let folder = tempdir().unwrap();
    let script = "printf 'pid=%s=\\nunfinished' $$; exec sleep 60";
    let arguments = ["--name", "both", "--", "sh", "-c", script];
    let running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("unfinished");
    let text = running.text();
    let pid = text.split("pid=").nth(1).unwrap().split('=').next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    running.signal(Signal::KILL);
    drop(running);
    assert_eq!(run(folder.path(), &["--last", "both"]), (0, format!("pid={pid}=\nunfinished")));
}

#[test]
fn the_log_has_the_bytes_and_rotates() {
    let folder = tempdir().unwrap();
    let script = "printf 'a\\033[2J\\377\\r\\nb\\0c'; trap 'echo rotated' HUP; echo; echo up; \
                  while :; do sleep 0.05; done";
    let arguments = ["--no-timestamps", "--log", "log", "--", "sh", "-c", script];
    let running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("up\n");
    let log = folder.path().join("log");
    let agreed = b"a\x1b[2J\xff\r\nb\0c\nup\n";
    assert_eq!(std::fs::read(&log).unwrap(), agreed);
    std::fs::rename(&log, folder.path().join("old")).unwrap();
    running.signal(Signal::HUP);
    running.wait_for("rotated\n");
    running.signal(Signal::TERM);
    running.end();
    assert_eq!(std::fs::read(&log).unwrap(), b"rotated\n");
    assert_eq!(std::fs::read(folder.path().join("old")).unwrap(), agreed);
}

#[test]
fn a_terminal_that_closes_ends_the_program() {
    if !installed(&["script"]) {
        return;
    }
    let folder = tempdir().unwrap();
    let program =
        "sh -c 'trap \"echo heard >heard; exit 4\" HUP; echo up; while :; do sleep 0.05; done'";
    let line = format!("{} run --runs runs -- {program}", env!("CARGO_BIN_EXE_menshen"));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(folder.path());
    let (input, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::from(input)).env_remove("JOURNAL_STREAM");
    let running = Running::start(command);
    running.wait_for("up");
    // The terminal is gone with the one who holds its other side.
    running.signal(Signal::KILL);
    let until = Instant::now() + Duration::from_secs(20);
    while std::fs::read(folder.path().join("heard")).unwrap_or_default() != b"heard\n" {
        assert!(Instant::now() < until, "the program did not hear of it");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(writer);
    let runs = folder.path().join("runs");
    let ended = || {
        let listed = menshen_run::record::list(&runs).unwrap();
        // While its record is written it is in no list.
        listed.first().is_some_and(|run| run.facts.exit_code == Some(4))
    };
    while !ended() {
        assert!(Instant::now() < until, "the supervisor did not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_group_whose_supervisor_was_killed_is_ended_by_the_next_run() {
    if !limits() {
        return;
    }
    let folder = tempdir().unwrap();
    let script = "(sleep 61.25) & cat /proc/self/cgroup; echo up; exec sleep 60";
    let arguments = ["--memory-max", "64M", "--name", "left", "--", "sh", "-c", script];
    let running = Running::start(menshen(folder.path(), &arguments));
    running.wait_for("] up\n");
    let text = running.text();
    let path = text.lines().find(|line| line.contains("/menshen-run-left-")).unwrap();
    let path = path.rsplit_once(':').unwrap().1.trim().to_owned();
    running.signal(Signal::KILL);
    drop(running);
    let tree = menshen_sys::cgroup::Tree::memory().unwrap().unwrap();
    let group = tree.group(path.as_bytes()).unwrap();
    // A run of another test may have been the next one.
    assert!(group.processes().map_or(true, |pids| !pids.is_empty()), "its child lives on");
    assert_eq!(run(folder.path(), &["--memory-max", "64M", "--", "true"]).0, 0);
    assert!(!group.folder().exists(), "{path}");
}

/// Whether limits can be set here; says loudly if not.
fn limits() -> bool {
    let folder = tempdir().unwrap();
    let (code, text) = run(folder.path(), &["--memory-max", "64M", "--", "true"]);
    if code != 0 {
        skipped(&format!("no control groups can be made here: {text}"));
    }
    code == 0
}

#[test]
fn a_fork_bomb_is_contained_and_nothing_of_it_is_left() {
    if !installed(&["bash"]) || !limits() {
        return;
    }
    let folder = tempdir().unwrap();
    let marker = format!("bomb-{}", std::process::id());
    std::fs::write(folder.path().join(&marker), "b() { b | b & }\nb\nsleep 1\nexit 0\n").unwrap();
    let arguments =
        ["--memory-max", "64M", "--processes-max", "50", "--name", "bomb", "--", "bash", &marker];
    let (code, text) = run(folder.path(), &arguments);
    assert!(matches!(code, 0 | 254 | 137), "{code}: {text}");
    assert!(text.contains("at its limit of 50 processes"), "{text}");
    let left: Vec<u32> = { menshen_sys::proc::pids().unwrap() }
        .into_iter()
        .filter(|pid| {
            let line = menshen_sys::proc::command_line(*pid, 4096).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&marker)
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_kernel_s_kill_at_the_limit_is_told_and_the_group_is_removed() {
    if !installed(&["python3"]) || !limits() {
        return;
    }
    let folder = tempdir().unwrap();
    let script = "print(open('/proc/self/cgroup').read(), flush=True)\nx = []\n\
                  while True: x.append(bytearray(1 << 20))";
    let arguments = ["--memory-max", "64M", "--name", "hog", "--", "python3", "-c", script];
    let (code, text) = run(folder.path(), &arguments);
    assert_eq!(code, 137, "{text}");
    assert!(text.contains("the kernel killed 1 process of hog: its limit of 64 MiB"), "{text}");
    assert!(text.contains("(by the kernel, at its limit of memory)"), "{text}");
    let tree = menshen_sys::cgroup::Tree::memory().unwrap().unwrap();
    let line = text.lines().find(|line| line.contains("/menshen-run-hog-")).unwrap();
    let path = line.rsplit_once(':').unwrap().1;
    assert!(!tree.group(path.trim().as_bytes()).unwrap().folder().exists(), "{path}");
}
