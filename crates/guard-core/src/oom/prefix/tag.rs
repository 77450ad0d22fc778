//! Host name and program of a system log's line (RFC 3164 section 4.1, RFC 5424 section 6).
//!
//! A tag is only taken for one where it stands in its place; the kernel's own sentences, which hold
//! colons too, are not torn apart.

use crate::oom::text::{digits_then, trim_start, word};

/// What a tag says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'a> {
    pub(super) host: Option<&'a [u8]>,
    /// `None`: the kernel.
    pub(super) program: Option<&'a [u8]>,
    pub(super) rest: &'a [u8],
}

/// Host and tag after a date.
pub(super) fn after_date(text: &[u8]) -> Option<Tag<'_>> {
    let (first, after) = word(text);
    if let Some(user) = facility(first) {
        let after = trim_start(after);
        let tag = one(after)
            .or_else(|| user.then_some(Tag { host: None, program: Some(first), rest: after }));
        return tag.or(Some(Tag { host: None, program: None, rest: after }));
    }
    if let Some(tag) = strict(text) {
        return Some(tag);
    }
    if !host_like(first) {
        return None;
    }
    let after = trim_start(after);
    let (second, rest) = word(after);
    if let Some(user) = facility(second) {
        let after = trim_start(rest);
        let tag = one(after).unwrap_or_else(|| Tag {
            host: None,
            program: user.then_some(second),
            rest: after,
        });
        return Some(Tag { host: Some(first), ..tag });
    }
    let tag = one(after).or_else(|| structured(after))?;
    Some(Tag { host: Some(first), ..tag })
}

/// A tag that can hardly be anything else: `kernel:`, `name[123]:`, `host kernel:`,
/// `host name[123]:`.
pub(super) fn strict(text: &[u8]) -> Option<Tag<'_>> {
    let colon = memchr::memchr(b':', text.get(..text.len().min(STRICT_BYTES_MAX))?)?;
    let (first, after) = word(text);
    if first.len() < colon {
        // A tag is the first or the second word.
        let rest = trim_start(after);
        if text.len() - rest.len() + word(rest).0.len() <= colon {
            return None;
        }
    }
    if let Some(tag) = one(text) {
        let pid = first.ends_with(b"]:") || first.contains(&b'[');
        return (tag.program.is_none() || pid).then_some(tag);
    }
    if !host_like(first) {
        return None;
    }
    let after = trim_start(after);
    let (second, _) = word(after);
    let tag = one(after)?;
    let sure = tag.program.is_none() || second.ends_with(b"]:");
    sure.then_some(Tag { host: Some(first), ..tag })
}

/// `kern  :warn  : ` of `dmesg -x`; whether user space wrote it.
pub(super) fn decoded_priority(text: &[u8]) -> Option<(bool, &[u8])> {
    let (facility, after) = split_colon(text)?;
    FACILITIES.contains(&facility).then_some(())?;
    let (level, after) = split_colon(after)?;
    LEVELS.contains(&level).then_some(())?;
    Some((facility != b"kern", after))
}

/// A word that blanks fill up to a colon.
fn split_colon(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b':', text.get(..text.len().min(12))?)?;
    Some((text.get(..end)?.trim_ascii_end(), text.get(end + 1..)?))
}

/// `program:`, `program[123]:`, `kernel:[12.3]`.
pub(super) fn one(text: &[u8]) -> Option<Tag<'_>> {
    for kernel in [&b"kernel:"[..], b"vmunix:"] {
        if let Some(rest) = text.strip_prefix(kernel) {
            return Some(Tag { host: None, program: None, rest });
        }
    }
    let (first, _) = word(text);
    let name = first.strip_suffix(b":")?;
    let rest = text.get(first.len()..)?;
    let (name, pid) = match memchr::memchr(b'[', name) {
        Some(at) if name.ends_with(b"]") => (name.get(..at)?, true),
        _ => (name, false),
    };
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"'`=,;<>{}".contains(byte);
    if name.is_empty() || !name.iter().all(plain) || (!pid && name.contains(&b':')) {
        return None;
    }
    let kernel = name == b"kernel";
    Some(Tag { host: None, program: (!kernel).then_some(name), rest })
}

/// RFC 5424: `program procid msgid structured-data text`.
fn structured(text: &[u8]) -> Option<Tag<'_>> {
    let (program, after) = word(text);
    let (process, after) = word(trim_start(after));
    let (message, after) = word(trim_start(after));
    let numbered = process == b"-" || matches!(digits_then(process), Some((_, [])));
    (numbered && !message.is_empty() && message.len() <= 32 && program.len() <= 48).then_some(())?;
    let mut rest = trim_start(after);
    match rest.first()? {
        b'-' => rest = rest.get(1..)?,
        b'[' => {
            while rest.first() == Some(&b'[') && !structured_end(rest) {
                let end = memchr::memchr(b']', rest)?;
                rest = rest.get(end + 1..)?;
            }
        }
        _ => return None,
    }
    let kernel = program == b"kernel";
    Some(Tag { host: None, program: (!kernel).then_some(program), rest })
}

/// A bracket that is the kernel's time, not structured data.
fn structured_end(rest: &[u8]) -> bool {
    rest.iter().skip(1).find(|&&byte| byte != b' ').is_some_and(u8::is_ascii_digit)
}

/// `kern.warn`, `daemon.notice` (BusyBox, OpenWrt): whether user space wrote it.
fn facility(word: &[u8]) -> Option<bool> {
    let point = memchr::memchr(b'.', word)?;
    let (facility, level) = (word.get(..point)?, word.get(point + 1..)?);
    (FACILITIES.contains(&facility) && LEVELS.contains(&level)).then_some(facility != b"kern")
}

fn host_like(word: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:@/%".contains(byte);
    if word == b"(none)" {
        return true;
    }
    !word.is_empty()
        && word.len() <= 255
        && !word.ends_with(b":")
        && word.iter().all(plain)
        && !SENTENCES.contains(&word)
}

/// Host name and tag end before this.
const STRICT_BYTES_MAX: usize = 320;

/// Words that begin a kernel's line whose second word ends with a colon, and programs' levels.
const SENTENCES: [&[u8]; 15] = [
    b"Free",
    b"Total",
    b"Call",
    b"Hardware",
    b"Tasks",
    b"INFO",
    b"WARN",
    b"WARNING",
    b"ERROR",
    b"DEBUG",
    b"CRIT",
    b"CRITICAL",
    b"FATAL",
    b"NOTICE",
    b"TRACE",
];

const FACILITIES: [&[u8]; 20] = [
    b"kern",
    b"user",
    b"mail",
    b"daemon",
    b"auth",
    b"syslog",
    b"lpr",
    b"news",
    b"uucp",
    b"cron",
    b"authpriv",
    b"ftp",
    b"local0",
    b"local1",
    b"local2",
    b"local3",
    b"local4",
    b"local5",
    b"local6",
    b"local7",
];

const LEVELS: [&[u8]; 11] = [
    b"emerg", b"alert", b"crit", b"err", b"error", b"warn", b"warning", b"notice", b"info",
    b"debug", b"panic",
];
