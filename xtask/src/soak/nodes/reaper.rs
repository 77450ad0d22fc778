//! What is done to doors and store, at random moments, while uploads are under way.

use std::thread;
use std::time::{Duration, Instant};

use super::arena::{Clients, DOORS, Doors, Said, Store};
use super::{Engine, Outcome, Plan};
use crate::bench::Lab;

/// A disaster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disaster {
    Door,
    Worker,
    Pause,
    StoreNode,
    Both,
    Outage,
    ForGood,
}

/// What was done, and how often.
pub(super) type Done = Vec<(Disaster, u32)>;

pub(super) const DISASTERS: [Disaster; 7] = [
    Disaster::Door,
    Disaster::Worker,
    Disaster::Pause,
    Disaster::StoreNode,
    Disaster::Both,
    Disaster::Outage,
    Disaster::ForGood,
];

impl Disaster {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Door => "doors killed",
            Self::Worker => "workers killed",
            Self::Pause => "doors stopped for a while",
            Self::StoreNode => "nodes of the store killed",
            Self::Both => "a door and a node of the store killed together",
            Self::Outage => "outages of the whole store",
            Self::ForGood => "doors killed for good",
        }
    }

    /// Whether a run without it shows too little.
    pub(super) fn is_due(self, plan: &Plan) -> bool {
        match self {
            Self::StoreNode | Self::Both => plan.engine == Engine::Garage && !plan.is_short,
            Self::Worker | Self::Pause => !plan.is_short,
            Self::Door | Self::Outage | Self::ForGood => true,
        }
    }
}

/// Everything from the start to the checker's word.
pub(super) fn torture(lab: &Lab, plan: &Plan) -> Result<Outcome, String> {
    let programs = super::build()?;
    let folder = lab.disk.join("nodes");
    // Of a run before.
    std::fs::remove_dir_all(&folder).ok();
    let store = Store::start(&programs.join("examples/s3_engine"), plan, &folder.join("store"))?;
    let doors = Doors::start(lab, &folder, &store)?;
    let begun = Instant::now();
    let clients = Clients::start(&programs.join("nodes_torture"), plan, &doors, &store)?;
    let random = Random(plan.seed);
    let done = DISASTERS.iter().map(|one| (*one, 0)).collect();
    let mut reaper = Reaper { plan, store, doors, clients, random, done };
    reaper.reap()?;
    let told = reaper.compare()?;
    let peaks_kib = reaper.doors.watch.peaks_kib();
    let seconds = begun.elapsed().as_secs();
    Ok(Outcome { told, disasters: reaper.done, peaks_kib, seconds })
}

struct Reaper<'p> {
    plan: &'p Plan,
    // Dropped in this order.
    clients: Clients,
    doors: Doors<'p>,
    store: Store,
    random: Random,
    done: Done,
}

