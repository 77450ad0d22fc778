//! Replays the committed fuzz corpus: what was once a hard input stays one that is passed.

use std::fs;
use std::path::PathBuf;

use menshen_explain_core::fuzz::TARGETS;

/// Fewer seeds than this are a corpus that was lost, not one that is small.
const SEEDS_MIN: usize = 10;

#[test]
fn every_seed_keeps_the_invariants_and_every_target_has_a_fuzz_binary() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    for (name, target) in TARGETS {
        let mut seeds = 0;
        for entry in fs::read_dir(root.join("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            seeds += 1;
        }
        assert!(seeds >= SEEDS_MIN, "target {name} has {seeds} seeds, {SEEDS_MIN} are the least");
        let file = name.replace('-', "_");
        let source = fs::read_to_string(root.join(format!("fuzz_targets/{file}.rs"))).unwrap();
        assert!(source.contains(&format!("menshen_explain_core::fuzz::{file}(")));
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{file}.rs\"")), "{name}");
    }
}
