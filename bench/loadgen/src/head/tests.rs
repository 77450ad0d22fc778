//! Heads as the servers under test send them.

use super::*;

#[test]
fn status_and_length_are_read() {
    let head = Head::parse(b"HTTP/1.1 201 Created\r\nCONTENT-Length:  17 \r\n\r\n");
    assert_eq!(head, Head { status: 201, content_length: Some(17) });
    assert!(!head.is_interim());
}

#[test]
fn chunked_has_no_length_and_interim_is_told() {
    let head = Head::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(head.content_length, None);
    assert!(Head::parse(b"HTTP/1.1 104 Upload Resumption Supported\r\n\r\n").is_interim());
}

#[test]
fn garbage_has_status_zero() {
    assert_eq!(Head::parse(&[0xff; 40]).status, 0);
    assert_eq!(Head::parse(b"").status, 0);
}

#[test]
fn end_is_behind_the_empty_line_and_bounded() {
    assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\nbody").unwrap(), Some(19));
    assert_eq!(end(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
    assert!(end(&vec![b'a'; HEAD_BYTES_MAX + 1]).is_err());
}
