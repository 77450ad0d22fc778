//! Words the reader knows: keywords it acts on, words that are never names, built-in functions.
//!
//! One table, looked up without allocation. A word is marked reserved only if every supported
//! server reserves it (MariaDB `sql/lex.h` and `sql_yacc.yy`, MySQL's list of keywords): a word
//! wrongly marked would hide a table of that name.

use crate::functions::{FUNCTIONS, Purity};

/// What is known of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// In capitals.
    pub(super) text: &'static str,
    /// The keyword, if the reader acts on it.
    pub(super) key: Key,
    /// Never a name without quotes.
    pub(super) reserved: bool,
    /// What it is in front of a bracket.
    pub(super) function: Option<Purity>,
}

macro_rules! keys {
    ($($name:ident $text:literal $($reserved:ident)?;)*) => {
        /// Keywords the reader acts on.
        #[expect(clippy::enum_variant_names, reason = "KEY is a keyword")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Key {
            /// Not a keyword, or one that nothing depends on.
            None,
            $($name,)*
        }

        const KEYS: &[Word] = &[$(Word {
            text: $text,
            key: Key::$name,
            reserved: keys!(@ $($reserved)?),
            function: None,
        },)*];
    };
    (@ r) => { true };
    (@) => { false };
}

keys! {
    Aggregate "AGGREGATE"; Algorithm "ALGORITHM"; All "ALL" r; Alter "ALTER" r; Analyze "ANALYZE" r;
    And "AND" r; As "AS" r; Atomic "ATOMIC"; Backup "BACKUP"; Begin "BEGIN"; Binary "BINARY" r;
    Binlog "BINLOG"; Cache "CACHE"; Call "CALL" r; Case "CASE" r; Chain "CHAIN"; Change "CHANGE" r;
    Character "CHARACTER" r; Charset "CHARSET"; Check "CHECK" r; Checksum "CHECKSUM";
    Clone "CLONE"; Column "COLUMN" r; Commit "COMMIT"; Concurrent "CONCURRENT";
    Consistent "CONSISTENT"; Count "COUNT"; Create "CREATE" r; Cycle "CYCLE"; Data "DATA";
    Database "DATABASE"; Deallocate "DEALLOCATE"; Default "DEFAULT" r; Definer "DEFINER";
    Delayed "DELAYED" r; Delete "DELETE" r; Desc "DESC" r; Describe "DESCRIBE" r;
    Diagnostics "DIAGNOSTICS"; Distinct "DISTINCT" r; DistinctRow "DISTINCTROW" r; Do "DO";
    Drop "DROP" r; Dual "DUAL" r; Dumpfile "DUMPFILE"; Errors "ERRORS"; Event "EVENT";
    Except "EXCEPT"; Exchange "EXCHANGE"; Execute "EXECUTE"; Exists "EXISTS" r; Explain "EXPLAIN" r;
    Extended "EXTENDED"; Fetch "FETCH" r; Flush "FLUSH"; For "FOR" r; Force "FORCE" r;
    Format "FORMAT"; From "FROM" r; Fulltext "FULLTEXT" r; Function "FUNCTION"; Get "GET";
    Global "GLOBAL"; Grant "GRANT" r; Group "GROUP" r; Handler "HANDLER"; Having "HAVING" r;
    Help "HELP"; HighPriority "HIGH_PRIORITY" r; History "HISTORY"; If "IF" r; Ignore "IGNORE" r;
    Immediate "IMMEDIATE"; Import "IMPORT"; In "IN" r; Index "INDEX" r; Infile "INFILE" r;
    Insert "INSERT" r; Install "INSTALL"; Instance "INSTANCE"; Intersect "INTERSECT"; Into "INTO" r;
    Is "IS" r; Isolation "ISOLATION"; Join "JOIN" r; Key "KEY" r; Kill "KILL" r;
    Lateral "LATERAL"; Like "LIKE" r; Limit "LIMIT" r; Load "LOAD" r; Local "LOCAL"; Lock "LOCK" r;
    Logfile "LOGFILE"; Loop "LOOP" r; LowPriority "LOW_PRIORITY" r; Master "MASTER";
    Names "NAMES"; Next "NEXT"; No "NO"; Not "NOT" r; NoWriteToBinlog "NO_WRITE_TO_BINLOG" r;
    Null "NULL" r; Offline "OFFLINE"; On "ON" r; Online "ONLINE"; Only "ONLY"; Open "OPEN";
    Optimize "OPTIMIZE" r; Or "OR" r; Order "ORDER" r; Outfile "OUTFILE" r; Package "PACKAGE";
    Partition "PARTITION"; Partitions "PARTITIONS"; Password "PASSWORD"; Persist "PERSIST";
    PersistOnly "PERSIST_ONLY"; Phase "PHASE"; Plugin "PLUGIN"; Prepare "PREPARE";
    Previous "PREVIOUS"; Privileges "PRIVILEGES"; Procedure "PROCEDURE" r; Purge "PURGE" r;
    Query "QUERY"; Quick "QUICK"; Read "READ" r; Recover "RECOVER"; Recursive "RECURSIVE";
    References "REFERENCES" r; Release "RELEASE" r; Rename "RENAME" r; Repair "REPAIR";
    Repeat "REPEAT" r; Replace "REPLACE" r; Reset "RESET"; Resignal "RESIGNAL" r;
    Resource "RESOURCE";
    Restart "RESTART"; Returning "RETURNING"; Revoke "REVOKE" r; Role "ROLE"; Rollback "ROLLBACK";
    Rollup "ROLLUP"; Savepoint "SAVEPOINT"; Schema "SCHEMA"; Security "SECURITY";
    Select "SELECT" r; Sequence "SEQUENCE"; Server "SERVER"; Session "SESSION"; Set "SET" r;
    Share "SHARE"; Show "SHOW" r; Shutdown "SHUTDOWN"; Signal "SIGNAL" r; Slave "SLAVE";
    Snapshot "SNAPSHOT"; Soname "SONAME"; Spatial "SPATIAL" r; Sql "SQL" r;
    SqlBigResult "SQL_BIG_RESULT" r; SqlBufferResult "SQL_BUFFER_RESULT"; SqlCache "SQL_CACHE";
    SqlCalcFoundRows "SQL_CALC_FOUND_ROWS" r; SqlNoCache "SQL_NO_CACHE";
    SqlSmallResult "SQL_SMALL_RESULT" r; Start "START"; Statement "STATEMENT"; Status "STATUS";
    Stop "STOP"; StraightJoin "STRAIGHT_JOIN" r; SystemTime "SYSTEM_TIME"; Table "TABLE" r;
    Tables "TABLES"; Tablespace "TABLESPACE"; Temporary "TEMPORARY"; To "TO" r;
    Transaction "TRANSACTION"; Trigger "TRIGGER" r; Truncate "TRUNCATE"; Undo "UNDO";
    Uninstall "UNINSTALL"; Union "UNION" r; Unique "UNIQUE" r; Unlock "UNLOCK" r;
    Update "UPDATE" r; Use "USE" r; User "USER"; Using "USING" r; Value "VALUE"; Values "VALUES" r;
    View "VIEW"; Warnings "WARNINGS"; Where "WHERE" r; While "WHILE" r; Window "WINDOW";
    With "WITH" r; Work "WORK"; Write "WRITE" r; Xa "XA"; Xml "XML"; One "ONE"; End "END";
}

