//! A read of a file in the bucket: what its conditions and ranges make of it, by the object's tag.
//!
//! Without conditions and ranges it is one request; with them the object's facts come first, and
//! every stretch is read only while the object has the tag they told. Answers are those of files in
//! a folder, field by field.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;

use aws_lc_rs::digest;
use menshen_base::Counter;
use menshen_net::clock;
use menshen_net::gate::network_of;
use menshen_s3::{Client, Facts};
use menshen_web_core::conditional::{
    Outcome, Purpose, Strength, Validators, evaluate, range_applies,
};
use menshen_web_core::fields::{Wanted, media_type};
use menshen_web_core::head::Headers;
use menshen_web_core::link::Claims;
use menshen_web_core::link::tally::{Part, Want};
use menshen_web_core::range::{self, ByteRange, MultipartRanges, Ranges, content_range};
use menshen_web_core::target::encode_path;

use super::body::{Body, Piece};
use super::kept::Kept;
use super::{Answered, Bucket};
use crate::door::Door;
use crate::fault::Fault;
use crate::files::{download_lines, push};
use crate::links::Take;
use crate::links::desk::Charge;
use crate::plan::{not_modified, unsatisfiable};
use crate::reply::Reply;

/// A read of one file.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// As in the request, decoded.
    pub(crate) path: String,
    /// The query, for a redirect to a folder.
    pub(crate) query: Vec<u8>,
    pub(crate) kept: Kept,
    pub(crate) is_head: bool,
    pub(crate) wanted: Wanted,
    pub(crate) link: Option<ByLink>,
}

/// The link that opened the way.
#[derive(Debug)]
pub(crate) struct ByLink {
    pub(crate) claims: Claims,
    pub(crate) peer: IpAddr,
}

/// An answer with bytes of an object.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Header lines, each ending in CRLF, without length, date and connection.
    pub(crate) lines: Vec<u8>,
    pub(crate) body: Body,
    /// For the status of transfers.
    pub(crate) path: Vec<u8>,
    /// Bytes per second, 0 for no limit.
    pub(crate) rate: u64,
    /// To be told how it ended.
    pub(crate) charge: Option<Charge>,
}

/// How much of it.
enum Span {
    Whole,
    One(ByteRange),
    Many(Vec<ByteRange>),
}

impl Fetch {
    pub(super) async fn run(self, door: &Rc<Door>, bucket: &Rc<Bucket>) -> Result<Answered, Fault> {
        let client = bucket.client().await?;
        let key = self.path.trim_start_matches('/').to_owned();
        if self.kept.is_empty() && !self.is_head && self.link.is_none() {
            return match client.get(&key, None, None).await {
                Ok(object) => {
                    let lines = self.lines(&object.facts);
                    let body = Body::whole(bucket, client, key, object);
                    Ok(self.answer(200, lines, body))
                }
                Err(error) if error.is_missing() => self.folder(door, bucket, &client, &key).await,
                Err(error) => Err(door.bucket_fault(bucket, &error)),
            };
        }
        let facts = match client.head(&key).await {
            Ok(facts) => facts,
            Err(error) if error.is_missing() => {
                return self.folder(door, bucket, &client, &key).await;
            }
            Err(error) => return Err(door.bucket_fault(bucket, &error)),
        };
        let current = validators(&facts);
        match evaluate(&self.kept, Purpose::Read, Some(&current)) {
            Outcome::NotModified => {
                return Ok(not_modified(facts.etag.as_bytes(), &self.lines(&facts)).into());
            }
            Outcome::PreconditionFailed => {
                return Ok(Reply::new(412).text("cache-control", "no-store").into());
            }
            Outcome::Proceed => {}
        }
        let Some(span) = self.span(door, &facts, &current) else {
            return Ok(unsatisfiable(facts.size).into());
        };
        let want = self.link.as_ref().map(|link| self.want(link, &facts, &span));
        let charge = match self.link.as_ref().zip(want) {
            Some((link, want)) if !self.is_head => match Take::of(&link.claims, want) {
                Some(take) => match door.charged(take, self.wanted).await {
                    Ok(charge) => Some(charge),
                    Err(reply) => return Ok(reply.into()),
                },
                None => None,
            },
            _ => None,
        };
        let (status, lines, pieces) = self.laid_out(door, &facts, span);
        let body = Body::new(bucket, client, key, facts, pieces);
        let Answered::Object(mut answer) = self.answer(status, lines, body) else {
            return Err(Fault::Storage);
        };
        answer.charge = charge;
        Ok(Answered::Object(answer))
    }

    fn answer(self, status: u16, lines: Vec<u8>, body: Body) -> Answered {
        let rate = self.link.as_ref().and_then(|link| link.claims.rate).unwrap_or(0);
        let path = self.path.into_bytes();
        Answered::Object(Box::new(Answer { status, lines, body, path, rate, charge: None }))
    }

