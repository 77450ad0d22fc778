//! Tests of sessions, with what MariaDB 10.11 reports.

use alloc::format;

use super::*;
use crate::statement::{read, statements};

const MARIADB: &[u8] = b"5.5.5-10.11.19-MariaDB";

/// A session that has logged in and reports.
fn session() -> Session {
    let mut session = fresh();
    report(&mut session);
    session
}

fn fresh() -> Session {
    Session::new(Server::of(MARIADB), 0, Transactions::Snapshot, Some(b"d"), AUTOCOMMIT)
}

fn report(session: &mut Session) {
    session.variable(b"session_track_system_variables", b"*");
    session.variable(b"sql_mode", b"");
    session.variable(b"character_set_client", b"utf8mb4");
    session.variable(b"tx_isolation", b"REPEATABLE-READ");
    session.tracked(true, Some(AUTOCOMMIT));
}

/// Runs a statement that ends with this status word, or ERR.
fn run(session: &mut Session, text: &str, status: Option<u16>) -> Settled {
    session.set_fingerprint(1);
    let all: Vec<_> = statements(text.as_bytes(), session.mode()).collect();
    let intent = match &all[..] {
        [one] => Intent::of(one, session),
        all => Intent::of_several(all, session),
    };
    let _ = session.transaction_mut().begin(&[]);
    session.settle(&intent, status)
}

const YES: Serving = Serving::Yes { snapshot: None };
const OK: Option<u16> = Some(AUTOCOMMIT);
const OPEN: Option<u16> = Some(AUTOCOMMIT | IN_TRANS);

#[test]
fn nothing_is_served_before_the_server_reports() {
    let mut session = fresh();
    assert_eq!(session.serving(), Serving::No(Reason::NoTracking));
    session.tracked(true, OK);
    assert_eq!(session.serving(), Serving::No(Reason::NoTracking));
    report(&mut session);
    assert_eq!(session.serving(), YES);
    session.tracked(false, None);
    assert_eq!(session.serving(), Serving::No(Reason::NoTracking));
}

