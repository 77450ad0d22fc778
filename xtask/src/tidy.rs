//! Checks what the compiler does not: arrows between crates, sizes, links, promises.
//!
//! Every check is a function from what it reads to problems, so that the checks themselves are
//! tested on small trees. It must never change a file.

mod arrows;
mod gathered;
mod links;
mod lints;
mod promises;
mod text;
mod translations;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::workspace::{self, Tree};

/// Checks this repository, prints what is wrong, and ends with 1 when something is.
pub(crate) fn run() -> Result<ExitCode, String> {
    let tree = Tree::of_repository()?;
    let packages = workspace::packages(&workspace::metadata(&tree.root)?)?;
    let mut problems = arrows::check(&packages);
    problems.extend(lints::check(&tree, &packages));
    problems.extend(gathered::check(&tree));
    problems.extend(text::check(&tree));
    problems.extend(links::check(&tree));
    problems.extend(promises::check(&tree));
    problems.extend(translations::check(&tree));

    for note in text::long_files(&tree) {
        println!("note: {note}");
    }
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files, {} problems", tree.files.len(), problems.len());
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// File, relative to the root.
    file: PathBuf,
    /// Line, counted from 1; 0 when it is the file as a whole.
    line: usize,
    /// What is wrong: lower case, no final period.
    message: String,
}

impl Problem {
    fn new(file: impl Into<PathBuf>, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.into(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.message),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}

#[cfg(test)]
mod tests;
