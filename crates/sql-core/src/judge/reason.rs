//! The rows of the decision table, in the order in which they are asked.

macro_rules! reasons {
    ($($name:ident, $code:literal, $says:literal, $hint:literal;)*) => {
        /// Why a statement was not answered from the cache or not stored: one row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $says] $name,)*
        }

        impl Reason {
            /// All rows, in the order in which they are asked.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable name of the row.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What the row says.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says,)* }
            }

            /// What to do about it.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }
        }
    };
}

reasons! {
    // Asked before the text is looked at.
    CacheOff, "cache-off", "the cache is off", "set query_cache_type and query_cache_size";
    NoFollower, "no-follower", "writes of others cannot be seen",
        "let the door follow the binary log, or set without_binlog";
    FollowerBehind, "follower-behind", "the follower has not caught up", "wait; see the lag";
    Retired, "retired", "this process is being replaced", "connect again";
    // The session's state.
    NoTracking, "no-tracking", "the server does not report session state",
        "needs MariaDB 10.2 or MySQL 5.7";
    OpaqueSession, "opaque-session", "the session holds state the door does not know",
        "COM_RESET_CONNECTION or a new connection clears it";
    FixedTimestamp, "fixed-timestamp", "the session has set `timestamp`", "SET timestamp=DEFAULT";
    LockedTables, "locked-tables", "the session holds LOCK TABLES", "UNLOCK TABLES";
    Isolation, "isolation", "the isolation level is SERIALIZABLE or READ UNCOMMITTED",
        "use READ COMMITTED or REPEATABLE READ";
    InTransaction, "in-transaction", "inside a transaction whose snapshot the entry may not match",
        "see `transactions` in [sql]";
    Unconfirmed, "unconfirmed",
        "inside a transaction, and the binary log is not known to be seen up to its snapshot",
        "nothing: it is known a moment later";
    OwnWrites, "own-writes", "the transaction has written to a table it reads", "commit first";
    // The statement's shape.
    NotARead, "not-a-read", "not a SELECT", "only SELECT and WITH are cached";
    SetStatement, "set-statement", "SET STATEMENT changes variables for it", "set them before";
    TooLong, "too-long", "longer than the part that is inspected", "raise inspect_bytes_max";
    Uncertain, "uncertain-text", "the text may mean something else to the server",
        "use a character set such as utf8mb4 and no ORACLE mode";
    SeveralStatements, "several-statements", "several statements in one text", "send them singly";
    ExecutableComment, "executable-comment", "holds a comment that the server may execute",
        "write its content without the comment";
    NoCache, "sql-no-cache", "SQL_NO_CACHE asks for it", "leave it out";
    NotDemanded, "not-demanded", "query_cache_type is DEMAND and SQL_CACHE is missing",
        "write SELECT SQL_CACHE";
    Into, "into", "the result goes INTO a file or variable", "select without INTO";
    Locking, "locking-read", "FOR UPDATE or LOCK IN SHARE MODE locks rows", "leave the lock out";
    Procedure, "procedure-analyse", "PROCEDURE ANALYSE looks at the rows", "leave it out";
    SystemTime, "system-time", "FOR SYSTEM_TIME reads history", "such tables are not cached";
    UserVariable, "user-variable", "uses a user variable", "use a parameter or a literal";
    SystemVariable, "system-variable", "uses a system variable", "select it separately";
    LastInsertId, "auto-is-null", "`IS NULL` finds the last insert id with sql_auto_is_null",
        "SET sql_auto_is_null=0";
    Diagnostics, "diagnostics", "asks about the statement before", "nothing: it cannot be cached";
    ImpureFunction, "impure-function", "a function whose result is not its arguments' alone",
        "move the function into the application";
    StoredFunction, "stored-function", "a stored, loadable or unknown function",
        "only built-in pure functions are cached";
    NoTable, "no-table", "reads no table", "nothing: the server answers it as fast";
    // The names.
    NoDatabase, "no-database", "a table without a database, and none is chosen", "USE one";
    SystemTable, "system-table", "reads a table of the system schemas", "they change by themselves";
    TemporaryTable, "temporary-table", "reads a temporary table", "it belongs to one session";
    UnknownTable, "unknown-table", "reads a table the catalog does not know",
        "give the control account the right to see it";
    Sequence, "sequence", "reads a sequence", "sequences change when they are read";
    ForeignEngine, "foreign-engine", "reads a table whose rows live elsewhere",
        "FEDERATED, SPIDER, CONNECT and the like are not cached";
    VersionedTable, "versioned-table", "reads a system-versioned table", "they are not cached";
    OpaqueView, "opaque-view", "reads a view whose definition cannot be seen",
        "give the control account SHOW VIEW";
    ImpureView, "impure-view", "reads a view that uses functions, variables or system tables",
        "see the view's definition";
    UnseenWrites, "unseen-writes", "reads a table whose writes the binary log does not hold",
        "see binlog_do_db and binlog_ignore_db";
    ColumnRights, "column-rights", "reads a table with rights on single columns",
        "grant the table";
    // The lookup.
    WriteInFlight, "write-in-flight", "a write to one of its tables is under way", "nothing";
    // The reply.
    ServerError, "server-error", "the server answered with an error", "see the error";
    SeveralResults, "several-results", "more results follow", "nothing";
    Warnings, "warnings", "the server raised warnings", "see SHOW WARNINGS";
    ResultTooLarge, "result-too-large", "the result is larger than query_cache_limit",
        "raise result_bytes_max";
    Cursor, "cursor", "the client reads through a cursor or sends long data", "nothing";
    FillInFlight, "fill-in-flight", "another session is storing it", "nothing: the next one hits";
    ChangedMeanwhile, "changed-meanwhile", "one of its tables changed while it ran", "nothing";
    NoMemory, "no-memory", "no room in the cache", "raise cache_bytes_max";
}
