//! What stands before the kernel's text in a line, and whose text it is: `dmesg`, syslog, journal,
//! container and console forms, in any combination.
//!
//! A line that names a program other than the kernel is that program's; a line that names nobody
//! may be the kernel's. Nothing is allocated but for dates in brackets.

mod date;
mod known;
mod tag;

use super::model::{Stamp, Wall};
use super::summary::Style;
use super::text::{cut_last, digits_then, number, trim_start, word};

pub(super) use date::{from_micros, seconds};
pub(super) use known::Known;

/// The date at the beginning of a text.
pub(super) fn iso_date(text: &[u8]) -> Option<Wall> {
    date::iso(text).map(|(wall, _)| wall)
}

/// A line in its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) style: Style,
    pub(super) origin: Origin<'a>,
    pub(super) host: Option<&'a [u8]>,
    pub(super) stamp: Stamp,
    /// Thread or processor that wrote it, such as `T123`.
    pub(super) caller: Option<&'a [u8]>,
    pub(super) text: &'a [u8],
    /// Escapes of the log have been turned into bytes.
    pub(super) decoded: bool,
}

/// Whose text a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// The kernel's, or nobody is named.
    Kernel,
    /// A program's.
    Program(&'a [u8]),
    /// Not the kernel's, though it stands where the kernel's do.
    Forged,
}

impl<'a> Line<'a> {
    pub(super) const fn bare(text: &'a [u8]) -> Self {
        Self {
            style: Style::Bare,
            origin: Origin::Kernel,
            host: None,
            stamp: Stamp { boot_micros: None, wall: None },
            caller: None,
            text,
            decoded: false,
        }
    }
}

/// Takes a line of text apart. Colours and line ends must be gone.
pub(super) fn strip(text: &[u8]) -> Line<'_> {
    let mut parts = Parts { line: Line::bare(text), user: false };
    let mut rest = trim_start(text);
    let mut found = false;
    for _ in 0..PARTS_MAX {
        let Some(after) = parts.step(rest) else { break };
        found = true;
        rest = after;
        if matches!(parts.line.origin, Origin::Program(_)) {
            break;
        }
        rest = match rest {
            [b' ', after @ ..] => after,
            _ => rest,
        };
        let next = trim_start(rest).first();
        if matches!(next, Some(b'[' | b'<')) {
            rest = bracket_ahead(rest);
        } else if parts.line.stamp.boot_micros.is_some() {
            break;
        }
    }
    if !found && let Some(after) = parts.resync(text) {
        rest = after;
        found = true;
    }
    if parts.user && parts.line.origin == Origin::Kernel {
        parts.line.origin = Origin::Forged;
    }
    parts.line.text = if found { rest } else { text };
    parts.line
}

/// Blanks before a bracket are dropped when the bracket is a prefix's and not a table row's.
fn bracket_ahead(rest: &[u8]) -> &[u8] {
    let trimmed = trim_start(rest);
    match inside(trimmed) {
        Some((content, _)) if number(content).is_none() => trimmed,
        _ => rest,
    }
}

struct Parts<'a> {
    line: Line<'a>,
    /// The priority says that it came from user space.
    user: bool,
}

impl<'a> Parts<'a> {
    /// Takes one part off; `None`: there is none.
    fn step(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        match rest.first()? {
            b'<' => self.priority(rest),
            b'[' => self.bracket(rest),
            b'0'..=b'9' => self.dated(rest),
            b'>' => Some(quoted(rest)),
            b'|' => rest.get(1..).filter(|after| after.first() == Some(&b' ')),
            // Bold text; the kernel's own `** 5 printk messages dropped **` has a blank there.
            b'*' => rest.strip_prefix(b"**").filter(|after| after.first() != Some(&b' ')),
            byte if byte.is_ascii_alphabetic() || *byte >= 0x80 => self.lettered(rest),
            b'/' | b'.' => file_name(rest),
            _ => None,
        }
    }

    /// `<4>`, `<4>1 `.
    fn priority(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (priority @ ..=1_023, after) = digits_then(rest.get(1..)?)? else { return None };
        let after = after.strip_prefix(b">")?;
        self.user |= priority >= 8;
        Some(after.strip_prefix(b"1 ").unwrap_or(after))
    }

