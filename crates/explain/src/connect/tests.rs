//! What a person may type, and what a connection does when nobody answers.

use std::net::TcpListener;

use super::*;

fn parse(text: &str) -> String {
    match Target::parse(text, 443) {
        Ok(target) => match (&target.starttls, &target.path) {
            (None, None) => target.to_string(),
            (starttls, path) => format!("{target} {starttls:?} {path:?}"),
        },
        Err(error) => format!("{error}"),
    }
}

#[test]
fn hosts_addresses_and_urls() {
    for (text, expected) in [
        ("example.com", "example.com:443"),
        ("Example.COM.", "example.com:443"),
        ("example.com:8443", "example.com:8443"),
        ("127.0.0.1", "127.0.0.1:443"),
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("::1", "[::1]:443"),
        ("[::1]", "[::1]:443"),
        ("[::1]:99", "[::1]:99"),
        ("https://example.com", "example.com:443"),
        ("HTTPS://u:p@example.com:1/a?b#c", "example.com:1 None Some(\"/a?b\")"),
        ("https://example.com?x", "example.com:443 None Some(\"/?x\")"),
        ("smtp://mx.example.com", "mx.example.com:25 Some(Smtp) None"),
        ("mysql://root:secret@db/app", "db:3306 Some(Mysql) Some(\"/app\")"),
        ("my_host", "my_host:443"),
    ] {
        assert_eq!(parse(text), expected, "{text}");
    }
}

#[test]
fn what_names_no_host_is_refused_with_a_hint() {
    for (text, expected) in [
        ("", "no host is named"),
        (":443", "no host is named"),
        ("b\u{fc}cher.example", "\"b\u{fc}cher.example\" has letters that are not ASCII"),
        ("a..b", "\"a..b\" is no host name"),
        ("-a.b", "\"-a.b\" is no host name"),
        ("1.2.3", "\"1.2.3\" is no host name"),
        ("a b", "\"a b\" is no host name"),
        ("host:0", "\"0\" is no port"),
        ("host:+1", "\"+1\" is no port"),
        ("host:70000", "\"70000\" is no port"),
        ("::1:x:443", "\"::1:x:443\" is no address"),
        ("[::1", "\"[::1\" is no address"),
        ("[::1]x", "\"x\" is no port"),
        ("http://example.com", "\"http://\" is no scheme that ends in TLS"),
        ("gopher://x", "\"gopher://\" is no scheme that ends in TLS"),
    ] {
        assert_eq!(parse(text), expected, "{text}");
        assert!(!Target::parse(text, 443).unwrap_err().hint().is_empty());
    }
}

#[test]
fn a_refused_address_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = Target::parse(&format!("127.0.0.1:{port}"), 443).unwrap();
    let dial = Dial { target, instead: None, timeouts: Timeouts::default() };
    let ConnectError::Unreachable { tried, .. } = connect(&dial).unwrap_err() else { panic!() };
    assert_eq!(tried.len(), 1);
    assert!(tried[0].1.contains("refused"), "{tried:?}");
}

#[test]
fn another_place_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = listener.local_addr().unwrap();
    let dial = Dial {
        target: Target::parse("nowhere.invalid:9", 443).unwrap(),
        instead: Some(Target::parse(&there.to_string(), 443).unwrap()),
        timeouts: Timeouts::default(),
    };
    assert_eq!(connect(&dial).unwrap().address, there);
}

#[test]
fn a_silent_peer_ends_by_the_deadline_even_when_it_drips() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while stream.write_all(b".").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    let mut line = Line::new(TcpStream::connect(address).unwrap(), Duration::from_millis(300));
    let begin = Instant::now();
    let error = line.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(begin.elapsed() < Duration::from_secs(3));
}
