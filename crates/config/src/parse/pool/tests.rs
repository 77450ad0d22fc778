//! Tests of `pool`.

use super::{address, backend, optional_absolute, script, setting, status_path};
use crate::model::{PhpAddress, PhpBackend};

#[test]
fn ways_to_reach_php() {
    let socket = PhpAddress::Unix("/run/php/php8.2-fpm.sock".into());
    for (text, expected) in [
        ("off", PhpBackend::Off),
        ("managed", PhpBackend::Managed),
        ("unix:/run/php/php8.2-fpm.sock", PhpBackend::At(socket)),
        ("127.0.0.1:9000", PhpBackend::At(PhpAddress::Tcp(([127, 0, 0, 1], 9000).into()))),
        ("[::1]:9000", PhpBackend::At(PhpAddress::Tcp("[::1]:9000".parse().unwrap()))),
    ] {
        assert_eq!(backend(text), Ok(expected.clone()), "{text}");
        if let PhpBackend::At(at) = expected {
            assert_eq!(at.to_string(), text);
        }
    }
}

#[test]
fn a_wrong_address_is_told_how_to_be_written() {
    for (text, hint) in [
        ("on", "\"managed\""),
        ("", "\"off\""),
        ("/run/php.sock", "write \"unix:/run/php.sock\""),
        ("unix//run/php.sock", "write \"unix:/run/php.sock\""),
        ("unix:run/php.sock", "such as \"unix:/run/php.sock\""),
        ("unix:///run/php.sock", "write \"unix:/PATH\""),
        ("unix:/run/php.sock:", "without it"),
        ("fastcgi://127.0.0.1:9000", "write it without scheme: \"127.0.0.1:9000\""),
        ("9000", "write \"127.0.0.1:9000\""),
        (":9000", "write \"127.0.0.1:9000\""),
        ("localhost:9000", "write \"127.0.0.1:9000\""),
        ("0.0.0.0:9000", "write the address it is reached at: \"127.0.0.1:9000\""),
        ("127.0.0.1:0", "port 0"),
        ("php:9000", "host names are not looked up"),
        ("127.0.0.1", "write \"unix:/run/php/php8.2-fpm.sock\" or"),
    ] {
        let refusal = backend(text).unwrap_err();
        assert!(refusal.hint.contains(hint), "{text}: {refusal:?}");
    }
}

#[test]
fn a_socket_is_as_long_as_the_kernel_takes() {
    let path = |length: usize| format!("unix:/{}", "s".repeat(length - 1));
    assert!(address(&path(107)).is_ok());
    assert!(address(&path(108)).is_err());
    assert!(address("unix:/a\0b").is_err());
}

#[test]
fn scripts_end_in_php_byte_by_byte() {
    assert_eq!(script(""), Ok(None));
    assert_eq!(script("/a/upload.php"), Ok(Some("/a/upload.php".into())));
    for text in
        ["upload.php", "/upload.PHP", "/upload.php/", "/.php", "/u.php?x=1", "/../u.php", "/u.phpt"]
    {
        assert!(script(text).is_err(), "{text}");
    }
}

#[test]
fn settings_of_php_and_no_others() {
    let mut settings = Vec::new();
    assert!(setting(&mut settings, "memory_limit", "256M").is_ok());
    assert!(setting(&mut settings, "opcache.enable", "1").is_ok());
    assert!(setting(&mut settings, "open_basedir", "/srv").is_ok());
    for (name, value) in [
        ("memory_limit", "1M"),
        ("auto_prepend_file", "x.php"),
        ("upload_tmp_dir", "/tmp"),
        ("pm.max_children", "4"),
        ("pm", "static"),
        ("php_admin_value[x]", "1"),
        ("listen.owner", "a"),
        ("", "a"),
        ("a]", "a"),
        ("a\nb", "a"),
        ("a", "b\nauto_prepend_file = x"),
    ] {
        assert!(setting(&mut settings, name, value).is_err(), "{name:?} {value:?}");
    }
    assert_eq!(settings.len(), 3);
}

#[test]
fn paths_php_sees_are_absolute() {
    assert_eq!(optional_absolute(""), Ok(None));
    assert_eq!(optional_absolute("/var/www"), Ok(Some("/var/www".into())));
    assert!(optional_absolute("www").is_err());
    assert_eq!(status_path("/status"), Ok(Some("/status".into())));
    assert!(status_path("status").is_err());
}
