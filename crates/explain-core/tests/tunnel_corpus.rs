//! Replays the committed fuzz corpus: what was once a hard input stays one that is passed.

use menshen_explain_core::fuzz::TARGETS;

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

/// Fewer seeds than this are a corpus that was lost, not one that is small.
const SEEDS_MIN: usize = 10;

#[test]
fn every_seed_keeps_the_invariants_and_every_target_has_a_fuzz_binary() {
    replay::seeds(TARGETS, SEEDS_MIN);
    replay::binaries(TARGETS, "menshen_explain_core", "");
}
