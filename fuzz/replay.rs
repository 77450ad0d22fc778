//! What the tests of every crate with fuzz targets look at: the committed corpus is replayed, and
//! targets, binaries and corpora belong together.
//!
//! Included by `tests/corpus.rs` of those crates, since this folder is outside the workspace. How
//! it fails: a panic that names the seed or the target.

use std::fs;
use std::path::PathBuf;

/// As in `fuzz` of each crate.
type Targets = [(&'static str, fn(&[u8]))];

/// Runs every seed of every target; `least` is how many a target has at the least.
pub(crate) fn seeds(targets: &Targets, least: usize) {
    for (name, target) in targets {
        let folder = root().join("corpus").join(name);
        assert!(folder.is_dir(), "target {name} has no corpus {folder:?}");
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // The name of the seed shows when an assertion fails: output of failed tests is shown.
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            seeds += 1;
        }
        assert!(seeds >= least, "target {name} has {seeds} seeds, {least} are the least");
    }
}

/// Every target has a binary that calls it in `library`, where it is named without `prefix`.
pub(crate) fn binaries(targets: &Targets, library: &str, prefix: &str) {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for (name, _) in targets {
        let file = name.replace('-', "_");
        let function = name.strip_prefix(prefix).unwrap().replace('-', "_");
        let source = fs::read_to_string(root().join(format!("fuzz_targets/{file}.rs"))).unwrap();
        let call = format!("{library}::fuzz::{function}(");
        assert!(source.contains(&call), "{file}.rs calls another target");
        let binary = format!("name = \"{name}\"\npath = \"fuzz_targets/{file}.rs\"");
        assert!(manifest.contains(&binary), "{name}");
    }
}

/// Every corpus whose name begins with `prefix` (none: has no dash) has a target; `elsewhere` are
/// those of another crate.
#[allow(dead_code, reason = "targets of explain-core begin as those of tunnel-core")]
pub(crate) fn corpora(targets: &Targets, prefix: &str, elsewhere: &[&str]) {
    for entry in fs::read_dir(root().join("corpus")).unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        let is_ours =
            if prefix.is_empty() { !folder.contains('-') } else { folder.starts_with(prefix) };
        let is_known = targets.iter().any(|(name, _)| folder == *name);
        let is_elsewhere = elsewhere.contains(&folder.as_str());
        assert!(is_known || is_elsewhere || !is_ours, "{folder} belongs to no target");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}
