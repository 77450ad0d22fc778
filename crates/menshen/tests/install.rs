//! `menshen install` from outside: a small program built from an archive, cut by signals, refused,
//! removed; and what `explain install` says of it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const RECIPE: &str = r#"
name = "hello"
about = "says its version"
[minimum]
version = "1.1"
why = "before it, it said nothing"
[here]
programs = ["menshen-test-hello"]
arguments = ["--version"]
version = "hello {version}"
[packages]
apt = ["hello"]
[source]
version = "1.2"
url = "http://127.0.0.1:1/hello-{version}.tar.gz"
folder = "hello-{version}"
needs = ["sh", "cp"]
program = "{prefix}/bin/menshen-test-hello"
[[source.step]]
name = "build"
run = ["sh", "build", "{features}"]
[[source.step]]
name = "install"
run = ["sh", "install", "{stage}{prefix}"]
[[feature]]
name = "loud"
about = "says it loudly"
standard = true
with = ["LOUD"]
[feature.test]
run = ["{program}", "--loud"]
says = "LOUD"
"#;

/// Waits in the middle for as long as a file is there.
const BUILD: &str = "echo compiling\nwhile [ -e \"$HELLO_WAITS\" ]; do sleep 0.1; done\n\
    [ -e \"$HELLO_FAILS\" ] && {\n\
    echo 'x.c:1: fatal error: curl/curl.h: No such file or directory'\nexit 2; }\n\
    printf '#!/bin/sh\\necho hello 1.2 %s\\n' \"$1\" > hello\nchmod 755 hello\n";
const INSTALL: &str = "mkdir -p \"$1/bin\" && cp hello \"$1/bin/menshen-test-hello\"\n";

struct Lab {
    folder: tempfile::TempDir,
    sum: String,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("hello-1.2");
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("build"), BUILD).unwrap();
        std::fs::write(source.join("install"), INSTALL).unwrap();
        let archive = folder.path().join("hello.tar.gz");
        let tar = |words: &[&str]| {
            let done = Command::new("tar").current_dir(folder.path()).args(words).status();
            assert!(done.unwrap().success());
        };
        tar(&["-czf", "hello.tar.gz", "hello-1.2"]);
        std::fs::remove_dir_all(source).unwrap();
        let sum = Command::new("sha256sum").arg(&archive).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned();
        std::fs::write(folder.path().join("hello.toml"), RECIPE).unwrap();
        Self { folder, sum }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_menshen"));
        command.current_dir(self.folder.path()).args(words);
        command.env("HOME", self.path("home")).env_remove("XDG_CACHE_HOME").env("LC_ALL", "C");
        command.env("HELLO_WAITS", self.path("waits")).env("HELLO_FAILS", self.path("fails"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn words<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut words = vec!["install", "hello", "--recipe", "hello.toml", "--prefix", "prefix"];
        words.extend(["--file", "hello.tar.gz", "--work", "work", "--sha256", &self.sum]);
        words.extend(more);
        words
    }

    fn install(&self, more: &[&str]) -> Output {
        self.run(&self.words(more))
    }

    /// Started, and in the middle of its build.
    fn waiting(&self) -> Child {
        std::fs::write(self.path("waits"), "").unwrap();
        let before = self.compiled();
        let child = self.command(&self.words(&[])).spawn().unwrap();
        until(|| self.compiled() > before);
        child
    }

    /// How often a build began.
    fn compiled(&self) -> usize {
        let works = self.path("work").read_dir().into_iter().flatten().flatten();
        let logs =
            works.filter_map(|work| std::fs::read_to_string(work.path().join("log.txt")).ok());
        logs.map(|log| log.matches("\ncompiling").count()).sum()
    }

    fn program(&self) -> PathBuf {
        self.path("prefix/bin/menshen-test-hello")
    }
}

fn until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(60), "it did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
    assert!(done.unwrap().success());
}

