//! Placeholders.

use super::*;

#[test]
fn every_way_reads_what_is_written() {
    let texts = WAYS.iter().map(|way| way.first).chain(AGAIN);
    for text in texts.chain(SETUP) {
        let text = Scenario::text(text, 7, 42);
        assert!(text.contains("p7") || text.contains("q7"), "{text}");
        assert!(!text.chars().any(char::is_uppercase), "{text}");
    }
    assert_eq!(Pairs::setup().count(), SETUP.len() * TABLES);
    for way in WAYS {
        assert!(!way.begin.contains(['K', 'N']) && !way.end.contains(['K', 'N']));
    }
}
