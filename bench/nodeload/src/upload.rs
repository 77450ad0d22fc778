//! One upload by a client that never gives up: to any door, in pieces, to another door after a
//! failure, and now and then to another one without any.
//!
//! What it checks: no door tells an offset smaller than one that was told before, or greater than
//! what was sent; nothing acknowledged is unknown later; every refusal is a 503 that says when to
//! come again; the answer at the end can be had once more from another door.

use std::thread;
use std::time::{Duration, Instant};

use crate::content::Random;
use crate::counts::Count;
use crate::dialect::Dialect;
use crate::fleet::{Fleet, name};
use crate::wire::{Failure, Head, Hear, Request};

/// One upload on its way.
#[derive(Debug)]
pub struct Upload<'f> {
    fleet: &'f Fleet,
    index: usize,
    size: u64,
    dialect: Dialect,
    random: Random,
    door: usize,
    /// The door that acknowledged last.
    last: Option<usize>,
    place: Option<String>,
    /// Where it goes on; unknown after a failure.
    at: Option<u64>,
    promised: Promised,
    failures: usize,
    got_on: Instant,
    is_over: bool,
    /// Something is wrong after which there is no sense in going on.
    has_failed: bool,
}

/// What was promised and sent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promised {
    /// The greatest offset that was told.
    pub told: u64,
    /// The end of the last byte that was sent.
    pub sent: u64,
}

impl Promised {
    /// Takes an offset that was told.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, offset: u64) -> Result<(), String> {
        if offset < self.told {
            return Err(format!("offset {offset} was told after {}", self.told));
        }
        if offset > self.sent {
            return Err(format!("offset {offset} was told, and only {} was sent", self.sent));
        }
        self.told = offset;
        Ok(())
    }
}

impl<'f> Upload<'f> {
    /// Number `index` of `fleet`'s files.
    #[must_use]
    pub fn new(fleet: &'f Fleet, index: usize, size: u64, seed: u64) -> Self {
        let mut random = Random::new(seed ^ (index as u64).wrapping_mul(0x5851_f42d_4c95_7f2d));
        let door = random.below(fleet.doors.len());
        Self {
            fleet,
            index,
            size,
            dialect: if index.is_multiple_of(2) { Dialect::Tus } else { Dialect::Rufh },
            random,
            door,
            last: None,
            place: None,
            at: Some(0),
            promised: Promised::default(),
            failures: 0,
            got_on: Instant::now(),
            is_over: false,
            has_failed: false,
        }
    }

    /// Uploads all of it; whether that was acknowledged.
    pub fn run(&mut self) -> bool {
        if !self.until(Self::step) {
            return false;
        }
        self.fleet.counts.add(Count::Uploads);
        // Whoever lost the answer may ask for it, also elsewhere.
        self.door = (self.door + 1) % self.fleet.doors.len();
        self.until(Self::again)
    }

    /// How far it is, as a door tells that is asked now; checked as ever.
    pub fn look(&mut self, door: usize) -> Option<u64> {
        self.door = door;
        self.at = None;
        self.until(|upload| {
            upload.whereabouts();
            upload.is_over |= upload.at.is_some();
        });
        self.at
    }

    /// Sends one piece to a door; whether it was acknowledged.
    pub fn piece(&mut self, door: usize, bytes: u64) -> bool {
        self.door = door;
        let before = self.promised.told;
        self.until(|upload| {
            match (upload.place.is_some(), upload.at) {
                (false, _) => upload.create(),
                (true, None) => upload.whereabouts(),
                (true, Some(at)) => upload.append(at, (at + bytes).min(upload.size)),
            }
            upload.is_over |= upload.promised.told > before;
        })
    }

    /// The address of the upload at the doors.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Does a step until it is over; whether that went well.
    fn until(&mut self, mut step: impl FnMut(&mut Self)) -> bool {
        self.is_over = false;
        self.got_on = Instant::now();
        while !self.is_over && !self.has_failed {
            if self.got_on.elapsed() > self.fleet.bound {
                let bound = self.fleet.bound.as_secs();
                self.fails(&format!("did not get on for {bound} s, at {}", self.promised.told));
            } else {
                step(self);
            }
        }
        !self.has_failed
    }