fn said(output: &Output) -> String {
    let both = [output.stdout.clone(), output.stderr.clone()].concat();
    String::from_utf8(both).unwrap()
}

#[track_caller]
fn expect(output: &Output, code: i32, parts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn it_is_built_explained_and_removed() {
    let lab = Lab::new();
    let plan = lab.install(&["--dry-run"]);
    let sum = format!("checksum: SHA-256 {}", lab.sum);
    expect(&plan, 0, &["run: sh build LOUD", &sum, "place: into /"]);
    assert!(!lab.path("work").exists() && !lab.path("prefix").exists(), "a dry run does nothing");

    let explain = ["explain", "install", "hello", "--recipe", "hello.toml", "--prefix", "prefix"];
    expect(&lab.run(&explain), 1, &["hello (says its version): not here", "[install-missing]"]);
    expect(&lab.install(&[]), 0, &["step 7 of 7: check", "installed hello 1.2", "1 files in"]);
    let built = ["hello (says its version): 1.2", "built     by menshen install, into", "works"];
    expect(&lab.run(&explain), 0, &built);

    let remove = ["install", "--remove", "hello", "--prefix", "prefix"];
    expect(&lab.run(&remove), 0, &["removed 1 files"]);
    assert_eq!(lab.path("prefix").read_dir().unwrap().count(), 0);
    expect(&lab.run(&remove), 1, &["nothing of hello was built into"]);
}

#[test]
fn stopped_by_a_signal_it_goes_on_with_the_same_command() {
    let lab = Lab::new();
    for name in ["INT", "TERM", "HUP"] {
        let child = lab.waiting();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        expect(&output, 111, &["stopped at step run:build", "The same command goes on from there"]);
    }
    std::fs::remove_file(lab.path("waits")).unwrap();
    expect(&lab.install(&[]), 0, &["unpack (done before)", "run:build\n", "installed hello"]);
}

#[test]
fn after_a_kill_it_waits_for_what_still_runs() {
    let lab = Lab::new();
    let mut child = lab.waiting();
    signal(&child, "KILL");
    child.wait().unwrap();
    // The shell of the build goes on, and holds the folder.
    let second = lab.command(&lab.words(&[])).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(lab.compiled(), 1, "two do not build in one folder");
    std::fs::remove_file(lab.path("waits")).unwrap();
    let output = second.wait_with_output().unwrap();
    expect(&output, 0, &["unpack (done before)", "installed hello"]);
}

#[test]
fn wrong_bytes_and_missing_checksums_are_refused() {
    let lab = Lab::new();
    let file = ["--file", "hello.tar.gz", "--work", "work", "--prefix", "prefix"];
    let recipe = ["install", "hello", "--recipe", "hello.toml"];
    let without = lab.run(&[&recipe[..], &file].concat());
    expect(&without, 2, &["the recipe has no checksum of version 1.2", "--no-checksum"]);
    let wrong = "a".repeat(64);
    let output = lab.run(&[&recipe[..], &file, &["--sha256", &wrong]].concat());
    let found = format!("found    {}", lab.sum);
    expect(&output, 100, &["the checksum is wrong: nothing was unpacked", &found]);
    assert_eq!(lab.compiled(), 0);
    assert!(!lab.program().exists());
    let loud = lab.run(&[&recipe[..], &file, &["--no-checksum"]].concat());
    expect(&loud, 0, &["WARNING: the archive is not checked", "installed hello"]);
}

#[test]
fn a_failed_build_shows_its_end_and_what_to_try() {
    let lab = Lab::new();
    std::fs::write(lab.path("fails"), "").unwrap();
    let output = lab.install(&[]);
    let parts =
        ["step run:build failed: exit status: 2", "detail: x.c:1: fatal error: curl/curl.h"];
    expect(&output, 100, &parts);
    expect(&output, 100, &["log.txt", "hint: the header of libcurl is missing"]);
    assert!(!lab.program().exists());
    let json = lab.install(&["--json"]);
    let last = String::from_utf8(json.stdout).unwrap();
    let events: Vec<serde_json::Value> =
        last.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed = events.last().unwrap();
    assert_eq!((&failed["event"], &failed["code"]), (&"failed".into(), &100.into()));
    assert!(json.stderr.is_empty());
    std::fs::remove_file(lab.path("fails")).unwrap();
    let json = lab.install(&["--json"]);
    let last = String::from_utf8(json.stdout).unwrap();
    let done: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!((&done["event"], &done["files"]), (&"installed".into(), &1.into()));
}

#[test]
fn files_of_others_are_not_replaced() {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.path("prefix/bin")).unwrap();
    std::fs::write(lab.program(), "theirs").unwrap();
    expect(&lab.install(&[]), 100, &["is there already", "Nothing was replaced"]);
    assert_eq!(std::fs::read(lab.program()).unwrap(), b"theirs");
    std::fs::remove_file(lab.program()).unwrap();
    expect(&lab.install(&[]), 0, &["run:install (done before)", "installed hello"]);
    std::fs::write(lab.program(), "mine now").unwrap();
    let remove = lab.run(&["install", "--remove", "hello", "--prefix", "prefix"]);
    expect(&remove, 1, &["kept, because it was changed"]);
    assert!(lab.program().exists());
}

