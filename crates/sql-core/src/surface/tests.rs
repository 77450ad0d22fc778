//! Tests of the surface: what it says was read off a MariaDB 10.11 with its cache on.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::judge::CacheType;
use crate::lexer::{Charset, Dialect, Server};

fn mode() -> Mode {
    Mode {
        ansi_quotes: false,
        no_backslash_escapes: false,
        foreign_grammar: false,
        charset: Charset::Utf8,
        server: Server { dialect: Dialect::Mariadb, version: 101_119 },
    }
}

/// A session with the settings of a fresh server, its type switched on.
struct Desk {
    native: Native,
    globals: Globals,
    locals: Locals,
    status: Status,
    after_hit: bool,
    users: Vec<AccountHits>,
}

impl Desk {
    fn new() -> Self {
        let globals = Globals::new(CacheType::On, 1 << 20, 1 << 20);
        Self {
            native: Native::Known,
            globals,
            locals: Locals::new(&globals),
            status: Status::default(),
            after_hit: false,
            users: Vec::new(),
        }
    }

    fn view(&self) -> View<'_> {
        View {
            native: self.native,
            mode: mode(),
            globals: &self.globals,
            locals: &self.locals,
            status: &self.status,
            after_hit: self.after_hit,
            accounts: Accounts { users: &self.users, clients: &self.users, control_user: b"c" },
        }
    }

    /// The statement that goes to the server in place of this one.
    fn sent(&self, statement: &str) -> Option<String> {
        match look(statement.as_bytes(), &self.view())?.1 {
            Step::Send { statement, .. } => Some(String::from_utf8(statement).unwrap()),
            other => Some(format!("{other:?}")),
        }
    }

    /// Runs a statement against a server that answers OK, and `row` to questions; what was sent
    /// last, with the effects done.
    fn run(&mut self, statement: &str, row: Option<(u8, &str)>) -> String {
        let Some((mut plan, mut step)) = look(statement.as_bytes(), &self.view()) else {
            return "-".to_owned();
        };
        let mut last = String::new();
        loop {
            let answer = match step {
                Step::Ask(asked) => {
                    last = String::from_utf8(asked).unwrap();
                    match row {
                        Some((kind, value)) if last.starts_with("SELECT") => Answer::Row {
                            types: vec![kind],
                            values: vec![Some(value.as_bytes().to_vec())],
                        },
                        _ => Answer::Ok,
                    }
                }
                Step::Send { statement, .. } => {
                    last = String::from_utf8(statement).unwrap();
                    Answer::Relayed { ok: !last.starts_with("SIGNAL SQLSTATE '4") }
                }
                Step::Done(effects) => {
                    for effect in effects {
                        match effect {
                            Effect::Global(setting) => self.globals.apply(setting),
                            Effect::Session(setting) => self.locals.apply(setting),
                            other => last.push_str(&format!(" {other:?}")),
                        }
                    }
                    return last;
                }
                other => return format!("{other:?}"),
            };
            step = plan.resume(answer, &self.view());
        }
    }

    /// The number and message of the error or warning that a statement raises.
    fn fault(&mut self, statement: &str) -> String {
        let sent = self.run(statement, None);
        let Some((_, rest)) = sent.split_once("MYSQL_ERRNO = ") else { return sent };
        let (code, message) = rest.split_once(", MESSAGE_TEXT = ").unwrap();
        let message = message.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap();
        format!("{code} {}", message.replace("''", "'"))
    }
}

#[test]
fn ordinary_statements_are_no_business_of_ours() {
    let desk = Desk::new();
    for statement in [
        "SELECT * FROM t1",
        "SET NAMES utf8",
        "SET @a = 5",
        "SHOW TABLES",
        "SELECT @@version_comment LIMIT 1",
        "INSERT INTO query_cache_log VALUES (1)",
        "SELECT 'query_cache_size'",
        "FLUSH LOGS",
        "CREATE PROCEDURE p() SET GLOBAL query_cache_type = 1",
        "",
        "/*",
    ] {
        assert_eq!(desk.sent(statement), None, "{statement}");
    }
}

