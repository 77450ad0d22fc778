//! Each banned thing is found once, at its line; a clean file is not reported.

use super::super::tests::{shown, tree};
use super::*;

#[test]
fn a_clean_file_has_no_problem() {
    let owned = format!("//! Doc.\n// {}(li): later.\n// {}S\n", OWNED[0], OWNED[0]);
    let (_folder, tree) = tree(&[("a.rs", &owned), ("b.md", "text\n")]);
    assert_eq!(check(&tree), []);
}

#[test]
fn a_long_line_a_long_file_and_a_missing_opening_are_reported() {
    let long = format!("//! Doc.\n{}\n{}\n", "é".repeat(100), "x".repeat(101));
    let many = format!("//! Doc.\n{}", "\n".repeat(LINES_MAX));
    let (_folder, tree) = tree(&[("a.rs", &long), ("b.rs", &many), ("c.rs", "fn main() {}\n")]);
    assert_eq!(
        shown(&check(&tree)),
        [
            "a.rs:3: 101 columns; 100 are allowed",
            "b.rs: 1001 lines; 1000 are allowed",
            "c.rs:1: does not open with `//!`",
        ]
    );
}

#[test]
fn a_file_worth_a_second_look_is_noted_and_no_error() {
    let many = format!("//! Doc.\n{}", "\n".repeat(LINES_NOTED));
    let (_folder, tree) = tree(&[("a.rs", &many)]);
    assert_eq!(long_files(&tree), ["a.rs: 601 lines"]);
    assert_eq!(check(&tree), []);
}

#[test]
fn left_over_words_and_mod_rs_are_reported() {
    let text = format!("//! Doc.\n{});\n{})\n// {}\n", UNFINISHED[0], UNFINISHED[1], FIX_ME);
    let (_folder, tree) = tree(&[("x/mod.rs", &text)]);
    let problems = shown(&check(&tree));
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].contains("mod.rs;") && problems[1].starts_with("x/mod.rs:2:"));
}

#[test]
fn a_reminder_without_owner_is_reported_in_any_language() {
    let text = format!("{}: later\n{}(): later\n", OWNED[0], OWNED[0]);
    let (_folder, tree) = tree(&[("notes.md", &text)]);
    assert_eq!(check(&tree).len(), 2);
}

#[test]
fn machine_paths_and_registries_are_reported_except_in_the_lock_file() {
    let text = format!("see {}main\n", MACHINE[0]);
    let lock = format!("source = \"{}-index\"\n", MACHINE[4]);
    let (_folder, tree) =
        tree(&[("Cargo.lock", &lock), ("a.md", &text), ("b/package-lock.json", &lock)]);
    let problems = check(&tree);
    let files: Vec<_> = problems.iter().map(|problem| problem.file.to_str().unwrap()).collect();
    assert_eq!(files, ["a.md", "b/package-lock.json"]);
}
