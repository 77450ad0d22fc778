//! Commands for servers that know `SQL_CACHE` no more.

use menshen_sql_core::lexer::{Charset, Dialect, Server};

use super::*;

const MODE: Mode = Mode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    foreign_grammar: false,
    charset: Charset::Utf8,
    server: Server { dialect: Dialect::Mysql, version: 80_036 },
};

#[test]
fn keywords_leave_queries_and_preparations_and_nothing_else() {
    let command = |code, text: &[u8]| {
        let mut bytes = Vec::new();
        build::command(code, text, &mut bytes);
        bytes
    };
    let wanted = |code| Some(command(code, b"SELECT 1 FROM t"));
    for code in [command::QUERY, command::PREPARE] {
        let with = |text: &[u8]| without_keywords_in(&command(code, text), MODE);
        assert_eq!(with(b"SELECT SQL_NO_CACHE 1 FROM t"), wanted(code));
        assert_eq!(with(b"SELECT sql_cache 1 FROM t"), wanted(code));
        assert_eq!(with(b"SELECT 'SQL_CACHE' FROM t"), None);
        assert_eq!(with(b"SELECT 1 FROM t"), None);
    }
    let other = command(command::INIT_DB, b"SELECT SQL_CACHE 1");
    assert_eq!(without_keywords_in(&other, MODE), None);
    assert_eq!(without_keywords_in(b"", MODE), None);
}