impl Reaper<'_> {
    /// One disaster after the other until all uploads are through.
    fn reap(&mut self) -> Result<(), String> {
        loop {
            let gap = self.random.below(self.millis(GAP_MS, SHORT_GAP_MS));
            if let Said::Through = self.hear(gap)? {
                return Ok(());
            }
            let which = self.choose();
            self.count(which);
            println!("{} of {} uploads; {}", self.clients.done, self.plan.uploads, which.name());
            if self.strike(which)? {
                return Ok(());
            }
        }
    }

    /// Once the store is away, and near the end a door dies for good.
    fn choose(&mut self) -> Disaster {
        let (done, all) = (self.clients.done, self.plan.uploads);
        let turns: u32 = self.done.iter().map(|(_, count)| count).sum();
        if turns >= OUTAGE_TURN && self.times(Disaster::Outage) == 0 {
            return Disaster::Outage;
        }
        let is_near = done * 5 >= all * 4 || done + self.plan.clients >= all;
        if is_near && done > 0 && self.times(Disaster::ForGood) == 0 {
            return Disaster::ForGood;
        }
        let usual = [
            Disaster::Door,
            Disaster::Pause,
            Disaster::Worker,
            Disaster::Door,
            Disaster::StoreNode,
            Disaster::Both,
        ];
        let kinds = if self.plan.engine == Engine::Garage { usual.len() } else { usual.len() - 2 };
        usual[usize::try_from(self.random.below(kinds as u64)).unwrap_or(0)]
    }

    /// Does it; whether all uploads came through meanwhile.
    fn strike(&mut self, which: Disaster) -> Result<bool, String> {
        let living = if self.times(Disaster::ForGood) > 0 { DOORS - 1 } else { DOORS };
        let door = usize::try_from(self.random.below(living as u64)).unwrap_or(0);
        let node = 1 + self.random.below(3);
        let away = self.random.below(self.millis(AWAY_MS, SHORT_AWAY_MS));
        let mut is_through = false;
        match which {
            Disaster::Door => {
                self.doors.kill(door)?;
                is_through = self.wait(away)?;
                self.doors.revive(door)?;
            }
            Disaster::Worker => self.doors.kill_worker(door)?,
            Disaster::Pause => {
                self.doors.signal(door, "STOP")?;
                is_through = self.wait(4 * away)?;
                self.doors.signal(door, "CONT")?;
            }
            Disaster::StoreNode => {
                self.store.tell(&format!("kill {node}"))?;
                is_through = self.wait(away)?;
                self.store.tell(&format!("revive {node}"))?;
            }
            Disaster::Both => {
                self.doors.kill(door)?;
                self.store.tell(&format!("kill {node}"))?;
                is_through = self.wait(away)?;
                self.doors.revive(door)?;
                self.store.tell(&format!("revive {node}"))?;
            }
            Disaster::Outage => {
                self.store.tell("down")?;
                is_through = self.wait(self.plan.outage * 1000)?;
                self.store.tell("up")?;
            }
            // The faults are planted with the help of the others.
            Disaster::ForGood => self.doors.kill(DOORS - 1)?,
        }
        Ok(is_through)
    }

    /// Lets the checker work, and hears what it says.
    fn compare(&mut self) -> Result<serde_json::Value, String> {
        self.clients.go_on()?;
        match self.clients.hear(COMPARE_MAX)? {
            Said::Told(told) => Ok(told),
            other => Err(format!("the checker said {other:?}")),
        }
    }

    fn wait(&mut self, millis: u64) -> Result<bool, String> {
        let end = Instant::now() + Duration::from_millis(millis);
        let is_through = matches!(self.hear(millis)?, Said::Through);
        // A disaster takes its time also when nobody is left to see it.
        thread::sleep(end.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)));
        Ok(is_through)
    }

    fn hear(&mut self, millis: u64) -> Result<Said, String> {
        match self.clients.hear(Duration::from_millis(millis))? {
            Said::Told(told) => Err(format!("the checker ended early: {told}")),
            other => Ok(other),
        }
    }

    const fn millis(&self, long: u64, short: u64) -> u64 {
        if self.plan.is_short { short } else { long }
    }

    fn count(&mut self, which: Disaster) {
        for (_, count) in self.done.iter_mut().filter(|(own, _)| *own == which) {
            *count += 1;
        }
    }

    fn times(&self, which: Disaster) -> u32 {
        self.done.iter().find(|(own, _)| *own == which).map_or(0, |(_, count)| *count)
    }
}

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % end.max(1)
    }
}

/// From one disaster to the next at most.
const GAP_MS: u64 = 4000;
const SHORT_GAP_MS: u64 = 700;
/// How long something is away at most; a stopped door four times as long.
const AWAY_MS: u64 = 6000;
const SHORT_AWAY_MS: u64 = 800;
/// How many disasters come before the store is away.
const OUTAGE_TURN: u32 = 4;
/// How long everything is compared at most.
const COMPARE_MAX: Duration = Duration::from_secs(1200);
