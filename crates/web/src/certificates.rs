//! The certificates a worker serves: read from the shelf at the start, taken anew when the guard
//! posts a newer one.
//!
//! A swap concerns new connections; running ones keep what they began with, and tickets outlive
//! it. It must never wait for anybody nor read a half-posted shelf. How it fails: a shelf without
//! a single usable certificate changes nothing, is counted, and not looked at again.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use menshen_base::{Counter, Finding};
use menshen_config::{PairOrigin, Shelf, ShelfPair};
use menshen_net::clock;
use menshen_sys::{BulletinReader, Slot};
use menshen_tls::ticket::unix_seconds;
use menshen_tls::{ChallengeCertificates, Pair, Standing, Store, Ticketer, server_config};
use rustls::ServerConfig;

use crate::challenges::Challenges;

/// What new connections are served with.
#[derive(Debug)]
pub(crate) struct Certificates {
    shelf: Arc<BulletinReader>,
    /// The newest version that was read, usable or not.
    seen: Cell<u64>,
    store: RefCell<Arc<Store>>,
    config: RefCell<Arc<ServerConfig>>,
    challenges: Option<Arc<Challenges>>,
    ticketer: Arc<Ticketer>,
    alpn: &'static [&'static [u8]],
}

/// What does not change with the shelf.
pub(crate) struct Manner<'a> {
    pub(crate) ticket_key: &'a [u8; 32],
    pub(crate) challenges: Option<Arc<Challenges>>,
    /// Offered protocols, best first.
    pub(crate) alpn: &'static [&'static [u8]],
}

/// What became of a look at the shelf.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing newer is there.
    Same,
    /// Newer certificates are served from now on; those left out.
    Taken(Vec<Finding>),
    /// Newer ones cannot be served: why.
    Refused(String),
}

impl Certificates {
    /// Reads the shelf behind an adopted descriptor.
    pub(crate) fn new(
        shelf: OwnedFd,
        manner: Manner<'_>,
        slot: &Slot,
    ) -> Result<(Self, Vec<Finding>), Failed> {
        let shelf = Arc::new(BulletinReader::new(shelf));
        let (version, text) = shelf.read()?;
        let Loaded { store, findings } = load(&text)?;
        let ticketer = Arc::new(Ticketer::new(manner.ticket_key, unix_seconds));
        let Manner { challenges, alpn, .. } = manner;
        let config = configure(&store, challenges.as_ref(), &ticketer, alpn)?;
        set_version(slot, version);
        let (store, config) = (RefCell::new(store), RefCell::new(config));
        let seen = Cell::new(version);
        Ok((Self { shelf, seen, store, config, challenges, ticketer, alpn }, findings))
    }

    /// For a new connection.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.borrow())
    }

    /// Takes a newer shelf, if there is one. One system call if there is none.
    pub(crate) async fn look(&self, slot: &Slot) -> Look {
        // Odd while a post is under way: a second later it is there.
        let newer = |version: &u64| *version != self.seen.get() && version.is_multiple_of(2);
        if self.shelf.version().ok().filter(newer).is_none() {
            return Look::Same;
        }
        let shelf = Arc::clone(&self.shelf);
        // Keys of a thousand names take a while to load.
        let read = move || shelf.read().map(|(version, text)| (version, load(&text)));
        let Ok(Ok((version, loaded))) = tokio::task::spawn_blocking(read).await else {
            // Another post came in between; it is there a second later.
            return Look::Same;
        };
        // What is wrong with this version stays wrong; a better one has another number.
        self.seen.set(version);
        match loaded.and_then(|loaded| self.serve(loaded.store).map(|()| loaded.findings)) {
            Ok(findings) => {
                set_version(slot, version);
                slot.add(Counter::ShelfSwaps, 1);
                Look::Taken(findings)
            }
            Err(error) => {
                slot.add(Counter::ShelfRefused, 1);
                Look::Refused(error.to_string())
            }
        }
    }

    /// Lets certificates that have begun or expired take their new places.
    pub(crate) fn reorder(&self) {
        let newer = self.store.borrow().as_of(now_unix());
        if let Some(store) = newer {
            // It is the same certificates: what worked before works again.
            let _ = self.serve(Arc::new(store));
        }
    }

    fn serve(&self, store: Arc<Store>) -> Result<(), Failed> {
        let challenges = self.challenges.as_ref();
        let config = configure(&store, challenges, &self.ticketer, self.alpn)?;
        self.store.replace(store);
        self.config.replace(config);
        Ok(())
    }
}

/// Why a shelf cannot be served.
pub(crate) type Failed = Box<dyn Error + Send + Sync>;

struct Loaded {
    store: Arc<Store>,
    findings: Vec<Finding>,
}

fn load(text: &[u8]) -> Result<Loaded, Failed> {
    // What the parser says could quote a key.
    let shelf: Shelf = serde_json::from_slice(text).map_err(|_| "the shelf cannot be read")?;
    let pairs = shelf.pairs.iter().map(|pair: &ShelfPair| Pair {
        certificate_pem: pair.certificate_pem.as_bytes(),
        key_pem: pair.key_pem.as_bytes(),
        standing: match pair.origin {
            PairOrigin::Given | PairOrigin::Found | PairOrigin::Acme => Standing::Proper,
            PairOrigin::Development => Standing::Standin,
        },
    });
    let (store, findings) = Store::new(pairs, now_unix())?;
    Ok(Loaded { store: Arc::new(store), findings })
}

fn configure(
    store: &Arc<Store>,
    challenges: Option<&Arc<Challenges>>,
    ticketer: &Arc<Ticketer>,
    alpn: &[&[u8]],
) -> Result<Arc<ServerConfig>, Failed> {
    let challenges =
        challenges.map(|challenges| Arc::clone(challenges) as Arc<dyn ChallengeCertificates>);
    let config = server_config(Arc::clone(store), challenges, Arc::clone(ticketer), alpn)?;
    Ok(Arc::new(config))
}

fn set_version(slot: &Slot, version: u64) {
    let before = slot.get(Counter::ShelfVersion);
    if version >= before {
        slot.add(Counter::ShelfVersion, version - before);
    } else {
        slot.sub(Counter::ShelfVersion, before - version);
    }
}

fn now_unix() -> i64 {
    i64::try_from(clock::unix_s()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
