//! The server as the judge of our judge: what it accepts, which tables it locked, what it answers
//! twice.
//!
//! A statement that `judge` calls cacheable runs in a read-only transaction; the metadata locks its
//! session then holds (plugin `metadata_lock_info`) name every table that it opened. The same
//! statement runs once more as somebody else, at another time, with another seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use menshen_config::{SqlAddress, WithoutBinlog};
use menshen_sql::control::{Account, ControlSettings, Foreign, start};
use menshen_sql::upstream::{Origin, Upstream};
use menshen_sql_core::catalog::{Catalog, Scope};
use menshen_sql_core::judge::{CacheType, Facts, Table, Verdict, Written, judge, writes};
use menshen_sql_core::lexer::{Mode, Server};
use menshen_sql_core::statement::{CallRole, Flag, Kind, Name, Statement, read};
use menshen_sql_core::versions::Versions;

use super::session::{Reply, Rows, Session};
use crate::support::mariadb::{BINLOG, Mariadb};

/// A server with the schema, sessions at it, and what was found.
pub(crate) struct Oracle {
    /// Runs what is judged.
    first: Session,
    /// Runs it again as another account, at another time.
    second: Session,
    /// As the first, to see what differs by itself.
    third: Session,
    /// Looks at locks.
    watch: Session,
    /// Makes tables.
    pub(crate) maker: Session,
    runtime: tokio::runtime::Runtime,
    foreign: Foreign,
    mode: Mode,
    database: Option<String>,
    temporary: Vec<Table>,
    begun: bool,
    /// The schema has changed since it was read.
    stale: bool,
    /// How the sessions were made.
    settings: (Option<String>, String, String),
    pub(crate) seen: Seen,
    /// Ended last.
    server: Mariadb,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) statements: usize,
    /// Reads that the server answered.
    pub(crate) accepted: usize,
    /// Of these, what judge calls cacheable.
    pub(crate) cacheable: usize,
    /// Of these, what both sessions answered without warnings.
    pub(crate) compared: usize,
    /// Of the others: how often each reason was given.
    pub(crate) reasons: BTreeMap<&'static str, usize>,
    /// The server's errors.
    pub(crate) errors: BTreeMap<u16, usize>,
    /// Writes that the server took, and how many of them were said to be to everything.
    pub(crate) writes: (usize, usize),
    pub(crate) defects: BTreeSet<String>,
    /// Statements that ended the server.
    pub(crate) deadly: Vec<String>,
}

impl Oracle {
    /// Starts a server. `None` after saying so where there is none.
    pub(crate) fn start() -> Option<Self> {
        let options = [BINLOG, OPTIONS].concat();
        let server = Mariadb::start(&options)?;
        let mut maker = Session::open(&server.socket(), "root");
        maker.run("INSTALL SONAME 'metadata_lock_info'");
        maker.run("CREATE USER other@localhost");
        maker.run("GRANT ALL ON *.* TO other@localhost");
        for statement in include_str!("schema.sql").lines() {
            maker.run(statement);
        }
        let upstream = Upstream {
            address: SqlAddress::Unix(server.socket()),
            tls: None,
            origin: Origin::Hidden,
        };
        let settings = ControlSettings {
            upstream,
            account: Some(Account { user: "root".to_owned(), password: String::new() }),
            without_binlog: WithoutBinlog::Refuse,
            ttl: Duration::ZERO,
            silence: Duration::from_secs(60),
            server_id: Some(77),
            tables_max: 10_000,
            rule: Default::default(),
        };
        let foreign = start(settings, Versions::private()).unwrap();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let server_facts = Server::of(&maker.version);
        let mut oracle = Self {
            first: Session::open(&server.socket(), "root"),
            second: Session::open(&server.socket(), "other"),
            third: Session::open(&server.socket(), "root"),
            watch: Session::open(&server.socket(), "root"),
            maker,
            runtime: runtime.enable_all().build().unwrap(),
            foreign,
            mode: Mode::new(b"", b"utf8mb4", server_facts),
            database: None,
            temporary: Vec::new(),
            begun: false,
            stale: false,
            settings: (None, String::new(), "utf8mb4".to_owned()),
            seen: Seen::default(),
            server,
        };
        oracle.learn();
        Some(oracle)
    }

    /// Reads the schema again with the door's own loader.
    pub(crate) fn learn(&mut self) {
        let scope = match &self.database {
            Some(database) => Scope::Database(database.as_bytes().into()),
            None => Scope::Server,
        };
        let done = self.foreign.keeper.refresh(vec![scope]);
        self.runtime.block_on(done);
        assert!(self.foreign.catalog.load().is_whole(), "the catalog could not be read");
        self.stale = false;
    }

