//! Request bodies for the bucket: one file (PUT), or the files of a form (POST).
//!
//! Of a form nothing has its name before all of it came. Files that ended stay in memory together,
//! with one share of it for all of them; what is more than a part, or than there is memory for,
//! goes up. So a form of a thousand files needs no more memory than one of two.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_s3::{Condition, Facts};
use menshen_store::s3::Share;
use menshen_web_core::fields::Wanted;
use menshen_web_core::multipart::{Event, Multipart, PartHead};
use menshen_web_core::target::{PathError, check_name, encode_path};

use super::change::judge;
use super::kept::Kept;
use super::upload::{Said, Stored, Upload};
use super::{Bucket, key_of};
use crate::door::Door;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::sink::{StoredFile, stored_json};

/// A body on its way into the bucket.
#[derive(Debug)]
pub(crate) enum Intake {
    Put(Box<Put>),
    Form(Box<Form>),
}

/// One file.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) upload: Upload,
    pub(crate) path: String,
    pub(crate) kept: Kept,
    pub(crate) wanted: Wanted,
    /// What is there now, once somebody looked.
    pub(crate) seen: Option<Option<Facts>>,
}

/// The files of a form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) bucket: Rc<Bucket>,
    pub(crate) parser: Multipart,
    /// Folder the form was posted to; ends in `/`.
    pub(crate) folder: String,
    pub(crate) largest: u64,
    pub(crate) wanted: Wanted,
    pub(crate) current: Option<Upload>,
    pub(crate) done: Vec<Upload>,
    /// Bytes of `done` that are in memory.
    pub(crate) held: u64,
    /// Memory for them.
    pub(crate) share: Option<Share>,
}

impl Intake {
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Put(put) => put.upload.take(bytes),
            Self::Form(form) => form.take(bytes),
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        match self {
            Self::Put(put) => put.upload.is_due(),
            Self::Form(form) => form.is_due(),
        }
    }

    pub(crate) async fn settle(&mut self) -> Result<(), Fault> {
        match self {
            Self::Put(put) => {
                if put.seen.is_none() {
                    put.look().await?;
                }
                put.upload.settle().await
            }
            Self::Form(form) => form.settle().await,
        }
    }

    pub(crate) async fn finish(self, door: &Rc<Door>) -> Result<Reply, (Fault, Wanted)> {
        let wanted = self.wanted();
        let finished = match self {
            Self::Put(put) => put.finish(door).await,
            Self::Form(form) => form.finish(door).await,
        };
        finished.map_err(|fault| (fault, wanted))
    }

    pub(crate) fn path(&self) -> &[u8] {
        match self {
            Self::Put(put) => put.path.as_bytes(),
            Self::Form(form) => form.folder.as_bytes(),
        }
    }

    pub(crate) const fn wanted(&self) -> Wanted {
        match self {
            Self::Put(put) => put.wanted,
            Self::Form(form) => form.wanted,
        }
    }
}

impl Put {
    /// Looks at what is there: conditions are judged before much is sent.
    async fn look(&mut self) -> Result<(), Fault> {
        let client = self.upload.bucket().client().await?;
        let facts = match client.head(self.upload.key()).await {
            Ok(facts) => Some(facts),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(self.upload.bucket().fault(&error)),
        };
        judge(&self.kept, facts.as_ref())?;
        self.seen = Some(facts);
        Ok(())
    }

    /// What must hold when it gets its name: that all is as it was seen.
    fn condition(&self) -> Condition {
        match &self.seen {
            _ if self.kept.is_empty() => Condition::Always,
            Some(Some(facts)) => Condition::Tag(facts.etag.clone()),
            _ => Condition::Absent,
        }
    }

    async fn finish(mut self, door: &Rc<Door>) -> Result<Reply, Fault> {
        self.upload.send_last().await?;
        // What the bucket does not keep is judged once more, right before the write: the body may
        // have taken hours.
        let is_judged = self.kept.is_empty() || self.upload.keeps(&self.condition());
        if self.seen.is_none() || !is_judged {
            self.look().await?;
        }
        let condition = self.condition();
        let facts = self.seen.take().flatten();
        let Stored { etag, digest, .. } = self.upload.finish(&condition).await?;
        door.slot.add(Counter::UploadsDone, 1);
        let replaced = facts.is_some();
        let mut reply =
            Reply::new(if replaced { 204 } else { 201 }).with("etag", etag.into_bytes());
        if !replaced {
            let mut location = Vec::new();
            encode_path(self.path.as_bytes(), &mut location);
            reply = reply.with("location", location);
        }
        Ok(match digest {
            Some(digest) => reply.with("repr-digest", digest),
            None => reply,
        })
    }
}

