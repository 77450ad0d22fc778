//! Where a line may be broken: at blanks, but not between a number and its unit.
//!
//! Pure text; nothing here can fail.

/// The words of `text`, without the blanks between them; `64 MiB` and `28 %` are one word each.
/// Two blanks in a row have an empty word between them.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(' ') {
        let word = text.get(from..at).unwrap_or_default();
        let rest = text.get(at + 1..).unwrap_or_default();
        if word.ends_with(|c: char| c.is_ascii_digit()) && begins_with_unit(rest) {
            continue;
        }
        words.push(word);
        from = at + 1;
    }
    words.push(text.get(from..).unwrap_or_default());
    words
}

/// Text broken into lines of at most `room` characters; a longer word stays whole.
pub(crate) fn broken(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words(text) {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if used == 0 || used + 1 + length <= room => {
                if used != 0 {
                    line.push(' ');
                    used += 1;
                }
                line.push_str(word);
                used += length;
            }
            _ => {
                lines.push(word.to_owned());
                used = length;
            }
        }
    }
    lines
}

fn begins_with_unit(text: &str) -> bool {
    UNITS.iter().any(|unit| {
        text.strip_prefix(unit)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

const UNITS: &[&str] = &["%", "B", "KiB", "MiB", "GiB", "TiB", "kB", "ms", "s"];

#[cfg(test)]
mod tests {
    //! What stays together.
    use super::*;

    #[test]
    fn a_number_keeps_its_unit() {
        let text = "limit (64 MiB), mysqld 28 MiB (28 %) and 3 more  x";
        let words = words(text);
        assert_eq!(
            words,
            ["limit", "(64 MiB),", "mysqld", "28 MiB", "(28 %)", "and", "3", "more", "", "x"]
        );
        assert_eq!(words.join(" "), text, "nothing is lost");
        assert_eq!(broken("limit (64 MiB) of it", 12), ["limit", "(64 MiB) of", "it"]);
        assert_eq!(broken("", 5), [""]);
        assert_eq!(broken("5 stones", 3), ["5", "stones"], "no unit");
    }
}