    /// An empty database of this name, and sessions in it.
    pub(crate) fn fresh(&mut self, database: &str) {
        self.forget();
        self.maker.run(&format!("CREATE DATABASE {database}"));
        self.maker.run(&format!("USE {database}"));
        self.maker.run("SET max_statement_time=1, lock_wait_timeout=2");
        self.session(Some(database), "", "utf8mb4");
        self.stale = true;
    }

    /// Changes the schema or rows, if the server likes.
    pub(crate) fn make(&mut self, statement: &str, database: &str) {
        self.forget();
        let gone = self.maker.ask(statement.as_bytes());
        if self.is_gone(&gone, statement.as_bytes()) {
            self.maker.run(&format!("USE {database}"));
        }
        let text = statement.trim_start().as_bytes();
        let rows = matches!(text.first(), Some(b'I' | b'i' | b'R' | b'r' | b'U' | b'u'));
        self.stale |= !rows && !text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case(b"del"));
    }

    /// New sessions with this default database, mode and character set.
    pub(crate) fn session(&mut self, database: Option<&str>, sql_mode: &str, charset: &str) {
        self.first = Session::open(&self.server.socket(), "root");
        self.second = Session::open(&self.server.socket(), "other");
        self.third = Session::open(&self.server.socket(), "root");
        for session in [&mut self.first, &mut self.second, &mut self.third] {
            session.run(&format!("SET NAMES {charset}"));
            session.run(&format!("SET sql_mode='{sql_mode}', max_statement_time=1"));
            session.run("SET lock_wait_timeout=1, innodb_lock_wait_timeout=1");
            session.run("CREATE TEMPORARY TABLE d1.tmp (a INT) SELECT CONNECTION_ID() AS a");
            if let Some(database) = database {
                session.run(&format!("USE {database}"));
            }
        }
        self.second.run("SET timestamp=1000000007, rand_seed1=5, last_insert_id=99, @x=7");
        let shown = self.first.table("SELECT @@sql_mode, @@character_set_client");
        let server = self.mode.server;
        self.mode = Mode::new(shown[0][0].as_bytes(), shown[0][1].as_bytes(), server);
        self.database = database.map(ToOwned::to_owned);
        self.settings = (self.database.clone(), sql_mode.to_owned(), charset.to_owned());
        self.temporary = vec![Table { database: b"d1"[..].into(), name: b"tmp"[..].into() }];
        self.begun = false;
    }

    /// Whether `"` quotes names in this session.
    pub(crate) const fn is_ansi(&self) -> bool {
        self.mode.ansi_quotes
    }

    /// The first column of a query.
    pub(crate) fn list(&mut self, query: &str) -> Vec<String> {
        self.maker.table(query).into_iter().map(|mut row| row.swap_remove(0)).collect()
    }

    /// Judges a read and lets the server judge it.
    pub(crate) fn check_read(&mut self, text: &[u8]) {
        if self.stale {
            self.learn();
        }
        let mode = self.mode;
        let statement = read(text, mode);
        let catalog = self.foreign.catalog.load();
        let facts = self.facts();
        let verdict = judge(&statement, &facts, &*catalog);
        let silent = writes(&statement, &facts, &*catalog).is_nothing();
        self.seen.statements += 1;
        if !matches!(verdict, Verdict::Cacheable(_)) && statement.kind != Kind::Select {
            return;
        }
        if matches!(verdict, Verdict::Cacheable(_)) {
            // What failed before may have left locks.
            self.forget();
        }
        if !self.begun {
            self.first.run("START TRANSACTION READ ONLY");
            self.begun = true;
        }
        let reply = self.first.ask(text);
        if self.is_gone(&reply, text) {
            return;
        }
        let harmless = writes_unseen(&statement);
        match (&reply, &verdict) {
            (Reply::Failed(READ_ONLY, _), Verdict::Cacheable(_)) => self.defect("writes", text),
            (Reply::Failed(READ_ONLY, _), _) if silent && !harmless => {
                self.defect("writes and said it would not", text);
            }
            (Reply::Failed(code, _), _) => *self.seen.errors.entry(*code).or_default() += 1,
            (_, Verdict::Not(reason)) => {
                self.seen.accepted += 1;
                *self.seen.reasons.entry(reason.code()).or_default() += 1;
                self.forget();
            }
            (Reply::Done, _) => self.defect("has no rows", text),
            (Reply::Rows(rows), Verdict::Cacheable(known)) => {
                self.seen.accepted += 1;
                self.seen.cacheable += 1;
                let reads: BTreeSet<&Table> = known.iter().flat_map(|one| &one.reads).collect();
                for lock in self.locks(self.first.id) {
                    let covered = lock.is_covered(|table| reads.contains(table));
                    if !covered {
                        self.defect(&format!("opens {lock:?} and does not depend on it"), text);
                    }
                }
                self.forget();
                self.compare(text, rows);
            }
        }
    }

    /// Runs a write and compares the tables it locks for writing with what we say it writes.
    pub(crate) fn check_write(&mut self, text: &[u8]) {
        if self.stale {
            self.learn();
        }
        let mode = self.mode;
        let statement = read(text, mode);
        let catalog = self.foreign.catalog.load();
        let written = writes(&statement, &self.facts(), &*catalog);
        self.seen.statements += 1;
        let everything = written.everything.is_some();
        if !is_row_write(&statement) || everything && statement.kind == Kind::Unknown {
            return;
        }
        self.forget();
        self.first.run("START TRANSACTION");
        let reply = self.first.ask(text);
        if self.is_gone(&reply, text) {
            return;
        }
        if !matches!(reply, Reply::Failed(..)) {
            let locks = self.locks(self.first.id);
            let wrote = locks.iter().any(Lock::is_write);
            self.seen.writes.0 += usize::from(wrote);
            self.seen.writes.1 += usize::from(wrote && everything);
            for lock in locks.iter().filter(|lock| lock.is_write() && !everything) {
                if !is_sequence(&catalog, lock)
                    && !names(&written, lock)
                    && (statement.kind != Kind::Update || self.changes(text, &lock.table))
                {
                    self.defect(&format!("writes {lock:?} and did not say so"), text);
                }
            }
        }
        self.first.run("ROLLBACK");
    }

    /// Whether an `UPDATE` changes this table: of several tables it locks all for writing.
    fn changes(&mut self, text: &[u8], table: &Table) -> bool {
        let name = |name: &[u8]| String::from_utf8_lossy(name).replace('`', "``");
        let (database, table) = (name(&table.database), name(&table.name));
        let checksum = format!("CHECKSUM TABLE `{database}`.`{table}`");
        self.first.run("ROLLBACK AND CHAIN");
        let before = self.first.table(&checksum);
        self.first.ask(text);
        before != self.first.table(&checksum)
    }

    /// Some statements end the server: that is its defect, not ours. It is started again.
    fn is_gone(&mut self, reply: &Reply, text: &[u8]) -> bool {
        if !matches!(reply, Reply::Failed(LOST, _)) {
            return false;
        }
        self.seen.deadly.push(String::from_utf8_lossy(text).into_owned());
        assert!(self.seen.deadly.len() <= DEADLY_MAX, "{:?}", self.seen.deadly);
        self.server.end(rustix::process::Signal::KILL);
        self.server.begin_again();
        self.watch = Session::open(&self.server.socket(), "root");
        self.maker = Session::open(&self.server.socket(), "root");
        let (database, sql_mode, charset) = self.settings.clone();
        self.session(database.as_deref(), &sql_mode, &charset);
        true
    }

    fn facts(&self) -> Facts<'static> {
        // Tests are short: what they leak is a few bytes a session.
        let temporary: &'static [Table] = Box::leak(self.temporary.clone().into_boxed_slice());
        let database = self.database.clone().map(|name| &*name.into_bytes().leak());
        Facts { database, cache_type: CacheType::On, auto_is_null: false, temporary }
    }

    /// Ends the transaction, and with it its locks.
    fn forget(&mut self) {
        if self.begun {
            self.first.run("COMMIT");
            self.begun = false;
        }
    }

    fn locks(&mut self, thread: u32) -> Vec<Lock> {
        let rows = self.watch.table(&format!(
            "SELECT LOCK_MODE, LOCK_TYPE, TABLE_SCHEMA, TABLE_NAME FROM \
             information_schema.METADATA_LOCK_INFO WHERE THREAD_ID = {thread}"
        ));
        rows.into_iter().map(Lock::of).filter(|lock| !lock.is_noise()).collect()
    }

    /// The same as somebody else: what we keep must be the same for all.
    fn compare(&mut self, text: &[u8], rows: &Rows) {
        let Reply::Rows(again) = self.second.ask(text) else { return };
        // What raised warnings is not kept.
        if rows.warnings > 0 || again.warnings > 0 {
            return;
        }
        self.seen.compared += 1;
        if sorted(rows) == sorted(&again) {
            return;
        }
        let rows = Reply::Rows(rows.clone());
        let stays = self.first.ask(text) == rows && self.third.ask(text) == rows;
        if stays || !is_open(text) {
            self.defect("answers differ", text);
        }
    }

    fn defect(&mut self, what: &str, text: &[u8]) {
        let mode = self.mode;
        let database = self.database.as_deref().unwrap_or("-");
        self.seen.defects.insert(format!(
            "{what}: {:?} (database {database}, ansi_quotes {}, no_backslash_escapes {})",
            String::from_utf8_lossy(text),
            mode.ansi_quotes,
            mode.no_backslash_escapes
        ));
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.foreign.stop();
    }
}

