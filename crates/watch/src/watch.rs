//! The loop: the kernel's log first, then what pressure and groups tell, then readings when they
//! are due. It waits for nothing else.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use menshen_config::WatchSpec;
use menshen_guard_core::recorder::{Body, Count, Pressure, Start, Stop, Trigger};
use menshen_sys::Scoreboard;
use menshen_sys::inherit::adopt;
use menshen_sys::kmsg::KernelLog;
use menshen_sys::posture::Posture;
use menshen_sys::proc::Stat;
use menshen_sys::psi::{self, Armed, Line};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::census::{Tables, Wanted};
use crate::file::RecorderFile;
use crate::groups::Groups;
use crate::kernel::{KernelReader, Window};
use crate::log::Log;
use crate::pace::Pace;
use crate::readings::Sources;
use crate::recorder::{Recorder, Writing};
use crate::rungs::Rungs;
use crate::signals::Signals;

/// What a watch is made of.
pub(crate) struct Parts {
    pub(crate) recorder: Option<RecorderFile>,
    pub(crate) kernel: Option<KernelLog>,
    pub(crate) spec: WatchSpec,
    pub(crate) log: Log,
}

/// A running watch.
pub(crate) struct Watch {
    signals: Signals,
    writing: Writing,
    tables: Tables,
    kernel: Option<KernelReader>,
    triggers: Vec<psi::Trigger>,
    groups: Groups,
    sources: Sources,
    pace: Pace,
    last: Pressure,
    next_reading: Instant,
    /// The kernel's count when the watch began, and lines of kills read before that.
    kills_at_start: Option<u64>,
    lines_at_start: u64,
    /// What was recorded last of both.
    counted: Count,
    count_at: Option<Instant>,
    shown: Option<Instant>,
    level_said: Option<(u8, Instant)>,
    rungs: Rungs,
    log: Log,
}

/// Why the loop goes round.
struct Woken {
    ending: bool,
    /// Tasks waited for memory.
    pressed: bool,
}

impl Watch {
    /// Opens and starts everything, and reads what the kernel's log still has of earlier times.
    ///
    /// # Errors
    /// When a thread or a descriptor cannot be had.
    pub(crate) fn new(parts: Parts) -> io::Result<Self> {
        let Parts { recorder: file, kernel, spec, log } = parts;
        let posture = spec.posture_fd.map(adopt).transpose()?.map(Posture::from_file);
        let board = spec.scoreboard_fd.map(adopt).transpose()?.map(Scoreboard::from_file);
        let (posture, board) = (posture.transpose()?, board.transpose()?);
        let signals = Signals::install()?;
        let kept = file.as_ref().and_then(|file| file.kernel_sequence);
        let writing = Recorder::start(file, log)?;
        let tables = Tables::start(writing.recorder().clone(), log)?;
        let window = Window::default();
        let mut watch = Self {
            signals,
            tables,
            kernel: kernel.map(|kernel| KernelReader::new(kernel, window, kept)),
            triggers: triggers(log),
            groups: Groups::new(),
            sources: Sources::open(),
            pace: Pace::default(),
            last: Pressure::default(),
            next_reading: Instant::now(),
            kills_at_start: None,
            lines_at_start: 0,
            counted: Count::default(),
            count_at: None,
            shown: None,
            level_said: None,
            rungs: Rungs::begin(&spec.guard, posture, board, writing.recorder().clone(), log),
            writing,
            log,
        };
        watch.begin();
        Ok(watch)
    }

    /// Runs until its end is asked for.
    pub(crate) fn run(mut self) {
        // A manager that is gone must not take the watch with it.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        loop {
            let woken = self.wait();
            if woken.ending {
                break;
            }
            let now = Instant::now();
            if woken.pressed {
                self.next_reading = now;
            }
            // All of it: a storm must not be interrupted by anything else.
            while !self.read_kernel(RECORDS_AT_ONCE) {}
            self.look_at_groups(now);
            if self.tables.take_ready() {
                let limited = self.tables.latest().limited.clone();
                self.groups.keep(&limited);
            }
            if now >= self.next_reading {
                self.read_memory(now);
            }
            self.rungs.keep_times(now);
            self.count(now);
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        self.rungs.end();
        while !self.read_kernel(RECORDS_AT_ONCE) {}
        self.last = self.sources.read();
        self.count_now();
        self.show(Instant::now());
        let recorder = self.writing.recorder();
        recorder.record(&Body::Stop(Stop { reason: b"asked to end" }));
        recorder.show(|status| status.pid = 0);
        self.tables.end();
        self.writing.end();
    }