#[test]
fn assignments_follow_the_server() {
    let mut desk = Desk::new();
    let cannot = "1231 Variable 'query_cache_type' can't be set to the value of";
    for value in ["NULL", "'1'", "' on'", "foo", "3", "-1", "18446744073709551615", "''", "' '"] {
        let fault = desk.fault(&format!("set global query_cache_type = {value}"));
        assert_eq!(fault, format!("{cannot} '{}'", value.trim_matches('\'')), "{value}");
    }
    let kind = |name: &str| format!("1232 Incorrect argument type to variable '{name}'");
    for value in ["NULL", "''", "'5'", "ON", "test"] {
        let fault = desk.fault(&format!("set @@global.query_cache_limit = {value}"));
        assert_eq!(fault, kind("query_cache_limit"), "{value}");
    }
    let global = "1229 Variable 'query_cache_size' is a GLOBAL variable and should be set with \
                  SET GLOBAL";
    for words in ["", "session ", "local ", "@@session.", "@@local.", "@@"] {
        assert_eq!(desk.fault(&format!("SET {words}query_cache_size = 1")), global);
    }
    assert_eq!(
        desk.fault("set have_query_cache=1"),
        "1238 Variable 'have_query_cache' is a read only variable"
    );
    assert_eq!(desk.globals, Desk::new().globals, "an error leaves everything as it was");
}

#[test]
fn numbers_are_rounded_with_a_warning() {
    let mut desk = Desk::new();
    let truncated =
        |name: &str, value: &str| format!("1292 Truncated incorrect {name} value: '{value}'");
    for (value, warning, size) in [
        ("1000", truncated("query_cache_size", "1000"), 0),
        ("1048575", truncated("query_cache_size", "1048575"), 1_047_552),
        ("-1", truncated("query_cache_size", "-1"), 0),
        ("1024", "1282 Query cache failed to set size 1024; new query cache size is 0".into(), 0),
        ("49152", "1282 Query cache failed to set size 49152; new query cache size is 0".into(), 0),
    ] {
        assert_eq!(desk.fault(&format!("SET GLOBAL query_cache_size={value}")), warning);
        assert_eq!(desk.globals.size, size, "{value}");
    }
    desk.run("SET GLOBAL query_cache_size=50176", None);
    assert_eq!(desk.globals.size, 50_176);
    let (name, mut unit) = ("query_cache_min_res_unit", Vec::new());
    for value in ["0", "1", "512", "513", "1001", "4294967296", "DEFAULT"] {
        let fault = desk.fault(&format!("SET GLOBAL {name}={value}"));
        unit.push((fault.starts_with("1292"), desk.globals.min_res_unit));
    }
    let expected = [
        (false, 512),
        (true, 512),
        (false, 512),
        (true, 512),
        (true, 1000),
        (true, 4_294_967_288),
        (false, 4096),
    ];
    assert_eq!(unit, expected);
}

#[test]
fn the_session_cannot_have_what_the_server_has_not() {
    let mut desk = Desk::new();
    desk.run("SET GLOBAL query_cache_type = 0", None);
    let disabled =
        "1925 Query cache is globally disabled and you can't enable it only for this session";
    for value in ["1", "on", "DEMAND", "2"] {
        assert_eq!(desk.fault(&format!("SET LOCAL query_cache_type = {value}")), disabled);
    }
    desk.native = Native::Removed;
    assert!(desk.fault("SET query_cache_type = 1").starts_with("1651 "));
    desk.native = Native::Known;
    desk.run("SET SESSION query_cache_type = DEFAULT", None);
    assert_eq!(desk.locals.cache_type, CacheType::Off);
    desk.run("SET GLOBAL query_cache_type = Demand, LOCAL query_cache_type := 'oFF'", None);
    assert_eq!(desk.globals.cache_type, CacheType::Demand);
    assert_eq!(desk.locals.cache_type, CacheType::Off);
}

#[test]
fn a_list_is_split_between_us_and_the_server() {
    let mut desk = Desk::new();
    let same = "@@global.query_cache_limit=@@global.query_cache_limit";
    let sent = desk.run(
        "SET GLOBAL query_cache_size= 64*1024, max_connections = 5, @a = @@query_cache_limit, \
         @@session.sql_mode='', query_cache_type= DEMAND",
        Some((8, "65536")),
    );
    assert_eq!(
        sent,
        format!(
            "SET GLOBAL max_connections = 5, @a = CAST(1048576 AS UNSIGNED), \
             @@session.sql_mode='', {same}"
        )
    );
    assert_eq!((desk.globals.size, desk.globals.cache_type), (65_536, CacheType::Demand));
    let sent = desk.run("SET query_cache_wlock_invalidate = @b", Some((3, "1")));
    assert_eq!(
        sent,
        "SET @@session.query_cache_wlock_invalidate=@@session.query_cache_wlock_invalidate"
    );
    assert!(desk.locals.wlock_invalidate && !desk.globals.wlock_invalidate);
    let wrong = desk.run("SET GLOBAL query_cache_limit = 1.5 + 1", Some((246, "2.5")));
    assert!(wrong.contains("Incorrect argument type"), "{wrong}");
}

