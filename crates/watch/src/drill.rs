//! `menshen drill oom`: shows on this very machine, in a small control group of its own, that
//! protection, forecast, recorder and ladder do what they promise when memory runs out.
//!
//! The kernel kills for real, but only in that group: everything that runs there is menshen itself
//! in the role of [`hog`]. Nothing else is touched. It is bounded in memory (the group's limit), in
//! time ([`SECONDS_MAX`]), and removed at the end, also after an error or an interrupt; what a
//! drill that was killed left behind, the next one removes.
//!
//! How it fails: what this host does not permit is no error but a line of the report, with what
//! would give the right. Errors are those of the drill itself: no folder, no process, interrupted.

use std::io;
use std::time::{Duration, Instant};

use menshen_guard_core::ladder::Bytes;

mod ground;
mod hog;
mod proofs;
mod report;
mod rights;
mod scene;
mod watcher;

pub use hog::hog;
pub use report::{Line, Report, Verdict};

use ground::{Ground, Place};
use scene::Scene;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Limit of the drill's control group, bytes, within [`MEMORY_BYTES`].
    pub memory_bytes: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// SIGINT, SIGTERM or SIGHUP came; everything was removed.
    #[error("the drill was interrupted; everything it made is removed")]
    LocalInterrupted,
    /// It took longer than [`SECONDS_MAX`]; everything was removed.
    #[error("the drill took longer than {SECONDS_MAX} s while it waited for {waiting}")]
    LocalLate {
        /// For what it waited.
        waiting: &'static str,
    },
    /// A step of the drill itself failed; everything was removed.
    #[error("could not {action}")]
    Local {
        /// What.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What the caller is told on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told<'a> {
    /// What will be done, before anything is.
    Plan(&'a str),
    /// What is being done.
    Progress(&'a str),
}

/// Runs the whole drill.
///
/// # Errors
/// See [`DrillError`].
pub fn run(options: &Options, tell: &mut dyn FnMut(Told<'_>)) -> Result<Report, DrillError> {
    let patience = Patience::begin()?;
    let place = Place::find();
    tell(Told::Plan(&plan(options, &place)));
    let mut report = Report::new(options.memory_bytes);
    let mut ground = match Ground::make(&place, options.memory_bytes) {
        Ok(ground) => ground,
        Err(refusal) => {
            rights::without_ground(&mut report, &refusal);
            return Ok(report);
        }
    };
    let played = play(options, &patience, &ground, &mut report, tell);
    tell(Told::Progress("removing what was made"));
    let removed = ground.remove();
    played?;
    report.lines.push(proofs::removed(&ground, &removed));
    Ok(report)
}

fn play(
    options: &Options,
    patience: &Patience,
    ground: &Ground,
    report: &mut Report,
    tell: &mut dyn FnMut(Told<'_>),
) -> Result<(), DrillError> {
    tell(Told::Progress("looking what this host permits"));
    rights::look(ground, report)?;
    let mut scene = Scene::set(options, patience, ground, tell)?;
    report.lines.insert(0, rights::scores(&scene.lowered));
    let played = scene.play(tell);
    let seen = scene.end();
    played?;
    report.lines.extend(proofs::all(&seen));
    Ok(())
}

fn plan(options: &Options, place: &Place) -> String {
    let group = place.describe();
    format!(
        "makes {group} with a limit of {}, starts a few small processes of its own and a watch in \
         it, lets the kernel kill one of them (its log will say so), and removes all of it again: \
         about 15 seconds. No other process, group or file is touched",
        Bytes(options.memory_bytes)
    )
}

/// Signals and the clock: every wait of the drill asks it.
#[derive(Debug)]
pub(crate) struct Patience {
    interrupted: std::sync::Arc<std::sync::atomic::AtomicBool>,
    until: Instant,
}

impl Patience {
    fn begin() -> Result<Self, DrillError> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let interrupted = std::sync::Arc::default();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, std::sync::Arc::clone(&interrupted))
                .map_err(|source| DrillError::Local { action: "listen to signals", source })?;
        }
        Ok(Self { interrupted, until: Instant::now() + Duration::from_secs(SECONDS_MAX) })
    }

    /// Whether to go on.
    pub(crate) fn check(&self, waiting: &'static str) -> Result<(), DrillError> {
        if self.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(DrillError::LocalInterrupted);
        }
        if Instant::now() >= self.until {
            return Err(DrillError::LocalLate { waiting });
        }
        Ok(())
    }

    /// Waits until `done`, at most `longest`; gives whether it was done.
    pub(crate) fn wait(
        &self,
        waiting: &'static str,
        longest: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Result<bool, DrillError> {
        let give_up = Instant::now() + longest;
        loop {
            if done() {
                return Ok(true);
            }
            self.check(waiting)?;
            if Instant::now() >= give_up {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What `--memory` may be, bytes: the watch needs some of it, and nobody needs more.
pub const MEMORY_BYTES: std::ops::RangeInclusive<u64> = 64 << 20..=1 << 30;

/// Longest time of a drill, seconds.
pub const SECONDS_MAX: u64 = 90;

const LOOK: Duration = Duration::from_millis(20);