/// A row of METADATA_LOCK_INFO.
struct Lock {
    mode: String,
    kind: String,
    table: Table,
}

impl std::fmt::Debug for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = String::from_utf8_lossy;
        let (database, name) = (text(&self.table.database), text(&self.table.name));
        write!(f, "{} {} {database}.{name}", self.kind, self.mode)
    }
}

impl Lock {
    fn of(row: Vec<String>) -> Self {
        let [mode, kind, database, name] = <[String; 4]>::try_from(row).unwrap();
        let table = Table {
            database: database.into_bytes().into_boxed_slice(),
            name: name.into_bytes().into_boxed_slice(),
        };
        Self { mode, kind, table }
    }

    /// What every statement takes, the server's own statistics of tables, and `GET_LOCK` of
    /// statements before.
    fn is_noise(&self) -> bool {
        let statistics = [&b"table_stats"[..], b"column_stats", b"index_stats"];
        let user = self.kind == "User lock";
        let statistics =
            *self.table.database == *b"mysql" && statistics.contains(&&*self.table.name);
        user || statistics
            || matches!(&*self.kind, "Global read lock" | "Backup lock" | "Schema metadata lock")
    }

    /// A lock of another kind than a table's is a function: never covered.
    fn is_covered(&self, depends: impl Fn(&Table) -> bool) -> bool {
        self.kind == "Table metadata lock" && depends(&self.table)
    }

