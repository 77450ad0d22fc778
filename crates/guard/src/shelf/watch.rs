//! Whether files changed, by one `stat` each: cheap enough for every few seconds, and it notices a
//! link that leads elsewhere, as certbot's do after a renewal.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What files looked like.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Vec<Option<Stamp>>,
    /// Another look than `seen`, not confirmed yet.
    doubt: Option<Vec<Option<Stamp>>>,
    /// Something changed while it was read, or just before.
    unsure: bool,
}

/// Of a file, links followed; `None` for what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    number: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Watch {
    /// Remembers what was read just now.
    pub(crate) fn new(paths: &[PathBuf]) -> Self {
        let seen = stamps(paths);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let recent = i64::try_from(now.saturating_sub(RECENT).as_secs()).unwrap_or(i64::MAX);
        let unsure = seen.iter().flatten().any(|stamp| stamp.changed.0 >= recent);
        Self { seen, doubt: None, unsure }
    }

    /// Whether something changed and then stayed for one look.
    pub(crate) fn changed(&mut self, paths: &[PathBuf]) -> bool {
        let stamps = stamps(paths);
        if self.doubt.as_ref() == Some(&stamps) {
            self.doubt = None;
            return true;
        }
        if stamps != self.seen {
            self.doubt = Some(stamps);
            return false;
        }
        self.doubt = None;
        std::mem::take(&mut self.unsure)
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some(Stamp {
            device: meta.dev(),
            number: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    };
    paths.iter().map(stamp).collect()
}

/// A file that changed that short a time before it was looked at may have been read before.
const RECENT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    //! What counts as a change, and when.
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_change_counts_once_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            fs::write(path(name), name).unwrap();
        }
        symlink("one", path("link")).unwrap();
        let watched = [path("link"), path("none")];
        let mut watch = Watch::new(&watched);
        assert!(watch.changed(&watched), "what is that new may have been read too early");
        assert!(!watch.changed(&watched));
        for change in [
            &|| {
                fs::remove_file(path("link")).unwrap();
                symlink("two", path("link")).unwrap();
            },
            &(|| fs::write(path("two"), "longer").unwrap()) as &dyn Fn(),
            &|| fs::write(path("none"), "there").unwrap(),
        ] {
            change();
            assert!(!watch.changed(&watched), "perhaps there is more to come");
            assert!(watch.changed(&watched));
            watch = Watch::new(&watched);
            watch.unsure = false;
            assert!(!watch.changed(&watched));
        }
        fs::write(path("one"), "nobody looks").unwrap();
        assert!(!watch.changed(&watched));
    }

    #[test]
    fn a_file_that_keeps_changing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let watched = [folder.path().join("a")];
        let mut watch = Watch::new(&watched);
        for length in 1..5 {
            fs::write(&watched[0], "x".repeat(length)).unwrap();
            assert!(!watch.changed(&watched), "{length}");
        }
        assert!(watch.changed(&watched));
    }
}
