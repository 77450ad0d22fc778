//! Tests of `multipart::boundary`.

use alloc::format;

use super::*;

#[test]
fn boundaries() {
    let of = |text: &str| boundary_of(text.as_bytes()).map(|boundary| boundary.0);
    let b70 = "b".repeat(70);
    for (parameters, wanted) in [
        ("boundary=B", "B"),
        ("BOUNDARY=B", "B"),
        ("boundary=\"B\"", "B"),
        ("boundary=\"B c\"", "B c"),
        ("charset=utf-8; boundary=B ; x=y", "B"),
        ("boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", "----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ("boundary=--=_Part/1:(2)?", "--=_Part/1:(2)?"),
        ("boundary=\"'()+_,-./:=?\"", "'()+_,-./:=?"),
        ("boundary=B;", "B"),
        (&format!("boundary={b70}"), &b70),
    ] {
        let found = of(&format!("Multipart/Form-Data; {parameters}"));
        assert_eq!(found, Ok(wanted.as_bytes().to_vec()), "{parameters}");
    }
    for (parameters, wanted) in [
        ("", BoundaryError::Missing),
        ("x=y", BoundaryError::Missing),
        ("boundary", BoundaryError::Malformed),
        ("boundary=", BoundaryError::Malformed),
        ("boundary=\"", BoundaryError::Malformed),
        ("boundary=\"B\"c", BoundaryError::Malformed),
        ("boundary =B", BoundaryError::Malformed),
        ("boundary=B c", BoundaryError::Malformed),
        ("boundary=B, x=y", BoundaryError::Malformed),
        ("boundary=\u{e9}", BoundaryError::Malformed),
        ("boundary=B; boundary=B", BoundaryError::Duplicate),
        ("boundary=B; Boundary=C", BoundaryError::Duplicate),
        ("boundary=\"\"", BoundaryError::Invalid),
        ("boundary=\"B \"", BoundaryError::Invalid),
        ("boundary=\" \"", BoundaryError::Invalid),
        ("boundary=\"B\\\"\"", BoundaryError::Invalid),
        ("boundary=\"B\r\nC\"", BoundaryError::Invalid),
        ("boundary=B*", BoundaryError::Invalid),
        (&format!("boundary={b70}b"), BoundaryError::Invalid),
    ] {
        let found = of(&format!("multipart/form-data; {parameters}"));
        assert_eq!(found, Err(wanted), "{parameters}");
    }
    for text in ["", "multipart/mixed; boundary=B", "multipart/form-data, x; boundary=B", "form"] {
        assert_eq!(of(text), Err(BoundaryError::NotFormData), "{text}");
    }
    assert_eq!(of("multipart/form-data"), Err(BoundaryError::Missing));
}
