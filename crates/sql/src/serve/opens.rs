//! Which reads prove, by a row of their result, that the server has taken a transaction's snapshot.
//!
//! A row proves it where rows come from rows of tables alone: no aggregate and no subquery, which
//! give one without reading any, no union. How it fails: what is not recognised proves nothing, and
//! reads of that transaction go to the server until another one does. It must never see a proof
//! where there is none.

/// Whether a row of the result of this `SELECT` of plain tables proves that rows of them were read.
pub(super) fn reads_rows_of_tables(text: &[u8]) -> bool {
    !has(text, b"union") && !has(text, b"except") && !has(text, b"intersect") && only_lists(text)
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Whether every bracket opens a list of values (`IN (1, 2)`) or a condition, not what a function
/// takes and not a subquery.
fn only_lists(text: &[u8]) -> bool {
    if !text.contains(&b'(') {
        return true;
    }
    let head = text.trim_ascii_start().get(..6).unwrap_or_default();
    let selects = text.windows(6).filter(|part| part.eq_ignore_ascii_case(b"select")).count();
    let comments = has(text, b"/*") || has(text, b"--") || text.contains(&b'#');
    let mut before = text.iter().enumerate().filter(|(_, byte)| **byte == b'(');
    head.eq_ignore_ascii_case(b"select")
        && selects == 1
        && !comments
        && before.all(|(at, _)| calls_nothing(text.get(..at).unwrap_or_default()))
}

/// Whether what comes before a bracket is no name.
fn calls_nothing(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let in_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"_$`\"".contains(byte) || *byte >= 0x80;
    let start = before.iter().rposition(|byte| !in_name(byte)).map_or(0, |at| at + 1);
    let word = before.get(start..).unwrap_or_default();
    let sign = before.last().is_some_and(|byte| b"(,=<>".contains(byte));
    sign || WORDS.iter().any(|one| word.eq_ignore_ascii_case(one))
}

/// Words that are no names, before a bracket.
const WORDS: [&[u8]; 7] = [b"in", b"and", b"or", b"not", b"where", b"on", b"using"];

#[cfg(test)]
mod tests;
