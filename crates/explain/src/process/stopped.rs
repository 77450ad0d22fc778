//! Facts of a process that may stand still.

use std::io;

use menshen_explain_core::stopped::{Cause, Doing, Facts, Stopping, Terminal};
use menshen_process::call;
use menshen_process::stopped::{self, Look, Refusal};

/// Looks at process `pid`.
///
/// # Errors
/// `NotFound`: there is none.
pub fn look(pid: u32) -> io::Result<Facts> {
    stopped::look(pid).map(facts)
}

/// Processes of this name, or with it as the first word of their command line.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn named(name: &str) -> io::Result<Vec<u32>> {
    stopped::named(name)
}

fn facts(look: Look) -> Facts {
    let terminal = look.terminal.map(|terminal| Terminal {
        path: terminal.path,
        foreground_group: terminal.foreground_group,
        foreground: terminal.foreground.into_iter().map(|m| (m.pid, text(&m.name))).collect(),
        tostop: terminal.tostop,
    });
    Facts {
        pid: look.pid,
        name: text(&look.name),
        command: text(&look.command),
        state: look.state,
        group: look.group,
        session: look.session,
        cause: cause(look.cause),
        doing: look.doing.map(|doing| match doing {
            call::Doing::Reads(descriptor) => Doing::Read(descriptor),
            call::Doing::Writes(descriptor) => Doing::Write(descriptor),
            call::Doing::SetsTerminal(descriptor) => Doing::SetTerminal(descriptor),
            _ => Doing::Else,
        }),
        terminal,
    }
}

fn cause(cause: stopped::Cause) -> Cause {
    match cause {
        stopped::Cause::Signal(number) => match Stopping::of(number) {
            Some(signal) => Cause::Signal(signal),
            None => Cause::UnknownSignal(format!("it is signal {number}")),
        },
        stopped::Cause::UnknownSignal(refusal) => Cause::UnknownSignal(why(&refusal)),
        // Held for the moment of a look of our own: no state of the process.
        stopped::Cause::Traced { tracer, .. } if tracer == std::process::id() => Cause::NotStopped,
        stopped::Cause::Traced { tracer, name } => Cause::Traced { tracer, name: text(&name) },
        stopped::Cause::Frozen(group) => Cause::Frozen {
            version: group.version,
            folder: text(&group.folder),
            by_parent: group.by_parent,
        },
        stopped::Cause::Vfork => Cause::Vfork,
        stopped::Cause::Ended => Cause::Ended,
        stopped::Cause::NotStopped => Cause::NotStopped,
    }
}

fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::OtherUser(uid) => format!("it belongs to user {uid}; root may ask"),
        Refusal::Yama(scope) => format!(
            "the kernel's Yama module forbids it (kernel.yama.ptrace_scope = {scope}); root may ask"
        ),
        Refusal::Traced(tracer) => format!("process {tracer} traces it"),
        Refusal::Other(error) => error.clone(),
    }
}

/// Foreign bytes as text; what is no UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
