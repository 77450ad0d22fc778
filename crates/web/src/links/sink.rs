//! A body that comes by a link: one file under one name, or new files in a drop-box.
//!
//! Around the sinks of ordinary uploads; it holds them to what was taken of a counted link and
//! tells in the end what was stored. A drop-box replaces nothing and tells nothing: a name that is
//! taken gets a number, and the answer says neither which, nor that it was so.

use std::rc::Rc;
use std::sync::Arc;

use menshen_web_core::fields::Wanted;
use rustix::fs::Stat;
use serde::Serialize;

use super::desk::Charge;
use super::page::Drop;
use crate::bucket::Intake;
use crate::door::Door;
use crate::fault::Fault;
use crate::reply::{Body, Reply};
use crate::sink::{Current, Finished, Form, Put, Sink};
use crate::spool::Upload;

/// A body by a link.
#[derive(Debug)]
pub(crate) struct LinkSink {
    inner: Inner,
    charge: Option<Charge>,
    taken: u64,
}

/// What the body becomes.
#[derive(Debug)]
pub(crate) enum Inner {
    /// The file the link names.
    Put(Box<Put>),
    /// The same in the bucket.
    Bucket(Box<Intake>),
    /// One new file of a drop-box.
    New(Box<Put>),
    /// The files of a form, new in a drop-box; with the page that thanks.
    NewForm(Box<Form>, Box<Drop>),
}

#[derive(Serialize)]
struct Stored {
    /// How many files.
    stored: u32,
    /// Bytes of them all.
    size: u64,
}

impl LinkSink {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner, charge: None, taken: 0 }
    }

    /// Remembers what has to be told how it ended.
    pub(crate) fn charged(&mut self, charge: Charge) {
        self.charge = Some(charge);
    }

    /// Takes bytes of the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.taken = self.taken.saturating_add(bytes.len() as u64);
        let most = self.charge.as_ref().and_then(Charge::bytes_max);
        if most.is_some_and(|most| self.taken > most) {
            return Err(Fault::LinkSpent);
        }
        match &mut self.inner {
            Inner::Put(put) | Inner::New(put) => put.upload.write(bytes),
            Inner::Bucket(intake) => intake.take(bytes),
            Inner::NewForm(form, _) => {
                form.take(bytes)?;
                let current = form.current.as_ref();
                if current.is_some_and(|current| is_hidden(current.path())) {
                    return Err(HIDDEN);
                }
                let files = form.done.len() + usize::from(current.is_some());
                let most = self.charge.as_ref().and_then(Charge::files_max);
                match most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) {
                    Some(most) if files > most => Err(Fault::LinkSpent),
                    _ => Ok(()),
                }
            }
        }
    }

    /// What goes into the bucket, and has to wait for it.
    pub(crate) fn intake(&mut self) -> Option<&mut Intake> {
        match &mut self.inner {
            Inner::Bucket(intake) => Some(intake),
            _ => None,
        }
    }

    /// Whether it has to wait now.
    pub(crate) fn is_due(&self) -> bool {
        matches!(&self.inner, Inner::Bucket(intake) if intake.is_due())
    }

    /// The body is whole: stores and answers.
    pub(crate) async fn finish(self, door: &Rc<Door>) -> Result<Finished, (Fault, Wanted)> {
        let wanted = self.wanted();
        let fault = |fault| (fault, wanted);
        let (uploads, page) = match self.inner {
            inner @ (Inner::Put(_) | Inner::Bucket(_)) => {
                let sink = match inner {
                    Inner::Bucket(intake) => Sink::Bucket(intake),
                    Inner::Put(put) => Sink::Put(put),
                    _ => Sink::Discard(0),
                };
                let finished = Box::pin(sink.finish(door)).await;
                let (files, bytes) = if finished.is_ok() { (1, self.taken) } else { (0, 0) };
                if let Some(charge) = self.charge {
                    charge.stored(files, bytes).await;
                }
                return finished;
            }
            Inner::New(put) => (vec![put.upload], None),
            Inner::NewForm(form, page) => {
                let Form { parser, done, .. } = *form;
                parser.finish().map_err(|error| fault(Fault::Form(error)))?;
                if done.is_empty() {
                    return Err(fault(Fault::BadRequest("the form holds no file")));
                }
                (done.into_iter().map(Current::into_upload).collect(), Some(page))
            }
        };
        let (stored, size, failed) = publish(door, uploads).await;
        if let Some(charge) = self.charge {
            charge.stored(stored, size).await;
        }
        door.slot.add(menshen_base::Counter::UploadsDone, u64::from(stored));
        if let Some(reason) = failed {
            return Err(fault(reason));
        }
        let reply = match page {
            Some(page) if wanted == Wanted::Html => page.thanks(stored),
            _ => stored_reply(stored, size),
        };
        Ok(Finished::Reply(reply.text("referrer-policy", "no-referrer")))
    }

    /// What is written to, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        match &self.inner {
            Inner::Put(put) | Inner::New(put) => put.upload.path(),
            Inner::Bucket(intake) => intake.path(),
            Inner::NewForm(form, _) => form.folder.as_bytes(),
        }
    }

    /// What form of error the client reads.
    pub(crate) const fn wanted(&self) -> Wanted {
        match &self.inner {
            Inner::Put(put) | Inner::New(put) => put.wanted,
            Inner::Bucket(intake) => intake.wanted(),
            Inner::NewForm(form, _) => form.wanted,
        }
    }
}

/// What a drop-box says of files it took.
pub(crate) fn stored_reply(stored: u32, size: u64) -> Reply {
    let text = serde_json::to_vec(&Stored { stored, size }).unwrap_or_default();
    Reply::new(201).text("cache-control", "no-store").body("application/json", Body::Owned(text))
}

/// Whether the last step of a path begins with a dot: such files act without being asked
/// (`.htaccess`, `.user.ini`, `.profile`), and no stranger may leave one.
pub(crate) fn is_hidden(path: &[u8]) -> bool {
    path.rsplit(|&b| b == b'/').next().is_some_and(|name| name.starts_with(b"."))
}

/// Stores all, on a blocking thread when that waits for the disk: how many files, how many bytes,
/// and why not more.
async fn publish(door: &Door, uploads: Vec<Upload>) -> (u32, u64, Option<Fault>) {
    let shared = Arc::clone(&door.shared);
    let work = move || {
        let (mut stored, mut size) = (0, 0_u64);
        for upload in uploads {
            let told = |path: &[u8], stat: &Stat| shared.will_stand(path, stat, None, None);
            match shared.spool.publish_new(upload, told) {
                Ok((path, stat)) => {
                    shared.board.bump_path(&path);
                    stored += 1;
                    size = size.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
                }
                Err(fault) => return (stored, size, Some(fault)),
            }
        }
        (stored, size, None)
    };
    if door.shared.waits() {
        tokio::task::spawn_blocking(work).await.unwrap_or((0, 0, Some(Fault::Storage)))
    } else {
        work()
    }
}

/// What is said of a name that begins with a dot.
pub(crate) const HIDDEN: Fault = Fault::BadPath("names that begin with a dot are not taken here");
