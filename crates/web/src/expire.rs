//! Files whose time in a folder is over: `[[web.expire]]`.
//!
//! A file's time begins when it was last written, or got its name or its rights, whichever was
//! later (the times of modification and of change): what is moved or copied in with an old date is
//! not deleted at once. It is removed as a DELETE would remove it, if it is still the file that was
//! looked at; hooks are told, quotas have its room back.
//!
//! It must never: follow a symbolic link, enter another mount, or remove a folder. How it fails: a
//! file that cannot be removed stays and is tried again the next time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use menshen_base::Counter;
use menshen_config::model::Expire;
use menshen_net::clock;
use rustix::fs::Stat;

use crate::door::{Door, Shared};
use crate::root::{Expect, Seen};
use crate::tree::{Mounts, walk};

/// Deletes what is due, again and again; for one worker.
pub(crate) async fn run(door: Rc<Door>, rules: Vec<Expire>) {
    let Some(shortest) = rules.iter().map(|rule| rule.age_seconds_max).min() else { return };
    let pause = (shortest / PAUSES).clamp(1, PAUSE_SECONDS_MAX);
    let rules = Arc::new(rules);
    loop {
        for index in 0..rules.len() {
            let (shared, rules) = (Arc::clone(&door.shared), Arc::clone(&rules));
            let work = move || {
                let rule = rules.get(index)?;
                Some((rule.path.clone(), expire(&shared, rule, clock::unix_s())))
            };
            if let Ok(Some((path, removed @ 1..))) = tokio::task::spawn_blocking(work).await {
                door.slot.add(Counter::FilesExpired, removed);
                door.notes.tell(&format!("{removed} files expired below"), path.as_bytes());
            }
        }
        tokio::time::sleep(Duration::from_secs(u64::from(pause))).await;
    }
}

/// Deletes what a rule says; how many files.
fn expire(shared: &Shared, rule: &Expire, now: u64) -> u64 {
    let mut removed = 0;
    let age_max = u64::from(rule.age_seconds_max);
    // A folder that cannot be read is looked at again the next time.
    let _ = walk(&shared.root, &rule.path, Mounts::LeftOut, &mut |path, stat| {
        if now.saturating_sub(since(stat)) >= age_max {
            let same = Expect::Same(Some(Seen::of(stat)));
            removed += u64::from(shared.remove(path, &same).is_ok());
            // Uploads want the same books and the same disk.
            std::thread::sleep(PAUSE);
        }
        Ok(())
    });
    removed
}

/// When a file's time began, unix seconds.
fn since(stat: &Stat) -> u64 {
    u64::try_from(stat.st_mtime.max(stat.st_ctime)).unwrap_or(0)
}

/// Looks in the shortest time.
const PAUSES: u32 = 10;
const PAUSE_SECONDS_MAX: u32 = 600;
/// After each removal, for others.
const PAUSE: Duration = Duration::from_millis(3);

#[cfg(test)]
mod tests;
