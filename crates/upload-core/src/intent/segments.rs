//! Segments of nginx-upload-module (its `upload-protocol.md`, 2010).
//!
//! The module takes a range whose end is the total and refuses one of a single byte
//! (`ngx_http_upload_parse_range`); here ranges are those of its text, whose last byte counts.

use menshen_web_core::head::{Headers, Method, content_length};

use super::{Ask, Intent, Place, SESSION_BYTES_MAX, Segment, Span};
use crate::fields;
use crate::limits::LENGTH_MAX;
use crate::refusal::Refusal;

/// What the request wants; `None` when it is none of uploads.
pub(super) fn read(ask: &Ask<'_>) -> Result<Option<Intent>, Refusal> {
    if ask.method != Method::Post || ask.place == Place::Upload {
        let elsewhere = ask.place == Place::Elsewhere;
        return if elsewhere { Ok(None) } else { Err(Refusal::Method(ask.place)) };
    }
    let (name, session) = either(ask.headers, ["x-session-id", "session-id"])?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    if !(1..=SESSION_BYTES_MAX).contains(&session.len()) || !session.iter().all(plain) {
        return Err(Refusal::Malformed(name));
    }
    let (name, range) = either(ask.headers, ["x-content-range", "content-range"])?;
    let (span, total) = range_of(range).ok_or(Refusal::Malformed(name))?;
    if ask.length.is_some_and(|length| length != span.bytes()) {
        return Err(Refusal::Length);
    }
    // §2.2: the content is the segment itself.
    if ask.is_type("multipart/form-data")? {
        return Err(Refusal::MediaType);
    }
    Ok(Some(Intent::Segment(Segment {
        session: session.to_vec(),
        span,
        total,
        file_name: ask.file_name()?,
        checks: fields::checks(ask.headers)?,
    })))
}

/// The single value of the one field of two that is there.
fn either<'h>(
    headers: &'h dyn Headers,
    [name, other]: [&'static str; 2],
) -> Result<(&'static str, &'h [u8]), Refusal> {
    match (fields::single(headers, name)?, fields::single(headers, other)?) {
        (Some(value), None) => Ok((name, value)),
        (None, Some(value)) => Ok((other, value)),
        (Some(_), Some(_)) => Err(Refusal::Malformed(name)),
        (None, None) => Err(Refusal::Missing(name)),
    }
}

/// `bytes first-last/total`
fn range_of(value: &[u8]) -> Option<(Span, u64)> {
    let (unit, rest) = value.split_at_checked(UNIT.len())?;
    if !unit.eq_ignore_ascii_case(UNIT) {
        return None;
    }
    let slash = rest.iter().position(|&byte| byte == b'/')?;
    let dash = rest.iter().position(|&byte| byte == b'-')?;
    let first = content_length(rest.get(..dash)?)?;
    let last = content_length(rest.get(dash + 1..slash)?)?;
    let total = content_length(rest.get(slash + 1..)?)?;
    let possible = first <= last && last < total && total <= LENGTH_MAX;
    possible.then_some((Span { start: first, end: last + 1 }, total))
}

const UNIT: &[u8] = b"bytes ";

#[cfg(test)]
mod tests;