/// Reserved by every server, and nothing is done about them: they are no names.
const RESERVED: &[&str] = &[
    "ADD",
    "ASC",
    "BEFORE",
    "BETWEEN",
    "BIGINT",
    "BLOB",
    "BOTH",
    "BY",
    "CASCADE",
    "CHAR",
    "COLLATE",
    "CONDITION",
    "CONSTRAINT",
    "CONVERT",
    "CROSS",
    "DEC",
    "DECIMAL",
    "DIV",
    "DOUBLE",
    "ELSE",
    "ENCLOSED",
    "ESCAPED",
    "FALSE",
    "FLOAT",
    "FOREIGN",
    "INNER",
    "INT",
    "INTEGER",
    "INTERVAL",
    "LEADING",
    "LEFT",
    "LINES",
    "LONG",
    "LONGBLOB",
    "LONGTEXT",
    "MATCH",
    "MEDIUMINT",
    "MEDIUMTEXT",
    "MOD",
    "NATURAL",
    "NUMERIC",
    "OPTIONALLY",
    "OUTER",
    "PRIMARY",
    "REGEXP",
    "RIGHT",
    "RLIKE",
    "SMALLINT",
    "STARTING",
    "TERMINATED",
    "THEN",
    "TINYINT",
    "TRAILING",
    "TRUE",
    "UNSIGNED",
    "VARBINARY",
    "VARCHAR",
    "WHEN",
    "XOR",
    "ZEROFILL",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "UTC_DATE",
    "UTC_TIME",
    "UTC_TIMESTAMP",
];