    /// Says that it records, with what is true at this moment.
    fn begin(&mut self) {
        // The kernel may kill between looking at its log and at its count: then once more.
        for _ in 0..COUNT_TRIES {
            while !self.read_kernel(RECORDS_AT_ONCE) {}
            self.kills_at_start = self.sources.oom_kills();
            self.lines_at_start = self.kill_lines();
            while !self.read_kernel(RECORDS_AT_ONCE) {}
            if self.kill_lines() == self.lines_at_start {
                break;
            }
        }
        let names = rustix::system::uname();
        self.last = self.sources.read();
        let recorder = self.writing.recorder();
        recorder.record(&Body::Start(Start {
            pid: std::process::id(),
            page_bytes: u32::try_from(rustix::param::page_size()).unwrap_or(0),
            ram_kib: self.last.total_kib,
            swap_kib: self.last.swap_total_kib,
            oom_kills: self.kills_at_start,
            kernel_sequence: self.kernel.as_ref().and_then(KernelReader::first),
            host: names.nodename().to_bytes(),
            kernel: names.release().to_bytes(),
            version: env!("CARGO_PKG_VERSION").as_bytes(),
        }));
        if self.kernel.is_none() {
            recorder.record(&Body::Note(b"the kernel's log cannot be read: its words are missing"));
        }
        let start_ticks = Stat::read(std::process::id()).map_or(0, |stat| stat.start_ticks);
        recorder.show(|status| {
            status.pid = std::process::id();
            status.start_ticks = start_ticks;
            status.kill_lines = 0;
            status.dropped = 0;
        });
        self.want_table(Trigger::Start, Vec::new());
    }

