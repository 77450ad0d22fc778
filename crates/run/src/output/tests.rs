//! Lines of several streams in one column.

use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn piece(bytes: &[u8], begins: bool, ends: bool) -> Piece<'_> {
    Piece { bytes, begins, ends }
}

fn shown(column: &mut Column, rows: &[(Source, Piece<'_>)]) -> String {
    let mut out = Vec::new();
    for (source, piece) in rows {
        column.piece(*source, *piece, UNIX_EPOCH + Duration::from_millis(7), &mut out);
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_line_goes_on_where_it_was_unless_another_came_between() {
    let mut column = Column::new(Form::Named("a".into()), false);
    let rows = [
        (Source::Output, piece(b"name: ", true, false)),
        (Source::Output, piece(b"Bob", false, true)),
        (Source::Output, piece(b"age: ", true, false)),
        (Source::Error, piece(b"oops", true, true)),
        (Source::Output, piece(b"7", false, true)),
        (Source::Output, piece(b"tail", true, false)),
        (Source::Supervisor, piece(b"menshen: ended", true, true)),
    ];
    assert_eq!(
        shown(&mut column, &rows),
        "[a] name: Bob\n[a] age: \n[a err] oops\n[a] … 7\n[a] tail\n[a] menshen: ended\n"
    );
}

#[test]
fn plain_is_what_the_program_wrote() {
    let mut column = Column::new(Form::Plain, false);
    let rows = [
        (Source::Output, piece(b"a\r", true, true)),
        (Source::Output, piece(b"\x1b[2J\xff", true, false)),
        (Source::Output, piece(b"", false, true)),
    ];
    let mut out = Vec::new();
    for (source, piece) in rows {
        column.piece(source, piece, UNIX_EPOCH, &mut out);
    }
    assert_eq!(out, b"a\r\n\x1b[2J\xff\n");
}

#[test]
fn a_terminal_gets_text_and_stamps_are_local_time() {
    let mut column = Column::new(Form::Stamped("n".into()), true);
    let text = shown(&mut column, &[(Source::Output, piece(b"\x1b[31mred\x1b[2J\r", true, true))]);
    let (stamp, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, "[n] \x1b[31mred\\x1b[2J\x1b[0m\n");
    assert!(stamp.contains(".007") && stamp.len() == 29, "{stamp}");
}
