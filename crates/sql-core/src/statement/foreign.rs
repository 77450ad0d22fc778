//! Whether a SELECT under `sql_mode` `ORACLE` or `MSSQL` uses anything that the usual grammar does
//! not have (MariaDB `sql/sql_yacc.yy`, the rules for ORACLE; manual page "SQL_MODE=ORACLE").
//!
//! It must never call a text usual that is not: any word or sign of the list anywhere counts, also
//! as the name of a column, and costs a hit.

use crate::lexer::{Lexer, Mode, TokenKind};

/// Whether such a word or sign is in `text`.
pub(super) fn is_foreign(text: &[u8], mode: Mode) -> bool {
    Lexer::new(text, mode).any(|token| match token.kind {
        TokenKind::Word | TokenKind::Quoted => {
            let name = token.text.trim_ascii();
            let bare = name.strip_prefix(b"\"").or_else(|| name.strip_prefix(b"`"));
            let bare = bare.and_then(|rest| rest.split_last()).map_or(name, |(_, rest)| rest);
            WORDS.iter().any(|word| bare.eq_ignore_ascii_case(word))
        }
        TokenKind::Punctuation(sign) => SIGNS.contains(&sign),
        TokenKind::ExecutableOpen | TokenKind::Broken => true,
        _ => false,
    })
}

/// Functions and attributes without brackets, and of sequences (`s.NEXTVAL`).
const WORDS: &[&[u8]] = &[
    b"currval",
    b"nextval",
    b"rownum",
    b"sql",
    b"sqlcode",
    b"sqlerrm",
    b"sysdate",
    b"systimestamp",
];

/// `:name`, `sql%rowcount`, `[name]`.
const SIGNS: &[u8] = b":%[]";
