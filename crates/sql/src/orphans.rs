//! Writes whose outcome nobody awaits any more: their slots stay pending until the server says that
//! they are over.
//!
//! How it fails: while the server cannot be asked they stay pending; a restarted server has none of
//! the old threads, so the first answer lets them go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use menshen_sql_core::versions::Slot;
use tokio::sync::mpsc;

use crate::control::{Client, ClientError};

/// What must be over before slots are let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The server's thread of that id (the greeting's connection id) is gone.
    ThreadGone(u64),
    /// No rows of INSERT DELAYED are waiting.
    DelayedFlushed,
}

/// The handle sessions have.
#[derive(Clone, Debug)]
pub struct Orphans {
    asks: mpsc::UnboundedSender<Orphan>,
    left: Arc<AtomicU64>,
}

/// Orphans on their way to who looks after them.
#[derive(Debug)]
pub(crate) struct Arrive {
    asks: mpsc::UnboundedReceiver<Orphan>,
    left: Arc<AtomicU64>,
}

#[derive(Debug)]
pub(crate) struct Orphan {
    slots: Vec<Slot>,
    until: Until,
    /// Since when it looks over; for DELAYED it must look so twice.
    over: Option<Instant>,
}

impl Orphans {
    pub(crate) fn new() -> (Self, Arrive) {
        let (asks, arrive) = mpsc::unbounded_channel();
        let left = Arc::<AtomicU64>::default();
        (Self { asks, left: Arc::clone(&left) }, Arrive { asks: arrive, left })
    }

    /// How many were adopted and are not over.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(SeqCst)
    }

    /// Takes over slots that `Versions::begin` was called for. `end(Happened)` is called for them
    /// once `until` is fulfilled, however long that takes.
    pub fn adopt(&self, slots: Vec<Slot>, until: Until) {
        self.left.fetch_add(1, SeqCst);
        // With the thread gone the process is ending, and the guard retires these versions.
        drop(self.asks.send(Orphan { slots, until, over: None }));
    }
}

/// Looks after orphans until nobody can bring any more; `end` is called with slots that are over.
pub(crate) async fn run(
    Arrive { asks: mut arrive, left }: Arrive,
    end: impl Fn(&[Slot]),
    connect: impl AsyncFn() -> Option<Client>,
) {
    let mut waiting: Vec<Orphan> = Vec::new();
    let mut client = None;
    loop {
        if waiting.is_empty() {
            client = None;
            match arrive.recv().await {
                Some(orphan) => waiting.push(orphan),
                None => return,
            }
        }
        while let Ok(orphan) = arrive.try_recv() {
            waiting.push(orphan);
        }
        if client.is_none() {
            client = connect().await;
        }
        if let Some(connection) = client.as_mut()
            && look(connection, &mut waiting, &end, &left).await.is_err()
        {
            client = None;
        }
        tokio::time::sleep(if client.is_some() { PERIOD } else { RETRY }).await;
    }
}

async fn look(
    client: &mut Client,
    waiting: &mut Vec<Orphan>,
    end: &impl Fn(&[Slot]),
    left: &AtomicU64,
) -> Result<(), ClientError> {
    let threads = threads(client).await?;
    let delayed = match waiting.iter().any(|one| one.until == Until::DelayedFlushed) {
        true => delayed(client).await?,
        false => 0,
    };
    let now = Instant::now();
    waiting.retain_mut(|one| {
        let over = match &one.until {
            Until::ThreadGone(id) => !threads.contains(id),
            Until::DelayedFlushed if delayed > 0 => {
                one.over = None;
                false
            }
            // The last row is counted off before its lock is given back.
            Until::DelayedFlushed => {
                now.duration_since(*one.over.get_or_insert(now)) >= DELAYED_GRACE
            }
        };
        if over {
            end(&one.slots);
            left.fetch_sub(1, SeqCst);
        }
        !over
    });
    Ok(())
}

async fn threads(client: &mut Client) -> Result<BTreeSet<u64>, ClientError> {
    let rows = client.query("SELECT ID FROM information_schema.PROCESSLIST", 1_000_000).await?;
    let id =
        |row: Vec<Option<Vec<u8>>>| std::str::from_utf8(row.first()?.as_ref()?).ok()?.parse().ok();
    Ok(rows.into_iter().filter_map(id).collect())
}

async fn delayed(client: &mut Client) -> Result<u64, ClientError> {
    let rows = client.query("SHOW GLOBAL STATUS LIKE 'Not_flushed_delayed_rows'", 1).await?;
    let value = rows.first().and_then(|row| row.get(1)?.as_deref());
    let text = value.map(String::from_utf8_lossy).unwrap_or_default();
    Ok(text.parse().unwrap_or(0))
}

const PERIOD: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_millis(500);
const DELAYED_GRACE: Duration = Duration::from_millis(60);
