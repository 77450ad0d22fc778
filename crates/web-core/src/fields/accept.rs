//! Content negotiation: JSON or HTML, English or Chinese (RFC 9110 §12.4.2, §12.5.1, §12.5.4).
//!
//! A preference never refuses a request: what nobody can read is skipped, and without a preference
//! there is a default.

/// What a client would rather read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `text/html` before `application/json`.
    Html,
    /// `application/json` before `text/html`.
    Json,
    /// Equally one or the other, or nothing said.
    Either,
}

/// A language the door speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// English, the default.
    En,
    /// Chinese, simplified.
    Zh,
}

/// Reads an `Accept` value; the most specific media range decides for each type.
#[must_use]
pub fn wanted(accept: &[u8]) -> Wanted {
    // Pairs of (how specific, weight).
    let (mut html, mut json) = ((0_u8, 0_u16), (0_u8, 0_u16));
    for (range, weight) in weighted(accept) {
        for (best, main, full) in [
            (&mut html, b"text/*".as_slice(), b"text/html".as_slice()),
            (&mut json, b"application/*".as_slice(), b"application/json".as_slice()),
        ] {
            let specific = if range.eq_ignore_ascii_case(full) {
                3
            } else if range.eq_ignore_ascii_case(main) {
                2
            } else if range == b"*/*" {
                1
            } else {
                continue;
            };
            if specific > best.0 || (specific == best.0 && weight > best.1) {
                *best = (specific, weight);
            }
        }
    }
    match html.1.cmp(&json.1) {
        core::cmp::Ordering::Greater => Wanted::Html,
        core::cmp::Ordering::Less => Wanted::Json,
        core::cmp::Ordering::Equal => Wanted::Either,
    }
}

/// Reads an `Accept-Language` value: the spoken language of highest weight, the first of equals.
#[must_use]
pub fn language(accept_language: &[u8]) -> Lang {
    let mut best = (Lang::En, 0);
    for (range, weight) in weighted(accept_language) {
        let primary = range.split(|&byte| byte == b'-').next().unwrap_or_default();
        let language = if primary.eq_ignore_ascii_case(b"zh") {
            Lang::Zh
        } else if primary.eq_ignore_ascii_case(b"en") {
            Lang::En
        } else {
            continue;
        };
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// The members of a list with their weights in thousandths; members with a malformed one are left
/// out.
pub(super) fn weighted(list: &[u8]) -> impl Iterator<Item = (&[u8], u16)> {
    list.split(|&byte| byte == b',').filter_map(|member| {
        let mut pieces = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let range = pieces.next().filter(|range| !range.is_empty())?;
        let mut weight = 1000;
        for piece in pieces {
            if let Some((b'q' | b'Q', value)) = piece.split_first() {
                weight = thousandths(value.strip_prefix(b"=")?)?;
            }
        }
        Some((range, weight))
    })
}

/// `0`, `1`, `0.1`, `0.123`, `1.000`.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole] => (*whole, [].as_slice()),
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (*whole, fraction),
        _ => return None,
    };
    if !matches!(whole, b'0' | b'1') || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut value = u16::from(whole - b'0');
    for place in 0..3 {
        value = value * 10 + fraction.get(place).map_or(0, |digit| u16::from(digit - b'0'));
    }
    (value <= 1000).then_some(value)
}

#[cfg(test)]
mod tests;
