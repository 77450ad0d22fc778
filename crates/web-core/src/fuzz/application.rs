//! Entry points for what is between the gateway and an application: FastCGI, CGI, scripts, forms.

use alloc::vec::Vec;

use super::content::Form;
use crate::cgi::{CgiError, CgiLimits, CgiParsed, parse_head};
use crate::fastcgi::{Decoder, Event, FastCgiError, ProtocolStatus, header_param};
use crate::multipart::write::{closing, part_end, part_head};
use crate::multipart::{Boundary, PartHead};
use crate::script::{candidates, is_forbidden_source, is_script_name};

/// A byte for the size of the pieces, then the records of an answer; they are also header names.
pub fn fastcgi(data: &[u8]) {
    let Some((step, records)) = data.split_first() else { return };
    let whole = Answer::read(records, records.len().max(1));
    assert_eq!(whole, Answer::read(records, 1), "cut into bytes");
    assert_eq!(whole, Answer::read(records, usize::from(*step) + 1), "cut into equal pieces");
    assert!(whole.stdout.len() + whole.stderr.len() <= records.len());
    let mut name = Vec::new();
    if header_param(records, &mut name) {
        assert!(name.starts_with(b"HTTP_") && name.len() == records.len() + 5);
        let plain = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        assert!(name.iter().all(plain) && name != b"HTTP_PROXY");
    } else {
        assert!(name.is_empty());
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    end: Option<(u32, ProtocolStatus)>,
    consumed: usize,
    error: Option<FastCgiError>,
}

impl Answer {
    fn read(records: &[u8], step: usize) -> Self {
        let mut decoder = Decoder::new();
        let mut seen = Self::default();
        for piece in records.chunks(step) {
            let mut rest = piece;
            while !rest.is_empty() && !decoder.is_done() {
                let found = match decoder.feed(rest) {
                    Ok(found) => found,
                    Err(error) => {
                        seen.error = Some(error);
                        seen.consumed = 0;
                        return seen;
                    }
                };
                assert!(found.consumed > 0 && found.consumed <= rest.len(), "no progress");
                match found.event {
                    Some(Event::Stdout(range)) => seen.stdout.extend_from_slice(&rest[range]),
                    Some(Event::Stderr(range)) => seen.stderr.extend_from_slice(&rest[range]),
                    Some(Event::End { app_status, protocol }) => {
                        assert!(seen.end.replace((app_status, protocol)).is_none());
                    }
                    None => assert_eq!(found.consumed, rest.len()),
                }
                seen.consumed += found.consumed;
                rest = &rest[found.consumed..];
            }
        }
        assert_eq!(decoder.is_done(), seen.end.is_some());
        seen
    }
}

/// The head of an answer: the verdict does not depend on chunking, limits hold, no line is lost.
pub fn cgi(data: &[u8]) {
    let limits = CgiLimits { head_bytes_max: 400, fields_max: 8 };
    let whole = parse_head(data, &mut 0, limits);
    let (mut searched, mut verdict) = (0, Ok(CgiParsed::Partial));
    for end in 0..=data.len() {
        verdict = parse_head(&data[..end], &mut searched, limits);
        if verdict != Ok(CgiParsed::Partial) {
            break;
        }
    }
    assert_eq!(verdict, whole, "the verdict depends on the cutting");
    let (head, len) = match whole {
        Ok(CgiParsed::Complete { head, len }) => (head, len),
        Ok(CgiParsed::Partial) => return assert!(data.len() < limits.head_bytes_max),
        Err(CgiError::TooLong) => return assert!(data.len() >= limits.head_bytes_max),
        Err(_) => return,
    };
    assert!(len <= limits.head_bytes_max && matches!(head.status, 200..=599));
    let fields: Vec<_> = head.fields().collect();
    assert!(fields.len() <= limits.fields_max);
    let lines = data[..len].iter().filter(|&&byte| byte == b'\n').count() - 1;
    assert!(fields.len() == lines || fields.len() + 1 == lines, "a line was lost or invented");
    for (name, value) in fields {
        let name = core::str::from_utf8(name).unwrap_or_default();
        assert!(!name.is_empty() && head.get(name).is_some(), "{name} is not found");
        assert!(!value.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()));
        assert!(!matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']));
    }
}

/// A path, and the last component of it as a name.
pub fn script(data: &[u8]) {
    let mut before = 0;
    for end in candidates(data) {
        assert!(end > before && end <= data.len());
        assert!(matches!(&data[end..], [] | [b'/', ..]));
        let name = data[..end].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        assert!(is_script_name(name));
        before = end;
    }
    let name = data.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    assert_eq!(is_script_name(name), !name.is_empty() && before == data.len());
    assert!(is_forbidden_source(name) || !is_script_name(name));
    // What is forbidden stays so in capitals and with a dot behind it.
    let dotted: Vec<u8> = name.iter().map(u8::to_ascii_uppercase).chain([b'.']).collect();
    assert_eq!(is_forbidden_source(name), is_forbidden_source(&dotted));
}

/// An even byte, then a body with the boundary `B`; or an odd one, then name, file name (`?` for
/// none), type and bytes of one part with NUL between them. What is written for PHP says the same,
/// to our parser and to PHP's way of reading a disposition.
pub fn form_rewrite(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 1 {
        let mut pieces = rest.splitn(4, |&byte| byte == 0).map(<[u8]>::to_vec);
        let mut next = || pieces.next().unwrap_or_default();
        let name = next();
        let full_path = Some(next()).filter(|path| path != b"?");
        let content_type = Some(next()).filter(|kind| !kind.is_empty());
        let head = PartHead { name, file_name: None, full_path, content_type };
        rewrite(&[(head, next(), true)]);
        return;
    }
    let Ok(boundary) = Boundary::new(b"B") else { return };
    let form = Form::read(&boundary, &[rest]);
    if form.result.is_ok() {
        let again = rewrite(&form.parts);
        assert!(again.is_none_or(|again| again == form), "the form is another one");
    }
}

/// Writes parts and reads them again; `None` when they cannot be written.
fn rewrite(parts: &[(PartHead, Vec<u8>, bool)]) -> Option<Form> {
    let boundary = unknown_boundary(parts);
    let mut body = Vec::new();
    for (head, bytes, _) in parts {
        let start = body.len();
        let (file, kind) = (head.full_path.as_deref(), head.content_type.as_deref());
        part_head(&boundary, &head.name, file, kind, &mut body).ok()?;
        let lines = body[start..].split(|&byte| byte == b'\n');
        let line = lines.clone().nth(1).unwrap_or_default();
        assert!(lines.clone().all(|line| line.len() < 5119), "a line that PHP would cut");
        let value = line.strip_prefix(b"Content-Disposition: ".as_slice()).unwrap_or_default();
        let seen = php_disposition(value.strip_suffix(b"\r").unwrap_or_default());
        assert_eq!(seen, (Some(head.name.clone()), head.full_path.clone()), "PHP reads another");
        body.extend_from_slice(bytes);
        part_end(&mut body);
    }
    closing(&boundary, &mut body);
    Some(Form::read(&boundary, &[&body]))
}

/// A boundary that none of the parts knows, which is what chance gives in earnest.
fn unknown_boundary(parts: &[(PartHead, Vec<u8>, bool)]) -> Boundary {
    let mut number = 0_u128;
    loop {
        let boundary = Boundary::from_random(&number.to_be_bytes());
        let known = |bytes: &[u8]| memchr::memmem::find(bytes, boundary.as_bytes()).is_some();
        if !parts.iter().any(|(_, bytes, _)| known(bytes)) {
            return boundary;
        }
        number += 1;
    }
}

/// Name and file name as PHP takes them from a disposition: words that end at a `;` outside of
/// quotes, where a backslash hides a quote even when it is itself escaped.
fn php_disposition(value: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let (mut name, mut file_name, mut rest) = (None, None, value);
    while !rest.is_empty() {
        let word = php_word(&mut rest, b';');
        rest = rest.trim_ascii_start();
        if word.contains(&b'=') {
            let mut text = word;
            let key = php_word(&mut text, b'=');
            if key.eq_ignore_ascii_case(b"name") {
                name = Some(php_value(text));
            } else if key.eq_ignore_ascii_case(b"filename") {
                file_name = Some(php_value(text));
            }
        }
    }
    (name, file_name)
}

fn php_word<'a>(rest: &mut &'a [u8], stop: u8) -> &'a [u8] {
    let text = *rest;
    let byte = |at: usize| text.get(at).copied();
    let mut at = 0;
    while let Some(first) = byte(at).filter(|&byte| byte != stop) {
        at += 1;
        if matches!(first, b'"' | b'\'') {
            while byte(at).is_some_and(|byte| byte != first) {
                let hidden = byte(at) == Some(b'\\') && byte(at + 1) == Some(first);
                at += if hidden { 2 } else { 1 };
            }
            at = text.len().min(at + 1);
        }
    }
    let stops = text[at..].iter().take_while(|&&byte| byte == stop).count();
    *rest = &text[at + stops..];
    &text[..at]
}

fn php_value(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii_start();
    let (quote, text) = match text {
        [quote @ (b'"' | b'\''), rest @ ..] => (Some(*quote), rest),
        _ => (None, text.split(u8::is_ascii_whitespace).next().unwrap_or_default()),
    };
    let (mut value, mut bytes) = (Vec::new(), text.iter().copied().peekable());
    while let Some(byte) = bytes.next().filter(|&byte| Some(byte) != quote) {
        let escaped = (byte == b'\\')
            .then(|| bytes.next_if(|&next| next == b'\\' || Some(next) == quote))
            .flatten();
        value.push(escaped.unwrap_or(byte));
    }
    value
}