/// Statements by which a session is served less, and those that undo it.
#[test]
fn doubts_and_their_ends() {
    type Step = (&'static str, Option<u16>, Serving);
    let rows: &[(Step, Step)] = &[
        (("lock tables t read", OK, Serving::No(Reason::LockedTables)), ("unlock tables", OK, YES)),
        (
            ("lock tables t read", OK, Serving::No(Reason::LockedTables)),
            ("begin", OPEN, Serving::Opens),
        ),
        (("lock tables t read", None, YES), ("unlock tables", OK, YES)),
        (
            ("set timestamp=5", OK, Serving::No(Reason::FixedTimestamp)),
            ("set timestamp=default", OK, YES),
        ),
        (
            ("set timestamp=5", None, Serving::No(Reason::FixedTimestamp)),
            ("set timestamp=0", OK, YES),
        ),
        (
            (
                "set transaction isolation level read uncommitted",
                OK,
                Serving::No(Reason::Isolation),
            ),
            ("select a from t", OK, Serving::Ask),
        ),
        (
            (
                "set transaction isolation level read uncommitted",
                OK,
                Serving::No(Reason::Isolation),
            ),
            ("select 1", OK, Serving::No(Reason::Isolation)),
        ),
        (
            ("set statement lc_time_names='de_DE' for select 1", OK, Serving::Ask),
            ("do 1", OK, Serving::Ask),
        ),
        (("set session_track_system_variables=''", OK, Serving::Ask), ("do 1", OK, Serving::Ask)),
        (("xa start 'a'", OPEN, Serving::No(Reason::InTransaction)), ("xa commit 'a'", OK, YES)),
        (("begin", OPEN, Serving::Opens), ("commit", OK, YES)),
        (("set autocommit=0", Some(0), Serving::Opens), ("set autocommit=1", OK, YES)),
    ];
    for ((first, first_status, then), (second, second_status, at_last)) in rows {
        let mut session = session();
        run(&mut session, first, *first_status);
        assert_eq!(session.serving(), *then, "{first}");
        run(&mut session, second, *second_status);
        assert_eq!(session.serving(), *at_last, "{first}; {second}");
    }
}

#[test]
fn what_turns_reports_off_and_changes_more_makes_opaque() {
    let mut session = session();
    run(&mut session, "set session_track_system_variables='', old_mode=''", OK);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
    session.reset(None, AUTOCOMMIT);
    report(&mut session);
    assert_eq!(session.serving(), YES);
}

#[test]
fn what_no_server_reports_is_asked_for_or_makes_opaque() {
    // `SET @@x`, without a scope: the server's `main.select` with its modes.
    for (text, serving, unheard) in [
        ("set @@sql_mode='NO_BACKSLASH_ESCAPES'", Serving::Ask, true),
        ("set global general_log=1, @@SQL_MODE=''", Serving::Ask, true),
        ("set @@character_set_client=sjis", Serving::Ask, true),
        ("set @@session_track_system_variables=''", Serving::Ask, true),
        ("set @@time_zone='+01:00'", Serving::Ask, false),
        ("set session sql_mode='', @@`lc_time_names`='de_DE'", Serving::Ask, false),
        ("set @@old_mode=''", Serving::Ask, false),
        ("set @@`odd name`=1", Serving::No(Reason::OpaqueSession), false),
        ("set @@timestamp=5", Serving::No(Reason::FixedTimestamp), false),
        ("set @@tx_isolation='READ-UNCOMMITTED'", Serving::No(Reason::Isolation), false),
        ("set @@lock_wait_timeout=5", YES, false),
        ("set @@character_set_server=latin1, @@collation_server=binary", YES, false),
        ("set @@global.old_mode=''", YES, false),
        // These are reported.
        ("set @@session.sql_mode='', @@local.old_mode='', time_zone='+01:00'", YES, false),
    ] {
        let mut session = session();
        run(&mut session, text, OK);
        assert_eq!(session.serving(), serving, "{text}");
        assert_eq!(session.is_unheard(), unheard, "{text}");
    }
}

#[test]
fn what_was_changed_unreported_is_asked_for_by_name() {
    let mut session = session();
    let always = session.tracking();
    for _ in 0..2 {
        run(&mut session, "set @@Default_Regex_Flags='EXTENDED', @@collation_database=binary", OK);
    }
    let text = session.tracking();
    let more =
        b", default_regex_flags=@@default_regex_flags, collation_database=@@collation_database";
    assert_eq!(text.strip_prefix(&always[..]), Some(&more[..]));
    session.variable(b"default_regex_flags", b"EXTENDED");
    assert_eq!(session.fingerprint(), None);
    session.tracked(true, OK);
    assert_eq!(session.serving(), YES);
    run(&mut session, "set @@max_recursive_iterations=x", None);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
}

#[test]
fn a_change_without_a_name_makes_opaque_unless_the_statement_is_understood() {
    for (text, opaque) in [
        ("select f()", true),
        ("insert into t values (1)", true),
        ("call p()", true),
        ("set @x = 1", false),
        ("set @x = f()", true),
        ("prepare s from 'select 1'", false),
        ("create temporary table x (a int)", false),
        ("use d", false),
    ] {
        let mut session = session();
        session.unnamed_change();
        run(&mut session, text, OK);
        assert_eq!(session.is_miscounted(), opaque, "{text}");
        if opaque {
            assert_eq!(session.serving(), Serving::Ask);
            let mut other = session;
            session = self::session();
            other.counted(Some(1));
            other.tracked(true, OK);
            assert_eq!(other.serving(), Serving::No(Reason::OpaqueSession), "{text}");
        }
        // It is said once: the next statement is not to blame.
        if !opaque {
            run(&mut session, "select a from t", OK);
            assert_eq!(session.serving(), YES, "{text}");
        }
    }
}

#[test]
fn whatever_runs_a_routine_has_its_temporary_tables_counted_though_none_is_reported() {
    for (text, asked) in [
        ("call p()", true),
        ("select f()", true),
        ("do f(1)", true),
        ("begin not atomic create temporary table t select 1; end", true),
        ("execute immediate concat('create temporary', ' table t select 1')", true),
        ("do 1; call p()", true),
        ("insert into t (a) values (1)", false),
        ("insert into t values (f(1))", true),
        ("create table t (a int)", false),
        ("select a from t", false),
        ("set @x = 1", false),
    ] {
        let mut session = session();
        run(&mut session, text, OK);
        assert_eq!(session.is_miscounted(), asked, "{text}");
    }
}

#[test]
fn temporary_tables_that_are_known_are_no_reason_for_doubt() {
    let count = |flush: bool, made: u64| {
        let mut session = session();
        run(&mut session, "create temporary table x (a int)", OK);
        run(&mut session, "create temporary table x (a int)", None);
        if flush {
            run(&mut session, "flush status", OK);
        }
        session.unnamed_change();
        run(&mut session, "call p()", OK);
        session.counted(Some(made));
        session.tracked(true, OK);
        session.serving()
    };
    assert_eq!(count(false, 2), YES);
    assert_eq!(count(true, 0), YES);
    assert_eq!(count(false, 3), Serving::No(Reason::OpaqueSession));
    assert_eq!(count(true, 1), Serving::No(Reason::OpaqueSession));
    let mysql = Server::of(b"8.0.36");
    let mut session = Session::new(mysql, 0, Transactions::Snapshot, None, AUTOCOMMIT);
    report(&mut session);
    session.unnamed_change();
    run(&mut session, "call p()", OK);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
}

#[test]
fn isolation_levels() {
    for (level, served) in [
        (&b"REPEATABLE-READ"[..], true),
        (b"READ-COMMITTED", true),
        (b"READ-UNCOMMITTED", false),
        (b"SERIALIZABLE", false),
        (b"WHATEVER", false),
    ] {
        let mut session = session();
        session.variable(b"tx_isolation", level);
        run(&mut session, "set session tx_isolation = 'x'", OK);
        assert_eq!(session.serving() == YES, served);
        assert_eq!(session.serving() == Serving::No(Reason::Isolation), !served);
    }
}

#[test]
fn in_transactions_snapshots_decide() {
    let mut session = session();
    run(&mut session, "begin", OPEN);
    assert_eq!(session.serving(), Serving::Opens);
    session.transaction_mut().sends(9);
    session.transaction_mut().proves_snapshot(10);
    run(&mut session, "select a from t", OPEN);
    let snapshot = Some(Snapshot { since: 9, until: 10 });
    assert_eq!(session.serving(), Serving::Yes { snapshot });
    // After ERR nobody knows whether it is still open, until the next status.
    run(&mut session, "select a from t", None);
    assert_eq!(session.serving(), Serving::No(Reason::InTransaction));
    run(&mut session, "do 1", OPEN);
    assert_eq!(session.serving(), Serving::Opens);
    let mut never =
        Session::new(Server::of(MARIADB), 0, Transactions::Never, Some(b"d"), AUTOCOMMIT);
    report(&mut never);
    run(&mut never, "begin", OPEN);
    assert_eq!(never.serving(), Serving::No(Reason::InTransaction));
}

#[test]
fn a_transaction_keeps_the_isolation_level_it_began_with() {
    // The server's `main.commit`: what such a transaction reads is of its old snapshot.
    let old = Serving::No(Reason::Isolation);
    let set = "set session transaction isolation level read committed";
    let committed = |session: &mut Session| session.variable(b"tx_isolation", b"READ-COMMITTED");
    let mut open = session();
    run(&mut open, "begin", OPEN);
    committed(&mut open);
    run(&mut open, set, OPEN);
    assert_eq!(open.serving(), old);
    run(&mut open, "select a from t", OPEN);
    assert_eq!(open.serving(), old);
    run(&mut open, "commit and chain", OPEN);
    assert_eq!(open.serving(), old, "the chained one has the same level");
    run(&mut open, "commit", OK);
    assert_eq!(open.serving(), YES);
    run(&mut open, "begin", OPEN);
    assert_eq!(open.serving(), YES, "this one reads what is committed");

    let mut closed = session();
    committed(&mut closed);
    run(&mut closed, set, OK);
    run(&mut closed, "begin", OPEN);
    assert_eq!(closed.serving(), YES);

    let mut several = session();
    committed(&mut several);
    run(&mut several, &format!("begin; {set}"), OPEN);
    assert_eq!(several.serving(), old, "which of the two came first does not show");

    let mut same = session();
    run(&mut same, "begin", OPEN);
    same.variable(b"tx_isolation", b"REPEATABLE-READ");
    run(&mut same, "set session transaction isolation level repeatable read", OPEN);
    assert_eq!(same.serving(), Serving::Opens);
}

#[test]
fn nothing_is_served_or_asked_while_the_client_profiles() {
    let mut session = session();
    session.variable(b"profiling", b"ON");
    run(&mut session, "set profiling=1", OK);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
    session.variable(b"profiling", b"OFF");
    run(&mut session, "set profiling=0", OK);
    assert_eq!(session.serving(), YES);
    run(&mut session, "set @@profiling=1", OK);
    assert_eq!(session.serving(), Serving::Ask);
    session.variable(b"profiling", b"ON");
    session.tracked(true, OK);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
}

#[test]
fn a_refused_change_of_user_leaves_a_new_session_that_stays_opaque() {
    let mut session = session();
    run(&mut session, "begin", OPEN);
    let target = Target { slot: Slot::of(b"d", b"t"), undo: Undo::Transactional };
    let _ = session.transaction_mut().begin(&[target]);
    let _ = session.transaction_mut().settle(Turn::Goes, Outcome::Done { open: true }, true);
    assert_eq!(session.refused().happened, [Slot::of(b"d", b"t")]);
    assert!(!session.transaction().has_pending());
    assert_eq!(session.database(), Some(&b"d"[..]));
    assert_eq!(session.serving(), Serving::No(Reason::NoTracking));
    report(&mut session);
    assert_eq!(session.serving(), Serving::No(Reason::OpaqueSession));
    session.reset(None, AUTOCOMMIT);
    report(&mut session);
    assert_eq!(session.serving(), YES);
}

#[test]
fn fingerprints_are_made_anew_when_something_shaping_changes() {
    let mut session = session();
    session.set_fingerprint(5);
    session.variable(b"last_gtid", b"0-1-9");
    session.variable(b"sql_mode", b"");
    assert_eq!(session.fingerprint(), Some(5));
    session.variable(b"time_zone", b"+01:00");
    assert_eq!(session.fingerprint(), None);
    session.set_fingerprint(5);
    session.schema(b"other");
    assert_eq!(session.fingerprint(), None);
    let text = |session: &Session| {
        let mut text = Vec::new();
        session.write_fingerprint(&mut text);
        text
    };
    let other = text(&session);
    session.schema(b"d");
    assert_ne!(text(&session), other);
}

#[test]
fn key_numbers_tell_protocol_and_status_apart() {
    let mut session = session();
    session.set_fingerprint(3);
    let mut seen = Vec::new();
    for status in [0, IN_TRANS, AUTOCOMMIT, IN_TRANS | AUTOCOMMIT] {
        session.tracked(true, Some(status | 0x20));
        for protocol in [Protocol::Text, Protocol::Binary] {
            let number = session.key_number(protocol).unwrap();
            assert_eq!(number >> 3, 3);
            assert!(!seen.contains(&number));
            seen.push(number);
        }
    }
}

#[test]
fn temporary_tables_come_and_go() {
    let mut session = session();
    run(&mut session, "create temporary table x (a int)", None);
    run(&mut session, "create temporary table t.x (a int)", OK);
    run(&mut session, "create table y (a int)", OK);
    let of = |session: &Session| {
        let facts = session.facts(CacheType::On);
        let joined = |table: &Table| [&*table.database, &*table.name].concat();
        facts.temporary.iter().map(joined).collect::<Vec<_>>()
    };
    assert!(of(&session).contains(&b"tx".to_vec()));
    assert!(!of(&session).contains(&b"dy".to_vec()));
    run(&mut session, "drop table t.x", None);
    assert!(of(&session).contains(&b"tx".to_vec()));
    run(&mut session, "drop table t.x", OK);
    assert!(!of(&session).contains(&b"tx".to_vec()));
}

#[test]
fn prepared_texts_follow_their_statements() {
    let mut session = session();
    let effective = |session: &Session| session.texts().effective(b"s", b"", session.mode(), 1);
    run(&mut session, "prepare s from 'select a from t'", OK);
    assert_eq!(effective(&session), Effective::Text(b"select a from t".to_vec()));
    run(&mut session, "set @t = 'select b from t'", OK);
    run(&mut session, "prepare s from @t", OK);
    assert_eq!(effective(&session), Effective::Text(b"select b from t".to_vec()));
    // A trigger may have set it.
    run(&mut session, "insert into t values (1)", OK);
    run(&mut session, "prepare s from @t", OK);
    assert_eq!(effective(&session), Effective::Unknown);
    run(&mut session, "prepare s from 'select a from t'", OK);
    run(&mut session, "prepare s from 'selekt'", None);
    assert_eq!(effective(&session), Effective::Unknown);
    run(&mut session, "prepare s from 'select a from t'", OK);
    run(&mut session, "call p()", OK);
    assert_eq!(effective(&session), Effective::Unknown);
}

#[test]
fn who_asks_about_the_last_statement() {
    let session = session();
    for (text, asks) in [
        ("select found_rows()", true),
        ("show warnings", true),
        ("select @@warning_count", true),
        ("select row_count()", true),
        ("call p()", true),
        ("select f(a) from t", true),
        ("select a from t", false),
        ("insert into t values (1)", false),
    ] {
        let intent = Intent::of(&read(text.as_bytes(), session.mode()), &session);
        assert_eq!(intent.diagnostics, asks, "{text}");
    }
}

#[test]
fn a_reset_forgets_all_and_says_what_was_rolled_back() {
    let mut session = session();
    run(&mut session, "begin", OPEN);
    let slot = Slot::from_number(9);
    let target = Target { slot, undo: Undo::Transactional };
    let begun = session.transaction_mut().begin(&[target]);
    assert_eq!(begun, [slot]);
    let _ = session.settle(&Intent::NOTHING, OPEN);
    let settled = session.reset(Some(b"d"), AUTOCOMMIT);
    assert_eq!(settled.undone, [slot]);
    assert!(settled.happened.is_empty());
    assert_eq!(session.serving(), Serving::No(Reason::NoTracking));
}

#[test]
fn patience_is_a_quarter_of_the_servers() {
    let mut session = session();
    session.variable(b"wait_timeout", b"28800");
    assert_eq!(session.patience().as_secs(), 7200);
    for odd in [&b""[..], b"0", b"x", b"99999999999999999999999"] {
        session.variable(b"wait_timeout", odd);
        assert_eq!(session.patience().as_secs(), 15);
    }
}
