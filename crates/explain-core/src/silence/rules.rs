//! The rules, one function each, in the order they are looked at.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Runtime, Severity};

use super::runtime::{Keeps, buffer};
use super::{Doing, Ended, Facts, Streams, Stuck, Target, excerpt};
use crate::stopped::{self, shown};

type Rule = fn(&Facts) -> Option<Finding>;

/// Each looks at one cause.
pub(super) const RULES: &[Rule] = &[
    stopped_or_ended,
    stuck_text,
    blocked_on_output,
    output_elsewhere,
    waits_for_input,
    deadlock,
    waits_on_disk,
    runtime_buffers,
    busy,
    writes,
    streams_unreadable,
];

fn subject(facts: &Facts) -> String {
    format!("{} ({})", shown(&facts.name), facts.pid)
}

fn finding(facts: &Facts, code: &'static str, severity: Severity, claim: String) -> Finding {
    Finding::new(code, severity, subject(facts), claim)
}

fn stopped_or_ended(facts: &Facts) -> Option<Finding> {
    facts.stop.is_stopped().then(|| stopped::finding(&facts.stop))
}

fn stuck_text(facts: &Facts) -> Option<Finding> {
    let Streams::Read(stuck) = &facts.streams else { return None };
    let first = stuck.first()?;
    let claim = format!("printed {}, still in its C library's buffer", sum(stuck));
    let mut found = finding(facts, "stdio-text-stuck", Severity::Error, claim);
    for stream in stuck {
        found = found.evidence(stream.stream, "its FILE in memory", line(stream));
    }
    let why = match (&facts.output, first.by_line) {
        (_, true) => "it is written at the next line end".to_string(),
        (Target::Terminal(_), false) => "the program asked for a full buffer".to_string(),
        _ => format!(
            "standard output is no terminal, so it is written when {} bytes are there",
            first.buffer_bytes
        ),
    };
    let fix = if facts.runtime == Runtime::GoWithC {
        "C.fflush(C.stdout) after C code printed, also before os.Exit"
    } else {
        "setvbuf(stdout, NULL, _IOLBF, 0) at the start, fflush(stdout) after printing"
    };
    let first = if first.by_line {
        "Print a line end, or call fflush(stdout)."
    } else {
        "`menshen run` or `stdbuf -oL` (dynamically linked programs only) give it line by line."
    };
    found = found.evidence("buffering", "its FILE in memory", why);
    Some(found.hint(format!("{first} In the program: {fix}.")))
}