    /// No such object: perhaps a folder is meant.
    async fn folder(
        &self,
        door: &Rc<Door>,
        bucket: &Rc<Bucket>,
        client: &Client,
        key: &str,
    ) -> Result<Answered, Fault> {
        let is_shown = self.link.as_ref().is_none_or(|link| link.claims.path.ends_with('/'));
        let page = client.list(&format!("{key}/"), Some('/'), None).await;
        let page = page.map_err(|error| door.bucket_fault(bucket, &error))?;
        if !is_shown || (page.entries.is_empty() && page.folders.is_empty()) {
            return Err(Fault::NotFound);
        }
        let mut location = Vec::new();
        encode_path(self.path.as_bytes(), &mut location);
        location.push(b'/');
        if !self.query.is_empty() {
            location.push(b'?');
            location.extend_from_slice(&self.query);
        }
        // Not for ever: the name may be a file's tomorrow.
        let caching = if self.link.is_some() { "no-store" } else { "private, no-cache" };
        let reply = Reply::new(308).text("cache-control", caching);
        Ok(reply.with("location", location).into())
    }

    fn lines(&self, facts: &Facts) -> Vec<u8> {
        let path = self.path.as_bytes();
        let kind = media_type(path.rsplit(|&b| b == b'/').next().unwrap_or_default());
        download_lines(path, kind.as_bytes(), facts.etag.as_bytes(), facts.modified)
    }

    /// `None`: no range touches the file.
    fn span(&self, door: &Door, facts: &Facts, current: &Validators<'_>) -> Option<Span> {
        let (mut lines, mut ranges) = (0, Ranges::Whole);
        let most = usize::try_from(door.limits.ranges_max).unwrap_or(usize::MAX);
        self.kept.for_each("range", &mut |line| {
            lines += 1;
            ranges = range::parse(line, facts.size, most);
        });
        // RFC 9110 §14.2: a Range field counts for GET only, and twice makes no sense.
        if lines != 1 || self.is_head || !range_applies(&self.kept, current) {
            return Some(Span::Whole);
        }
        match ranges {
            Ranges::Whole => Some(Span::Whole),
            Ranges::TooMany => {
                door.slot.add(Counter::LimitRanges, 1);
                Some(Span::Whole)
            }
            Ranges::Unsatisfiable => None,
            Ranges::One(range) => Some(Span::One(range)),
            Ranges::Many(ranges) => Some(Span::Many(ranges)),
        }
    }

    /// Status, header lines and pieces of the body.
    fn laid_out(&self, door: &Door, facts: &Facts, span: Span) -> (u16, Vec<u8>, VecDeque<Piece>) {
        let mut lines = self.lines(facts);
        let whole = ByteRange { start: 0, end: facts.size };
        let ranges = match span {
            Span::Whole => return (200, lines, [Piece::Stretch(whole)].into()),
            Span::One(range) => {
                let mut value = Vec::new();
                content_range(range, facts.size, &mut value);
                push(&mut lines, "content-range", &value);
                return (206, lines, [Piece::Stretch(range)].into());
            }
            Span::Many(ranges) => ranges,
        };
        let boundary = door.boundary();
        let name = self.path.as_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default();
        let kind = media_type(name).as_bytes();
        let frame = MultipartRanges::new(&ranges, facts.size, kind, boundary.as_bytes());
        // The type comes first, and is another one here.
        let first = lines.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
        lines.drain(..first);
        let mut value = Vec::new();
        frame.content_type(&mut value);
        push(&mut lines, "content-type", &value);
        let mut pieces = VecDeque::new();
        for (index, range) in ranges.iter().enumerate() {
            let mut head = Vec::new();
            frame.part_head(index, &mut head);
            pieces.push_back(Piece::Text(head));
            pieces.push_back(Piece::Stretch(*range));
        }
        let mut closing = Vec::new();
        frame.closing(&mut closing);
        pieces.push_back(Piece::Text(closing));
        (206, lines, pieces)
    }

    fn want(&self, link: &ByLink, facts: &Facts, span: &Span) -> Want {
        let (part, bytes) = match span {
            Span::Whole => (Part::Whole, facts.size),
            Span::One(range) => (Part::Range, range.bytes()),
            Span::Many(ranges) => {
                let lengths = ranges.iter().map(|range| range.bytes());
                (Part::Range, lengths.fold(0, u64::saturating_add))
            }
        };
        // Only enough of it to tell clients apart, and not to name them.
        let mut hash = digest::Context::new(&digest::SHA256);
        let from = network_of(link.peer).to_string();
        for word in [from.as_bytes(), b"\0", self.path.as_bytes(), b"\0", facts.etag.as_bytes()] {
            hash.update(word);
        }
        let mut mark = [0; 8];
        mark.copy_from_slice(&hash.finish().as_ref()[..8]);
        Want::Fetch { mark, part, bytes, size: facts.size }
    }
}

/// For the conditions of a request. A tag stands for the bytes; a time does once no other write can
/// have the same, with margin for clocks that differ.
pub(super) fn validators(facts: &Facts) -> Validators<'_> {
    let now = i64::try_from(clock::unix_s()).unwrap_or(i64::MAX);
    let aged = now.saturating_sub(facts.modified) >= AGED_S;
    Validators {
        etag: facts.etag.trim_matches('"').as_bytes(),
        etag_strength: Strength::Strong,
        mtime_unix_s: facts.modified,
        mtime_strength: if aged { Strength::Strong } else { Strength::Weak },
    }
}

const AGED_S: i64 = 60;
