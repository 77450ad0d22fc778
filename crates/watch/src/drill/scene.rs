//! What happens in a drill, and everything that was seen of it.
//!
//! 1. Hogs are started, small: `important` and `expendable`; for hold (v1) `dear` and `spare` in a
//!    group with a limit of its own, for the brake (v2) `braked` in one of its own.
//! 2. The watch is started among them.
//! 3. v1: at the limit of the held group `dear` wants more; the watch is to end `spare`.
//! 4. `important` takes more than half of what is left in the crowd's group, `expendable` the rest,
//!    slowly, until the kernel kills. Meanwhile the forecast is asked, and the posture read as a
//!    worker would.
//! 5. The watch is killed where it stands; its file is read. The next watch gives back what that
//!    one held.
//!
//! Judging is done elsewhere: [`super::proofs`].

use std::io;
use std::time::{Duration, Instant};

use menshen_config::Protect;
use menshen_guard_core::forecast::{Census, Domain, Standing};
use menshen_guard_core::ladder::Step;
use menshen_guard_core::memory::GUARD_SCORE;
use menshen_process::candidates::census;
use menshen_sys::cgroup::{Group, Version};
use menshen_sys::posture::Word;
use menshen_sys::proc;

use super::ground::Ground;
use super::hog::Hog;
use super::watcher::{Wanted, Watcher, rule};
use super::{DrillError, Options, Patience, Told};

/// The stage with everybody on it.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    ground: &'a Ground,
    patience: &'a Patience,
    memory_bytes: u64,
    important: Hog,
    expendable: Hog,
    extra: Extra,
    watcher: Watcher,
    /// Whether a score below 0 could be given.
    pub(super) lowered: io::Result<()>,
    /// The group that the kernel kills in: within the drill's, without the watch. The watch asks
    /// for memory as soon as it hears of a kill, which may be before the victim's is given back;
    /// at its own limit that would be a second kill.
    crowd: Group,
    seen: Seen,
}

/// What the version of the control groups has of its own.
#[derive(Debug)]
enum Extra {
    Hold { group: Group, dear: Hog, spare: Hog },
    Brake { group: Group, braked: Hog },
}

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Scores below 0 are permitted.
    pub(super) absolute: bool,
    pub(super) important: Actor,
    pub(super) expendable: Actor,
    /// The first victim as last forecast before the kill, and how long before.
    pub(super) named: Option<(u32, Duration)>,
    /// Forecasts made, and those that named who was killed.
    pub(super) forecasts: (u32, u32),
    /// The kernel's count of kills in the drill's group; `None`: it does not count.
    pub(super) kills: Option<u64>,
    /// How long before the kill workers were told to refuse uploads.
    pub(super) refused_before: Option<Duration>,
    /// The recorder's file as the killed watch left it.
    pub(super) recording: Vec<u8>,
    pub(super) log: String,
    pub(super) brake: Option<BrakeSeen>,
    pub(super) hold: Option<HoldSeen>,
    /// What stopped the watch from doing its part.
    pub(super) watch_fault: Option<String>,
}

/// A process of the drill.
#[derive(Debug, Default)]
pub(super) struct Actor {
    pub(super) pid: u32,
    pub(super) score: i32,
    /// Resident shortly before the kill, bytes.
    pub(super) bytes: u64,
    /// The signal that ended it; `None`: it lived.
    pub(super) ended_by: Option<i32>,
}

/// Mebibytes.
#[derive(Debug, Default)]
pub(super) struct BrakeSeen {
    pub(super) asked: u32,
    pub(super) had_braked: u32,
    pub(super) braked_for: Duration,
    /// How long until it had the rest, once let go.
    pub(super) released_after: Option<Duration>,
}

/// Of the group that was held at its limit.
#[derive(Debug, Default)]
pub(super) struct HoldSeen {
    pub(super) spare: u32,
    pub(super) spare_ended: bool,
    pub(super) dear_lives: bool,
    pub(super) dear_had_all: bool,
    pub(super) kernel_kills: u64,
    /// Whether the next watch gave the group back to the kernel.
    pub(super) given_back: bool,
}

