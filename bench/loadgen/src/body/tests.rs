//! Bodies end where they end, however they are cut.

use super::*;

fn taken(content_length: Option<u64>, wire: &[u8], step: usize) -> (Body, Vec<u8>) {
    let (mut body, mut text) = (Body::new(content_length), Vec::new());
    for piece in wire.chunks(step) {
        assert!(!body.is_done());
        body.take(piece, &mut text).unwrap();
    }
    (body, text)
}

#[test]
fn chunks_are_joined_and_extensions_and_trailers_skipped() {
    let wire = b"3\r\nabc\r\n0a;x=5\r\n\r\n23456789\r\n0\r\nX: 1\r\n\r\n";
    for step in 1..=wire.len() {
        let (body, text) = taken(None, wire, step);
        assert!(body.is_done(), "steps of {step}");
        assert_eq!((body.bytes(), text.as_slice()), (13, &b"abc\r\n23456789"[..]));
    }
    let (body, _) = taken(None, &wire[..wire.len() - 1], 7);
    assert!(!body.is_done());
}

#[test]
fn a_length_ends_a_body_and_more_is_an_error() {
    let (mut body, text) = taken(Some(100), &[b'x'; 100], 7);
    assert_eq!((body.is_done(), body.bytes(), text.len()), (true, 100, TEXT_BYTES_MAX));
    assert!(body.take(b"y", &mut Vec::new()).is_err());
    assert!(Body::new(Some(0)).is_done());
}

#[test]
fn an_endless_chunk_size_is_refused() {
    assert!(Body::new(None).take(&[b'f'; 40], &mut Vec::new()).is_err());
}
