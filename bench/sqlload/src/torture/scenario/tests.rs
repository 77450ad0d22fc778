//! Placeholders.

use super::*;

#[test]
fn capitals_are_placeholders_and_nothing_else() {
    for scenario in SCENARIOS {
        for statement in [scenario.setup, scenario.write, scenario.reads].concat() {
            let text = Scenario::text(statement, 7, 42);
            assert!(!text.chars().any(char::is_uppercase), "{text}");
            assert!(text.contains('7') || text.len() < 20, "{text}");
        }
        let last = scenario.write.last().copied().unwrap_or_default();
        assert!(scenario.write.iter().any(|text| text.contains('N')), "{last}");
    }
}
