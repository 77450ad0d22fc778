//! The one loop of a run: output, signals, ends, restarts and looks, each without waiting for
//! another.
//!
//! No thread and no async runtime. Nothing the program does can hold the loop up; a reader that
//! must not lose output holds up only the program. How a run fails: the program cannot be started,
//! a limit cannot be set, or it ended too often.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use menshen_guard_core::supervise::{Next, Outcome, Supervision};
use menshen_sys::ptrace::{self, Patience, Told};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_process, kill_process_group};

use crate::group::{LimitError, Limits};
use crate::input::Input;
use crate::look::Looker;
use crate::output::{Form, Output};
use crate::plan::{Plan, Stamps};
use crate::program::{Program, Surroundings, Taken};
use crate::protect::protect;
use crate::record::Phase;
use crate::signals::Signals;
use crate::words::span;

mod end;
mod state;
mod stop;
mod terminal;

use end::End;
use state::Diary;
use stop::Stop;
use terminal::Terminal;

/// Why a run came to no exit code of its program.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The program could not be started.
    #[error("{name} could not be started")]
    LocalStart {
        /// The program as it was named.
        name: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A limit could not be set.
    #[error(transparent)]
    LocalLimit(#[from] LimitError),
    /// The log could not be opened.
    #[error("the log {path} could not be opened")]
    ConfigLog {
        /// As it was named.
        path: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something of our own could not be had.
    #[error("the run could not be set up")]
    Local(#[source] io::Error),
    /// It ended too often.
    #[error("{0} ended too often and is not started again")]
    LocalGivenUp(String),
}

/// Runs the program until all is over, and gives its exit code: 128 and the signal's number if a
/// signal ended it.
///
/// This process becomes a child subreaper, listens to signals, and must have no other children.
///
/// # Errors
/// See [`RunError`]. The program has ended then, too.
pub fn run(plan: &Plan) -> Result<u8, RunError> {
    let mut supervisor = Supervisor::new(plan)?;
    let result = supervisor.supervise();
    supervisor.close(&result);
    result
}

/// All of a run.
struct Supervisor<'p> {
    plan: &'p Plan,
    began: Instant,
    signals: Signals,
    terminal: Terminal,
    output: Output,
    input: Input,
    diary: Diary,
    limits: Option<Limits>,
    memory_kills: u64,
    supervision: Supervision,
    oom_score_adj: Option<i32>,
    program: Option<Program>,
    looker: Option<Looker>,
    trace_next: bool,
    /// When limits and input are looked at next.
    watch: Instant,
    state: State,
    stop: Option<Stop>,
    scratch: Vec<u8>,
}

/// Where the run is.
enum State {
    /// The program runs.
    Running,
    /// It has ended, and what it left behind is being ended.
    Clearing { end: End, lived: Duration, until: Instant, killing: bool, left: usize },
    /// It will be started again.
    Waiting { until: Instant, code: u8 },
    /// All is over, with this exit code.
    Over(u8),
}

impl<'p> Supervisor<'p> {
    fn new(plan: &'p Plan) -> Result<Self, RunError> {
        let signals = Signals::install().map_err(RunError::Local)?;
        let form = match plan.stamps {
            Stamps::Plain => Form::Plain,
            Stamps::Shown if std::env::var_os("JOURNAL_STREAM").is_some() => {
                Form::Named(plan.name.clone())
            }
            Stamps::Shown => Form::Stamped(plan.name.clone()),
        };
        let mut output = Output::open(&form, plan.log.clone(), &plan.name).map_err(|source| {
            let path = plan.log.as_ref().map(|path| path.display().to_string());
            RunError::ConfigLog { path: path.unwrap_or_default(), source }
        })?;
        let unique = format!("{}{}-{}", crate::group::PREFIX, plan.name, std::process::id());
        let limited = plan.memory_max.is_some() || plan.processes_max.is_some();
        let limits = limited.then(|| Limits::make(&unique, plan.memory_max, plan.processes_max));
        let limits = limits.transpose()?;
        let protection = protect(plan.protect, &plan.name);
        if let Some(said) = &protection.said {
            output.say(said);
        }
        let (diary, unlisted) = Diary::begin(plan);
        if let Some(error) = unlisted {
            output.say(&format!("this run will not be listed: {error}"));
        }
        Ok(Self {
            plan,
            began: Instant::now(),
            signals,
            terminal: Terminal::look(),
            output,
            input: Input::choose(plan.input).map_err(RunError::Local)?,
            diary,
            limits,
            memory_kills: 0,
            supervision: Supervision::new(plan.restart, plan.give_up),
            oom_score_adj: protection.score,
            program: None,
            looker: None,
            trace_next: false,
            watch: Instant::now(),
            state: State::Running,
            stop: None,
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    fn supervise(&mut self) -> Result<u8, RunError> {
        self.start().map_err(|source| RunError::LocalStart {
            name: self.plan.program.to_string_lossy().into_owned(),
            source,
        })?;
        loop {
            self.wait();
            for signal in self.signals.take() {
                self.signalled(signal);
            }
            self.listen();
            self.input.pass_on();
            self.reap();
            self.timers()?;
            self.flush();
            self.diary.post();
            if let State::Over(code) = self.state {
                return Ok(code);
            }
        }
    }

    fn start(&mut self) -> io::Result<()> {
        let stdin = self.input.give()?;
        let groups = self.limits.as_ref().map(Limits::doors).unwrap_or_default();
        // Lines are shown one below the other, so there is nothing to move a cursor in.
        let dumb = [("TERM", "dumb")];
        let program = Program::start(
            self.plan,
            Surroundings {
                stdin,
                size: self.terminal.size(&self.plan.name, self.plan.stamps),
                groups: &groups,
                oom_score_adj: self.oom_score_adj,
                set: if self.output.is_terminal() { &[] } else { &dumb },
            },
        )?;
        let look = match self.plan.look {
            crate::plan::Look::WhileSilent if self.trace_next => crate::plan::Look::UntilExit,
            look => look,
        };
        self.looker = Some(Looker::start(look, program.number(), program.started));
        self.diary.started(program.number());
        self.program = Some(program);
        self.state = State::Running;
        Ok(())
    }

    /// Waits until there is something to do.
    fn wait(&mut self) {
        let now = Instant::now();
        let left = self.deadline().map_or(IDLE_MAX, |at| at.saturating_duration_since(now));
        let behind = self.output.is_behind();
        let mut polled = vec![PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN)];
        if !behind {
            let feeds = self.program.iter().flat_map(|program| &program.feeds);
            let fds = feeds.filter_map(|feed| feed.to_poll());
            polled.extend(fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        }
        polled.extend(
            self.output.waiting().map(|sink| PollFd::from_borrowed_fd(sink.fd(), PollFlags::OUT)),
        );
        let stdin = self.input.to_poll();
        let first_of_input = polled.len();
        polled.extend(stdin.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let timeout = Timespec {
            tv_sec: left.as_secs().min(IDLE_MAX.as_secs()).cast_signed(),
            // Rounded up: a deadline that is almost there is waited for once.
            tv_nsec: i64::from(left.subsec_nanos().max(1)),
        };
        // EINTR: a signal came, which the flags tell.
        let _ = poll(&mut polled, Some(&timeout));
        let readable = polled.get(first_of_input).is_some_and(|fd| !fd.revents().is_empty());
        if readable {
            self.input.take();
        }
    }

    /// The next moment something is due.
    fn deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = match &self.state {
            State::Clearing { until, killing, .. } => {
                Some(if *killing { now + KILL_AGAIN } else { *until })
            }
            State::Waiting { until, .. } => Some(*until),
            State::Running | State::Over(_) => None,
        };
        let running = matches!(self.state, State::Running);
        let look = self.looker.as_ref().and_then(Looker::due).filter(|_| running);
        let watch = running.then_some(self.watch);
        let stop = self.stop.as_ref().and_then(Stop::deadline).filter(|_| running);
        let feeds = self.program.iter().flat_map(|program| &program.feeds);
        let pauses = feeds.filter(|feed| feed.splitter.is_waiting()).map(|feed| feed.spoke + PAUSE);
        let input = self.input.is_waiting().then(|| now + INPUT_AGAIN);
        [state, look, watch, stop, input].into_iter().flatten().chain(pauses).min()
    }

    /// Takes what the program has written.
    fn listen(&mut self) {
        let Some(program) = &mut self.program else { return };
        let (now, time) = (Instant::now(), SystemTime::now());
        for feed in &mut program.feeds {
            for _ in 0..READS_MAX {
                if self.output.is_behind() {
                    break;
                }
                let Taken::Bytes(count) = feed.take(&mut self.scratch) else { break };
                let bytes = self.scratch.get(..count).unwrap_or_default();
                (program.spoke, feed.spoke) = (now, now);
                program.output_bytes += count as u64;
                self.diary.output(bytes);
                let (output, source) = (&mut self.output, feed.source);
                feed.splitter.push(bytes, |piece| output.piece(source, piece, time));
            }
            if feed.splitter.is_waiting() && now >= feed.spoke + PAUSE {
                let (output, source) = (&mut self.output, feed.source);
                feed.splitter.pause(|piece| output.piece(source, piece, time));
            }
        }
    }

    /// Waits for whoever ended.
    fn reap(&mut self) {
        let Some(program) = self.program.as_ref().map(Program::number) else { return };
        loop {
            let (pid, end) = match ptrace::wait(None, Patience::Now) {
                Ok(Some((pid, Told::Exited(code)))) => (pid, End::Exited(code)),
                Ok(Some((pid, Told::Killed(signal)))) => (pid, End::Killed(signal)),
                Ok(Some((pid, Told::Stopped(stop)))) => {
                    if let Some(looker) = &mut self.looker {
                        looker.stopped(pid, stop);
                    }
                    continue;
                }
                // Nobody ended, or nobody is left.
                Ok(None) | Err(_) => return,
            };
            if pid == program && matches!(self.state, State::Running) {
                self.program_ended(end);
            }
        }
    }

    /// What is due by time.
    fn timers(&mut self) -> Result<(), RunError> {
        let now = Instant::now();
        match &self.state {
            State::Running => {
                self.stop_due(now);
                self.look_due(now);
                self.watch_due(now);
            }
            State::Clearing { .. } => self.clear(now)?,
            State::Waiting { until, code } => {
                let (due, code) = (now >= *until, *code);
                if self.stop.is_some() {
                    self.state = State::Over(code);
                } else if due {
                    self.start_again(now, code)?;
                }
            }
            State::Over(_) => {}
        }
        Ok(())
    }

    fn look_due(&mut self, now: Instant) {
        let (Some(looker), Some(program)) = (&mut self.looker, &self.program) else { return };
        if looker.due().is_none_or(|due| now < due) {
            return;
        }
        let silent = now.saturating_duration_since(program.spoke);
        let said = looker.look(now, silent, program.output_bytes);
        self.diary.facts.stuck_bytes = looker.stuck_bytes();
        if let Some(said) = said {
            self.say(&format!("{}: {said} (not written since {})", self.plan.name, span(silent)));
        }
    }

    /// Once a second: what no signal and no descriptor tells.
    fn watch_due(&mut self, now: Instant) {
        if now < self.watch {
            return;
        }
        self.watch = now + WATCH_EACH;
        self.watch_limits();
        if self.input.was_read() {
            self.say_input();
        }
    }

    fn say_input(&mut self) {
        let name = &self.plan.name;
        let text = format!(
            "{name} has read its standard input, which is empty\n  hint: --stdin passes ours on"
        );
        self.say(&text);
        // Once is enough.
        self.input.said();
    }

    fn watch_limits(&mut self) {
        let Some(limits) = &self.limits else { return };
        let kills = limits.memory_kills();
        if kills > self.memory_kills {
            let count = kills - self.memory_kills;
            self.memory_kills = kills;
            self.diary.facts.memory_kills = kills;
            let limit = crate::words::bytes(self.plan.memory_max.unwrap_or(0));
            let plural = if count == 1 { "1 process" } else { &format!("{count} processes") };
            let name = &self.plan.name;
            self.say(&format!("the kernel killed {plural} of {name}: its limit of {limit}"));
        }
    }

    /// The end of all: the file says so, and all output is handed over.
    fn close(&mut self, result: &Result<u8, RunError>) {
        self.diary.ended(match result {
            Ok(code) => *code,
            Err(error) => error.exit_code(),
        });
        // A reader that waits for all of it gets it; a terminal that stands still only so long.
        let until = Instant::now() + LAST_FLUSH;
        loop {
            self.flush();
            let terminal = self.output.is_terminal();
            let mut polled: Vec<PollFd<'_>> = { self.output.waiting() }
                .map(|sink| PollFd::from_borrowed_fd(sink.fd(), PollFlags::OUT))
                .collect();
            if polled.is_empty() || (terminal && Instant::now() >= until) {
                return;
            }
            polled.push(PollFd::from_borrowed_fd(self.signals.fd(), PollFlags::IN));
            let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
            let _ = poll(&mut polled, Some(&timeout));
            let ended = |signal| matches!(signal, Signal::TERM | Signal::INT | Signal::HUP);
            if self.signals.take().into_iter().any(ended) {
                return;
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.output.say(text);
    }

    fn flush(&mut self) {
        let had_reader = !self.output.has_lost_its_reader();
        for said in self.output.flush() {
            self.output.say(&said);
        }
        let lost = had_reader && self.output.has_lost_its_reader();
        let kept = self.output.has_log() || self.plan.restart != Default::default();
        if lost && !kept && self.stop.is_none() {
            self.say(&format!("{} is ended: nobody reads what it writes", self.plan.name));
            self.ask_to_end(Signal::TERM);
        }
    }
}

impl RunError {
    /// The exit code that tells it: 127 and 126 as of shells where the program was not started, 2
    /// for what was asked for, 111 where another try can help, else 100.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::LocalStart { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => 127,
                io::ErrorKind::PermissionDenied => 126,
                io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => 111,
                _ => 126,
            },
            Self::ConfigLog { .. } => 2,
            Self::Local(_) => 111,
            Self::LocalLimit(_) | Self::LocalGivenUp(_) => 100,
        }
    }
}

/// A terminal that stands still is waited for so long at the end.
const LAST_FLUSH: Duration = Duration::from_secs(1);
/// A line without its end is shown after so much silence.
const PAUSE: Duration = Duration::from_millis(200);
const WATCH_EACH: Duration = Duration::from_secs(1);
const KILL_AGAIN: Duration = Duration::from_millis(20);
const INPUT_AGAIN: Duration = Duration::from_millis(50);
const IDLE_MAX: Duration = Duration::from_secs(3600);
const SCRATCH_BYTES: usize = 64 * 1024;
const READS_MAX: usize = 8;
