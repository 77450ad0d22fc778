//! The report for people: every socket with who has it, what probes gave, the findings.
//!
//! Names, command lines and rules are foreign: [`shown`] is the only way of them into the text, so
//! nothing steers a terminal.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::net::SocketAddr;

use menshen_base::{Finding, Severity};

use super::groups::{command, program, starts_service};
use super::report::Report;
use super::{
    Facts, Holder, Listener, Origin, ReadingOutcome, Skipped, Target, Transport, Waits, reach,
};

/// The report as text, with a line end.
#[must_use]
pub fn text(report: &Report) -> String {
    let facts = &report.facts;
    let mut out = String::new();
    let service = facts.service.as_ref().map(|name| format!(" ({})", shown(name)));
    let service = service.unwrap_or_default();
    let _ =
        writeln!(out, "port {}/{}{service}: {}", facts.port, facts.transport.word(), sum(report));
    if !facts.listeners.is_empty() {
        out.push('\n');
        sockets(facts, &mut out);
    }
    if !facts.targets.is_empty() {
        out.push('\n');
        probes(facts, &mut out);
    }
    out.push('\n');
    surroundings(facts, &mut out);
    for finding in &report.findings {
        out.push('\n');
        self::finding(finding, &mut out);
    }
    out
}

/// The first line.
fn sum(report: &Report) -> String {
    let count = report.facts.listeners.len();
    let sockets = match (count, report.facts.transport) {
        (0, _) => return "nobody listens".into(),
        (1, Transport::Tcp) => "1 socket listens".to_string(),
        (count, Transport::Tcp) => format!("{count} sockets listen"),
        (1, Transport::Udp) => "1 socket".to_string(),
        (count, Transport::Udp) => format!("{count} sockets"),
    };
    let worst = report.findings.iter().map(|finding| finding.severity).max();
    let of = |severity| report.findings.iter().filter(|one| one.severity == severity).count();
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    match worst {
        Some(Severity::Error) => format!("{sockets}; {}", plural(of(Severity::Error), "error")),
        Some(Severity::Warning) => {
            format!("{sockets}; {}", plural(of(Severity::Warning), "warning"))
        }
        _ => format!("{sockets}; nothing wrong was found"),
    }
}

fn sockets(facts: &Facts, out: &mut String) {
    let probed = facts.targets.iter().any(|target| target.tries != 0);
    let tcp = facts.transport == Transport::Tcp;
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut head = alloc::vec!["address".to_string(), "socket".to_string(), "queue".to_string()];
    if probed && tcp {
        head.push("probes".into());
    }
    head.extend(["owner".to_string(), "options".to_string(), "held by".to_string()]);
    rows.push(head);
    for listener in &facts.listeners {
        let mut row = alloc::vec![
            SocketAddr::new(listener.address, facts.port).to_string(),
            listener.inode.to_string(),
            queue(facts, listener),
        ];
        if probed && tcp {
            row.push(share(facts, listener));
        }
        row.push(listener.user.clone().unwrap_or_else(|| listener.uid.to_string()));
        row.push(options(listener));
        let before = row.len();
        let held = holders(facts, listener);
        let mut held = held.into_iter();
        row.push(held.next().unwrap_or_default());
        rows.push(row);
        for more in held {
            let mut row = alloc::vec![String::new(); before];
            row.push(more);
            rows.push(row);
        }
    }
    table(&rows, out);
}

/// `0 of 128`; of UDP `0 bytes`.
fn queue(facts: &Facts, listener: &Listener) -> String {
    match (facts.transport, listener.backlog) {
        (Transport::Udp, _) => format!("{} bytes", listener.queue),
        (Transport::Tcp, Some(backlog)) => format!("{} of {backlog}", listener.queue),
        (Transport::Tcp, None) => listener.queue.to_string(),
    }
}

/// Probes that came to this socket.
fn share(facts: &Facts, listener: &Listener) -> String {
    if starts_service(listener) {
        return "-".into();
    }
    let (taken, left) = facts.share(listener.inode);
    if taken == 0 && facts.unattributed() != 0 {
        return match left {
            0 => "?".into(),
            left => format!("?, {left} left waiting"),
        };
    }
    match left {
        0 => taken.to_string(),
        left => format!("{taken}, {left} left waiting"),
    }
}

fn options(listener: &Listener) -> String {
    let mut words: Vec<String> = Vec::new();
    if let Some(options) = &listener.options {
        if options.reuse_port == Some(true) {
            words.push("reuseport".into());
        }
        if let Some(seconds) = options.defer_accept_seconds.filter(|seconds| *seconds != 0) {
            words.push(format!("defer {seconds} s"));
        }
        if let Some(cpu) = options.incoming_cpu {
            words.push(format!("cpu {cpu}"));
        }
        if options.filter_instructions.is_some_and(|count| count != 0) {
            words.push("filter".into());
        }
    }
    if listener.address.is_ipv6() && listener.is_wildcard() {
        words.push(
            match listener.only_v6 {
                Some(true) => "v6 only",
                Some(false) => "v4 and v6",
                None => "v6",
            }
            .into(),
        );
    }
    if listener.device != 0 {
        let name = listener.device_name.clone();
        words.push(format!("dev {}", name.unwrap_or_else(|| listener.device.to_string())));
    }
    if words.is_empty() { "-".into() } else { words.join(", ") }
}

fn holders(facts: &Facts, listener: &Listener) -> Vec<String> {
    if listener.holders.is_empty() {
        let why = match facts.sight.hidden_processes {
            0 => "no process",
            _ => "not seen: needs root",
        };
        return alloc::vec![why.into()];
    }
    let mut lines: Vec<String> =
        listener.holders.iter().take(HOLDERS_SHOWN).map(|holder| held(facts, holder)).collect();
    if listener.holders.len() > HOLDERS_SHOWN {
        lines.push(format!("… and {} more", listener.holders.len() - HOLDERS_SHOWN));
    }
    lines
}

