//! A read of a file: what its conditions and ranges make of it (RFC 9110 §13, §14).
//!
//! Only whole and partial contents go out with the file's own header lines. What merely says
//! something about it (304, 412, 416) carries just what its status calls for, never the type and
//! disposition of a body that is not there.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_web_core::conditional::{Outcome, Purpose, Validators, evaluate, range_applies};
use menshen_web_core::head::{Interest, Method};
use menshen_web_core::range::{self, ByteRange, Ranges, content_range_unsatisfied};

use super::Plan;
use crate::ask::Ask;
use crate::door::Door;
use crate::files::{FileEntry, Ranged};
use crate::reply::Reply;

/// An answer with bytes of a file.
#[derive(Debug)]
pub(crate) struct FileAnswer {
    pub(crate) file: Rc<FileEntry>,
    pub(crate) span: Span,
}

/// How much of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Whole,
    One(ByteRange),
    Many(Vec<ByteRange>),
}

impl Door {
    /// Conditions and ranges of a read of the file service.
    pub(crate) fn file(&self, ask: &Ask<'_>, file: Rc<FileEntry>) -> Plan {
        self.read(ask, file).map_or_else(|reply| Plan::Reply(Box::new(reply)), Plan::File)
    }

    /// Conditions and ranges of a read: bytes of the file, or what is said about it instead.
    pub(crate) fn read(&self, ask: &Ask<'_>, file: Rc<FileEntry>) -> Result<FileAnswer, Reply> {
        if !ask.interest.has(Interest::CONDITIONS.with(Interest::RANGE)) {
            return Ok(FileAnswer { file, span: Span::Whole });
        }
        let current = file.validators(clock::unix_s());
        match evaluate(ask.headers, Purpose::Read, Some(&current)) {
            Outcome::NotModified => Err(not_modified(file.etag(), &file.lines)),
            Outcome::PreconditionFailed => Err(Reply::new(412).text("cache-control", "no-store")),
            Outcome::Proceed => match self.span(ask, &file, &current) {
                Some(span) => Ok(FileAnswer { file, span }),
                None => Err(unsatisfiable(file.size)),
            },
        }
    }

    /// `None`: no range touches the file.
    fn span(&self, ask: &Ask<'_>, file: &FileEntry, current: &Validators<'_>) -> Option<Span> {
        let mut lines = 0;
        let mut ranges = Ranges::Whole;
        let most = usize::try_from(self.limits.ranges_max).unwrap_or(usize::MAX);
        ask.headers.for_each("range", &mut |line| {
            lines += 1;
            ranges = range::parse(line, file.size, most);
        });
        // RFC 9110 §14.2: a Range field counts for GET only, and twice makes no sense.
        if file.ranges() == Ranged::No
            || lines != 1
            || ask.method != Method::Get
            || !range_applies(ask.headers, current)
        {
            return Some(Span::Whole);
        }
        match ranges {
            Ranges::Whole => Some(Span::Whole),
            Ranges::TooMany => {
                self.slot.add(Counter::LimitRanges, 1);
                Some(Span::Whole)
            }
            Ranges::Unsatisfiable => None,
            Ranges::One(range) => Some(Span::One(range)),
            Ranges::Many(ranges) => Some(Span::Many(ranges)),
        }
    }
}

/// RFC 9110 §15.4.5: of a 200's fields those that renew a stored answer, and no others.
pub(crate) fn not_modified(etag: &[u8], lines: &[u8]) -> Reply {
    let mut reply = Reply::new(304).with("etag", etag.to_vec());
    for line in lines.split(|&b| b == b'\n') {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if let Some(name) = RENEWED.iter().find(|known| known.as_bytes() == name) {
            reply = reply.with(name, value[1..].trim_ascii().to_vec());
        }
    }
    reply
}

/// RFC 9110 §15.5.17: the size, so that the client can ask better.
pub(crate) fn unsatisfiable(size: u64) -> Reply {
    let mut value = Vec::new();
    content_range_unsatisfied(size, &mut value);
    Reply::new(416).with("content-range", value).text("cache-control", "no-store")
}

/// What a 304 repeats of the lines of a 200, besides the tag.
const RENEWED: [&str; 4] = ["cache-control", "content-location", "expires", "vary"];
