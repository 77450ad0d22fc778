//! Bodies of known length and chunked ones, whole and in pieces.

use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Payload, bytes not consumed and the outcome of feeding `pieces` one after the other.
fn feed(framing: Framing, pieces: &[&[u8]]) -> (Vec<u8>, usize, Result<End, BodyError>) {
    let mut decoder = BodyDecoder::new(framing);
    let mut payload = Vec::new();
    let mut over = decoder.is_done();
    let mut left = 0;
    for piece in pieces {
        let mut rest = *piece;
        while !over && !rest.is_empty() {
            match decoder.decode(rest) {
                Ok(decoded) => {
                    assert!(decoded.consumed > 0, "progress");
                    payload.extend_from_slice(&rest[decoded.data]);
                    rest = &rest[decoded.consumed..];
                    over = decoded.end == End::Done;
                }
                Err(error) => {
                    assert_eq!(decoder.decode(b"x"), Err(error), "an error is final");
                    return (payload, 0, Err(error));
                }
            }
        }
        left += rest.len();
    }
    assert_eq!(over, decoder.is_done());
    (payload, left, Ok(if over { End::Done } else { End::More }))
}

fn chunked(raw: &[u8]) -> (Vec<u8>, usize, Result<End, BodyError>) {
    let whole = feed(Framing::Chunked, &[raw]);
    let bytes: Vec<&[u8]> = raw.chunks(1).collect();
    let single = feed(Framing::Chunked, &bytes);
    assert_eq!((&whole.0, &whole.2), (&single.0, &single.2), "byte by byte is the same");
    whole
}

#[test]
fn known_lengths_count_down() {
    let mut decoder = BodyDecoder::new(Framing::Length(5));
    assert_eq!(decoder.remaining(), Some(5));
    assert_eq!(decoder.decode(b"abc"), Ok(Decoded { consumed: 3, data: 0..3, end: End::More }));
    assert_eq!(decoder.remaining(), Some(2));
    assert_eq!(decoder.decode(b"deGET"), Ok(Decoded { consumed: 2, data: 0..2, end: End::Done }));
    assert_eq!(decoder.remaining(), Some(0));
    assert_eq!(decoder.decode(b"GET"), Ok(Decoded { consumed: 0, data: 0..0, end: End::Done }));
    assert!(BodyDecoder::new(Framing::None).is_done());
    assert!(BodyDecoder::new(Framing::Length(0)).is_done());
    assert!(!BodyDecoder::new(Framing::Length(u64::MAX)).is_done());
}

#[test]
fn one_chunk_takes_one_call() {
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    assert_eq!(decoder.remaining(), None);
    let decoded = decoder.decode(b"3\r\nabc\r\n0\r\n\r\nGET");
    assert_eq!(decoded, Ok(Decoded { consumed: 13, data: 3..6, end: End::Done }));
    assert_eq!(decoder.remaining(), Some(0));
}

