//! `menshen guard`: options.

use std::path::PathBuf;

use clap::Args;
use menshen_guard::Source;

/// Watch memory without a door: protect, act before the kernel kills, keep the last words
///
/// `menshen serve` has this built in; alone it is for machines without a door. It runs in the
/// foreground until SIGTERM or Ctrl-C, says on standard error what happens, and records in a file
/// of fixed size what was seen before the kernel killed and what the kernel said. That file
/// survives a reset of the machine and the end of every log daemon: `menshen explain oom
/// --recorder` reads it. Of the configuration it uses `state` and the section `[guard]`.
///
/// Exit code 0: ended when asked to; 2: usage or configuration; 100: it cannot watch here; 111:
/// another watch records in the same file, or another try can help.
#[derive(Debug, Args)]
pub(crate) struct GuardArguments {
    /// Configuration file [default: ./menshen.toml, else /etc/menshen/menshen.toml, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Recorder file, instead of guard.recorder
    #[arg(long, value_name = "FILE")]
    pub(crate) recorder: Option<PathBuf>,
}

impl GuardArguments {
    /// Where the configuration comes from.
    pub(crate) fn source(&self) -> Source {
        Source { file: self.config.clone(), ..Source::default() }
    }
}
