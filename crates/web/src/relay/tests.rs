//! Tests of `relay`; how it relays is tested with SSTP's requests.

use super::*;

#[test]
fn the_status_is_that_of_an_answer() {
    assert_eq!(status_of(b"HTTP/1.1 200 OK\r\n"), 200);
    assert_eq!(status_of(b"HTTP/1.1 503"), 503);
    for other in [&b""[..], b"HTTP/1.1 ", b"HTTP/1.1 2x0 ", b"HTTP/1.1 -20", b"\x10\x01\0\x0e"] {
        assert_eq!(status_of(other), 0, "{other:?}");
    }
}

#[test]
fn every_end_has_its_words() {
    let words = [End::Done, End::Client, End::Upstream, End::Limit, End::Operator]
        .map(|end| end.reason().to_string());
    assert_eq!(
        words,
        ["done", "client/tunnel", "upstream/tunnel", "limit/tunnel", "operator/tunnel"]
    );
}
