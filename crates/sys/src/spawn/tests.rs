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
    };
    assert_eq!(spawn(plan).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn inherited_leftovers_are_sealed() {
    let leftover = memfd_create("leftover", MemfdFlags::empty()).unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&leftover).unwrap(), FdFlags::empty());
    seal_descriptors().unwrap();
    assert_eq!(rustix::io::fcntl_getfd(&leftover).unwrap(), FdFlags::CLOEXEC);
}
