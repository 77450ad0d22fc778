//! Processes as `/proc` shows them (proc_pid_stat(5), proc_pid_status(5), proc_pid_cmdline(5)).
//!
//! Names and command lines are foreign bytes: they are bounded here and never interpreted. A
//! process may end between two reads; that is an error of the kind `NotFound`, or `ESRCH`.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;

use rustix::fs::{Mode, OFlags};

/// Process ids, as they are at this moment, in the kernel's order.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn pids() -> io::Result<Vec<u32>> {
    numbers("/proc")
}

/// Thread ids of a process.
///
/// # Errors
/// When it is gone.
pub fn threads(pid: u32) -> io::Result<Vec<u32>> {
    numbers(&format!("/proc/{pid}/task"))
}

/// `/proc/PID/stat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub pid: u32,
    /// Its name, up to 15 bytes of its own choice (63 for kernel workers).
    pub name: Vec<u8>,
    /// `R`, `S`, `D`, `T` (stopped), `t` (traced), `Z` (ended, not waited for), `X`, `I`.
    pub state: u8,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Device number of its controlling terminal; 0: none.
    pub terminal: i32,
    /// Foreground process group of that terminal; -1: none.
    pub foreground_group: i32,
    /// `PF_*` of the kernel's `include/linux/sched.h`; `PF_KTHREAD` is 0x0020_0000.
    pub flags: u32,
    /// Its threads.
    pub threads: u32,
    /// When it started, in clock ticks (1/100 s) since the kernel did; with the pid it names a
    /// process for good.
    pub start_ticks: u64,
    /// Resident pages.
    pub rss_pages: u64,
}

impl Stat {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone, or the kernel's text has another form.
    pub fn read(pid: u32) -> io::Result<Self> {
        Self::parse(&read(pid, "stat", STAT_BYTES_MAX)?).ok_or_else(unknown_form)
    }

    /// Whether it is a kernel thread: no memory of its own, cannot be killed.
    #[must_use]
    pub const fn is_kernel_thread(&self) -> bool {
        self.flags & PF_KTHREAD != 0
    }

    /// The name ends at the last bracket, since it may hold brackets itself.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let pid = number(text.get(..open)?.trim_ascii())?;
        let name = text.get(open + 1..close)?.to_vec();
        let fields: Vec<&[u8]> = text
            .get(close + 1..)?
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty())
            .collect();
        // Field 3 of the manual page is the first one here.
        let field = |manual: usize| fields.get(manual - 3).copied();
        Some(Self {
            pid,
            name,
            state: *field(3)?.first()?,
            parent: number(field(4)?)?,
            group: number(field(5)?)?,
            session: number(field(6)?)?,
            terminal: number(field(7)?)?,
            foreground_group: number(field(8)?)?,
            flags: number(field(9)?)?,
            threads: number(field(20)?)?,
            start_ticks: number(field(22)?)?,
            rss_pages: number(field(24)?)?,
        })
    }
}

/// Of `/proc/PID/status`: identity and memory. Kernel threads have no memory lines, which are 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Effective user.
    pub uid: u32,
    /// Real user: who started it, also where the program gives it the rights of another.
    pub real_uid: u32,
    /// Thread group: the process a thread belongs to.
    pub tgid: u32,
    /// Tracer; 0: none.
    pub tracer: u32,
    /// Resident memory, KiB.
    pub rss_kib: u64,
    /// Of it anonymous, KiB.
    pub anon_kib: u64,
    /// Of it of files, KiB.
    pub file_kib: u64,
    /// Of it shared memory, KiB.
    pub shmem_kib: u64,
    /// Swapped out, KiB.
    pub swap_kib: u64,
    /// Page tables, KiB.
    pub page_table_kib: u64,
    /// Whether the memory lines are there.
    pub has_memory: bool,
    /// Bits of pending signals, of the thread and the process; bit 0 is signal 1.
    pub pending: u64,
    /// Bits of blocked signals.
    pub blocked: u64,
    /// Bits of ignored signals.
    pub ignored: u64,
    /// Bits of caught signals.
    pub caught: u64,
}

impl Status {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(pid: u32) -> io::Result<Self> {
        Ok(Self::parse(&read(pid, "status", STATUS_BYTES_MAX)?))
    }

