//! Whose files are taken for recipes.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const SMALL: &str = "name = \"git\"\nabout = \"ours\"\n[here]\nprograms = [\"git\"]\n\
                     arguments = [\"--version\"]\nversion = \"git version {version}\"\n";

#[test]
fn all_of_the_binary_can_be_read() {
    let names: Vec<String> = built_in().into_iter().map(|one| one.recipe.name).collect();
    assert_eq!(names.len(), BUILT_IN.len());
    assert_eq!(names, ["git", "mariadb", "php-fpm"]);
}

#[test]
fn a_file_replaces_what_is_built_in() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(all(&folder.path().join("missing")).unwrap().len(), 3);
    write(folder.path().join("own.toml"), SMALL).unwrap();
    write(folder.path().join("readme.txt"), "no recipe").unwrap();
    let recipes = all(folder.path()).unwrap();
    assert_eq!(recipes.len(), 3);
    assert_eq!(recipes[0].recipe.about, "ours");
    write(folder.path().join("again.toml"), SMALL).unwrap();
    assert!(matches!(all(folder.path()), Err(LoadError::Twice(..))));
}

#[test]
fn what_others_can_write_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("git.toml");
    write(&file, SMALL).unwrap();
    assert!(from_file(&file).is_ok());
    for mode in [0o666, 0o664] {
        set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let error = from_file(&file).unwrap_err().to_string();
        assert!(error.contains("can be written by others"), "{mode:o}: {error}");
    }
    set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(from_file(&file), Err(LoadError::Foreign { .. })), "its folder is open");
    // Through a link from a safe folder it is the same file.
    let safe = tempfile::tempdir().unwrap();
    symlink(&file, safe.path().join("git.toml")).unwrap();
    assert!(matches!(all(safe.path()), Err(LoadError::Foreign { .. })));
    set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
        let error = from_file(&file).unwrap_err().to_string();
        assert!(error.contains("belongs to somebody else"), "{error}");
    }
}

#[test]
fn a_folder_a_large_file_and_other_text_are_no_recipes() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(from_file(folder.path()), Err(LoadError::Foreign { .. })));
    let file = folder.path().join("x.toml");
    write(&file, vec![b' '; 300 << 10]).unwrap();
    assert!(matches!(from_file(&file), Err(LoadError::Read(..))));
    write(&file, "name = 3").unwrap();
    assert!(matches!(from_file(&file), Err(LoadError::Problem(..))));
}
