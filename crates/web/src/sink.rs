//! Where the bytes of a request body go: one file (PUT), the files of a form (POST), or nowhere.
//!
//! Both protocols push bytes in as they come, synchronously and from a borrowed buffer; nothing is
//! kept here but a possible piece of a form boundary. Dropping a sink removes what it wrote.

use std::sync::Arc;

use menshen_base::Counter;
use menshen_web_core::conditional::Strength;
use menshen_web_core::fields::Wanted;
use menshen_web_core::multipart::{Event, Multipart, PartHead};
use menshen_web_core::target::{check_name, encode_path};
use serde::Serialize;

use crate::door::{Door, Shared};
use crate::fault::Fault;
use crate::files::etag_of;
use crate::links::sink::LinkSink;
use crate::php::call::Call;
use crate::php::intake::{Flush, Intake};
use crate::reply::{Body, Reply};
use crate::root::Expect;
use crate::spool::{Published, Upload};

/// A body's destination.
#[derive(Debug)]
pub(crate) enum Sink {
    Put(Box<Put>),
    Form(Box<Form>),
    /// By a signed link.
    Link(Box<LinkSink>),
    /// A request for PHP.
    Php(Box<ForPhp>),
    /// Read and forgotten, up to so many bytes.
    Discard(u64),
}

/// A request body on its way to PHP.
#[derive(Debug)]
pub(crate) struct ForPhp {
    pub(crate) intake: Intake,
    /// All of the request but its body.
    pub(crate) call: Box<Call>,
}

/// What a whole body comes to.
#[derive(Debug)]
pub(crate) enum Finished {
    /// An answer.
    Reply(Reply),
    /// A request that PHP answers.
    Call(Box<Call>),
}

/// One file.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) upload: Upload,
    pub(crate) expect: Expect,
    pub(crate) wanted: Wanted,
}

/// The files of a form.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) shared: Arc<Shared>,
    pub(crate) parser: Multipart,
    /// Directory the form was posted to; ends in `/`.
    pub(crate) folder: String,
    pub(crate) largest: u64,
    pub(crate) wanted: Wanted,
    pub(crate) current: Option<Upload>,
    pub(crate) done: Vec<Upload>,
}

#[derive(Serialize)]
struct Stored {
    stored: Vec<StoredFile>,
}

#[derive(Serialize)]
struct StoredFile {
    path: String,
    size: u64,
    etag: String,
}

impl Sink {
    /// Takes bytes of the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Put(put) => put.upload.write(bytes),
            Self::Form(form) => form.take(bytes),
            Self::Link(link) => link.take(bytes),
            Self::Php(php) => php.intake.take(bytes),
            Self::Discard(left) => {
                *left = left.checked_sub(bytes.len() as u64).ok_or(Fault::TooLarge)?;
                Ok(())
            }
        }
    }

    /// The body is whole: checks, stores, answers. Waits for the disk on a blocking thread.
    pub(crate) async fn finish(self, door: &Door) -> Result<Finished, (Fault, Wanted)> {
        match self {
            Self::Put(put) => {
                let Put { upload, expect, wanted } = *put;
                let path = upload.path().to_vec();
                let published = publish(door, vec![(upload, expect)]).await;
                let published = published.map_err(|fault| (fault, wanted))?;
                Ok(Finished::Reply(put_reply(&path, &published)))
            }
            Self::Form(form) => {
                let wanted = form.wanted;
                let stored = form.store(door).await;
                stored.map(Finished::Reply).map_err(|fault| (fault, wanted))
            }
            Self::Link(link) => link.finish(door).await,
            Self::Php(php) => {
                let ForPhp { intake, mut call } = *php;
                let flush = if door.shared.durable { Flush::Yes } else { Flush::No };
                let body = intake.finish(flush).await.map_err(|fault| (fault, call.wanted))?;
                call.body = Some(body);
                Ok(Finished::Call(call))
            }
            Self::Discard(_) => Ok(Finished::Reply(Reply::new(204))),
        }
    }

    /// What is written to, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        match self {
            Self::Put(put) => put.upload.path(),
            Self::Form(form) => form.folder.as_bytes(),
            Self::Link(link) => link.path(),
            Self::Php(php) => &php.call.script.name,
            Self::Discard(_) => b"",
        }
    }

    /// What form of error the client reads.
    pub(crate) const fn wanted(&self) -> Wanted {
        match self {
            Self::Put(put) => put.wanted,
            Self::Form(form) => form.wanted,
            Self::Link(link) => link.wanted(),
            Self::Php(php) => php.call.wanted,
            Self::Discard(_) => Wanted::Either,
        }
    }
}

