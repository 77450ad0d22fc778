//! Asks the server how far it is, as long as something waits for that.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::pin;
use std::time::{Duration, Instant};

use menshen_sql_core::binlog::Gtid;
use menshen_sql_core::follow::{Position, Settling, xid_key};

use super::{Ended, FollowSettings};
use crate::control::{Client, ClientError, Row};
use crate::follow::{FollowState, Gate, Shared};

/// Where a stream starts: all before is visible.
pub(super) struct Start {
    pub(super) file: String,
    pub(super) position: u64,
    /// MySQL: the GTIDs that are visible; the stream brings all others.
    pub(super) executed: Option<String>,
}

/// Asks for the place to start at.
pub(super) async fn start(asker: &mut Client, settling: Settling) -> Result<Start, Ended> {
    if settling == Settling::Executed {
        let rows = asker.query("SELECT @@GLOBAL.gtid_executed", 1).await?;
        let executed = Some(value(&rows, 0, 0).replace(['\n', ' '], ""));
        return Ok(Start { file: String::new(), position: 4, executed });
    }
    let rows = asker.query(SNAPSHOT, 4).await?;
    let position = value(&rows, 1, 1).parse().map_err(|_| Ended::Broken)?;
    Ok(Start { file: value(&rows, 0, 1), position, executed: None })
}

/// Asks until the connection fails.
pub(super) async fn run(
    shared: &Shared,
    asker: &mut Client,
    settings: &FollowSettings,
) -> Result<Infallible, Ended> {
    let mut tries: u32 = 0;
    let mut behind = Behind::default();
    let mut last = Position::default();
    loop {
        let waiting = shared.ask(|follow| follow.is_unsettled() || follow.is_leaving());
        if waiting != Some(true) {
            tries = 0;
            let news = shared.unsettled.notified();
            if tokio::time::timeout(settings.silence / PARTS, news).await.is_ok() {
                continue;
            }
        }
        let by_gtid = shared.ask(|follow| follow.settling()) == Some(Settling::Executed);
        if by_gtid {
            executed(shared, asker).await?;
        } else {
            let asked = Instant::now();
            let rows = {
                let mut answer = pin!(asker.query(SNAPSHOT, 4));
                match tokio::time::timeout(settings.silence / PARTS, &mut answer).await {
                    Ok(rows) => rows?,
                    Err(_) => {
                        behind.closed = true;
                        shared.turn(FollowState::Behind, Gate::Closed);
                        answer.await?
                    }
                }
            };
            let at = value(&rows, 1, 1).parse().map_err(|_| Ended::Broken)?;
            let reached = Position::of(value(&rows, 0, 1).as_bytes(), at);
            // It may be behind the stream, but not behind itself: the log was begun anew.
            if reached < std::mem::replace(&mut last, reached) {
                return Err(Ended::Broken);
            }
            shared.with(|follow, now, out| follow.reached(now, reached, out));
            let stream = shared.ask(|follow| follow.position()).unwrap_or_default();
            match behind.look(stream, reached, (asked, Instant::now()), settings.silence) {
                Some(Turn::Open) => shared.turn(FollowState::Following, Gate::Open),
                Some(Turn::Close) => shared.turn(FollowState::Behind, Gate::Closed),
                None => {}
            }
        }
        if shared.ask(|follow| follow.is_leaving()) == Some(true) {
            let still = recover(asker).await?;
            shared.with(|follow, _, out| follow.recovered(&still, out));
        }
        tries += 1;
        if tries > AT_ONCE {
            tokio::time::sleep(Duration::from_micros(200) * tries.min(25)).await;
        }
    }
}

/// Whether the stream comes after the server: it is timed on its way to where the server was.
///
/// The gate is closed at most a silence after the first change that the stream has not brought, in
/// parts of an eighth: looks are one apart, and their answers take one, or the gate is closed while
/// they are awaited. While it is open, all changes up to a place were seen that was noted within
/// the last two and a half; the next place is late after as many (5), which the next answer finds
/// out (7).
#[derive(Default)]
struct Behind {
    target: Option<(Position, Instant)>,
    closed: bool,
}

/// What becomes of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Open,
    Close,
}

impl Behind {
    /// The stream is at `stream`; the server, asked at `asked`, has said at `now` that it is at
    /// `server`.
    fn look(
        &mut self,
        stream: Position,
        server: Position,
        (asked, now): (Instant, Instant),
        silence: Duration,
    ) -> Option<Turn> {
        let (target, since) = *self.target.get_or_insert((server, asked));
        let (part, after) = (silence / PARTS, |then| now.saturating_duration_since(then));
        let caught_up = stream >= server && after(asked) <= part;
        let in_time = caught_up || after(since) <= part * 5 / 2;
        let reached = stream >= target;
        if reached {
            // The next one at once: between two nobody would see that the stream stands.
            self.target = Some((server, asked));
        }
        match (reached, in_time) {
            (true, true) if self.closed => {
                self.closed = false;
                Some(Turn::Open)
            }
            (_, false) if !self.closed => {
                self.closed = true;
                Some(Turn::Close)
            }
            _ => None,
        }
    }
}

async fn executed(shared: &Shared, asker: &mut Client) -> Result<(), Ended> {
    let (gtids, mark) = shared.ask(|follow| follow.asked()).unwrap_or_default();
    let mut text = String::from("SELECT GTID_SUBSET('");
    for gtid in &gtids {
        if let Gtid::MySql { .. } = gtid {
            let _ = write!(text, "{gtid},");
        }
    }
    let text = format!("{}', @@GLOBAL.gtid_executed)", text.trim_end_matches(','));
    let rows = asker.query(&text, 1).await?;
    if value(&rows, 0, 0) == "1" {
        shared.with(|follow, now, out| follow.reached(now, mark, out));
    }
    Ok(())
}

/// Prepared transactions; none if the account may not ask.
async fn recover(asker: &mut Client) -> Result<std::collections::BTreeSet<Box<[u8]>>, ClientError> {
    let rows = match asker.query("XA RECOVER", 100_000).await {
        Err(ClientError::Server { .. }) => Vec::new(),
        other => other?,
    };
    let key = |row: &Row| {
        let number = |at: usize| std::str::from_utf8(row.get(at)?.as_ref()?).ok()?.parse().ok();
        let data = row.get(3)?.as_ref()?;
        let (format, global): (u32, u32) = (number(0)?, number(1)?);
        let (global, branch) = data.split_at_checked(usize::try_from(global).ok()?)?;
        Some(xid_key(format, global, branch))
    };
    Ok(rows.iter().filter_map(key).collect())
}

fn value(rows: &[Row], row: usize, column: usize) -> String {
    let value = rows.get(row).and_then(|row| row.get(column)).and_then(Option::as_ref);
    value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

/// File and position, in this order.
pub(super) const SNAPSHOT: &str = "SHOW GLOBAL STATUS LIKE 'Binlog\\_snapshot\\_%'";

/// Questions without a pause between them.
const AT_ONCE: u32 = 3;
/// See [`Behind`].
const PARTS: u32 = 8;

#[cfg(test)]
mod tests;
