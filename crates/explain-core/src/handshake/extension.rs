//! Extensions in words (RFC 8446 §4.2 and the registry of TLS extensions).
//!
//! What cannot be read is shown by its size; nothing can fail.

use alloc::format;
use alloc::string::{String, ToString};

use super::cursor::{Cursor, numbers};
use super::hello::{Extension, alpn, shares};
use super::message::Field;
use super::registry;
use super::text::{bytes, clean, field, hex, list};

/// In which message an extension stands: the same number has another form in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    ClientHello,
    ServerHello,
    HelloRetryRequest,
    /// EncryptedExtensions, CertificateRequest, a certificate, a ticket.
    Later,
}

/// One extension as a field.
pub(super) fn explain(extension: Extension<'_>, place: Place) -> Field {
    let (code, content) = extension;
    let value = value(code, content, place).unwrap_or_else(|| {
        if content.is_empty() { "yes".to_string() } else { bytes(content.len()) }
    });
    let note = if registry::is_grease(code) { GREASE } else { note(code, place) };
    field(registry::extension(code), value, note)
}

/// The value of an extension we can read.
fn value(code: u16, content: &[u8], place: Place) -> Option<String> {
    let mut cursor = Cursor::new(content);
    let text = match (code, place) {
        (0, Place::ClientHello) => {
            let mut names = Cursor::new(cursor.vec16()?);
            names.u8()?;
            clean(names.vec16()?)
        }
        (5, Place::ClientHello) if cursor.u8()? == 1 => "OCSP".to_string(),
        (10, _) => list(numbers(cursor.vec16()?).map(|code| registry::group(code).name)),
        (13 | 50, _) => list(numbers(cursor.vec16()?).map(|code| registry::scheme(code).name)),
        (16, _) => list(alpn(content).into_iter().map(clean)),
        (21, _) => bytes(content.len()),
        (27, Place::ClientHello) => list(numbers(cursor.vec8()?).map(compression)),
        (28, _) => bytes(usize::from(cursor.u16()?)),
        (35, _) if content.is_empty() => "empty".to_string(),
        (35, _) => format!("a ticket of {}", bytes(content.len())),
        (41, Place::ClientHello) => {
            let identities = Cursor::new(cursor.vec16()?);
            format!(
                "{} offered",
                bytes(count_identities(identities)?)
                    .replace("byte", "identity")
                    .replace("identitys", "identities")
            )
        }
        (41, _) => format!("identity {} chosen", u32::from(cursor.u16()?) + 1),
        (42, Place::Later) if content.len() == 4 => bytes(usize::try_from(cursor.u32()?).ok()?),
        (43, Place::ClientHello) => {
            list(numbers(cursor.vec8()?).map(|code| registry::version(code).name))
        }
        (43, _) => registry::version(cursor.u16()?).name,
        (45, _) => list(cursor.vec8()?.iter().map(|mode| mode_name(*mode))),
        (51, Place::ClientHello) => list(
            shares(cursor.vec16()?)
                .into_iter()
                .map(|(code, size)| format!("{} ({})", registry::group(code).name, bytes(size))),
        ),
        (51, Place::HelloRetryRequest) => registry::group(cursor.u16()?).name,
        (51, _) => {
            let group = registry::group(cursor.u16()?).name;
            format!("{group} ({})", bytes(cursor.vec16()?.len()))
        }
        (0xff01, _) if content == [0] => "empty".to_string(),
        (0xff01, _) => hex(cursor.vec8()?),
        (11, _) => list(cursor.vec8()?.iter().map(|form| point_form(*form))),
        (1, _) => bytes(1 << (8 + u32::from(cursor.u8()?).min(8))),
        _ => return None,
    };
    Some(text)
}

fn count_identities(mut listed: Cursor<'_>) -> Option<usize> {
    let mut count = 0;
    while !listed.is_empty() {
        listed.vec16()?;
        listed.u32()?;
        count += 1;
    }
    Some(count)
}

fn compression(code: u16) -> String {
    match code {
        1 => "zlib".to_string(),
        2 => "brotli".to_string(),
        3 => "zstd".to_string(),
        other => other.to_string(),
    }
}

fn mode_name(mode: u8) -> String {
    match mode {
        0 => "psk_ke".to_string(),
        1 => "psk_dhe_ke".to_string(),
        other => other.to_string(),
    }
}

fn point_form(form: u8) -> String {
    match form {
        0 => "uncompressed".to_string(),
        1 => "ansiX962_compressed_prime".to_string(),
        2 => "ansiX962_compressed_char2".to_string(),
        other => other.to_string(),
    }
}

/// What an extension is for.
fn note(code: u16, place: Place) -> &'static str {
    match code {
        0 if place == Place::ClientHello => {
            "the name of the site, so that the server can pick its certificate; readable for all"
        }
        0 => "the server used the name the client asked for",
        5 => "the server may send proof along that its certificate was not revoked",
        10 => "ways of key agreement, the favourite first",
        11 => "how points of curves are written; of history only",
        13 => "signatures the sender can check, the favourite first",
        16 if place == Place::ClientHello => "protocols the client speaks on top, favourite first",
        16 => "the protocol chosen for the connection",
        18 => "the server may send proof along that its certificate was logged publicly",
        21 => "zeros, to make the message longer",
        22 => "a safer order of encryption for CBC suites",
        23 => "binds the keys to this very handshake",
        27 => "certificates may be sent compressed",
        28 => "the longest record the sender takes",
        35 => "a ticket, to take up an earlier session, or the wish for one",
        41 if place == Place::ClientHello => "secrets both know from an earlier connection",
        41 => "the earlier connection is taken up again",
        42 => "payload before the handshake is over (0-RTT)",
        43 if place == Place::ClientHello => {
            "the versions the client speaks; the field above is fixed"
        }
        43 => "the version chosen; the field above is fixed",
        44 => "to be sent back with the next ClientHello",
        45 => "how earlier secrets may be used",
        47 => "authorities whose certificates are welcome",
        49 => "the client can show a certificate later on",
        50 => "signatures allowed inside certificates",
        51 if place == Place::ClientHello => {
            "the client's half of the key agreement, sent in advance for its favourite groups"
        }
        51 if place == Place::HelloRetryRequest => "the group the server wants a share of",
        51 => "the server's half of the key agreement",
        0xfe0d => "the true hello, encrypted for the provider; or random bytes that look like it",
        0xff01 => "guards against an old attack on renegotiation",
        _ => "",
    }
}

pub(super) const GREASE: &str = "nonsense on purpose, to keep servers tolerant (RFC 8701)";
