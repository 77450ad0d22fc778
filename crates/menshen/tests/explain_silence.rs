//! `menshen explain silence` on real programs: the table of what a log does not get, each program
//! started by it and, where it lives on, looked at as it runs. Text is compared to the byte.

use crate::support::{live, peers};

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use live::wait_for;
use menshen_sys::proc;
use serde_json::Value;

/// A program that runs until dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.env_remove("PYTHONUNBUFFERED").spawn().unwrap())
    }

    fn silent(program: &Path) -> Self {
        let mut command = Command::new(program);
        Self::start(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The only run in the answer, and the exit code.
fn ask(arguments: &[&OsStr]) -> (Value, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(["explain", "silence", "--json"]).args(arguments).stdin(Stdio::null());
    let output = command.env_remove("PYTHONUNBUFFERED").output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (answer["runs"][0].clone(), output.status.code().unwrap())
}

fn start(command: &[&str]) -> (Value, i32) {
    let options = ["--seconds", "2", "--"].iter().chain(command);
    ask(&options.map(|word| OsStr::new(*word)).collect::<Vec<_>>())
}

fn look(pid: u32) -> (Value, i32) {
    ask(&[OsStr::new("--pid"), OsStr::new(&pid.to_string())])
}

fn codes(run: &Value) -> Vec<&str> {
    let findings = run["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// Everything that arrived, joined.
fn arrived(run: &Value) -> String {
    let pieces = run["arrived"].as_array().unwrap().iter();
    pieces.map(|piece| piece["text"].as_str().unwrap()).collect()
}

/// Compiles; `None` after saying that the compiler is missing.
fn compile(folder: &Path, name: &str, options: &[&str], text: &str) -> Option<PathBuf> {
    let compiler = peers::find("gcc")?;
    let source = folder.join(format!("{name}.c"));
    std::fs::write(&source, text).unwrap();
    let program = folder.join(name);
    let output =
        Command::new(compiler).arg("-o").arg(&program).args(options).arg(&source).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}

const HEADERS: &str = "#include <pthread.h>\n#include <stdio.h>\n#include <unistd.h>\n";

fn c(folder: &Path, name: &str, options: &[&str], body: &str) -> Option<PathBuf> {
    compile(folder, name, options, &format!("{HEADERS}int main(void) {{ {body} return 0; }}\n"))
}

fn check_stuck(run: &Value, text: &str) {
    assert_eq!(codes(run)[0], "stdio-text-stuck", "{run:#}");
    let streams = run["processes"][0]["streams"]["read"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "{run:#}");
    assert_eq!((&streams[0]["text"], &streams[0]["stream"]), (&text.into(), &"stdout".into()));
    assert_eq!(streams[0]["bytes"], text.len());
}

#[test]
fn c_text_is_shown_as_it_is_stuck() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options, text) in [
        ("dynamic", &[][..], "hello without a line end"),
        ("line", &[], "a line\\nand another\\n"),
        ("static", &["-static"], "static text"),
    ] {
        let body = format!("printf(\"{text}\"); pause();");
        let Some(program) = c(folder.path(), name, options, &body) else { return };
        let text = text.replace("\\n", "\n");
        let (run, code) = start(&[program.to_str().unwrap()]);
        assert_eq!((code, arrived(&run).as_str()), (1, ""), "{name}");
        check_stuck(&run, &text);
        let running = Running::silent(&program);
        let pid = running.pid();
        wait_for("its pause", || {
            proc::read(pid, "syscall", 100).is_ok_and(|line| line.starts_with(b"34 "))
        });
        let (run, code) = look(pid);
        assert_eq!(code, 1);
        check_stuck(&run, &text);
        let state = proc::Stat::read(pid).unwrap().state;
        assert_eq!((char::from(state), proc::Status::read(pid).unwrap().tracer), ('S', 0));
    }
}

#[test]
fn c_text_that_is_lost_at_the_end_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = c(folder.path(), "ends", &[], "printf(\"lost text\"); _exit(3);") else {
        return;
    };
    let (run, code) = start(&[program.to_str().unwrap()]);
    assert_eq!((code, codes(&run)), (1, vec!["output-lost-at-exit"]));
    let ended = &run["ended"][0];
    assert_eq!(ended["streams"]["read"][0]["text"], "lost text");
    assert_eq!((&ended["code"], &ended["by_us"]), (&3.into(), &false.into()));
    if cfg!(target_arch = "x86_64") {
        assert!(ended["caller"].as_str().unwrap().starts_with("_exit in "), "{ended:#}");
        assert_eq!(ended["from"], "main in ends");
    }
    let shell = format!("{}; exit 5", program.display());
    let (run, _) = start(&["sh", "-c", &shell]);
    assert_eq!(codes(&run), ["output-lost-at-exit"], "of a child of what was started");
    let flushes = "printf(\"kept\"); return 7;";
    let flushes = c(folder.path(), "flushes", &[], flushes).unwrap();
    let (run, code) = start(&[flushes.to_str().unwrap()]);
    assert_eq!((code, codes(&run), arrived(&run)), (0, vec![], "kept".into()));
    assert_eq!(run["ended"][0]["code"], 7);
}

#[test]
fn a_child_s_copy_of_its_parent_s_text_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let body = "printf(\"once\"); if (fork() == 0) _exit(0); sleep(1);";
    let Some(program) = c(folder.path(), "forks", &[], body) else { return };
    let (run, code) = start(&[program.to_str().unwrap()]);
    assert_eq!((code, codes(&run), arrived(&run)), (0, vec![], "once".into()));
}

