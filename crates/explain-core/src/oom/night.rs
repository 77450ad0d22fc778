//! A night as plain, serialisable facts: what the text, the JSON and the picture are made of.
//!
//! All memory is in KiB here, whatever the kernel's line used. `None`: the log does not say.
//! Numbers of processes and reports are places in the vectors of [`Night`].

use alloc::string::String;
use alloc::vec::Vec;

use menshen_guard_core::oom::{Invoker, KillForm, LostCause, Name, Reaped, Scope, Stamp, Wall};
use serde::{Serialize, Serializer};

/// Everything that the inputs told, in the order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Night {
    /// What was read.
    pub sources: Vec<Source>,
    /// The timeline.
    pub entries: Vec<Entry>,
    /// The kernel's reports; one for each decision to kill.
    pub shortages: Vec<Shortage>,
    /// Every process that was killed, each once, in the order of time.
    pub kills: Vec<Killed>,
    /// What was counted while reading.
    pub counts: Counts,
    /// Kills beyond [`KILLS_MAX`](super::KILLS_MAX): counted only.
    pub kills_left_out: u64,
    /// Entries beyond [`ENTRIES_MAX`](super::ENTRIES_MAX): counted only.
    pub entries_left_out: u64,
    /// Inputs that could not be read, or not to their end.
    pub broken: Vec<Broken>,
    /// The kernel's own count since it started (`oom_kill` in `/proc/vmstat`), on a live host.
    pub kernel_counter: Option<u64>,
}

/// An input that could not be read, or not to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its name.
    pub name: String,
    /// Why, and what helps.
    pub reason: String,
}

/// One input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name: a path as it was given, `standard input`, `/dev/kmsg`.
    pub name: String,
    /// Its lines.
    pub lines: u64,
}

/// Sums over all inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Lines `Killed process …` of the kernel, those of the same kill in several inputs too.
    pub kill_lines: u64,
    /// Lines of a kill in `/dev/kmsg` that the kernel did not write.
    pub forged: u64,
    /// Lines of a kill that a program wrote into a system log; they are not counted as kills.
    pub foreign: u64,
    /// What exceeded a limit of the reader: rows, kills, statistics, reports.
    pub over_limits: u64,
}

/// Where something stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Number of the source.
    pub source: usize,
    /// Line, from 1.
    pub line: u64,
}

/// When something was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Date and time, or seconds since the kernel started, or empty.
    #[serde(rename = "time")]
    pub text: String,
    /// Since the first entry of the timeline, microseconds; `None` where the two cannot be
    /// compared.
    pub since_first_micros: Option<i64>,
    /// Microseconds since the kernel started.
    pub boot_micros: Option<u64>,
    /// Date and time.
    pub wall: Option<Wall>,
    /// The same as ISO 8601 writes it, with the zone where it is known; `None` where the log has no
    /// year.
    pub iso: Option<String>,
    /// Which run of which kernel: equal numbers share a clock `boot_micros`.
    pub life: u32,
    /// Microseconds of the wall clock, for comparing; of an unknown year where the log has none.
    #[serde(skip)]
    pub(super) wall_micros: Option<i64>,
}

/// One point of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    #[serde(flatten)]
    pub at: Moment,
    /// Where it is told.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What a point of the timeline is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The kernel reported a shortage, or killed.
    Shortage {
        /// Number of the report.
        shortage: usize,
        /// Who was killed: process ids.
        pids: Vec<u32>,
    },
    /// User space started a program again.
    Restart {
        /// Who did: `mysqld_safe`, `systemd`, …
        by: String,
        /// What was started.
        what: String,
    },
    /// The kernel kept reports back.
    Suppressed {
        /// The kernel's function.
        function: String,
        /// How many.
        count: u64,
    },
    /// Records are missing.
    Lost {
        /// How many, where that is known.
        records: Option<u64>,
        /// Why.
        cause: LostCause,
    },
    /// systemd noticed that a process of a unit was killed.
    UnitHit {
        /// The unit.
        unit: String,
    },
    /// A kernel started.
    Boot {
        /// Its release.
        kernel: Option<String>,
    },
}

