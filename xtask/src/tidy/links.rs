//! Links between documents resolve, and every limit that is counted is documented.
//!
//! Only links to files of this tree are followed; it must never contact another machine.

use std::path::Path;

use super::Problem;
use crate::markdown::{normal, targets};
use crate::workspace::Tree;

/// Problems with links, and with limits missing from the reference.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in tree.texts("md") {
        let top = file.components().count() == 1;
        if top || file.starts_with("docs") {
            problems.extend(links(tree, file, &text));
        }
    }
    problems.extend(limits(tree));
    problems
}

fn links(tree: &Tree, file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            let foreign = target.contains("://") || target.starts_with("mailto:");
            if foreign || path.is_empty() {
                continue;
            }
            let resolved = file.parent().unwrap_or_else(|| Path::new("")).join(path);
            let found = normal(&resolved).is_some_and(|path| tree.root.join(path).exists());
            if !found {
                problems.push(Problem::new(file, index + 1, format!("link to missing {target}")));
            }
        }
    }
    problems
}

fn limits(tree: &Tree) -> Vec<Problem> {
    let Some(counters) = tree.text(COUNTERS) else { return Vec::new() };
    let reference = tree.text(REFERENCE).unwrap_or_default();
    let names = counters.split('"').skip(1).step_by(2).filter(|name| name.starts_with("limit_"));
    names
        .filter(|name| !reference.contains(*name))
        .map(|name| Problem::new(REFERENCE, 0, format!("does not mention the counter {name}")))
        .collect()
}

const COUNTERS: &str = "crates/base/src/counter.rs";
const REFERENCE: &str = "docs/reference/configuration.md";

#[cfg(test)]
mod tests;