#[test]
fn the_server_refuses_and_nothing_happens() {
    let desk = Desk::new();
    for statement in ["SET GLOBAL query_cache_size = 102400", "RESET QUERY CACHE"] {
        let (mut plan, step) = look(statement.as_bytes(), &desk.view()).unwrap();
        assert!(matches!(step, Step::Send { .. }), "{step:?}");
        let step = plan.resume(Answer::Relayed { ok: false }, &desk.view());
        assert_eq!(step, Step::Done(Vec::new()), "{statement}");
    }
    let (mut plan, step) = look(b"SET GLOBAL query_cache_size = 1", &desk.view()).unwrap();
    assert!(matches!(step, Step::Ask(_)), "a warning comes only after the right is proven");
    let refused = Answer::Err(b"\xff denied".to_vec());
    assert_eq!(plan.resume(refused, &desk.view()), Step::Refuse(b"\xff denied".to_vec()));
}

#[test]
fn columns_keep_their_names() {
    let desk = Desk::new();
    let size = "CAST(1048576 AS UNSIGNED)";
    for (statement, sent) in [
        ("select @@query_cache_size", format!("select {size} AS `@@query_cache_size`")),
        (
            "SELECT  @@GLOBAL.Query_cache_size , 1+@@query_cache_size x,@@query_cache_type as y \
             from dual;",
            format!(
                "SELECT  {size} AS `@@GLOBAL.Query_cache_size` , 1+{size} x,'ON' as y from dual;"
            ),
        ),
        (
            "SELECT @@global.query_cache_size = @start_value",
            format!("SELECT {size} = @start_value AS `@@global.query_cache_size = @start_value`"),
        ),
        ("SET @s = @@query_cache_type", "SET @s = 'ON'".into()),
        (
            "select @@query_cache_size into @x",
            format!("select {size} AS `@@query_cache_size` into @x"),
        ),
        (
            "select (select @@query_cache_wlock_invalidate)",
            "select (select 0) AS `(select @@query_cache_wlock_invalidate)`".into(),
        ),
        (
            "select a from t where b = @@query_cache_size",
            format!("select a from t where b = {size}"),
        ),
    ] {
        assert_eq!(desk.sent(statement).as_deref(), Some(sent.as_str()));
    }
    assert_eq!(desk.sent("select @@session.query_cache_size"), None, "the server's own error");
}

#[test]
fn tables_of_counters_are_queries_with_our_values() {
    let mut desk = Desk::new();
    desk.status.qcache.hits = 7;
    let sent = desk
        .sent("select * from information_schema.global_status where variable_name='Qcache_hits'")
        .unwrap();
    assert!(sent.starts_with("select * from (SELECT VARIABLE_NAME, CASE VARIABLE_NAME"), "{sent}");
    assert!(sent.contains("WHEN 'Qcache_hits' THEN '7'"), "{sent}");
    assert!(
        sent.ends_with(
            "FROM information_schema.`global_status`) AS `global_status` where \
             variable_name='Qcache_hits'"
        ),
        "{sent}"
    );
    let sent =
        desk.sent("SELECT 1 FROM INFORMATION_SCHEMA.SESSION_VARIABLES v JOIN t ON 1").unwrap();
    assert!(sent.contains("`SESSION_VARIABLES`) v JOIN t"), "{sent}");
}

#[test]
fn columns_of_these_tables_keep_the_names_as_written() {
    let desk = Desk::new();
    for (list, named) in [
        ("variable_name", "variable_name AS `variable_name`"),
        ("distinct s.Variable_Value", "distinct s.Variable_Value AS `Variable_Value`"),
        ("1, `VARIABLE_name`", "1, `VARIABLE_name` AS `VARIABLE_name`"),
        ("variable_name as n, variable_value v", "variable_name as n, variable_value v"),
        ("variable_value + 1", "variable_value + 1"),
        ("upper(variable_name)", "upper(variable_name)"),
    ] {
        let sent = desk.sent(&format!("select {list} from information_schema.session_status s"));
        let sent = sent.unwrap();
        assert!(sent.starts_with(&format!("select {named} from (SELECT ")), "{sent}");
    }
    let other = "select variable_name from t where @@query_cache_type=1";
    assert!(!desk.sent(other).unwrap().contains(" AS "));
}

