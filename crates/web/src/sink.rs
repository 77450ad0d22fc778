//! Where the bytes of a request body go: one file (PUT), the files of a form (POST), or nowhere.
//!
//! Both protocols push bytes in as they come, synchronously and from a borrowed buffer; nothing is
//! kept here but a possible piece of a form boundary. Dropping a sink removes what it wrote, but
//! for an upload that can be resumed.

use std::rc::Rc;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_store::{ID_CHARS, Id};
use menshen_web_core::conditional::Strength;
use menshen_web_core::fields::Wanted;
use menshen_web_core::multipart::{Event, Multipart, PartHead};
use menshen_web_core::target::{check_name, encode_path};
use serde::Serialize;

use crate::door::{Door, Shared};
use crate::fault::Fault;
use crate::files::etag_of;
use crate::links::sink::LinkSink;
use crate::php::body::Ahead;
use crate::php::call::Call;
use crate::php::intake::{Flush, Intake};
use crate::reply::{Body, Reply};
use crate::root::Expect;
use crate::spool::{Published, Upload};
use crate::uploads::{Appending, Held, Namer};
use crate::zip::{Question, Selection};

/// A body's destination.
#[derive(Debug)]
pub(crate) enum Sink {
    Put(Box<Put>),
    Form(Box<Form>),
    /// Into the bucket.
    Bucket(Box<crate::bucket::Intake>),
    /// By a signed link.
    Link(Box<LinkSink>),
    /// A request for PHP.
    Php(Box<ForPhp>),
    /// An upload that can be resumed.
    Upload(Box<Appending>),
    /// What is wanted of a folder as a zip file.
    Select(Box<Selection>),
    /// Read and forgotten, up to so many bytes.
    Discard(u64),
}

/// Fields of an interim answer.
pub(crate) type Fields = Vec<(&'static str, Vec<u8>)>;

/// Why a body did not become whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its destination refused it.
    Fault(Fault),
    /// The client, the watch or wrong framing ended it.
    Ended,
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
    /// A folder to be sent as a zip file.
    Zip(Box<Question>),
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
    /// Whose uploads it may name.
    pub(crate) namer: Option<Namer>,
    pub(crate) current: Option<Current>,
    pub(crate) done: Vec<Current>,
}

/// A file of a form.
#[derive(Debug)]
pub(crate) struct Current {
    upload: Upload,
    /// The beginning of a part that may name an upload, until it shows that it does not.
    naming: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Stored {
    stored: Vec<StoredFile>,
}

/// A file that is there now.
#[derive(Serialize)]
pub(crate) struct StoredFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
}

/// The answer to a form of a script.
pub(crate) fn stored_json(stored: Vec<StoredFile>) -> Reply {
    let text = serde_json::to_vec(&Stored { stored }).unwrap_or_default();
    Reply::new(201).body("application/json", Body::Owned(text))
}

