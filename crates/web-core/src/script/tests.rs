//! Tests of `script`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn prefixes_that_could_be_scripts() {
    for (path, wanted) in [
        ("/index.php", &["/index.php"][..]),
        ("/a.php/b.php", &["/a.php", "/a.php/b.php"]),
        ("/a.php/b.php/c", &["/a.php", "/a.php/b.php"]),
        ("/a.php/", &["/a.php"]),
        ("/a.php//x", &["/a.php"]),
        ("/d.php.d/a.php", &["/d.php.d/a.php"]),
        ("a.php", &["a.php"]),
        ("", &[]),
        ("/", &[]),
        ("/a.PHP", &[]),
        ("/a.Php/x", &[]),
        ("/a.php5", &[]),
        ("/a.php ", &[]),
        ("/a.php.", &[]),
        ("/a.php\0", &[]),
        ("/a.jpg", &[]),
        ("/aphp", &[]),
        ("/.php", &[]),
        ("/x/.php/a.php", &["/x/.php/a.php"]),
        ("/uploads/a.jpg/x.php", &["/uploads/a.jpg/x.php"]),
        ("/\u{95e8}.php/p", &["/\u{95e8}.php"]),
    ] {
        let found: Vec<&str> = candidates(path.as_bytes()).map(|end| &path[..end]).collect();
        assert_eq!(found, wanted, "{path:?}");
    }
}

#[test]
fn names() {
    for name in ["index.php", "a.b.php", "\u{95e8}.php", " .php", "..php"] {
        assert!(
            is_script_name(name.as_bytes()) && is_forbidden_source(name.as_bytes()),
            "{name:?}"
        );
    }
    for name in [
        ".php",
        "a.PHP",
        "a.Php",
        "a.php.",
        "a.php ",
        "a.php. .",
        "a.php~",
        "a.php3",
        "a.PHP8",
        "a.phtml",
        "a.pHtMl",
        "a.pht",
        "a.phar",
        "a.phps",
        "a.phpt",
        "config.php.bak",
        "config.php.OLD",
        "config.php~.bak",
        ".config.php.swp",
        "a.phtml.orig",
        "a.php.save.",
    ] {
        assert!(!is_script_name(name.as_bytes()), "{name:?}");
        assert!(is_forbidden_source(name.as_bytes()), "{name:?}");
    }
    for name in [
        "",
        ".",
        "..",
        "php",
        "phar",
        "a.inc",
        "a.html",
        "a.php.html",
        "a.phpx",
        "a.php33",
        "a.ph",
        "a.bak",
        ".bak",
        "a.xphp",
        "composer.phar.asc",
        "a.php-notes.txt",
        "aphp~",
        "phtml.",
    ] {
        assert!(!is_script_name(name.as_bytes()), "{name:?}");
        assert!(!is_forbidden_source(name.as_bytes()), "{name:?}");
    }
}

proptest! {
    #[test]
    fn any_path_keeps_the_invariants(
        pieces in prop::collection::vec(
            prop_oneof![
                Just(".php".to_string()), Just("/".into()), Just("a".into()), Just(".".into()),
                Just("PHP".into()), Just(".bak".into()), Just("~".into()), any::<String>(),
            ],
            0..12,
        ),
    ) {
        crate::fuzz::script(pieces.concat().as_bytes());
    }
}