/// Looks a word up, whatever its case.
#[inline]
pub(super) fn lookup(word: &[u8]) -> Option<&'static Word> {
    if word.len() > LONGEST {
        return None;
    }
    let mut place = hash(word);
    loop {
        let index = usize::from(*TABLE.places.get(place)?);
        let found = TABLE.words.get(index.checked_sub(1)?)?;
        if found.text.len() == word.len() && word.eq_ignore_ascii_case(found.text.as_bytes()) {
            return Some(found);
        }
        place = (place + 1) % PLACES_LEN;
    }
}

/// Words and where they are: one more than the index, 0 for none; linear probing.
struct Table {
    words: [Word; WORDS_MAX],
    places: [u16; PLACES_LEN],
    len: u16,
}

impl Table {
    /// The three lists, made at compile time.
    const fn new() -> Self {
        let words = [Word { text: "", key: Key::None, reserved: false, function: None }; WORDS_MAX];
        let mut table = Self { words, places: [0; PLACES_LEN], len: 0 };
        let mut at = 0;
        while at < KEYS.len() {
            let place = table.place(KEYS[at].text);
            table.words[place] = KEYS[at];
            at += 1;
        }
        at = 0;
        while at < RESERVED.len() {
            let place = table.place(RESERVED[at]);
            table.words[place].reserved = true;
            at += 1;
        }
        at = 0;
        while at < FUNCTIONS.len() {
            let place = table.place(FUNCTIONS[at].0);
            assert!(table.words[place].function.is_none(), "a function is listed twice");
            table.words[place].function = Some(FUNCTIONS[at].1);
            at += 1;
        }
        table
    }

    /// The index of a word, put in if it is not there.
    const fn place(&mut self, text: &'static str) -> usize {
        let mut place = hash(text.as_bytes());
        while self.places[place] != 0 {
            let index = self.places[place] as usize - 1;
            if same(self.words[index].text.as_bytes(), text.as_bytes()) {
                return index;
            }
            place = (place + 1) % PLACES_LEN;
        }
        assert!(text.len() <= LONGEST);
        let index = self.len as usize;
        self.words[index].text = text;
        self.len += 1;
        self.places[place] = self.len;
        index
    }
}

/// Five bytes, case aside, and the length: enough to tell most words apart.
#[inline]
const fn hash(word: &[u8]) -> usize {
    let len = word.len();
    if len == 0 {
        return 0;
    }
    let first = word[0] as usize | 0x20;
    let second = word[if len > 1 { 1 } else { 0 }] as usize | 0x20;
    let middle = word[len / 2] as usize | 0x20;
    let last = word[len - 1] as usize | 0x20;
    let before = word[if len > 2 { len - 3 } else { 0 }] as usize | 0x20;
    let mixed = first | second << 8 | middle << 16 | last << 24 | before << 32 | len << 40;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53) % PLACES_LEN
}

const fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

const LONGEST: usize = 32;
const PLACES_LEN: usize = 2048;
const WORDS_MAX: usize = KEYS.len() + RESERVED.len() + FUNCTIONS.len();

static TABLE: Table = Table::new();