impl Sink {
    /// Takes bytes of the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Put(put) => put.upload.write(bytes),
            Self::Form(form) => form.take(bytes),
            Self::Bucket(intake) => intake.take(bytes),
            Self::Link(link) => link.take(bytes),
            Self::Php(php) => php.intake.take(bytes),
            Self::Upload(appending) => appending.take(bytes),
            Self::Select(selection) => selection.take(bytes),
            Self::Discard(left) => {
                *left = left.checked_sub(bytes.len() as u64).ok_or(Fault::TooLarge)?;
                Ok(())
            }
        }
    }

    /// Whether [`Self::settle`] has something to do before more is taken.
    pub(crate) fn is_due(&self) -> bool {
        match self {
            Self::Upload(appending) => appending.is_due(),
            Self::Bucket(intake) => intake.is_due(),
            Self::Link(link) => link.is_due(),
            _ => false,
        }
    }

    /// Waits for the destination; fields of an interim answer about it.
    pub(crate) async fn settle(&mut self) -> Result<Option<Fields>, Fault> {
        match self {
            Self::Upload(appending) => Box::pin(appending.settle()).await,
            Self::Bucket(intake) => Box::pin(intake.settle()).await.map(|()| None),
            Self::Link(link) => match link.intake() {
                Some(intake) => Box::pin(intake.settle()).await.map(|()| None),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// The body is whole: checks, stores, answers. Waits for the disk on a blocking thread. What
    /// few requests need is boxed: every connection is as large as the largest of its ways.
    pub(crate) async fn finish(self, door: &Rc<Door>) -> Result<Finished, (Fault, Wanted)> {
        match self {
            Self::Put(put) => {
                let Put { upload, expect, wanted } = *put;
                let path = upload.path().to_vec();
                let published = publish(door, vec![(upload, expect)]).await;
                let published = published.map_err(|fault| (fault, wanted))?;
                let reply = published
                    .first()
                    .map_or_else(|| Reply::new(500), |(_, published)| put_reply(&path, published));
                Ok(Finished::Reply(reply))
            }
            Self::Form(form) => {
                let wanted = form.wanted;
                let stored = Box::pin(form.store(door)).await;
                stored.map(Finished::Reply).map_err(|fault| (fault, wanted))
            }
            Self::Bucket(intake) => Box::pin(intake.finish(door)).await.map(Finished::Reply),
            Self::Link(link) => Box::pin(link.finish(door)).await,
            Self::Php(php) => {
                let ForPhp { intake, mut call } = *php;
                let flush = if door.shared.durable { Flush::Yes } else { Flush::No };
                let body = intake.finish(flush).await.map_err(|fault| (fault, call.wanted))?;
                let put = Box::pin(door.put_held(body, call.namer.as_ref())).await;
                let (body, held) = put.map_err(|fault| (fault, call.wanted))?;
                call.held = held;
                call.body = Some(body);
                Ok(Finished::Call(call))
            }
            Self::Upload(appending) => Ok(Finished::Reply(Box::pin(appending.finish(door)).await)),
            Self::Select(selection) => {
                let wanted = selection.wanted();
                selection.finish().map(Finished::Zip).map_err(|fault| (fault, wanted))
            }
            Self::Discard(_) => Ok(Finished::Reply(Reply::new(204))),
        }
    }

    /// The body ended before it was whole: what it wrote is removed, unless it can be resumed. The
    /// answer, where the destination has one of its own.
    pub(crate) async fn cut(self, door: &Rc<Door>, why: Cut) -> Option<Reply> {
        match self {
            Self::Upload(appending) => Some(Box::pin(appending.cut(door, why)).await),
            Self::Discard(_) | Self::Select(_) => None,
            Self::Put(_) | Self::Form(_) | Self::Link(_) | Self::Php(_) | Self::Bucket(_) => {
                door.slot.add(Counter::UploadsAborted, 1);
                None
            }
        }
    }

    /// What is written to, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        match self {
            Self::Put(put) => put.upload.path(),
            Self::Form(form) => form.folder.as_bytes(),
            Self::Bucket(intake) => intake.path(),
            Self::Link(link) => link.path(),
            Self::Php(php) => &php.call.script.name,
            Self::Upload(appending) => appending.path(),
            Self::Select(selection) => selection.path(),
            Self::Discard(_) => b"",
        }
    }

    /// What form of error the client reads.
    pub(crate) const fn wanted(&self) -> Wanted {
        match self {
            Self::Put(put) => put.wanted,
            Self::Form(form) => form.wanted,
            Self::Bucket(intake) => intake.wanted(),
            Self::Link(link) => link.wanted(),
            Self::Php(php) => php.call.wanted,
            Self::Upload(appending) => appending.wanted(),
            Self::Select(selection) => selection.wanted(),
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
                    let begun = begin(&self.shared, &self.folder, self.largest, &head)?;
                    let names = self.namer.is_some();
                    let may_name = names && Ahead::may_name(head.content_type.as_deref());
                    let naming = may_name.then(Vec::new);
                    self.current = begun.map(|upload| Current { upload, naming });
                }
                Some(Event::Data(range)) => {
                    if let Some(current) = &mut self.current {
                        current.write(&input[range])?;
                    }
                }
                Some(Event::DataHeld(held)) => {
                    if let Some(current) = &mut self.current {
                        current.write(held)?;
                    }
                }
                Some(Event::PartEnd) => {
                    if let Some(mut current) = self.current.take() {
                        current.end()?;
                        self.done.push(current);
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
        let (mut uploads, mut all) = (Vec::with_capacity(self.done.len()), Vec::new());
        for Current { upload, naming } in self.done {
            let (named, namer) = (naming.and_then(|id| Id::parse(id).ok()), &self.namer);
            let upload = match named.zip(namer.as_ref()) {
                Some((id, namer)) => {
                    let (upload, held) = door.copy_held(namer, &id, upload).await?;
                    all.push(held);
                    upload
                }
                None => upload,
            };
            uploads.push((upload, Expect::Anything));
        }
        let published = publish(door, uploads).await?;
        all.iter_mut().for_each(Held::spend);
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
        Ok(stored_json(stored.collect()))
    }
}

impl Current {
    /// Where it lands.
    pub(crate) fn path(&self) -> &[u8] {
        self.upload.path()
    }

    /// Of a form that may name no uploads.
    pub(crate) fn into_upload(self) -> Upload {
        self.upload
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(begun) = &mut self.naming else { return self.upload.write(bytes) };
        if begun.len() + bytes.len() <= ID_CHARS {
            begun.extend_from_slice(bytes);
            return Ok(());
        }
        // Too long for an id.
        let begun = self.naming.take().unwrap_or_default();
        self.upload.write(&begun)?;
        self.upload.write(bytes)
    }

    /// The part is whole. What names an upload stays open: the bytes are to come.
    fn end(&mut self) -> Result<(), Fault> {
        match self.naming.take() {
            Some(id) if Id::parse(&id).is_ok() => {
                self.naming = Some(id);
                Ok(())
            }
            // An ordinary file that calls itself so.
            Some(bytes) => self.upload.write(&bytes).and_then(|()| self.upload.park()),
            None => self.upload.park(),
        }
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
            let published = shared.spool.publish_told(upload, &expect, |stat, digest| {
                shared.will_stand(&path, stat, digest, None)
            });
            // Also after a fault: it may have come behind the rename.
            shared.board.bump_path(&path);
            all.push((path, published?));
        }
        Ok(all)
    };
    let published = if door.shared.waits() {
        tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage))
    } else {
        work()
    };
    if let Ok(all) = &published {
        door.slot.add(Counter::UploadsDone, all.len() as u64);
    }
    published
}

/// The answer to a PUT.
pub(crate) fn put_reply(path: &[u8], published: &Published) -> Reply {
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
