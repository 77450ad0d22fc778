//! Links become what they lead to, and what leads nowhere is left out.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn links_become_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("inner/deep")).unwrap();
    fs::write(from.join("inner/deep/a.php"), "a").unwrap();
    fs::write(from.join("left.php"), "b").unwrap();
    symlink("inner", from.join("folder")).unwrap();
    symlink("/no/such/file", from.join("nowhere")).unwrap();
    copy(&from, &to, &["left.php"]).unwrap();
    assert_eq!(fs::read_to_string(to.join("folder/deep/a.php")).unwrap(), "a");
    assert!(!to.join("folder").is_symlink());
    assert!(!to.join("nowhere").exists() && !to.join("left.php").exists());
}

#[test]
fn a_circle_of_links_ends() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::create_dir_all(from.join("a")).unwrap();
    symlink("..", from.join("a/up")).unwrap();
    assert!(copy(&from, &folder.path().join("to"), &[]).is_err());
}
