//! The command line without a running menshen: help, check, exit codes.
//!
//! `UPDATE_EXPECT=1` rewrites the golden files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn menshen(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_menshen"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_is_as_agreed() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let commands = [
        "",
        "serve",
        "check",
        "reload",
        "upgrade",
        "pages",
        "status",
        "run",
        "drill",
        "drill oom",
        "explain",
        "cert",
        "cert request",
        "cert install",
        "cert dev",
        "explain cert",
        "explain https",
        "explain install",
        "explain oom",
        "explain page",
        "explain port",
        "explain query",
        "explain silence",
        "explain stopped",
        "explain tunnel",
        "explain upload",
        "link",
        "link show",
        "link key",
        "link key list",
        "link key add",
        "link key rotate",
        "link key remove",
        "tunnel",
        "tunnel connect",
        "tunnel user",
        "guard",
        "install",
        "cert",
        "cert request",
        "cert install",
        "cert dev",
        "sample",
    ];
    for command in commands {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("--help");
        let output = menshen(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{command}");
        let name = if command.is_empty() { "menshen" } else { command };
        let path = golden.join(format!("help-{}.txt", name.replace(' ', "-")));
        let now = text(&output.stdout);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(now, agreed, "{}: run with UPDATE_EXPECT=1 if this is meant", path.display());
    }
}

#[test]
fn check_reports_everything_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = menshen(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0));
    let file: PathBuf = folder.path().join("menshen.toml");
    std::fs::write(&file, "workers = 2\n").unwrap();
    let output = menshen(folder.path(), &["check"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(0), "menshen.toml: fine\n")
    );

    std::fs::write(&file, "worker = 2\n[web]\nlisen = []\ndurable = 3\n").unwrap();
    let output = menshen(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let report = text(&output.stdout);
    for part in
        ["menshen.toml:1:1", "menshen.toml:3:1", "menshen.toml:4:", "\"workers\"", "\"listen\""]
    {
        assert!(report.contains(part), "{part}: {report}");
    }
    let output = menshen(folder.path(), &["check", "--json", "menshen.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["problems"].as_array().unwrap().len(), 3);
    assert_eq!(report["problems"][0]["line"], 1);
    let output = menshen(folder.path(), &["check", "missing.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("could not read missing.toml"));
}

#[test]
fn the_sample_is_fine_with_check() {
    let folder = tempfile::tempdir().unwrap();
    let sample = menshen(folder.path(), &["sample"]);
    assert_eq!(sample.status.code(), Some(0));
    std::fs::write(folder.path().join("menshen.toml"), &sample.stdout).unwrap();
    let output = menshen(folder.path(), &["check"]);
    assert_eq!(text(&output.stdout), "menshen.toml: fine\n");
}

#[test]
fn serve_with_a_bad_file_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("menshen.toml"), "workers = \"many\"\n").unwrap();
    let output = menshen(folder.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("menshen.toml:1:"), "{}", text(&output.stderr));
    assert!(!folder.path().join(".menshen").exists());
    assert!(!folder.path().join("files").exists());
}

#[test]
fn commands_that_need_a_running_one_say_so() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["status", "reload"] {
        let output = menshen(folder.path(), &[command]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = text(&output.stderr);
        assert!(said.starts_with("menshen: not running\n  detail: "), "{said}");
        assert!(said.contains("hint: start it with `menshen serve`"), "{said}");
    }
}

#[test]
fn the_worker_role_is_not_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let output = menshen(folder.path(), &["worker"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("started by `menshen serve`"));
    assert_eq!(menshen(folder.path(), &["serve", "--listen", "here"]).status.code(), Some(2));
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        format!("{} sample | true; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_menshen"));
    // Many times: whether the reader is gone before the answer is written is up to the scheduler.
    for _ in 0..20 {
        let output =
            Command::new("bash").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        assert_eq!((text(&output.stdout).trim(), text(&output.stderr).as_str()), ("0", ""));
    }
}

/// Commands that `--help` lists, each with those below it.
fn commands_below(words: &[String]) -> Vec<Vec<String>> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_menshen")).args(words).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let rows = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let mut all = vec![words.to_vec()];
    for row in rows.take_while(|line| line.starts_with("  ")) {
        if let Some(name) = row.strip_prefix("  ").filter(|row| !row.starts_with(' ')) {
            let name = name.split_whitespace().next().unwrap();
            all.extend(commands_below(&[words, &[name.to_owned()]].concat()));
        }
    }
    all
}

#[test]
fn every_command_has_a_page_and_shells_complete_it() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    let output =
        Command::new(env!("CARGO_BIN_EXE_menshen")).arg("pages").arg(&pages).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let commands = commands_below(&[]);
    assert!(commands.len() > 30, "{commands:?}");
    let mut expected: Vec<String> = commands
        .iter()
        .map(|words| [&["menshen".to_owned()][..], words].concat().join("-") + ".1")
        .collect();
    let names = std::fs::read_dir(pages.join("man1")).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    expected.sort();
    names.sort();
    assert_eq!(names, expected);
    for shell in ["zsh/_menshen", "fish/menshen.fish"] {
        let text = std::fs::read_to_string(pages.join(shell)).unwrap();
        assert!(text.contains("upgrade") && !text.contains("sql-worker"), "{shell}");
    }
    for (typed, wanted) in [("upg", "upgrade"), ("explain q", "query"), ("upgrade --st", "--state")]
    {
        assert_eq!(completed(&pages.join("bash/menshen"), typed), wanted, "{typed}");
    }
    let Ok(groff) = Command::new("groff").arg("--version").output() else {
        eprintln!("SKIPPED in part: groff is not installed");
        return;
    };
    assert!(groff.status.success());
    for name in names {
        let mut groff = Command::new("groff");
        groff.args(["-k", "-man", "-ww", "-Tutf8", "-z"]).arg(pages.join("man1").join(&name));
        let output = groff.output().unwrap();
        assert!(output.stderr.is_empty(), "{name}: {output:?}");
    }
}

/// What bash makes of a line typed so far, by the completion in this file.
fn completed(script: &Path, typed: &str) -> String {
    let program = "source \"$1\"; shift; COMP_WORDS=(menshen \"$@\"); COMP_CWORD=$#; \
                   COMP_LINE=\"menshen $*\"; COMP_POINT=${#COMP_LINE}; \
                   _menshen menshen \"${COMP_WORDS[COMP_CWORD]}\" \
                   \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", program, "bash"]).arg(script).args(typed.split(' '));
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
