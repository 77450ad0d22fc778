//! Tests of `render`.

use menshen_base::Severity;

use super::{Colour, render, summary};
use crate::parse;
use crate::problem::{Problem, position};

fn problem(text: &str, span: std::ops::Range<usize>) -> Problem {
    let (line, column) = position(text, span.start);
    Problem {
        code: "config-bad-value",
        severity: Severity::Error,
        line,
        column,
        span,
        message: "it is bad".into(),
        hint: String::new(),
        key: String::new(),
    }
}

/// The quoted line and the caret line of what `marked` in `text` renders as.
fn snippet(text: &str, marked: &str) -> (String, String) {
    let start = text.find(marked).unwrap();
    let shown = render(&problem(text, start..start + marked.len()), "m", text, Colour::Plain);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    (lines[2].into(), lines[3].into())
}

#[test]
fn the_form() {
    let text = "\n\n\n\n\n[web]\n  lisen = [\"0.0.0.0:443\"]\n";
    let shown = render(&parse(text).problems[0], "menshen.toml", text, Colour::Plain);
    let expected = "\
menshen.toml:7:3: error: unknown key \"lisen\" in [web]
  |
7 |   lisen = [\"0.0.0.0:443\"]
  |   ^^^^^
  hint: did you mean \"listen\"?
";
    assert_eq!(shown, expected);
}

#[test]
fn carets_stand_below_what_is_marked() {
    for (text, marked, line, carets) in [
        ("a = bad", "bad", "1 | a = bad", "  |     ^^^"),
        ("\ta\t= bad", "bad", "1 |     a   = bad", "  |           ^^^"),
        ("\"门神\" = bad", "bad", "1 | \"门神\" = bad", "  |          ^^^"),
        ("门神 = 1", "神", "1 | 门神 = 1", "  |   ^^"),
        ("e\u{301} = bad", "bad", "1 | e\u{301} = bad", "  |     ^^^"),
        ("\u{feff}bad = 1\r\n", "bad", "1 | bad = 1", "  | ^^^"),
        ("a = bad\r\nb = 2", "bad\r\nb", "1 | a = bad", "  |     ^^^"),
    ] {
        assert_eq!(snippet(text, marked), (line.into(), carets.into()), "{text:?}");
    }
}

#[test]
fn an_empty_span_and_the_end_of_the_text_get_one_caret() {
    for (text, at, line, carets) in [
        ("", 0, "1 |", "  | ^"),
        ("a =", 3, "1 | a =", "  |    ^"),
        ("a = 1\n", 6, "2 |", "  | ^"),
        ("a = 1\n", 5, "1 | a = 1", "  |      ^"),
    ] {
        let shown = render(&problem(text, at..at), "m", text, Colour::Plain);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines[2], lines[3]), (line, carets), "{text:?}");
    }
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!("{} bad {}", "x".repeat(500), "y".repeat(500));
    let (line, carets) = snippet(&text, "bad");
    assert_eq!(line, format!("1 | …{} bad {}…", "x".repeat(59), "y".repeat(39)));
    assert_eq!(carets, format!("  | {}^^^", " ".repeat(61)));
    let (line, carets) = snippet(&text, &"y".repeat(500));
    assert_eq!(line, format!("1 | …{} bad {}…", "x".repeat(55), "y".repeat(60)));
    assert_eq!(carets, format!("  | {}{}", " ".repeat(61), "^".repeat(60)));
}

#[test]
fn nothing_in_a_file_or_its_name_reaches_the_terminal() {
    let text = "a = \"\u{1b}]0;x\u{7}\u{202e}\u{2028}\" bad";
    let start = text.find("bad").unwrap();
    let shown = render(&problem(text, start..start + 3), "m\u{1b}[2J", text, Colour::Plain);
    assert!(shown.starts_with("m\u{fffd}[2J:1:"));
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2028}']), "{shown:?}");
}

#[test]
fn colours_change_no_text() {
    let text = "[web]\nlisen = 1\n";
    let found = &parse(text).problems[0];
    let mut bare = render(found, "m", text, Colour::Ansi);
    assert!(bare.contains("\u{1b}[1;31merror:\u{1b}[0m"));
    for code in ["0", "1", "1;31", "1;36"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(bare, render(found, "m", text, Colour::Plain));
}

#[test]
fn counts() {
    assert_eq!(summary(&[]), "");
    let mut two = vec![problem("", 0..0), problem("", 0..0)];
    assert_eq!(summary(&two[..1]), "1 error");
    assert_eq!(summary(&two), "2 errors");
    two[1].severity = Severity::Warning;
    assert_eq!(summary(&two), "1 error, 1 warning");
}
