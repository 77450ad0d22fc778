//! Whether one path lies in another, by their text alone: links are not followed here.

use std::path::{Component, Path, PathBuf};

#[cfg(test)]
mod tests;

/// How two folders lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Both are the same.
    Same,
    /// The first lies inside the second.
    Inside,
    /// The second lies inside the first.
    Around,
}

/// How `one` lies to `other`; `None` when they are apart, or when one is relative and the other
/// is not, so that it cannot be known without the current folder.
#[must_use]
pub fn overlap(one: &Path, other: &Path) -> Option<Overlap> {
    let (one, other) = (plain(one), plain(other));
    let (around, inside) = (contains(&one, &other), contains(&other, &one));
    match (around, inside) {
        (true, true) => Some(Overlap::Same),
        (true, false) => Some(Overlap::Around),
        (false, true) => Some(Overlap::Inside),
        (false, false) => None,
    }
}

fn contains(outer: &Path, inner: &Path) -> bool {
    if outer == Path::new("/") {
        // Wherever a relative path starts, it starts below this.
        return true;
    }
    if outer.has_root() != inner.has_root() {
        return false;
    }
    // `../..` contains `..` and everything beside it, which a comparison of the words misses.
    let ups = |path: &Path| path.components().filter(|c| *c == Component::ParentDir).count();
    if outer.components().all(|component| component == Component::ParentDir) {
        return ups(outer) >= ups(inner);
    }
    inner.starts_with(outer)
}

/// Without `.`, and without `..` where the step before it is known.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => {
                    plain.pop();
                }
                Some(Component::RootDir) => {}
                _ => plain.push(".."),
            },
            other => plain.push(other),
        }
    }
    plain
}
