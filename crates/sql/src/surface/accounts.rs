//! Hits by account, counted only while the server keeps statistics of users (`userstat`).
//!
//! Off, it costs a hit one load. On, it takes a lock for each hit, as the server's own statistics
//! do. It never grows beyond [`ACCOUNTS_MAX`] names; those that come later are not counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use menshen_sql_core::surface::{AccountHits, Accounts};

/// Hits by user and by client address.
#[derive(Debug, Default)]
pub struct HitsByAccount {
    on: AtomicBool,
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    users: BTreeMap<Vec<u8>, [u64; 3]>,
    clients: BTreeMap<Vec<u8>, [u64; 3]>,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    users: Vec<AccountHits>,
    clients: Vec<AccountHits>,
}

impl Snapshot {
    /// As the surface reads them; `control_user` is the account of the door's own connections.
    #[must_use]
    pub fn view<'a>(&'a self, control_user: &'a [u8]) -> Accounts<'a> {
        Accounts { users: &self.users, clients: &self.clients, control_user }
    }
}

impl HitsByAccount {
    /// Whether hits are counted here: then [`Self::hit`] wants to know of each.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// A hit of `rows` rows for this user from this address.
    pub fn hit(&self, user: &[u8], client: &[u8], rows: u64) {
        let mut lists = self.lists();
        let Lists { users, clients } = &mut *lists;
        for (list, name) in [(users, user), (clients, client)] {
            if list.len() < ACCOUNTS_MAX || list.contains_key(name) {
                let counts = list.entry(name.to_vec()).or_default();
                counts[0] += 1;
                counts[1] += rows;
                counts[2] += u64::from(rows == 0);
            }
        }
    }

    /// The numbers now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        if !self.is_on() {
            return Snapshot::default();
        }
        let lists = self.lists();
        let all = |list: &BTreeMap<Vec<u8>, [u64; 3]>| {
            let counts = list.iter().map(|(name, [hits, rows, empty])| AccountHits {
                name: name.clone(),
                hits: *hits,
                rows: *rows,
                empty: *empty,
            });
            counts.collect()
        };
        Snapshot { users: all(&lists.users), clients: all(&lists.clients) }
    }

    /// Begins or ends counting.
    pub fn count(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// `FLUSH USER_STATISTICS`.
    pub fn flush_users(&self) {
        self.lists().users.clear();
    }

    /// `FLUSH CLIENT_STATISTICS`.
    pub fn flush_clients(&self) {
        self.lists().clients.clear();
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names of each list.
const ACCOUNTS_MAX: usize = 1_000;
