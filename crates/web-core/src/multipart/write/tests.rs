//! Tests of `multipart::write`. What PHP makes of it is tested where PHP is.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn boundary() -> Boundary {
    Boundary::from_random(&[0x0f; 16])
}

fn head(name: &str, file: Option<&str>, kind: Option<&str>) -> Result<String, Inexpressible> {
    let mut out = b"x".to_vec();
    let (file, kind) = (file.map(str::as_bytes), kind.map(str::as_bytes));
    let done = part_head(&boundary(), name.as_bytes(), file, kind, &mut out);
    if let Err(error) = done {
        assert_eq!(out, b"x", "something was appended");
        return Err(error);
    }
    Ok(String::from_utf8(out).unwrap().strip_prefix('x').unwrap().into())
}

#[test]
fn the_lines() {
    let b = "0f".repeat(16);
    let line = |text: &str| Ok(alloc::format!("--{b}\r\nContent-Disposition: form-data; {text}"));
    assert_eq!(head("a", None, None), line("name=\"a\"\r\n\r\n"));
    assert_eq!(
        head("a[]", Some("\u{95e8};%22.txt"), Some("text/plain; x=\"y\"")),
        line(concat!(
            "name=\"a[]\"; filename=\"\u{95e8};%22.txt\"\r\n",
            "Content-Type: text/plain; x=\"y\"\r\n\r\n"
        ))
    );
    assert_eq!(
        head("a\"\\b", Some("c:\\d\\\"e'"), None),
        line("name=\"a\\\"\\\\b\"; filename=\"c:\\\\d\\\\\\\"e'\"\r\n\r\n")
    );
    assert_eq!(head("a\\", Some("f"), None), line("filename=\"f\"; name=\"a\\\\\"\r\n\r\n"));
    assert_eq!(head("a", Some("f\\"), None), line("name=\"a\"; filename=\"f\\\\\"\r\n\r\n"));
    assert_eq!(head("a", Some(""), None), line("name=\"a\"; filename=\"\"\r\n\r\n"));
    let mut out = Vec::new();
    content_type(&boundary(), &mut out);
    part_end(&mut out);
    closing(&boundary(), &mut out);
    let wanted = alloc::format!("multipart/form-data; boundary={b}\r\n--{b}--\r\n");
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}

#[test]
fn what_cannot_be_said() {
    for (name, file, kind, error) in [
        ("", None, None, Inexpressible::NameMissing),
        ("a\r\nB: c", None, None, Inexpressible::Control),
        ("a\0", None, None, Inexpressible::Control),
        ("a", Some("\n"), None, Inexpressible::Control),
        ("a", Some("f"), Some("a/b\r"), Inexpressible::Control),
        ("a\u{7f}", None, None, Inexpressible::Control),
        ("a\\", Some("b\\"), None, Inexpressible::Backslash),
    ] {
        assert_eq!(head(name, file, kind), Err(error), "{name:?}");
    }
    assert!(head("a\tb", Some("c\td"), Some("e\tf")).is_ok());
    let long = |bytes: usize| "x".repeat(bytes);
    assert!(head(&long(4900), None, None).is_ok());
    assert_eq!(head(&long(5000), None, None), Err(Inexpressible::TooLong));
    // Escapes count, and each line by itself.
    assert_eq!(head(&"\"".repeat(2500), None, None), Err(Inexpressible::TooLong));
    assert!(head(&long(2000), Some(&long(2500)), Some(&long(4900))).is_ok());
    assert_eq!(head("a", None, Some(&long(5000))), Err(Inexpressible::TooLong));
}

proptest! {
    #[test]
    fn any_form_keeps_the_invariants(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::form_rewrite(&bytes);
    }

    #[test]
    fn what_is_written_is_read_again(
        name in "[a\"\\\\\\[\\];'=%\u{95e8} ]{1,6}",
        file in prop::option::of("[a\"\\\\;'=./\u{95e8} ]{0,6}"),
        kind in prop::option::of("[a-z/;= \"]{1,8}"),
        data in "[\r\n\\-0f]{0,12}",
    ) {
        let form = alloc::format!(
            "\x01{}\0{}\0{}\0{data}", name, file.as_deref().unwrap_or("?"), kind.unwrap_or_default()
        );
        crate::fuzz::form_rewrite(form.as_bytes());
    }
}
