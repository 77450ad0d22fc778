//! Tests of starting a child: it has what it was given and nothing else.

use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{WaitOptions, waitpid};

use super::*;

fn run(script: &str, keep: &[BorrowedFd<'_>]) -> i32 {
    let stdin = std::fs::File::from(memfd_create("stdin", MemfdFlags::CLOEXEC).unwrap());
    let mut writer = stdin.try_clone().unwrap();
    writer.write_all(b"handed over").unwrap();
    writer.rewind().unwrap();
    let plan = Plan {
        program: Path::new("/bin/sh"),
        argv0: "menshen: test",
        arguments: &["-c", script],
        stdin: stdin.into(),
        keep,
        hide: &["CARGO_MANIFEST_DIR"],
        set: &[],
        foreign: None,
    };
    let pid = spawn(plan).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
    status.exit_status().unwrap_or(-1)
}

#[test]
fn only_the_kept_descriptors_arrive() {
    let mut kept = std::fs::File::from(memfd_create("kept", MemfdFlags::CLOEXEC).unwrap());
    let closed = memfd_create("closed", MemfdFlags::CLOEXEC).unwrap();
    // The shell's own listing descriptor is above the ones asked about.
    let script = format!(
        "test \"$(cat)\" = 'handed over' || exit 2; test -e /proc/self/fd/{} && exit 3; \
         test -n \"$CARGO_MANIFEST_DIR\" && exit 4; echo seen >&{}",
        closed.as_raw_fd(),
        kept.as_raw_fd()
    );
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "the hidden variable is set here");
    assert_eq!(run(&script, &[kept.as_fd()]), 0);
    let mut text = String::new();
    kept.rewind().unwrap();
    kept.read_to_string(&mut text).unwrap();
    assert_eq!(text, "seen\n");
    let flags = rustix::io::fcntl_getfd(&kept).unwrap();
    assert_eq!(flags, FdFlags::CLOEXEC, "the parent's own copy is untouched");
}

#[test]
fn a_missing_program_is_an_error_here() {
    let stdin = memfd_create("stdin", MemfdFlags::CLOEXEC).unwrap();
    let plan = Plan {
        program: Path::new("/nonexistent/menshen"),
        argv0: "x",
        arguments: &[],
        stdin,
        keep: &[],
        hide: &[],
        set: &[],
        foreign: None,
    };
    assert_eq!(spawn(plan).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_foreign_program_has_the_rights_it_was_given_and_no_others() {
    let said = std::fs::File::from(memfd_create("said", MemfdFlags::CLOEXEC).unwrap());
    let root = rustix::process::geteuid().is_root();
    let script = "id -u; id -g; id -G; cat /proc/self/oom_score_adj; ulimit -Sn; echo bad >&2";
    let arguments = ["-c", script];
    let plan = |user| Plan {
        program: Path::new("/bin/sh"),
        argv0: "sh",
        arguments: &arguments,
        stdin: memfd_create("stdin", MemfdFlags::CLOEXEC).unwrap(),
        keep: &[],
        hide: &[],
        set: &[],
        foreign: Some(Foreign {
            output: said.try_clone().unwrap().into(),
            user,
            oom_score_adj: Some(321),
            descriptors: Some(77),
        }),
    };
    let pid = spawn(plan(root.then_some((65_533, 65_532)))).unwrap();
    waitpid(Some(pid), WaitOptions::empty()).unwrap();
    let mut text = String::new();
    (&said).rewind().unwrap();
    (&said).read_to_string(&mut text).unwrap();
    let (uid, gid) = match root {
        true => (65_533, 65_532),
        false => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
    };
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], [uid.to_string(), gid.to_string()], "{text}");
    assert!(!root || lines[2] == gid.to_string(), "further groups are gone: {text}");
    assert_eq!(lines[3..], ["321", "77", "bad"], "{text}");
    assert!(spawn(plan(Some((0, 0)))).is_err(), "root is refused");
}

#[test]
fn inherited_leftovers_are_sealed() {
    let leftover = memfd_create("leftover", MemfdFlags::empty()).unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&leftover).unwrap(), FdFlags::empty());
    seal_descriptors().unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&leftover).unwrap(), FdFlags::CLOEXEC);
}
