//! The nearest known word to a mistyped one. Bounded: words over 64 bytes have no neighbour.

#[cfg(test)]
mod tests;

/// The candidate nearest to `word`, if one is near enough to be meant.
///
/// Case, `-` for `_`, and the order of the parts of a name do not count: `upload_max_bytes` is
/// `upload_bytes_max`. Else about one edit in three characters is forgiven. The first of equally
/// near candidates wins.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = folded(word)?;
    let near = candidates.into_iter().filter_map(|candidate| {
        let known = folded(candidate)?;
        if parts(&known) == parts(&word) {
            return Some((0, candidate));
        }
        let edits = edits(&word, &known);
        (edits <= (word.len().min(known.len()) / 3).clamp(1, EDITS_MAX))
            .then_some((edits, candidate))
    });
    near.min_by_key(|&(edits, _)| edits).map(|(_, candidate)| candidate)
}

/// Whether two names differ at most in case and in `-` for `_`.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    matches!((folded(one), folded(other)), (Some(one), Some(other)) if one == other)
}

fn folded(word: &str) -> Option<Vec<char>> {
    let fold = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    (!word.is_empty() && word.len() <= WORD_BYTES_MAX).then(|| word.chars().map(fold).collect())
}

fn parts(word: &[char]) -> Vec<&[char]> {
    let mut parts: Vec<_> = word.split(|&c| c == '_').collect();
    parts.sort_unstable();
    parts
}

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of
/// neighbours, as these are what fingers do.
fn edits(one: &[char], other: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let substituted = above[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut best = substituted.min(above[j] + 1).min(row[j - 1] + 1);
            let swapped =
                i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
            if swapped {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[other.len()]
}

const WORD_BYTES_MAX: usize = 64;
const EDITS_MAX: usize = 4;