#[test]
fn a_recipe_others_can_write_is_not_run() {
    let lab = Lab::new();
    let open = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(lab.path("hello.toml"), open).unwrap();
    expect(&lab.install(&[]), 2, &["is not used", "can be written by others"]);
    assert!(!lab.path("work").exists());
}

#[test]
fn recipes_are_listed_and_shown() {
    let lab = Lab::new();
    let list = lab.run(&["install", "--list"]);
    expect(&list, 0, &["git ", "mariadb ", "php-fpm ", "package, source"]);
    let shown = lab.run(&["install", "--show", "git"]);
    assert_eq!(
        String::from_utf8(shown.stdout).unwrap(),
        include_str!("../../install/src/recipes/git.toml")
    );
    expect(
        &lab.run(&["install", "nothing"]),
        2,
        &["there is no recipe for nothing", "git, mariadb"],
    );
    expect(&lab.run(&["install", "git", "--with", "x"]), 2, &["\"x\" is no feature"]);
    expect(&lab.run(&["install", "mariadb", "--from", "source"]), 2, &["has no source"]);
    let git = ["install", "git", "--from", "source", "--dry-run", "--with", "svn"];
    let plan = lab.run(&[&git[..], &["--prefix", "/opt/git", "--work", "work"]].concat());
    expect(&plan, 0, &["NO_GETTEXT=1", "prefix=/opt/git", "git-2.47.3.tar.xz"]);
    assert!(!said(&plan).contains("NO_PERL"), "{}", said(&plan));
}

#[test]
fn without_an_answer_nothing_is_installed() {
    let lab = Lab::new();
    if !Path::new("/usr/bin/apt-get").exists() {
        return;
    }
    let words = ["install", "hello", "--recipe", "hello.toml", "--from", "package", "--work", "w"];
    let plan = lab.run(&[&words[..], &["--dry-run"]].concat());
    let command = "apt-get update\napt-get install --yes --no-install-recommends hello\n";
    assert_eq!(String::from_utf8(plan.stdout).unwrap(), command);
    let output = lab.run(&words);
    let root = std::fs::metadata("/proc/self").is_ok_and(|meta| {
        use std::os::unix::fs::MetadataExt;
        meta.uid() == 0
    });
    if root {
        expect(&output, 2, &["nobody is here to be asked", "--yes"]);
    } else {
        expect(&output, 100, &["only root can install packages", "sudo"]);
    }
    assert!(!lab.path("w").exists(), "nothing was run");
}