impl Form {
    /// Takes bytes of the body.
    pub(crate) fn take(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        loop {
            let step = self.parser.feed(input).map_err(Fault::Form)?;
            let consumed = step.consumed;
            match step.event {
                None => return Ok(()),
                Some(Event::PartBegin(head)) => {
                    self.current = begin(&self.shared, &self.folder, self.largest, &head)?;
                }
                Some(Event::Data(range)) => {
                    if let Some(upload) = &mut self.current {
                        upload.write(&input[range])?;
                    }
                }
                Some(Event::DataHeld(held)) => {
                    if let Some(upload) = &mut self.current {
                        upload.write(held)?;
                    }
                }
                Some(Event::PartEnd) => {
                    if let Some(mut upload) = self.current.take() {
                        upload.park()?;
                        self.done.push(upload);
                    }
                }
                Some(Event::End) => {}
            }
            input = &input[consumed..];
        }
    }

    async fn store(self, door: &Door) -> Result<Reply, Fault> {
        self.parser.finish().map_err(Fault::Form)?;
        if self.done.is_empty() {
            return Err(Fault::BadRequest("the form holds no file"));
        }
        let uploads = self.done.into_iter().map(|upload| (upload, Expect::Anything)).collect();
        let published = publish(door, uploads).await?;
        if self.wanted == Wanted::Html {
            let mut location = Vec::new();
            encode_path(self.folder.as_bytes(), &mut location);
            return Ok(Reply::new(303).with("location", location));
        }
        let stored = published.iter().map(|(path, published)| StoredFile {
            path: String::from_utf8_lossy(path).into_owned(),
            size: u64::try_from(published.stat.st_size).unwrap_or(0),
            etag: strong(published),
        });
        let text = serde_json::to_vec(&Stored { stored: stored.collect() }).unwrap_or_default();
        Ok(Reply::new(201).body("application/json", Body::Owned(text)))
    }
}

/// Begins the upload of a form part; `None` for ordinary fields and empty file fields, which a
/// file service has no use for.
fn begin(
    shared: &Shared,
    folder: &str,
    largest: u64,
    head: &PartHead,
) -> Result<Option<Upload>, Fault> {
    let Some(name) = head.file_name.as_ref().filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    check_name(name).map_err(|error| match error {
        menshen_web_core::target::PathError::NameTooLong => Fault::NameTooLong,
        other => Fault::BadPath(other.reason()),
    })?;
    let mut path = folder.as_bytes().to_vec();
    path.extend_from_slice(name);
    let upload = shared.spool.begin(&path, None, largest, <_>::default(), None)?;
    Ok(Some(upload))
}

/// Publishes all, on a blocking thread when that waits for the disk.
async fn publish(
    door: &Door,
    uploads: Vec<(Upload, Expect)>,
) -> Result<Vec<(Vec<u8>, Published)>, Fault> {
    let shared = Arc::clone(&door.shared);
    let work = move || {
        let mut all = Vec::with_capacity(uploads.len());
        for (upload, expect) in uploads {
            let path = upload.path().to_vec();
            let published = shared.spool.publish(upload, &expect);
            // Also after a fault: it may have come behind the rename.
            shared.board.bump_path(&path);
            all.push((path, published?));
        }
        Ok(all)
    };
    let published = if door.shared.durable {
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))
    } else {
        work()
    };
    if let Ok(all) = &published {
        door.slot.add(Counter::UploadsDone, all.len() as u64);
    }
    published
}

fn put_reply(path: &[u8], published: &[(Vec<u8>, Published)]) -> Reply {
    let Some((_, published)) = published.first() else { return Reply::new(500) };
    let mut reply = Reply::new(if published.replaced { 204 } else { 201 })
        .with("etag", strong(published).into_bytes());
    if !published.replaced {
        let mut location = Vec::new();
        encode_path(path, &mut location);
        reply = reply.with("location", location);
    }
    match &published.digest {
        Some(digest) => reply.with("repr-digest", digest.clone()),
        None => reply,
    }
}

fn strong(published: &Published) -> String {
    let etag = etag_of(&published.stat);
    String::from_utf8_lossy(etag.header_value(Strength::Strong)).into_owned()
}