/// `32 bytes of stdout`.
fn sum(stuck: &[Stuck]) -> String {
    let parts = stuck.iter().map(|stream| {
        let name = match stream.stream {
            "other" => format!("descriptor {}", stream.descriptor),
            name => name.to_string(),
        };
        format!("{} of {name}", bytes(stream.bytes))
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn line(stream: &Stuck) -> String {
    format!(
        "{} for descriptor {}: {}",
        bytes(stream.bytes),
        stream.descriptor,
        excerpt(&stream.text)
    )
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}

fn blocked_on_output(facts: &Facts) -> Option<Finding> {
    let writes = facts.threads.iter().any(|doing| matches!(doing, Doing::Writes(1 | 2)));
    // Where the kernel does not tell the call, a pipe with no room for one page does.
    let is_full = |(filled, size): (u64, u64)| filled > 0 && filled + PAGE > size;
    let full = matches!(facts.output, Target::Pipe { filled: Some(pair), .. } if is_full(pair));
    let untold = facts.threads.is_empty() && facts.state == 'S';
    if !(writes || untold && full) {
        return None;
    }
    let mut found = blocked(facts);
    if !writes {
        found.confidence = Confidence::Likely;
    }
    Some(found)
}

fn blocked(facts: &Facts) -> Finding {
    let call = format!("/proc/{}/syscall", facts.pid);
    let told = if facts.threads.is_empty() { "not readable" } else { "write" };
    let Target::Pipe { filled, others, complete } = &facts.output else {
        let claim = "stands in a write to its output, which does not take more".into();
        let found = finding(facts, "output-blocked", Severity::Error, claim);
        return found.evidence("call", call, told).hint(
            "Look at who is behind that output: a terminal held by Ctrl-S, a socket whose peer \
does not read.",
        );
    };
    let full = match filled {
        Some((filled, size)) => format!("{filled} of {size} bytes are in it"),
        None => "it cannot be seen how full it is".into(),
    };
    let who = peers(others, *complete);
    let claim = format!("stands in a write to a pipe that is full: {who}");
    let hint = match others.first() {
        Some((pid, name, 'T' | 't')) => {
            format!("{} ({pid}) is stopped: see `menshen explain stopped {pid}`.", shown(name))
        }
        Some((pid, name, _)) => format!(
            "{} ({pid}) holds the other end and does not read: see `menshen explain silence --pid \
{pid}`.",
            shown(name)
        ),
        None => "Find who holds the other end, and make it read or end.".into(),
    };
    let found = finding(facts, "output-blocked", Severity::Error, claim);
    found.evidence("call", call, told).evidence("pipe", "FIONREAD", full).hint(hint)
}

fn peers(others: &[(u32, String, char)], complete: bool) -> String {
    if others.is_empty() {
        let unseen = if complete { "" } else { " that can be seen" };
        return format!("nobody{unseen} has its other end");
    }
    let name = |(pid, name, state): &(u32, String, char)| {
        format!("{} ({pid}, state {state})", shown(name))
    };
    let names: Vec<String> = others.iter().take(PEERS_SHOWN).map(name).collect();
    format!("its other end is with {}", names.join(", "))
}

fn output_elsewhere(facts: &Facts) -> Option<Finding> {
    let place = format!("/proc/{}/fd/1", facts.pid);
    let (severity, claim, value, hint) = match &facts.output {
        Target::Null => (
            Severity::Error,
            "writes its output to /dev/null".to_string(),
            "/dev/null".to_string(),
            "Whoever started it sent it there: start it with another output.",
        ),
        Target::Deleted(path) => (
            Severity::Error,
            "writes its output to a file that has been deleted".to_string(),
            shown(path),
            "The file was removed or rotated while it was open. `cp /proc/PID/fd/1 FILE` saves \
what is in it; the program has to open it again, mostly by a restart or its reload signal.",
        ),
        Target::Closed => (
            Severity::Error,
            "has no standard output: it is closed".to_string(),
            "closed".to_string(),
            "Start it with an output; what it prints is lost.",
        ),
        Target::File(path) => (
            Severity::Note,
            format!("writes its output to the file {}", shown(path)),
            shown(path),
            "Look there.",
        ),
        Target::Socket => (
            Severity::Note,
            "writes its output to a socket".to_string(),
            "socket".to_string(),
            "Mostly the journal of systemd: `journalctl _PID=PID`.",
        ),
        _ => return None,
    };
    let hint = hint.replace("PID", &facts.pid.to_string());
    let found = finding(facts, "output-elsewhere", severity, claim);
    Some(found.evidence("standard output", place, value).hint(hint))
}

fn waits_for_input(facts: &Facts) -> Option<Finding> {
    let waits = facts.threads.iter().any(|doing| match doing {
        Doing::Reads(descriptor) => *descriptor == 0,
        Doing::Polls(descriptors) => descriptors == &[0],
        _ => false,
    });
    if !waits {
        return None;
    }
    let (from, hint) = match &facts.input {
        Target::Terminal(path) => (
            shown(path),
            "It asks its terminal: type what it wants, or start it with </dev/null.".to_string(),
        ),
        Target::Pipe { others, complete, .. } => {
            let hint = match others.first() {
                Some((pid, name, _)) => format!(
                    "{} ({pid}) has to write, or to close its end: see `menshen explain silence \
--pid {pid}`.",
                    shown(name)
                ),
                None => "Whoever holds the writing end has to write or to close it.".into(),
            };
            (format!("a pipe; {}", peers(others, *complete)), hint)
        }
        Target::Socket => {
            ("a socket".into(), "Its peer has to send, or to close the connection.".into())
        }
        other => (name(other), "Give it its input, or start it with </dev/null.".into()),
    };
    let claim = format!("waits for input from {from}");
    let found = finding(facts, "waits-for-input", Severity::Warning, claim);
    let place = format!("/proc/{}/syscall", facts.pid);
    Some(found.evidence("call", place, "read of descriptor 0").hint(hint))
}

fn name(target: &Target) -> String {
    match target {
        Target::File(path) | Target::Deleted(path) | Target::Other(path) => shown(path),
        Target::Null => "/dev/null".into(),
        _ => "its standard input".into(),
    }
}

fn deadlock(facts: &Facts) -> Option<Finding> {
    let count = facts.threads.len();
    if count == 0 || facts.threads.iter().any(|doing| *doing != Doing::Locks) {
        return None;
    }
    let claim = if count == 1 {
        "waits for a lock, and has no other thread that could open it: likely a deadlock"
            .to_string()
    } else {
        format!("all of its {count} threads wait for locks in memory: likely a deadlock")
    };
    let mut found = finding(facts, "waits-for-lock", Severity::Error, claim);
    found.confidence = Confidence::Likely;
    let place = format!("/proc/{}/task/*/syscall", facts.pid);
    Some(found.evidence("call", place, "futex without a time limit").hint(format!(
        "See where: `gdb -p {} -batch -ex 'thread apply all bt'`. Only a process that shares its \
memory, or a signal, could still wake it.",
        facts.pid
    )))
}

fn waits_on_disk(facts: &Facts) -> Option<Finding> {
    if facts.state != 'D' || facts.stop.is_stopped() {
        return None;
    }
    let mut found = finding(
        facts,
        "waits-in-kernel",
        Severity::Warning,
        "waits in the kernel, mostly for a disk or a network file system (state D)".into(),
    );
    found.confidence = Confidence::Likely;
    let place = format!("/proc/{}/stat", facts.pid);
    Some(found.evidence("state", place, "D").hint(format!(
        "`cat /proc/{}/stack` as root tells for what; look at the kernel's log and at `df`.",
        facts.pid
    )))
}

fn runtime_buffers(facts: &Facts) -> Option<Finding> {
    let buffer = buffer(facts.runtime)?;
    if facts.unbuffered || facts.written.is_some_and(|bytes| bytes > 0) {
        return None;
    }
    let terminal = matches!(facts.output, Target::Terminal(_));
    let (severity, claim) = match buffer.keeps {
        Keeps::Unless if terminal => return None,
        Keeps::Unless => (
            Severity::Warning,
            format!(
                "{} keeps what it prints in its own buffer until some kilobytes are there, since \
the output is no terminal",
                buffer.name
            ),
        ),
        Keeps::Line => (
            Severity::Note,
            format!("{} keeps what comes after the last line end in its own buffer", buffer.name),
        ),
        Keeps::Asked => (
            Severity::Note,
            format!(
                "{} keeps what it prints only where the program asks for a buffer",
                buffer.name
            ),
        ),
    };
    let mut found = finding(facts, "runtime-buffers", severity, claim);
    found.confidence = Confidence::Likely;
    let place = format!("/proc/{}/exe and its libraries", facts.pid);
    Some(
        found
            .evidence("runtime", place, format!("{}; own buffer: not readable", buffer.name))
            .hint(buffer.switch),
    )
}

fn busy(facts: &Facts) -> Option<Finding> {
    let busy = facts.busy_ms?;
    // Half of one processor: less is what loops of events use. Where the machine is full it gets
    // less, but then it is found running.
    let runs = facts.threads.contains(&Doing::Runs);
    let least = if runs { facts.watched_ms / 10 } else { facts.watched_ms / 2 };
    if facts.written.unwrap_or(0) > 0 || facts.watched_ms == 0 || busy < least {
        return None;
    }
    let claim = format!("computes: {busy} ms in {} ms, and wrote nothing", facts.watched_ms);
    let found = finding(facts, "busy-without-writing", Severity::Warning, claim);
    let place = format!("/proc/{}/task/*/schedstat", facts.pid);
    Some(found.evidence("processor time", place, format!("{busy} ms")).hint(format!(
        "It may be at work or in a loop: `gdb -p {} -batch -ex bt`, or `perf top -p {}`.",
        facts.pid, facts.pid
    )))
}

fn writes(facts: &Facts) -> Option<Finding> {
    let written = facts.written.filter(|bytes| *bytes > 0)?;
    let claim = format!("wrote {} in {} ms", bytes(written), facts.watched_ms);
    let place = format!("/proc/{}/io", facts.pid);
    let found = finding(facts, "it-writes", Severity::Note, claim);
    Some(
        found.evidence("wchar", place, written.to_string()).hint(
            "It is not silent: if nothing arrives where you look, its output goes elsewhere.",
        ),
    )
}

fn streams_unreadable(facts: &Facts) -> Option<Finding> {
    let Streams::Unreadable(why) = &facts.streams else { return None };
    if facts.stop.cause == stopped::Cause::Ended {
        return None;
    }
    let claim = "may have text in its C library's buffer, which cannot be read".into();
    let mut found = finding(facts, "stdio-not-readable", Severity::Note, claim);
    found.confidence = Confidence::Likely;
    Some(found.evidence("why not", "process_vm_readv(2), its files", shown(why)))
}

/// What is left: it lives, nothing is stuck, and it just does something else.
pub(super) fn nothing_to_say(facts: &Facts) -> Option<Finding> {
    if facts.written.is_some_and(|bytes| bytes > 0) {
        return None;
    }
    if facts.stop.is_stopped() {
        return None;
    }
    let Some(what) = facts.threads.first() else { return untold(facts) };
    let what = match what {
        Doing::Sleeps => "sleeps, because it asked to",
        Doing::Polls(_) => "waits for events: connections, files, timers",
        Doing::Locks => "waits for another of its threads",
        Doing::WaitsForChild => "waits for a child: look at that one",
        Doing::WaitsForSignal => "waits for a signal",
        Doing::Reads(_) => "reads from something else than its input",
        Doing::Runs | Doing::Writes(_) | Doing::Else => return None,
    };
    let claim = format!("has nothing to say: it {what}, and nothing is stuck that could be read");
    let mut found = finding(facts, "nothing-to-say", Severity::Note, claim);
    found.confidence = Confidence::Likely;
    Some(found)
}

/// The kernel does not tell in which call it is, here or to us.
fn untold(facts: &Facts) -> Option<Finding> {
    if facts.state != 'S' {
        return None;
    }
    let claim = "waits for something; in which call cannot be told here".into();
    let mut found = finding(facts, "nothing-to-say", Severity::Note, claim);
    found.confidence = Confidence::Likely;
    let place = format!("/proc/{}/syscall", facts.pid);
    Some(found.evidence("call", place, "not readable").hint("Ask as root, or look with strace."))
}

/// What was lost with a process.
pub(super) fn end(ended: &Ended) -> Vec<Finding> {
    let subject = format!("{} ({})", shown(&ended.name), ended.pid);
    let how = match (ended.code, ended.signal) {
        _ if ended.by_us => "when its time was over and it was ended here".to_string(),
        (_, Some(signal)) => format!("when signal {signal} ended it"),
        (Some(code), _) => format!("when it ended with code {code}"),
        _ => "when it ended".to_string(),
    };
    let mut findings = Vec::new();
    if let Streams::Read(stuck) = &ended.streams
        && !stuck.is_empty()
    {
        let claim = format!("{} were lost {how}: never written", sum(stuck));
        let severity = if ended.by_us { Severity::Warning } else { Severity::Error };
        let mut found = Finding::new("output-lost-at-exit", severity, subject, claim);
        for stream in stuck {
            found = found.evidence(stream.stream, "its FILE at PTRACE_EVENT_EXIT", line(stream));
        }
        if let Some(caller) = &ended.caller {
            found = found.evidence("last call", "its registers", shown(caller));
        }
        if let Some(from) = &ended.from {
            found = found.evidence("called from", "its stack", shown(from));
        }
        findings.push(found.hint(if ended.signal.is_some() {
            "Make it handle SIGTERM and leave by exit(), or write line by line: `menshen run`, \
`stdbuf -oL`, setvbuf."
        } else {
            "Call fflush(NULL) before _exit, or leave by exit() or return. From Go, \
C.fflush(C.stdout) before os.Exit."
        }));
    }
    findings
}

const PEERS_SHOWN: usize = 4;
/// What a pipe takes at once or not at all (`PIPE_BUF`, pipe(7)).
const PAGE: u64 = 4096;
