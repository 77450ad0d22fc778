//! What the memory watch does: the recorder, the programs it protects, the steps of its ladder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The memory watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Whether the watch runs.
    pub watch: bool,
    /// The flight recorder; relative to the state folder.
    pub recorder: PathBuf,
    /// Its size, bytes; written full once and then reused.
    pub recorder_bytes: u64,
    /// When new uploads are refused; `None`: never.
    pub refuse_uploads: Option<Threshold>,
    /// When workers give back what they hold to be faster; `None`: never.
    pub shrink_caches: Option<Threshold>,
    /// When large children of the managed php-fpm end after their request; `None`: never.
    pub recycle_php: Option<Threshold>,
    /// From which resident size on a child of php-fpm is large, bytes.
    pub recycle_php_bytes: u64,
    /// When the groups of `brake_cgroups` may not grow any more; `None`: never.
    pub brake: Option<Threshold>,
    /// Groups below the mount of cgroup v2, such as `/app.slice`.
    pub brake_cgroups: Vec<String>,
    /// Groups below the mount of the v1 memory controller where the watch, not the kernel, chooses
    /// whom an exhausted limit ends.
    pub hold_cgroups: Vec<String>,
    /// How far the limit of a held group may be raised rather than end a protected program, percent
    /// of the limit; 0: not at all.
    pub hold_raise_percent: u32,
    /// Seconds that refused uploads are told to wait (`Retry-After`).
    pub retry_after_seconds: u32,
    /// Programs with scores of their own, in the order of the file.
    pub protect: Vec<Protect>,
}

/// When a step begins and when it ends.
///
/// It begins when one of the two is reached, and ends when both have been passed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    /// Memory that programs could still get, percent of all there is (of the machine, or of a group
    /// around menshen that has less): begins at or below `enter`, `leave` is larger.
    pub available: Option<Bounds>,
    /// Share of the last seconds in which tasks waited for memory (PSI `some`), percent: begins at
    /// or above `enter`, `leave` is smaller.
    pub pressure: Option<Bounds>,
}

/// Two marks, so that a step does not flutter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Where it begins, percent.
    pub enter: u8,
    /// Where it ends, percent.
    pub leave: u8,
}

/// A program with a score of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protect {
    /// What it is called in logs; no two are called the same.
    pub name: String,
    /// Unit of systemd, such as `mariadb.service`.
    pub unit: Option<String>,
    /// Pattern over the whole command line, arguments with single blanks between.
    pub command: Option<String>,
    /// Control group below its mount, such as `/system.slice/mariadb.service`.
    pub cgroup: Option<String>,
    /// File with a process id; relative to the configuration file.
    pub pid_file: Option<PathBuf>,
    /// Name or number of the user whose processes are meant; `None`: see the table.
    #[serde(default)]
    pub user: Option<String>,
    /// `oom_score_adj`, -1000..=1000; above 0 it is expendable.
    pub score: i32,
    /// What its children do with what they inherit.
    pub children: Children,
}

/// What children of a protected program get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Children {
    /// What the program itself had before it was protected, and no less than 0.
    Reset,
    /// What they inherited.
    Keep,
}

/// How a protected program is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectBy<'a> {
    /// By unit of systemd.
    Unit(&'a str),
    /// By command line.
    Command(&'a str),
    /// By control group.
    Cgroup(&'a str),
    /// By a file with its process id.
    PidFile(&'a Path),
}

impl Protect {
    /// How it is found; exactly one way is set in a checked configuration.
    #[must_use]
    pub fn by(&self) -> Option<ProtectBy<'_>> {
        let Self { unit, command, cgroup, pid_file, .. } = self;
        unit.as_deref()
            .map(ProtectBy::Unit)
            .or_else(|| command.as_deref().map(ProtectBy::Command))
            .or_else(|| cgroup.as_deref().map(ProtectBy::Cgroup))
            .or_else(|| pid_file.as_deref().map(ProtectBy::PidFile))
    }
}

impl Threshold {
    /// Both marks of both, percent.
    #[must_use]
    pub const fn of(available: [u8; 2], pressure: [u8; 2]) -> Self {
        let [low, low_until] = available;
        let [high, high_until] = pressure;
        Self {
            available: Some(Bounds { enter: low, leave: low_until }),
            pressure: Some(Bounds { enter: high, leave: high_until }),
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            watch: true,
            recorder: PathBuf::from("recorder"),
            recorder_bytes: 16 << 20,
            refuse_uploads: Some(Threshold::of([10, 15], [20, 5])),
            shrink_caches: Some(Threshold::of([8, 12], [30, 10])),
            recycle_php: Some(Threshold::of([6, 10], [40, 10])),
            recycle_php_bytes: 128 << 20,
            brake: Some(Threshold::of([4, 8], [60, 20])),
            brake_cgroups: Vec::new(),
            hold_cgroups: Vec::new(),
            hold_raise_percent: 0,
            retry_after_seconds: 10,
            protect: Vec::new(),
        }
    }
}
