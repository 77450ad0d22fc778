//! Foreign text in quotation marks, short and fit for a terminal.

use alloc::format;
use alloc::string::String;

/// `"text…"`: the first [`EXCERPT_MAX`] characters, escaped.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    let mut characters = text.chars();
    for c in characters.by_ref().take(EXCERPT_MAX) {
        if c.is_control() || c == '"' || c == '\\' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    let rest = if characters.next().is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}

/// Characters of a text that are shown.
const EXCERPT_MAX: usize = 200;

#[cfg(test)]
mod tests {
    //! What steers a terminal, and what is long.
    use super::*;

    #[test]
    fn escaped_and_cut() {
        assert_eq!(excerpt("a\n\u{1b}[2J\"ü\\"), "\"a\\n\\u{1b}[2J\\\"ü\\\\\"");
        let long = excerpt(&"x".repeat(EXCERPT_MAX + 1));
        assert!(long.ends_with("x…\"") && long.chars().count() == EXCERPT_MAX + 3);
    }
}
