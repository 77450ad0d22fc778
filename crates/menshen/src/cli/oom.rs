//! Options of `menshen explain oom`.

use clap::Args;

/// Who would be killed when memory runs out, and why
///
/// Exit code 0: nothing to do; 1: a warning or an error was found; 2: usage; 111: the processes
/// cannot be looked at.
#[derive(Debug, Args)]
pub(crate) struct OomArguments {
    /// Look at this host: who would be killed next, in order, on the machine and in each control
    /// group with a limit; who is immune, and whether that was inherited by mistake
    #[arg(long, required = true)]
    pub(crate) next: bool,
    /// With --next: lines of each list
    #[arg(long, value_name = "N", requires = "next", default_value_t = crate::explain::next::TOP)]
    pub(crate) top: usize,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
