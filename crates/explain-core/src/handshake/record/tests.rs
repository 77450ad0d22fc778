//! Cutting, limits, and what is no TLS.

use alloc::vec;

use super::*;

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let count = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3], &count[..], body].concat()
}

#[test]
fn records_have_their_places() {
    let mut stream = Stream::default();
    stream.push(&[record(22, b"abc"), record(23, b"")].concat());
    let first = stream.next().unwrap();
    assert_eq!((first.kind, first.body.as_slice(), first.place.offset), (22, &b"abc"[..], 0));
    let second = stream.next().unwrap();
    assert_eq!((second.kind, second.place.offset, second.place.bytes), (23, 8, 5));
    assert!(stream.next().is_none() && stream.end().is_none());
}

#[test]
fn the_longest_record_and_one_byte_more() {
    for (bytes, end) in [(BODY_BYTES_MAX, None), (BODY_BYTES_MAX + 1, Some(End::NotTls))] {
        let mut stream = Stream::default();
        stream.push(&record(23, &vec![0; bytes]));
        assert_eq!(stream.next().is_some(), end.is_none());
        assert_eq!(stream.end(), end);
    }
}

#[test]
fn a_hello_in_the_format_of_ssl_2() {
    let mut stream = Stream::default();
    let body = [&[1, 3, 1, 0, 3, 0, 0, 0, 16, 0, 0, 0x2f][..], &[9; 16]].concat();
    stream.push(&[&[0x80, u8::try_from(body.len()).unwrap()], body.as_slice()].concat());
    let hello = stream.next().unwrap();
    assert!(hello.sslv2);
    let parsed = crate::handshake::hello::ClientHello::parse_sslv2(&hello.body).unwrap();
    assert_eq!((parsed.version, parsed.suites), (0x0301, vec![0x002f]));
}

#[test]
fn text_is_no_tls_and_its_beginning_is_kept() {
    let mut stream = Stream::default();
    stream.push(b"SSH");
    assert!(stream.next().is_none() && stream.is_stub());
    stream.push(b"-2.0-OpenSSH\r\n");
    assert!(stream.next().is_none());
    assert_eq!((stream.end(), stream.head()), (Some(End::NotTls), &b"SSH-2.0-OpenSSH\r\n"[..]));
}

#[test]
fn a_long_stream_ends_at_the_limit() {
    let mut stream = Stream::default();
    let one = record(23, &vec![0; 1 << 14]);
    let mut cut = 0;
    for _ in 0..400 {
        stream.push(&one);
        cut += usize::from(stream.next().is_some());
    }
    assert_eq!((cut, stream.end()), (STREAM_BYTES_MAX.div_ceil(one.len()), Some(End::Limit)));
    assert_eq!(stream.total(), 400 * one.len() as u64);
}
