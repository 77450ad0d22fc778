//! Site blocks as the guide shows them, with this run's folders and hosts put in.
//!
//! What people copy is thereby what is tested. It must fail rather than guess when the guide lacks
//! a block.

use std::path::Path;

/// The first TOML block below `## title`.
pub(crate) fn block<'a>(guide: &'a str, title: &str) -> Result<&'a str, String> {
    let missing = || format!("the guide has no TOML block below \"## {title}\"");
    let heading = format!("\n## {title}\n");
    let start = guide.find(&heading).ok_or_else(missing)? + heading.len();
    let section = guide[start..].split("\n## ").next().unwrap_or_default();
    let (_, rest) = section.split_once("```toml\n").ok_or_else(missing)?;
    rest.split_once("```").map(|(block, _)| block).ok_or_else(missing)
}

/// The block of the application `name`, for a document root and hosts below `localhost`.
pub(crate) fn site(guide: &str, title: &str, name: &str, root: &Path) -> Result<String, String> {
    let block = block(guide, title)?;
    let (folder, host) = (format!("/srv/{name}"), format!("{name}.example.org"));
    if !block.contains(&folder) || !block.contains(&host) {
        return Err(format!("the guide's block of {title} does not name {folder} and {host}"));
    }
    let root = root.display().to_string();
    Ok(block.replace(&folder, &root).replace(&host, &format!("{name}.localhost")))
}

/// Where the guide lies in the repository.
pub(crate) const FILE: &str = "docs/guide/php-sites.md";

#[cfg(test)]
mod tests;
