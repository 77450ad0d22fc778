//! Tests that are modules of one program are all named in it.
//!
//! Where a crate has `tests/all.rs`, cargo looks at no other file beside it; one that is not named
//! there would never run, and nobody would notice.

use std::path::Path;

use super::Problem;
use crate::workspace::Tree;

/// Files beside an `all.rs` that it does not name.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let programs = tree.files.iter().filter(|file| file.ends_with("tests/all.rs"));
    programs.flat_map(|program| unnamed(tree, program)).collect()
}

fn unnamed(tree: &Tree, program: &Path) -> Vec<Problem> {
    let Some(text) = tree.text(program) else { return Vec::new() };
    let named = |name: &str| text.lines().any(|line| line == format!("mod {name};"));
    let beside = tree.files.iter().filter(|file| file.parent() == program.parent());
    let tests =
        beside.filter(|file| *file != program && file.extension().is_some_and(|e| e == "rs"));
    let missing = tests.filter(|file| {
        file.file_stem().and_then(|stem| stem.to_str()).is_none_or(|name| !named(name))
    });
    let problem =
        |file: &Path| Problem::new(file, 0, format!("is not named in {}", program.display()));
    missing.map(|file| problem(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shown, tree};
    use super::*;

    #[test]
    fn a_file_of_tests_that_nobody_runs_is_found() {
        let (_folder, tree) = tree(&[
            ("crates/a/tests/all.rs", "mod one;\n#[cfg(any())]\nmod support;\n"),
            ("crates/a/tests/one.rs", ""),
            ("crates/a/tests/two.rs", ""),
            ("crates/a/tests/support.rs", ""),
            ("crates/a/tests/support/live.rs", ""),
            ("crates/b/tests/three.rs", ""),
        ]);
        let problems = check(&tree);
        assert_eq!(
            shown(&problems),
            ["crates/a/tests/two.rs: is not named in crates/a/tests/all.rs"]
        );
    }
}
