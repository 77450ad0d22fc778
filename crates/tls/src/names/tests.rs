//! Tests of `names`.

use super::{NAMES_MAX, Name, constraints, parse, permits, with_loopback};

fn names(list: &[&str]) -> super::Names {
    parse(&list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
}

fn name(text: &str) -> Name {
    names(&[text]).into_iter().next().unwrap()
}

#[test]
fn good_names() {
    assert_eq!(name("LocalHost"), Name::Dns("localhost".into()));
    assert_eq!(name("*.dev.example"), Name::Dns("*.dev.example".into()));
    assert_eq!(name("::1"), Name::Address("::1".parse().unwrap()));
    assert_eq!(name("10.0.0.7"), Name::Address("10.0.0.7".parse().unwrap()));
    assert_eq!(name("xn--bcher-kva.example"), Name::Dns("xn--bcher-kva.example".into()));
    assert_eq!(names(&["a.example", "A.example", "a.example"]).len(), 1);
}

#[test]
fn bad_names() {
    let long_label = format!("{}.example", "a".repeat(64));
    let long = "a.".repeat(130) + "example";
    for text in [
        "",
        ".",
        "a..b",
        "a.example.",
        "*",
        "*.",
        "*.example",
        "a.*.example",
        "*a.example",
        "*.*.dev.example",
        "bücher.example",
        "a b",
        "a_b.example",
        "-a.example",
        "a-.example",
        "http://a.example",
        "a.example:443",
        "[::1]",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "a\0.example",
        "10.0.0.0/8",
        &long_label,
        &long,
    ] {
        let error = parse(&[text.to_owned()]).unwrap_err();
        assert!(error.detail().is_some() && error.hint().is_some(), "{text}");
    }
    assert!(parse(&vec!["a.example".to_owned(); NAMES_MAX]).is_ok());
    assert!(parse(&vec!["a.example".to_owned(); NAMES_MAX + 1]).is_err());
}

#[test]
fn constraints_permit_what_is_below_and_nothing_beside() {
    let permitted = constraints(&names(&["localhost", "*.dev.example", "192.0.2.1"]));
    for inside in [
        "localhost",
        "a.localhost",
        "*.dev.example",
        "dev.example",
        "a.b.dev.example",
        "*.a.dev.example",
        "192.0.2.1",
        "127.0.0.1",
        "::1",
    ] {
        assert!(permits(&permitted, &name(inside)), "{inside}");
    }
    for outside in [
        "example",
        "example.com",
        "xlocalhost",
        "xdev.example",
        "localhost.example",
        "192.0.2.2",
        "127.0.0.2",
        "::2",
        "::ffff:127.0.0.1",
    ] {
        assert!(!permits(&permitted, &name(outside)), "{outside}");
    }
}

#[test]
fn host_names_are_constrained_even_if_there_are_none() {
    for list in [&[][..], &["192.0.2.1"]] {
        let permitted = constraints(&names(list));
        assert!(permits(&permitted, &name("localhost")));
        assert!(!permits(&permitted, &name("example.com")));
    }
}

#[test]
fn loopback_is_always_in() {
    assert_eq!(with_loopback(&names(&["localhost", "127.0.0.1"])).len(), 3);
}
