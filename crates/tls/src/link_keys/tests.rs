//! Tests of `link_keys`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(keys: &LinkKeys) -> Vec<[u8; 4]> {
    keys.iter().map(|key| key.id).collect()
}

#[test]
fn a_first_key_is_made_once_and_kept_secret() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("link-keys");
    let made = LinkKeys::ensure(&path, 100).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = LinkKeys::ensure(&path, 200).unwrap();
    assert_eq!(names(&again), names(&made));
    let (one, two) = (made.newest().unwrap(), again.newest().unwrap());
    assert_eq!((one.created_unix, one.sign(b"x")), (100, two.sign(b"x")));
    assert_ne!(one.sign(b"x"), one.sign(b"y"));
    let text = fs::read_to_string(&path).unwrap();
    let secret = text.lines().last().unwrap().split(' ').nth(2).unwrap();
    assert!(!format!("{made:?}").contains(secret));
    // RFC 4231 §4.3.
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(b"Jefe");
    let mac = LinkKey::from_secret([0; 4], secret).sign(b"what do ya want for nothing?");
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46], "keys are padded with zeros");
}

#[test]
fn the_newest_signs_and_old_ones_go_when_their_links_are_over() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("link-keys");
    let first = LinkKeys::ensure(&path, 100).unwrap().newest().unwrap().id;
    let added = LinkKeys::change(&path, Change::Add, 200).unwrap();
    let second = added.added.unwrap().id;
    assert_eq!(names(&added.keys), [first, second]);
    assert_eq!(added.keys.newest().unwrap().id, second);
    let rotate = Change::Rotate { idle_seconds: 1000 };
    let early = LinkKeys::change(&path, rotate, 1199).unwrap();
    assert_eq!((early.removed.len(), names(&early.keys).len()), (0, 3));
    let third = early.keys.newest().unwrap().id;
    let late = LinkKeys::change(&path, rotate, 1200).unwrap();
    assert_eq!(late.removed.iter().map(|key| key.id).collect::<Vec<_>>(), [first]);
    assert_eq!(names(&late.keys)[..2], [second, third]);
    let alone = LinkKeys::change(&path, Change::Replace, 1300).unwrap();
    assert_eq!((alone.removed.len(), names(&alone.keys).len()), (3, 1));
    assert!(alone.keys.find(second).is_none());
}

#[test]
fn a_clock_set_back_does_not_make_an_old_key_sign() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("link-keys");
    LinkKeys::ensure(&path, 5000).unwrap();
    let changed = LinkKeys::change(&path, Change::Add, 10).unwrap();
    let read = LinkKeys::ensure(&path, 10).unwrap();
    assert_eq!(read.newest().unwrap().id, changed.added.unwrap().id);
}

#[test]
fn a_removed_key_is_gone_and_the_last_one_is_replaced() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("link-keys");
    let first = LinkKeys::ensure(&path, 1).unwrap().newest().unwrap().id;
    let changed = LinkKeys::change(&path, Change::Remove(first), 2).unwrap();
    assert!(changed.added.is_some() && changed.keys.find(first).is_none());
    let error = LinkKeys::change(&path, Change::Remove(first), 3).unwrap_err();
    assert_eq!(error.detail().as_deref(), Some("no key has that name"));
}

#[test]
fn files_that_are_none_of_keys_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("link-keys");
    let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE";
    let good = format!("# mine\n\n0000000a 5 {key}\n");
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&good);
    assert_eq!(names(&LinkKeys::ensure(&path, 1).unwrap()), [[0, 0, 0, 10]]);
    let short = &key[1..];
    for bad in [
        String::new(),
        "# nothing\n".into(),
        format!("0000000a 5 {short}\n"),
        format!("0000000a x {key}\n"),
        format!("a 5 {key}\n"),
        format!("0000000a 5 {key} more\n"),
        good.clone() + &good,
    ] {
        write(&bad);
        let error = LinkKeys::ensure(&path, 1).unwrap_err();
        assert!(matches!(error, TlsError::LocalLinkKeys { .. }), "{bad}: {error}");
        let told = format!("{error} {error:?} {:?} {:?}", error.detail(), error.hint());
        assert!(!told.contains(short), "{told}");
    }
    write(&good);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let open = LinkKeys::ensure(&path, 1).unwrap_err();
    assert!(matches!(open, TlsError::LocalSecretOpen { .. }));
}
