//! A folder, or some of what is in it, as one zip file that is made while it is sent.
//!
//! First it is looked what there is ([`Question::put`], on a blocking thread): that alone gives the
//! length, the tag and what stands at every position. Then [`source::Source`] reads the files in
//! order. What a request for each file would not get is left out: names that no request can say,
//! files without the right to read, special files, links that lead out; links to folders too, which
//! could lead round in circles.
//!
//! How it fails: more entries than `limits.zip_entries_max`, or folders nested too deeply, are
//! refused before anything is sent. A file that is replaced or becomes shorter while its turn has
//! not come ends the connection: a zip with a wrong member must never look whole.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use menshen_net::clock;
use menshen_web_core::conditional::range_applies;
use menshen_web_core::conditional::{Outcome, Purpose, Strength, Validators, evaluate};
use menshen_web_core::fields::{Wanted, content_disposition_attachment};
use menshen_web_core::head::{Headers, Method};
use menshen_web_core::link::LinkId;
use menshen_web_core::link::tally::{Limits, Part, Want};
use menshen_web_core::range::{self, ByteRange, Ranges};
use menshen_web_core::target::{PathError, check_name};
use menshen_web_core::zip::{Entry, Layout};

use crate::ask::Ask;
use crate::door::Shared;
use crate::fault::Fault;
use crate::files::{CACHE_CONTROL, TICK_NS, push};
use crate::links::Take;
use crate::plan::{mark, unsatisfiable};
use crate::reply::Reply;
use crate::root::Root;

pub(crate) use select::{Form as SelectionForm, SELECTION_BYTES_MAX, Selection};
pub(crate) use source::{Next, Source, Work};
use walk::{Member, Walk};

mod select;
mod source;
mod walk;

/// What is asked for, by itself: the head it came in is gone when it is answered.
#[derive(Debug)]
pub(crate) struct Question {
    /// The folder's path, which ends in `/`.
    pub(crate) folder: String,
    /// Of what is in it; empty: all.
    pub(crate) names: Vec<String>,
    /// `limits.zip_entries_max`.
    pub(crate) entries_max: usize,
    pub(crate) wanted: Wanted,
    ranges: bool,
    kept: Kept,
    /// The link that opened the way.
    pub(crate) link: Option<Box<ByLink>>,
}

/// What of a link counts for an archive.
#[derive(Debug, Clone)]
pub(crate) struct ByLink {
    /// Bytes per second it may be sent with, 0 for no limit.
    pub(crate) rate: u64,
    pub(crate) counted: Option<(LinkId, Limits)>,
    /// Who asks.
    pub(crate) network: String,
}

/// An archive that could be sent.
#[derive(Debug)]
pub(crate) struct Archive {
    root: Arc<Root>,
    folder: String,
    layout: Layout,
    members: Vec<Member>,
    /// Whether the files were old enough for their times to tell them from later ones.
    settled: bool,
}

/// What to send of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) archive: Arc<Archive>,
    pub(crate) status: u16,
    pub(crate) range: ByteRange,
    /// Header lines, each ending in CRLF, without length, range, date and connection.
    pub(crate) lines: Vec<u8>,
}

