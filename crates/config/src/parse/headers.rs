//! Fields that a site adds to its answers (RFC 9110 §5). Never one that frames a message or that
//! menshen computes.

use super::text::Refusal;
use crate::model::NameValue;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// Adds a field.
pub(crate) fn add(headers: &mut Vec<NameValue>, name: &str, value: &str) -> Result<(), Refusal> {
    let refuse = |why: &str, hint: &str| Err(Refusal::new(format!("{} {why}", quoted(name)), hint));
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
        return refuse("is not the name of a header field", "");
    }
    if let Some((_, why)) = OURS.iter().find(|(ours, _)| ours.eq_ignore_ascii_case(name)) {
        return refuse("cannot be set here", why);
    }
    if headers.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
        return refuse("is written twice", "");
    }
    let wrong = |c: char| c.is_control() && c != '\t';
    if value.len() > VALUE_BYTES_MAX || value.contains(wrong) || value.trim() != value {
        let message = format!("{} cannot be the value of {name}", quoted(value));
        let hint = match value.trim() == value {
            true => format!("at most {VALUE_BYTES_MAX} bytes, without control characters"),
            false => "without space at its ends".to_owned(),
        };
        return Err(Refusal::new(message, hint));
    }
    headers.push(NameValue { name: name.into(), value: value.into() });
    Ok(())
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const FRAMES: &str = "it belongs to the connection, which menshen frames";
const CONTENT: &str = "menshen computes it for each answer";
const TO_US: &str = "it tells menshen something: only scripts may send it";

const OURS: &[(&str, &str)] = &[
    ("connection", FRAMES),
    ("keep-alive", FRAMES),
    ("proxy-connection", FRAMES),
    ("te", FRAMES),
    ("trailer", FRAMES),
    ("transfer-encoding", FRAMES),
    ("upgrade", FRAMES),
    ("content-length", FRAMES),
    ("content-encoding", CONTENT),
    ("content-range", CONTENT),
    ("content-type", CONTENT),
    ("accept-ranges", CONTENT),
    ("date", CONTENT),
    ("etag", CONTENT),
    ("last-modified", CONTENT),
    ("location", "write a [[site.redirect]]"),
    ("status", CONTENT),
    ("x-accel-redirect", TO_US),
    ("x-accel-buffering", TO_US),
    ("x-accel-charset", TO_US),
    ("x-accel-expires", TO_US),
    ("x-accel-limit-rate", TO_US),
    ("x-sendfile", TO_US),
];

const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4096;