    /// `[  123.456789]`, `[ T12]`, `[Mon Jan  2 03:04:05 2023]`, `[pod/x/y]`.
    fn bracket(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (content, after) = inside(rest)?;
        if let Some(micros) = boot_micros(content) {
            if self.line.stamp.boot_micros.is_none() {
                self.line.stamp.boot_micros = Some(micros);
            }
            self.set_style(Style::Dmesg);
            return Some(self.monotonic_tag(after));
        }
        match content.first()? {
            b'T' | b'C' if content.get(1)?.is_ascii_digit() && content.len() <= 24 => {
                self.line.caller = Some(word(content).0);
                return Some(after);
            }
            b'+' if content.get(1).is_some_and(|byte| byte.is_ascii_digit() || *byte == b' ') => {
                self.set_style(Style::DmesgDate);
                return Some(after);
            }
            _ => {}
        }
        if content.starts_with(b"pod/") {
            return Some(after);
        }
        if content.len() >= 8
            && let Some(wall) = date::bracketed(content)
        {
            self.line.stamp.wall = self.line.stamp.wall.or(wall);
            self.set_style(Style::DmesgDate);
            return Some(self.monotonic_tag(after));
        }
        if short_date(content) {
            self.set_style(Style::DmesgDate);
            return Some(after);
        }
        None
    }