/// One report of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shortage {
    /// When it began.
    #[serde(flatten)]
    pub at: Moment,
    /// Its first line.
    #[serde(flatten)]
    pub place: Place,
    /// Its last line.
    pub last_line: u64,
    /// The same report in other inputs.
    pub also_in: Vec<Place>,
    /// Host name.
    pub host: Option<String>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Who asked for the memory that was not there.
    pub invoker: Option<Asker>,
    /// Whose limit was hit.
    pub scope: Scope,
    /// The control group at its limit.
    pub cgroup: Option<Cgroup>,
    /// The group of the victim.
    pub task_cgroup: Option<String>,
    /// The machine's memory.
    pub memory: Option<Memory>,
    /// What shares are of: RAM and swap, or the limit with its swap.
    pub total_kib: Option<u64>,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Rows of the table of processes.
    pub processes: usize,
    /// Rows that could not be read.
    pub rows_unread: u32,
    /// The largest programs of the table, the largest first; processes of one name are one entry.
    pub consumers: Vec<Consumer>,
    /// All programs that are not among [`consumers`](Self::consumers), together.
    pub others: Consumer,
    /// Processes that the kernel may not kill (-1000), by program, the largest first.
    pub immune: Vec<Consumer>,
    /// Programs of the table that start others again when they end.
    #[serde(serialize_with = "texts")]
    pub supervisors: Vec<Name>,
    /// Who was killed: numbers in [`Night::kills`].
    pub kills: Vec<usize>,
    /// The group all of which was to be killed (`memory.oom.group`).
    pub group: Option<String>,
    /// Nobody could be killed, or the machine stopped: the kernel's sentence.
    pub deadlock: Option<String>,
    /// The beginning is missing.
    pub cut_start: bool,
    /// The end is missing.
    pub cut_end: bool,
}

/// Who asked for memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asker {
    /// The thread's name.
    #[serde(serialize_with = "text")]
    pub name: Name,
    /// The thread.
    pub pid: Option<u32>,
    /// Kind of allocation.
    pub gfp_mask: String,
    /// 2^order pages in a row were wanted; -1: by hand.
    pub order: Option<i32>,
    /// Its `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// Its cpuset.
    pub cpuset: Option<String>,
}

/// A control group at its limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cgroup {
    /// Its path.
    pub path: String,
    /// Its use.
    pub usage_kib: Option<u64>,
    /// Its limit; `None` also where there is none.
    pub limit_kib: Option<u64>,
    /// Its use of swap (v2), or of memory and swap together (v1).
    pub swap_usage_kib: Option<u64>,
    /// The limit of that.
    pub swap_limit_kib: Option<u64>,
    /// How often the limit was hit.
    pub fail_count: Option<u64>,
    /// Anonymous memory in it.
    pub anon_kib: Option<u64>,
    /// File pages in it.
    pub file_kib: Option<u64>,
    /// tmpfs and shared memory in it.
    pub shmem_kib: Option<u64>,
}

/// The machine's memory at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// RAM that the kernel hands out.
    pub ram_kib: Option<u64>,
    /// Free.
    pub free_kib: Option<u64>,
    /// Anonymous memory.
    pub anon_kib: Option<u64>,
    /// File pages.
    pub file_kib: Option<u64>,
    /// tmpfs and shared memory.
    pub shmem_kib: Option<u64>,
    /// What cannot be moved or reclaimed (locked memory).
    pub unevictable_kib: Option<u64>,
    /// Kernel objects that can be freed.
    pub slab_reclaimable_kib: Option<u64>,
    /// Kernel objects that cannot.
    pub slab_unreclaimable_kib: Option<u64>,
    /// Page tables.
    pub page_tables_kib: Option<u64>,
    /// Swap.
    pub swap_total_kib: Option<u64>,
    /// Free swap.
    pub swap_free_kib: Option<u64>,
}

/// The processes of one program name, summed up. Memory that they share is counted in each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Consumer {
    /// The name; empty for a sum of many.
    #[serde(serialize_with = "text")]
    pub name: Name,
    /// How many processes.
    pub count: u64,
    /// Resident memory.
    pub rss_kib: u64,
    /// Of it shared memory (kernels from 6.8).
    pub shmem_kib: u64,
    /// Swapped out.
    pub swap_kib: u64,
    /// Page tables.
    pub page_tables_kib: u64,
    /// All three.
    pub held_kib: u64,
    /// The largest process of them, all three.
    pub largest_kib: u64,
    /// Thousandths of the shortage's `total_kib`.
    pub share_permille: Option<u32>,
    /// Smallest `oom_score_adj` among them.
    pub adj_min: i32,
    /// Largest one.
    pub adj_max: i32,
    /// Processes of it that this report killed.
    pub killed: u64,
}

