//! What is kept of a request for a file that PHP may name.

use super::*;
use crate::fixture::Lines;

const LINES: [&str; 6] = [
    "Range: bytes=1-2",
    "If-Range: \"a\"",
    "If-None-Match: \"a\"",
    "If-None-Match: \"b\"",
    "Cookie: secret",
    "Accept: */*",
];

fn all(kept: &Kept) -> Vec<String> {
    let mut all = Vec::new();
    kept.each(&mut |name, value| {
        all.push(format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
    });
    all.sort();
    all
}

#[test]
fn conditions_and_ranges_are_kept_and_nothing_else() {
    for (method, head_only) in [("GET", false), ("HEAD", true)] {
        let lines = Lines::of(&LINES);
        let kept = Kept::of(&lines.ask(method, "/a.php"));
        assert_eq!(kept.head_only, head_only);
        let expected =
            ["if-none-match: \"a\"", "if-none-match: \"b\"", "if-range: \"a\"", "range: bytes=1-2"];
        assert_eq!(all(&kept), expected);
        assert_eq!(kept.get("if-none-match"), Some(&b"\"a\""[..]), "the first");
        assert_eq!((kept.get("cookie"), kept.get("if-match")), (None, None));
        let mut values = Vec::new();
        kept.for_each("if-none-match", &mut |value| values.push(value.to_vec()));
        assert_eq!(values, [b"\"a\"", b"\"b\""]);
    }
}

#[test]
fn of_other_methods_nothing_is() {
    for method in ["POST", "PUT", "DELETE", "OWN"] {
        let lines = Lines::of(&LINES);
        let kept = Kept::of(&lines.ask(method, "/a.php"));
        assert!(all(&kept).is_empty() && !kept.interest.has(MATTERS), "{method}");
    }
    let lines = Lines::of(&["Cookie: a"]);
    assert!(all(&Kept::of(&lines.ask("GET", "/"))).is_empty());
}
