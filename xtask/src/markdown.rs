//! Links of Markdown pages, and where they lead in the tree.

use std::path::{Component, Path, PathBuf};

/// The targets of inline links `[text](target)`.
pub(crate) fn targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        // A title may follow the target.
        target.split_whitespace().next()
    })
}

/// Without `.` and `..`; None when it leaves the tree.
pub(crate) fn normal(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::Normal(name) => clean.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}
