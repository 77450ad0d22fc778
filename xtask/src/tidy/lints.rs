//! Every crate has the workspace's lints, and pure crates stay pure.
//!
//! Cargo takes either the workspace's table or one of the crate's own. A crate that needs more, or
//! (only `crates/sys` and `crates/capi`) must leave `unsafe_code` out, writes a full table; this
//! check keeps it in step. Manifests are read line by line: `key = value` under a `[table]`.

use std::collections::BTreeMap;
use std::path::Path;

use super::Problem;
use crate::workspace::{Package, Tree};

/// Problems with lint tables, `no_std` and `extern crate`.
pub(crate) fn check(tree: &Tree, packages: &[Package]) -> Vec<Problem> {
    let root = tree.text("Cargo.toml").unwrap_or_default();
    let mut problems = Vec::new();
    for package in packages {
        let manifest = package.folder.join("Cargo.toml");
        let text = tree.text(&manifest).unwrap_or_default();
        let unsafe_allowed = UNSAFE_ROOMS.iter().any(|room| package.folder == Path::new(room));
        let missing = missing_lints(&root, &text, unsafe_allowed);
        problems.extend(missing.into_iter().map(|lint| {
            Problem::new(&manifest, 0, format!("lint table without the workspace's {lint}"))
        }));
        if is_pure(package) {
            problems.extend(impurities(tree, package));
        }
    }
    problems
}

fn missing_lints(root: &str, manifest: &str, unsafe_allowed: bool) -> Vec<String> {
    if table(manifest, "lints").get("workspace").is_some_and(|value| value == "true") {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for kind in ["rust", "clippy"] {
        let own = table(manifest, &format!("lints.{kind}"));
        for (lint, level) in table(root, &format!("workspace.lints.{kind}")) {
            let excused = unsafe_allowed && lint == "unsafe_code";
            if !excused && own.get(&lint) != Some(&level) {
                missing.push(format!("{lint} = {level}"));
            }
        }
    }
    missing
}

/// The rows of one table of a manifest.
fn table(manifest: &str, name: &str) -> BTreeMap<String, String> {
    let header = format!("[{name}]");
    let lines = manifest.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// Whether no clock, socket, file or thread may get in.
fn is_pure(package: &Package) -> bool {
    package.name == "menshen-base" || package.name.ends_with("-core")
}

fn impurities(tree: &Tree, package: &Package) -> Vec<Problem> {
    let mut problems = Vec::new();
    let library = package.folder.join("src/lib.rs");
    let text = tree.text(&library).unwrap_or_default();
    if !text.lines().any(|line| line.trim() == "#![no_std]") {
        problems.push(Problem::new(&library, 0, "a pure crate without #![no_std]"));
    }
    let sources = package.folder.join("src");
    for (file, text) in tree.texts("rs").filter(|(file, _)| file.starts_with(&sources)) {
        if file.ends_with("tests.rs") {
            continue;
        }
        let mut before = "";
        for (index, line) in text.lines().map(str::trim).enumerate() {
            // It compiles on a hosted target and would let everything in.
            let declaration = line.strip_prefix("pub ").unwrap_or(line);
            if declaration.starts_with("extern crate std") && before != "#[cfg(test)]" {
                let message = "extern crate std outside #[cfg(test)] in a pure crate";
                problems.push(Problem::new(file, index + 1, message));
            }
            before = line;
        }
    }
    problems
}

/// The only crate that may hold unsafe code.
const UNSAFE_ROOMS: [&str; 2] = ["crates/sys", "crates/capi"];

#[cfg(test)]
mod tests;
