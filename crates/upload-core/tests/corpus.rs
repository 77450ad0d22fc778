//! Replays the committed fuzz corpus: what was once a hard input stays one that is passed.

use std::fs;
use std::path::PathBuf;

use menshen_upload_core::fuzz::TARGETS;

/// Fewer seeds than this are a corpus that was lost, not one that is small.
const SEEDS_MIN: usize = 10;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

#[test]
fn every_seed_of_every_target_keeps_the_invariants() {
    for (name, target) in TARGETS {
        let folder = corpus(name);
        assert!(folder.is_dir(), "target {name} has no corpus {folder:?}");
        let mut seeds = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // The name of the seed shows when an assertion fails: output of failed tests is shown.
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            seeds += 1;
        }
        assert!(seeds >= SEEDS_MIN, "target {name} has {seeds} seeds, {SEEDS_MIN} are the least");
    }
}

#[test]
fn every_target_has_a_fuzz_binary_and_every_corpus_a_target() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let file = name.replace('-', "_");
        let function = name.strip_prefix("upload-").unwrap();
        let source = fs::read_to_string(root.join(format!("fuzz_targets/{file}.rs"))).unwrap();
        let call = format!("menshen_upload_core::fuzz::{function}(");
        assert!(source.contains(&call), "{file}.rs calls another target");
        let binary = format!("name = \"{name}\"\npath = \"fuzz_targets/{file}.rs\"");
        assert!(manifest.contains(&binary), "{name}");
    }
    for entry in fs::read_dir(root.join("corpus")).unwrap() {
        let folder = entry.unwrap().file_name();
        let ours = folder.to_string_lossy().starts_with("upload-");
        let known = TARGETS.iter().any(|(name, _)| folder == **name);
        assert!(known || !ours, "{folder:?} belongs to no target");
    }
}
