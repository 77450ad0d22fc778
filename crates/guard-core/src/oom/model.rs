//! What a log tells of out-of-memory events: plain facts, each as the kernel said it.
//!
//! Nothing is concluded here. `None` always means "the text did not say". Numbers keep the kernel's
//! unit, named in the field: pages are the machine's, not always 4 KiB.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// One thing a log tells, in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// An out-of-memory report: a whole block, or what is left of one. A kill line that stands
    /// alone is a report without invoker and tasks.
    Report(Box<Report>),
    /// The kernel says that it kept reports back ("callbacks suppressed").
    Suppressed(Suppressed),
    /// Records are missing from the log.
    Lost(Lost),
    /// A kernel started: what comes later belongs to another life of the machine.
    Boot(Boot),
    /// Something in user space started a program again (mysqld_safe, systemd, supervisord).
    Restart(Restart),
    /// systemd says that the kernel killed a process of a unit: it stays true when the kernel's own
    /// lines are lost.
    UnitHit(UnitHit),
}

/// Lines of the input, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Span {
    /// The first line of the thing.
    pub first_line: u64,
    /// Its last one.
    pub last_line: u64,
}

/// When a line was written, as far as its prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stamp {
    /// Microseconds since the kernel started.
    pub boot_micros: Option<u64>,
    /// Date and time.
    pub wall: Option<Wall>,
}

/// A date with a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// The year; `None`: syslog's old form has none.
    pub year: Option<i32>,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
    /// 0..=23.
    pub hour: u8,
    /// 0..=59.
    pub minute: u8,
    /// 0..=60.
    pub second: u8,
    /// 0..1,000,000.
    pub micros: u32,
    /// Whose clock it is.
    pub zone: Zone,
}

/// The time zone of a [`Wall`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// That of the machine; which one is not said.
    Local,
    /// Minutes east of UTC.
    Offset(i16),
}

/// A process name as the kernel printed it: at most 15 bytes of the process's own choice, so it may
/// hold anything, also what looks like the kernel's own words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Name {
    /// Valid UTF-8; bytes that are none, control characters and backslashes as `\xNN`.
    pub text: String,
    /// It holds text that imitates fields of the kernel's (`,uid=`, `pid=`, a line break).
    pub forged: bool,
}

/// One out-of-memory report of the kernel, whole or cut.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Where it stands. Lines of others may lie between.
    pub span: Span,
    /// When it began.
    pub stamp: Stamp,
    /// Host name of a syslog prefix.
    pub host: Option<String>,
    /// Release of the kernel, such as `6.1.0-18-amd64`.
    pub kernel: Option<String>,
    /// Who asked for memory; `None`: the header is missing.
    pub invoker: Option<Invoker>,
    /// Whose limit was hit.
    pub scope: Scope,
    /// The control group whose limit was hit.
    pub cgroup: Option<CgroupState>,
    /// `/` path of the victim's group, where the kernel named it.
    pub task_cgroup: Option<String>,
    /// The machine's memory at that moment.
    pub memory: Option<MemoryState>,
    /// The table of processes, in its order.
    pub tasks: Vec<Task>,
    /// Rows of the table that could not be read.
    pub tasks_unread: u32,
    /// Who was killed; empty: nobody, or the line is missing.
    pub kills: Vec<Kill>,
    /// The group all of whose processes were to be killed (`memory.oom.group`).
    pub group: Option<String>,
    /// Nobody could be killed, or the machine stopped: the kernel's sentence.
    pub deadlock: Option<String>,
    /// The beginning is missing: no `invoked oom-killer` line.
    pub cut_start: bool,
    /// The end is missing: nobody is said to have been killed, and nothing says why.
    pub cut_end: bool,
}

/// Who asked for the memory that was not there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Invoker {
    /// The thread's name.
    pub name: Name,
    /// The thread; not always the process.
    pub pid: Option<u32>,
    /// Kind of allocation, in the kernel's names or as a number.
    pub gfp_mask: String,
    /// 2^order pages were wanted in a row; -1: somebody asked for a kill by hand (sysrq).
    pub order: Option<i32>,
    /// Its `oom_score_adj`, -1000..=1000; of old kernels `oom_adj`, -17..=15.
    pub adj: Option<i32>,
    /// Its cpuset.
    pub cpuset: Option<String>,
}

/// Whose limit was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The text does not say.
    #[default]
    Unknown,
    /// The machine's memory.
    Global,
    /// A control group's limit.
    Cgroup,
    /// The nodes a cpuset allows.
    Cpuset,
    /// The nodes a memory policy allows.
    MemoryPolicy,
    /// By hand (sysrq-f): no shortage.
    Manual,
}

/// A control group at its limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CgroupState {
    /// The group whose limit was hit.
    pub path: String,
    /// Its use, KiB.
    pub usage_kib: Option<u64>,
    /// Its limit, KiB; values near 2^63 bytes mean none.
    pub limit_kib: Option<u64>,
    /// How often the limit was hit.
    pub fail_count: Option<u64>,
    /// Use of memory and swap together (v1) or of swap (v2), KiB.
    pub swap_usage_kib: Option<u64>,
    /// Its limit, KiB.
    pub swap_limit_kib: Option<u64>,
    /// Statistics as named by the kernel: bytes (`anon`, `file`, `shmem`, …).
    pub bytes: Vec<(String, u64)>,
}