/// `1234 nginx (www-data, nginx.service), waits`.
fn held(facts: &Facts, holder: &Holder) -> String {
    let waits = match (facts.transport, holder.waits) {
        (Transport::Udp, _) => "",
        (_, Waits::Accepts) => ", accepts",
        (_, Waits::Watches) => ", watches it",
        (_, Waits::Perhaps) => ", waits for something",
        (_, Waits::No) => ", only holds it",
        (_, Waits::Unknown) => "",
    };
    let Some(process) = facts.process(holder.pid) else {
        return format!("{}{waits}", holder.pid);
    };
    let user = process.user.clone().unwrap_or_else(|| process.uid.to_string());
    let unit = process.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default();
    let what = if process.command.is_empty() { program(process) } else { command(process) };
    let what: String = what.chars().take(COMMAND_CHARS_MAX).collect();
    format!("{} {what} ({user}{unit}){waits}", process.pid)
}

fn probes(facts: &Facts, out: &mut String) {
    let mut rows = alloc::vec![alloc::vec!["to".to_string(), "result".into(), "sockets".into()]];
    for target in &facts.targets {
        let sockets: Vec<String> = if target.ours {
            let listeners = reach::listeners(facts, target);
            listeners.iter().map(|listener| listener.inode.to_string()).collect()
        } else {
            alloc::vec!["another machine".to_string()]
        };
        let sockets = if sockets.is_empty() { "none".into() } else { sockets.join(", ") };
        rows.push(alloc::vec![target.address.to_string(), result(facts, target), sockets]);
    }
    table(&rows, out);
}

fn result(facts: &Facts, target: &Target) -> String {
    match target.skipped {
        Some(Skipped::NotWanted) => return "not probed".into(),
        Some(Skipped::WouldStartService) => return "not probed: it would start a service".into(),
        None => {}
    }
    let mut words: Vec<String> = Vec::new();
    let mut count = |number: u32, word: &str| {
        if number != 0 {
            let all = number == target.tries && number == 1;
            words.push(if all { word.to_string() } else { format!("{number} {word}") });
        }
    };
    match facts.transport {
        Transport::Udp => count(target.connected, "sent, not refused"),
        Transport::Tcp => count(target.connected, "connected"),
    }
    count(target.refused, "refused");
    count(target.unreachable, "unreachable");
    count(target.forbidden, "forbidden");
    count(target.timed_out, "timed out");
    count(target.reset, "reset");
    count(target.deferred, "kept back until data comes");
    count(target.left.iter().map(|left| left.count).sum(), "never accepted");
    if target.failed.is_some() {
        words.push("failed".into());
    }
    if target.connected != 0 && facts.transport == Transport::Tcp {
        let micros = target.slowest_micros;
        words.push(format!("slowest {}.{} ms", micros / 1000, micros % 1000 / 100));
    }
    if target.origin == Origin::Asked {
        words.push("asked for".into());
    }
    words.join(", ")
}

fn surroundings(facts: &Facts, out: &mut String) {
    let readings = facts.firewall.readings.iter().map(|reading| {
        let outcome = match &reading.outcome {
            ReadingOutcome::Read(1) => "1 rule".to_string(),
            ReadingOutcome::Read(count) => format!("{count} rules"),
            ReadingOutcome::Absent => "not installed".into(),
            ReadingOutcome::NotPermitted => "not readable: needs root".into(),
            ReadingOutcome::Failed(why) => format!("not readable: {why}"),
        };
        format!("{}: {outcome}", reading.program)
    });
    let readings: Vec<String> = readings.collect();
    let firewall = if readings.is_empty() { "not looked at".into() } else { readings.join("; ") };
    let _ = writeln!(out, "firewall    {}", shown(&firewall));
    let kernel = &facts.kernel;
    let number = |value: Option<u64>| value.map_or_else(|| "?".into(), |value| value.to_string());
    if facts.transport == Transport::Tcp {
        let _ = writeln!(
            out,
            "kernel      somaxconn {}, tcp_abort_on_overflow {}, ListenOverflows {}",
            number(kernel.somaxconn.map(u64::from)),
            number(kernel.abort_on_overflow.map(u64::from)),
            number(kernel.listen_overflows),
        );
    }
    if !facts.sight.root {
        let _ = writeln!(
            out,
            "rights      not root: {} processes could not be looked into",
            facts.sight.hidden_processes
        );
    }
}

fn finding(finding: &Finding, out: &mut String) {
    let word = finding.severity.word();
    let _ = writeln!(out, "{word}: {} [{}]", shown(&finding.claim), finding.code);
    let _ = writeln!(out, "  about: {}", shown(&finding.subject));
    for evidence in &finding.evidence {
        let (what, place, value) =
            (shown(&evidence.what), shown(&evidence.place), shown(&evidence.value));
        let value = if value.is_empty() { "(empty)".into() } else { value };
        let _ = writeln!(out, "  evidence: {what} = {value} ({place})");
    }
    if !finding.hint.is_empty() {
        let _ = writeln!(out, "  hint: {}", shown(&finding.hint));
    }
}

/// Columns side by side, the last one as long as it is.
fn table(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Fit for a terminal: control characters, and those that turn or hide text, are written out.
fn shown(text: &str) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{ad}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || hidden(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

const HOLDERS_SHOWN: usize = 8;
const COMMAND_CHARS_MAX: usize = 60;

#[cfg(test)]
pub(super) mod tests;
