//! The drill's own ground: a control group with a limit and a folder, both under a name that only a
//! drill gives, with the process and when it started in it. By that name the next drill removes
//! what one that was killed left behind.
//!
//! Never touched: anything without that name, or of a drill that still runs. It fails by rights;
//! then nothing is left.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use menshen_sys::cgroup::{Group, Switch, Tree, Version};
use menshen_sys::proc;
use rustix::process::{Pid, Signal, kill_process};

/// Where groups could be made.
#[derive(Debug)]
pub(super) struct Place {
    name: String,
    tree: Option<Tree>,
}

/// Why there is no ground.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) claim: String,
    pub(super) hint: &'static str,
}

/// Group and folder; removed at the latest when dropped.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) name: String,
    /// The group with the limit; no process is directly in it.
    pub(super) top: Group,
    /// The folder of the recorder and of the watch's log.
    pub(super) folder: PathBuf,
    /// Where leftovers of earlier drills were removed.
    pub(super) leftovers: Vec<String>,
    /// Held on the folder as long as the drill lives: a process of another container, whose number
    /// says nothing here, shows by it that it still runs.
    _lock: Option<File>,
    removed: bool,
}

impl Place {
    /// Looks which tree has the memory controller.
    pub(super) fn find() -> Self {
        let pid = std::process::id();
        let start = proc::Stat::read(pid).map_or(0, |stat| stat.start_ticks);
        let tree = Tree::memory().ok().flatten();
        Self { name: format!("{PREFIX}{pid}-{start}"), tree }
    }

    /// In words, before it is made.
    pub(super) fn describe(&self) -> String {
        let version = match self.tree.as_ref().map(Tree::version) {
            Some(Version::V1) => " (cgroup v1)",
            Some(Version::V2) => " (cgroup v2)",
            None => "",
        };
        format!("the control group {}{version}", self.name)
    }

    /// Groups below which one may be made: the mount's own, then those around this process.
    fn parents(&self, tree: &Tree) -> Vec<Group> {
        let mut parents = vec![tree.root()];
        let own = tree.group_of(std::process::id()).ok().flatten();
        let mut path = own.map(|group| group.path().to_vec()).unwrap_or_default();
        while path.len() > 1 {
            parents.extend(tree.group(&path));
            let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            path.truncate(end);
        }
        parents
    }
}

impl Ground {
    /// Removes what is left of earlier drills, then makes group and folder.
    pub(super) fn make(place: &Place, memory_bytes: u64) -> Result<Self, Refusal> {
        let Some(tree) = &place.tree else {
            return Err(Refusal {
                claim: "no control groups that limit memory are mounted here".to_owned(),
                hint: "The memory controller is off in this kernel (cgroup_disable=memory), or \
                       /sys/fs/cgroup is not mounted in this container.",
            });
        };
        let mut leftovers = Vec::new();
        let mut errors = Vec::new();
        let mut made = None;
        for parent in place.parents(tree) {
            leftovers.extend(remove_leftover_groups(&parent));
            if made.is_none() {
                match make_group(&parent, &place.name, memory_bytes) {
                    Ok(top) => made = Some(top),
                    Err(error) => errors.push(format!("{}: {error}", shown(parent.path()))),
                }
            }
        }
        let Some(top) = made else { return Err(refused(&errors)) };
        // From here on dropping it removes the group.
        let mut ground = Self {
            name: place.name.clone(),
            top,
            folder: PathBuf::new(),
            leftovers,
            _lock: None,
            removed: false,
        };
        let bases = [PathBuf::from("/var/tmp"), std::env::temp_dir()];
        for base in &bases {
            ground.leftovers.extend(remove_leftover_folders(base));
            let folder = base.join(&place.name);
            if std::fs::DirBuilder::new().mode(0o700).create(&folder).is_ok() {
                ground._lock = File::open(&folder).ok().filter(|lock| lock.try_lock().is_ok());
                ground.folder = folder;
                break;
            }
        }
        if ground.folder.as_os_str().is_empty() {
            return Err(Refusal {
                claim: "no folder for the recorder can be made in /var/tmp or TMPDIR".to_owned(),
                hint: "Make one of them writable, or name another in TMPDIR.",
            });
        }
        Ok(ground)
    }

    /// Makes a group below the one with the limit.
    pub(super) fn below(&self, name: &str) -> io::Result<Group> {
        let group = self.top.child(name.as_bytes())?;
        group.create()?;
        Ok(group)
    }

    /// Kills of the kernel in the group and all below it; `None`: this kernel does not count them.
    pub(super) fn kills(&self) -> Option<u64> {
        let counts = |group: &Group| match group.version() {
            Version::V1 => group.keyed("memory.oom_control").ok()?.get("oom_kill"),
            Version::V2 => group.keyed("memory.events").ok()?.get("oom_kill"),
        };
        match self.top.version() {
            Version::V2 => counts(&self.top),
            // v1 counts a kill where the process was.
            Version::V1 => with_those_below(&self.top)
                .iter()
                .filter_map(counts)
                .fold(None, |sum: Option<u64>, one| Some(sum.unwrap_or(0) + one)),
        }
    }

