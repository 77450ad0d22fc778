//! Children of this thread: seized, held, watched to their end.
use std::process::Stdio;

use super::*;

fn until(pid: u32) -> Told {
    wait(Some(pid), Patience::Blocking).unwrap().unwrap().1
}

#[test]
fn a_child_is_held_goes_on_and_shows_its_end() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    seize(pid, Events { exit: true, ..Events::default() }).unwrap();
    assert_eq!(wait(Some(pid), Patience::Now).unwrap(), None);
    assert_eq!(
        seize(pid, Events::default()).unwrap_err().kind(),
        io::ErrorKind::PermissionDenied,
        "nobody is seized twice"
    );
    interrupt(pid).unwrap();
    assert_eq!(until(pid), Told::Stopped(Stop::Held));
    resume(pid, 0).unwrap();
    drop(child.stdin.take());
    assert_eq!(until(pid), Told::Stopped(Stop::Exit));
    assert_eq!(event_message(pid).unwrap(), 0);
    if cfg!(target_arch = "x86_64") {
        assert_eq!(place(pid).unwrap().call, 231, "exit_group");
    }
    resume(pid, 0).unwrap();
    assert_eq!(until(pid), Told::Exited(0));
    assert!(wait(Some(pid), Patience::Now).is_err());
    assert!(child.wait().is_err(), "it was waited for already");
}

#[test]
fn a_signal_that_stops_is_told_and_the_stop_outlives_the_look() {
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = child.id();
    let pid_for_signals = Pid::from_child(&child);
    rustix::process::kill_process(pid_for_signals, rustix::process::Signal::TSTP).unwrap();
    while crate::proc::Stat::read(pid).unwrap().state != b'T' {
        std::thread::yield_now();
    }
    seize(pid, Events::default()).unwrap();
    // The parent hears of the stop as well: as a plain one, before or after.
    let mut told = until(pid);
    if told == Told::Stopped(Stop::Signal(20)) {
        told = until(pid);
    }
    assert_eq!(told, Told::Stopped(Stop::Group(20)));
    detach(pid, 0).unwrap();
    // It wakes for a moment to stop itself again; one that went on would sleep for a minute.
    while crate::proc::Stat::read(pid).unwrap().state != b'T' {
        assert_ne!(crate::proc::Stat::read(pid).unwrap().state, b'S');
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_program_is_seized_before_it_does_anything() {
    for _ in 0..50 {
        let mut command = Command::new("true");
        let mut child = spawn(&mut command, Events { exit: true, ..Events::default() }).unwrap();
        let pid = child.id();
        let mut told = until(pid);
        if told == Told::Stopped(Stop::Held) {
            resume(pid, 0).unwrap();
            told = until(pid);
        }
        assert_eq!(told, Told::Stopped(Stop::Signal(18)));
        resume(pid, 18).unwrap();
        assert_eq!(until(pid), Told::Stopped(Stop::Exit));
        resume(pid, 0).unwrap();
        assert_eq!(until(pid), Told::Exited(0));
        assert!(child.wait().is_err(), "it was waited for already");
    }
    let missing = spawn(&mut Command::new("/nonexistent/program"), Events::default());
    assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
}
