//! What PHP is told of a request, pair by pair.

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::ask::Wire;
use crate::fixture::Lines;
use crate::php::actor;

const PLACE: Place<'_> = Place {
    filename: b"/srv/site/a.php",
    name: b"/a.php",
    document_uri: b"/a.php",
    path_info: b"",
    query: b"q=1",
    root: b"/srv/site",
    user_ini: b"",
    accel_mapping: b"",
};

type Pairs = Vec<(String, String)>;

fn taken_apart(stream: &[u8]) -> Pairs {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    actor::pairs(stream).into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn of(fields: &[&str], place: &Place<'_>) -> Pairs {
    let lines = Lines::of(fields);
    taken_apart(&pairs(&lines.ask("GET", "/a.php?q=1"), place).unwrap())
}

fn http(fields: &[&str]) -> Pairs {
    let own = |(name, _): &(String, String)| name.starts_with("HTTP_") && name != "HTTP_HOST";
    of(fields, &PLACE).into_iter().filter(own).collect()
}

fn get<'p>(pairs: &'p Pairs, name: &str) -> Option<&'p str> {
    let mut values = pairs.iter().filter(|(other, _)| other == name);
    let value = values.next().map(|(_, value)| value.as_str());
    assert!(values.next().is_none(), "{name} twice");
    value
}

