//! Every promise in SPECIFICATION.md names what shows it.
//!
//! A row of its tables is `| id | promise | shown by |`, the last cell one or more of
//! `test FILE::FUNCTION`, `bench NAME`, `soak NAME`, `ci STEP`, separated by commas, or `not
//! shown yet: reason`.

use std::collections::BTreeSet;

use super::Problem;
use crate::workspace::Tree;
use crate::{bench, ci, soak};

/// Problems with what promises say shows them.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(text) = tree.text(SPECIFICATION) else {
        return vec![Problem::new(SPECIFICATION, 0, "is missing")];
    };
    let mut problems = Vec::new();
    let mut ids = BTreeSet::new();
    for (line, id, shown_by) in rows(&text) {
        if !ids.insert(id) {
            problems.push(Problem::new(SPECIFICATION, line, format!("{id} stands here twice")));
        }
        let message = evidence(tree, shown_by).err();
        problems.extend(
            message.map(|message| Problem::new(SPECIFICATION, line, format!("{id}: {message}"))),
        );
    }
    if ids.is_empty() {
        problems.push(Problem::new(SPECIFICATION, 0, "holds no promise"));
    }
    problems
}

/// Line, id and last cell of every row that is no heading.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        let (id, rest) = inner.split_once('|')?;
        let (_, shown_by) = rest.rsplit_once('|')?;
        let (id, shown_by) = (id.trim(), shown_by.trim());
        let heading = id == "id" || id.chars().all(|c| matches!(c, '-' | ':'));
        (!heading).then_some((index + 1, id, shown_by))
    })
}

fn evidence(tree: &Tree, cell: &str) -> Result<(), String> {
    if let Some(reason) = cell.strip_prefix("not shown yet") {
        let reason = reason.trim_start_matches(':').trim();
        let given = !reason.is_empty();
        return given.then_some(()).ok_or_else(|| "`not shown yet` without a reason".to_owned());
    }
    for item in cell.split(',').map(|item| item.replace('`', "")) {
        match item.trim().split_once(' ') {
            Some(("test", place)) => test_exists(tree, place.trim())?,
            Some(("bench", name)) if bench::names().contains(&name.trim()) => {}
            Some(("soak", name)) if soak::names().contains(&name.trim()) => {}
            Some(("ci", name)) if ci::step_names().contains(&name.trim()) => {}
            _ => return Err(format!("not understood: `{}`", item.trim())),
        }
    }
    Ok(())
}

fn test_exists(tree: &Tree, place: &str) -> Result<(), String> {
    let (file, name) = place.rsplit_once("::").ok_or_else(|| format!("no function in {place}"))?;
    let text = tree.text(file).ok_or_else(|| format!("no file {file}"))?;
    if !file.ends_with(".rs") {
        return if text.contains(name) { Ok(()) } else { Err(format!("no {name} in {file}")) };
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let start = format!("fn {name}(");
    let at = lines
        .iter()
        .position(|line| line.trim_start_matches("async ").starts_with(&start))
        .ok_or_else(|| format!("no function {name} in {file}"))?;
    let attributes: Vec<&str> = lines[..at]
        .iter()
        .rev()
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .copied()
        .collect();
    if attributes.iter().any(|line| line.starts_with("#[ignore")) {
        return Err(format!("{name} in {file} is ignored"));
    }
    let is_test = attributes.iter().any(|line| line.contains("test]") || line.contains("test("));
    is_test.then_some(()).ok_or_else(|| format!("{name} in {file} is not a test"))
}

const SPECIFICATION: &str = "SPECIFICATION.md";

#[cfg(test)]
mod tests;
