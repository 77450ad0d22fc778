//! Tests of `links`: what a log may show, and what is said of a link that opens nothing.

use super::*;

#[test]
fn no_log_shows_a_whole_link() {
    let link = "AQGhssPUAQEABS9maWxlAgAEdzWUAHZlcnktc2VjcmV0";
    for (line, told) in [
        (format!("GET /a?menshen-link={link}"), "GET /a?menshen-link=AQGhssPU…".to_owned()),
        (
            format!("GET /a?x=1&menshen-link={link}&y=2"),
            "GET /a?x=1&menshen-link=AQGhssPU…&y=2".to_owned(),
        ),
        (
            format!("PUT /.menshen/drop/{link}/a.txt"),
            "PUT /.menshen/drop/AQGhssPU…/a.txt".to_owned(),
        ),
        (
            format!("GET /?menshen-link={link}&menshen-link={link}"),
            "GET /?menshen-link=AQGhssPU…&menshen-link=AQGhssPU…".to_owned(),
        ),
        (
            format!("GET /.menshen/drop/{link}/?menshen-link={link}"),
            "GET /.menshen/drop/AQGhssPU…/?menshen-link=AQGhssPU…".to_owned(),
        ),
        ("GET /plain?a=b".to_owned(), "GET /plain?a=b".to_owned()),
        ("GET /a?menshen-link=short".to_owned(), "GET /a?menshen-link=short".to_owned()),
    ] {
        let shown = redacted(line.as_bytes());
        assert_eq!(String::from_utf8_lossy(&shown), told);
        assert!(told == line || !String::from_utf8_lossy(&shown).contains("c2VjcmV0"));
    }
}

#[test]
fn a_link_stands_in_the_query_as_it_is() {
    assert_eq!(link_of(b"menshen-link=AQ"), Some(b"AQ".as_slice()));
    assert_eq!(link_of(b"a=b&menshen-link=AQ&c"), Some(b"AQ".as_slice()));
    for none in ["", "menshen-link", "Menshen-Link=AQ", "xmenshen-link=AQ", "menshen%2dlink=AQ"] {
        assert_eq!(link_of(none.as_bytes()), None, "{none}");
    }
}

#[test]
fn what_is_wrong_with_a_forged_link_is_not_told() {
    let links = Links::default();
    for link in ["", "A", "AQGhssPUAQEABS9maWxlAgAEdzWUAHZlcnktc2VjcmV0", "Ag", "%%%"] {
        assert_eq!(links.open(link.as_bytes()), Err(LinkRefusal::Invalid));
    }
    let (status, text, _) = LinkRefusal::Invalid.said();
    assert_eq!((status, text), (403, "this link is not valid"));
}
