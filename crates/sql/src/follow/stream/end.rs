//! Asks the server where its log ends, when a transaction wants to know how far writes are told.
//!
//! On a connection of its own, so that it does not wait for events to become visible; it is made
//! when it is wanted and closed when nobody has wanted it for long. One question at a time; it
//! costs the server something, so the next one waits a moment unless the last one led to hits. How
//! it fails: no connection or no answer, and nothing is told; sessions go on asking the server.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use menshen_sql_core::follow::Position;
use menshen_sql_core::lexer::Dialect;
use tokio::time::{sleep, timeout};

use crate::control::Client;
use crate::follow::{Asked, Shared};

/// Asks as long as it is polled.
pub(super) async fn run(
    shared: &Shared,
    connect: impl AsyncFn() -> Option<Client>,
    dialect: Dialect,
) -> Infallible {
    let mut asker: Option<Client> = None;
    let mut last = (Instant::now(), shared.snapshot_hits());
    loop {
        if !shared.told.is_wanted() {
            if timeout(IDLE, shared.told.wanted()).await.is_err() {
                asker = None;
            }
            continue;
        }
        let (asked, hits) = last;
        if shared.snapshot_hits() - hits < WORTH {
            sleep(PAUSE.saturating_sub(asked.elapsed())).await;
        }
        if asker.is_none() {
            asker = connect().await;
        }
        last = (Instant::now(), shared.snapshot_hits());
        let end = match &mut asker {
            Some(client) => {
                let moment = shared.versions.moment();
                shared.told.asks(moment);
                let from = shared.ask(|follow| follow.position()).unwrap_or_default();
                end_of_log(client, dialect).await.map(|end| Asked { moment, from, end })
            }
            None => None,
        };
        let Some(asked) = end else {
            asker = None;
            sleep(AGAIN).await;
            continue;
        };
        shared.answered(asked);
        while shared.awaits() {
            shared.told.arrived().await;
        }
    }
}

/// The end of what is written to the log; what is visible is before it.
async fn end_of_log(client: &mut Client, dialect: Dialect) -> Option<Position> {
    let texts: &[&str] = match dialect {
        Dialect::Mariadb => &["SHOW MASTER STATUS"],
        Dialect::Mysql => &["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"],
    };
    for text in texts {
        let Ok(rows) = client.query(text, 1).await else { continue };
        let value = |column: usize| rows.first()?.get(column)?.as_deref();
        let at = std::str::from_utf8(value(1)?).ok()?.parse().ok()?;
        return Some(Position::of(value(0)?, at));
    }
    None
}

/// Hits inside of transactions that a question is worth: what one spares the server is about what
/// a question costs it and the door.
const WORTH: u64 = 2;
/// The least time from a question that was not worth it to the next.
const PAUSE: Duration = Duration::from_millis(1);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// A connection that nobody has wanted for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
