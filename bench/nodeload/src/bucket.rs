//! The bucket itself, beside the doors: what is in it, and what should not be.
//!
//! It must never be taken for a door: it has the bucket's keys, and changes objects only where a
//! fault is planted, or to save space.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use menshen_s3::{
    Client, Condition, Content, Entry, Error, Labels, Login, Pending, Place, Style, Times, Trust,
};
use menshen_store::s3::{Options, S3};
use tokio::runtime::{Builder, Runtime};

use crate::content::Sum;

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct Address {
    /// Its nodes, any of which will do.
    pub endpoints: Vec<String>,
    /// Its name.
    pub bucket: String,
    /// What keys begin with.
    pub prefix: String,
    /// The region that is signed.
    pub region: String,
    /// The key.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// How long is tried.
    pub bound: Duration,
}

/// A bucket, for one thread.
pub struct Bucket {
    runtime: Runtime,
    clients: Vec<Client>,
    bound: Duration,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").finish_non_exhaustive()
    }
}

/// What rests at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hex.
    pub sum: String,
}

impl Bucket {
    /// A bucket; nothing is sent yet.
    ///
    /// # Errors
    /// What of the address cannot be used.
    pub fn new(address: &Address) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let mut clients = Vec::new();
        for endpoint in &address.endpoints {
            let Address { bucket, prefix, region, key, secret, .. } = address;
            let place = Place::new(endpoint, bucket, prefix, region, Style::Path);
            let place = place.map_err(|e| e.to_string())?;
            let login = Login::new(key, secret, None);
            let client = Client::new(place, login, Trust::System, Times::default());
            clients.push(client.map_err(|e| e.to_string())?);
        }
        let runtime = runtime.map_err(|e| e.to_string())?;
        Ok(Self { runtime, clients, bound: address.bound })
    }

    /// Until a node answers: while nodes die, some do not, or do not find each other.
    fn patiently<T>(&self, work: impl AsyncFn(&Client) -> Result<T, Error>) -> Result<T, Error> {
        let start = Instant::now();
        for client in self.clients.iter().cycle() {
            match self.runtime.block_on(work(client)) {
                Err(error) if error.is_passing() && start.elapsed() < self.bound => {}
                other => return other,
            }
            thread::sleep(RETRY);
        }
        unreachable!("a cycle has no end, and there is a node")
    }

    /// Length and sum of an object; none if there is none.
    ///
    /// # Errors
    /// No node answers.
    pub fn sum(&self, key: &str) -> Result<Option<Found>, Error> {
        let read = self.patiently(async |client| {
            let mut object = client.get(key, None, None).await?;
            let mut sum = Sum::default();
            while let Some(bytes) = object.next().await? {
                sum.add(&bytes);
            }
            Ok(Found { size: sum.size, sum: sum.hex() })
        });
        match read {
            Err(error) if error.is_missing() => Ok(None),
            other => other.map(Some),
        }
    }

    /// An object as it is.
    ///
    /// # Errors
    /// No node answers, or there is none.
    pub fn bytes(&self, key: &str) -> Result<Vec<u8>, Error> {
        self.patiently(async |client| client.get(key, None, None).await?.whole(BYTES_MAX).await)
    }

    /// Writes an object, whatever was there.
    ///
    /// # Errors
    /// No node answers.
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<(), Error> {
        let bytes = Bytes::copy_from_slice(bytes);
        self.patiently(async |client| {
            let content = Content::whole(bytes.clone());
            client.put(key, content, &Condition::Always, Labels::default()).await.map(drop)
        })
    }

    /// Removes an object.
    ///
    /// # Errors
    /// No node answers.
    pub fn remove(&self, key: &str) -> Result<(), Error> {
        self.patiently(async |client| client.delete(key).await)
    }

    /// Begins a multipart upload that nobody will end.
    ///
    /// # Errors
    /// No node answers.
    pub fn begin(&self, key: &str) -> Result<(), Error> {
        self.patiently(async |client| client.begin(key, Labels::default()).await.map(drop))
    }

    /// All objects whose keys begin so.
    ///
    /// # Errors
    /// No node answers.
    pub fn list(&self, beginning: &str) -> Result<Vec<Entry>, Error> {
        let (mut entries, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .patiently(async |client| client.list(beginning, None, after.as_deref()).await)?;
            entries.extend(page.entries);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(entries),
            }
        }
    }

    /// All objects that are there: a list of Garage may show for a while what was removed.
    ///
    /// # Errors
    /// No node answers.
    pub fn there(&self) -> Result<Vec<Entry>, Error> {
        let mut there = Vec::new();
        for entry in self.list("")? {
            match self.patiently(async |client| client.head(&entry.key).await) {
                Ok(_) => there.push(entry),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(there)
    }

    /// All multipart uploads that were begun and not ended.
    ///
    /// # Errors
    /// No node answers.
    pub fn pending(&self) -> Result<Vec<Pending>, Error> {
        let (mut pending, mut after) = (Vec::new(), None);
        loop {
            let page = self.patiently(async |client| client.uploads("", after.as_ref()).await)?;
            pending.extend(page.uploads);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(pending),
            }
        }
    }

    /// Collects orphans as a door does whose clock says `now`; how many things were removed.
    ///
    /// # Errors
    /// No node answers, or the bucket is not one that doors can use.
    pub fn collect(&self, now: u64) -> Result<usize, String> {
        let start = Instant::now();
        loop {
            let pass = self.runtime.block_on(async {
                let client = self.clients[0].clone();
                let abilities = client.probe().await.map_err(|e| e.to_string())?;
                let store = S3::open(client, &abilities, Options::default())?;
                store.collect(now).await.map_err(|e| e.to_string())
            });
            if pass.is_ok() || start.elapsed() > self.bound {
                return pass;
            }
            thread::sleep(RETRY);
        }
    }
}

const RETRY: Duration = Duration::from_millis(200);
/// Longest object that is read into memory, to plant faults.
const BYTES_MAX: usize = 256 << 20;
