//! How wide a text gets, guessed generously: the reader's font is not known.
//!
//! The figures are those of a wide sans-serif face; narrower ones leave a little air.

use crate::words::words;

/// Units of a text at a size.
pub(super) fn width(text: &str, size: i32, bold: bool) -> i32 {
    let mut thousandths: i64 = 0;
    for character in text.chars() {
        thousandths += of(character);
    }
    if bold {
        thousandths = thousandths * 112 / 100;
    }
    let units = (thousandths * i64::from(size) + 999) / 1000;
    i32::try_from(units).unwrap_or(i32::MAX)
}

/// Broken at spaces into lines of at most `room` units; a longer word is cut. At least one line.
pub(super) fn broken(text: &str, size: i32, bold: bool, room: i32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text).into_iter().filter(|word| !word.is_empty()) {
        let Some(line) = lines.last_mut() else { break };
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if width(&longer, size, bold) <= room {
            *line = longer;
        } else if width(word, size, bold) <= room {
            lines.push(word.to_owned());
        } else {
            cut(word, size, bold, room, &mut lines);
        }
    }
    lines
}

/// Puts a word that is longer than a line; names with dots, dashes or underlines are cut there.
fn cut(word: &str, size: i32, bold: bool, room: i32, lines: &mut Vec<String>) {
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    let mut rest = word;
    while width(rest, size, bold) > room {
        let mut used = 0;
        let (mut end, mut joint) = (0, 0);
        for (at, character) in rest.char_indices() {
            used += width(character.encode_utf8(&mut [0; 4]), size, bold);
            if used > room && at > 0 {
                break;
            }
            end = at + character.len_utf8();
            if matches!(character, '_' | '-' | '.' | ',' | '/' | ':') {
                joint = end;
            }
        }
        let end = if joint * 2 > end { joint } else { end };
        let (line, further) = rest.split_at(end);
        if let Some(last) = lines.last_mut() {
            last.push_str(line);
        }
        lines.push(String::new());
        rest = further;
    }
    if let Some(last) = lines.last_mut() {
        last.push_str(rest);
    }
}

/// Thousandths of the size.
const fn of(character: char) -> i64 {
    match character {
        ' ' | 'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' => 345,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' => 420,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1010,
        '+' | '=' | '<' | '>' | '~' | '^' | '≠' | '#' => 850,
        'A'..='Z' => 790,
        '\u{1100}'..='\u{ffff}' | '\u{1f000}'.. => 1100,
        _ => 645,
    }
}
