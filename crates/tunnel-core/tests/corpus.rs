//! Replays the committed fuzz corpus: what was once a hard input stays one that is passed.

use menshen_tunnel_core::fuzz::TARGETS;

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
    replay::binaries(TARGETS, "menshen_tunnel_core", "tunnel-");
    // Captures are read by `explain-core`, which has its own test.
    replay::corpora(TARGETS, "tunnel-", &["tunnel-capture"]);
}
