//! Giving memory back when the watch asks for it: what only makes answers faster goes first.
//!
//! Descriptors of files with their header lines, gzip forms kept in memory, the shared buffer of
//! this worker, and pages the allocator holds free (`malloc_trim`). What a request uses stays. All
//! of it comes back as it is needed; so this costs time later and is done once per call.
//!
//! How it fails: memory that is in use, or scattered, stays; the bytes told are those that were
//! measured before and after, not what was hoped for.

use menshen_base::Counter;

use crate::door::Door;
use crate::scratch::release_scratch;

/// The last call that was heard.
#[derive(Debug, Default)]
pub(crate) struct Shrink {
    epoch: Option<u64>,
}

impl Shrink {
    /// Looks once a second whether there is a new call, and obeys it. The one that stands when the
    /// worker begins is an old one: it holds nothing yet.
    pub(crate) fn look(&mut self, door: &Door) {
        let Some(posture) = door.posture else { return };
        let epoch = posture.get(menshen_sys::posture::Word::ShrinkEpoch);
        if self.epoch.replace(epoch).is_none_or(|last| last == epoch) {
            return;
        }
        let freed = give_back(door);
        door.slot.add(Counter::CacheShrinks, 1);
        door.slot.add(Counter::CacheShrunk, freed);
    }
}

/// Gives back what can be; tells how many bytes.
fn give_back(door: &Door) -> u64 {
    let before = resident_bytes();
    door.files.forget();
    let of_files = door.sites.forget();
    release_scratch();
    menshen_sys::memory::trim();
    let after = resident_bytes();
    of_files + before.saturating_sub(after)
}

/// What this process has resident, bytes; 0 where it cannot be read.
fn resident_bytes() -> u64 {
    menshen_sys::memory::own_resident_bytes().unwrap_or(0)
}
