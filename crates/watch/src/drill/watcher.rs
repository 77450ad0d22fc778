//! The watch of a drill: the real one, `menshen watch`, as a child with a specification of its own,
//! inside the drill's control group so that it takes that group's limit for its own.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use menshen_config::{Bounds, Children, Guard, Protect, Threshold, WatchSpec};
use menshen_guard_core::recorder::{self, Status};
use menshen_sys::cgroup::Group;
use menshen_sys::posture::{Posture, PostureView};
use menshen_sys::spawn::{Foreign, Plan, spawn};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

/// A running watch; ended when dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) pid: u32,
    process: Pid,
    pub(super) posture: PostureView,
    recorder: PathBuf,
    ended: Option<WaitStatus>,
}

impl Watcher {
    /// Starts it in `group`; its words go to the file `log`.
    pub(super) fn start(guard: Guard, group: &Group, log: &Path) -> io::Result<Self> {
        let (posture, page) = Posture::private()?;
        let recorder = guard.recorder.clone();
        let posture_fd = Some(page.as_raw_fd());
        let spec = WatchSpec { guard, posture_fd, scoreboard_fd: None };
        let (stdin, orders) = pipe_with(PipeFlags::CLOEXEC)?;
        let output = File::options().create(true).append(true).open(log)?.into();
        let process = spawn(Plan {
            program: Path::new("/proc/self/exe"),
            argv0: "menshen: watch",
            arguments: &["watch"],
            stdin,
            keep: &[page.as_fd()],
            // It is not the service that a manager waits for.
            hide: &["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
            set: &[],
            foreign: Some(Foreign { output, user: None, oom_score_adj: None, descriptors: None }),
        })?;
        let pid = process.as_raw_nonzero().get().unsigned_abs();
        let watcher = Self { pid, process, posture: posture.view(), recorder, ended: None };
        // It waits for its specification, so it is inside before it does anything.
        group.add(pid)?;
        File::from(orders).write_all(&serde_json::to_vec(&spec)?)?;
        Ok(watcher)
    }

    /// What the recorder's file says of it now.
    pub(super) fn status(&self) -> Option<Status> {
        let bytes = std::fs::read(&self.recorder).ok()?;
        recorder::status(&bytes).filter(|status| status.pid == self.pid)
    }

    pub(super) fn is_alive(&mut self) -> bool {
        if self.ended.is_none()
            && let Ok(Some((_, status))) = waitpid(Some(self.process), WaitOptions::NOHANG)
        {
            self.ended = Some(status);
        }
        self.ended.is_none()
    }

    /// As a power cut would: it can do nothing any more.
    pub(super) fn kill(&mut self) {
        while self.is_alive() {
            let _ = kill_process(self.process, Signal::KILL);
            std::thread::sleep(super::LOOK);
        }
    }

    /// Asks it to end; gives whether it ended well.
    pub(super) fn end(&mut self) -> bool {
        let _ = kill_process(self.process, Signal::TERM);
        let give_up = Instant::now() + ENDING_MAX;
        while self.is_alive() && Instant::now() < give_up {
            std::thread::sleep(super::LOOK);
        }
        self.kill();
        self.ended.and_then(|status| status.exit_status()) == Some(0)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.is_alive() {
            self.end();
        }
    }
}

/// What the watch is to do in a drill.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) recorder: PathBuf,
    pub(super) protect: Vec<Protect>,
    pub(super) brake: Option<&'a Group>,
    pub(super) hold: Option<&'a Group>,
}

impl Wanted<'_> {
    pub(super) fn guard(self) -> Guard {
        let at = |enter| {
            Some(Threshold {
                available: Some(Bounds { enter, leave: enter + LEAVE_PERCENT }),
                // The machine's own pressure is not what the drill makes.
                pressure: None,
            })
        };
        let [first, second, third, last] = ENTER_PERCENT;
        let path = |group: &Group| String::from_utf8_lossy(group.path()).into_owned();
        Guard {
            recorder: self.recorder,
            recorder_bytes: RECORDER_BYTES,
            refuse_uploads: at(first),
            shrink_caches: at(second),
            recycle_php: at(third),
            brake: at(last),
            brake_cgroups: self.brake.map(path).into_iter().collect(),
            hold_cgroups: self.hold.map(path).into_iter().collect(),
            protect: self.protect,
            ..Guard::default()
        }
    }
}

/// A rule for the hog of this name.
pub(super) fn rule(name: &str, tag: &str, score: i32) -> Protect {
    Protect {
        name: name.to_owned(),
        unit: None,
        command: Some(format!("* drill-hog {name} {tag}")),
        cgroup: None,
        pid_file: None,
        user: None,
        score,
        children: Children::Reset,
    }
}

/// Of the drill's memory: below what the important one leaves, above what is left when the crowd
/// is at its limit.
const ENTER_PERCENT: [u8; 4] = [40, 36, 32, 28];
const LEAVE_PERCENT: u8 = 4;
/// It may lie in memory itself (tmpfs), which then counts in the drill's group.
pub(super) const RECORDER_BYTES: u64 = 4 << 20;
const ENDING_MAX: Duration = Duration::from_secs(5);
