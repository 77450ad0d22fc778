//! How many terminal columns a character takes. Unicode's East Asian Width (UAX #11) in coarse
//! ranges: a wrong guess moves a caret, nothing else.

/// One character as shown, and the columns it takes.
pub(super) type Cell = (char, usize);

/// A piece of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// As shown.
    pub(super) text: String,
    /// Columns it takes.
    pub(super) columns: usize,
}

/// The characters of `text` as shown when `column` columns stand before them. A tab becomes spaces
/// up to the next stop, so that the caret line needs none.
pub(super) fn cells(text: &str, column: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    let mut at = column;
    for c in text.chars() {
        if c == '\t' {
            let spaces = TAB_COLUMNS - at % TAB_COLUMNS;
            cells.extend(std::iter::repeat_n((' ', 1), spaces));
            at += spaces;
        } else {
            let c = harmless(c);
            cells.push((c, width(c)));
            at += width(c);
        }
    }
    cells
}

/// Columns of all cells.
pub(super) fn total(cells: &[Cell]) -> usize {
    cells.iter().map(|(_, columns)| columns).sum()
}

/// As many cells from the front as fit; whether some did not.
pub(super) fn first_columns(cells: &[Cell], columns_max: usize) -> (Piece, bool) {
    let mut piece = Piece::default();
    for (c, columns) in cells {
        if piece.columns + columns > columns_max {
            return (piece, true);
        }
        piece.text.push(*c);
        piece.columns += columns;
    }
    (piece, false)
}

/// As many cells from the end as fit; whether some did not.
pub(super) fn last_columns(cells: &[Cell], columns_max: usize) -> (Piece, bool) {
    let mut columns = 0;
    let mut from = cells.len();
    while from > 0 && columns + cells[from - 1].1 <= columns_max {
        from -= 1;
        columns += cells[from].1;
    }
    let text = cells[from..].iter().map(|(c, _)| c).collect();
    (Piece { text, columns }, from > 0)
}

/// The character itself, or a stand-in where it would move the cursor or turn the direction.
pub(super) fn harmless(c: char) -> char {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if c.is_control() || turns { char::REPLACEMENT_CHARACTER } else { c }
}

fn width(c: char) -> usize {
    let code = u32::from(c);
    let within = |ranges: &[(u32, u32)]| ranges.iter().any(|(a, z)| (*a..=*z).contains(&code));
    match () {
        () if code < 0x300 => 1,
        () if within(NO_COLUMN) => 0,
        () if within(TWO_COLUMNS) => 2,
        () => 1,
    }
}

const TAB_COLUMNS: usize = 4;

/// Combining marks, joiners and variation selectors.
const NO_COLUMN: &[(u32, u32)] = &[
    (0x0300, 0x036f),
    (0x0483, 0x0489),
    (0x0591, 0x05bd),
    (0x0610, 0x061a),
    (0x064b, 0x065f),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x200b, 0x200d),
    (0x20d0, 0x20ff),
    (0x302a, 0x302d),
    (0x3099, 0x309a),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
    (0xe0100, 0xe01ef),
];

/// Hangul, kana, ideographs, fullwidth forms, emoji.
const TWO_COLUMNS: &[(u32, u32)] = &[
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x2e80, 0x303e),
    (0x3041, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f300, 0x1f64f),
    (0x1f680, 0x1f6ff),
    (0x1f900, 0x1f9ff),
    (0x1fa70, 0x1faff),
    (0x20000, 0x3fffd),
];