#[test]
fn a_terminal_gets_lines_and_the_comparison_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let body = "printf(\"a line\\n\"); pause();";
    let Some(program) = c(folder.path(), "lines", &[], body) else { return };
    let arguments = ["--pty", "--seconds", "1", "--", program.to_str().unwrap()].map(OsStr::new);
    let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
    command.args(["explain", "silence", "--json"]).args(arguments).stdin(Stdio::null());
    let answer: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let runs = answer["runs"].as_array().unwrap();
    let outputs: Vec<_> = runs.iter().map(|run| (run["output"].clone(), arrived(run))).collect();
    assert_eq!(outputs, [("pipe".into(), String::new()), ("terminal".into(), "a line\r\n".into())]);
    assert!(codes(&runs[1]).iter().all(|code| *code != "stdio-text-stuck"));
}

#[test]
fn go_that_calls_c_is_read_live_and_at_its_end() {
    let Some(go) = peers::find("go") else { return };
    if peers::find("gcc").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("main.go");
    let text = "package main\n/*\n#include <stdio.h>\nstatic void say() { printf(\"from C\"); }\n*/\
        \nimport \"C\"\nimport (\n\"os\"\n\"time\"\n)\nfunc main() {\nC.say()\n\
        if len(os.Args) > 1 {\nos.Exit(4)\n}\ntime.Sleep(time.Minute)\n}\n";
    std::fs::write(&source, text).unwrap();
    let program = folder.path().join("goc");
    let mut build = Command::new(go);
    build.args(["build", "-o"]).arg(&program).arg(&source).current_dir(folder.path());
    let output = build.env("GOCACHE", folder.path().join("cache")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = program.to_str().unwrap();
    let (run, _) = start(&[program]);
    check_stuck(&run, "from C");
    assert_eq!(run["processes"][0]["runtime"], "go_with_c");
    assert!(run["findings"][0]["hint"].as_str().unwrap().contains("C.fflush(C.stdout)"));
    let (run, _) = start(&[program, "exit"]);
    assert_eq!(codes(&run), ["output-lost-at-exit"], "{run:#}");
    assert_eq!(run["ended"][0]["streams"]["read"][0]["text"], "from C");
}

#[test]
fn runtimes_with_buffers_of_their_own_are_named_with_their_switch() {
    // What is in the path may be a script that looks for the program.
    let own =
        |python| Command::new(python).args(["-c", "import sys; print(sys.executable)"]).output();
    let interpreter = peers::find("python3").map_or_else(String::new, |python| {
        String::from_utf8(own(python).unwrap().stdout).unwrap().trim().to_owned()
    });
    let found = !interpreter.is_empty();
    let python = "import time\nprint('hello')\ntime.sleep(60)";
    let perl = "print \"hello\\n\"; sleep 60";
    for (command, runtime, switch) in [
        ([&*interpreter, "-c", python], "python", "python3 -u"),
        (["perl", "-e", perl], "perl", "$| = 1"),
    ] {
        let there = if runtime == "perl" { peers::find("perl").is_some() } else { found };
        if !there {
            continue;
        }
        let (run, code) = start(&command);
        assert_eq!((code, codes(&run)[0], arrived(&run)), (1, "runtime-buffers", String::new()));
        assert_eq!(run["processes"][0]["runtime"], runtime);
        assert!(run["findings"][0]["hint"].as_str().unwrap().contains(switch));
    }
    if found {
        let (run, code) = start(&[&interpreter, "-u", "-c", python]);
        assert_eq!((code, arrived(&run).as_str()), (0, "hello\n"), "{run:#}");
        assert_eq!(run["processes"][0]["unbuffered"], true);
    }
    if peers::find("php").is_some() {
        let (run, code) = start(&["php", "-r", "echo 'hello'; sleep(60);"]);
        assert_eq!((code, arrived(&run).as_str()), (0, "hello"), "{run:#}");
        assert_eq!(run["processes"][0]["runtime"], "php");
    }
}

#[test]
fn a_full_pipe_names_who_does_not_read() {
    let mut command = Command::new("yes");
    let running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let pid = running.pid();
    wait_for("a write that blocks", || {
        proc::read(pid, "syscall", 100).is_ok_and(|line| line.starts_with(b"1 0x1 "))
    });
    let (run, code) = look(pid);
    assert_eq!((code, codes(&run)[0]), (1, "output-blocked"), "{run:#}");
    let pipe = &run["processes"][0]["output"]["pipe"];
    assert_eq!(pipe["others"][0][0], std::process::id());
    let (filled, size) = (pipe["filled"][0].as_u64().unwrap(), pipe["filled"][1].as_u64().unwrap());
    assert!(filled > 0 && filled <= size, "{filled} of {size}");
}

#[test]
fn who_waits_for_input_says_so() {
    let mut command = Command::new("cat");
    let running = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let pid = running.pid();
    wait_for("a read", || {
        proc::read(pid, "syscall", 100).is_ok_and(|line| line.starts_with(b"0 0x0 "))
    });
    let (run, code) = look(pid);
    assert_eq!((code, codes(&run)[0]), (1, "waits-for-input"), "{run:#}");
    assert_eq!(run["processes"][0]["input"]["pipe"]["others"][0][0], std::process::id());
}

#[test]
fn output_that_goes_elsewhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.log");
    let log = std::fs::File::create(&file).unwrap();
    let mut sleep = Command::new("sleep");
    sleep.arg("60").stdin(Stdio::null());
    let running = Running::start(sleep.stdout(Stdio::null()));
    let (run, code) = look(running.pid());
    assert_eq!((code, codes(&run)[0]), (1, "output-elsewhere"), "{run:#}");
    assert_eq!(run["processes"][0]["output"], "null");
    let running = Running::start(sleep.stdout(log));
    let (run, code) = look(running.pid());
    assert_eq!((code, &run["processes"][0]["output"]["file"]), (0, &file.to_str().into()));
    std::fs::remove_file(&file).unwrap();
    let (run, code) = look(running.pid());
    assert_eq!((code, &run["processes"][0]["output"]["deleted"]), (1, &file.to_str().into()));
}

