//! Options of the questions about other processes: `explain silence`, `explain stopped`.

use std::ffi::OsString;

use clap::Args;

/// Why a program prints nothing, and which text it holds back
///
/// With a command: starts it in a session of its own, with its output on a pipe as a log gets it,
/// shows what arrives when, and looks after some seconds, or at its end, for what does not arrive:
/// text in a C library's buffer (read from the process's memory: exact, also what `_exit` loses), a
/// language's own buffer and its switch, a full pipe and who does not read it, an input that is
/// waited for, an output that goes elsewhere, a stop, a deadlock. The command is ended when the
/// time is over, with SIGTERM, then SIGKILL. Programs that gain rights (set-user-id) do not, unless
/// root watches.
///
/// With --pid: looks at a running process in the same way, and changes nothing in it. It needs the
/// rights of a debugger: the same user, or root.
///
/// Exit code 0: nothing but notes; 1: a cause was found; 2: usage, or there is no such process;
/// 100: the command cannot be started.
#[derive(Debug, Args)]
#[command(
    override_usage = "menshen explain silence [OPTIONS] -- <CMD>...\n       \
    menshen explain silence [OPTIONS] --pid <PID>",
    after_help = "Examples:\n  \
    menshen explain silence -- ./app --verbose      what arrives in a log, and what does not\n  \
    menshen explain silence --pty -- ./app          the same on a terminal, to compare\n  \
    menshen explain silence --pid 1234              a process that runs"
)]
pub(crate) struct SilenceArguments {
    /// The command to start and its arguments
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        required_unless_present = "pid",
        conflicts_with = "pid"
    )]
    pub(crate) command: Vec<OsString>,
    /// Look at this process instead
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// How long to watch [default: 5, with --pid 1]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Start the command a second time with its output on a terminal, to compare
    #[arg(long, conflicts_with = "pid")]
    pub(crate) pty: bool,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which signal stopped a process, or what else holds it, and how it goes on
///
/// SIGTTOU, SIGTTIN, SIGSTOP and SIGTSTP are told apart exactly, with the terminal and who is in
/// its foreground; also a debugger that holds it, a frozen control group, and a vfork that does not
/// end. The process stays as it is. Which signal it was needs the rights of a debugger: the same
/// user, or root. Who sent a SIGSTOP is not kept by the kernel, so it is not told.
///
/// Exit code 0: none of them is stopped; 1: one is; 2: usage, or there is no such process.
#[derive(Debug, Args)]
pub(crate) struct StoppedArguments {
    /// A process id, or a name: of the process, or the first word of its command line
    #[arg(value_name = "PID|NAME")]
    pub(crate) what: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
