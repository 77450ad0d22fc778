//! The candidates of `srcset` (HTML §4.8.4.3.12 "parse a srcset attribute").

use alloc::vec::Vec;

/// The addresses of all candidates.
pub(super) fn addresses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while found.len() < CANDIDATES_MAX {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let address = word.trim_end_matches(',');
        if !address.is_empty() {
            found.push(address);
        }
        // A comma at the end of the address ends the candidate; else descriptors follow.
        rest = if address.len() < word.len() { tail } else { after_descriptors(tail) };
    }
    found
}

/// What follows the comma that ends the descriptors; commas in parentheses do not.
fn after_descriptors(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

const CANDIDATES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    //! The table of the algorithm.
    use super::*;

    #[test]
    fn candidates() {
        for (text, expected) in [
            ("a.png 1x, b.png 2x", &["a.png", "b.png"][..]),
            ("a.png,b.png", &["a.png,b.png"]),
            ("a.png, b.png", &["a.png", "b.png"]),
            (" ,a.png 100w 1h(x,y) , b", &["a.png", "b"]),
            (
                "data:image/png;base64,AA= 1x,http://a/,",
                &["data:image/png;base64,AA=", "http://a/"],
            ),
            ("", &[]),
            (",,, ", &[]),
        ] {
            assert_eq!(addresses(text), expected, "{text}");
        }
    }
}
