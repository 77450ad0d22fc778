//! The schema as rows of `information_schema`.
//!
//! Names go into statements as hexadecimal literals, so nothing of them is ever read as SQL.

use std::fmt::Write as _;

use menshen_sql_core::catalog::{
    Builder, Catalog, ForeignKeyRow, LetterCase, RoutineRow, Scope, TableRow, TriggerRow, Unseen,
};
use menshen_sql_core::lexer::{Dialect, Server};
use menshen_sql_core::wire::command::QUERY;

use crate::control::{Client, ClientError, Row};

/// Why the schema was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The server refused a statement, or met a lock.
    #[error("the server did not answer a question about its schema")]
    Refused,
    /// There are more tables than are read.
    #[error("the server has more tables than are read")]
    Many,
}

impl From<ClientError> for ReadError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Server { .. } => Self::Refused,
            ClientError::Long => Self::Many,
            _ => Self::Unreachable,
        }
    }
}

/// Databases that alone are logged, if any, and such that are not.
type Filters = (Vec<Box<[u8]>>, Vec<Box<[u8]>>);

/// What the server says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Names and values of its variables, in lower case, as far as asked for.
    variables: Vec<(String, String)>,
    /// `binlog_do_db` and `binlog_ignore_db`.
    filters: Filters,
    version: String,
}

impl ServerFacts {
    /// Asks the server.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn read(client: &mut Client) -> Result<Self, ClientError> {
        let rows = client.query(VARIABLES, 100).await?;
        let pair = |row: Row| Some((text(&row, 0).to_lowercase(), text(&row, 1)));
        let variables = rows.into_iter().filter_map(pair).collect();
        let version = client.version().to_owned();
        let mut facts = Self { variables, version, ..Self::default() };
        if facts.is_on("log_bin") {
            facts.filters = facts.filters(client).await?;
        }
        Ok(facts)
    }

    /// Its grammar and version.
    #[must_use]
    pub fn server(&self) -> Server {
        let version = self.version.strip_prefix("5.5.5-").unwrap_or(&self.version);
        let mariadb = version.contains("MariaDB") || self.variable("version").contains("MariaDB");
        let mut parts = version.split(|one: char| !one.is_ascii_digit()).map(str::parse::<u32>);
        let mut next = || parts.next().and_then(Result::ok).unwrap_or(0).min(999);
        let version = next() * 10_000 + next() * 100 + next();
        let dialect = if mariadb { Dialect::Mariadb } else { Dialect::Mysql };
        Server { dialect, version }
    }

    /// A variable's value; empty if the server does not have it.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.variable(name), "ON" | "1" | "YES")
    }

    /// Which databases' changes may be missing in the binary log. With row format the table's own
    /// database decides, else the default database of whoever writes, so nothing is certain.
    #[must_use]
    pub fn unseen(&self) -> Unseen {
        let (only, without) = &self.filters;
        match (only.is_empty(), without.is_empty()) {
            (true, true) => Unseen::None,
            _ if self.variable("binlog_format") != "ROW" => Unseen::All,
            (false, _) => Unseen::AllBut(only.clone()),
            (true, false) => Unseen::These(without.clone()),
        }
    }

    fn letters(&self) -> LetterCase {
        match self.variable("lower_case_table_names") {
            "1" | "2" => LetterCase::Insensitive,
            _ => LetterCase::Sensitive,
        }
    }

    async fn filters(&self, client: &mut Client) -> Result<Filters, ClientError> {
        let rows = match client.query("SHOW MASTER STATUS", 2).await {
            // MySQL 8.4 has another word.
            Err(ClientError::Server { code: 1064, .. }) => {
                client.query("SHOW BINARY LOG STATUS", 2).await?
            }
            other => other?,
        };
        let list = |column: usize| {
            let text = rows.first().map(|row| text(row, column)).unwrap_or_default();
            let names = text.split(',').filter(|name| !name.is_empty());
            names.map(|name| name.as_bytes().into()).collect()
        };
        Ok((list(2), list(3)))
    }
}

