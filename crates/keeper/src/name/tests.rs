//! Tests of names.

use super::*;

#[test]
fn what_covers_what() {
    let covered = |name: &str, by: &[&str]| {
        let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
        Name::new(name).is_covered_by(&by)
    };
    assert!(covered("a.example", &["b.example", "A.example"]));
    assert!(covered("a.b.example", &["*.b.example"]));
    assert!(!covered("b.example", &["*.b.example"]));
    assert!(!covered("x.a.b.example", &["*.b.example"]));
    assert!(covered("*.b.example", &["*.b.example"]));
    assert!(!covered("*.b.example", &["a.b.example", "b.example"]));
    assert!(covered("192.0.2.1", &["192.0.2.1"]));
    assert!(covered("2001:DB8::1", &["2001:db8::1"]));
    assert!(!covered("a.example", &[]));
}

#[test]
fn names_in_records_and_handshakes() {
    assert_eq!(Name::new("*.Example.com").record(), "_acme-challenge.example.com");
    assert_eq!(Name::new("example.com").record(), "_acme-challenge.example.com");
    assert_eq!(Name::new("*.example.com").example(), "menshen-look.example.com");
    assert_eq!(Name::new("192.0.2.7").handshake_name(), "7.2.0.192.in-addr.arpa");
    let v6 = Name::new("2001:db8::a").handshake_name();
    assert!(v6.starts_with("a.0.0.0.") && v6.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{v6}");
}