impl<'a> Scene<'a> {
    /// Starts everybody.
    pub(super) fn set(
        options: &Options,
        patience: &'a Patience,
        ground: &'a Ground,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Self, DrillError> {
        tell(Told::Progress("starting processes of its own, and a watch among them"));
        let failed = |action| move |source| DrillError::Local { action, source };
        let group = |name| ground.below(name).map_err(failed("make a control group"));
        let crowd = group("crowd")?;
        let limit = options.memory_bytes / 16 * CROWD_SIXTEENTHS;
        crowd.set_memory_limit(Some(limit)).map_err(failed("limit a control group"))?;
        crowd.delegate_memory().map_err(failed("make a control group"))?;
        let inside = |name: &[u8]| {
            let group = crowd.child(name).and_then(|group| group.create().map(|()| group));
            group.map_err(failed("make a control group"))
        };
        let work = inside(b"work")?;
        let hog = |name: &str, group: &Group| {
            Hog::start(name, &ground.name, |pid| group.add(pid))
                .map_err(failed("start a process in the group"))
        };
        let (important, expendable) = (hog("important", &work)?, hog("expendable", &work)?);
        let extra = match ground.top.version() {
            Version::V1 => {
                let group = group("held")?;
                let limit = options.memory_bytes / HELD_SHARE;
                group.set_memory_limit(Some(limit)).map_err(failed("limit a control group"))?;
                let (dear, spare) = (hog("dear", &group)?, hog("spare", &group)?);
                Extra::Hold { group, dear, spare }
            }
            Version::V2 => {
                let group = inside(b"braked")?;
                let braked = hog("braked", &group)?;
                Extra::Brake { group, braked }
            }
        };
        let lowered = proc::set_oom_score_adj(important.pid, GUARD_SCORE);
        let absolute = lowered.is_ok();
        if absolute {
            // The watch is to do it.
            proc::set_oom_score_adj(important.pid, 0).map_err(failed("set a score"))?;
        }
        let (brake, hold) = match &extra {
            Extra::Hold { group, .. } => (None, Some(group)),
            Extra::Brake { group, .. } => (Some(group), None),
        };
        let wanted = Wanted {
            recorder: ground.folder.join("recorder"),
            protect: rules(&ground.name, absolute),
            brake,
            hold,
        };
        let watch_group = group("watch")?;
        let log = ground.folder.join("log");
        let watcher = Watcher::start(wanted.guard(), &watch_group, &log)
            .map_err(failed("start the watch"))?;
        Ok(Self {
            ground,
            patience,
            memory_bytes: options.memory_bytes,
            important,
            expendable,
            extra,
            watcher,
            lowered,
            crowd,
            seen: Seen { absolute, ..Seen::default() },
        })
    }