    /// Sleeps until something is to be done.
    fn wait(&self) -> Woken {
        let in_ = PollFlags::IN;
        let mut fds: Vec<(BorrowedFd<'_>, PollFlags)> = vec![(self.signals.as_fd(), in_)];
        fds.extend(self.triggers.iter().map(|one| (one.as_fd(), psi::Trigger::interest())));
        fds.push((self.tables.ready().as_fd(), in_));
        fds.extend(self.kernel.as_ref().map(|kernel| (kernel.log().as_fd(), in_)));
        fds.extend(self.groups.waits());
        fds.extend(self.rungs.hold.waits().map(|fd| (fd, in_)));
        let mut polled: Vec<PollFd<'_>> =
            fds.into_iter().map(|(fd, wanted)| PollFd::from_borrowed_fd(fd, wanted)).collect();
        let due = [Some(self.next_reading), self.count_at, self.rungs.deadline()];
        let due = due.into_iter().flatten().min();
        let pause = due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
        // Rounded up, or the loop would spin through the last millisecond.
        let pause = Timespec::try_from(pause + Duration::from_millis(1)).ok();
        // Interrupted or not, the loop looks at everything anyway.
        let _ = poll(&mut polled, pause.as_ref());
        let answers = |fds: &[PollFd<'_>]| fds.iter().any(|fd| !fd.revents().is_empty());
        let (ending, rest) = polled.split_at(1);
        let triggers = rest.get(..self.triggers.len()).unwrap_or_default();
        Woken { ending: answers(ending), pressed: answers(triggers) }
    }

    /// Reads some of the kernel's log; gives whether that was all.
    fn read_kernel(&mut self, records_max: usize) -> bool {
        let Some(kernel) = &mut self.kernel else { return true };
        let recorder = self.writing.recorder();
        let done = kernel.read(recorder, records_max);
        let kills = kernel.take_kills();
        if kills.is_empty() {
            return done;
        }
        let now = Instant::now();
        // Those the log still had of earlier times are nobody's forecast.
        if self.kills_at_start.is_some() {
            let mut latest = self.tables.latest();
            let number = latest.number;
            for kill in &kills {
                let name = latest.record_victim(kill.pid, recorder);
                (self.log)(&format!("the kernel killed process {}{name}", kill.pid));
                let say = &mut |body: &Body<'_>| recorder.record(body);
                latest.forecasts.killed(number, kill.pid, kill.of_group, say);
            }
            drop(latest);
            self.count_at = Some(now + SETTLED);
            self.next_reading = now;
            if self.pace.take(Trigger::Kill, self.last.level, b"", now) {
                self.want_table(Trigger::Kill, Vec::new());
            }
        }
        done
    }

    fn look_at_groups(&mut self, now: Instant) {
        for path in self.groups.take() {
            if self.pace.take(Trigger::Group, 0, &path, now) {
                self.want_table(Trigger::Group, path);
            }
        }
    }

    fn read_memory(&mut self, now: Instant) {
        let before = std::mem::replace(&mut self.last, self.sources.read());
        let fell = self.last.available_kib < before.available_kib;
        let trigger = if waited(&before, &self.last) { Trigger::Stall } else { Trigger::Low };
        let worse = self.last.level > before.level;
        if self.last.level > 0
            && (worse || fell || trigger == Trigger::Stall)
            && self.pace.take(trigger, self.last.level, b"", now)
        {
            self.want_table(trigger, Vec::new());
        }
        let said_long_ago = |at: Instant| now.saturating_duration_since(at) >= SAY_AGAIN;
        let say = match self.level_said {
            None => self.last.level > 0,
            Some((level, at)) => {
                level != self.last.level || (self.last.level > 0 && said_long_ago(at))
            }
        };
        if say {
            self.level_said = Some((self.last.level, now));
            self.writing.recorder().record(&Body::Pressure(self.last));
        }
        if self.counted.oom_kills != self.last.oom_kills && self.count_at.is_none() {
            self.count_at = Some(now + SETTLED);
        }
        if say || self.shown.is_none_or(|at| now.saturating_duration_since(at) >= SHOW_AGAIN) {
            self.show(now);
        }
        let wanted = self.rungs.read(&self.last, now);
        self.next_reading = now + self.pause().min(wanted);
    }

    /// How long until memory is looked at again. With pressure information the kernel wakes the
    /// watch; without it the pause is the time in which a fast program could take what is left.
    fn pause(&self) -> Duration {
        if self.sources.has_pressure() && self.last.level == 0 {
            return PAUSE_MAX;
        }
        let fast = Duration::from_millis(self.last.available_kib / KIB_PER_MILLI);
        fast.clamp(PAUSE_MIN, PAUSE_MAX)
    }

    fn want_table(&self, trigger: Trigger, group: Vec<u8>) {
        self.tables.want(Wanted { trigger, pressure: self.last, group });
    }

    /// Compares counts when it has been quiet for a moment: line and count of one kill do not come
    /// at the same instant.
    fn count(&mut self, now: Instant) {
        if self.count_at.is_some_and(|at| at <= now) {
            self.count_at = None;
            self.count_now();
            self.show(now);
        }
    }

    fn count_now(&mut self) {
        let count = Count {
            oom_kills: self.sources.oom_kills(),
            oom_kills_at_start: self.kills_at_start,
            kill_lines: self.kill_lines() - self.lines_at_start,
        };
        if count != self.counted {
            self.counted = count;
            self.writing.recorder().record(&Body::Count(count));
        }
    }

    fn show(&mut self, now: Instant) {
        self.shown = Some(now);
        let (last, lines) = (self.last, self.kill_lines() - self.lines_at_start);
        let kills = last.oom_kills.zip(self.kills_at_start);
        self.writing.recorder().show(|status| {
            status.kill_lines = lines;
            status.oom_kills = kills.map(|(now, then)| now.saturating_sub(then));
            status.available_kib = last.available_kib;
            status.total_kib = last.total_kib;
            status.some_avg10_centi = last.some_avg10_centi;
            status.level = last.level;
        });
    }

    fn kill_lines(&self) -> u64 {
        self.kernel.as_ref().map_or(0, KernelReader::kill_lines)
    }
}

/// Whether some task waited a twentieth of a second for memory in between.
fn waited(before: &Pressure, now: &Pressure) -> bool {
    let totals = now.some_total_micros.zip(before.some_total_micros);
    totals.is_some_and(|(now, before)| now.saturating_sub(before) >= 50_000)
}

/// Wakes the loop when tasks wait for memory: a tenth of a window for some, a twentieth for all.
fn triggers(log: Log) -> Vec<psi::Trigger> {
    let mut triggers = Vec::new();
    for (line, permille) in [(Line::Some, 100), (Line::Full, 50)] {
        match psi::Trigger::arm(Path::new(psi::MEMORY), line, permille, &psi::WINDOWS) {
            Ok(Armed::Yes(trigger)) => triggers.push(trigger),
            Ok(Armed::Absent) => {
                log("this kernel tells no pressure; memory is looked at more often instead");
                break;
            }
            Err(error) => {
                log(&format!("pressure wakes nobody, memory is looked at instead: {error}"));
                break;
            }
        }
    }
    triggers
}

/// Records of the kernel read before its kills are looked at.
const RECORDS_AT_ONCE: usize = 512;
const COUNT_TRIES: usize = 5;
const SETTLED: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(10);
const SHOW_AGAIN: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// What a program can take in a millisecond when nothing holds it up.
const KIB_PER_MILLI: u64 = 4096;
