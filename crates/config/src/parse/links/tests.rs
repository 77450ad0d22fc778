//! Tests of `links`.

use super::base;

#[test]
fn a_base_is_scheme_and_authority() {
    for good in ["https://a.example", "http://127.0.0.1:8080", "https://[::1]:8443"] {
        assert_eq!(base(good).unwrap().as_deref(), Some(good));
        assert_eq!(base(&format!("{good}/")).unwrap().as_deref(), Some(good));
    }
    assert_eq!(base("").unwrap(), None);
    for bad in [
        "a.example",
        "ftp://a",
        "https://",
        "https:///",
        "https://a/b",
        "https://a b",
        "https://a?x",
    ] {
        assert!(base(bad).is_err(), "{bad}");
    }
}