#[test]
fn well_formed_chunks_are_joined() {
    let table: &[(&str, &str, usize)] = &[
        ("0\r\n\r\n", "", 0),
        ("000\r\n\r\nX", "", 1),
        ("1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n", "a0123456789", 0),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789", 0),
        ("0000000000000001\r\na\r\n0\r\n\r\n", "a", 0),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0),
        ("1;x=y;z=\"a;b\"\r\na\r\n0;last\r\n\r\n", "a", 0),
        ("1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\nNEXT", "a", 4),
        ("1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n", "a", 0),
    ];
    for (raw, payload, left) in table {
        let expected = (payload.as_bytes().to_vec(), *left, Ok(End::Done));
        assert_eq!(chunked(raw.as_bytes()), expected, "{raw:?}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    let long_extension = format!("1;{}\r\na\r\n", "x".repeat(4096));
    let many_extensions =
        format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(100)).repeat(41));
    let trailers = format!("0\r\nA: {}\r\n\r\n", "x".repeat(8192));
    let table: &[(&str, BodyError)] = &[
        ("\r\n", BodyError::Size),
        ("x\r\n", BodyError::Size),
        ("-1\r\n", BodyError::Size),
        ("+1\r\n", BodyError::Size),
        ("0x1\r\na\r\n", BodyError::Size),
        (" 1\r\na\r\n", BodyError::Size),
        ("1 \r\na\r\n", BodyError::Size),
        ("1\t\r\na\r\n", BodyError::Size),
        ("1 ;x\r\na\r\n", BodyError::Size),
        (";x\r\n", BodyError::Size),
        ("00000000000000001\r\na\r\n", BodyError::Size),
        ("10000000000000000\r\n", BodyError::Size),
        ("fffffffffffffffff\r\n", BodyError::Size),
        ("1\na\r\n", BodyError::LineEnd),
        ("1\r\na\n", BodyError::LineEnd),
        ("1\r\nab", BodyError::LineEnd),
        ("1\r\na\r\r", BodyError::LineEnd),
        ("1\ra\r\n", BodyError::LineEnd),
        ("1;x\na\r\n", BodyError::LineEnd),
        ("1;x\ry\r\na\r\n", BodyError::LineEnd),
        ("1;x\0\r\na\r\n", BodyError::Extension),
        ("1;\x7f\r\na\r\n", BodyError::Extension),
        ("0\n\r\n", BodyError::LineEnd),
        ("0\r\n\n", BodyError::LineEnd),
        ("0\r\n\rX", BodyError::LineEnd),
        ("0\r\nA: b\n\r\n", BodyError::LineEnd),
        ("0\r\nA: b\r \r\n", BodyError::LineEnd),
        ("0\r\nA: b\r\n c\r\n\r\n", BodyError::Trailer),
        ("0\r\nA : b\r\n\r\n", BodyError::Trailer),
        ("0\r\n: b\r\n\r\n", BodyError::Trailer),
        ("0\r\nnocolon\r\n\r\n", BodyError::Trailer),
        ("0\r\nA: \0\r\n\r\n", BodyError::Trailer),
        (&long_extension, BodyError::ExtensionsTooLarge),
        (&many_extensions, BodyError::ExtensionsTooLarge),
        (&trailers, BodyError::TrailersTooLarge),
    ];
    for (raw, error) in table {
        assert_eq!(chunked(raw.as_bytes()).2, Err(*error), "{raw:?}");
        assert!(matches!(error.status(), 400 | 431));
        assert!(!error.reason().is_empty());
    }
}

#[test]
fn the_largest_chunk_size_is_taken() {
    let (payload, left, end) = chunked(b"ffffffffffffffff\r\nabc");
    assert_eq!((payload.as_slice(), left, end), (&b"abc"[..], 0, Ok(End::More)));
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<BodyDecoder>() <= 32, "{}", size_of::<BodyDecoder>());
}

/// Pieces of `raw` cut at `cuts`, taken modulo its length.
fn cut<'a>(raw: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (raw.len() + 1)).collect();
    at.extend([0, raw.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &raw[ends[0]..ends[1]]).collect()
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        flip in prop::option::of((any::<usize>(), any::<u8>())),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut raw = Vec::new();
        for chunk in &chunks {
            raw.extend_from_slice(format!("{:X};e\r\n", chunk.len()).as_bytes());
            raw.extend_from_slice(chunk);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(b"0\r\nT: v\r\n\r\nnext");
        if let Some((at, byte)) = flip {
            let at = at % raw.len();
            raw[at] = byte;
        }
        let whole = feed(Framing::Chunked, &[&raw]);
        if flip.is_none() {
            prop_assert_eq!(&whole, &(chunks.concat(), 4, Ok(End::Done)));
        }
        prop_assert_eq!(whole, feed(Framing::Chunked, &cut(&raw, &cuts)));
    }

    #[test]
    fn any_bytes_keep_the_invariants(raw in prop::collection::vec(any::<u8>(), 0..300)) {
        crate::fuzz::body(&raw);
    }
}
