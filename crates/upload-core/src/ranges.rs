//! Which bytes of a whole are there when segments come in any order.
//!
//! The list is bounded: a client that sends every other byte is refused, not remembered.

use alloc::vec::Vec;

/// Bytes `start..end`; never empty inside [`Ranges`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: u64,
    /// One behind the last byte.
    pub end: u64,
}

/// A set of bytes: spans in order, none touching the next, at most [`RANGES_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    spans: Vec<Span>,
}

/// Why a span is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangesError {
    /// It has no bytes.
    Empty,
    /// Some of its bytes are there already.
    Overlap,
    /// It would be one span too many: fill the holes first.
    TooMany,
}

impl Ranges {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: Vec::new() }
    }

    /// The set of these spans, in any order, as a record kept them.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn of_spans(spans: impl IntoIterator<Item = Span>) -> Result<Self, RangesError> {
        let mut ranges = Self::new();
        spans.into_iter().try_for_each(|span| ranges.insert(span))?;
        Ok(ranges)
    }

    /// Adds bytes that were not there; spans that touch become one.
    ///
    /// # Errors
    /// See [`RangesError`]; the set is unchanged then.
    pub fn insert(&mut self, _span: Span) -> Result<(), RangesError> {
        unimplemented!()
    }

    /// Whether any byte of `span` is there.
    #[must_use]
    pub fn overlaps(&self, _span: Span) -> bool {
        unimplemented!()
    }

    /// How many bytes are there from the start without a hole.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.spans.first().filter(|span| span.start == 0).map_or(0, |span| span.end)
    }

    /// How many bytes are there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.iter().fold(0, |sum, span| sum.saturating_add(span.end - span.start))
    }

    /// Whether all of `total` bytes are there.
    #[must_use]
    pub fn covers(&self, total: u64) -> bool {
        self.prefix() >= total
    }

    /// The spans in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// What is missing of `total` bytes, in order.
    pub fn holes(&self, _total: u64) -> impl Iterator<Item = Span> {
        core::iter::empty()
    }

    /// The value of `Range` in answers to segments: `0-99/1000, 200-299/1000`.
    #[must_use]
    pub fn field(&self, _total: u64) -> Vec<u8> {
        unimplemented!()
    }
}

/// Spans one upload may consist of before its holes are filled.
pub const RANGES_MAX: usize = 1024;
