//! The documentation as a book: pages put together, built by mdBook, every link looked after.
//!
//! Pages stand where their subject is, so some are outside of `docs/`. What the pages link to that
//! is no page (headers, examples) is put beside them, so that a link works in the tree and in the
//! book alike. The summary is `docs/SUMMARY.md`, to which one chapter for each decision is added.
//!
//! It writes below the target folder alone. It must never fetch anything but mdBook itself.

mod links;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::markdown::{normal, targets};
use crate::shell::{find, run as run_command};
use crate::workspace::{self, Tree};

/// Builds the book and checks it; prints where it is.
pub(crate) fn run() -> Result<(), String> {
    let tree = Tree::of_repository()?;
    let target = workspace::target_folder()?;
    let stage = target.join("book");
    let _ = fs::remove_dir_all(&stage);
    let pages = stage_all(&tree, &stage)?;
    let (mdbook, html) = (mdbook(&target)?, stage.join("html"));
    run_command(Command::new(mdbook).arg("build").arg("--dest-dir").arg(&html).arg(&stage))?;

    let broken = links::broken(&html)?;
    for link in &broken {
        println!("{link}");
    }
    if !broken.is_empty() {
        return Err(format!("{} links of the book lead nowhere", broken.len()));
    }
    println!("{} pages: {}", pages, html.join("index.html").display());
    Ok(())
}

/// Pages and what they link to, as they stand in the tree; how many pages.
fn stage_all(tree: &Tree, stage: &Path) -> Result<usize, String> {
    let summary = tree.text("docs/SUMMARY.md").ok_or("docs/SUMMARY.md is missing")?;
    let summary = whole_summary(tree, &summary);
    let pages = pages(tree, &summary)?;
    let source = stage.join("src");
    let mut beside = BTreeSet::new();
    for page in &pages {
        let text = tree.text(page);
        let mut text = text.ok_or_else(|| format!("there is no {}", page.display()))?;
        if page == Path::new(DECISIONS) {
            text += &decisions_list(tree);
        }
        let linked = local(&text).filter_map(|target| {
            let path = normal(&page.parent()?.join(target.split('#').next()?))?;
            (tree.files.contains(&path) && !pages.contains(&path)).then_some(path)
        });
        beside.extend(linked);
        write(&source.join(page), &text)?;
    }
    for file in &beside {
        let bytes =
            fs::read(tree.root.join(file)).map_err(|e| format!("{}: {e}", file.display()))?;
        let place = source.join(file);
        make_parent(&place)?;
        fs::write(&place, bytes).map_err(|e| format!("{}: {e}", place.display()))?;
    }
    write(&source.join("SUMMARY.md"), &from_root(&summary))?;
    let config = tree.text("docs/book.toml").ok_or("docs/book.toml is missing")?;
    write(&stage.join("book.toml"), &config)?;
    Ok(pages.len())
}

/// With a chapter for each decision, and for each table of measurements that the README links to.
fn whole_summary(tree: &Tree, summary: &str) -> String {
    let mut whole = summary.trim_end().to_owned() + "\n";
    for (file, title) in decisions(tree) {
        whole +=
            &format!("  - [{title}]({})\n", file.strip_prefix("docs").unwrap_or(&file).display());
    }
    whole += "\n# Measured\n\n";
    let readme = tree.text("README.md").unwrap_or_default();
    let runs: BTreeSet<&str> = local(&readme)
        .filter(|target| target.starts_with("bench/runs/") && target.ends_with(".md"))
        .collect();
    for run in runs {
        let name = run.trim_start_matches("bench/runs/").trim_end_matches("/summary.md");
        whole += &format!("- [{name}](../{run})\n");
    }
    whole
}

fn decisions(tree: &Tree) -> Vec<(PathBuf, String)> {
    let page = Path::new(DECISIONS);
    let ours = tree.texts("md").filter(|(file, _)| file.parent() == page.parent() && *file != page);
    let titled = ours.map(|(file, text)| {
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default();
        (file.to_owned(), title.to_owned())
    });
    titled.collect()
}

/// The list of them, behind what stands in their page.
fn decisions_list(tree: &Tree) -> String {
    let mut list = "\n".to_owned();
    for (file, title) in decisions(tree) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        list += &format!("- [{title}]({name})\n");
    }
    list
}

/// The pages of the summary. Every page of the guide and the reference must be among them.
fn pages(tree: &Tree, summary: &str) -> Result<BTreeSet<PathBuf>, String> {
    let named = local(summary).filter_map(|target| normal(&Path::new("docs").join(target)));
    let pages: BTreeSet<PathBuf> = named.collect();
    let ours = tree.files.iter().filter(|file| {
        let kind = file.extension().is_some_and(|e| e == "md");
        kind && (file.starts_with("docs/guide") || file.starts_with("docs/reference"))
    });
    let missing: Vec<String> =
        ours.filter(|file| !pages.contains(*file)).map(|file| file.display().to_string()).collect();
    if missing.is_empty() {
        Ok(pages)
    } else {
        Err(format!("not in docs/SUMMARY.md: {}", missing.join(", ")))
    }
}

/// Links of the summary, which stands in `docs`, from the root of the book on.
fn from_root(summary: &str) -> String {
    let mut out = String::new();
    for line in summary.lines() {
        match line.split_once("](") {
            Some((before, rest)) => {
                let target = rest.trim_end_matches(')');
                let path = normal(&Path::new("docs").join(target)).unwrap_or_default();
                out += &format!("{before}]({})\n", path.display());
            }
            None => out += &format!("{line}\n"),
        }
    }
    out
}

/// mdBook: of the system, or built once below the target folder.
fn mdbook(target: &Path) -> Result<PathBuf, String> {
    let root = target.join("tools");
    let own = root.join("bin/mdbook");
    if own.is_file() {
        return Ok(own);
    }
    if let Some(found) = find("mdbook") {
        return Ok(found);
    }
    println!("building mdBook {MDBOOK}, once");
    let mut cargo = Command::new("cargo");
    cargo.args(["install", "mdbook", "--version", MDBOOK, "--no-default-features", "--locked"]);
    cargo.args(["--quiet", "--root"]).arg(&root);
    // It runs for a second; building it is what takes time.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0").env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    run_command(cargo.env("CARGO_TARGET_DIR", root.join("target")))?;
    Ok(own)
}

/// Links that stay in the tree.
fn local(text: &str) -> impl Iterator<Item = &str> {
    targets(text).filter(|target| !target.contains("://"))
}

fn write(place: &Path, text: &str) -> Result<(), String> {
    make_parent(place)?;
    fs::write(place, text).map_err(|e| format!("{}: {e}", place.display()))
}

fn make_parent(place: &Path) -> Result<(), String> {
    let parent = place.parent().unwrap_or(place);
    fs::create_dir_all(parent).map_err(|e| format!("{}: {e}", parent.display()))
}

/// The chapter that is given a list of all others of its kind.
const DECISIONS: &str = "docs/decisions/README.md";
const MDBOOK: &str = "0.5.4";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_the_summary_begin_at_the_root_of_the_book() {
        let summary = "# S\n\n[a](../README.md)\n- [b](guide/b.md)\n";
        assert_eq!(from_root(summary), "# S\n\n[a](README.md)\n- [b](docs/guide/b.md)\n");
        assert_eq!(normal(Path::new("docs/../../x")), None);
    }
}
