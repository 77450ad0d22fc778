//! Tests of `token`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{FILE, LETTERS_MAX, ensure_token, token_matches};
use crate::error::TlsError;

fn put(state: &std::path::Path, contents: &[u8]) {
    let path = state.join(FILE);
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn is_made_once_and_kept() {
    let state = tempfile::tempdir().unwrap();
    let made = ensure_token(state.path()).unwrap();
    assert_eq!(made.expose().len(), 43);
    assert_eq!(ensure_token(state.path()).unwrap().expose(), made.expose());
    let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let elsewhere = tempfile::tempdir().unwrap();
    assert_ne!(ensure_token(elsewhere.path()).unwrap().expose(), made.expose());
}

#[test]
fn two_starts_at_once_agree() {
    let state = tempfile::tempdir().unwrap();
    let tokens: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ensure_token(state.path()).unwrap().expose().to_owned()))
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[test]
fn a_readable_file_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let made = ensure_token(state.path()).unwrap();
    let path = state.path().join(FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = ensure_token(state.path()).unwrap_err();
    assert!(matches!(error, TlsError::LocalSecretOpen { mode: 0o644, .. }));
    assert!(error.hint().unwrap().contains("chmod 600"));
    let shown = format!("{error} {error:?} {:?} {:?}", error.hint(), error.detail());
    assert!(!shown.contains(made.expose()));
}

#[test]
fn what_is_no_token_is_refused_without_showing_it() {
    let state = tempfile::tempdir().unwrap();
    let long = "x".repeat(LETTERS_MAX + 1);
    for contents in [&b""[..], b"secret", b"\xff\xfe", long.as_bytes(), &[b' '; 50], b"a b\n"] {
        put(state.path(), contents);
        let error = ensure_token(state.path()).unwrap_err();
        assert!(matches!(error, TlsError::LocalToken { .. }), "{error}");
        assert!(!format!("{error} {error:?} {:?}", error.detail()).contains("secret"));
    }
    let own = "My-own_token-0123456789-0123456789-0123456789";
    put(state.path(), format!("{own}\n").as_bytes());
    assert_eq!(ensure_token(state.path()).unwrap().expose(), own);
}

#[test]
fn only_the_token_matches_its_digest() {
    let state = tempfile::tempdir().unwrap();
    let token = ensure_token(state.path()).unwrap();
    let digest = token.digest();
    let text = token.expose();
    assert!(token_matches(&digest, text.as_bytes()));
    for wrong in ["", &text[1..], &format!("{text}A"), &text.to_uppercase(), &"x".repeat(99_999)] {
        assert!(!token_matches(&digest, wrong.as_bytes()));
    }
    assert_ne!(token.cookie_key(), digest);
    assert_ne!(token.cookie_key(), [0; 32]);
    assert_eq!(ensure_token(state.path()).unwrap().cookie_key(), token.cookie_key());
    assert!(!format!("{token:?}").contains(text));
}