    /// After a time in brackets a tag may come: `host kernel:`, `systemd[1]:`.
    fn monotonic_tag(&mut self, after: &'a [u8]) -> &'a [u8] {
        let after = writer(after).unwrap_or(after);
        let text = after.strip_prefix(b" ").unwrap_or(after);
        match tag::strict(text) {
            Some(tag) => self.tagged(tag),
            None => after,
        }
    }

    /// A line or what is left of it begins with a digit.
    fn dated(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (wall, after) = date::iso(rest)
            .or_else(|| date::bsd(rest))
            .or_else(|| date::compact(rest))
            .or_else(|| date::unix(rest))?;
        let first = self.line.stamp.wall.is_none();
        self.line.stamp.wall = self.line.stamp.wall.or(Some(wall));
        self.set_style(Style::IsoDate);
        Some(if first { self.after_date(after) } else { after })
    }

    /// A month, a weekday, a facility, a tag or a file's name.
    fn lettered(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(after) = rest.strip_prefix(b"kernel:") {
            return Some(after);
        }
        if self.line.stamp.wall.is_none() {
            if let Some((wall, after)) = date::bsd(rest) {
                self.line.stamp.wall = Some(wall);
                self.set_style(Style::Syslog);
                return Some(self.after_date(after));
            }
            let (weekday, after) = word(rest);
            if weekday.len() <= WEEKDAY_BYTES_MAX && !after.is_empty() {
                let date = trim_start(after);
                if let Some((wall, after)) = date::iso(date).or_else(|| date::bsd(date)) {
                    self.line.stamp.wall = Some(wall);
                    self.set_style(Style::IsoDate);
                    let zoned = zone_name(after);
                    return Some(self.after_date(zoned));
                }
            }
        }
        if let Some((user, after)) = tag::decoded_priority(rest) {
            self.user |= user;
            return Some(after);
        }
        if self.line.style == Style::Bare && self.line.stamp.wall.is_none() {
            return tag::strict(rest).map(|tag| self.tagged(tag)).or_else(|| file_name(rest));
        }
        None
    }

    /// What may follow a date: a container's stream, or host and tag.
    fn after_date(&mut self, rest: &'a [u8]) -> &'a [u8] {
        let text = trim_start(rest);
        for stream in [b"stdout F ", b"stdout P ", b"stderr F ", b"stderr P "] {
            if let Some(after) = text.strip_prefix(stream) {
                return after;
            }
        }
        match tag::after_date(text) {
            Some(tag) => self.tagged(tag),
            None => rest,
        }
    }

    fn tagged(&mut self, tag: tag::Tag<'a>) -> &'a [u8] {
        if tag.host.is_some() {
            self.line.host = tag.host;
        }
        if let Some(program) = tag.program {
            self.line.origin = Origin::Program(program);
        }
        tag.rest
    }

    /// The console printed something before the kernel's line began: `login: [  123.456789] …`.
    fn resync(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let head = text.get(..text.len().min(RESYNC_BYTES_MAX))?;
        for at in memchr::memchr_iter(b'[', head) {
            let Some((content, after)) = inside(text.get(at..)?) else { continue };
            if precise(content)
                && let Some(micros) = boot_micros(content)
            {
                self.line.stamp.boot_micros = Some(micros);
                self.set_style(Style::Dmesg);
                let after = self.monotonic_tag(after);
                return Some(after.strip_prefix(b" ").unwrap_or(after));
            }
        }
        None
    }

    fn set_style(&mut self, style: Style) {
        if self.line.style == Style::Bare {
            self.line.style = style;
        }
    }
}

/// Without the marks by which a mail quotes another, `> > ` or `>>`.
fn quoted(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(after) = rest.strip_prefix(b">").or_else(|| rest.strip_prefix(b" >")) {
        rest = after;
    }
    rest
}

/// Vendors of telephones print which processor and process wrote a line: `(1)[234:name]`,
/// `-(1)[234:name]`, `[1:  name: 234]`, `I[1:  name: 234]`. What comes after it; `None`: nothing
/// of the kind, as the rows of a table, which hold a number only.
fn writer(text: &[u8]) -> Option<&[u8]> {
    let text = trim_start(text);
    if let Some(rest) = text.strip_prefix(b"-").unwrap_or(text).strip_prefix(b"(") {
        let (_, rest) = digits_then(rest)?;
        let (content, after) = inside(rest.strip_prefix(b")")?)?;
        let (_, name) = digits_then(content)?;
        return (name.first() == Some(&b':')).then_some(after);
    }
    let text = match text {
        [b'A'..=b'Z', b'[', ..] => text.get(1..)?,
        _ => text,
    };
    let (content, after) = inside(text)?;
    let (_, rest) = digits_then(content)?;
    let (_, pid) = cut_last(rest.strip_prefix(b":")?, b":")?;
    number(pid.trim_ascii()).map(|_| after)
}

/// What is between brackets, without blanks around, and what comes after.
fn inside(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', text.get(..text.len().min(BRACKET_BYTES_MAX))?)?;
    let content = text.get(..end)?.trim_ascii();
    Some((content, text.get(end + 1..)?))
}

/// `123.456789`, also `123.456789@0`, `123.456789 <    0.000012>` and `2-123.4567` of a processor.
fn boot_micros(content: &[u8]) -> Option<u64> {
    let (seconds, rest) = match digits_then(content)? {
        (0..=255, [b'-', rest @ ..]) => digits_then(rest)?,
        found => found,
    };
    let digits = rest.strip_prefix(b".")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    (3..=9).contains(&end).then_some(())?;
    matches!(digits.get(end), None | Some(b' ' | b'@' | b',' | b'<')).then_some(())?;
    let scaled = digits.iter().take(end).chain(core::iter::repeat(&b'0')).take(6);
    let micros = scaled.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

/// Six digits after the point: the kernel's own form.
fn precise(content: &[u8]) -> bool {
    let point = memchr::memchr(b'.', content).unwrap_or(content.len());
    content.iter().skip(point + 1).take_while(|byte| byte.is_ascii_digit()).count() == 6
}

/// `Aug12 03:54`, the first of its minute in `dmesg -H`.
fn short_date(content: &[u8]) -> bool {
    matches!(content, [.., b' ', h, i, b':', m, n]
        if [h, i, m, n].iter().all(|digit| digit.is_ascii_digit()))
        && content.len() <= 16
}

/// A time zone's name after a date: `CET `.
fn zone_name(rest: &[u8]) -> &[u8] {
    let (name, after) = word(trim_start(rest));
    let letters = name.iter().all(u8::is_ascii_uppercase) || name.starts_with(b"+");
    if (2..=5).contains(&name.len()) && letters { after } else { rest }
}

/// A file's name in front, as `grep` prints it: `/var/log/syslog:`, `kern.log.1:17:`.
fn file_name(text: &[u8]) -> Option<&[u8]> {
    let head = text.get(..text.len().min(RESYNC_BYTES_MAX))?;
    let end = memchr::memchr(b':', head)?;
    let name = head.get(..end)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(byte);
    (name.iter().all(plain) && name.iter().any(|byte| b"/.".contains(byte))).then_some(())?;
    let after = text.get(end + 1..)?;
    let after = match digits_then(after) {
        Some((_, [b':', after @ ..])) => after,
        _ => after,
    };
    let starts = matches!(after.first(), Some(b'[' | b'<'))
        || date::bsd(after).is_some()
        || date::iso(after).is_some();
    starts.then_some(after)
}

/// Parts that are taken off one line.
const PARTS_MAX: usize = 10;

/// How far in a line a bracket's end is looked for.
const BRACKET_BYTES_MAX: usize = 96;

/// How much noise may stand before a kernel's line.
const RESYNC_BYTES_MAX: usize = 512;

/// `среда,` and the like.
const WEEKDAY_BYTES_MAX: usize = 16;
