//! Single fields of requests, as strict as their dialect wants them.
//!
//! Nothing here combines values: a field that came twice is malformed, so that no two readers can
//! take different ones.

use alloc::vec::Vec;

use menshen_web_core::fields::structured::{self, Bare};
use menshen_web_core::fields::{Digests, wanted_digest};
use menshen_web_core::head::{Headers, content_length};

use crate::intent::Checks;
use crate::limits::LENGTH_MAX;
use crate::refusal::Refusal;

/// The value of a field that may come once.
pub(crate) fn single<'h>(
    headers: &'h dyn Headers,
    name: &'static str,
) -> Result<Option<&'h [u8]>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    if count(headers, name) == 1 { Ok(Some(value)) } else { Err(Refusal::Malformed(name)) }
}

/// How often a field came.
pub(crate) fn count(headers: &dyn Headers, name: &str) -> usize {
    let mut count = 0;
    headers.for_each(name, &mut |_| count += 1);
    count
}

/// The boolean of a structured field. `None` also for other values: RUFH §4.1.2 has them ignored.
pub(crate) fn boolean(headers: &dyn Headers, name: &'static str) -> Option<bool> {
    match structured::item(single(headers, name).ok()??) {
        Ok(Bare::Boolean(value)) => Some(value),
        _ => None,
    }
}

/// The integer of a structured field, 0 or more. `None` also for other values: RUFH §4.1.1 and
/// §4.1.3 have them ignored.
pub(crate) fn integer(headers: &dyn Headers, name: &'static str) -> Option<u64> {
    match structured::item(single(headers, name).ok()??) {
        Ok(Bare::Integer(value)) => u64::try_from(value).ok(),
        _ => None,
    }
}

/// A plain number (tus), up to [`LENGTH_MAX`].
pub(crate) fn number(headers: &dyn Headers, name: &'static str) -> Result<Option<u64>, Refusal> {
    let Some(text) = single(headers, name)? else { return Ok(None) };
    let value = content_length(text).filter(|value| *value <= LENGTH_MAX);
    value.map(Some).ok_or(Refusal::Malformed(name))
}

/// The digests of RFC 9530, which all dialects may send.
pub(crate) fn checks(headers: &dyn Headers) -> Result<Checks, Refusal> {
    let mut checks = Checks {
        content: digests(headers, "content-digest")?,
        whole: digests(headers, "repr-digest")?,
        ..Checks::default()
    };
    headers.for_each("want-repr-digest", &mut |line| {
        checks.want = checks.want.or_else(|| wanted_digest(line));
    });
    Ok(checks)
}

fn digests(headers: &dyn Headers, name: &'static str) -> Result<Digests, Refusal> {
    let mut digests = Digests::default();
    let mut result = Ok(());
    headers.for_each(name, &mut |line| {
        result = result.and_then(|()| digests.add_line(line));
    });
    result.map_err(|_| Refusal::Malformed(name))?;
    Ok(digests)
}

/// Whether `Content-Type` is this one, parameters aside (RFC 9110 §8.3.1).
pub(crate) fn is_type(headers: &dyn Headers, wanted: &str) -> Result<bool, Refusal> {
    let Some(value) = single(headers, "content-type")? else { return Ok(false) };
    let end = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    Ok(value[..end].trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
}

/// Appends a number in decimal.
pub(crate) fn push_number(mut value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + value.wrapping_rem(10).to_le_bytes()[0]);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out[start..].reverse();
}

/// A number in decimal.
pub(crate) fn decimal(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    push_number(value, &mut out);
    out
}
