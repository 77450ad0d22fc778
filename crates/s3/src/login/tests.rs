//! Credentials from texts; nothing of them is shown.

use super::{Login, LoginProblem};

#[test]
fn the_first_section_counts() {
    let text = "# c\n[default]\naws_access_key_id = AK\naws_secret_access_key=s/=+\n[b]\n\
                aws_session_token = other\n";
    let login = Login::parse(text).unwrap();
    assert_eq!((login.key.as_str(), login.secret.as_str()), ("AK", "s/=+"));
    assert!(login.token.is_none());
}

#[test]
fn what_is_missing_is_named() {
    let problem = Login::parse("aws_access_key_id = AK\naws_secret_access_key = \n");
    assert!(matches!(problem, Err(LoginProblem::Missing("aws_secret_access_key"))));
}

#[test]
fn debug_shows_nothing() {
    let login = Login::new("AKID", "hush", Some("token"));
    assert_eq!(format!("{login:?}"), "Login");
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), vec![b'#'; 70 << 10]).unwrap();
    assert!(matches!(Login::from_file(file.path()), Err(LoginProblem::Size)));
}
