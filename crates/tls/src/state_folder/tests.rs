//! Tests of `state_folder`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{FILE_BYTES_MAX, Privacy, StateFolder};
use crate::error::TlsError;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn folder_and_files_get_their_modes() {
    let temp = tempfile::tempdir().unwrap();
    let place = temp.path().join("a/state");
    let folder = StateFolder::open(&place).unwrap();
    folder
        .write(&[("key", Privacy::Secret, "1".to_owned()), ("cert", Privacy::Open, "2".to_owned())])
        .unwrap();
    assert_eq!(mode(&place), 0o700);
    assert_eq!(mode(&folder.path("key")), 0o600);
    assert_eq!(mode(&folder.path("cert")) & 0o700, 0o600);
    assert_eq!(folder.read("key", Privacy::Secret).unwrap().unwrap(), b"1");
    assert_eq!(folder.read("none", Privacy::Secret).unwrap(), None);
}

#[test]
fn leftovers_of_a_crash_are_replaced() {
    let temp = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(temp.path()).unwrap();
    fs::write(folder.path(".key.new"), "half").unwrap();
    folder.write(&[("key", Privacy::Secret, "whole".to_owned())]).unwrap();
    assert_eq!(folder.read("key", Privacy::Secret).unwrap().unwrap(), b"whole");
    assert_eq!(mode(&folder.path("key")), 0o600);
    assert!(!folder.path(".key.new").exists());
}

#[test]
fn a_secret_others_can_reach_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(temp.path()).unwrap();
    folder.write(&[("key", Privacy::Secret, "1".to_owned())]).unwrap();
    for open in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(folder.path("key"), fs::Permissions::from_mode(open)).unwrap();
        let error = folder.read("key", Privacy::Secret).unwrap_err();
        assert!(matches!(error, TlsError::LocalSecretOpen { mode, .. } if mode == open));
        assert!(error.hint().unwrap().contains("chmod 600"));
        assert!(folder.read("key", Privacy::Open).unwrap().is_some());
    }
}

#[test]
fn links_folders_and_long_files_are_errors() {
    let temp = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(temp.path()).unwrap();
    fs::write(folder.path("long"), vec![0; usize::try_from(FILE_BYTES_MAX).unwrap() + 1]).unwrap();
    symlink("/dev/zero", folder.path("link")).unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    for name in ["long", "link", "folder"] {
        let error = folder.read(name, Privacy::Open).unwrap_err();
        assert!(matches!(error, TlsError::LocalFile { action: "read", .. }), "{name}: {error}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("file"), "").unwrap();
    let error = StateFolder::open(&temp.path().join("file/state")).unwrap_err();
    assert!(error.to_string().contains("file/state"), "{error}");
    assert!(error.detail().is_some());
}
