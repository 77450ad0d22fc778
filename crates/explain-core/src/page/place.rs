//! Where in a text a reference stands. A tree has no places: what was written is looked for again,
//! in the order of the document, outside of comments.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

/// Finds the next place of each address.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    text: &'a str,
    /// Where to look on for each address that was found already.
    next: BTreeMap<String, usize>,
    /// Bytes that may still be searched: many addresses in a long text must not take long.
    budget: usize,
}

impl<'a> Places<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, next: BTreeMap::new(), budget: SEARCH_BYTES_MAX }
    }

    /// Line and column, from 1, of the next place where `written` stands.
    pub(crate) fn find(&mut self, written: &str) -> Option<(u32, u32)> {
        let written = written.trim();
        if written.is_empty() || self.budget == 0 {
            return None;
        }
        let encoded = written.replace('&', "&amp;");
        let from = self.next.get(written).copied().unwrap_or(0);
        let at = self.search(written, from).or_else(|| self.search(&encoded, from))?;
        self.next.insert(written.to_string(), at + written.len());
        self.line_and_column(at)
    }

    fn search(&mut self, needle: &str, mut from: usize) -> Option<usize> {
        loop {
            let rest = self.text.get(from..)?;
            let found = rest.find(needle);
            let walked = found.unwrap_or(rest.len());
            self.budget = self.budget.saturating_sub(walked + 1);
            let at = from + found?;
            // Not the tail of another word, not a comment.
            let before = self.text.get(..at)?;
            let tail = before.chars().next_back();
            let inside = tail.is_some_and(|c| c.is_alphanumeric() || c == '/' || c == '.');
            self.budget = self.budget.saturating_sub(COMMENT_BYTES_MAX);
            if !inside && !in_comment(before) {
                return Some(at);
            }
            if self.budget == 0 {
                return None;
            }
            from = at + needle.len();
        }
    }

    fn line_and_column(&mut self, at: usize) -> Option<(u32, u32)> {
        let before = self.text.get(..at)?;
        self.budget = self.budget.saturating_sub(at);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next()?.chars().count() + 1;
        Some((u32::try_from(line).ok()?, u32::try_from(column).ok()?))
    }
}

/// Whether a comment of HTML or CSS was begun shortly before and not ended.
fn in_comment(before: &str) -> bool {
    let mut from = before.len().saturating_sub(COMMENT_BYTES_MAX);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let near = before.get(from..).unwrap_or_default();
    [("<!--", "-->"), ("/*", "*/")].iter().any(|(open, close)| {
        near.rfind(open).is_some_and(|open| near.rfind(close).is_none_or(|close| close < open))
    })
}

/// How far back the beginning of a comment is looked for.
const COMMENT_BYTES_MAX: usize = 4096;
/// Bytes searched for all addresses of one document together.
const SEARCH_BYTES_MAX: usize = 256 << 20;

#[cfg(test)]
mod tests {
    //! Lines, columns, order, comments.
    use super::*;

    #[test]
    fn each_place_is_found_in_its_turn() {
        let text = "<!-- http://a/x -->\n<img src=\"http://a/x\">\n  é<img src=http://a/x>\n";
        let mut places = Places::new(text);
        assert_eq!(places.find("http://a/x"), Some((2, 11)));
        assert_eq!(places.find("http://a/x"), Some((3, 13)));
        assert_eq!(places.find("http://a/x"), None);
        assert_eq!(Places::new("a=http://a/?x&amp;y").find("http://a/?x&y"), Some((1, 3)));
        assert_eq!(Places::new("no").find(""), None);
    }
}
