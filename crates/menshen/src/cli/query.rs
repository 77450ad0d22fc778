//! Options of `menshen explain query`.

use clap::Args;

use super::Place;

/// Whether the sql door answers a statement from its cache, and the reason
///
/// Cached or not, the row of the decision table that says so, the tables the statement depends on,
/// who changed them last, and how often it was answered so far. The running door is asked over its
/// control socket, as root or as the user who started it; the statement is read there and not run.
/// Without a running door the decision table alone answers, which knows no tables.
///
/// Exit code 0: cached, or the next result will be; 1: it goes to the server each time; 2: usage.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen explain query \"SELECT * FROM shop.goods WHERE id = 1\"\n  \
    menshen explain query --database shop \"SELECT name FROM goods\"\n  \
    menshen explain query - < slow.sql")]
pub(crate) struct QueryArguments {
    /// The statement; `-` reads standard input
    #[arg(value_name = "STATEMENT|-")]
    pub(crate) statement: String,
    /// The session's current database
    #[arg(long, short = 'D', value_name = "NAME", default_value = "")]
    pub(crate) database: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}
