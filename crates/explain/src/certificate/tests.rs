//! Moments, and files without a certificate.

use super::*;

#[test]
fn moments_are_days_or_seconds() {
    assert_eq!(parse_moment("1970-01-01"), Some(0));
    assert_eq!(parse_moment("2026-03-15"), Some(1_773_532_800));
    assert_eq!(parse_moment("2026-03-15T00:00:01Z"), Some(1_773_532_801));
    for bad in ["", "2026-3-15", "2026-13-01", "15-03-2026", "2026-03-15T00:00:01", "x026-03-15"] {
        assert_eq!(parse_moment(bad), None, "{bad}");
    }
}

#[test]
fn files_without_a_certificate_say_what_they_are() {
    let key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let error = input::certificates(key).unwrap_err();
    assert_eq!(error, InputError::OtherPem("PRIVATE KEY".into()));
    assert_eq!(input::certificates(b"hello").unwrap_err(), InputError::Neither);
    assert_eq!(input::certificates(b"").unwrap_err(), InputError::Neither);
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = input::certificates(broken).unwrap_err();
    assert!(matches!(error, InputError::Unreadable { number: 1, .. }), "{error:?}");
    let many = broken.repeat(input::CERTIFICATES_MAX + 1);
    assert_eq!(input::certificates(&many).unwrap_err(), InputError::TooMany);
}
