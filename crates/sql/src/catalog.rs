//! The catalog that all threads share, and who reads it from the server.

mod read;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use menshen_sql_core::catalog::{Catalog, Scope};
use tokio::sync::{mpsc, oneshot};

use crate::control::Client;
pub use read::{ReadError, ServerFacts};

/// The catalog of the moment. Read on a miss, never on a hit.
#[derive(Debug, Default)]
pub struct CatalogCell {
    catalog: RwLock<Arc<Catalog>>,
    generation: AtomicU64,
}

impl CatalogCell {
    /// The catalog of the moment.
    pub fn load(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of the catalog of the moment.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Whether `catalog` is still the one of the moment. What was derived from it (tables of a
    /// statement, slots) must be derived anew if not: take the stamp first, then ask this.
    pub fn is_current(&self, catalog: &Catalog) -> bool {
        self.generation() == catalog.generation()
    }

    /// Makes the next catalog out of the one of the moment.
    fn publish(&self, make: impl FnOnce(&Catalog) -> Catalog) {
        let mut place = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        let next = make(&place).after(&place);
        self.generation.store(next.generation(), Ordering::SeqCst);
        *place = Arc::new(next);
    }
}

/// Reads the schema again when asked to.
#[derive(Clone, Debug)]
pub struct CatalogKeeper {
    cell: Arc<CatalogCell>,
    asks: mpsc::UnboundedSender<Ask>,
}

/// What became of a request to read names again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The catalog of the moment knows them as they are now.
    Done,
    /// They could not be read in time: the catalog calls them unknown, until they have been.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Ask {
    scopes: Vec<Scope>,
    done: oneshot::Sender<Refreshed>,
}

impl CatalogKeeper {
    /// A keeper over `cell`, and where its asks arrive.
    pub(crate) fn new(cell: Arc<CatalogCell>) -> (Self, mpsc::UnboundedReceiver<Ask>) {
        let (asks, arrive) = mpsc::unbounded_channel();
        (Self { cell, asks }, arrive)
    }

    /// Reads these again after DDL. Waits no longer than [`WAIT`]; a reading that takes longer goes
    /// on, and the names are unknown meanwhile.
    pub async fn refresh(&self, scopes: Vec<Scope>) -> Refreshed {
        self.within(scopes, WAIT).await
    }

    /// As [`Self::refresh`], for as long as it takes: the first reading of all.
    pub(crate) async fn read_all(&self) -> Refreshed {
        self.within(vec![Scope::Server], Duration::from_secs(600)).await
    }

    async fn within(&self, scopes: Vec<Scope>, time: Duration) -> Refreshed {
        let (done, answer) = oneshot::channel();
        let sent = self.asks.send(Ask { scopes: scopes.clone(), done });
        if sent.is_ok()
            && let Ok(Ok(refreshed)) = tokio::time::timeout(time, answer).await
        {
            return refreshed;
        }
        self.cell.publish(|catalog| catalog.forgotten(&scopes));
        // Whenever it can be read: the answer is awaited by nobody.
        let _ = self.asks.send(Ask { scopes, done: oneshot::channel().0 });
        Refreshed::Unknown
    }
}

/// Runs the keeper until nobody can ask any more.
pub(crate) async fn run(
    cell: Arc<CatalogCell>,
    mut asks: mpsc::UnboundedReceiver<Ask>,
    connect: impl AsyncFn() -> Option<Client>,
    tables_max: usize,
) {
    let mut reader = Reader { cell, connect, client: None, tables_max };
    // What could not be read, to be tried again.
    let mut unread: Vec<Scope> = Vec::new();
    loop {
        let first = match unread.is_empty() {
            true => asks.recv().await.ok_or(()),
            false => match tokio::time::timeout(AGAIN, asks.recv()).await {
                Ok(ask) => ask.ok_or(()),
                Err(_) => Ok(Ask { scopes: Vec::new(), done: oneshot::channel().0 }),
            },
        };
        let Ok(first) = first else { return };
        // What came meanwhile is read in one go.
        let mut waiting = vec![first];
        while let Ok(ask) = asks.try_recv() {
            waiting.push(ask);
        }
        let mut scopes: Vec<Scope> = waiting.iter().flat_map(|ask| ask.scopes.clone()).collect();
        scopes.append(&mut unread);
        let refreshed = reader.read(&scopes).await;
        if refreshed == Refreshed::Unknown {
            scopes.sort_unstable();
            scopes.dedup();
            unread = scopes;
        }
        for ask in waiting {
            // Who does not wait any more has called the names unknown already.
            let _ = ask.done.send(refreshed);
        }
    }
}

struct Reader<C> {
    cell: Arc<CatalogCell>,
    connect: C,
    client: Option<Client>,
    tables_max: usize,
}

impl<C: AsyncFn() -> Option<Client>> Reader<C> {
    /// Reads, and publishes what came of it.
    async fn read(&mut self, scopes: &[Scope]) -> Refreshed {
        match self.next(scopes).await {
            Ok(next) => {
                self.cell.publish(|_| next);
                Refreshed::Done
            }
            Err(ReadError::Many) => {
                self.cell.publish(|catalog| catalog.forgotten(&[Scope::Server]));
                Refreshed::Unknown
            }
            Err(ReadError::Refused | ReadError::Unreachable) => {
                self.cell.publish(|catalog| catalog.forgotten(scopes));
                Refreshed::Unknown
            }
        }
    }

    async fn next(&mut self, scopes: &[Scope]) -> Result<Catalog, ReadError> {
        // An idle connection may have been closed by the server: once more with a new one.
        for _ in 0..2 {
            if self.client.is_none() {
                self.client = (self.connect)().await;
            }
            let Some(client) = self.client.as_mut() else { break };
            match read::read(client, &self.cell.load(), scopes, self.tables_max).await {
                Err(ReadError::Unreachable) => self.client = None,
                // A result that was not read to its end leaves the connection useless.
                Err(ReadError::Many) => {
                    self.client = None;
                    return Err(ReadError::Many);
                }
                outcome => return outcome,
            }
        }
        Err(ReadError::Unreachable)
    }
}

/// When what could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// Longer than the server's wait for one metadata lock (1 s), shorter than a person's.
const WAIT: Duration = Duration::from_millis(2_500);

#[cfg(test)]
mod tests;