    fn step(&mut self) {
        match (self.place.is_some(), self.at) {
            (false, _) => self.create(),
            (true, None) => self.whereabouts(),
            (true, Some(at)) => {
                // Small pieces are kept in another way than whole parts.
                let piece = match self.random.below(4) {
                    0 => 1 + self.random.word() % (2 * self.fleet.piece),
                    _ => self.fleet.piece,
                };
                self.append(at, (at + piece).min(self.size));
            }
        }
    }

    fn request(&self, method: &'static str, fields: Vec<String>) -> Request<'f> {
        let path = self.place.clone().unwrap_or_default();
        let mut all = vec![self.fleet.authorization()];
        all.extend(fields);
        Request { method, path, fields: all, body: None }
    }

    fn create(&mut self) {
        let mut request = self.request("POST", self.dialect.creation(self.size));
        request.path = format!("{CREATION}?filename={}", name(self.index));
        match self.ask(&request) {
            Ok(head) if head.status == 201 => {
                self.place = head.field("location").and_then(path_of);
                self.at = Some(0);
                self.got_on();
                if self.place.is_none() {
                    self.fails("was made without an address");
                }
            }
            Ok(head) => self.refused(&head, "creation"),
            Err(failure) => {
                if failure != Failure::Refused {
                    self.fleet.counts.add(Count::UnclearCreations);
                }
                self.elsewhere(None);
            }
        }
    }

    fn whereabouts(&mut self) {
        let request = self.request("HEAD", self.dialect.always());
        match self.ask(&request) {
            Ok(head) if matches!(head.status, 200 | 204) => {
                let Some(offset) = self.told(&head) else { return };
                self.at = Some(offset);
                self.is_over |= offset == self.size && self.dialect.is_complete(&head);
            }
            Ok(head) => self.refused(&head, "look"),
            Err(_) => self.elsewhere(None),
        }
    }

    fn append(&mut self, at: u64, end: u64) {
        let mut request = self.request("PATCH", self.dialect.append(at, end == self.size));
        request.body = Some((&self.fleet.content, self.index, at..end));
        self.promised.sent = self.promised.sent.max(end);
        self.at = None;
        match self.ask(&request) {
            Ok(head) if matches!(head.status, 200 | 201 | 204) => {
                let is_whole = end == self.size && self.dialect.is_complete(&head);
                let offset = head.number("upload-offset").map(|_| self.told(&head));
                match offset {
                    Some(None) => return,
                    // An answer for the whole may leave its length out.
                    None if !is_whole => return self.wrong("was appended to, and told no offset"),
                    Some(Some(offset)) if offset != end => {
                        return self.wrong(&format!("is at {offset} after a piece up to {end}"));
                    }
                    _ => {}
                }
                self.promised.told = end;
                self.fleet.counts.add(Count::Pieces);
                if self.last.is_some_and(|last| last != self.door) {
                    self.fleet.counts.add(Count::Takeovers);
                }
                self.last = Some(self.door);
                self.got_on();
                self.at = Some(end);
                self.is_over |= is_whole;
                if self.random.below(CHANGE_ONE_IN) == 0 {
                    self.door = self.random.below(self.fleet.doors.len());
                }
            }
            Ok(head) if head.status == 409 => {
                let _ = head.number("upload-offset").and_then(|_| self.told(&head));
                self.failures += 1;
                self.wait(None);
            }
            Ok(head) => self.refused(&head, "piece"),
            Err(_) => self.elsewhere(None),
        }
    }

    /// The last answer once more.
    fn again(&mut self) {
        let mut request = self.request("PATCH", self.dialect.append(self.size, true));
        request.body = Some((&self.fleet.content, self.index, self.size..self.size));
        match self.ask(&request) {
            Ok(head) if matches!(head.status, 200 | 201 | 204) => {
                self.fleet.counts.add(Count::Replays);
                self.is_over = true;
            }
            Ok(head) => self.refused(&head, "answer once more"),
            Err(_) => self.elsewhere(None),
        }
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<Head, Failure> {
        let mut interims = Interims(Vec::new());
        let answer = self.fleet.ask(self.door, request, &mut interims);
        for offset in interims.0 {
            self.fleet.counts.add(Count::Interims);
            self.promise(offset);
        }
        answer
    }

    fn told(&mut self, head: &Head) -> Option<u64> {
        let Some(offset) = head.number("upload-offset") else {
            self.wrong(&format!("was answered {} without an offset", head.status));
            self.elsewhere(None);
            return None;
        };
        self.promise(offset);
        Some(offset)
    }

    fn promise(&mut self, offset: u64) {
        self.fleet.counts.add(Count::Offsets);
        let before = self.promised.told;
        if let Err(what) = self.promised.take(offset) {
            self.wrong(&what);
            // Each loss is told once.
            self.promised.told = offset;
        }
        if self.promised.told > before {
            self.got_on();
        }
    }

    fn refused(&mut self, head: &Head, what: &str) {
        let status = head.status;
        match status {
            503 => self.elsewhere(head.number("retry-after")),
            404 | 410 if self.place.is_some() => {
                self.fails(&format!("is not known any more ({status}, {what})"));
            }
            _ => self.fails(&format!("was refused with {status} ({what})")),
        }
    }

    fn elsewhere(&mut self, retry_after_s: Option<u64>) {
        self.at = None;
        self.failures += 1;
        self.door = (self.door + 1) % self.fleet.doors.len();
        self.wait(retry_after_s);
    }

    /// After a round at all doors, as long as one of them asked for.
    fn wait(&self, retry_after_s: Option<u64>) {
        if self.failures.is_multiple_of(self.fleet.doors.len()) {
            let asked = retry_after_s.map_or(RETRY, Duration::from_secs);
            thread::sleep(asked.min(RETRY_MAX));
        }
    }

    fn got_on(&mut self) {
        self.fleet.counts.paused(self.got_on.elapsed());
        self.got_on = Instant::now();
    }

    fn wrong(&self, what: &str) {
        let (name, dialect, door) = (name(self.index), self.dialect, self.door);
        self.fleet.counts.violation(format!("{name} ({dialect:?}, door {door}) {what}"));
    }

    fn fails(&mut self, what: &str) {
        self.wrong(what);
        self.has_failed = true;
    }
}

/// Offsets in interim answers.
struct Interims(Vec<u64>);

impl Hear for Interims {
    fn interim(&mut self, head: &Head) {
        self.0.extend(head.number("upload-offset"));
    }
}

/// The path of an address that may name a host, too.
fn path_of(address: &str) -> Option<String> {
    let after = address.split_once("://").map_or(address, |(_, rest)| rest);
    after.find('/').map(|at| after[at..].to_owned())
}

const CREATION: &str = "/.menshen/uploads/";
/// After so many pieces, on average, the client goes to another door for no reason.
const CHANGE_ONE_IN: usize = 6;
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    //! What a promise is.
    use super::*;

    #[test]
    fn offsets_never_go_back_nor_beyond_what_was_sent() {
        let mut promised = Promised { told: 10, sent: 30 };
        assert_eq!(promised.take(10), Ok(()));
        assert_eq!(promised.take(30), Ok(()));
        assert!(promised.take(29).unwrap_err().contains("after 30"));
        assert!(promised.take(31).unwrap_err().contains("only 30 was sent"));
        assert_eq!(promised, Promised { told: 30, sent: 30 });
    }

    #[test]
    fn addresses_are_paths_or_whole() {
        assert_eq!(path_of("/a/b").as_deref(), Some("/a/b"));
        assert_eq!(path_of("http://h:1/a?b").as_deref(), Some("/a?b"));
        assert_eq!(path_of("x"), None);
    }
}
