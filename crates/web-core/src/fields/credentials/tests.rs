//! Tests of `fields::credentials`.

use super::*;

#[test]
fn cookies() {
    let rows: &[(&str, Option<&str>)] = &[
        ("a=1", Some("1")),
        ("b=2; a=1; a=3", Some("1")),
        ("b=2;a=1", Some("1")),
        ("xa=2; a=1", Some("1")),
        ("A=2; a=1", Some("1")),
        ("a=", Some("")),
        ("a=b=c", Some("b=c")),
        ("a=\"1\"", Some("1")),
        ("a=\"", Some("\"")),
        (" a = 1 ", Some("1")),
        ("a", None),
        ("", None),
        ("; ;=;", None),
        ("b=a=1", None),
    ];
    for (header, expected) in rows {
        assert_eq!(cookie(header.as_bytes(), b"a"), expected.map(str::as_bytes), "{header}");
    }
}

#[test]
fn bearer_tokens() {
    let rows: &[(&str, Option<&str>)] = &[
        ("Bearer abc", Some("abc")),
        ("bearer  a-b._~+/c==", Some("a-b._~+/c==")),
        ("BEARER abc ", Some("abc")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer ==", None),
        ("Bearerabc", None),
        ("Bearer\tabc", None),
        ("Bearer a b", None),
        ("Bearer a=b", None),
        ("Bearer a,b", None),
        ("Basic abc", None),
        ("", None),
    ];
    for (header, expected) in rows {
        assert_eq!(bearer(header.as_bytes()), expected.map(str::as_bytes), "{header}");
    }
}

#[test]
fn basic_passwords() {
    let basic = |pair: &str| {
        let mut header = Vec::from(*b"Basic ");
        base64::encode(pair.as_bytes(), &mut header);
        basic_password(&header)
    };
    assert_eq!(basic(":TOKEN"), Some(b"TOKEN".to_vec()));
    assert_eq!(basic("anybody:TOKEN"), Some(b"TOKEN".to_vec()));
    assert_eq!(basic("a:b:c"), Some(b"b:c".to_vec()));
    assert_eq!(basic("a:"), Some(Vec::new()));
    assert_eq!(basic("TOKEN"), None);
    assert_eq!(basic("a:b\nc"), None);
    assert_eq!(basic_password(b"basic OlRPS0VO"), Some(b"TOKEN".to_vec()));
    assert_eq!(basic_password(b"Basic OlRPS0V"), None);
    assert_eq!(basic_password(b"Basic"), None);
    assert_eq!(basic_password(b"Bearer OlRPS0VO"), None);
}
