//! Tests of `fields::base64`.

use super::*;

#[test]
fn the_vectors_of_rfc_4648() {
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        let mut out = Vec::new();
        encode(bytes.as_bytes(), &mut out);
        assert_eq!(out, text.as_bytes());
        assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
    }
    assert_eq!(decode(b"+/+/"), Some(Vec::from([0xfb, 0xff, 0xbf])));
}

#[test]
fn anything_else_is_refused() {
    for text in [
        "Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Z===", "Zm=v", "Zh==", "Zm9=", "Zg==Zg==",
        "Zm9v\n", "Zm 9v", "-_-_", "Zm9v====", "Zm8=Zm9v",
    ] {
        assert_eq!(decode(text.as_bytes()), None, "{text:?}");
    }
}
