//! Uploads of the file service that become objects of a bucket.
//!
//! Nothing of them is on this machine: any node goes on with them, completes them and says their
//! answer. An object has its name as soon as the upload is whole; what is left is to tell of it.
//! The conditions of the request are looked at when the upload is made, and what they allow is kept
//! with it and holds when it is completed, as far as the bucket keeps conditions.
//!
//! How it fails: the bucket is away (503, and the upload goes on later); the conditions do not hold
//! any more (412); two nodes find it whole at once: then one answer is kept.

use std::rc::Rc;

use aws_lc_rs::digest;
use menshen_base::Counter;
use menshen_net::clock;
use menshen_store::s3::{Replaced, S3Whole, Target};
use menshen_store::{Aim, Begun, Destination, Error, Record, Stored};
use menshen_web_core::fields::{Algorithm, media_type, write_digest};
use menshen_web_core::target::encode_path;

use super::answered::Answered;
use super::append::Way;
use super::deliver::by;
use super::said::Said;
use crate::bucket::{Kept, judge, key_of};
use crate::door::Door;
use crate::fault::Fault;
use crate::reply::Reply;

impl Door {
    /// The object that an upload becomes; `None` where it becomes none.
    pub(super) async fn upload_target(
        &self,
        way: &Way,
        record: &Record,
        conditions: &Kept,
    ) -> Result<Option<Target>, Fault> {
        let Destination::File { path, .. } = &record.destination else { return Ok(None) };
        let (Some(store), Some(bucket)) = (way.store.bucket(), &way.bucket) else {
            return Ok(None);
        };
        let path = std::str::from_utf8(path).map_err(|_| Fault::BadPath("not UTF-8"))?;
        let key = key_of(path).to_owned();
        let replace = if conditions.is_empty() {
            Replaced::Anything
        } else {
            let there = match store.client().head(&key).await {
                Ok(facts) => Some(facts),
                Err(error) if error.is_missing() => None,
                Err(error) => return Err(self.bucket_fault(bucket, &error)),
            };
            judge(conditions, there.as_ref())?;
            there.map_or(Replaced::Nothing, |facts| Replaced::Tag(facts.etag))
        };
        let content_type = Some(media_type(key.as_bytes()).to_owned());
        Ok(Some(Target { key, content_type, replace }))
    }
}

impl Way {
    /// Says that an upload stands under its name, or what was said of it before.
    pub(super) async fn object(&self, door: &Rc<Door>, record: &Record) -> Result<Stored, Reply> {
        let now = clock::unix_s();
        let whole = match self.store.begin_delivery(&record.id, &by(), Aim::Move, now).await {
            Ok(Begun::Stands(whole)) => whole,
            Ok(Begun::Answered(stored)) => {
                door.slot.add(Counter::ResumableReplayed, 1);
                return Ok(stored);
            }
            // It has no target, so this door has not made it.
            Ok(_) => return Err(self.fault(door, Fault::Storage)),
            Err(error) => {
                if error == Error::Digest {
                    // The whole is wrong and nothing can be appended to mend it.
                    let _ = self.store.remove(&record.id).await;
                }
                return Err(self.failed(&error));
            }
        };
        let digest = match Said::of(record).want() {
            Some(algorithm) => {
                let hashed = hashed(&whole, algorithm).await;
                Some(hashed.map_err(|fault| self.fault(door, fault))?)
            }
            None => None,
        };
        door.slot.add(Counter::UploadsDone, 1);
        let reply = told(record, &whole, digest);
        self.keep(door, record, 0, &Answered::of(&reply)).await
    }
}

/// As the answer to a PUT.
fn told(record: &Record, whole: &S3Whole, digest: Option<Vec<u8>>) -> Reply {
    let mut reply = Reply::new(if whole.has_replaced { 204 } else { 201 })
        .with("etag", whole.etag.clone().into_bytes());
    if let (false, Destination::File { path, .. }) = (whole.has_replaced, &record.destination) {
        let mut location = Vec::new();
        encode_path(path, &mut location);
        reply = reply.with("location", location);
    }
    match digest {
        Some(digest) => reply.with("repr-digest", digest),
        None => reply,
    }
}

/// The field value of `Repr-Digest`; the object is read for it.
async fn hashed(whole: &S3Whole, algorithm: Algorithm) -> Result<Vec<u8>, Fault> {
    let mut context = digest::Context::new(match algorithm {
        Algorithm::Sha256 => &digest::SHA256,
        Algorithm::Sha512 => &digest::SHA512,
    });
    let mut object = whole.read(None).await.map_err(|error| sorted(&error))?;
    while let Some(bytes) = object.next().await.map_err(|error| sorted(&error))? {
        context.update(&bytes);
    }
    let mut line = Vec::new();
    write_digest(algorithm, context.finish().as_ref(), &mut line);
    Ok(line)
}

fn sorted(error: &menshen_s3::Error) -> Fault {
    // Replaced in this very moment: it stood, and there is nothing left to hash.
    if error.is_passing() || error.is_missing() || error.is_precondition() {
        return Fault::Unavailable { retry_after_s: RETRY_S };
    }
    Fault::Storage
}

const RETRY_S: u32 = 5;
