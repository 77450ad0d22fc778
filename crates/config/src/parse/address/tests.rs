//! Tests of `parse::address`.

use super::{listen, network};

#[test]
fn addresses_to_listen_on() {
    for (text, expected) in [
        (":8443", "0.0.0.0:8443 [::]:8443"),
        ("0.0.0.0:8443", "0.0.0.0:8443"),
        ("[::]:8443", "[::]:8443"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[2001:db8::7]:65535", "[2001:db8::7]:65535"),
    ] {
        let read = listen(text).unwrap();
        let read: Vec<String> = read.iter().map(ToString::to_string).collect();
        assert_eq!(read.join(" "), expected, "{text}");
    }
}

#[test]
fn refused_addresses_say_how_to_write_them() {
    for (text, hint) in [
        ("8443", "\":8443\""),
        ("*:8443", "\":8443\""),
        ("0.0.0.0", "\"0.0.0.0:8443\""),
        ("[::1]", "\"[::1]:8443\""),
        ("::1", "brackets"),
        ("2001:db8::1:443", "brackets"),
        ("localhost:443", "\"127.0.0.1:443\" and \"[::1]:443\""),
        ("example.test:443", "not looked up"),
        ("127.0.0.1:65536", "65535"),
        (":99999999999999999999", "write such as"),
        (":+80", "write such as"),
        ("[::ffff:192.0.2.7]:80", "\"192.0.2.7:80\""),
        ("", "write such as"),
        (":", "write such as"),
        ("1.2.3.4:", "write such as"),
        ("门:1", "write such as"),
    ] {
        let refusal = listen(text).unwrap_err();
        assert!(refusal.hint.contains(hint), "{text}: {}", refusal.hint);
    }
}

#[test]
fn networks() {
    for (text, expected, better) in [
        ("10.0.0.0/8", "10.0.0.0/8", None),
        ("10.1.2.3/8", "10.0.0.0/8", Some("10.0.0.0/8")),
        ("192.0.2.7", "192.0.2.7/32", None),
        ("::1", "::1/128", None),
        ("0.0.0.0/0", "0.0.0.0/0", None),
        ("::/0", "::/0", None),
        ("2001:db8:1::/32", "2001:db8::/32", Some("2001:db8::/32")),
        ("255.255.255.255/31", "255.255.255.254/31", Some("255.255.255.254/31")),
    ] {
        let (read, written_better) = network(text).unwrap();
        assert_eq!(format!("{}/{}", read.address, read.prefix), expected, "{text}");
        assert_eq!(written_better.as_deref(), better, "{text}");
    }
    for text in [
        "",
        "/",
        "10.0.0.0/",
        "10.0.0.0/33",
        "::/129",
        "10.0.0.0/+8",
        "10.0.0.0/255.0.0.0",
        "10/8",
        "localhost",
        "::ffff:10.0.0.0/104",
        "10.0.0.0/99999999999999999999999",
    ] {
        assert!(network(text).is_err(), "{text}");
    }
}
