//! The head of PHP's answer: what of it goes to the client, and whether it names a file to send
//! instead of a body (`X-Accel-Redirect`, `X-Sendfile`).
//!
//! Fields that concern one connection never pass, nor do those by which PHP speaks to the gateway.
//! When PHP names a file, its fields stay but for those that describe the body it did not send:
//! length, encoding, range and validators are the file's. nginx keeps six fields and drops the
//! rest; there policies such as CSP and CORS get lost on the way.

use menshen_web_core::cgi::{CgiError, CgiLimits, CgiParsed, parse_head};
use menshen_web_core::head::content_length;

/// A judged head.
#[derive(Debug)]
pub(crate) struct AnswerHead {
    pub(crate) status: u16,
    /// Lines for the client, each ending in CRLF, without length.
    pub(crate) lines: Vec<u8>,
    /// What PHP says the body's length is.
    pub(crate) length: Option<u64>,
    /// The file to send instead of a body.
    pub(crate) offload: Option<Offloaded>,
    /// Value of `X-Menshen-Swap`, by which the prepend script tells what it did.
    pub(crate) swap: Option<Vec<u8>>,
}

/// A file that PHP named.
#[derive(Debug)]
pub(crate) struct Offloaded {
    pub(crate) name: Named,
    /// Bytes per second, 0 for no limit (`X-Accel-Limit-Rate`).
    pub(crate) rate: u64,
    /// The media type PHP gave it; not among the lines.
    pub(crate) media_type: Option<String>,
}

/// How it named it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// `X-Accel-Redirect`: a path of the site.
    Accel(Vec<u8>),
    /// `X-Sendfile`: a path of the machine.
    Sendfile(Vec<u8>),
}

/// Looks for a whole head in `bytes`; `None`: more is needed. With the head comes its length.
pub(crate) fn judge(
    bytes: &[u8],
    head_bytes_max: usize,
    searched: &mut usize,
) -> Result<Option<(AnswerHead, usize)>, CgiError> {
    let limits = CgiLimits { head_bytes_max, fields_max: FIELDS_MAX };
    let (head, len) = match parse_head(bytes, searched, limits)? {
        CgiParsed::Partial => return Ok(None),
        CgiParsed::Complete { head, len } => (head, len),
    };
    let name = NAMES.iter().find_map(|(field, named)| {
        let value = head.get(field).filter(|value| !value.is_empty())?;
        Some(named(value.to_vec()))
    });
    let number = |field| content_length(head.get(field)?);
    let rate = number("x-accel-limit-rate").unwrap_or(0);
    let media_type = head.get("content-type").filter(|value| !value.is_empty());
    let media_type = media_type.map(|value| String::from_utf8_lossy(value).into_owned());
    let offloaded = name.is_some();
    let mut lines = Vec::with_capacity(len);
    for (field, value) in head.fields() {
        if !passes(field, offloaded) {
            continue;
        }
        lines.extend(field.iter().map(u8::to_ascii_lowercase));
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value);
        lines.extend_from_slice(b"\r\n");
    }
    let swap = head.get("x-menshen-swap").map(<[u8]>::to_vec);
    let offload = name.map(|name| Offloaded { name, rate, media_type });
    let head =
        AnswerHead { status: head.status, lines, length: number("content-length"), offload, swap };
    Ok(Some((head, len)))
}

/// Whether a field of PHP goes to the client.
fn passes(name: &[u8], offloaded: bool) -> bool {
    let is = |other: &&[u8]| name.eq_ignore_ascii_case(other);
    let ours = [&b"x-accel-"[..], b"x-sendfile", b"x-menshen-"];
    let begins = |prefix: &&[u8]| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    !(DROPPED.iter().any(is) || ours.iter().any(begins) || offloaded && DESCRIBING.iter().any(is))
}

type MakeNamed = fn(Vec<u8>) -> Named;

const NAMES: [(&str, MakeNamed); 2] =
    [("x-accel-redirect", Named::Accel), ("x-sendfile", Named::Sendfile)];

/// Of one connection (RFC 9110 §7.6.1), or made by the door itself.
const DROPPED: [&[u8]; 10] = [
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"content-length",
    b"date",
    b"status",
];

/// Say something about a body that PHP did not send.
const DESCRIBING: [&[u8]; 7] = [
    b"content-type",
    b"content-encoding",
    b"content-range",
    b"accept-ranges",
    b"etag",
    b"last-modified",
    b"content-md5",
];

/// Fields of one answer; WordPress sends about twenty.
const FIELDS_MAX: usize = 256;

#[cfg(test)]
mod tests;
