//! What programs say that belongs to the story of a kill: a wrapper starts its program again,
//! systemd names the unit that was hit, log daemons admit what they lost.
//!
//! None of this is taken for the kernel's word.

use super::text::{after, cut_first, cut_last, digits_then, has, trim_start, word};

/// What a program said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// It started something again.
    Restart { by: &'static str, what: &'a [u8] },
    /// A process of this unit was killed for lack of memory.
    UnitHit(&'a [u8]),
    /// Messages are missing; `None`: how many is not said.
    Lost(Option<u64>),
}

/// `program`: as the prefix names it; empty: nobody is named.
pub(super) fn read<'a>(program: &[u8], text: &'a [u8]) -> Option<Said<'a>> {
    let text = text.trim_ascii();
    // Most lines of a report come here: what names itself begins as a wrapper's or supervisord's.
    if program.is_empty() && !matches!(text.first(), Some(b'm' | b'I' | b's')) {
        return None;
    }
    if program.starts_with(b"rsyslog") || has(program, b"journal") {
        return lost(text).map(Said::Lost);
    }
    if program.starts_with(b"systemd") || program == b"init" {
        return systemd(text).or_else(|| upstart(text));
    }
    if program == b"monit" {
        return quoted(text)
            .filter(|_| text.ends_with(b"trying to restart"))
            .map(|what| Said::Restart { by: "monit", what });
    }
    wrapper(program, text).or_else(|| supervisor(program, text))
}

fn lost(text: &[u8]) -> Option<Option<u64>> {
    if let Some((count, rest)) = text.strip_prefix(b"Suppressed ").and_then(digits_then) {
        return rest.starts_with(b" messages from ").then_some(Some(count));
    }
    if let Some((count, rest)) = text.strip_prefix(b"Missed ").and_then(digits_then) {
        return rest.starts_with(b" kernel messages").then_some(Some(count));
    }
    if has(text, b"begin to drop messages") || has(text, b"begins to drop messages") {
        return Some(None);
    }
    if let Some((count, rest)) = after(text, b" lost ").and_then(digits_then) {
        return rest.starts_with(b" messages").then_some(Some(count));
    }
    let (before, _) = cut_first(text, b" messages lost")?;
    let (_, count) = cut_last(before, b" ").unwrap_or((&[], before));
    Some(digits_then(count).map(|(count, _)| count))
}

fn systemd(text: &[u8]) -> Option<Said<'_>> {
    if let Some((unit, _)) =
        cut_first(text, b": A process of this unit has been killed by the OOM killer")
    {
        return Some(Said::UnitHit(unit));
    }
    let what = cut_first(text, b": Scheduled restart job")
        .or_else(|| cut_first(text, b" holdoff time over, scheduling restart"))
        .or_else(|| cut_first(text, b": Service hold-off time over, scheduling restart"))
        .map(|(unit, _)| unit)?;
    Some(Said::Restart { by: "systemd", what })
}

/// `mysql main process ended, respawning`.
fn upstart(text: &[u8]) -> Option<Said<'_>> {
    let what = text.strip_suffix(b"process ended, respawning")?.trim_ascii_end();
    let what = what.strip_suffix(b" main").unwrap_or(what);
    Some(Said::Restart { by: "init", what })
}

/// mysqld_safe and its namesakes: `mysqld_safe mysqld restarted`.
fn wrapper<'a>(program: &[u8], text: &'a [u8]) -> Option<Said<'a>> {
    let text = match WRAPPERS.iter().find_map(|name| text.strip_prefix(*name)) {
        Some(rest) => trim_start(rest.strip_prefix(b":").unwrap_or(rest)),
        None if WRAPPERS.contains(&program) || program == b"mysqld" => text,
        None => return None,
    };
    let what = text.strip_suffix(b" restarted")?;
    let (name, rest) = word(what);
    (rest.is_empty() && !name.is_empty()).then_some(Said::Restart { by: "mysqld_safe", what: name })
}

/// `INFO spawned: 'mysqld' with pid 123`.
fn supervisor<'a>(program: &[u8], text: &'a [u8]) -> Option<Said<'a>> {
    let rest = text.strip_prefix(b"INFO ").unwrap_or(text).strip_prefix(b"spawned: ")?;
    (program.is_empty() || program.starts_with(b"supervisor")).then_some(())?;
    let (_, pid) = cut_last(rest, b"' with pid ")?;
    digits_then(pid)?;
    quoted(rest).map(|what| Said::Restart { by: "supervisord", what })
}

/// What stands between the first and the next quote.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    cut_first(text.strip_prefix(b"'")?, b"'").map(|(what, _)| what)
}

const WRAPPERS: [&[u8]; 3] = [b"mysqld_safe", b"mariadbd-safe", b"mariadbd_safe"];
