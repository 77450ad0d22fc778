//! Which bytes of an upload in segments are there: a bounded list of spans in order.

use serde::{Deserialize, Serialize};

/// A set of bytes as spans `start..end` in order, none empty, none touching the next, at most
/// [`SPANS_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `start..end`; what touches or overlaps becomes one. False when it would be one span
    /// too many: the set is unchanged then.
    #[must_use]
    pub fn insert(&mut self, start: u64, end: u64) -> bool {
        if start >= end {
            return true;
        }
        let (mut start, mut end) = (start, end);
        let mut joined = Vec::with_capacity(self.0.len() + 1);
        for &(from, to) in &self.0 {
            if to < start || from > end {
                joined.push((from, to));
            } else {
                (start, end) = (start.min(from), end.max(to));
            }
        }
        let at = joined.partition_point(|&(from, _)| from < start);
        joined.insert(at, (start, end));
        let fits = joined.len() <= SPANS_MAX;
        if fits {
            self.0 = joined;
        }
        fits
    }

    /// Whether any byte of `start..end` is there.
    #[must_use]
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        self.0.iter().any(|&(from, to)| from < end && start < to)
    }

    /// Whether every byte of `start..end` is there.
    #[must_use]
    pub fn covers(&self, start: u64, end: u64) -> bool {
        start >= end || self.0.iter().any(|&(from, to)| from <= start && end <= to)
    }

    /// Bytes there from the start without a hole.
    #[must_use]
    pub fn prefix(&self) -> u64 {
        self.0.first().filter(|span| span.0 == 0).map_or(0, |span| span.1)
    }

    /// One behind the last byte that is there.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.0.last().map_or(0, |span| span.1)
    }

    /// The spans in order, `start` and `end`.
    #[must_use]
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }
}

impl TryFrom<Vec<(u64, u64)>> for Spans {
    type Error = &'static str;

    fn try_from(spans: Vec<(u64, u64)>) -> Result<Self, Self::Error> {
        let well = spans.iter().all(|&(start, end)| start < end)
            && spans.windows(2).all(|pair| matches!(pair, [(_, end), (start, _)] if end < start));
        (well && spans.len() <= SPANS_MAX).then_some(Self(spans)).ok_or("no set of spans")
    }
}

impl From<Spans> for Vec<(u64, u64)> {
    fn from(spans: Spans) -> Self {
        spans.0
    }
}

/// Spans one upload may consist of before its holes are filled.
pub const SPANS_MAX: usize = 256;

#[cfg(test)]
mod tests;