    fn is_write(&self) -> bool {
        self.kind == "Table metadata lock" && WRITE_MODES.contains(&&*self.mode)
    }
}

/// Whether SQL leaves open what the answer is: which rows a LIMIT takes, which row a column that is
/// not grouped is of. Then it may differ for one and the same session.
fn is_open(text: &[u8]) -> bool {
    let upper = text.to_ascii_uppercase();
    let has = |word: &[u8]| upper.windows(word.len()).any(|at| at == word);
    [&b"LIMIT"[..], b"GROUP", b"OVER", b"FETCH", b"HAVING"].into_iter().any(has)
}

fn sorted(rows: &Rows) -> (Vec<&[u8]>, Vec<&[u8]>) {
    let mut all: Vec<&[u8]> = rows.rows.iter().map(|row| &**row).collect();
    all.sort_unstable();
    (rows.columns.iter().map(|column| &**column).collect(), all)
}

fn names(written: &Written<'_>, lock: &Lock) -> bool {
    written.tables.iter().any(|table| **table == lock.table)
}

fn is_sequence(catalog: &Catalog, lock: &Lock) -> bool {
    use menshen_sql_core::judge::{Bar, Names as _, Relation};
    let relation = catalog.relation(&lock.table.database, &lock.table.name);
    matches!(relation, Relation::Known(known) if known.bar == Some(Bar::Sequence))
}

/// Sequences are written, but never cached; locking reads lock as if they wrote.
fn writes_unseen(statement: &Statement<'_>) -> bool {
    let sequence = |name: &Name<'_>| matches!(&*name.name.bytes(), b"s1" | b"vs");
    statement.calls.iter().any(|call| call.role == CallRole::Sequence)
        || statement.is(Flag::Locking)
        || statement.names.iter().any(sequence)
}

/// What writes rows and leaves transaction and schema alone. Locking reads take the locks of
/// writes.
fn is_row_write(statement: &Statement<'_>) -> bool {
    let rows = matches!(
        statement.kind,
        Kind::Insert | Kind::Replace | Kind::Update | Kind::Delete | Kind::Call | Kind::Do
    );
    rows || statement.kind == Kind::Select && !statement.is(Flag::Locking)
}

const OPTIONS: &[&str] = &[
    "--secure-file-priv=",
    "--innodb-stats-auto-recalc=OFF",
    "--innodb-flush-method=nosync",
    "--skip-innodb-doublewrite",
    "--sync-frm=OFF",
    "--max-connections=50",
    "--log-bin-trust-function-creators=ON",
];
const WRITE_MODES: &[&str] = &[
    "MDL_SHARED_WRITE",
    "MDL_SHARED_UPGRADABLE",
    "MDL_SHARED_NO_WRITE",
    "MDL_SHARED_NO_READ_WRITE",
    "MDL_EXCLUSIVE",
];
/// `CR_SERVER_LOST`.
const LOST: u16 = 2013;
/// More of these are not bugs of the server any more but a server that cannot run.
const DEADLY_MAX: usize = 8;
/// `ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION`.
const READ_ONLY: u16 = 1792;
