//! Forecasts kept beside what the kernel then does.

use menshen_guard_core::recorder::{Body, Forecast, Outcome, Victim};

/// Who would be killed, of the machine and of each limited group.
#[derive(Debug, Default)]
pub(crate) struct Forecasts {
    machine: Vec<Named>,
    groups: Vec<(Vec<u8>, Vec<Named>)>,
    /// Killed since.
    killed: Vec<u32>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Named {
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
    pub(crate) points: i64,
    pub(crate) name: Vec<u8>,
}

impl Forecasts {
    /// For the machine, and for groups, nearest to their limit first.
    pub(crate) const fn new(machine: Vec<Named>, groups: Vec<(Vec<u8>, Vec<Named>)>) -> Self {
        Self { machine, groups, killed: Vec::new() }
    }

    /// Goes on from an earlier table: who was killed while this one was taken may still be in it.
    pub(crate) fn go_on_from(&mut self, before: &Self) {
        let lists = || std::iter::once(&self.machine).chain(self.groups.iter().map(|(_, one)| one));
        let named = |pid: &&u32| lists().flatten().any(|one| one.pid == **pid);
        self.killed = before.killed.iter().filter(named).copied().collect();
    }

    /// Says those of table `snapshot` that are worth it: the machine's, and that of `group`, or
    /// of the groups nearest to their limit.
    pub(crate) fn say(&self, snapshot: u64, group: &[u8], say: &mut dyn FnMut(&Body<'_>)) {
        say(&body(snapshot, b"", &self.machine));
        let asked = self.groups.iter().filter(|(path, _)| path == group);
        let nearest = self.groups.iter().take(if group.is_empty() { NEAREST } else { 0 });
        for (path, named) in asked.chain(nearest).filter(|(_, named)| !named.is_empty()) {
            say(&body(snapshot, path, named));
        }
    }

    /// Notes that the kernel killed `pid`, for a group's limit or for the machine, and says whether
    /// that was foreseen. `snapshot` is the table's number; 0: it is not recorded, so what was
    /// foreseen is said with it.
    pub(crate) fn killed(
        &mut self,
        snapshot: u64,
        pid: u32,
        of_group: bool,
        say: &mut dyn FnMut(&Body<'_>),
    ) {
        // With memory.oom.group the kernel names one process twice.
        if self.killed.contains(&pid) {
            return;
        }
        let of = |named: &&(Vec<u8>, Vec<Named>)| named.1.iter().any(|one| one.pid == pid);
        // A process can be in several limited groups, one in another: the one that is nearest to
        // its limit is the one that was hit.
        let group = if of_group { self.groups.iter().find(of) } else { None };
        let empty = Vec::new();
        let (path, list) = match (of_group, group) {
            (false, _) => (&b""[..], &self.machine),
            (true, Some((path, list))) => (path.as_slice(), list),
            (true, None) => (&b""[..], &empty),
        };
        if snapshot == 0 && !list.is_empty() {
            say(&body(0, path, list));
        }
        let mut alive = list.iter().filter(|one| !self.killed.contains(&one.pid));
        let place = alive.position(|one| one.pid == pid).map_or(0, |place| place + 1);
        let place = u32::try_from(place).unwrap_or(0);
        let name = list.iter().find(|one| one.pid == pid);
        let name = name.map_or(&b""[..], |one| one.name.as_slice());
        say(&Body::Outcome(Outcome { snapshot, pid, place, name }));
        if self.killed.len() < KILLED_MAX {
            self.killed.push(pid);
        }
    }
}

fn body<'a>(snapshot: u64, group: &'a [u8], named: &'a [Named]) -> Body<'a> {
    let victims = named.iter().take(SAID).map(|one| Victim {
        pid: one.pid,
        start_ticks: one.start_ticks,
        points: one.points,
        name: &one.name,
    });
    Body::Forecast(Forecast { snapshot, group, victims: victims.collect() })
}

/// Victims of one forecast that are recorded.
const SAID: usize = 8;
/// Groups nearest to their limit whose forecasts are recorded with every table.
const NEAREST: usize = 4;
const KILLED_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    //! Kills in order, out of order, and of somebody new.
    use super::*;

    fn named(pids: &[u32]) -> Vec<Named> {
        pids.iter().map(|pid| Named { pid: *pid, ..Named::default() }).collect()
    }

    fn places(kills: &[(u32, bool)]) -> Vec<u32> {
        let groups = vec![(b"/a".to_vec(), named(&[7, 8])), (b"/".to_vec(), named(&[7, 3, 8]))];
        let mut forecasts = Forecasts::new(named(&[3, 4, 5]), groups);
        let mut places = Vec::new();
        for (pid, of_group) in kills {
            forecasts.killed(1, *pid, *of_group, &mut |body| {
                if let Body::Outcome(outcome) = body {
                    places.push(outcome.place);
                }
            });
        }
        places
    }

    #[test]
    fn the_next_of_those_alive_is_the_right_one() {
        assert_eq!(places(&[(3, false), (4, false), (5, false)]), [1, 1, 1]);
        assert_eq!(places(&[(5, false), (3, false)]), [3, 1]);
        assert_eq!(places(&[(8, true), (7, true)]), [2, 1], "of the nearest group");
        assert_eq!(places(&[(98, false), (99, true), (7, false)]), [0, 0, 0]);
        assert_eq!(places(&[(3, false), (3, false), (4, false)]), [1, 1], "one line said twice");
    }

    #[test]
    fn what_was_foreseen_is_said_before_its_outcome() {
        let mut forecasts = Forecasts::new(named(&[3]), Vec::new());
        let mut said = Vec::new();
        forecasts.killed(0, 3, false, &mut |body| said.push(body.kind()));
        let kinds = [Body::Forecast(Forecast::default()), Body::Outcome(Outcome::default())];
        assert_eq!(said, kinds.map(|body| body.kind()));
    }
}