/// Fields of a request, and the parameters they make.
type Fields<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn a_plain_request_has_exactly_these() {
    let software = concat!("menshen/", env!("CARGO_PKG_VERSION"), " (as nginx)");
    let expected = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", software),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/a.php?q=1"),
        ("QUERY_STRING", "q=1"),
        ("SCRIPT_FILENAME", "/srv/site/a.php"),
        ("SCRIPT_NAME", "/a.php"),
        ("DOCUMENT_ROOT", "/srv/site"),
        ("DOCUMENT_URI", "/a.php"),
        ("REDIRECT_STATUS", "200"),
        ("SERVER_NAME", "files.example"),
        ("HTTP_HOST", "files.example"),
        ("SERVER_PORT", "443"),
        ("SERVER_ADDR", "192.0.2.80"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("REMOTE_PORT", "40000"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(of(&[], &PLACE), expected);
    // The field's own host does not count: an absolute target may name another.
    assert_eq!(of(&["Host: other"], &PLACE), expected);
}

#[test]
fn what_the_site_knows_is_told_when_there_is_something() {
    let place = Place {
        path_info: b"/more/\xe6\x96\x87",
        document_uri: b"/a.php/more",
        user_ini: b"/srv/site/.user.ini:/srv/.user.ini",
        accel_mapping: b"/srv/store/=/files/",
        ..PLACE
    };
    let got = of(&[], &place);
    for (name, value) in [
        ("PATH_INFO", "/more/文"),
        ("PATH_TRANSLATED", "/srv/site/more/文"),
        ("DOCUMENT_URI", "/a.php/more"),
        ("MENSHEN_USER_INI", "/srv/site/.user.ini:/srv/.user.ini"),
        ("HTTP_X_SENDFILE_TYPE", "X-Accel-Redirect"),
        ("HTTP_X_ACCEL_MAPPING", "/srv/store/=/files/"),
    ] {
        assert_eq!(get(&got, name), Some(value));
        let plain = if name == "DOCUMENT_URI" { Some("/a.php") } else { None };
        assert_eq!(get(&of(&[], &PLACE), name), plain, "{name}");
    }
}

#[test]
fn fields_of_the_client() {
    let rows: [Fields<'_>; 12] = [
        (&["Accept-Language: de"], &[("HTTP_ACCEPT_LANGUAGE", "de")]),
        (&["X-A1: 文"], &[("HTTP_X_A1", "文")]),
        // CVE-2016-5385.
        (&["Proxy: http://evil", "PROXY: x"], &[]),
        // What an underscore makes is what a hyphen makes.
        (&["X_Forwarded_For: 1", "X-Forwarded_For: 2"], &[]),
        (&["A.B: 1", "A!B: 1", "A'B: 2"], &[]),
        (
            &["X-Twice: a", "X-Other: o", "X-Twice: b"],
            &[("HTTP_X_TWICE", "a, b"), ("HTTP_X_OTHER", "o")],
        ),
        (&["Cookie: a=1", "Cookie: b=2", "Cookie: c=3"], &[("HTTP_COOKIE", "a=1; b=2; c=3")]),
        (
            &[
                "Connection: close",
                "TE: x",
                "Upgrade: h2c",
                "Expect: 100-continue",
                "Transfer-Encoding: chunked",
            ],
            &[],
        ),
        (&["Content-Type: a/b", "Content-Length: 5"], &[]),
        (
            &[
                "X-Accel-Mapping: /=/",
                "X-Accel-Redirect: /x",
                "X-Sendfile-Type: x",
                "X-Sendfile: y",
            ],
            &[],
        ),
        (&["X-Menshen-Swap: n 1 0", "X-MENSHEN-User-Ini: x"], &[]),
        (&["Authorization: Basic eDp5"], &[("HTTP_AUTHORIZATION", "Basic eDp5")]),
    ];
    for (fields, expected) in rows {
        let expected: Pairs =
            expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(http(fields), expected, "{fields:?}");
    }
}

#[test]
fn names_and_ports_of_the_host() {
    for (host, secure, name, port) in [
        ("example.org", true, "example.org", "443"),
        ("example.org", false, "example.org", "80"),
        ("example.org:8443", true, "example.org", "8443"),
        ("[2001:db8::1]:444", true, "[2001:db8::1]", "444"),
        ("[2001:db8::1]", false, "[2001:db8::1]", "80"),
    ] {
        let lines = Lines(Vec::new());
        let mut ask = lines.ask("GET", "/");
        (ask.host, ask.wire.secure) = (host.as_bytes(), secure);
        let got = taken_apart(&pairs(&ask, &PLACE).unwrap());
        assert_eq!(get(&got, "SERVER_NAME"), Some(name));
        assert_eq!(get(&got, "SERVER_PORT"), Some(port), "{host}");
        assert_eq!(get(&got, "HTTP_HOST"), Some(host));
        assert_eq!(get(&got, "HTTPS"), secure.then_some("on"));
        assert_eq!(get(&got, "REQUEST_SCHEME"), Some(if secure { "https" } else { "http" }));
    }
    let lines = Lines(Vec::new());
    let mut ask = lines.ask("GET", "/");
    ask.host = b"";
    let got = taken_apart(&pairs(&ask, &PLACE).unwrap());
    assert_eq!((get(&got, "HTTP_HOST"), get(&got, "SERVER_NAME")), (None, Some("")));
}

#[test]
fn addresses_are_those_of_the_connection_but_for_a_trusted_proxys_client() {
    let lines = Lines::of(&["X-Forwarded-For: 203.0.113.9"]);
    let mut ask = lines.ask("GET", "/");
    // What `Door::client_of` made of a trusted proxy's word.
    ask.peer = "2001:db8::7".parse().unwrap();
    let local: SocketAddr = "[::ffff:192.0.2.80]:443".parse().unwrap();
    let local = || local;
    ask.wire = Wire { local: &local, remote: ([10, 0, 0, 1], 5).into(), ..ask.wire };
    let got = taken_apart(&pairs(&ask, &PLACE).unwrap());
    assert_eq!(get(&got, "REMOTE_ADDR"), Some("2001:db8::7"));
    assert_eq!(get(&got, "REMOTE_PORT"), Some("5"));
    assert_eq!(get(&got, "SERVER_ADDR"), Some("192.0.2.80"), "IPv4 is written as IPv4");
    ask.peer = "::ffff:192.0.2.7".parse::<IpAddr>().unwrap();
    let got = taken_apart(&pairs(&ask, &PLACE).unwrap());
    assert_eq!(get(&got, "REMOTE_ADDR"), Some("192.0.2.7"));
}

#[test]
fn a_value_that_no_record_takes_is_refused() {
    let fits = |bytes: usize| {
        let lines = Lines(vec![("x-long".into(), "y".repeat(bytes))]);
        pairs(&lines.ask("GET", "/"), &PLACE).is_some()
    };
    // Name and both lengths count.
    assert!(fits(65_535 - "HTTP_X_LONG".len() - 5));
    assert!(!fits(65_535 - "HTTP_X_LONG".len() - 4));
    let many = Lines((0..3).map(|n| (format!("x-{n}"), "y".repeat(60_000))).collect());
    assert!(pairs(&many.ask("GET", "/"), &PLACE).is_some(), "each has a record of its own");
    let same = Lines((0..2).map(|_| ("x".into(), "y".repeat(40_000))).collect());
    assert!(pairs(&same.ask("GET", "/"), &PLACE).is_none(), "they are one pair");
}

proptest! {
    /// Whatever a client sends, names of the gateway's own are the gateway's, and come once.
    #[test]
    fn no_client_makes_a_name_that_is_not_a_fields(
        fields in prop::collection::vec(("[A-Za-z0-9_!#$%&'*+.^`|~-]{1,24}", "[ -~]{0,12}"), 0..12),
        own in prop::sample::subsequence(vec![
            "HTTPS", "Script-Filename", "PHP-VALUE", "PHP_ADMIN_VALUE", "http-host", "Host",
            "Menshen-User-Ini", "REMOTE-ADDR", "Content-Length", "content_type", "Proxy",
            "X-Sendfile-Type", "X-Accel-Mapping",
        ], 0..13),
    ) {
        let own = own.iter().map(|name| ((*name).to_owned(), "evil".to_owned()));
        let all = fields.iter().cloned().chain(own);
        let lines = Lines(all.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect());
        let place = Place { accel_mapping: b"/m/=/", ..PLACE };
        let got = taken_apart(&pairs(&lines.ask("GET", "/a.php?q=1"), &place).unwrap());
        let ours = of(&[], &place);
        let (first, client) = got.split_at(ours.len());
        prop_assert_eq!(first, &ours[..]);
        for (at, (name, _)) in client.iter().enumerate() {
            prop_assert!(name.starts_with("HTTP_"), "{}", name);
            prop_assert!(!["HTTP_PROXY", "HTTP_CONTENT_LENGTH"].contains(&name.as_str()));
            prop_assert!(!ours.iter().any(|(other, _)| other == name), "{} is ours", name);
            prop_assert!(!client[..at].iter().any(|(other, _)| other == name), "{} twice", name);
        }
    }
}
