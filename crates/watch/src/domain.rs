//! How much memory programs can still get: of the machine, or of a control group around this
//! process, whichever has the smaller share left.
//!
//! Of a group that is its limit less what it uses and could not give back: files it only keeps in
//! memory do not count (`memory.stat`: v1 `total_*_file`, v2 `*_file`), shared memory does. The
//! kernel tells pressure of a group in v2 only; the machine's holds for everybody, so it counts
//! only when memory is scarce here too: a stranger that stalls at its own limit is no shortage.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use menshen_guard_core::ladder::Reading;
use menshen_guard_core::recorder::Pressure;
use menshen_sys::cgroup::{Group, Tree, Version};
use menshen_sys::psi;

/// Where limits around this process are looked for.
#[derive(Debug)]
pub(crate) struct Domains {
    /// This process's group and those above it, with their limits.
    groups: Vec<Group>,
    machine: Share,
    /// Pressure files of those groups, v2 only.
    own: Vec<(PathBuf, Share)>,
    began: Instant,
}

/// A reading with whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tightest {
    /// What the ladder is told.
    pub(crate) reading: Reading,
    /// Whether it is a group's.
    pub(crate) of_group: bool,
}

/// Share of the last two seconds that tasks waited.
#[derive(Debug, Default)]
struct Share {
    seen: Vec<(Instant, u64)>,
}

impl Domains {
    /// Finds the groups around this process.
    pub(crate) fn find() -> Self {
        let mut groups = Vec::new();
        let mut own = Vec::new();
        if let Ok(Some(tree)) = Tree::memory()
            && let Ok(Some(group)) = tree.group_of(std::process::id())
        {
            let mut path = group.path().to_vec();
            loop {
                groups.extend(tree.group(&path));
                match path.iter().rposition(|byte| *byte == b'/') {
                    Some(at) if at > 0 => path.truncate(at),
                    _ => break,
                }
            }
        }
        for group in groups.iter().filter(|group| group.version() == Version::V2) {
            let path = group.folder().join("memory.pressure");
            // The one at the mount point of a machine is the machine itself.
            if group.path() != b"/" && path.exists() {
                own.push((path, Share::default()));
            }
        }
        Self { groups, machine: Share::default(), own, began: Instant::now() }
    }

    /// The tightest of the machine and all groups around this process.
    pub(crate) fn read(&mut self, machine: &Pressure, now: Instant) -> Tightest {
        let mut best = (machine.available_kib * 1024, machine.total_kib * 1024);
        let mut of_group = false;
        for left in self.groups.iter().filter_map(left) {
            if smaller(left, best) {
                (best, of_group) = (left, true);
            }
        }
        let scarce = smaller(best, (SCARCE_PERCENT, 100));
        let whole = machine.some_total_micros.map(|total| self.machine.take(now, total));
        let own = self.own.iter_mut().filter_map(|(path, share)| {
            let total = psi::read(path).ok().flatten()?.some.total_micros;
            Some(share.take(now, total))
        });
        let own = own.max();
        let machine = whole.map(|share| if scarce { share } else { 0 });
        let reading = Reading {
            now: now.saturating_duration_since(self.began),
            available_bytes: best.0,
            total_bytes: best.1,
            pressure: own.max(machine),
        };
        Tightest { reading, of_group }
    }
}

impl Share {
    /// Adds a reading of the kernel's sum; gives the share of the last two seconds, per mille.
    fn take(&mut self, now: Instant, total_micros: u64) -> u16 {
        self.seen.push((now, total_micros));
        // The newest one that is old enough stays: shares are of two seconds, not of the last look.
        let old = |at: Instant| now.saturating_duration_since(at) >= WINDOW;
        while self.seen.get(1).is_some_and(|(at, _)| old(*at)) || self.seen.len() > SEEN_MAX {
            self.seen.remove(0);
        }
        let Some((first_at, first)) = self.seen.first().copied() else { return 0 };
        let elapsed = now.saturating_duration_since(first_at).as_micros();
        let waited = u128::from(total_micros.saturating_sub(first));
        let share = (waited * 1000).checked_div(elapsed.max(WINDOW.as_micros() / 2));
        u16::try_from(share.unwrap_or(0)).unwrap_or(1000).min(1000)
    }
}

/// What a group with a limit has left, and the limit; bytes.
fn left(group: &Group) -> Option<(u64, u64)> {
    let limit = group.memory_limit().ok()??;
    let used = group.memory_usage().ok()?;
    let stat = group.keyed("memory.stat").ok()?;
    let keys = match group.version() {
        Version::V1 => ["total_inactive_file", "total_active_file", ""],
        Version::V2 => ["inactive_file", "active_file", "slab_reclaimable"],
    };
    let kept: u64 = keys.iter().filter_map(|key| stat.get(key)).sum();
    Some((limit.saturating_sub(used.saturating_sub(kept)), limit))
}

/// Whether the share `one.0 / one.1` is smaller.
fn smaller(one: (u64, u64), other: (u64, u64)) -> bool {
    u128::from(one.0) * u128::from(other.1) < u128::from(other.0) * u128::from(one.1)
}

const WINDOW: Duration = Duration::from_secs(2);
const SEEN_MAX: usize = 64;
/// Below this share of memory the machine's pressure is a pressure here.
const SCARCE_PERCENT: u64 = 50;

#[cfg(test)]
mod tests {
    //! Shares and comparisons.
    use super::*;

    #[test]
    fn shares_are_of_two_seconds() {
        let mut share = Share::default();
        let at = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(share.take(at, 5_000_000), 0, "what was before is nobody's");
        assert_eq!(share.take(at + ms(500), 5_500_000), 500, "a short look is no whole window");
        assert_eq!(share.take(at + ms(2000), 6_000_000), 500);
        assert_eq!(share.take(at + ms(4000), 6_000_000), 0);
        assert_eq!(share.take(at + ms(6000), 9_000_000), 1000, "more than all is all");
        for step in 0..500 {
            share.take(at + ms(6000 + step), 9_000_000);
        }
        assert!(share.seen.len() <= SEEN_MAX + 1);
    }

    #[test]
    fn the_smaller_share_counts_whatever_the_size() {
        assert!(smaller((10, 100), (2000, 10_000)));
        assert!(!smaller((30, 100), (2000, 10_000)));
        assert!(!smaller((1, 0), (1, 2)), "no limit is never tighter");
    }

    #[test]
    fn this_machine_is_read() {
        let mut domains = Domains::find();
        let machine =
            Pressure { available_kib: 1 << 50, total_kib: 1 << 50, ..Pressure::default() };
        let tightest = domains.read(&machine, Instant::now());
        assert!(tightest.reading.total_bytes > 0);
        assert!(tightest.reading.available_bytes <= tightest.reading.total_bytes);
    }
}
