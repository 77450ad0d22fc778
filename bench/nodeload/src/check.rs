//! What became of the uploads: each is there once, with the bytes that were sent, from a door and
//! from the bucket; and nothing else is left in the bucket.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::bucket::{Bucket, Found};
use crate::content::Sum;
use crate::counts::Count;
use crate::fleet::{Fleet, name};
use crate::wire::{Failure, Hear, Request};

/// A file that was found as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub index: usize,
    /// Bytes and SHA-256 of what was sent.
    pub sent: Found,
    /// Tag and time of its object: they change if it is written again.
    pub mark: Mark,
}

/// Tag and time (unix seconds) of an object, as a list shows them.
pub type Mark = (String, i64);

/// What was left beside the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Objects.
    pub objects: usize,
    /// Multipart uploads.
    pub uploads: usize,
}

/// Looks at one file that was acknowledged; none if something is wrong with it.
pub fn file(fleet: &Fleet, bucket: &Bucket, index: usize, size: u64) -> Option<Kept> {
    let sent = Found { size, sum: fleet.content.sum(index, size) };
    let marks = match bucket.list(&name(index)) {
        Ok(entries) => entries,
        Err(error) => {
            wrong(fleet, index, &format!("cannot be listed: {error}"));
            return None;
        }
    };
    let [entry] = marks.as_slice() else {
        wrong(fleet, index, &format!("is there {} times", marks.len()));
        return None;
    };
    let kept = Kept { index, sent, mark: (entry.etag.clone(), entry.modified) };
    is_intact(fleet, bucket, &kept).then_some(kept)
}

/// Whether a file is in the bucket and at a door as it was sent.
pub fn is_intact(fleet: &Fleet, bucket: &Bucket, kept: &Kept) -> bool {
    let at_rest = match bucket.sum(&name(kept.index)) {
        Ok(found) => found,
        Err(error) => {
            wrong(fleet, kept.index, &format!("cannot be read: {error}"));
            return false;
        }
    };
    let fine = matches(fleet, kept, at_rest.as_ref(), "the bucket");
    if fine {
        fleet.counts.add(Count::BucketReads);
    }
    let at_door = match download(fleet, kept.index) {
        Ok(found) => found,
        Err(what) => {
            wrong(fleet, kept.index, &what);
            return false;
        }
    };
    let served = matches(fleet, kept, at_door.as_ref(), "a door");
    if served {
        fleet.counts.add(Count::DoorReads);
    }
    fine && served
}

/// Whether the bucket has these files and nothing else; each as it was when it was acknowledged.
pub fn whole(fleet: &Fleet, bucket: &Bucket, kept: &[Kept]) -> bool {
    let before = fleet.counts.violations();
    let (entries, pending) = match (bucket.there(), bucket.pending()) {
        (Ok(entries), Ok(pending)) => (entries, pending),
        (Err(error), _) | (_, Err(error)) => {
            fleet.counts.violation(format!("the bucket cannot be listed: {error}"));
            return false;
        }
    };
    let mut wanted: BTreeMap<String, &Kept> =
        kept.iter().map(|kept| (name(kept.index), kept)).collect();
    for entry in entries {
        match wanted.remove(&entry.key) {
            Some(kept) if kept.mark == (entry.etag.clone(), entry.modified) => {}
            Some(_) => fleet.counts.violation(format!("{} was written again", entry.key)),
            None => fleet.counts.violation(format!("an object is left: {}", entry.key)),
        }
    }
    for name in wanted.keys() {
        fleet.counts.violation(format!("{name} is gone"));
    }
    for pending in pending {
        fleet.counts.violation(format!("a multipart upload is left: {}", pending.key));
    }
    fleet.counts.violations() == before
}

/// What is in the bucket beside the files.
///
/// # Errors
/// It cannot be listed.
pub fn left(bucket: &Bucket, kept: &[Kept]) -> Result<Left, menshen_s3::Error> {
    let is_file = |key: &str| kept.iter().any(|kept| name(kept.index) == key);
    let objects = bucket.there()?.iter().filter(|entry| !is_file(&entry.key)).count();
    Ok(Left { objects, uploads: bucket.pending()?.len() })
}

fn matches(fleet: &Fleet, kept: &Kept, found: Option<&Found>, whose: &str) -> bool {
    let what = match found {
        Some(found) if *found == kept.sent => return true,
        Some(found) if found.size != kept.sent.size => {
            format!("has {} bytes of {} in {whose}", found.size, kept.sent.size)
        }
        Some(_) => format!("has other bytes in {whose}"),
        None => format!("is not in {whose}"),
    };
    wrong(fleet, kept.index, &what);
    false
}

/// A file from any door that answers; none if a door says that there is none.
fn download(fleet: &Fleet, index: usize) -> Result<Option<Found>, String> {
    let start = Instant::now();
    for door in (0..fleet.doors.len()).cycle() {
        if start.elapsed() > fleet.bound {
            break;
        }
        let request = Request {
            method: "GET",
            path: format!("/{}", name(index)),
            fields: vec![fleet.authorization()],
            body: None,
        };
        let mut sum = Received(Sum::default());
        // Other doors than the one that took it have their turn, too.
        match fleet.ask((door + index) % fleet.doors.len(), &request, &mut sum) {
            Ok(head) if head.status == 200 => {
                return Ok(Some(Found { size: sum.0.size, sum: sum.0.hex() }));
            }
            Ok(head) if head.status == 404 => return Ok(None),
            Ok(head) if head.status == 503 => thread::sleep(RETRY),
            Ok(head) => return Err(format!("was refused with {} (download)", head.status)),
            Err(Failure::Garbled) => return Err("was answered by no HTTP".to_owned()),
            Err(_) => thread::sleep(RETRY),
        }
    }
    Err("could not be had from any door".to_owned())
}

struct Received(Sum);

impl Hear for Received {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.add(bytes);
    }
}

fn wrong(fleet: &Fleet, index: usize, what: &str) {
    fleet.counts.violation(format!("{} {what}", name(index)));
}

const RETRY: Duration = Duration::from_millis(200);