    /// Lets everything happen.
    pub(super) fn play(&mut self, tell: &mut dyn FnMut(Told<'_>)) -> Result<(), DrillError> {
        if !self.wait_for_watch()? {
            self.seen.watch_fault = Some("it did not begin to record within 15 s".to_owned());
        }
        if matches!(self.extra, Extra::Hold { .. }) {
            tell(Told::Progress("holding a group at its limit, so that we choose who ends"));
            self.hold()?;
        }
        tell(Told::Progress("taking memory slowly, until the kernel kills"));
        self.grow()?;
        tell(Told::Progress("killing the watch, and reading what it left"));
        self.keep_words()?;
        self.give_back()
    }

    /// Ends everybody; gives what was seen.
    pub(super) fn end(mut self) -> Seen {
        self.important.end();
        self.expendable.end();
        self.watcher.end();
        let log = std::fs::read(self.ground.folder.join("log")).unwrap_or_default();
        self.seen.log = String::from_utf8_lossy(&log).into_owned();
        self.seen
    }

    /// Until it records, and has looked for those it protects.
    fn wait_for_watch(&mut self) -> Result<bool, DrillError> {
        let (watcher, started) = (&mut self.watcher, Duration::from_secs(15));
        self.patience.wait("the watch", started, || {
            let looked =
                watcher.posture.get(Word::Protected) + watcher.posture.get(Word::Unprotected) > 0;
            let records = watcher.status().is_some_and(|status| status.flushed_sequence > 0);
            (looked && records) || !watcher.is_alive()
        })?;
        // The table that it begins with lists everybody.
        let tables = Duration::from_millis(500);
        self.patience.wait("the watch", tables, || false)?;
        self.seen.important.score = proc::oom_score_adj(self.important.pid).unwrap_or(0);
        self.seen.expendable.score = proc::oom_score_adj(self.expendable.pid).unwrap_or(0);
        Ok(self.watcher.is_alive())
    }

    fn hold(&mut self) -> Result<(), DrillError> {
        let Extra::Hold { group, dear, spare } = &mut self.extra else { return Ok(()) };
        let limit = mebibytes(self.memory_bytes / HELD_SHARE);
        // Each of them has some mebibytes by itself, which are of the program and not asked for.
        dear.ask(limit / 8);
        spare.ask(limit * 3 / 8);
        self.patience.wait("the held group", SHORT, || dear.is_full() && spare.is_full())?;
        // More than there is, until the other one is gone; then there is enough.
        dear.ask(limit + 1 - limit / 8 - limit * 3 / 8);
        self.patience.wait("the choice", SHORT, || !spare.is_alive() && dear.is_full())?;
        let kernel_kills =
            group.keyed("memory.oom_control").ok().and_then(|keys| keys.get("oom_kill"));
        self.seen.hold = Some(HoldSeen {
            spare: spare.pid,
            spare_ended: !spare.is_alive(),
            dear_lives: dear.is_alive(),
            dear_had_all: dear.is_full(),
            kernel_kills: kernel_kills.unwrap_or(0),
            given_back: false,
        });
        // Its memory is wanted for what comes next.
        dear.end();
        spare.end();
        Ok(())
    }

    fn grow(&mut self) -> Result<(), DrillError> {
        if let Extra::Brake { braked, .. } = &mut self.extra {
            braked.ask(BRAKED_BASE);
            self.patience.wait("a small process", SHORT, || braked.is_full())?;
        }
        let used = self.crowd.memory_usage().unwrap_or(0);
        let limit = self.memory_bytes / 16 * CROWD_SIXTEENTHS;
        let left = mebibytes(limit.saturating_sub(used));
        let important = &mut self.important;
        important.ask(left * IMPORTANT_PERCENT / 100);
        self.patience.wait("the important process", SHORT, || important.is_full())?;
        self.seen.important.pid = self.important.pid;
        self.seen.expendable.pid = self.expendable.pid;
        let piece = mebibytes(self.memory_bytes / PIECES).max(1);
        let mut next_piece = Instant::now();
        let mut next_forecast = Instant::now();
        let mut named: Vec<(u32, Instant)> = Vec::new();
        let mut refused = None;
        let mut braked_at = None;
        while self.expendable.is_alive() && self.important.is_alive() {
            self.patience.check("the kernel's kill")?;
            let now = Instant::now();
            if now >= next_piece && self.expendable.is_full() {
                self.expendable.ask(piece);
                next_piece = now + PIECE_PAUSE;
            }
            if now >= next_forecast {
                named.extend(self.first_victim().map(|pid| (pid, now)));
                next_forecast = now + FORECAST_PAUSE;
            }
            let bytes = self.expendable.resident();
            self.seen.expendable.bytes = self.seen.expendable.bytes.max(bytes);
            let bytes = self.important.resident();
            self.seen.important.bytes = self.seen.important.bytes.max(bytes);
            if self.watcher.posture.refuses_uploads().is_some() {
                refused.get_or_insert(now);
            }
            self.try_brake(&mut braked_at, now);
            std::thread::sleep(super::LOOK / 2);
        }
        let killed_at = Instant::now();
        let before = |at: Instant| killed_at.saturating_duration_since(at);
        self.seen.refused_before = refused.map(before);
        self.seen.named = named.last().map(|(pid, at)| (*pid, before(*at)));
        self.seen.expendable.ended_by = self.expendable.ended_by();
        let right = named.iter().filter(|(pid, _)| *pid == self.expendable.pid).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.seen.forecasts = (count(named.len()), count(right));
        if let (Extra::Brake { braked, .. }, Some(at)) = (&mut self.extra, braked_at) {
            self.seen.brake = Some(BrakeSeen {
                asked: BRAKED_MORE,
                had_braked: braked.look() - BRAKED_BASE,
                braked_for: before(at),
                released_after: None,
            });
        }
        Ok(())
    }

    /// Once the brake is pulled, the one in that group wants more.
    fn try_brake(&mut self, braked_at: &mut Option<Instant>, now: Instant) {
        let Extra::Brake { group, braked } = &mut self.extra else { return };
        let pulled = self.watcher.posture.step(Step::Brake.number()).taken > 0;
        if braked_at.is_none() && pulled && group.memory_high().ok().flatten().is_some() {
            *braked_at = Some(now);
            braked.ask(BRAKED_MORE);
        }
    }

    fn first_victim(&self) -> Option<u32> {
        let census = census().ok()?;
        // A census that began before the kill and ended behind it foresees the one after it.
        let lives = |hog: &Hog| {
            let mut all = census.candidates.iter();
            all.any(|one| one.pid == hog.pid && one.standing == Standing::Ordinary)
        };
        let before = lives(&self.important) && lives(&self.expendable);
        if before { first_victim(&census, self.crowd.path()) } else { None }
    }

    /// Waits until the watch has compared its count with the kernel's, kills it, reads its file.
    fn keep_words(&mut self) -> Result<(), DrillError> {
        let watcher = &mut self.watcher;
        self.patience.wait("the kernel's words", SHORT, || {
            let counted = |status: menshen_guard_core::recorder::Status| {
                status.kill_lines > 0 && status.oom_kills.is_none_or(|kills| kills > 0)
            };
            !watcher.is_alive() || watcher.status().is_some_and(counted)
        })?;
        if !self.watcher.is_alive() {
            self.seen.watch_fault = Some("it ended before it was asked to".to_owned());
        }
        self.watcher.kill();
        // Not at the first kill: another may have followed.
        self.seen.important.ended_by = self.important.ended_by();
        self.seen.kills = self.ground.kills();
        self.seen.recording = std::fs::read(self.ground.folder.join("recorder"))
            .map_err(|source| DrillError::Local { action: "read the recorder", source })?;
        Ok(())
    }

    /// The next watch, with nothing to brake or to hold, takes back what the killed one did.
    fn give_back(&mut self) -> Result<(), DrillError> {
        let failed = |source| DrillError::Local { action: "start another watch", source };
        let wanted = Wanted {
            recorder: self.ground.folder.join("recorder"),
            protect: Vec::new(),
            brake: None,
            hold: None,
        };
        let group = self.ground.below("watch").map_err(failed)?;
        let log = self.ground.folder.join("log");
        self.watcher = Watcher::start(wanted.guard(), &group, &log).map_err(failed)?;
        let began = Instant::now();
        match &mut self.extra {
            Extra::Hold { group, .. } => {
                let given_back = self.patience.wait("the held group", SHORT, || {
                    group.kill_disabled().is_ok_and(|disabled| !disabled)
                })?;
                if let Some(hold) = &mut self.seen.hold {
                    hold.given_back = given_back;
                }
            }
            Extra::Brake { group, braked } => {
                let free = self.patience.wait("the braked group", SHORT, || {
                    group.memory_high().is_ok_and(|high| high.is_none()) && braked.is_full()
                })?;
                if let Some(brake) = self.seen.brake.as_mut().filter(|_| free) {
                    brake.released_after = Some(began.elapsed());
                }
            }
        }
        Ok(())
    }
}

/// Who is to be protected how.
fn rules(tag: &str, absolute: bool) -> Vec<Protect> {
    // In the held group nobody needs a right: the watch chooses.
    let mut rules = vec![rule("important", tag, GUARD_SCORE), rule("dear", tag, 0)];
    if !absolute {
        rules.push(rule("expendable", tag, EXPENDABLE_SCORE));
    }
    rules
}

/// Whom the forecast names for the limit of the group at `path`.
fn first_victim(census: &Census, path: &[u8]) -> Option<u32> {
    let place = census.groups.iter().position(|group| group.path == path)?;
    let ranking = census.rank(Domain::Group(place));
    let first = ranking.victims.first()?;
    census.candidates.get(first.candidate).map(|candidate| candidate.pid)
}

fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}

/// The part of the drill's memory that the crowd may have; the rest is the watch's.
const CROWD_SIXTEENTHS: u64 = 11;
/// The held group's part of the drill's memory.
const HELD_SHARE: u64 = 5;
/// The important one is larger than the expendable can get: only protection makes the difference.
const IMPORTANT_PERCENT: u32 = 58;
const EXPENDABLE_SCORE: i32 = 600;
/// The expendable one takes the drill's memory in so many pieces.
const PIECES: u64 = 64;
const PIECE_PAUSE: Duration = Duration::from_millis(400);
const FORECAST_PAUSE: Duration = Duration::from_millis(150);
/// Mebibytes of the one whose group is braked: before, and what it wants then.
const BRAKED_BASE: u32 = 3;
const BRAKED_MORE: u32 = 4;
const SHORT: Duration = Duration::from_secs(8);
