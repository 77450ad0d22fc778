//! Entry points for ranges, conditionals, multipart and fields.

use alloc::vec::Vec;

use crate::conditional::{
    ETag, Outcome, Purpose, Strength, Validators, evaluate, file_etag, range_applies,
};
use crate::fields::{
    self, Algorithm, Digests, base64, content_disposition_attachment, media_type, write_digest,
};
use crate::head::Headers;
use crate::multipart::{
    Boundary, Event, Multipart, MultipartError, MultipartLimits, PartHead, boundary_of,
};
use crate::range::{ByteRange, MultipartRanges, Ranges, parse};

/// Eight bytes of file size, then a `Range` value.
pub fn range(data: &[u8]) {
    let Some((size, header)) = data.split_first_chunk() else { return };
    let size = u64::from_le_bytes(*size);
    match parse(header, size, RANGES_MAX) {
        Ranges::One(range) => check_ranges(&[range], size),
        Ranges::Many(ranges) => {
            assert!((2..=RANGES_MAX).contains(&ranges.len()));
            check_ranges(&ranges, size);
        }
        Ranges::Whole | Ranges::TooMany | Ranges::Unsatisfiable => {}
    }
}

fn check_ranges(ranges: &[ByteRange], size: u64) {
    let mut total = 0_u64;
    for range in ranges {
        assert!(range.start < range.end && range.end <= size);
        total = total.saturating_add(range.bytes());
    }
    assert!(total <= size, "more bytes than the file has");
    let frame = MultipartRanges::new(ranges, size, b"image/png", b"boundary");
    let mut framing = Vec::new();
    for index in 0..=ranges.len() {
        frame.part_head(index, &mut framing);
    }
    frame.closing(&mut framing);
    assert_eq!(frame.content_length(), total.saturating_add(framing.len() as u64));
}

/// Lines, each of a digit that picks the field and its value.
pub fn conditional(data: &[u8]) {
    let headers = Lines(data);
    let tag = file_etag(42, data.len() as u64, -1);
    let parsed = ETag::parse(tag.header_value(Strength::Weak));
    assert_eq!(parsed, Some(ETag { strength: Strength::Weak, opaque: tag.opaque() }));
    for strength in [Strength::Strong, Strength::Weak] {
        let current = Validators {
            etag: b"a",
            etag_strength: strength,
            mtime_unix_s: 784_111_777,
            mtime_strength: strength,
        };
        for purpose in [Purpose::Read, Purpose::Write] {
            let present = evaluate(&headers, purpose, Some(&current));
            let absent = evaluate(&headers, purpose, None);
            assert!(absent != Outcome::NotModified, "304 for what is not there");
            assert!(purpose == Purpose::Read || present != Outcome::NotModified);
            if headers.get("if-match").is_some() {
                assert_eq!(absent, Outcome::PreconditionFailed);
                // A weak current tag equals none; only `*` lets a request pass.
                assert!(
                    strength == Strength::Strong
                        || present == Outcome::PreconditionFailed
                        || data.contains(&b'*')
                );
            }
        }
        if strength == Strength::Weak && headers.get("if-range").is_some() {
            assert!(!range_applies(&headers, &current), "a weak validator allowed a range");
        }
    }
}

struct Lines<'a>(&'a [u8]);

impl Headers for Lines<'_> {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.split(|&byte| byte == b'\n').find_map(|line| value_of(line, name))
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        for line in self.0.split(|&byte| byte == b'\n') {
            if let Some(value) = value_of(line, name) {
                f(value);
            }
        }
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        for name in CONDITIONS {
            self.for_each(name, &mut |value| f(name.as_bytes(), value));
        }
    }
}

fn value_of<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (digit, value) = line.split_first()?;
    let field = CONDITIONS.get(usize::from(digit.wrapping_sub(b'0')))?;
    (*field == name).then_some(value)
}

/// A seed byte for cutting the stream, then a body with the boundary `B`.
pub fn multipart(data: &[u8]) {
    let Some((seed, body)) = data.split_first() else { return };
    // Bodies are also taken as a `Content-Type`, for the grammar the two share.
    if let Ok(boundary) = boundary_of(body) {
        assert!((1..=70).contains(&boundary.as_bytes().len()));
    }
    let Ok(boundary) = Boundary::new(b"B") else { return };
    let whole = Form::read(&boundary, &[body]);
    let bytes: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(whole, Form::read(&boundary, &bytes), "cut into bytes");
    let cut = body.chunks(usize::from(seed % 61) + 2).collect::<Vec<_>>();
    assert_eq!(whole, Form::read(&boundary, &cut), "cut into equal pieces");
    assert!(whole.parts.len() <= LIMITS.parts_max);
    // The other way round does not hold: what follows the end may still be refused.
    assert!(whole.ended || whole.result.is_err(), "a form without an end is whole");
}

