//! Tests of `problem`.

use super::{Problems, code, position, quoted};

#[test]
fn positions_count_characters() {
    let text = "\u{feff}ab\n门神 = 1\r\nx";
    for (offset, expected) in
        [(0, (1, 1)), (3, (1, 1)), (4, (1, 2)), (6, (2, 1)), (9, (2, 2)), (10, (2, 2))]
    {
        assert_eq!(position(text, offset), expected, "{offset}");
    }
    assert_eq!(position(text, text.len()), (3, 2));
    assert_eq!(position(text, text.len() + 9), (3, 2));
    assert_eq!(position("", 0), (1, 1));
}

#[test]
fn quoted_text_cannot_reach_a_terminal() {
    assert_eq!(quoted("a\u{1b}[31m\n\u{202e}\"'"), r#""a\u{1b}[31m\n\u{202e}\"'""#);
    assert_eq!(quoted("门神"), "\"门神\"");
    assert_eq!(quoted(&"x".repeat(60)), format!("\"{}\"", "x".repeat(60)));
    assert_eq!(quoted(&"x".repeat(61)), format!("\"{}…\"", "x".repeat(60)));
}

#[test]
fn keeps_a_bounded_number_and_says_so() {
    let mut problems = Problems::default();
    for _ in 0..1000 {
        problems.error(code::VALUE, "k", 0..1, "bad").hint("fix it");
    }
    assert_eq!(problems.errors(), 1000);
    let sorted = problems.into_sorted("x");
    assert_eq!(sorted.len(), 201);
    assert_eq!(sorted[200].message, "800 more problems are not shown");
    assert_eq!(sorted[199].hint, "fix it");
}

#[test]
fn a_finding_names_place_and_key() {
    let mut problems = Problems::default();
    problems.error(code::VALUE, "web.root", 2..3, "is bad").hint("fix it");
    let finding = problems.into_sorted("a\nb\n").remove(0).finding("menshen.toml");
    assert_eq!(finding.subject, "web.root");
    assert_eq!(finding.claim, "is bad");
    assert_eq!(finding.hint, "fix it");
    assert_eq!(finding.evidence[0].place, "menshen.toml:2:1");
}
