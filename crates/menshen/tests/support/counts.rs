//! What a live menshen counts and holds, over all its workers.

use menshen_base::Counter;
use menshen_sys::SlotState;

use super::live::Live;

/// The sum of a counter over the workers that serve.
pub(crate) fn count(live: &Live, counter: Counter) -> u64 {
    live.workers(SlotState::Ready).iter().map(|slot| slot.get(counter)).sum()
}

/// Private memory of all workers in bytes: pages of their own that are not of a file.
///
/// `RssAnon` of `/proc/PID/status`, since everybody may read it; it is what `Private_Dirty` of
/// `smaps_rollup` counts for a process without shared anonymous memory.
pub(crate) fn private_bytes(live: &Live) -> u64 {
    let pids = live.workers(SlotState::Ready).into_iter().map(|slot| slot.pid());
    pids.map(|pid| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let kib: u64 = line.trim().strip_suffix(" kB").unwrap().trim().parse().unwrap();
        kib * 1024
    })
    .sum()
}
