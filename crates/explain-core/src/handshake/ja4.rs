//! JA4, the fingerprint of a ClientHello by FoxIO's public specification (its JA4 part is BSD).
//!
//! Clients of one program and version share it. Nothing can fail: what is missing counts as 00.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::hello::ClientHello;
use super::registry::{Hash, is_grease};
use super::schedule;

/// The fingerprint of a hello over TCP.
pub(super) fn ja4(hello: &ClientHello<'_>) -> String {
    let version = match hello.versions().into_iter().max().unwrap_or(hello.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    };
    let domain = if hello.extension(0).is_some() { 'd' } else { 'i' };
    let mut suites: Vec<u16> = hello.suites.iter().copied().filter(|c| !is_grease(*c)).collect();
    let mut extensions: Vec<u16> =
        hello.extensions.iter().map(|(code, _)| *code).filter(|c| !is_grease(*c)).collect();
    let (suite_count, extension_count) = (suites.len().min(99), extensions.len().min(99));
    let alpn = alpn_mark(hello.alpn().first().copied());
    suites.sort_unstable();
    // SNI and ALPN depend on where the client goes, not on what it is.
    extensions.retain(|code| *code != 0 && *code != 16);
    extensions.sort_unstable();
    let suite_hash = short_hash(&joined(&suites));
    let mut text = joined(&extensions);
    let signatures = hello.numbers(13);
    if !signatures.is_empty() {
        text.push('_');
        text.push_str(&joined(&signatures));
    }
    let extension_hash = if extensions.is_empty() { ZEROS.to_string() } else { short_hash(&text) };
    format!(
        "t{version}{domain}{suite_count:02}{extension_count:02}{alpn}_{suite_hash}_{extension_hash}"
    )
}

/// First and last character of the first protocol; of its hexadecimal form when they are none.
fn alpn_mark(protocol: Option<&[u8]>) -> String {
    let Some((first, last)) = protocol.and_then(|text| Some((text.first()?, text.last()?))) else {
        return "00".to_string();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 0x0f)].iter().collect()
}

fn joined(numbers: &[u16]) -> String {
    numbers.iter().map(|number| format!("{number:04x}")).collect::<Vec<_>>().join(",")
}

fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return ZEROS.to_string();
    }
    let mut out = String::new();
    for byte in schedule::hash(Hash::Sha256, text.as_bytes()).iter().take(6) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

const ZEROS: &str = "000000000000";

#[cfg(test)]
mod tests;
