//! Patterns with `*` for any number of any bytes, `/` included.
//!
//! The work is that of one search per piece between stars: no pattern makes it grow faster than
//! text and pattern are long.

/// Whether all of `text` is what `pattern` describes. Every byte but `*` stands for itself.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let Some(first_star) = memchr::memchr(b'*', pattern) else { return pattern == text };
    let (first, rest) = (&pattern[..first_star], &pattern[first_star + 1..]);
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let Some(last_star) = memchr::memrchr(b'*', rest) else { return text.ends_with(rest) };
    let Some(before) = text.strip_suffix(&rest[last_star + 1..]) else { return false };
    text = before;
    // The leftmost place of each piece leaves the most for those behind it.
    for piece in rest[..last_star].split(|&byte| byte == b'*') {
        let Some(at) = memchr::memmem::find(text, piece) else { return false };
        text = &text[at + piece.len()..];
    }
    true
}

#[cfg(test)]
mod tests;
