//! strace on the only worker of a menshen: to see its system calls, or to let one fail.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use menshen_sys::SlotState;
use rustix::process::{Pid, Signal, kill_process};

use super::live::{Live, wait_for};
use super::peers;

/// An attached strace; it lets go when dropped.
pub(crate) struct Strace(Child);

impl Strace {
    /// Attaches with these arguments; `None` after saying loudly why not.
    #[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
    pub(crate) fn attach(live: &Live, arguments: &[&str]) -> Option<Self> {
        let strace = peers::find("strace")?;
        let [worker] = &live.workers(SlotState::Ready)[..] else { panic!("not one worker") };
        let said = live.path("strace.said");
        let child = Command::new(strace)
            .arg("-f")
            .args(arguments)
            .args(["-p", &worker.pid().to_string()])
            .stdin(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let mut attached = Self(child);
        let mut text = String::new();
        wait_for("strace to attach", || {
            let over = attached.0.try_wait().unwrap().is_some();
            text = std::fs::read_to_string(&said).unwrap();
            over || text.contains(" attached")
        });
        if text.contains(" attached") {
            return Some(attached);
        }
        assert!(text.contains("not permitted"), "strace: {text}");
        eprintln!("SKIPPED: {}", text.trim());
        None
    }
}

impl Drop for Strace {
    /// Asks it to detach and waits until its output is whole.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.0), Signal::INT);
        let _ = self.0.wait();
    }
}
