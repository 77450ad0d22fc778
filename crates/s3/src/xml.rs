//! Just enough XML for answers of the protocol: elements and their texts.
//!
//! Attributes, comments and processing instructions are skipped; a document type is refused, so
//! nothing expands. Any octets are taken: no panic, a depth of 16, and memory bounded by the text.

use std::borrow::Cow;

/// What `walk` shows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// An element without elements in it, and its text.
    Leaf {
        /// The element around it, or the empty text.
        parent: &'a str,
        /// Its own name.
        name: &'a str,
        /// Its text with references resolved.
        text: &'a str,
    },
    /// The end of an element with elements in it.
    Close(&'a str),
}

/// Shows every step of `text` to `visit`; `None` if it is not well-formed.
pub(crate) fn walk<'a>(text: &'a str, mut visit: impl FnMut(Step<'_>)) -> Option<()> {
    let mut open: Vec<&'a str> = Vec::new();
    let mut own = String::new();
    let mut is_leaf = false;
    let mut rest = text.trim_start_matches('\u{feff}');
    let mut is_done = false;
    while !rest.is_empty() {
        let (before, after) = rest.split_once('<').unwrap_or((rest, ""));
        let is_end = before.len() == rest.len();
        if open.is_empty() {
            before.trim_ascii().is_empty().then_some(())?;
        } else if is_leaf {
            own.push_str(&resolved(before)?);
        }
        if is_end {
            break;
        }
        let (tag, next) = markup(after)?;
        rest = next;
        match tag {
            Tag::Skip => {}
            Tag::Text(text) => own.push_str(text),
            Tag::Open(name) | Tag::Whole(name) => {
                (!is_done && open.len() < DEPTH_MAX).then_some(())?;
                let parent = open.last().copied().unwrap_or_default();
                own.clear();
                is_leaf = matches!(tag, Tag::Open(_));
                if is_leaf {
                    open.push(name);
                } else {
                    visit(Step::Leaf { parent, name, text: "" });
                    is_done = open.is_empty();
                }
            }
            Tag::Close(name) => {
                (open.pop()? == name).then_some(())?;
                let parent = open.last().copied().unwrap_or_default();
                visit(if is_leaf {
                    Step::Leaf { parent, name, text: &own }
                } else {
                    Step::Close(name)
                });
                is_leaf = false;
                is_done = open.is_empty();
            }
        }
    }
    is_done.then_some(())
}

/// `text` as it may stand in an element.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

enum Tag<'a> {
    Open(&'a str),
    Whole(&'a str),
    Close(&'a str),
    Text(&'a str),
    Skip,
}

/// What follows a `<`, and the rest after it.
fn markup(after: &str) -> Option<(Tag<'_>, &str)> {
    if let Some(comment) = after.strip_prefix("!--") {
        return comment.split_once("-->").map(|(_, rest)| (Tag::Skip, rest));
    }
    if let Some(data) = after.strip_prefix("![CDATA[") {
        return data.split_once("]]>").map(|(text, rest)| (Tag::Text(text), rest));
    }
    if let Some(instruction) = after.strip_prefix('?') {
        return instruction.split_once("?>").map(|(_, rest)| (Tag::Skip, rest));
    }
    let (inside, rest) = after.split_at_checked(tag_end(after)?)?;
    let rest = rest.strip_prefix('>')?;
    if let Some(name) = inside.strip_prefix('/') {
        return Some((Tag::Close(local(name.trim_ascii_end())?), rest));
    }
    let (inside, is_whole) = match inside.strip_suffix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let name = local(inside.split_ascii_whitespace().next().unwrap_or_default())?;
    Some((if is_whole { Tag::Whole(name) } else { Tag::Open(name) }, rest))
}

/// Where the `>` is that no quotes are around.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| {
        match quote {
            Some(open) if open == byte => quote = None,
            None if byte == b'"' || byte == b'\'' => quote = Some(byte),
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

/// A name without its namespace's; `None` if it is none, as `!DOCTYPE`.
fn local(name: &str) -> Option<&str> {
    let name = name.rsplit_once(':').map_or(name, |(_, name)| name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

fn resolved(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('&') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, next) = after.split_once(';')?;
        out.push(reference(name)?);
        rest = next;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// Deepest nesting; the protocol's answers have five levels.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests;