#[test]
fn a_deadlock_and_an_endless_loop_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let locks = "pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m); \
        pthread_mutex_lock(&m);";
    let Some(program) = c(folder.path(), "locks", &["-pthread"], locks) else { return };
    let (run, code) = start(&[program.to_str().unwrap()]);
    assert_eq!((code, codes(&run)[0]), (1, "waits-for-lock"), "{run:#}");
    let program = c(folder.path(), "loops", &[], "for (volatile int i = 0;;) i = 1;").unwrap();
    let (run, code) = start(&[program.to_str().unwrap()]);
    assert_eq!((code, codes(&run)[0]), (1, "busy-without-writing"), "{run:#}");
    let (run, code) = start(&["sleep", "60"]);
    assert_eq!((code, codes(&run)), (0, vec!["nothing-to-say"]), "{run:#}");
}

#[test]
fn who_is_stopped_is_silent_for_that() {
    let mut sleep = Command::new("sleep");
    let running = Running::start(sleep.arg("60").stdin(Stdio::null()).stdout(Stdio::piped()));
    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let number = running.pid();
    wait_for("its stop", || proc::Stat::read(number).unwrap().state == b'T');
    let (run, code) = look(number);
    assert_eq!((code, codes(&run)[0]), (1, "stopped-by-sigstop"), "{run:#}");
    assert_eq!(proc::Stat::read(number).unwrap().state, b'T');
}

#[test]
fn what_cannot_be_watched_is_an_error() {
    let menshen = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        let output = command.args(["explain", "silence"]).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = menshen(&["--", "/nonexistent/program"]);
    assert_eq!(code, Some(100));
    assert!(text.contains("could not start /nonexistent/program"), "{text}");
    assert_eq!(menshen(&["--pid", "4194305"]).0, Some(2));
    assert_eq!(menshen(&[]).0, Some(2));
}
