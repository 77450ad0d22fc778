//! Bounds; the cases of life are in the corpus.

use super::*;

#[test]
fn nothing_sent_is_no_chain() {
    assert!(build(&[], &[], &[], 0).is_none());
}
