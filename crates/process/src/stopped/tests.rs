//! Children that are stopped, asked, and still stopped; and a shell whose stop has threads.
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::*;

/// Ended when dropped, also by a test that fails.
struct Sleeper(Child);

impl Sleeper {
    fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn child() -> (Sleeper, Pid) {
    let mut command = Command::new("sleep");
    command.arg("60").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let pid = Pid::from_child(&child);
    (Sleeper(child), pid)
}

fn state(pid: u32) -> char {
    char::from(Stat::read(pid).unwrap().state)
}

#[test]
fn each_signal_is_told_and_the_process_stays_stopped() {
    for signal in [Signal::STOP, Signal::TSTP, Signal::TTIN, Signal::TTOU] {
        let (child, pid) = child();
        kill_process(pid, signal).unwrap();
        waitpid(Some(pid), WaitOptions::UNTRACED).unwrap();
        for _ in 0..3 {
            let look = look(child.id()).unwrap();
            assert_eq!(look.cause, Cause::Signal(signal.as_raw()));
            assert_eq!((look.state, state(child.id())), ('T', 'T'));
        }
        // The parent was told once, and is not told again of a stop that was only looked at.
        let again = waitpid(Some(pid), WaitOptions::UNTRACED | WaitOptions::NOHANG).unwrap();
        assert!(again.is_none(), "{again:?}");
        kill_process(pid, Signal::CONT).unwrap();
        while state(child.id()) == 'T' {
            std::thread::yield_now();
        }
    }
}

#[test]
fn who_is_not_stopped_is_left_alone() {
    let (child, _) = child();
    assert_eq!(look(child.id()).unwrap().cause, Cause::NotStopped);
    assert_eq!(ask(child.id()).unwrap(), None);
    let pid = child.id();
    drop(child);
    assert_eq!(look(pid).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn who_is_traced_names_the_tracer() {
    let (child, pid) = child();
    ptrace::seize(child.id(), Events::default()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let mut told = ptrace::wait(Some(child.id()), Patience::Blocking).unwrap().unwrap().1;
    if told == Told::Stopped(Stop::Signal(19)) {
        ptrace::resume(child.id(), 19).unwrap();
        told = ptrace::wait(Some(child.id()), Patience::Blocking).unwrap().unwrap().1;
    }
    assert_eq!(told, Told::Stopped(Stop::Group(19)));
    let Cause::Traced { tracer, .. } = look(child.id()).unwrap().cause else { panic!() };
    // The kernel names the thread.
    assert_eq!(tracer, std::process::id());
    drop(child);
}

#[test]
fn names_and_first_words() {
    let (child, _) = child();
    let found = named("sleep").unwrap();
    assert!(found.contains(&child.id()));
    assert!(named("").unwrap().is_empty());
    drop(child);
}
