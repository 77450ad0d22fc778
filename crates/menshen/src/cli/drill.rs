//! `menshen drill`: options.

use clap::{Args, Subcommand};
use menshen_watch::drill::MEMORY_BYTES;

/// What can be tried.
#[derive(Debug, Subcommand)]
pub(crate) enum DrillCommand {
    Oom(OomDrillArguments),
}

/// Run out of memory on purpose, in a small control group of its own, and show what held
///
/// In that group it starts a watch and a few processes of menshen itself, takes memory slowly until
/// the kernel kills one of them, and compares: was the protected process spared, was the victim
/// named before, did the recorder keep the last words although the watch was killed too, were the
/// steps of the ladder taken in time. Then it removes everything. No other process, group or file
/// is touched. The kernel's log gets the report of one kill.
///
/// It needs root, or a delegated control group; what this host does not permit is told with what
/// would give the right. Exit code 0: everything was proved; 1: something failed or is not
/// permitted; 2: usage; 100, 111: the drill itself could not be done, 111 also after Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct OomDrillArguments {
    /// Memory of the control group, MiB, 64 to 1024
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = mebibytes())]
    pub(crate) memory: u64,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

fn mebibytes() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(MEMORY_BYTES.start() >> 20..=MEMORY_BYTES.end() >> 20)
}
