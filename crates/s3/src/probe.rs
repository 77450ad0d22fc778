//! What a bucket really does, tried out on scratch keys of our own, which are removed afterwards.
//!
//! Some servers take `If-Match` and `If-None-Match` on writes and ignore them; a header that is
//! not refused says nothing. So each is tried once where it holds and once where it must not.

use aws_lc_rs::rand;
use bytes::Bytes;

use crate::answers::Part;
use crate::client::Client;
use crate::content::Content;
use crate::error::{Cause, Error};
use crate::objects::{Condition, Labels};

/// What the keys of probes begin with.
pub const PROBE_FOLDER: &str = ".menshen/probe/";

/// What was seen to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// `If-None-Match: *` on `PutObject` refuses to replace.
    pub conditional_create: bool,
    /// `If-Match` on `PutObject` refuses when the tag is another one.
    pub conditional_replace: bool,
    /// `If-None-Match: *` on `CompleteMultipartUpload` refuses to replace.
    pub conditional_complete: bool,
    /// Multipart uploads can be begun, filled, listed and completed.
    pub multipart: bool,
    /// The uploads that are under way can be listed.
    pub list_uploads: bool,
    /// A list shows what was written just before. What was just removed it may still show: Garage
    /// does as long as one of its nodes has not heard of it, and nobody here relies on it.
    pub list_consistent: bool,
    /// Notes are kept with objects.
    pub notes: bool,
}

impl Client {
    /// Tries out what the bucket does, under [`PROBE_FOLDER`] with a name of its own. Who dies
    /// meanwhile leaves it there.
    ///
    /// # Errors
    /// The bucket cannot be written to, read or removed from at all.
    pub async fn probe(&self) -> Result<Abilities, Error> {
        let mut name = [0u8; 12];
        let drawn = rand::fill(&mut name);
        drawn.map_err(|_| Error::new("probe", Cause::Input("there are no random numbers")))?;
        let name: String = name.iter().map(|octet| format!("{octet:02x}")).collect();
        let folder = format!("{PROBE_FOLDER}{name}");
        let key = format!("{folder}/a");
        let seen = self.tried(&folder, &key).await;
        let removed = self.delete(&key).await;
        let seen = seen?;
        removed?;
        Ok(seen)
    }

    async fn tried(&self, folder: &str, key: &str) -> Result<Abilities, Error> {
        let mut seen = Abilities::default();
        let labels = Labels { content_type: None, note: Some(NOTE) };
        let first = self.put(key, small(b"one"), &Condition::Always, labels).await?;
        seen.notes = self.head(key).await?.note.as_deref() == Some(NOTE);
        let page = self.list(folder, None, None).await?;
        seen.list_consistent = page.entries.iter().any(|entry| entry.key == key);
        let put = async |bytes, condition| {
            self.put(key, small(bytes), &condition, Labels::default()).await
        };
        seen.conditional_create = refused(&put(b"two", Condition::Absent).await)?;
        let wrong = Condition::Tag("\"0123456789abcdef0123456789abcdef\"".to_owned());
        let is_refused = refused(&put(b"three", wrong).await)?;
        // What the server holds now decides, not what it said.
        let held = self.get(key, None, None).await?;
        let tag = held.facts.etag.clone();
        let is_first = tag == first && held.whole(64).await? == b"one";
        seen.conditional_create &= is_first;
        let kept = put(b"four", Condition::Tag(tag)).await;
        // Whoever refuses what holds keeps no conditions either; whoever is away says nothing.
        refused(&kept)?;
        seen.conditional_replace = is_refused && is_first && kept.is_ok();
        self.tried_multipart(key, &mut seen).await?;
        Ok(seen)
    }

    /// `key` is there; afterwards it is the completed upload, or what it was.
    async fn tried_multipart(&self, key: &str, seen: &mut Abilities) -> Result<(), Error> {
        let upload = match self.begin(key, Labels::default()).await {
            Ok(upload) => upload,
            Err(error) => {
                // It may have been begun, without an answer.
                let begun = self.uploads(key, None).await.unwrap_or_default();
                for one in begun.uploads.iter().filter(|one| one.key == key) {
                    let _ = self.abort(key, &one.upload).await;
                }
                return if error.is_passing() { Err(error) } else { Ok(()) };
            }
        };
        let outcome = self.tried_parts(key, &upload, seen).await;
        // Gone if it was completed.
        let aborted = self.abort(key, &upload).await;
        outcome?;
        match aborted {
            Err(error) if error.is_passing() => Err(error),
            _ => Ok(()),
        }
    }

    async fn tried_parts(
        &self,
        key: &str,
        upload: &str,
        seen: &mut Abilities,
    ) -> Result<(), Error> {
        let listed = self.uploads(key, None).await;
        seen.list_uploads =
            listed.is_ok_and(|page| page.uploads.iter().any(|one| one.upload == upload));
        let etag = self.part(key, upload, 2, small(b"five")).await?;
        let size = 4;
        let part = Part { number: 2, etag, size };
        let found = self.parts(key, upload, 0).await?;
        let is_listed = found.parts == [part.clone()];
        let parts = [part];
        let completed = self.complete(key, upload, &parts, &Condition::Absent).await;
        seen.conditional_complete = refused(&completed)?;
        if seen.conditional_complete {
            self.complete(key, upload, &parts, &Condition::Always).await?;
        }
        let held = self.get(key, None, None).await?;
        seen.multipart = is_listed && held.whole(64).await? == b"five";
        Ok(())
    }
}

/// Whether a condition that does not hold was seen; other failures are failures.
fn refused(answer: &Result<String, Error>) -> Result<bool, Error> {
    match answer {
        Ok(_) => Ok(false),
        Err(error) if error.is_precondition() => Ok(true),
        Err(error) if error.is_passing() => Err(error.clone()),
        // Not implemented, or refused as a header it does not know.
        Err(_) => Ok(false),
    }
}

fn small(bytes: &'static [u8]) -> Content {
    Content::whole(Bytes::from_static(bytes))
}

const NOTE: &str = "probe";
