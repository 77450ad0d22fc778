//! The table is in order, and its words read back.

use super::*;

#[test]
fn words_and_numbers_read_back() {
    for rules in &VERSIONS {
        let dialect = Dialect::Rufh(rules.interop);
        assert_eq!(rules.interop.rules().word, rules.word, "a row in another's place");
        assert_eq!(Dialect::of_word(dialect.word()), Some(dialect));
        if let Some(number) = rules.number {
            assert_eq!(Interop::of_number(number), rules.interop);
            assert_eq!(rules.interop.number(), Some(number));
        }
    }
    for dialect in [Dialect::Tus, Dialect::Segments] {
        assert_eq!(Dialect::of_word(dialect.word()), Some(dialect));
    }
    assert_eq!(Dialect::of_word("rufh-10"), None);
    assert_eq!(Interop::of_number(10), Interop::Unnamed);
    assert!(VERSIONS.windows(2).all(|pair| pair[0].interop < pair[1].interop));
}