#[test]
fn statistics_count_hits() {
    let mut desk = Desk::new();
    desk.users.push(AccountHits { name: b"r".to_vec(), hits: 2, rows: 5, empty: 1 });
    let sent = desk
        .sent(
            "select SELECT_COMMANDS,rows_sent from INFORMATION_SCHEMA.USER_STATISTICS where \
             USER='r'",
        )
        .unwrap();
    assert_eq!(
        sent,
        "select (SELECT_COMMANDS + CASE USER WHEN CONVERT(x'72' USING utf8) THEN 2 WHEN '' THEN 0 \
         ELSE 0 END) AS `SELECT_COMMANDS`,(rows_sent + CASE USER WHEN CONVERT(x'72' USING utf8) \
         THEN 5 WHEN '' THEN 0 ELSE 0 END) AS `rows_sent` from INFORMATION_SCHEMA.USER_STATISTICS \
         where USER='r'"
    );
    let sent = desk.sent("select EMPTY_QUERIES from information_schema.client_statistics").unwrap();
    assert!(sent.contains("THEN 1 WHEN") && sent.contains("own.USER = CONVERT(x'63'"), "{sent}");
    let view = desk.view();
    for (statement, on) in [
        ("SET GLOBAL userstat=1", Some(true)),
        ("set @@global.userstat = @save", Some(true)),
        ("SET GLOBAL userstat = OFF", Some(false)),
    ] {
        let (mut plan, _) = look(statement.as_bytes(), &view).unwrap();
        let step = plan.resume(Answer::Relayed { ok: true }, &view);
        let counted = on.map(Effect::CountAccounts).unwrap();
        assert_eq!(step, Step::Done(vec![counted]), "{statement}");
    }
}

fn row(name: &str, value: &str) -> Vec<u8> {
    let mut row = Vec::new();
    for text in [name, value] {
        row.push(u8::try_from(text.len()).unwrap());
        row.extend_from_slice(text.as_bytes());
    }
    row
}

#[test]
fn rows_of_show_get_our_values() {
    let mut desk = Desk::new();
    desk.status = Status {
        qcache: Qcache { hits: 12, ..Qcache::default() },
        session_hits: 3,
        ..Status::default()
    };
    let Some((_, Step::Send { patch: Some(mut patch), .. })) =
        look(b"SHOW STATUS LIKE 'Qcache%'", &desk.view())
    else {
        panic!("no patch")
    };
    assert_eq!(patch.row(&row("Qcache_hits", "0")), Some(row("Qcache_hits", "12")));
    assert_eq!(patch.row(&row("Com_select", "40")), Some(row("Com_select", "43")));
    assert_eq!(patch.row(&row("Uptime", "40")), None);
    assert_eq!(patch.row(b"\xff"), None);
    assert_eq!(patch.end(), Vec::<Vec<u8>>::new(), "a server that has them sends them");
    let mut patch = patch.of(Format::Binary);
    let binary = |value: &str| [&[0, 0], row("Qcache_inserts", value).as_slice()].concat();
    assert_eq!(patch.row(&binary("5")), Some(binary("0")));
}

#[test]
fn a_server_without_them_gets_the_rows_appended() {
    let mut desk = Desk::new();
    desk.native = Native::Removed;
    for (statement, count) in [
        ("show variables like '%query\\_cache%'", 7),
        ("show global variables like 'query_cache_size'", 1),
        ("show status like 'Qcache%'", 8),
        ("show status where variable_name in ('Qcache_hits', 'Uptime')", 1),
        ("show status where variable_name = 'QCACHE_hits'", 1),
        ("show variables like 'sql_mode'", 0),
    ] {
        let Some((_, Step::Send { patch: Some(mut patch), .. })) =
            look(statement.as_bytes(), &desk.view())
        else {
            panic!("{statement}")
        };
        assert_eq!(patch.end().len(), count, "{statement}");
    }
    assert_eq!(desk.sent("RESET QUERY CACHE").unwrap(), "FLUSH LOCAL ERROR LOGS");
    let plain = without_keywords(b"select SQL_CALC_FOUND_ROWS sql_cache a FROM t", mode());
    assert_eq!(plain.as_deref(), Some(b"select SQL_CALC_FOUND_ROWS a FROM t".as_slice()));
    assert_eq!(without_keywords(b"select sql_cache_hits from t", mode()), None);
}

