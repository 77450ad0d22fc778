//! The streaming reader: bytes of a log in, events out.
//!
//! It never keeps more than its limits allow and never panics, whatever the bytes; the same bytes
//! give the same events however they are cut into pieces. Lines that cannot matter are passed over
//! unread.

mod fields;
mod lines;

use alloc::string::String;
use alloc::vec::Vec;

use super::clocks::Clocks;
use super::fact::{self, Fact};
use super::journal;
use super::journal::Entry;
use super::kmsg::KmsgRecord;
use super::limits::Limits;
use super::model::{Boot, Event, Lost, LostCause, Restart, Stamp, Suppressed, UnitHit};
use super::open::At;
use super::prefix::{self, Known, Line, Origin};
use super::queue::Queue;
use super::scan::Words;
use super::summary::{Style, Summary};
use super::text::{owned, unescape};
use super::userspace::{self, Said};
use fields::Binary;

/// Reads a log. One reader per log; a set of rotated files in their order is one log.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    summary: Summary,
    words: Words,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    begun: bool,
    cut: bool,
    /// The line that has begun is to be read in any case.
    sampled: bool,
    /// Bytes taken so far.
    offset: u64,
    /// The first line that begins here or later is read in any case.
    next_sample: u64,
    /// A field of the export format whose bytes are still to come.
    binary: Option<Binary>,
    message_line: Option<u64>,
    /// The line at which open reports are looked at again, whether they are over.
    next_tidy: u64,
    style: Style,
    /// Lines to be read in any case, since records of a kind that needs it were just met.
    attention: u32,
    /// Lines in a row that held a word of interest.
    streak: u32,
    /// Lines to be read without a search, since nearly every line holds a word.
    unsearched: u32,
    host: Option<Vec<u8>>,
    known: Known,
    sequence: Option<u64>,
    clocks: Clocks,
    queue: Queue,
    entry: Entry,
    scratch: Vec<u8>,
    clean: Vec<u8>,
}

