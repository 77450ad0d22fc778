//! The program's place: a session without leader and terminal, a group and a parent of its own.
//!
//! One test, so that there are no other children of this process.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use menshen_sys::session::{Session, start};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, getpid, waitpid};

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

fn run(program: &str, script: &str) -> io::Result<(Vec<String>, Pid)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let arguments = ["-c".into(), script.into()];
    let session = Session {
        program: OsStr::new(program),
        arguments: &arguments,
        stdin: null(),
        stdout: writer,
        stderr: null(),
        set: &[("MENSHEN_TEST", "set")],
        groups: &[],
        oom_score_adj: Some(321),
    };
    let pid = start(session)?;
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text)?;
    let (waited, _) = waitpid(Some(pid), WaitOptions::empty())?.unwrap();
    assert_eq!(waited, pid, "it is our child");
    Ok((text.split_whitespace().map(ToOwned::to_owned).collect(), pid))
}

#[test]
fn the_program_leads_its_group_and_no_session() {
    menshen_sys::process::ignore_terminal_stops();
    let script = "cut -d' ' -f4-7 /proc/$$/stat; cat /proc/self/oom_score_adj; echo $MENSHEN_TEST; \
                  grep SigIgn /proc/self/status";
    let (words, pid) = run("sh", script).unwrap();
    let own = getpid().as_raw_nonzero().to_string();
    let pid = pid.as_raw_nonzero().to_string();
    assert_eq!(words[..2], [own.as_str(), pid.as_str()], "parent and group: {words:?}");
    assert_ne!(words[2], pid, "it leads no session: {words:?}");
    assert_ne!(words[2], words[0]);
    assert_eq!(words[3..6], ["0", "321", "set"], "no terminal: {words:?}");
    let ignored = u64::from_str_radix(&words[7], 16).unwrap();
    assert_eq!(ignored & (0b111 << 19), 0, "stops of the terminal are as usual: {ignored:x}");

    let missing = run("/nonexistent/program", "").unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"no program").unwrap();
    let refused = run(file.path().to_str().unwrap(), "").unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    let none = rustix::process::wait(WaitOptions::NOHANG);
    assert_eq!(none.unwrap_err(), rustix::io::Errno::CHILD, "nobody is left behind");
}
