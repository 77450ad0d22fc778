//! The sql door asked about itself: `menshen status` and `menshen explain query` on the control
//! socket, in the way of [`menshen_net::desk`].
//!
//! Answers hold statements as digests only, never literals, and nothing of passwords.
//!
//! How it fails: an asker that is too slow, says too much or no JSON gets [`Answer::Refused`] or
//! the end of the connection; the door goes on.

use std::io;
use std::os::unix::net;

use menshen_net::Desk;
pub use menshen_sql_core::surface::Qcache;
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Question {
    /// How the door is.
    Status {},
    /// Whether this statement is answered from the cache, and why.
    Explain {
        /// The statement, as a session of default settings would send it.
        statement: String,
        /// The current database; empty: none.
        #[serde(default)]
        database: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// To [`Question::Status`].
    Status(Box<StatusReport>),
    /// To [`Question::Explain`].
    Explain(Box<ExplainReport>),
    /// The question was none.
    Refused(String),
}

/// How the door is. Counters are of this process; those over all generations are in the
/// scoreboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusReport {
    /// Generation of the configuration it serves.
    pub generation: u64,
    /// Where clients connect, as bound.
    pub listen: Vec<String>,
    /// The server.
    pub upstream: String,
    /// The server's version as it greets; `None`: nobody has been greeted yet.
    pub server_version: Option<String>,
    /// Why nothing is answered from the cache now; `None`: reads are.
    pub off: Option<Why>,
    /// The eight counters of the query cache.
    pub qcache: Qcache,
    /// Bytes the cache uses, all overhead in.
    pub used_bytes: u64,
    /// `query_cache_size`, bytes.
    pub size_bytes: u64,
    /// `query_cache_limit`, bytes.
    pub result_bytes_max: u64,
    /// `query_cache_type`: `ON`, `OFF` or `DEMAND`.
    pub cache_type: String,
    /// Sessions held now.
    pub sessions: u64,
    /// Those of them that are relayed without the cache.
    pub sessions_uncached: u64,
    /// How writes of others are seen.
    pub follower: FollowerReport,
    /// Statements with the most hits.
    pub top_hits: Vec<StatementReport>,
    /// Statements whose results were stored most often for nothing.
    pub top_waste: Vec<StatementReport>,
    /// Rows of the decision table by how often they said no, the most frequent first.
    pub refusals: Vec<RefusalReport>,
}

/// A row of a table of reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Kebab-case, stable.
    pub code: String,
    /// The fact.
    pub says: String,
    /// What to do; may be empty.
    pub hint: String,
}

/// The follower of the binlog.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowerReport {
    /// Whether it follows.
    pub state: FollowerState,
    /// 99 of 100 changes are seen in the binlog within this time, microseconds.
    pub lag_micros: Option<u64>,
    /// Why it does not follow.
    pub why: Option<Why>,
    /// `sql.without_binlog` as written in the file, which holds while it does not follow.
    pub without_binlog: String,
    /// `sql.ttl_ms`, where that holds.
    pub ttl_ms: Option<u64>,
}

/// Whether the follower follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FollowerState {
    /// It cannot.
    #[default]
    Off,
    /// It is about to, or has not caught up.
    Behind,
    /// It does.
    Following,
}

/// One statement, without literals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementReport {
    /// The statement with `?` for its literals.
    pub digest: String,
    /// Times it was answered from the cache.
    pub hits: u64,
    /// Results stored.
    pub fills: u64,
    /// Of those, dropped without a hit.
    pub wasted: u64,
    /// Bytes its results hold now.
    pub bytes: u64,
    /// What the server would have taken for the hits, microseconds.
    pub saved_micros: u64,
}

/// A row of the decision table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalReport {
    /// The row.
    #[serde(flatten)]
    pub why: Why,
    /// How often it said no.
    pub count: u64,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainReport {
    /// The statement without literals.
    pub digest: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// The row of the decision table that says no; `None`: none does.
    pub why: Option<Why>,
    /// What the answer is a guess about, such as names that could not be looked up.
    pub unknown: Vec<String>,
    /// Tables it depends on.
    pub tables: Vec<TableReport>,
    /// The stored results, one for each set of session settings.
    pub entries: Vec<EntryReport>,
    /// Figures of its digest.
    pub figures: Option<StatementReport>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A result is in the cache and would be served.
    Cached,
    /// The next result will be stored.
    Cacheable,
    /// It goes to the server each time.
    #[default]
    NotCached,
}

/// A table a statement depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// `database.table`.
    pub name: String,
    /// Who changed it last, as far as it is known.
    pub changed: Option<ChangeReport>,
    /// Whether a write to it is in flight now.
    pub being_written: bool,
}

/// A change of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeReport {
    /// The statement without literals, or its place in the binlog.
    pub by: String,
    /// Account and connection, or `binlog`.
    pub who: String,
    /// When, seconds ago.
    pub seconds_ago: u64,
}

/// A result in the cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryReport {
    /// Bytes of the reply.
    pub reply_bytes: u64,
    /// Bytes it takes, overhead in.
    pub charged_bytes: u64,
    /// Its age, milliseconds.
    pub age_ms: u64,
    /// What a hit saves, microseconds.
    pub saved_micros: u64,
    /// Why it would not be served; `None`: it would be.
    pub absence: Option<String>,
}

/// Who knows the answers: the worker.
pub trait Reporter {
    /// How the door is.
    fn status(&self) -> StatusReport;

    /// What becomes of a statement that a session of default settings sends.
    fn explain(&self, statement: &[u8], database: &str) -> ExplainReport;
}

/// Answers on the control socket until dropped. Run it on one thread.
pub async fn serve(listener: UnixListener, reporter: &dyn Reporter) {
    let reply = |question| match question {
        Ok(Question::Status {}) => Answer::Status(Box::new(reporter.status())),
        Ok(Question::Explain { statement, database }) => {
            Answer::Explain(Box::new(reporter.explain(statement.as_bytes(), &database)))
        }
        Err(why) => Answer::Refused(why),
    };
    DESK.serve(listener, reply).await;
}

/// Asks a door, over a connection to its control socket.
///
/// # Errors
/// The door does not answer in time, or what it answers is of another version.
pub fn ask(stream: net::UnixStream, question: &Question) -> io::Result<Answer> {
    DESK.ask(stream, question)
}

/// Longest question, bytes: a statement as long as is inspected by default, as JSON.
pub const QUESTION_BYTES_MAX: usize = 2 << 20;

const DESK: Desk =
    Desk { question_bytes_max: QUESTION_BYTES_MAX, answer_bytes_max: ANSWER_BYTES_MAX };
const ANSWER_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests;
