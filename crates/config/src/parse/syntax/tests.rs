//! Tests of `parse::syntax`.

use proptest::prelude::*;

use super::readable;

#[test]
fn unreadable_parts_are_blank_and_the_rest_is_not() {
    for (text, expected) in [
        ("a = 1\n", "a = 1\n"),
        ("a 1\nb = 2\n", "   \nb = 2\n"),
        ("[a\nb = 2\n[c]\nd = 1\n", "  \n     \n[c]\nd = 1\n"),
        ("[[a]\nb = 2\n[c]", "    \n     \n[c]"),
        ("a = [1,\n 2\nb = 3\n", "       \n  \nb = 3\n"),
        ("a = [1,\n 2\n[b]\n", "       \n  \n[b]\n"),
        ("a = [1,\n[2]\n", "a = [1,\n[2]\n"),
        ("a = [{\n  b = 1,\n", "a = [{\n  b = 1,\n"),
        ("门 神\r\nb = 1", "       \r\nb = 1"),
    ] {
        assert_eq!(readable(text).text, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn places_stay(text in "([a-b门]{0,3}|[\\[\\]={},.\" \n]){0,60}") {
        let readable = readable(&text).text;
        prop_assert_eq!(readable.len(), text.len());
        let ends = |text: &str| text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>();
        prop_assert_eq!(ends(&readable), ends(&text));
    }
}