    fn parse(text: &[u8]) -> Self {
        let mut status = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (key, rest) = line.split_at(colon);
            let mut words = rest.get(1..).unwrap_or_default().split(u8::is_ascii_whitespace);
            let mut word = || words.by_ref().find(|word| !word.is_empty()).unwrap_or_default();
            match key {
                b"Uid" => {
                    status.real_uid = number(word()).unwrap_or(u32::MAX);
                    status.uid = number(word()).unwrap_or(u32::MAX);
                }
                b"Tgid" => status.tgid = number(word()).unwrap_or(0),
                b"TracerPid" => status.tracer = number(word()).unwrap_or(0),
                b"VmRSS" => {
                    status.rss_kib = number(word()).unwrap_or(0);
                    status.has_memory = true;
                }
                b"RssAnon" => status.anon_kib = number(word()).unwrap_or(0),
                b"RssFile" => status.file_kib = number(word()).unwrap_or(0),
                b"RssShmem" => status.shmem_kib = number(word()).unwrap_or(0),
                b"VmSwap" => status.swap_kib = number(word()).unwrap_or(0),
                b"VmPTE" => status.page_table_kib = number(word()).unwrap_or(0),
                b"SigPnd" | b"ShdPnd" => status.pending |= bits(word()),
                b"SigBlk" => status.blocked = bits(word()),
                b"SigIgn" => status.ignored = bits(word()),
                b"SigCgt" => status.caught = bits(word()),
                _ => {}
            }
        }
        status
    }
}

/// Its `oom_score_adj`, -1000..=1000.
///
/// # Errors
/// When the process is gone.
pub fn oom_score_adj(pid: u32) -> io::Result<i32> {
    number(read(pid, "oom_score_adj", 32)?.trim_ascii()).ok_or_else(unknown_form)
}

/// Sets its `oom_score_adj`, -1000..=1000.
///
/// # Errors
/// `EACCES`: below the lowest value once set with `CAP_SYS_RESOURCE`, without that right, or the
/// process of somebody else; when it is gone.
pub fn set_oom_score_adj(pid: u32, value: i32) -> io::Result<()> {
    std::fs::write(format!("/proc/{pid}/oom_score_adj"), value.to_string())
}

/// The same, only if it is still the process that started at `start_ticks`: the file is opened
/// first, and belongs to one process for good, so a number given away again is not written to.
///
/// # Errors
/// As [`set_oom_score_adj`]; `NotFound`: the number is another's by now.
pub fn set_oom_score_adj_of(pid: u32, start_ticks: u64, value: i32) -> io::Result<()> {
    use std::io::Write;
    let mut file = File::options().write(true).open(format!("/proc/{pid}/oom_score_adj"))?;
    if Stat::read(pid)?.start_ticks != start_ticks {
        return Err(io::ErrorKind::NotFound.into());
    }
    file.write_all(value.to_string().as_bytes())
}

/// Its command line: arguments, each ended by a 0 byte; empty for kernel threads and ended
/// processes. Foreign bytes.
///
/// # Errors
/// When it is gone.
pub fn command_line(pid: u32, bytes_max: usize) -> io::Result<Vec<u8>> {
    read(pid, "cmdline", bytes_max)
}

/// Lines `ID:CONTROLLERS:PATH` of `/proc/PID/cgroup` (cgroups(7)).
///
/// # Errors
/// When it is gone.
pub fn cgroup(pid: u32) -> io::Result<Vec<u8>> {
    read(pid, "cgroup", CGROUP_BYTES_MAX)
}

/// A file of `/proc/PID`, cut after `bytes_max`.
///
/// # Errors
/// When it is gone or not ours to read.
pub fn read(pid: u32, file: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    open(&format!("/proc/{pid}/{file}"))?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open(path: &str) -> io::Result<File> {
    Ok(File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
}

fn numbers(folder: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        // A process that ended meanwhile is no reason to see none.
        let Ok(entry) = entry else { continue };
        found.extend(entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(found)
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn bits(hex: &[u8]) -> u64 {
    std::str::from_utf8(hex).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}

fn unknown_form() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not in the form of proc(5)")
}

/// Set in [`Stat::flags`] of kernel threads.
pub const PF_KTHREAD: u32 = 0x0020_0000;

/// Of the processes with `/proc/PID/fd` open to us: the numbers and what each stands for, such as
/// `socket:[123]`.
///
/// # Errors
/// When the process is gone or somebody else's.
pub fn descriptors(pid: u32) -> io::Result<Vec<(u32, Vec<u8>)>> {
    use std::os::unix::ffi::OsStringExt;
    let path = format!("/proc/{pid}/fd");
    let folder = open(&path)?;
    let mut found = Vec::new();
    for fd in numbers(&format!("/proc/self/fd/{}", folder.as_raw_fd()))? {
        if let Ok(target) = std::fs::read_link(format!("{path}/{fd}")) {
            found.push((fd, target.into_os_string().into_vec()));
        }
    }
    Ok(found)
}

const STAT_BYTES_MAX: usize = 4096;
const STATUS_BYTES_MAX: usize = 64 * 1024;
const CGROUP_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests;