/// A process that was killed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Killed {
    /// The process.
    pub pid: u32,
    /// Its name.
    #[serde(serialize_with = "text")]
    pub name: Name,
    /// The name imitates the kernel's own words.
    pub name_forged: bool,
    /// When its first kill line was written.
    #[serde(flatten)]
    pub at: Moment,
    /// Where that line is.
    #[serde(flatten)]
    pub place: Place,
    /// Its user.
    pub uid: Option<i64>,
    /// The kernel's points: thousandths of the memory it could have, `oom_score_adj` included.
    pub score: Option<i64>,
    /// Whether the log says so or it was computed from the table.
    pub score_from: Option<ScoreFrom>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// Resident memory: the three below together.
    pub rss_kib: Option<u64>,
    /// Anonymous memory.
    pub anon_rss_kib: Option<u64>,
    /// File pages.
    pub file_rss_kib: Option<u64>,
    /// Shared memory, which the kill does not free.
    pub shmem_rss_kib: Option<u64>,
    /// Swapped out.
    pub swap_kib: Option<u64>,
    /// Page tables.
    pub page_tables_kib: Option<u64>,
    /// Address space.
    pub total_vm_kib: Option<u64>,
    /// Thousandths of the shortage's `total_kib` that it held.
    pub share_permille: Option<u32>,
    /// Its place among all processes of the table by points, from 1.
    pub rank: Option<u32>,
    /// Processes of its name in the table.
    pub instances: Option<u64>,
    /// Whose limit was hit.
    pub scope: Scope,
    /// The group whose limit was hit.
    pub cgroup: Option<String>,
    /// The limit.
    pub limit_kib: Option<u64>,
    /// The group it was in.
    pub task_cgroup: Option<String>,
    /// Who had asked for memory.
    #[serde(serialize_with = "text_if_any")]
    pub invoker: Option<Name>,
    /// Host name, where the log has it.
    pub host: Option<String>,
    /// How often the kernel says that it killed it.
    pub killed_times: u32,
    /// Which line told of it.
    pub form: KillForm,
    /// What was left when its memory had been taken back early.
    pub reaped: Option<Reaped>,
    /// The reports that killed it: numbers in [`Night::shortages`].
    pub shortages: Vec<usize>,
}

/// Where a score is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreFrom {
    /// The kernel printed it.
    Log,
    /// By the kernel's formula (`mm/oom_kill.c`, `oom_badness`) from the table.
    Computed,
}

impl Night {
    /// The reports that killed a process.
    pub fn shortages_of<'a>(&'a self, killed: &'a Killed) -> impl Iterator<Item = &'a Shortage> {
        killed.shortages.iter().filter_map(|number| self.shortages.get(*number))
    }

    /// The processes that a report killed.
    pub fn kills_of<'a>(&'a self, shortage: &'a Shortage) -> impl Iterator<Item = &'a Killed> {
        shortage.kills.iter().filter_map(|number| self.kills.get(*number))
    }

    /// A place in words: `syslog:12`, or `line 12` where there is one input only.
    #[must_use]
    pub fn place(&self, place: Place) -> String {
        match self.sources.as_slice() {
            [] | [_] => alloc::format!("line {}", place.line),
            sources => {
                let name = sources.get(place.source).map_or("?", |source| &source.name);
                alloc::format!("{name}:{}", place.line)
            }
        }
    }
}

impl Shortage {
    /// Whether memory was short: not so where somebody asked for a kill by hand.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        self.scope != Scope::Manual
    }

    /// Whether there is nothing but the line of a kill.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.invoker.is_none()
            && self.memory.is_none()
            && self.cgroup.is_none()
            && self.processes == 0
    }
}

impl From<&Invoker> for Asker {
    fn from(invoker: &Invoker) -> Self {
        Self {
            name: invoker.name.clone(),
            pid: invoker.pid,
            gfp_mask: invoker.gfp_mask.clone(),
            order: invoker.order,
            oom_score_adj: invoker.adj,
            cpuset: invoker.cpuset.clone(),
        }
    }
}

impl Moment {
    pub(super) fn of(stamp: &Stamp, life: u32) -> Self {
        Self { boot_micros: stamp.boot_micros, wall: stamp.wall, life, ..Self::default() }
    }
}

/// A name as a plain string.
fn text<S: Serializer>(name: &Name, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&name.text)
}

fn text_if_any<S: Serializer>(name: &Option<Name>, to: S) -> Result<S::Ok, S::Error> {
    name.as_ref().map(|name| &name.text).serialize(to)
}

fn texts<S: Serializer>(names: &[Name], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(names.iter().map(|name| &name.text))
}
