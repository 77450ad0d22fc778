//! How the program ended, what it left behind, and what follows from it.

use super::{
    Duration, Instant, KILL_AGAIN, Looker, Next, Outcome, Phase, RunError, Signal, State,
    Supervisor, SystemTime, Taken, span,
};
use crate::orphans::{self, Orphan};
use crate::words;

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl End {
    /// The exit code that stands for it, as shells have it.
    pub(super) fn code(self) -> u8 {
        let (Self::Exited(code) | Self::Killed(code)) = self;
        let code = if matches!(self, Self::Exited(_)) { code } else { 128 + code };
        u8::try_from(code & 0xff).unwrap_or(u8::MAX)
    }

    fn outcome(self) -> Outcome {
        if self == Self::Exited(0) { Outcome::Success } else { Outcome::Failure }
    }

    fn text(self) -> String {
        match self {
            Self::Exited(code) => format!("ended with exit code {code}"),
            Self::Killed(signal) => {
                format!("was killed by {}, exit code {}", words::signal(signal), self.code())
            }
        }
    }
}

impl Supervisor<'_> {
    /// The program itself has ended.
    pub(super) fn program_ended(&mut self, end: End) {
        let now = Instant::now();
        let lived = self.program.as_ref().map_or(Duration::ZERO, |p| now - p.started);
        self.diary.facts.pid = None;
        let killing = self.stop.as_ref().is_some_and(super::Stop::is_killing);
        let until = now + self.plan.patience.min(LEFT_PATIENCE);
        let left = orphans::below_us();
        if !left.is_empty() {
            orphans::signal(&left, if killing { Signal::KILL } else { Signal::TERM });
            // A stopped one hears it only then.
            orphans::signal(&left, Signal::CONT);
            self.say(&format!("{} left {} behind, ended now", self.plan.name, names(&left)));
        }
        if let Some(limits) = &self.limits {
            limits.close();
        }
        self.state = State::Clearing { end, lived, until, killing, left: left.len() };
    }

    /// Goes on ending what was left behind; once all are gone, decides what follows.
    pub(super) fn clear(&mut self, now: Instant) -> Result<(), RunError> {
        let State::Clearing { end, lived, until, killing, left } = &mut self.state else {
            return Ok(());
        };
        let (end, lived) = (*end, *lived);
        let left_now = if *left > 0 { orphans::below_us() } else { Vec::new() };
        let grouped = self.limits.as_ref().is_some_and(|limits| *killing && !limits.kill_all());
        let over = *killing && now > *until + UNKILLABLE;
        if (!left_now.is_empty() || grouped) && !over {
            *left = left_now.len().max(1);
            *killing |= now >= *until;
            if *killing {
                orphans::signal(&left_now, Signal::KILL);
            }
            return Ok(());
        }
        if !left_now.is_empty() {
            self.say(&format!("{} cannot be killed and are left", names(&left_now)));
        }
        if let Some(limits) = &self.limits {
            // Not below us, but in the group: joined by somebody else.
            limits.kill_all();
            limits.open(self.plan.processes_max);
        }
        self.drain();
        self.conclude(now, end, lived)
    }

    /// Reads what the program has still written, to the end.
    fn drain(&mut self) {
        let time = SystemTime::now();
        let Some(program) = &mut self.program else { return };
        for feed in &mut program.feeds {
            let (output, source) = (&mut self.output, feed.source);
            while let Taken::Bytes(count) = feed.take(&mut self.scratch) {
                let bytes = self.scratch.get(..count).unwrap_or_default();
                program.output_bytes += count as u64;
                self.diary.output(bytes);
                feed.splitter.push(bytes, |piece| output.piece(source, piece, time));
            }
            feed.splitter.pause(|piece| output.piece(source, piece, time));
        }
    }

    /// Says how it ended, and decides what follows.
    fn conclude(&mut self, now: Instant, end: End, lived: Duration) -> Result<(), RunError> {
        let written = self.program.take().map_or(0, |program| program.output_bytes);
        let looker = self.looker.take();
        let silent = written == 0 && end.outcome() == Outcome::Failure;
        self.trace_next = silent && lived < SHORT;
        if let Some(lost) = looker.as_ref().and_then(|looker: &Looker| looker.lost(written)) {
            self.say(&format!("{}: {lost}: it ended without writing them", self.plan.name));
        }
        if self.input.was_read() {
            self.say_input();
        }
        let kills = self.memory_kills;
        self.watch_limits();
        let mut text = end.text();
        if end == End::Killed(9) && self.memory_kills > kills {
            text = format!("{text} (by the kernel, at its limit of memory)");
        }
        let refused = self.refused_processes();
        if let Some(refused) = &refused {
            text = format!("{text}; {refused}");
        }
        self.diary.facts.stuck_bytes = 0;
        self.diary.facts.last_end = Some(format!("{text}, after {}", span(lived)));
        let next = match self.stop {
            Some(_) => Next::End,
            None => self.supervision.ended(now - self.began, lived, end.outcome()),
        };
        let name = &self.plan.name;
        let told = format!("{name} {text}, after {}", span(lived));
        match next {
            Next::End => {
                if end.outcome() == Outcome::Failure || refused.is_some() {
                    self.say(&told);
                }
                self.state = State::Over(end.code());
            }
            Next::Again { after, failures } => {
                self.say(&format!("{told}; started again in {} (end {failures})", span(after)));
                self.diary.phase(Phase::Waiting);
                self.state = State::Waiting { until: now + after, code: end.code() };
            }
            Next::GiveUp { ends, within } => {
                self.say(&format!(
                    "{told}; that was end {ends} within {}, it is given up\n  hint: its \
                     last words: menshen run --last {name}",
                    span(within)
                ));
                return Err(RunError::LocalGivenUp(name.clone()));
            }
        }
        Ok(())
    }

    /// Starts the program anew; a start that fails is one more end.
    pub(super) fn start_again(&mut self, now: Instant, code: u8) -> Result<(), RunError> {
        self.diary.facts.restarts += 1;
        let Err(error) = self.start() else { return Ok(()) };
        let name = &self.plan.name;
        let told = format!("{name} could not be started: {error}");
        match self.supervision.ended(now - self.began, Duration::ZERO, Outcome::Failure) {
            Next::Again { after, .. } => {
                self.say(&format!("{told}; tried again in {}", span(after)));
                self.state = State::Waiting { until: now + after.max(KILL_AGAIN), code };
                Ok(())
            }
            Next::End | Next::GiveUp { .. } => {
                self.say(&format!("{told}; it is given up"));
                Err(RunError::LocalGivenUp(name.clone()))
            }
        }
    }

    fn refused_processes(&self) -> Option<String> {
        let refused = self.limits.as_ref()?.refused_processes();
        let limit = self.plan.processes_max?;
        let times = if refused == 1 { "once".to_owned() } else { format!("{refused} times") };
        (refused > 0).then(|| format!("{times} at its limit of {limit} processes"))
    }
}

/// `2 processes (sleep, cat)`.
fn names(orphans: &[Orphan]) -> String {
    let shown = orphans
        .iter()
        .take(NAMES_MAX)
        .map(|orphan| format!("{} {}", words::quoted(&orphan.name).trim_matches('\''), orphan.pid));
    let mut names = shown.collect::<Vec<_>>().join(", ");
    if orphans.len() > NAMES_MAX {
        names.push_str(", …");
    }
    let plural = if orphans.len() == 1 { "process" } else { "processes" };
    format!("{} {plural} ({names})", orphans.len())
}

/// What was left behind is asked to end for so long, then killed.
const LEFT_PATIENCE: Duration = Duration::from_secs(2);
/// What does not die by SIGKILL (state D) is waited for so long.
const UNKILLABLE: Duration = Duration::from_secs(5);
/// A program that lived shorter and said nothing is held at its exit the next time.
const SHORT: Duration = Duration::from_secs(1);
const NAMES_MAX: usize = 5;
