//! A small tree in a temporary folder for the checks' own tests, and how a problem prints.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A tree with the given files; the folder lives as long as the first part of the pair.
pub(super) fn tree(files: &[(&str, &str)]) -> (TempDir, Tree) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let tree = Tree::of_folder(folder.path().to_path_buf()).unwrap();
    (folder, tree)
}

/// The problems as they print.
pub(super) fn shown(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_problem_prints_file_line_and_message() {
    assert_eq!(Problem::new("a.rs", 3, "too long").to_string(), "a.rs:3: too long");
    assert_eq!(Problem::new("a.rs", 0, "missing").to_string(), "a.rs: missing");
}