/// The machine's memory as the `Mem-Info` part tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MemoryState {
    /// Pages of RAM.
    pub ram_pages: Option<u64>,
    /// Pages of it the kernel keeps.
    pub reserved_pages: Option<u64>,
    /// Free pages.
    pub free_pages: Option<u64>,
    /// Anonymous pages, active and inactive.
    pub anon_pages: Option<u64>,
    /// Pages of files, active and inactive.
    pub file_pages: Option<u64>,
    /// Pages of tmpfs and shared memory.
    pub shmem_pages: Option<u64>,
    /// Pages that cannot be moved.
    pub unevictable_pages: Option<u64>,
    /// Pages of kernel objects that can be freed.
    pub slab_reclaimable_pages: Option<u64>,
    /// Pages of kernel objects that cannot.
    pub slab_unreclaimable_pages: Option<u64>,
    /// Pages of page tables.
    pub page_table_pages: Option<u64>,
    /// Swap, KiB.
    pub swap_total_kib: Option<u64>,
    /// Free swap, KiB.
    pub swap_free_kib: Option<u64>,
    /// Bytes of a page, where the text gives it away; most machines: 4096.
    pub page_bytes: Option<u32>,
}

/// A row of the table of processes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Task {
    /// The process (first thread found).
    pub pid: u32,
    /// The thread group.
    pub tgid: u32,
    /// Its user; old vendors print -2.
    pub uid: i64,
    /// Address space, pages.
    pub total_vm_pages: u64,
    /// Resident pages.
    pub rss_pages: u64,
    /// Of them anonymous; from 6.8.
    pub rss_anon_pages: Option<u64>,
    /// Of them of files; from 6.8.
    pub rss_file_pages: Option<u64>,
    /// Of them shared memory; from 6.8.
    pub rss_shmem_pages: Option<u64>,
    /// Page tables, bytes.
    pub page_table_bytes: Option<u64>,
    /// Swap entries.
    pub swap_pages: Option<u64>,
    /// `oom_score_adj`; of kernels before 2.6.36 `oom_adj`.
    pub adj: i32,
    /// Its name.
    pub name: Name,
}

/// A process the kernel killed, each pid once in its report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Kill {
    /// The process.
    pub pid: u32,
    /// Its name.
    pub name: Name,
    /// When the line that names it was written.
    pub stamp: Stamp,
    /// The line that names it first.
    pub line: u64,
    /// How many `Killed process` lines name it (a group kill names one pid twice); the kernel's
    /// counter counts them.
    pub lines: u32,
    /// What is known of it.
    pub form: KillForm,
    /// Its user.
    pub uid: Option<i64>,
    /// The points of old kernels (`Kill process N (X) score P`).
    pub score: Option<u32>,
    /// Address space, KiB.
    pub total_vm_kib: Option<u64>,
    /// Anonymous memory, KiB.
    pub anon_rss_kib: Option<u64>,
    /// File pages, KiB.
    pub file_rss_kib: Option<u64>,
    /// Shared memory, KiB: the kill does not free it.
    pub shmem_rss_kib: Option<u64>,
    /// Page tables, KiB.
    pub page_table_kib: Option<u64>,
    /// `oom_score_adj`.
    pub adj: Option<i32>,
    /// What was left when its memory had been taken back early.
    pub reaped: Option<Reaped>,
}

/// Which line told of a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KillForm {
    /// `Killed process …`: it happened.
    #[default]
    Killed,
    /// Only `Kill process …`, `oom-kill:…,task=…` or a reaper's line: the line itself is missing.
    Announced,
}

/// What the reaper left (`oom_reaper: reaped process`), KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reaped {
    /// Anonymous memory.
    pub anon_rss_kib: u64,
    /// File pages.
    pub file_rss_kib: u64,
    /// Shared memory.
    pub shmem_rss_kib: u64,
}

/// `FUNCTION: N callbacks suppressed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The line.
    pub line: u64,
    /// When.
    pub stamp: Stamp,
    /// The kernel's function, such as `oom_kill_process`.
    pub function: String,
    /// Reports kept back.
    pub count: u64,
}

/// Records that are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// The line after the gap.
    pub line: u64,
    /// When that was written.
    pub stamp: Stamp,
    /// Missing records; `None`: not known.
    pub records: Option<u64>,
    /// Why they are missing.
    pub cause: LostCause,
}

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LostCause {
    /// The sequence numbers of `/dev/kmsg` jump: the ring was overwritten.
    Ring,
    /// A log daemon says that it dropped messages (`rsyslogd`, `journald`, `printk`).
    Daemon,
}

/// A kernel start (`Linux version …`), or a clock that went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// The line.
    pub line: u64,
    /// When.
    pub stamp: Stamp,
    /// Release of the kernel.
    pub kernel: Option<String>,
}

/// A program was started again by user space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restart {
    /// The line.
    pub line: u64,
    /// When.
    pub stamp: Stamp,
    /// Who did it: `mysqld_safe`, `systemd`, `supervisord`.
    pub by: String,
    /// What was started: a program or a unit.
    pub what: String,
}

/// `UNIT: A process of this unit has been killed by the OOM killer.`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitHit {
    /// The line.
    pub line: u64,
    /// When.
    pub stamp: Stamp,
    /// Host name of a syslog prefix.
    pub host: Option<String>,
    /// The unit, such as `mariadb.service`.
    pub unit: String,
}