/// The fields of a head that are judged once the archive is known.
#[derive(Debug, Default)]
struct Kept(Vec<(&'static str, Vec<u8>)>);

impl Question {
    /// Asks for `folder`, of which `names` are wanted.
    pub(crate) fn new(ask: &Ask<'_>, folder: &str, names: Vec<String>, entries_max: usize) -> Self {
        let mut kept = Kept::default();
        // Fields of a POST are about the selection it brings.
        for name in KEPT.into_iter().filter(|_| ask.method != Method::Post) {
            ask.headers.for_each(name, &mut |value| kept.0.push((name, value.to_vec())));
        }
        let (folder, wanted) = (folder.to_owned(), ask.wanted());
        // RFC 9110 §14.2: a Range field counts for GET only.
        let ranges = ask.method == Method::Get;
        Self { folder, names, entries_max, wanted, ranges, kept, link: None }
    }

    /// Looks what there is and judges the conditions; it waits for the disk.
    ///
    /// # Errors
    /// The answer to send instead.
    pub(crate) fn put(&self, shared: &Shared) -> Result<Answer, Box<Reply>> {
        let archive = match self.archive(shared) {
            Ok(archive) => archive,
            Err(Refused::Fault(fault)) => return Err(Reply::fault(fault, self.wanted).into()),
            Err(Refused::TooMuch(what)) => {
                let hint = "Ask for parts of it; the limit is zip_entries_max in menshen.toml.";
                return Err(Reply::trouble(422, what, hint, self.wanted).into());
            }
        };
        let tag = archive.tag();
        let current = Validators {
            etag: tag.as_bytes(),
            etag_strength: archive.strength(),
            // Dates are not judged: what is gone from a folder leaves none.
            mtime_unix_s: 0,
            mtime_strength: Strength::Weak,
        };
        let mut value = Vec::new();
        if archive.strength() == Strength::Weak {
            value.extend_from_slice(b"W/");
        }
        value.extend_from_slice(format!("\"{tag}\"").as_bytes());
        match evaluate(&self.kept, Purpose::Read, Some(&current)) {
            Outcome::Proceed => {}
            Outcome::NotModified => {
                let reply = Reply::new(304).with("etag", value);
                return Err(reply.text("cache-control", CACHE_CONTROL).into());
            }
            Outcome::PreconditionFailed => {
                return Err(Reply::new(412).text("cache-control", "no-store").into());
            }
        }
        let (status, range) = self.range(&archive, &current)?;
        let lines = archive.lines(&value);
        Ok(Answer { archive: Arc::new(archive), status, range, lines })
    }

    fn archive(&self, shared: &Shared) -> Result<Archive, Refused> {
        let look = || Walk::of(&shared.root, &self.folder, &self.names, self.entries_max);
        let mut found = look()?;
        let mut settled = found.is_settled(clock::unix_ns());
        if !settled {
            // Another change could keep the time of the last one: see `Plan::Tick`.
            std::thread::sleep(Duration::from_nanos(TICK_NS.unsigned_abs()));
            found = look()?;
            settled = found.is_settled(clock::unix_ns());
        }
        let (entries, members) = found.parts();
        let layout = Layout::new(entries).map_err(|_| Refused::TooMuch("no zip is that large"))?;
        let (root, folder) = (Arc::clone(&shared.root), self.folder.clone());
        Ok(Archive { root, folder, layout, members, settled })
    }

    /// Status and stretch. Several ranges are answered with the whole, as a server may.
    fn range(
        &self,
        archive: &Archive,
        current: &Validators<'_>,
    ) -> Result<(u16, ByteRange), Box<Reply>> {
        let length = archive.layout.length();
        let whole = Ok((200, ByteRange { start: 0, end: length }));
        let mut lines = self.kept.0.iter().filter(|(name, _)| *name == "range");
        let (Some((_, line)), None) = (lines.next(), lines.next()) else { return whole };
        let counts = self.ranges && archive.strength() == Strength::Strong;
        if !counts || !range_applies(&self.kept, current) {
            return whole;
        }
        match range::parse(line, length, 1) {
            Ranges::One(range) => Ok((206, range)),
            Ranges::Unsatisfiable => Err(unsatisfiable(length).into()),
            Ranges::Whole | Ranges::TooMany | Ranges::Many(_) => whole,
        }
    }
}

impl ByLink {
    /// What sending `answer` takes of the link; `None` for one that is not counted.
    pub(crate) fn take(&self, answer: &Answer) -> Option<Take> {
        let (id, limits) = self.counted?;
        let part = if answer.status == 206 { Part::Range } else { Part::Whole };
        let archive = &answer.archive;
        let mark = mark(&self.network, archive.path(), archive.tag().as_bytes());
        let (bytes, size) = (answer.range.bytes(), archive.length());
        Some(Take { id, limits, want: Want::Fetch { mark, part, bytes, size } })
    }
}

/// The names of a selection, each once.
pub(crate) fn checked<'n>(
    names: impl Iterator<Item = Cow<'n, [u8]>>,
) -> Result<Vec<String>, Fault> {
    let mut all = Vec::new();
    for name in names {
        check_name(&name).map_err(|error| match error {
            PathError::Reserved => Fault::NotFound,
            other => Fault::BadPath(other.reason()),
        })?;
        let name = String::from_utf8(name.into_owned());
        all.push(name.map_err(|_| Fault::BadPath("a name is not UTF-8"))?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

impl Archive {
    /// Bytes of the whole.
    pub(crate) const fn length(&self) -> u64 {
        self.layout.length()
    }

    /// The folder, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        self.folder.as_bytes()
    }

    /// Where an entry lies, as a path of the served folder.
    fn path_of(&self, entry: &Entry) -> String {
        format!("{}{}", self.folder, entry.name)
    }

    const fn strength(&self) -> Strength {
        if self.settled { Strength::Strong } else { Strength::Weak }
    }

    /// What all bytes of the archive follow from: names, and of each file what its own tag is made
    /// of. The first byte stands for the layout.
    fn tag(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&[LAYOUT]);
        for (entry, member) in self.layout.entries().iter().zip(&self.members) {
            hash.update(&entry.name.len().to_le_bytes());
            hash.update(entry.name.as_bytes());
            hash.update(&member.tag_bytes());
        }
        let hash = hash.finish();
        let hex: String = hash.as_ref()[..TAG_BYTES].iter().map(|b| format!("{b:02x}")).collect();
        format!("zip-{hex}")
    }

    fn lines(&self, tag: &[u8]) -> Vec<u8> {
        let path = self.folder.strip_suffix('/').unwrap_or(&self.folder);
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("files");
        let mut disposition = Vec::new();
        content_disposition_attachment(format!("{name}.zip").as_bytes(), &mut disposition);
        let ranges: &[u8] = if self.settled { b"bytes" } else { b"none" };
        let mut lines = Vec::with_capacity(512);
        push(&mut lines, "content-type", b"application/zip");
        push(&mut lines, "etag", tag);
        push(&mut lines, "accept-ranges", ranges);
        push(&mut lines, "x-content-type-options", b"nosniff");
        push(&mut lines, "content-disposition", &disposition);
        push(&mut lines, "cache-control", CACHE_CONTROL.as_bytes());
        push(&mut lines, "content-security-policy", b"sandbox; default-src 'none'");
        push(&mut lines, "cross-origin-resource-policy", b"same-origin");
        lines
    }
}

impl Headers for Kept {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.0.iter().filter(|(known, _)| *known == name).for_each(|(_, value)| f(value));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| f(name.as_bytes(), value));
    }
}

/// Why there is no archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Fault(Fault),
    /// More than one archive is made of.
    TooMuch(&'static str),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

const KEPT: [&str; 4] = ["if-match", "if-none-match", "if-range", "range"];
/// Changes with the bytes that are made of the same files.
const LAYOUT: u8 = 1;
const TAG_BYTES: usize = 12;

#[cfg(test)]
mod tests;