impl Form {
    fn take(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        loop {
            let step = self.parser.feed(input).map_err(Fault::Form)?;
            let consumed = step.consumed;
            match step.event {
                None => return Ok(()),
                Some(Event::PartBegin(head)) => {
                    self.current = begin(&self.bucket, &self.folder, self.largest, &head)?;
                }
                Some(Event::Data(range)) => {
                    if let Some(current) = &mut self.current {
                        current.take(&input[range])?;
                    }
                }
                Some(Event::DataHeld(held)) => {
                    if let Some(current) = &mut self.current {
                        current.take(held)?;
                    }
                }
                Some(Event::PartEnd) => self.put_aside(),
                Some(Event::End) => {}
            }
            input = &input[consumed..];
        }
    }

    /// The file ended: what is left of it stays in memory with those before it.
    fn put_aside(&mut self) {
        let Some(mut upload) = self.current.take() else { return };
        let share = upload.close();
        self.held += upload.held_bytes();
        if self.held > 0 && self.share.is_none() {
            self.share = share;
        }
        self.done.push(upload);
    }

    fn is_due(&self) -> bool {
        let current = self.current.as_ref().is_some_and(Upload::is_due);
        current || self.held > 0 && (self.share.is_none() || self.is_much())
    }

    /// Whether what ended has to leave the memory: it fills a part, or others wait.
    fn is_much(&self) -> bool {
        self.held > self.bucket.options().part_bytes || self.bucket.buffers().is_waited_for()
    }

    async fn settle(&mut self) -> Result<(), Fault> {
        if self.held > 0 && self.share.is_none() {
            self.share = self.bucket.buffers().try_take(1);
        }
        // Who waits for memory has none: else all might wait for each other.
        let lacks = self.current.as_ref().is_some_and(Upload::lacks_memory);
        if self.share.is_none() || lacks || self.is_much() {
            self.send_done().await?;
        }
        match &mut self.current {
            Some(current) => current.settle().await,
            None => Ok(()),
        }
    }

    /// Sends what is in memory of the files that ended.
    async fn send_done(&mut self) -> Result<(), Fault> {
        if self.held > 0 {
            for done in self.done.iter_mut().filter(|done| done.held_bytes() > 0) {
                done.send_rest().await?;
            }
        }
        (self.held, self.share) = (0, None);
        Ok(())
    }

    async fn finish(self, door: &Rc<Door>) -> Result<Reply, Fault> {
        self.parser.finish().map_err(Fault::Form)?;
        if self.done.is_empty() {
            return Err(Fault::BadRequest("the form holds no file"));
        }
        let mut stored = Vec::with_capacity(self.done.len());
        for upload in self.done {
            let path = format!("/{}", upload.key());
            let Stored { etag, size, .. } = upload.finish(&Condition::Always).await?;
            door.slot.add(Counter::UploadsDone, 1);
            stored.push(StoredFile { path, size, etag });
        }
        if self.wanted == Wanted::Html {
            let mut location = Vec::new();
            encode_path(self.folder.as_bytes(), &mut location);
            return Ok(Reply::new(303).with("location", location));
        }
        Ok(stored_json(stored))
    }
}

/// Begins the upload of a form part; `None` for ordinary fields and empty file fields.
fn begin(
    bucket: &Rc<Bucket>,
    folder: &str,
    largest: u64,
    head: &PartHead,
) -> Result<Option<Upload>, Fault> {
    let Some(name) = head.file_name.as_ref().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    check_name(name).map_err(|error| match error {
        PathError::NameTooLong => Fault::NameTooLong,
        other => Fault::BadPath(other.reason()),
    })?;
    let name = std::str::from_utf8(name).map_err(|_| Fault::BadPath("a name is not UTF-8"))?;
    let path = format!("{folder}{name}");
    Upload::new(bucket, key_of(&path), Said { largest, ..Said::default() }).map(Some)
}

#[cfg(test)]
mod tests;
