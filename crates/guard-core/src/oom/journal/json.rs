//! One JSON object of a line, field by field: strings, arrays of bytes and numbers of the first
//! level (RFC 8259). What is deeper is passed over.
//!
//! Text that is no JSON gives the fields before the fault; nothing fails.

use alloc::vec::Vec;

use super::Entry;
use crate::oom::text::{digits_then, trim_start};

/// Reads the object into the record; whether it had any field.
pub(in crate::oom) fn read(line: &[u8], entry: &mut Entry, scratch: &mut Vec<u8>) -> bool {
    entry.clear();
    let Some(mut rest) = trim_start(line).strip_prefix(b"{") else { return false };
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        let Some((key, after)) = string(rest) else { break };
        let Some(value) = after.trim_ascii_start().strip_prefix(b":") else { break };
        let Some(after) = field(key, value.trim_ascii_start(), entry, scratch) else { break };
        rest = after;
    }
    !entry.is_empty()
}

/// One value, taken or passed over; what follows it.
fn field<'a>(
    key: &[u8],
    value: &'a [u8],
    entry: &mut Entry,
    scratch: &mut Vec<u8>,
) -> Option<&'a [u8]> {
    match value.first()? {
        b'"' => {
            let (text, rest) = string(value)?;
            if WANTED.contains(&key) {
                scratch.clear();
                decode(text, scratch);
                entry.field(key, scratch);
            }
            Some(rest)
        }
        b'[' if WANTED.contains(&key) => {
            scratch.clear();
            if let Some(rest) = bytes(value, scratch) {
                entry.field(key, scratch);
                return Some(rest);
            }
            skip(value)
        }
        b'[' | b'{' => skip(value),
        _ => {
            let end = value.iter().position(|byte| matches!(byte, b',' | b'}' | b' '));
            let (text, rest) = value.split_at(end.unwrap_or(value.len()));
            if WANTED.contains(&key) && text != b"null" {
                entry.field(key, text);
            }
            Some(rest)
        }
    }
}

/// A string without its quotes, escapes as they are.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        from = at + 2;
    }
}

/// `[75,105,108]`: a message that is no UTF-8.
fn bytes<'a>(text: &'a [u8], into: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut rest = text.strip_prefix(b"[")?;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(rest) = rest.strip_prefix(b"]") {
            return Some(rest);
        }
        let (byte, after) = digits_then(rest)?;
        into.push(u8::try_from(byte).ok()?);
        rest = after.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
}

/// What follows an array or object.
fn skip(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        match rest.first()? {
            b'"' => {
                rest = string(rest)?.1;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return rest.get(1..);
                }
            }
            _ => {}
        }
        rest = rest.get(1..)?;
    }
}

/// Turns escapes into bytes. A lone half of a pair becomes U+FFFD.
fn decode(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some((&letter, after)) = rest.split_first() else { return };
        rest = after;
        match letter {
            b'n' => into.push(b'\n'),
            b't' => into.push(b'\t'),
            b'r' => into.push(b'\r'),
            b'b' => into.push(8),
            b'f' => into.push(12),
            b'u' => {
                let (letter, after) = unicode(rest);
                let mut utf8 = [0; 4];
                into.extend_from_slice(letter.encode_utf8(&mut utf8).as_bytes());
                rest = after;
            }
            other => into.push(other),
        }
    }
    into.extend_from_slice(rest);
}

fn unicode(text: &[u8]) -> (char, &[u8]) {
    let Some((first, rest)) = four(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    if let Some(letter) = char::from_u32(first) {
        return (letter, rest);
    }
    let pair = rest.strip_prefix(b"\\u").and_then(four);
    match pair {
        Some((second @ 0xdc00..=0xdfff, rest)) if first < 0xdc00 => {
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
        }
        _ => (char::REPLACEMENT_CHARACTER, rest),
    }
}

fn four(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut code = 0;
    for &digit in text.get(..4)? {
        code = code << 4 | char::from(digit).to_digit(16)?;
    }
    Some((code, text.get(4..)?))
}

/// Fields worth decoding.
const WANTED: [&[u8]; 22] = [
    b"MESSAGE",
    b"message",
    b"msg",
    b"log",
    b"__REALTIME_TIMESTAMP",
    b"_SOURCE_REALTIME_TIMESTAMP",
    b"_SOURCE_MONOTONIC_TIMESTAMP",
    b"__MONOTONIC_TIMESTAMP",
    b"_HOSTNAME",
    b"hostname",
    b"host",
    b"SYSLOG_IDENTIFIER",
    b"ident",
    b"program",
    b"programname",
    b"_COMM",
    b"_TRANSPORT",
    b"SYSLOG_FACILITY",
    b"time",
    b"@timestamp",
    b"timestamp",
    b"PRIORITY",
];
