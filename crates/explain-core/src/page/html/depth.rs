//! How much of a text may be parsed as HTML. Building the tree looks up the open elements for many
//! a tag, so elements without end within each other would take time that grows with the square;
//! browsers stop at a depth of 512 too. A rough look, made to err towards too deep: a page is cut
//! too early rather than parsed for minutes.

use alloc::vec::Vec;

/// The part of `text` that does not nest deeper than [`DEPTH_MAX`].
pub(super) fn shallow(text: &str) -> &str {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let begin = at + found;
        let rest = text.get(begin + 1..).unwrap_or_default();
        at = begin + 1;
        if rest.starts_with("!--") {
            at += rest.find("-->").map_or(rest.len(), |end| end + 3);
            continue;
        }
        let (ends, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
        let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        at = text.len() - rest.len() + tag_length(rest);
        if ends {
            close(&mut open, name);
        } else if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            at += raw_length(text.get(at..).unwrap_or_default(), name);
        } else if !SHORT.iter().any(|short| short.eq_ignore_ascii_case(name)) {
            if open.len() == DEPTH_MAX {
                return text.get(..begin).unwrap_or_default();
            }
            open.push(name);
        }
    }
    text
}

/// Closes the innermost element of this name, unless one that hides it stands between.
fn close(open: &mut Vec<&str>, name: &str) {
    for (at, other) in open.iter().enumerate().rev() {
        if other.eq_ignore_ascii_case(name) {
            open.truncate(at);
            return;
        }
        if SCOPES.iter().any(|scope| scope.eq_ignore_ascii_case(other)) {
            return;
        }
    }
}

/// Bytes up to and with the `>` that ends a tag; quoted values may hold others.
fn tag_length(rest: &str) -> usize {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') if rest.get(..at).is_some_and(|before| before.ends_with('=')) => {
                quote = Some(c);
            }
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    rest.len()
}

/// Bytes before the end tag of an element whose content is text.
fn raw_length(rest: &str, name: &str) -> usize {
    let mut at = 0;
    while let Some(found) = rest.get(at..).and_then(|rest| rest.find("</")) {
        at += found;
        let tail = rest.get(at + 2..).and_then(|tail| tail.get(..name.len()));
        if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name)) {
            return at;
        }
        at += 2;
    }
    rest.len()
}

/// Elements within each other.
const DEPTH_MAX: usize = 512;
/// Elements whose content is text.
const RAW: [&str; 9] =
    ["iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp"];
/// Elements that are empty, or that the next of their kind closes.
const SHORT: [&str; 28] = [
    "area", "base", "body", "br", "col", "dd", "dt", "embed", "head", "hr", "html", "img", "input",
    "li", "link", "meta", "optgroup", "option", "p", "param", "rp", "rt", "source", "td", "th",
    "tr", "track", "wbr",
];
/// Elements that hide those outside of them (HTML §13.2.4.2).
const SCOPES: [&str; 10] = [
    "applet", "button", "caption", "marquee", "math", "object", "select", "svg", "table",
    "template",
];

#[cfg(test)]
mod tests {
    //! What is deep, what only looks so, and what is made to look flat.
    use super::*;

    #[test]
    fn ordinary_pages_are_whole() {
        for text in [
            "<p>".repeat(5000),
            "<ul><li>a<li>b</ul><img><br>".repeat(5000),
            "<div class=\"a>b\"><b>x</b></div>".repeat(5000),
            "<!-- <div> --><script>'<div>'</script>".repeat(5000),
            "a < b <".repeat(5000),
        ] {
            assert_eq!(shallow(&text).len(), text.len());
        }
    }

    #[test]
    fn depth_is_cut_however_it_is_written() {
        for text in [
            "<div>".repeat(5000),
            "<div></x>".repeat(5000),
            "<div><table></div>".repeat(5000),
            "<div><script></div></script>".repeat(5000),
            "<div title='</div>'>".repeat(5000),
            "<div><!-- </div> -->".repeat(5000),
        ] {
            assert!(shallow(&text).len() <= text.len() / 5, "{}", &text[..30]);
        }
    }
}