    /// Removes everything; the processes have ended before.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        let group = remove_tree(&self.top);
        let folder = if self.folder.as_os_str().is_empty() {
            Ok(())
        } else {
            std::fs::remove_dir_all(&self.folder)
        };
        self.removed = group.is_ok() && folder.is_ok();
        group.and(folder)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !self.removed {
            // Nobody is left to be told; the next drill tries again.
            let _ = self.remove();
        }
    }
}

fn make_group(parent: &Group, name: &str, memory_bytes: u64) -> io::Result<Group> {
    if parent.version() == Version::V2 {
        let given = parent.read("cgroup.subtree_control", 4096)?;
        if !given.split(u8::is_ascii_whitespace).any(|word| word == b"memory") {
            return Err(io::Error::other("it does not give the memory controller to its groups"));
        }
    }
    let top = parent.child(name.as_bytes())?;
    std::fs::create_dir(top.folder())?;
    let ready = || -> io::Result<()> {
        // Before 5.11 a v1 group counts those below it only if told so.
        let _ = top.write("memory.use_hierarchy", "1");
        top.set_memory_limit(Some(memory_bytes))?;
        // What could be swapped out would not run out. Without swap there is no such file.
        if top.set_swap_limit(Some(0)).is_err() {
            let _ = top.write("memory.swappiness", "0");
        }
        top.delegate_memory()?;
        // May processes be moved? Asked before anything depends on it.
        let probe = top.child(b"watch")?;
        probe.create()?;
        rustix::fs::access(probe.folder().join("cgroup.procs"), rustix::fs::Access::WRITE_OK)?;
        Ok(())
    };
    match ready() {
        Ok(()) => Ok(top),
        Err(error) => {
            let _ = remove_tree(&top);
            Err(error)
        }
    }
}

fn refused(errors: &[String]) -> Refusal {
    Refusal {
        claim: format!("no control group can be made ({})", errors.join("; ")),
        hint: "Run it as root, or in a delegated group: `systemd-run --user --scope -p \
               Delegate=yes`; a container needs /sys/fs/cgroup mounted writable.",
    }
}

/// Removes groups of drills that are gone, with what still is in them; gives their paths.
fn remove_leftover_groups(parent: &Group) -> Vec<String> {
    let mut removed = Vec::new();
    for group in parent.children().unwrap_or_default() {
        let name = group.path().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let gone = std::str::from_utf8(name).is_ok_and(is_of_a_drill_that_is_gone);
        if gone && remove_tree(&group).is_ok() {
            removed.push(shown(group.path()));
        }
    }
    removed
}

/// The same for folders; only real ones of this user.
fn remove_leftover_folders(base: &Path) -> Vec<String> {
    let mut removed = Vec::new();
    for entry in std::fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let gone = entry.file_name().to_str().is_some_and(is_of_a_drill_that_is_gone);
        let user = rustix::process::geteuid().as_raw();
        let ours = || entry.metadata().is_ok_and(|data| data.is_dir() && data.uid() == user);
        let unlocked = || File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok());
        if gone && ours() && unlocked() && std::fs::remove_dir_all(entry.path()).is_ok() {
            removed.push(entry.path().display().to_string());
        }
    }
    removed
}

/// `menshen-drill-PID-START`, and no such process lives.
fn is_of_a_drill_that_is_gone(name: &str) -> bool {
    let numbers = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let Some((pid, start)) = numbers else { return false };
    let (Ok(pid), Ok(start)) = (pid.parse::<u32>(), start.parse::<u64>()) else { return false };
    proc::Stat::read(pid).map_or(true, |stat| stat.start_ticks != start || stat.state == b'Z')
}

/// Ends every process in the group and below it, and removes it.
fn remove_tree(top: &Group) -> io::Result<()> {
    let give_up = Instant::now() + REMOVING_MAX;
    loop {
        let mut last = Ok(());
        for group in with_those_below(top).iter().rev() {
            // Whoever waits at a held limit can end anyway; nobody else is to begin to wait.
            let _ = group.set_kill_disabled(Switch::Off);
            for pid in group.processes().unwrap_or_default() {
                let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
                if let Some(pid) = number {
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            last = group.remove();
        }
        // Those that ended a moment ago are in it for a little longer.
        if last.is_ok() || Instant::now() >= give_up {
            return last;
        }
        std::thread::sleep(super::LOOK);
    }
}

/// A group and all below it, parents first.
fn with_those_below(top: &Group) -> Vec<Group> {
    let mut groups = vec![top.clone()];
    let mut at = 0;
    while let Some(group) = groups.get(at) {
        let below = group.children().unwrap_or_default();
        groups.extend(below);
        at += 1;
    }
    groups
}

/// A path of a group for texts.
pub(super) fn shown(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

const PREFIX: &str = "menshen-drill-";
const REMOVING_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    //! Whose names are taken for leftovers.
    use super::*;

    #[test]
    fn only_names_of_drills_that_are_gone_are_leftovers() {
        let own = Place::find().name;
        assert!(!is_of_a_drill_that_is_gone(&own), "this one runs");
        let pid = std::process::id();
        assert!(is_of_a_drill_that_is_gone(&format!("menshen-drill-{pid}-1")), "another's pid");
        assert!(is_of_a_drill_that_is_gone("menshen-drill-4194399-77"), "no such process");
        for other in ["menshen-drill-", "menshen-drill-x-1", "menshen-drill-1", "menshen", "a"] {
            assert!(!is_of_a_drill_that_is_gone(other), "{other}");
        }
    }
}
