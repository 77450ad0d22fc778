//! Control groups with a limit: being told when one is near it or at it.
//!
//! Of v1 a threshold below the limit and `memory.oom_control`, of v2 `memory.events`. Groups come
//! and go; the list is made anew from each census. Those nearest to their limit come first, since
//! there may be more than are listened to.

use std::os::fd::{AsFd, BorrowedFd};

use menshen_sys::cgroup::{Group, Tree, Version};
use menshen_sys::memory_events::{Counts, GroupEvents, V1Event, V1Source};
use rustix::event::PollFlags;

/// The groups that are listened to.
#[derive(Debug)]
pub(crate) struct Groups {
    tree: Option<Tree>,
    watched: Vec<Watched>,
}

/// A group with its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limited {
    /// Its path below the mount.
    pub(crate) path: Vec<u8>,
    /// Its limit, bytes.
    pub(crate) limit_bytes: u64,
}

#[derive(Debug)]
struct Watched {
    limited: Limited,
    folder: Group,
    sources: Vec<Source>,
}

#[derive(Debug)]
enum Source {
    V1(V1Event),
    V2(GroupEvents, Counts),
}

impl Groups {
    /// Listens to nobody yet.
    pub(crate) fn new() -> Self {
        Self { tree: Tree::memory().ok().flatten(), watched: Vec::new() }
    }

    /// Listens to `wanted`, most urgent first, and to no others.
    pub(crate) fn keep(&mut self, wanted: &[Limited]) {
        let Some(tree) = &self.tree else { return };
        let wanted = wanted.get(..GROUPS_MAX).unwrap_or(wanted);
        self.watched.retain(|old| wanted.contains(&old.limited));
        for limited in wanted {
            if self.watched.iter().any(|old| old.limited == *limited) {
                continue;
            }
            let Ok(folder) = tree.group(&limited.path) else { continue };
            let sources = listen(&folder, limited.limit_bytes);
            // One that is gone again is tried anew with the next census, should it be back.
            if !sources.is_empty() {
                self.watched.push(Watched { limited: limited.clone(), folder, sources });
            }
        }
    }

    /// What to wait on.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.watched.iter().flat_map(|watched| &watched.sources).map(|source| match source {
            Source::V1(event) => (event.as_fd(), V1Event::interest()),
            Source::V2(events, _) => (events.as_fd(), GroupEvents::interest()),
        })
    }

    /// Looks at all of them; gives the paths of those that are near or at their limit. Those that
    /// are gone are let go.
    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        let mut near = Vec::new();
        self.watched.retain_mut(|watched| {
            let mut alive = true;
            let mut fired = false;
            for source in &mut watched.sources {
                match source {
                    Source::V1(event) => fired |= event.take().is_ok_and(|count| count > 0),
                    Source::V2(events, before) => match events.read() {
                        Ok(now) => {
                            let of = |counts: &Counts| (counts.max, counts.oom, counts.oom_kill);
                            fired |= of(&now) != of(before);
                            *before = now;
                        }
                        Err(_) => alive = false,
                    },
                }
            }
            // The removal of a v1 group fires too.
            alive &= !fired || watched.folder.folder().exists();
            if alive && fired {
                near.push(watched.limited.path.clone());
            }
            alive
        });
        near
    }
}

fn listen(folder: &Group, limit_bytes: u64) -> Vec<Source> {
    match folder.version() {
        Version::V1 => {
            let usage = [800, 950].map(|permille| {
                let bytes = u128::from(limit_bytes) * permille / 1000;
                V1Source::Usage(u64::try_from(bytes).unwrap_or(u64::MAX))
            });
            let sources = usage.into_iter().chain([V1Source::Oom]);
            let register = |source| V1Event::register(folder.folder(), source).ok();
            sources.filter_map(register).map(Source::V1).collect()
        }
        Version::V2 => {
            let opened = GroupEvents::open(folder.folder()).ok();
            opened.into_iter().map(|(events, counts)| Source::V2(events, counts)).collect()
        }
    }
}

/// Three descriptors each at most.
const GROUPS_MAX: usize = 64;