/// What a form contains, as its reader sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Head, bytes, and whether the part was whole.
    pub(crate) parts: Vec<(PartHead, Vec<u8>, bool)>,
    /// Whether the end was announced.
    pub(crate) ended: bool,
    /// How it went.
    pub(crate) result: Result<(), MultipartError>,
}

impl Form {
    /// Reads a form that arrives in these pieces, and checks the order of events on the way.
    pub(crate) fn read(boundary: &Boundary, pieces: &[&[u8]]) -> Self {
        let mut parser = Multipart::new(boundary, LIMITS);
        let mut form = Self { parts: Vec::new(), ended: false, result: Ok(()) };
        for piece in pieces {
            if let Err(error) = form.take(&mut parser, piece) {
                assert_eq!(parser.finish(), Err(error));
                form.result = Err(error);
                return form;
            }
        }
        form.result = parser.finish();
        form
    }

    fn take(&mut self, parser: &mut Multipart, piece: &[u8]) -> Result<(), MultipartError> {
        let mut rest = piece;
        loop {
            let step = parser.feed(rest)?;
            let consumed = step.consumed;
            match step.event {
                None => {
                    assert_eq!(consumed, rest.len(), "input left without an event");
                    return Ok(());
                }
                Some(Event::PartBegin(head)) => {
                    assert!(self.parts.last().is_none_or(|part| part.2));
                    self.parts.push((head, Vec::new(), false));
                }
                Some(Event::Data(range)) => {
                    assert!(range.end <= consumed && !range.is_empty());
                    self.data(&rest[range]);
                }
                Some(Event::DataHeld(held)) => {
                    assert!(!held.is_empty() && held.len() <= 74);
                    self.data(held);
                }
                Some(Event::PartEnd) => {
                    let part = self.parts.last_mut().filter(|part| !part.2);
                    assert!(part.is_some(), "the end of no part");
                    part.into_iter().for_each(|part| part.2 = true);
                }
                Some(Event::End) => {
                    assert!(!self.ended, "a second end");
                    self.ended = true;
                }
            }
            rest = &rest[consumed..];
        }
    }

    fn data(&mut self, bytes: &[u8]) {
        let part = self.parts.last_mut().filter(|part| !part.2);
        assert!(part.is_some(), "bytes outside a part");
        part.into_iter().for_each(|part| part.1.extend_from_slice(bytes));
    }
}

/// One value, read as each of the fields.
pub fn fields(data: &[u8]) {
    let _ = fields::wanted(data);
    let _ = fields::language(data);
    let _ = fields::wanted_digest(data);
    let _ = fields::cookie(data, b"a");
    let _ = fields::bearer(data);
    let _ = fields::basic_password(data);
    assert!(media_type(data).is_ascii());

    let mut text = Vec::new();
    base64::encode(data, &mut text);
    assert_eq!(base64::decode(&text).as_deref(), Some(data));
    if let Some(bytes) = base64::decode(data) {
        text.clear();
        base64::encode(&bytes, &mut text);
        assert_eq!(text, data, "one value, two texts");
    }

    let mut digests = Digests::default();
    if digests.add_line(data).is_ok() {
        let mut line = Vec::new();
        if let Some(digest) = digests.sha256 {
            write_digest(Algorithm::Sha256, &digest, &mut line);
        } else if let Some(digest) = digests.sha512 {
            write_digest(Algorithm::Sha512, &digest, &mut line);
        }
        let mut again = Digests::default();
        assert_eq!(again.add_line(&line), Ok(()));
        assert_eq!(again.is_empty(), digests.is_empty());
        assert_eq!(again.sha256, digests.sha256);
    } else {
        assert!(digests.is_empty(), "half a field was kept");
    }

    let mut value = Vec::new();
    content_disposition_attachment(data, &mut value);
    assert!(value.iter().all(|byte| matches!(byte, 0x20..=0x7e)));
    assert!(value.starts_with(b"attachment; filename=\""));
    assert_eq!(value.iter().filter(|&&byte| byte == b'"').count(), 2);
    assert!(!value.iter().any(|byte| matches!(byte, b'\\' | b'/')));
}

const RANGES_MAX: usize = 16;
const LIMITS: MultipartLimits = MultipartLimits { parts_max: 8, part_head_bytes_max: 300 };
const CONDITIONS: [&str; 5] =
    ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];