/// Reads these scopes again; the rest stays as it is in `before`.
pub(super) async fn read(
    client: &mut Client,
    before: &Catalog,
    scopes: &[Scope],
    tables_max: usize,
) -> Result<Catalog, ReadError> {
    // The server counts the first statement after FLUSH USER_STATISTICS for the address only, not
    // for the account (`sql/sql_connect.cc`, `update_global_user_stats`), and the surface takes the
    // account's numbers out of the address's: so the first one has no rows.
    client.command(QUERY, b"DO 0").await?;
    let facts = ServerFacts::read(client).await?;
    let scopes = before.widened(scopes);
    let mut builder = Builder::new(before, facts.server());
    builder.server(facts.letters(), facts.variable("event_scheduler") == "ON", facts.unseen());
    for scope in &scopes {
        builder.forget(scope);
        Reading { client, builder: &mut builder, tables_max }.scope(scope).await?;
    }
    let next = builder.finish(before);
    if next.len() > tables_max { Err(ReadError::Many) } else { Ok(next) }
}

struct Reading<'a> {
    client: &'a mut Client,
    builder: &'a mut Builder,
    tables_max: usize,
}

impl Reading<'_> {
    async fn scope(&mut self, scope: &Scope) -> Result<(), ReadError> {
        if *scope == Scope::Rights {
            return self.column_rights(scope).await;
        }
        if !matches!(scope, Scope::Table(..)) {
            let filter = filter(scope, "SCHEMA_NAME", "");
            for row in self.rows("SCHEMA_NAME", "SCHEMATA", &filter).await? {
                self.builder.schema(bytes(&row, 0));
            }
        }
        self.tables(scope).await?;
        self.column_rights(scope).await?;
        self.triggers(scope).await?;
        self.foreign_keys(scope).await?;
        if !matches!(scope, Scope::Table(..)) {
            self.routines(scope).await?;
        }
        Ok(())
    }

    async fn tables(&mut self, scope: &Scope) -> Result<(), ReadError> {
        let filter = filter(scope, "TABLE_SCHEMA", "TABLE_NAME");
        let columns = "TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE";
        let (mut merged, mut views) = (Vec::new(), false);
        for row in self.rows(columns, "TABLES", &filter).await? {
            let engine = row.get(3).and_then(Option::as_deref);
            let (db, name, kind) = (bytes(&row, 0), bytes(&row, 1), bytes(&row, 2));
            self.builder.table(&TableRow { db, name, kind, engine });
            views |= kind == b"VIEW";
            if engine.is_some_and(|engine| engine.eq_ignore_ascii_case(b"MRG_MYISAM")) {
                merged.push((db.to_vec(), name.to_vec()));
            }
        }
        if views {
            let columns = "TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION";
            for row in self.rows(columns, "VIEWS", &filter).await? {
                self.builder.view(bytes(&row, 0), bytes(&row, 1), bytes(&row, 2));
            }
        }
        // Of stored ones the rows have the values.
        let generated = format!("{filter} AND EXTRA LIKE 'VIRTUAL%'");
        let columns = "TABLE_SCHEMA, TABLE_NAME, GENERATION_EXPRESSION";
        for row in self.rows(columns, "COLUMNS", &generated).await? {
            self.builder.virtual_column(bytes(&row, 0), bytes(&row, 1), bytes(&row, 2));
        }
        for (db, name) in merged.iter().take(MERGED_MAX) {
            let text = format!("SHOW CREATE TABLE {}.{}", quoted(db)?, quoted(name)?);
            match self.client.query(&text, 1).await {
                Ok(rows) => {
                    let create = rows.first().map(|row| bytes(row, 1)).unwrap_or_default();
                    self.builder.merge(db, name, create);
                }
                // It stays unknown.
                Err(ClientError::Server { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Of all accounts. The server's own cache leaves such tables out too
    /// (`sql/sql_cache.cc`, `Query_cache::send_result_to_client`).
    async fn column_rights(&mut self, scope: &Scope) -> Result<(), ReadError> {
        let filter = filter(scope, "TABLE_SCHEMA", "TABLE_NAME");
        let columns = "DISTINCT TABLE_SCHEMA, TABLE_NAME";
        for row in self.rows(columns, "COLUMN_PRIVILEGES", &filter).await? {
            self.builder.column_rights(bytes(&row, 0), bytes(&row, 1));
        }
        Ok(())
    }

    async fn triggers(&mut self, scope: &Scope) -> Result<(), ReadError> {
        let filter = filter(scope, "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE");
        let columns = "EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_STATEMENT, SQL_MODE";
        for row in self.rows(columns, "TRIGGERS", &filter).await? {
            let (db, table) = (bytes(&row, 0), bytes(&row, 1));
            let (body, sql_mode) = (bytes(&row, 2), bytes(&row, 3));
            self.builder.trigger(&TriggerRow { db, table, body, sql_mode });
        }
        Ok(())
    }

    async fn foreign_keys(&mut self, scope: &Scope) -> Result<(), ReadError> {
        let filter = filter(scope, "CONSTRAINT_SCHEMA", "TABLE_NAME");
        let columns = "UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, CONSTRAINT_SCHEMA, \
             TABLE_NAME, UPDATE_RULE, DELETE_RULE";
        for row in self.rows(columns, "REFERENTIAL_CONSTRAINTS", &filter).await? {
            self.builder.foreign_key(&ForeignKeyRow {
                parent_db: bytes(&row, 0),
                parent: bytes(&row, 1),
                child_db: bytes(&row, 2),
                child: bytes(&row, 3),
                on_update: bytes(&row, 4),
                on_delete: bytes(&row, 5),
            });
        }
        Ok(())
    }

    async fn routines(&mut self, scope: &Scope) -> Result<(), ReadError> {
        let filter_routines = filter(scope, "ROUTINE_SCHEMA", "");
        let columns = "ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, \
             IF(ROUTINE_BODY='SQL', ROUTINE_DEFINITION, NULL), SQL_MODE";
        for row in self.rows(columns, "ROUTINES", &filter_routines).await? {
            self.builder.routine(&RoutineRow {
                db: bytes(&row, 0),
                name: bytes(&row, 1),
                kind: bytes(&row, 2),
                body: row.get(3).and_then(Option::as_deref),
                sql_mode: bytes(&row, 4),
            });
        }
        let filter = format!("{} AND STATUS='ENABLED'", filter(scope, "EVENT_SCHEMA", ""));
        for row in self.rows("EVENT_SCHEMA, EVENT_NAME", "EVENTS", &filter).await? {
            self.builder.event(bytes(&row, 0), bytes(&row, 1));
        }
        Ok(())
    }

    async fn rows(&mut self, what: &str, of: &str, filter: &str) -> Result<Vec<Row>, ReadError> {
        let text = format!("SELECT {what} FROM information_schema.{of} WHERE {filter}");
        let rows = self.client.query(&text, self.tables_max.saturating_mul(4)).await?;
        self.complete().await?;
        Ok(rows)
    }

    /// What cannot be opened in time is left out of `information_schema` with a warning. (Others,
    /// about views whose tables are gone, are harmless.)
    async fn complete(&mut self) -> Result<(), ReadError> {
        if self.client.warnings() == 0 {
            return Ok(());
        }
        for row in self.client.query("SHOW WARNINGS", 100_000).await? {
            if LEFT_OUT.contains(&text(&row, 1).as_str()) {
                return Err(ReadError::Refused);
            }
        }
        Ok(())
    }
}

fn filter(scope: &Scope, db_column: &str, table_column: &str) -> String {
    match scope {
        Scope::Server | Scope::Rights => {
            let system = "('mysql','information_schema','performance_schema','sys')";
            format!("{db_column} NOT IN {system}")
        }
        Scope::Database(db) => format!("{db_column}={}", literal(db)),
        Scope::Table(db, table) => {
            format!("{db_column}={} AND {table_column}={}", literal(db), literal(table))
        }
    }
}

/// A text literal whatever the bytes are. A constant, so that the server opens one table only.
fn literal(name: &[u8]) -> String {
    let mut text = String::from("CONVERT(0x");
    for byte in name {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(" USING utf8)");
    if name.is_empty() { "''".to_owned() } else { text }
}

fn quoted(name: &[u8]) -> Result<String, ReadError> {
    let name = std::str::from_utf8(name).map_err(|_| ReadError::Refused)?;
    Ok(format!("`{}`", name.replace('`', "``")))
}

fn bytes(row: &Row, column: usize) -> &[u8] {
    row.get(column).and_then(Option::as_deref).unwrap_or_default()
}

fn text(row: &Row, column: usize) -> String {
    String::from_utf8_lossy(bytes(row, column)).into_owned()
}

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', \
     'lower_case_table_names', 'event_scheduler', 'log_bin', 'binlog_format', 'server_id', \
     'log_slave_updates', 'log_replica_updates', 'wsrep_on', 'gtid_mode', 'binlog_checksum')";

/// ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_QUERY_INTERRUPTED, ER_OUT_OF_RESOURCES,
/// ER_CANT_OPEN_FILE, ER_STATEMENT_TIMEOUT.
const LEFT_OUT: &[&str] = &["1205", "1213", "1317", "1041", "1016", "1969"];

/// MERGE tables of one scope that are asked for, one statement each.
const MERGED_MAX: usize = 1_000;
