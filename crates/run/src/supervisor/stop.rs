//! Signals: passed on to the program, and the end that some of them ask for.

use super::{Instant, Phase, Signal, State, Supervisor, kill_process, kill_process_group, span};
use crate::orphans;
use crate::words;

/// The program was asked to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    signal: Signal,
    /// When it is killed; `None`: it was.
    deadline: Option<Instant>,
}

impl Stop {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn is_killing(&self) -> bool {
        self.deadline.is_none()
    }
}

impl Supervisor<'_> {
    /// Acts on a signal we got.
    pub(super) fn signalled(&mut self, signal: Signal) {
        match signal {
            // The second Ctrl-C means it.
            Signal::INT if self.stop.is_some() => self.kill(),
            Signal::TERM | Signal::INT | Signal::QUIT => self.ask_to_end(signal),
            Signal::HUP => {
                if let Some(said) = self.output.reopen_log() {
                    self.say(&said);
                }
                if self.terminal.was_lost() {
                    self.ask_to_end(Signal::HUP);
                } else {
                    self.pass_on(Signal::HUP);
                }
            }
            Signal::USR1 | Signal::USR2 => self.pass_on(signal),
            Signal::WINCH => {
                let size = self.terminal.size(&self.plan.name, self.plan.stamps);
                if let Some(program) = &self.program {
                    program.resize(size);
                    let _ = kill_process_group(program.pid, Signal::WINCH);
                }
            }
            Signal::TSTP => {
                let name = &self.plan.name;
                self.say(&format!("{name} goes on: a supervised program is not stopped by Ctrl-Z"));
            }
            _ => {}
        }
    }

    /// Asks the program's whole group to end, and gives it time to.
    pub(super) fn ask_to_end(&mut self, signal: Signal) {
        if self.stop.is_none() {
            let deadline = Some(Instant::now() + self.plan.patience);
            self.stop = Some(Stop { signal, deadline });
            self.diary.phase(Phase::Stopping);
        }
        if let State::Running = self.state
            && let Some(program) = &self.program
        {
            if let Some(looker) = &mut self.looker {
                looker.look_before_the_end(program.output_bytes);
            }
            let _ = kill_process_group(program.pid, signal);
            // A stopped program hears it only then.
            let _ = kill_process_group(program.pid, Signal::CONT);
        }
    }

    /// Kills a program that did not end in its time.
    pub(super) fn stop_due(&mut self, now: Instant) {
        let Some(stop) = self.stop else { return };
        if stop.deadline.is_some_and(|deadline| now >= deadline) {
            let name = &self.plan.name;
            let (signal, patience) =
                (words::signal(stop.signal.as_raw()), span(self.plan.patience));
            self.say(&format!("{name} did not end within {patience} of {signal}: killed"));
            self.kill();
        }
    }

    /// Kills the program and all below it.
    fn kill(&mut self) {
        if let Some(stop) = &mut self.stop {
            stop.deadline = None;
        }
        if let State::Clearing { until, killing, .. } = &mut self.state {
            (*until, *killing) = (Instant::now(), true);
        }
        if let Some(program) = &self.program {
            if let (Some(looker), State::Running) = (&mut self.looker, &self.state) {
                looker.look_before_the_end(program.output_bytes);
            }
            orphans::signal(&orphans::below_us(), Signal::KILL);
        }
    }

    /// Passes a signal on to the program alone.
    fn pass_on(&self, signal: Signal) {
        if let (Some(program), State::Running) = (&self.program, &self.state) {
            let _ = kill_process(program.pid, signal);
        }
    }
}
