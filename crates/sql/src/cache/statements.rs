//! Statistics by digest: which statements the cache serves, and which only fill it.
//!
//! Bounded: a new digest takes the place of the one with the fewest hits and fills among a few.
//! Entries of a digest that lost its place go on counting into figures nobody sees.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use menshen_sql_core::store::Figures;

use super::{Cache, SHARDS};

/// One digest's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementView {
    /// The statement without literals, cut to [`DIGEST_BYTES_MAX`].
    pub digest: Vec<u8>,
    /// Replies served.
    pub hits: u64,
    /// Replies stored.
    pub fills: u64,
    /// Of those, dropped without ever being served.
    pub wasted: u64,
    /// What its entries hold now, bytes.
    pub bytes: u64,
    /// What the server would have taken for the hits, microseconds.
    pub saved_micros: u64,
}

#[derive(Debug)]
pub(super) struct Statements {
    known: Mutex<Known>,
    max: usize,
}

#[derive(Debug, Default)]
struct Known {
    places: HashMap<Box<[u8]>, usize>,
    figures: Vec<Arc<Figures>>,
    hand: usize,
}

impl Statements {
    pub(super) fn new(max: usize) -> Self {
        Self { known: Mutex::default(), max: max.max(1) }
    }

    /// The figures a digest's entries count into.
    pub(super) fn figures(&self, digest: &[u8]) -> Arc<Figures> {
        let digest = &digest[..digest.len().min(DIGEST_BYTES_MAX)];
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = known.places.get(digest) {
            return Arc::clone(&known.figures[*place]);
        }
        let fresh = Arc::new(Figures { digest: digest.into(), ..Figures::default() });
        let place = known.place(self.max);
        match known.figures.get_mut(place) {
            Some(old) => {
                let old = std::mem::replace(old, Arc::clone(&fresh));
                old.lost.store(true, Relaxed);
                known.places.remove(&old.digest);
            }
            None => known.figures.push(Arc::clone(&fresh)),
        }
        if let Place::Vacant(vacant) = known.places.entry(digest.into()) {
            vacant.insert(place);
        }
        fresh
    }

    fn all(&self) -> Vec<Arc<Figures>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).figures.clone()
    }
}

impl Known {
    /// A free place, or that of the least worth remembering among the next few.
    fn place(&mut self, max: usize) -> usize {
        if self.figures.len() < max {
            return self.figures.len();
        }
        let first = self.hand;
        self.hand = (self.hand + SAMPLE) % max;
        let sample = (0..SAMPLE.min(max)).map(|step| (first + step) % max);
        let worth = |place: &usize| {
            let figures = &self.figures[*place];
            let live = u64::from(figures.bytes.load(Relaxed) > 0);
            figures.hits.load(Relaxed) + figures.fills.load(Relaxed) + live
        };
        sample.min_by_key(worth).unwrap_or(0)
    }
}

impl Cache {
    /// The figures of a digest, for [`Cache::begin_fill`]; it is made known with this.
    #[must_use]
    pub fn figures(&self, digest: &[u8]) -> Arc<Figures> {
        self.statements.figures(digest)
    }

    /// The statements with the most hits, most first.
    #[must_use]
    pub fn top_by_hits(&self, count: usize) -> Vec<StatementView> {
        self.top(count, |view| view.hits)
    }

    /// The statements whose replies were most often stored for nothing, most first.
    #[must_use]
    pub fn top_by_waste(&self, count: usize) -> Vec<StatementView> {
        self.top(count, |view| view.wasted)
    }

    /// The figures of one statement; `None`: it was never stored, or lost its place.
    #[must_use]
    pub fn statement(&self, digest: &[u8]) -> Option<StatementView> {
        self.fold();
        let digest = &digest[..digest.len().min(DIGEST_BYTES_MAX)];
        let known = self.statements.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.figures.get(*known.places.get(digest)?).map(|figures| view(figures))
    }

    /// Hits of living entries are counted in the entries.
    fn fold(&self) {
        for number in 0..SHARDS {
            self.part_number(number).entries.each(|entry| {
                entry.fold();
            });
        }
    }

    fn top(&self, count: usize, by: impl Fn(&StatementView) -> u64) -> Vec<StatementView> {
        self.fold();
        let mut views: Vec<StatementView> =
            self.statements.all().iter().map(|figures| view(figures)).collect();
        views.retain(|view| by(view) > 0);
        views.sort_by_key(|view| (std::cmp::Reverse(by(view)), view.digest.clone()));
        views.truncate(count);
        views
    }
}

fn view(figures: &Figures) -> StatementView {
    StatementView {
        digest: figures.digest.to_vec(),
        hits: figures.hits.load(Relaxed),
        fills: figures.fills.load(Relaxed),
        wasted: figures.wasted.load(Relaxed),
        bytes: figures.bytes.load(Relaxed),
        saved_micros: figures.saved_micros.load(Relaxed),
    }
}

/// Longest digest kept, bytes.
pub const DIGEST_BYTES_MAX: usize = 1024;

const SAMPLE: usize = 16;
