//! Which bytes of a whole are there when segments come in any order.
//!
//! The list is bounded: a client that sends every other byte is refused, not remembered. nginx's
//! module keeps such a list in a state file and limits only the length of the field it makes of it
//! (`upload_range_header_buffer_size`).

use alloc::vec::Vec;

use crate::fields::push_number;

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

impl Span {
    /// How many bytes it has; none when it ends before it starts.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes() == 0
    }
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

    /// Adds bytes that were not there; spans that touch become one. For requests at the same time,
    /// which must not overlap.
    ///
    /// # Errors
    /// See [`RangesError`]; the set is unchanged then.
    pub fn insert(&mut self, span: Span) -> Result<(), RangesError> {
        if self.overlaps(span) {
            return Err(RangesError::Overlap);
        }
        self.merge(span)
    }

    /// Adds bytes whether they were there or not: a client sends a segment again when it did not
    /// see the answer (upload-protocol.md §2.1).
    ///
    /// # Errors
    /// See [`RangesError`]; the set is unchanged then.
    pub fn merge(&mut self, span: Span) -> Result<(), RangesError> {
        if span.is_empty() {
            return Err(RangesError::Empty);
        }
        // Those that overlap or touch it are one run; it is replaced by what they are together.
        let first = self.spans.partition_point(|other| other.end < span.start);
        let behind = self.spans.partition_point(|other| other.start <= span.end);
        let run = self.spans.get(first..behind).unwrap_or_default();
        if run.is_empty() && self.spans.len() >= RANGES_MAX {
            return Err(RangesError::TooMany);
        }
        let start = run.first().map_or(span.start, |other| other.start.min(span.start));
        let end = run.last().map_or(span.end, |other| other.end.max(span.end));
        self.spans.splice(first..behind, [Span { start, end }]);
        Ok(())
    }

    /// Takes bytes away, as of a request that ended.
    ///
    /// # Errors
    /// [`RangesError::TooMany`] when it would split a span and the list is full; unchanged then.
    pub fn remove(&mut self, span: Span) -> Result<(), RangesError> {
        if span.is_empty() {
            return Ok(());
        }
        let mut left = Vec::new();
        for other in &self.spans {
            let before = Span { start: other.start, end: other.end.min(span.start) };
            let after = Span { start: other.start.max(span.end), end: other.end };
            left.extend([before, after].into_iter().filter(|part| !part.is_empty()));
        }
        if left.len() > RANGES_MAX {
            return Err(RangesError::TooMany);
        }
        self.spans = left;
        Ok(())
    }

    /// Whether any byte of `span` is there.
    #[must_use]
    pub fn overlaps(&self, span: Span) -> bool {
        let next = self.spans.partition_point(|other| other.end <= span.start);
        !span.is_empty() && self.spans.get(next).is_some_and(|other| other.start < span.end)
    }

    /// How many bytes are there from the start without a hole.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.spans.first().filter(|span| span.start == 0).map_or(0, |span| span.end)
    }

    /// How many bytes are there.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.spans.iter().fold(0, |sum, span| sum.saturating_add(span.bytes()))
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
    pub fn holes(&self, total: u64) -> impl Iterator<Item = Span> {
        self.missing(Span { start: 0, end: total })
    }

    /// What is missing of `span`, in order: all that a segment sent again may write.
    pub fn missing(&self, span: Span) -> impl Iterator<Item = Span> {
        let clamp = move |at: u64| at.clamp(span.start, span.end.max(span.start));
        let starts = core::iter::once(span.start).chain(self.spans.iter().map(|there| there.end));
        let ends = self.spans.iter().map(|there| there.start).chain(core::iter::once(span.end));
        let holes =
            starts.zip(ends).map(move |(start, end)| Span { start: clamp(start), end: clamp(end) });
        holes.filter(|hole| !hole.is_empty())
    }

    /// The value of `Range` in answers to segments: `0-99/1000,200-299/1000`.
    #[must_use]
    pub fn field(&self, total: u64) -> Vec<u8> {
        let mut out = Vec::new();
        for span in &self.spans {
            if !out.is_empty() {
                out.push(b',');
            }
            push_number(span.start, &mut out);
            out.push(b'-');
            push_number(span.end - 1, &mut out);
            out.push(b'/');
            push_number(total, &mut out);
        }
        out
    }
}

/// Spans one upload may consist of before its holes are filled. With numbers of the greatest
/// length, [`Ranges::field`] then has at most 50 KiB; of real uploads it has a few hundred bytes.
pub const RANGES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
