//! Small changes: what a lexer must not lose its way over.

use super::random::Random;

/// Tokens lost, doubled, swapped, or taken from another statement.
pub(crate) fn tokens(tokens: &mut Vec<String>, other: &[String], random: &mut Random) {
    for _ in 0..=random.below(2) {
        if tokens.len() < 3 {
            return;
        }
        let at = random.below(tokens.len());
        let to = random.below(tokens.len());
        match random.below(5) {
            0 => drop(tokens.remove(at)),
            1 => tokens.insert(to, tokens[at].clone()),
            2 => tokens.swap(at, to),
            3 if !other.is_empty() => tokens[at] = other[random.below(other.len())].clone(),
            _ if !other.is_empty() => tokens.insert(at, other[random.below(other.len())].clone()),
            _ => {}
        }
    }
}

/// Bytes lost, doubled, put in or replaced.
pub(crate) fn bytes(text: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(2) {
        if text.is_empty() {
            return;
        }
        let at = random.below(text.len());
        let piece = random.of(PIECES);
        match random.below(4) {
            0 => drop(text.remove(at)),
            1 => drop(text.splice(at..at, piece.iter().copied())),
            2 => drop(text.splice(at..=at, piece.iter().copied())),
            _ => text.insert(at, text[at]),
        }
    }
}

const PIECES: &[&[u8]] = &[
    b"'",
    b"\"",
    b"`",
    b"\\",
    b"/*",
    b"*/",
    b"/*!",
    b"--",
    b"-- ",
    b"#",
    b"\n",
    b";",
    b",",
    b".",
    b"(",
    b")",
    b"@",
    b"@@",
    b"?",
    b":=",
    b"{",
    b"}",
    b"\0",
    b"\x80",
    b"\xc3",
    b"\xff",
    b"\xa0",
    b"0",
    b"e",
    b"x'",
    b"N'",
    b"b'",
    b"_utf8",
    b" t2 ",
    b",t2 ",
    b"$",
    b" ",
    b"\t",
    b"\r",
    b"\x0b",
    b"\x0c",
    b"\x1a",
    b"*",
    b"/",
    b"-",
    b"!",
    b"/*M!",
    b"/*!50000",
    b"/*!99999",
    b" from ",
    b" t2",
    b"\xef\xbb\xbf",
    b"/*!999999 ",
    b".t2 ",
    b"``",
    b"''",
    b"\"\"",
    b"\\'",
    b"||",
    b"&",
    b"^",
    b"[",
    b"]",
    b"~",
];