impl Reader {
    /// A reader at the beginning of a log.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            summary: Summary::default(),
            words: Words::new(),
            carry: Vec::new(),
            begun: false,
            cut: false,
            sampled: false,
            offset: 0,
            next_sample: 0,
            binary: None,
            message_line: None,
            next_tidy: 0,
            style: Style::Bare,
            attention: 0,
            streak: 0,
            unsearched: 0,
            host: None,
            known: Known::default(),
            sequence: None,
            clocks: Clocks::default(),
            queue: Queue::new(limits),
            entry: Entry::default(),
            scratch: Vec::new(),
            clean: Vec::new(),
        }
    }

    /// Reads the next piece, of any size. Events come in the order of the log; a report comes when
    /// nothing can be added to it any more, which may be many lines after its kill.
    pub fn push(&mut self, bytes: &[u8], out: &mut impl FnMut(Event)) {
        self.summary.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.take(rest);
            rest = rest.get(taken.max(1)..).unwrap_or_default();
            self.queue.give(&mut self.summary, out);
        }
    }

    /// Gives out every report that names a kill without waiting for more: for a live log that has
    /// been quiet for a while. Reports that still lack their kill stay.
    pub fn settle(&mut self, out: &mut impl FnMut(Event)) {
        self.queue.settle(false);
        self.queue.give(&mut self.summary, out);
    }

    /// What was counted so far.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The log ends here: gives out what is left, and the counts.
    pub fn finish(mut self, out: &mut impl FnMut(Event)) -> Summary {
        self.last_line();
        self.end_entry();
        self.queue.settle(true);
        self.queue.give(&mut self.summary, out);
        self.summary
    }

    /// One line without its line end.
    fn line(&mut self, line: &[u8]) {
        self.summary.lines += 1;
        self.unsearched = self.unsearched.saturating_sub(1);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A file written when the machine died holds zeros; others begin with a byte order mark.
        let start = line.iter().position(|&byte| byte != 0).unwrap_or(line.len());
        let line = line.get(start..).unwrap_or_default();
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if self.style == Style::JournalFields && self.field_line(line) {
            return;
        }
        match line.first() {
            None => return,
            Some(b'0'..=b'9') => {
                if let Some(record) = KmsgRecord::read(line) {
                    return self.record(&record);
                }
            }
            Some(b'{') if self.passes_over(line) => {
                return self.see(Style::Json);
            }
            Some(b'{') => {
                let mut entry = core::mem::take(&mut self.entry);
                let mut scratch = core::mem::take(&mut self.scratch);
                let read = journal::read_json(line, &mut entry, &mut scratch);
                if read {
                    if entry.is_raw() {
                        self.text(entry.message(), &entry.line(Style::Json));
                    } else {
                        self.accept(&entry.line(Style::Json));
                    }
                    self.style = Style::Json;
                }
                entry.clear();
                (self.entry, self.scratch) = (entry, scratch);
                if read {
                    return;
                }
            }
            Some(b' ')
                if self.style == Style::Kmsg && journal::split_field(&line[1..]).is_some() =>
            {
                return;
            }
            Some(_) if journal::opens_export(line) || fields::is_verbose_start(line) => {
                self.see(Style::JournalFields);
                self.entry.clear();
                self.field_line(line);
                return;
            }
            _ => {}
        }
        self.text(line, &Line::bare(&[]));
    }

    /// Whether an object among others cannot matter.
    fn passes_over(&self, line: &[u8]) -> bool {
        self.attention > 0 && !self.queue.collecting() && !self.words.in_json(line)
    }

    /// A record of `/dev/kmsg`.
    fn record(&mut self, record: &KmsgRecord<'_>) {
        self.see(Style::Kmsg);
        let stamp = Stamp { boot_micros: Some(record.micros), wall: None };
        let expected = self.sequence.map(|last| last.saturating_add(1));
        self.sequence = Some(record.sequence);
        if let Some(expected) = expected
            && record.sequence > expected
        {
            self.queue.ready(Event::Lost(Lost {
                line: self.summary.lines,
                stamp,
                records: Some(record.sequence - expected),
                cause: LostCause::Ring,
            }));
        }
        let mut scratch = core::mem::take(&mut self.scratch);
        let text = if memchr::memchr(b'\\', record.text).is_some() {
            scratch.clear();
            unescape(record.text, &mut scratch);
            &scratch
        } else {
            record.text
        };
        let mut line = Line {
            style: Style::Kmsg,
            stamp,
            caller: record.caller,
            decoded: true,
            ..Line::bare(text)
        };
        if !record.from_kernel() {
            let written = prefix::strip(text);
            line.origin = match written.origin {
                Origin::Program(_) => written.origin,
                _ => Origin::Forged,
            };
            line.text = written.text;
        }
        self.accept(&line);
        self.scratch = scratch;
    }

    /// A line of text with whatever prefixes. `outer`: what is known of it otherwise.
    fn text(&mut self, line: &[u8], outer: &Line<'_>) {
        let mut clean = core::mem::take(&mut self.clean);
        let text = if memchr::memchr(0x1b, line).is_some() {
            clean.clear();
            without_colours(line, &mut clean);
            &clean
        } else {
            line
        };
        let mut stripped = self.known.strip(text);
        stripped.stamp.wall = stripped.stamp.wall.or(outer.stamp.wall);
        stripped.host = stripped.host.or(outer.host);
        let host = core::mem::take(&mut self.host);
        // A line without prefix goes on where the one before left off.
        let goes_on = stripped.style == Style::Bare && stripped.host.is_none();
        self.see(stripped.style);
        let own = stripped.host;
        let whose = if goes_on { host.as_deref() } else { own };
        self.accept(&Line { host: whose, ..stripped });
        self.host = if goes_on { host } else { remember(host, own) };
        self.clean = clean;
    }

    fn see(&mut self, style: Style) {
        if matches!(style, Style::Kmsg | Style::Json) {
            self.attention = ATTENTION_LINES;
        } else {
            self.attention = self.attention.saturating_sub(1);
        }
        if style != self.style || self.summary.lines <= 1 {
            self.style = style;
            self.summary.styles.insert(style);
        }
    }

    /// A line in its parts.
    fn accept(&mut self, line: &Line<'_>) {
        if line.style == Style::Json {
            self.see(Style::Json);
        }
        let program = match line.origin {
            Origin::Kernel => return self.kernel(line),
            Origin::Program(program) => Some(program),
            Origin::Forged => None,
        };
        let kill = self.words.speak_of_kill(line.text);
        match program {
            Some(program) => {
                self.summary.foreign += u64::from(kill);
                self.said(program, line);
            }
            None => self.summary.forged += u64::from(kill),
        }
    }

    /// A line of the kernel's, or one that names nobody.
    fn kernel(&mut self, line: &Line<'_>) {
        let fact = fact::read(line.text, self.queue.collecting());
        let begins = fact.is_some_and(|fact| fact.may_begin());
        if !begins && self.summary.lines >= self.next_tidy {
            self.tidy_by_lines(line.host);
        }
        let (clock, forgotten) = self.clocks.of(line.host, self.limits.hosts_max);
        self.summary.hosts_forgotten += u64::from(forgotten);
        // Lines of others may bear stamps of other clocks; those of reports are the kernel's.
        let back = match line.stamp.boot_micros {
            Some(micros) if begins => clock.goes_back(micros),
            _ => false,
        };
        let at = At {
            line: self.message_line.unwrap_or(self.summary.lines),
            stamp: line.stamp,
            host: line.host,
            caller: line.caller,
            decoded: line.decoded,
            kernel: clock.kernel.as_deref(),
        };
        if back {
            self.queue.boot(at.host);
            let boot = Boot { line: at.line, stamp: at.stamp, kernel: None };
            self.queue.ready(Event::Boot(boot));
        }
        if begins {
            self.queue.tidy(&at);
        }
        match fact {
            None if line.style == Style::Kmsg => {}
            None => self.said(b"", line),
            Some(Fact::Boot(release)) => self.boot(release, line),
            Some(Fact::Dropped(count)) => self.lost(Some(count), line),
            Some(Fact::Suppressed { function, count }) => {
                self.queue.ready(Event::Suppressed(Suppressed {
                    line: at.line,
                    stamp: at.stamp,
                    function: owned(function, self.limits.text_bytes_max),
                    count,
                }));
            }
            Some(fact) => {
                let long = line.text.len() > self.limits.text_bytes_max;
                self.summary.texts_cut += u64::from(long);
                self.queue.take(&fact, &at, &mut self.summary);
                self.queue.bound(&mut self.summary);
                self.count(&fact);
            }
        }
    }

    /// Looking at every open report for every line would cost more than all the rest.
    fn tidy_by_lines(&mut self, host: Option<&[u8]>) {
        let at = At {
            line: self.summary.lines,
            stamp: Stamp::default(),
            host,
            caller: None,
            decoded: false,
            kernel: None,
        };
        self.queue.tidy(&at);
        self.queue.bound(&mut self.summary);
        self.next_tidy = self.summary.lines.saturating_add(TIDY_LINES);
    }

    fn boot(&mut self, release: &[u8], line: &Line<'_>) {
        let kernel = owned(release, self.limits.text_bytes_max);
        let (clock, _) = self.clocks.of(line.host, self.limits.hosts_max);
        clock.start(line.stamp.boot_micros, kernel.clone());
        self.queue.boot(line.host);
        let line_number = self.line_number();
        let boot = Boot { line: line_number, stamp: line.stamp, kernel: Some(kernel) };
        self.queue.ready(Event::Boot(boot));
    }

    /// What a program said, where it matters.
    fn said(&mut self, program: &[u8], line: &Line<'_>) {
        let most = self.limits.text_bytes_max;
        match userspace::read(program, line.text) {
            Some(Said::Restart { by, what }) => self.queue.ready(Event::Restart(Restart {
                line: self.line_number(),
                stamp: line.stamp,
                by: String::from(by),
                what: owned(what, most),
            })),
            Some(Said::UnitHit(unit)) => self.queue.ready(Event::UnitHit(UnitHit {
                line: self.line_number(),
                stamp: line.stamp,
                host: line.host.map(|host| owned(host, most)),
                unit: owned(unit, most),
            })),
            Some(Said::Lost(records)) => self.lost(records, line),
            None => {}
        }
    }

    fn lost(&mut self, records: Option<u64>, line: &Line<'_>) {
        self.queue.ready(Event::Lost(Lost {
            line: self.line_number(),
            stamp: line.stamp,
            records,
            cause: LostCause::Daemon,
        }));
    }

    /// Where the line or record that is read stands.
    fn line_number(&self) -> u64 {
        self.message_line.unwrap_or(self.summary.lines)
    }

    const fn count(&mut self, fact: &Fact<'_>) {
        let counter = match fact {
            Fact::Header(_) => &mut self.summary.headers,
            Fact::Heading(_) => &mut self.summary.tables,
            Fact::Verdict(_) => &mut self.summary.verdicts,
            Fact::Announced(_) => &mut self.summary.announcements,
            Fact::Killed(_) => &mut self.summary.kills,
            Fact::Reaped(_) => &mut self.summary.reaped,
            _ => return,
        };
        *counter += 1;
    }
}

/// Keeps the host of the last line in the same memory.
fn remember(old: Option<Vec<u8>>, new: Option<&[u8]>) -> Option<Vec<u8>> {
    let new = new?;
    let mut kept = old.unwrap_or_default();
    if kept != new {
        kept.clear();
        kept.extend_from_slice(new);
    }
    Some(kept)
}

/// Takes `ESC [ … m` and `ESC [ … K` out; other escapes may be part of a name.
fn without_colours(line: &[u8], into: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let parameters = rest.get(2..).unwrap_or_default();
        let end = parameters.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';');
        let letter = end.and_then(|end| parameters.get(end));
        rest = if rest.get(1) == Some(&b'[') && matches!(letter, Some(b'm' | b'K')) {
            rest.get(3 + end.unwrap_or_default()..).unwrap_or_default()
        } else {
            into.push(0x1b);
            rest.get(1..).unwrap_or_default()
        };
    }
    into.extend_from_slice(rest);
}

/// So many lines of other kinds may lie between two records before they count as over.
const ATTENTION_LINES: u32 = 256;

/// A report that is over is noticed so many lines later at most.
const TIDY_LINES: u64 = 64;
