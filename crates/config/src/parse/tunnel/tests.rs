//! Tests of `tunnel`.

use super::*;

#[test]
fn networks_for_tunnels() {
    for (text, clients) in [("10.77.0.0/24", 24), ("192.168.8.0/30", 30), ("10.1.0.0/16", 16)] {
        assert_eq!(addresses(text).unwrap().prefix, clients, "{text}");
    }
    for (text, part) in [
        ("10.77.0.0/31", "too small"),
        ("10.77.0.7", "too small"),
        ("10.0.0.0/8", "too large"),
        ("10.77.0.1/24", "write \"10.77.0.0/24\""),
        ("2001:db8::/32", "IPv4"),
        ("ten", "10.0.0.0/8"),
    ] {
        let refusal = addresses(text).unwrap_err();
        assert!(refusal.hint.contains(part), "{text}: {refusal:?}");
    }
}

#[test]
fn lists() {
    let (mut servers, mut routes, mut at) = (Vec::new(), Vec::new(), Vec::new());
    for text in ["10.77.0.1", "9.9.9.9"] {
        dns(&mut servers, text).unwrap();
    }
    for text in ["1.1.1.1", "::1", "0.0.0.0", "dns.example.test"] {
        assert!(dns(&mut servers, text).is_err(), "{text}");
    }
    route(&mut routes, "10.0.0.0/8").unwrap();
    for text in ["10.0.0.1/8", "2001:db8::/32", "x"] {
        assert!(route(&mut routes, text).is_err(), "{text}");
    }
    listen(&mut at, ":1723").unwrap();
    assert_eq!(at, ["0.0.0.0:1723".parse().unwrap()]);
    for text in ["0.0.0.0:1723", "[::]:1723", "localhost:1723", "1723"] {
        assert!(listen(&mut at, text).is_err(), "{text}");
    }
    assert_eq!((servers.len(), routes.len(), at.len()), (2, 1, 1));
}
