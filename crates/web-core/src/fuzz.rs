//! Entry points for fuzzing: each takes any bytes and panics when an invariant of its module
//! breaks.
//!
//! The same functions serve the fuzz targets in `fuzz/`, the replay of the committed corpus
//! (`tests/corpus.rs`) and the property tests. Nothing else may call them. A new target is a
//! function here, a row in [`TARGETS`], a file in `fuzz/fuzz_targets/` and seeds in `fuzz/corpus/`.

use alloc::vec::Vec;

use crate::body::{BodyDecoder, BodyError, End};
use crate::head::{Framing, HeadLimits, Parsed, RequestHead, Version, parse_request};
use crate::target::{check_name, decode_path, encode_path, query_value, split};

pub use application::{cgi, fastcgi, form_rewrite, script};
#[cfg(test)]
pub(crate) use content::Form;
pub use content::{conditional, fields, multipart, range};
pub use link::link;

mod application;
mod content;
mod link;

/// One fuzz target: checks the invariants on any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus folder.
pub const TARGETS: &[(&str, Target)] = &[
    ("head", head),
    ("body", body),
    ("target", target),
    ("range", range),
    ("conditional", conditional),
    ("multipart", multipart),
    ("fields", fields),
    ("fastcgi", fastcgi),
    ("cgi", cgi),
    ("script", script),
    ("form_rewrite", form_rewrite),
    ("link", link),
];

/// Heads: the verdict does not depend on chunking, limits hold, framing is unambiguous.
pub fn head(data: &[u8]) {
    let limits = HeadLimits { head_bytes_max: 400, headers_max: 8, target_bytes_max: 100 };
    let whole = parse_request(data, &limits);
    let mut verdict = Ok(Parsed::Partial);
    for end in 0..=data.len().min(PREFIXES_MAX) {
        let now = parse_request(data.get(..end).unwrap_or_default(), &limits);
        match verdict {
            Ok(Parsed::Partial) => verdict = now,
            Ok(Parsed::Complete { .. }) => assert_eq!(now, verdict, "a head changed after its end"),
            Err(_) => assert!(now.is_err(), "an error was taken back"),
        }
    }
    match verdict {
        Ok(Parsed::Complete { head, len }) => {
            assert_eq!(whole, verdict);
            checked_head(&head, data.get(..len).unwrap_or_default(), &limits);
        }
        Ok(Parsed::Partial) => assert!(data.len() <= limits.head_bytes_max + 2, "unbounded head"),
        Err(_) => assert!(whole.is_err()),
    }
}

/// Bodies: any split gives the same payload, end and error. The first two bytes choose framing and
/// the size of the pieces.
pub fn body(data: &[u8]) {
    let [choice, step, stream @ ..] = data else { return };
    let framing = match choice % 4 {
        0 => Framing::Length(u64::from(*choice)),
        _ => Framing::Chunked,
    };
    let whole = decoded(framing, stream, stream.len());
    assert_eq!(whole, decoded(framing, stream, usize::from(*step) + 1));
    assert_eq!(whole, decoded(framing, stream, 1));
    let (payload, consumed, _) = whole;
    assert!(payload.len() <= consumed && consumed <= stream.len());
}

/// Targets: what is decoded is safe, and its link leads back to it.
pub fn target(data: &[u8]) {
    let (raw, query) = split(data);
    assert!(raw.len() + query.len() <= data.len() && !raw.contains(&b'?'));
    if let Some(value) = query_value(query, "a") {
        assert!(value.len() <= query.len());
    }
    let Ok(path) = decode_path(raw) else { return };
    let text = path.as_str();
    assert!(text.starts_with('/') && text.len() <= 4096 && text.len() <= raw.len());
    assert!(!text.bytes().any(|b| b < 0x20 || b == 0x7f || b == b'\\'));
    assert_eq!(text.ends_with('/'), path.is_dir());
    let relative = path.relative();
    if !relative.is_empty() {
        assert!(relative.split('/').all(|segment| check_name(segment.as_bytes()).is_ok()));
        assert!(relative.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
    }
    assert!(relative.ends_with(path.name()) && !path.name().contains('/'));
    let mut link = Vec::new();
    encode_path(text.as_bytes(), &mut link);
    assert_eq!(decode_path(&link).as_ref().map(|back| back.as_str()), Ok(text));
    assert!(raw.contains(&b'%') || raw == text.as_bytes(), "a plain path stays as it is");
}

/// What must hold for every head that was taken; `raw` is exactly its bytes.
fn checked_head(head: &RequestHead<'_>, raw: &[u8], limits: &HeadLimits) {
    assert!(raw.ends_with(b"\r\n\r\n") && raw.len() <= limits.head_bytes_max + 2);
    let line_feeds = raw.iter().filter(|&&b| b == b'\n').count();
    let pairs = raw.windows(2).filter(|pair| pair == b"\r\n").count();
    let returns = raw.iter().filter(|&&b| b == b'\r').count();
    assert!(line_feeds == pairs && returns == pairs, "a bare line end was taken");
    assert!(!raw.contains(&0));

    let fields: Vec<_> = head.fields().collect();
    let leading = usize::from(raw.starts_with(b"\r\n"));
    assert_eq!(fields.len() + 2 + leading, line_feeds, "a line was lost or invented");
    assert!(fields.len() <= limits.headers_max && head.target.len() <= limits.target_bytes_max);
    let count = |name: &[u8]| fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
    let (lengths, codings) = (count(b"content-length"), count(b"transfer-encoding"));
    match head.framing {
        Framing::None => assert_eq!((lengths, codings), (0, 0)),
        Framing::Length(_) => assert_eq!((lengths, codings), (1, 0)),
        Framing::Chunked => assert_eq!((lengths, codings), (0, 1)),
    }
    let hosts = count(b"host");
    assert!(hosts == 1 || (hosts == 0 && head.version == Version::Http10));
    for (name, value) in &fields {
        let name = core::str::from_utf8(name).unwrap_or_default();
        assert!(!name.is_empty() && head.all(name).any(|v| v == *value), "{name} is not found");
        assert!(!matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']));
    }
}

/// Payload, bytes consumed and outcome of `stream` in pieces of `step` bytes.
fn decoded(
    framing: Framing,
    stream: &[u8],
    step: usize,
) -> (Vec<u8>, usize, Result<End, BodyError>) {
    let mut decoder = BodyDecoder::new(framing);
    let (mut payload, mut at) = (Vec::new(), 0);
    let mut end = if decoder.is_done() { End::Done } else { End::More };
    while end == End::More && at < stream.len() {
        let piece = stream.get(at..stream.len().min(at + step)).unwrap_or_default();
        match decoder.decode(piece) {
            Ok(found) => {
                assert!(found.consumed > 0 && found.consumed <= piece.len(), "no progress");
                assert!(found.data.end <= found.consumed);
                payload.extend_from_slice(piece.get(found.data).unwrap_or_default());
                at += found.consumed;
                end = found.end;
            }
            // Where exactly in the stream it is noticed may differ, what was delivered may not.
            Err(error) => return (payload, stream.len(), Err(error)),
        }
    }
    (payload, at, Ok(end))
}

/// Prefixes tried per head, so that the work per input stays small.
const PREFIXES_MAX: usize = 512;
