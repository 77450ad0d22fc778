//! Replays the committed fuzz corpus: what was once a hard input stays one that is passed.

use menshen_upload_core::fuzz::TARGETS;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// Fewer seeds than this are a corpus that was lost, not one that is small.
const SEEDS_MIN: usize = 10;

#[test]
fn every_seed_of_every_target_keeps_the_invariants() {
    replay::seeds(TARGETS, SEEDS_MIN);
}

#[test]
fn every_target_has_a_fuzz_binary_and_every_corpus_a_target() {
    replay::binaries(TARGETS, "menshen_upload_core", "upload-");
    replay::corpora(TARGETS, "upload-", &[]);
}
