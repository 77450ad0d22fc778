//! Options of `menshen explain oom`.

use std::path::PathBuf;

use clap::Args;

/// Who was killed for want of memory, why, and what to do about it
///
/// Reads what the kernel wrote when memory ran out, from kernel 2.6.18 to today: /dev/kmsg, dmesg,
/// syslog, the journal's export, consoles. Tells it as a timeline with each kill, what was large,
/// what was started again, then the causes with their remedies, and at the end how complete the log
/// is. The same kill in several logs is told once.
///
/// A FILE may be compressed with gzip; a folder stands for the rotated logs in it; `-`, or no FILE,
/// is standard input. Started as root it becomes `nobody` before it looks into anything.
///
/// Exit code 0: no kill was found; 1: there were kills or findings; 2: usage; 100: an input cannot
/// be read; 111: another try can help.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen explain oom /var/log               all rotated logs of the system\n  \
    menshen explain oom --live                 the kernel's ring, checked against its counter\n  \
    menshen explain oom --journal              every start of the machine the journal has\n  \
    menshen explain oom --recorder             what the watch saw before, what the kernel said\n  \
    dmesg | menshen explain oom                what another program prints\n  \
    menshen explain oom kern.log.2.gz --json   one file, for programs")]
pub(crate) struct OomArguments {
    /// Log files, or folders of them; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The kernel's own ring (/dev/kmsg) as it is now, and its counter of kills
    #[arg(long, conflicts_with_all = ["files", "journal"])]
    pub(crate) live: bool,
    /// The journal, by journalctl: of this start of the machine and of those before
    #[arg(long, conflicts_with = "files")]
    pub(crate) journal: bool,
    /// The flight recorder of the watch: the kernel's words with every victim as it was before its
    /// kill; without FILE that of guard.recorder
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    #[arg(conflicts_with_all = ["files", "live", "journal"])]
    pub(crate) recorder: Option<Option<PathBuf>>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