#[test]
fn flushes_have_their_effects() {
    let mut desk = Desk::new();
    for (statement, effect) in [
        ("flush status", " FlushStatus"),
        ("FLUSH LOCAL QUERY CACHE", " Defragment"),
        ("reset query cache;", " Reset"),
        ("flush tables", " Reset"),
        ("/* c */ flush  tables with read lock", " Reset"),
    ] {
        assert!(desk.run(statement, None).ends_with(effect), "{statement}");
    }
    assert_eq!(desk.sent("SHOW QUERY CACHE").unwrap(), "Top");
    let (_, step) = look(b"EXPLAIN CACHE SELECT 1", &desk.view()).unwrap();
    assert_eq!(step, Step::Explain(b"SELECT 1".to_vec()));
}

#[test]
fn comments_and_blanks_are_stripped() {
    let plain = stripped(b"(select a from t1) union (select a from t1)", mode()).unwrap();
    let text = b"/* x */(select  a\nfrom t1) /* */union (select a -- c\n from t1) ;";
    assert_eq!(stripped(text, mode()).unwrap(), plain);
    let kept = b"select 'a  /* b */' from t1 where a=1".as_slice();
    assert_eq!(stripped(kept, mode()).unwrap(), kept);
}

#[test]
fn the_type_of_all_switched_off_is_switched_off_here_too() {
    let mut desk = Desk::new();
    assert!(desk.run("SET GLOBAL query_cache_type = OFF", None).ends_with(" Reset"));
    desk.run("SET GLOBAL query_cache_type = ON", None);
    assert_eq!((desk.globals.cache_type, desk.locals.cache_type), (CacheType::On, CacheType::Off));
    assert!(desk.run("set GLOBAL ft_boolean_syntax='x'", None).ends_with(" Reset"));
}

#[test]
fn like_is_the_servers() {
    for (pattern, name, matches) in [
        ("%", "", true),
        ("Q%hits", "qcache_hits", true),
        ("Q%hit", "qcache_hits", false),
        ("qcache\\_hits", "qcachexhits", false),
        ("qcache_hits", "qcache_hits", true),
        ("qcache\\_hits", "qcache_hits", true),
        ("q\\%", "qc", false),
        ("_cache%", "qcache_hits", true),
        ("%%s%", "qcache_hits", true),
    ] {
        let found = rows::like(pattern.as_bytes(), name.as_bytes());
        assert_eq!(found, matches, "{pattern} {name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes: Vec<u8>, start in 0_usize..7) {
        let starts = ["", "SET query_cache_type=", "SELECT @@query_cache_size ", "SHOW STATUS ",
            "FLUSH ", "SET @@global.", "SELECT information_schema.global_status "];
        let statement = [starts[start].as_bytes(), &bytes].concat();
        let desk = Desk::new();
        let _ = look(&statement, &desk.view());
        let _ = without_keywords(&statement, mode());
    }

    #[test]
    fn any_row_is_read(bytes: Vec<u8>) {
        let desk = Desk::new();
        let Some((_, Step::Send { patch: Some(mut patch), .. })) =
            look(b"SHOW STATUS", &desk.view()) else { panic!("no patch") };
        let _ = patch.row(&bytes);
    }

    #[test]
    fn like_agrees_with_a_slow_reading(pattern in "[ab%_]{0,8}", name in "[ab]{0,8}") {
        fn slow(pattern: &[u8], name: &[u8]) -> bool {
            match pattern.split_first() {
                None => name.is_empty(),
                Some((b'%', rest)) => (0..=name.len()).any(|at| slow(rest, &name[at..])),
                Some((byte, rest)) => name.split_first().is_some_and(|(own, left)| {
                    (*byte == b'_' || byte == own) && slow(rest, left)
                }),
            }
        }
        prop_assert_eq!(
            rows::like(pattern.as_bytes(), name.as_bytes()),
            slow(pattern.as_bytes(), name.as_bytes()),
            "{}", pattern.to_string()
        );
    }
}
