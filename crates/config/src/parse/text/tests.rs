//! Tests of `parse::text`.

use super::{folder, host_name, path, user};

#[test]
fn host_names() {
    let long_label = format!("{}.test", "a".repeat(63));
    for (text, expected) in [
        ("localhost", "localhost"),
        ("Files.Example.TEST.", "files.example.test"),
        ("*.example.test", "*.example.test"),
        ("_acme.example.test", "_acme.example.test"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::7]", "2001:db8::7"),
        (long_label.as_str(), long_label.as_str()),
    ] {
        assert_eq!(host_name(text).as_deref(), Ok(expected), "{text}");
    }
    for text in [
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "*",
        "a.*.b",
        "a b",
        "1.2.3",
        "256.1.1.1",
        "门神.test",
        "https://a.test",
        "a.test/x",
        "a.test:443",
    ] {
        assert!(host_name(text).is_err(), "{text}");
    }
    assert!(host_name(&format!("{}.test", "a".repeat(64))).is_err());
    assert!(host_name(&"a.".repeat(127)).is_ok());
    assert!(host_name(&format!("{}b", "a.".repeat(127))).is_err());
}

#[test]
fn folders() {
    for text in ["/", "/pub/", "/a/b/", "/门 神/", "/..a/", "/%2e%2e/"] {
        assert_eq!(folder(text).as_deref(), Ok(text));
    }
    for (text, hint) in [
        ("pub", "write \"/pub/\""),
        ("/pub", "write \"/pub/\""),
        ("", "write \"/\""),
        ("/../", "without"),
        ("/a/./b/", "without"),
        ("//", "without"),
        ("/a//b/", "without"),
        ("/a\\b/", ""),
        ("/a\n/", ""),
        ("/\0/", ""),
    ] {
        let refusal = folder(text).unwrap_err();
        assert!(refusal.hint.contains(hint), "{text}: {}", refusal.hint);
    }
    assert!(folder(&format!("/{}/", "a".repeat(4093))).is_ok());
    assert!(folder(&format!("/{}/", "a".repeat(4094))).is_err());
}

#[test]
fn users_and_paths() {
    for text in ["www-data", "_m", "user@dom.test", "DOM\\user", "1000"] {
        assert_eq!(user(text).as_deref(), Ok(text));
    }
    for text in ["root", "0", "", "a b", "a:b", "a/b", "a\0"] {
        assert!(user(text).is_err(), "{text}");
    }
    assert_eq!(path("../a b").unwrap().to_str(), Some("../a b"));
    assert!(path("").is_err());
    assert!(path("a\0b").is_err());
    assert!(path(&"a".repeat(4095)).is_ok());
    assert!(path(&"a".repeat(4096)).is_err());
}
