//! Starts a program and stays with it and with all it starts, to the end of each: who ended, how,
//! and what was lost.
//!
//! It passes on every signal and changes nothing else. Following costs a program some microseconds
//! at each signal and each process it makes, and it gains no rights by set-user-id files.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use menshen_sys::ptrace::{self, Events, Patience, Stop, Told};

use crate::end::{self, End};
use crate::stdio::{self, StuckStream};

/// What happened to a process that is followed.
#[derive(Debug)]
pub enum Event {
    /// It was started, by the program or as it.
    Started(u32),
    /// It stands at its end.
    Ends(u32, Box<End>),
    /// It is gone.
    Gone(u32),
}

/// A program that is followed.
#[derive(Debug)]
pub struct Followed {
    /// The process it was started as; also the process group and the session.
    pub pid: u32,
    /// What happens; ends when all are gone.
    pub events: Receiver<Event>,
    follower: JoinHandle<()>,
}

impl Followed {
    /// Starts it, in a session of its own; all of it is killed when this process ends.
    ///
    /// # Errors
    /// When it cannot be started, or may not be traced.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let (started, child) = channel();
        let (sender, events) = channel();
        // Who seizes is a thread, and only that one may wait: so it is one of its own.
        let follower = std::thread::spawn(move || {
            let spawned = ptrace::spawn(&mut command, EVENTS);
            // The command holds ends of pipes that nobody here shall keep open.
            drop(command);
            match spawned {
                Err(error) => {
                    let _ = started.send(Err(error));
                }
                Ok(child) => {
                    let _ = started.send(Ok(child.id()));
                    follow(&child, &sender);
                }
            }
        });
        let lost = || Err(io::Error::other("the following thread failed"));
        let pid = child.recv().unwrap_or_else(|_| lost())?;
        Ok(Self { pid, events, follower })
    }

    /// Waits until all are gone.
    pub fn join(self) {
        // A thread that failed has let all of them go.
        let _ = self.follower.join();
    }
}

/// Until there is nobody left.
fn follow(child: &Child, sender: &Sender<Event>) {
    // Whoever listens may have gone: the processes are seen to their end all the same.
    let tell = |event| drop(sender.send(event));
    tell(Event::Started(child.id()));
    // A child has a copy of what its parent had not written yet. Where it ends by `_exit` without
    // printing, that copy is not lost: the parent still has its own.
    let mut inherited: BTreeMap<u32, Vec<StuckStream>> = BTreeMap::new();
    while let Ok(Some((pid, told))) = ptrace::wait(None, Patience::Blocking) {
        // Errors of going on mean that it was killed meanwhile, which is told next.
        match told {
            Told::Exited(_) | Told::Killed(_) => {
                inherited.remove(&pid);
                tell(Event::Gone(pid));
            }
            Told::Stopped(Stop::Signal(signal)) => drop(ptrace::resume(pid, signal)),
            Told::Stopped(Stop::Group(_)) => drop(ptrace::listen(pid)),
            Told::Stopped(Stop::Exit) => {
                let mut end = end::look(pid);
                if let (Ok(lost), Some(copy)) = (&mut end.lost, inherited.get(&pid)) {
                    lost.retain(|stream| !copy.contains(stream));
                }
                tell(Event::Ends(pid, Box::new(end)));
                drop(ptrace::resume(pid, 0));
            }
            Told::Stopped(Stop::Fork) => {
                if let Ok(made) = ptrace::event_message(pid) {
                    tell(Event::Started(u32::try_from(made).unwrap_or(0)));
                }
                drop(ptrace::resume(pid, 0));
            }
            Told::Stopped(Stop::Exec) => {
                inherited.remove(&pid);
                drop(ptrace::resume(pid, 0));
            }
            Told::Stopped(Stop::Held | Stop::Other(_)) => {
                if pid != child.id() && !inherited.contains_key(&pid) {
                    inherited.insert(pid, stdio::stuck(pid).unwrap_or_default());
                }
                drop(ptrace::resume(pid, 0));
            }
        }
    }
}

const EVENTS: Events = Events { exit: true, exec: true, fork: true, kill_with_tracer: true };

#[cfg(test)]
mod tests {
    //! A shell with children, and one that is stopped and continued.
    use std::process::Stdio;

    use super::*;

    #[test]
    fn all_that_is_started_is_followed_to_its_end() {
        let mut command = Command::new("sh");
        command.args(["-c", "/bin/true; (exit 3); kill -TERM $$; exit 9"]).stdin(Stdio::null());
        let followed = Followed::start(command).unwrap();
        let events: Vec<Event> = followed.events.iter().collect();
        let started = events.iter().filter(|event| matches!(event, Event::Started(_))).count();
        let mut codes = Vec::new();
        let mut signal = None;
        for event in &events {
            if let Event::Ends(pid, end) = event {
                codes.extend(end.code);
                signal = signal.or_else(|| end.signal.map(|signal| (*pid, signal)));
            }
        }
        assert_eq!((started, codes, signal), (3, vec![0, 3], Some((followed.pid, 15))));
        assert_eq!(events.iter().filter(|event| matches!(event, Event::Gone(_))).count(), 3);
        followed.join();
    }

    #[test]
    fn a_stop_stays_one_until_it_is_continued() {
        let mut command = Command::new("sh");
        command.args(["-c", "(sleep 0.2; kill -CONT $$) & kill -STOP $$; exit 4"]);
        command.stdin(Stdio::null());
        let followed = Followed::start(command).unwrap();
        let mut code = None;
        for event in &followed.events {
            if let Event::Ends(pid, end) = event
                && pid == followed.pid
            {
                code = end.code;
            }
        }
        assert_eq!(code, Some(4));
    }
}
