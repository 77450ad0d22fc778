//! Tests of intents: what turns a transaction takes.

use super::*;
use crate::lexer::Server;
use crate::session::Transactions;
use crate::statement::{read, statements};

fn session() -> Session {
    let mut session =
        Session::new(Server::of(b"10.11.19-MariaDB"), 0, Transactions::Snapshot, Some(b"d"), 2);
    session.variable(b"character_set_client", b"utf8mb4");
    session
}

#[test]
fn turns() {
    let session = session();
    for (text, expected) in [
        ("select a from t", Turn::Goes),
        ("insert into t values (1)", Turn::Goes),
        ("begin", Turn::Begins { snapshot: false }),
        ("start transaction with consistent snapshot", Turn::Begins { snapshot: true }),
        ("commit", Turn::Commits),
        ("commit and chain", Turn::Commits),
        ("rollback", Turn::RollsBack),
        ("rollback to savepoint s", Turn::Goes),
        ("savepoint s", Turn::Goes),
        ("create table t (a int)", Turn::Implicit),
        ("create temporary table t (a int)", Turn::Goes),
        ("truncate t", Turn::Implicit),
        ("lock tables t write", Turn::Implicit),
        ("call p()", Turn::Anything),
        ("execute s", Turn::Anything),
        ("blargh", Turn::Anything),
        ("xa prepare 'a'", Turn::Parks),
        ("xa commit 'a'", Turn::Goes),
        ("xa commit 'a' one phase", Turn::Commits),
        ("xa rollback 'a'", Turn::RollsBack),
        ("set @x = 1", Turn::Goes),
    ] {
        let statement = read(text.as_bytes(), session.mode());
        assert_eq!(Intent::of(&statement, &session).turn, expected, "{text}");
    }
}

#[test]
fn several_statements_take_any_turn_if_one_of_them_takes_one() {
    let session = session();
    for (text, expected) in [
        ("select 1; insert into t values (1)", Turn::Goes),
        ("insert into t values (1); commit", Turn::Anything),
    ] {
        let all: Vec<_> = statements(text.as_bytes(), session.mode()).collect();
        let intent = Intent::of_several(&all, &session);
        assert_eq!((intent.turn, intent.several), (expected, true), "{text}");
    }
}

#[test]
fn roles_are_told_apart() {
    let session = session();
    let of =
        |text: &str| Intent::of(&read(text.as_bytes(), session.mode()), &session).changes_role();
    assert!(of("set role r"));
    assert!(of("set role none"));
    assert!(!of("set @role = 1"));
}
