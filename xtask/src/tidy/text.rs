//! Sizes, openings and banned words of the files themselves.
//!
//! A banned word is put together from pieces here, so that this file passes its own check.

use std::path::Path;

use super::Problem;
use crate::workspace::Tree;

/// Problems of single lines and files.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in &tree.files {
        if file.file_name().is_some_and(|name| name == "mod.rs") {
            let message = "mod.rs; put the module beside its folder";
            problems.push(Problem::new(file, 0, message));
        }
        let Some(text) = tree.text(file) else { continue };
        if file.extension().is_some_and(|extension| extension == "rs") {
            problems.extend(rust(file, &text));
        }
        problems.extend(words(file, &text));
    }
    problems
}

/// Files that are allowed but deserve a second look.
pub(crate) fn long_files(tree: &Tree) -> Vec<String> {
    tree.texts("rs")
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| (LINES_NOTED + 1..=LINES_MAX).contains(lines))
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect()
}

fn rust(file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(Problem::new(file, 1, "does not open with `//!`"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let message = format!("{lines} lines; {LINES_MAX} are allowed");
        problems.push(Problem::new(file, 0, message));
    }
    for (index, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let message = format!("{columns} columns; {COLUMNS_MAX} are allowed");
            problems.push(Problem::new(file, index + 1, message));
        }
        for word in UNFINISHED.iter().filter(|word| line.contains(*word)) {
            problems.push(Problem::new(file, index + 1, format!("{word} is left over")));
        }
    }
    problems
}

/// What no tracked file may hold, whatever its language.
fn words(file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let locked = file.file_name().is_some_and(|name| name == "Cargo.lock");
    for (index, line) in text.lines().enumerate() {
        for (word, rest) in OWNED.iter().filter_map(|word| Some((word, after(line, word)?))) {
            if !rest.starts_with('(') || rest.starts_with("()") {
                let message = format!("{word} without an owner; write {word}(name): …");
                problems.push(Problem::new(file, index + 1, message));
            }
        }
        for word in MACHINE.iter().filter(|word| line.contains(*word)) {
            // Cargo writes its registry's name into the lock file itself.
            if !locked {
                let message = format!("names {word}, which is not part of the project");
                problems.push(Problem::new(file, index + 1, message));
            }
        }
    }
    problems
}

/// What follows `word` in `line`, where it stands as a word of its own.
fn after<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).find_map(|(at, _)| {
        let rest = &line[at + word.len()..];
        let alone = !line[..at].ends_with(part_of_word) && !rest.starts_with(part_of_word);
        alone.then_some(rest)
    })
}

const LINES_MAX: usize = 1000;
const LINES_NOTED: usize = 600;
const COLUMNS_MAX: usize = 100;
const UNFINISHED: [&str; 3] = [concat!("to", "do!("), concat!("unimple", "mented!("), FIX_ME];
const FIX_ME: &str = concat!("FIX", "ME");
const OWNED: [&str; 1] = [concat!("TO", "DO")];
const MACHINE: [&str; 9] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/."),
    concat!("/home/", "runner"),
    concat!("../sha", "red"),
    concat!("crates", ".io"),
    concat!("registry.", "npmjs"),
    concat!("py", "pi.org"),
    concat!("deb.", "debian.org"),
    concat!("proxy.", "golang.org"),
];

#[cfg(test)]
mod tests;
