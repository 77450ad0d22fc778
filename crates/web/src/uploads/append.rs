//! Bytes on their way into an upload.
//!
//! They are pushed from the borrowed receive buffer into the store, synchronously; a request that
//! ends early keeps what it brought. Only a request with a digest of its own content keeps all or
//! nothing, since a part of it cannot be checked.
//!
//! How it fails: a newer request took the upload over (this one is ended, none of its bytes are
//! stored from then on); the bytes go beyond the length; the disk is full. What was acknowledged
//! stays in every case.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_store::{Destination, Error, Push, Record, Running, Store, Writer};
use menshen_upload_core::{Checks, Dialect, End, Interim, Limits, Refusal};
use menshen_web_core::fields::Wanted;

use super::begin::count;
use super::checks;
use super::deliver::Delivered;
use super::reply::{Known, fault_of, of_store, refused, sent};
use super::request::RequestHead;
use super::said::Said;
use super::{HOUR_S, Scope, segments};
use crate::bucket::Bucket;
use crate::door::Door;
use crate::fault::Fault;
use crate::reply::Reply;
use crate::sink::{Cut, Fields};

/// How a request speaks and where it leads.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) scope: Scope,
    pub(super) dialect: Dialect,
    pub(super) wanted: Wanted,
    pub(super) limits: Limits,
    pub(super) store: Store,
    /// Where the store is one.
    pub(super) bucket: Option<Rc<Bucket>>,
    /// Scheme and host for addresses; empty where a path does.
    pub(super) base: String,
    /// `Authorization` of this request.
    pub(super) credentials: Option<Vec<u8>>,
    /// How long what was written to waits for more, seconds.
    pub(super) keep_s: u64,
}

/// What the request says of its content.
#[derive(Debug)]
pub(super) struct Opened {
    /// Whether it made the upload.
    pub(super) creates: bool,
    pub(super) end: End,
    pub(super) checks: Checks,
}

/// An upload that a request appends to.
#[derive(Debug)]
pub(crate) struct Appending {
    way: Way,
    writer: Option<Writer>,
    record: Record,
    creates: bool,
    end: End,
    checking: Running,
    /// Where a segment ends; it is kept whole or not at all.
    segment_end: Option<u64>,
    /// Where this request began.
    base: u64,
    taken: u64,
    /// Taken from the receive buffer, not by the store.
    waiting: Vec<u8>,
    flushed: u64,
    flushed_ms: u64,
    refusal: Option<Refusal>,
    /// How often it had to wait for memory.
    waits: u64,
    /// The limit that ended it.
    broken: Option<Error>,
    /// The target, for `menshen status`.
    path: Vec<u8>,
    /// For a browser that has none.
    pub(super) cookie: Option<Vec<u8>>,
}

impl Way {
    /// The same for another answer.
    pub(super) fn clone_way(&self) -> Self {
        Self {
            scope: self.scope.clone(),
            dialect: self.dialect,
            wanted: self.wanted,
            limits: self.limits,
            store: self.store.clone(),
            bucket: self.bucket.clone(),
            base: self.base.clone(),
            credentials: None,
            keep_s: self.keep_s,
        }
    }

    /// A bucket that could not be reached is asked whether it is away: others need not wait then.
    pub(super) fn doubt(&self, error: &Error) {
        if let (Error::Unavailable { .. }, Some(bucket)) = (error, &self.bucket) {
            bucket.doubt();
        }
    }

    /// When an upload that is written to now should expire; `None` where it hardly matters: its
    /// record would be written once more for every small piece.
    fn longer(&self, record: &Record) -> Option<u64> {
        let expires = clock::unix_s() + self.keep_s;
        (expires.saturating_sub(record.expires) > HOUR_S / 4).then_some(expires)
    }

    /// An upload that was written to is kept for its time from now.
    async fn prolong(&self, record: &mut Record) {
        if let Some(expires) = self.longer(record)
            && self.store.expire_at(&record.id, expires).await.is_ok()
        {
            record.expires = expires;
        }
    }

    /// Makes durable what came, and how long it is kept, where that is one write.
    async fn flush(&self, record: &mut Record, writer: &mut Writer) -> Result<u64, Error> {
        if let Some(expires) = self.longer(record)
            && writer.prolong(expires)
        {
            record.expires = expires;
        }
        writer.flush().await
    }
}

impl Appending {
    pub(super) fn new(way: Way, writer: Writer, record: Record, opened: Opened) -> Self {
        let path = match &record.destination {
            Destination::File { path, .. } => path.clone(),
            Destination::Request { head } => serde_json::from_slice::<RequestHead>(head)
                .map(|head| head.target.split(|&b| b == b'?').next().unwrap_or_default().to_vec())
                .unwrap_or_default(),
            Destination::Held | Destination::Part => super::PLACE.into(),
        };
        let base = writer.position();
        Self {
            way,
            record,
            creates: opened.creates,
            end: opened.end,
            checking: Running::of(&checks::of_content(&opened.checks)),
            segment_end: None,
            base,
            taken: 0,
            waiting: Vec::new(),
            flushed: base,
            flushed_ms: clock::coarse_ms(),
            refusal: None,
            waits: 0,
            broken: None,
            path,
            cookie: None,
            writer: Some(writer),
        }
    }

    /// The same for one segment that ends there.
    pub(super) const fn of_segment(mut self, end: u64) -> Self {
        self.segment_end = Some(end);
        self
    }

    /// Whether a part of this content is worth nothing.
    const fn all_or_nothing(&self) -> bool {
        self.checking.any() || self.segment_end.is_some()
    }

    /// Takes bytes of the content.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.taken += bytes.len() as u64;
        if self.way.limits.append_max.is_some_and(|most| self.taken > most) {
            return Err(self.refuse(Refusal::AppendTooLarge));
        }
        self.checking.update(bytes);
        let Some(writer) = &mut self.writer else { return Err(Fault::Storage) };
        if !self.waiting.is_empty() {
            self.waiting.extend_from_slice(bytes);
            return Ok(());
        }
        match writer.push(bytes) {
            Ok(Push::Taken) => Ok(()),
            Ok(Push::Wait) => {
                self.waiting.extend_from_slice(bytes);
                Ok(())
            }
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// Whether [`Self::settle`] has something to do.
    pub(crate) fn is_due(&self) -> bool {
        !self.waiting.is_empty() || self.is_late()
    }

    /// Whether what came should be made durable by now: a power failure, or the end of this
    /// machine, takes no more than that of a single long request.
    fn is_late(&self) -> bool {
        let Some(writer) = &self.writer else { return false };
        let since = writer.position().saturating_sub(self.flushed);
        let patience = writer.patience();
        let late = since >= patience.bytes
            || since > 0 && clock::coarse_ms().saturating_sub(self.flushed_ms) >= patience.ms;
        // What cannot be checked yet must not be told.
        late && !self.all_or_nothing()
    }

    /// Waits for a store that takes no more just now; has it make durable what came, now and then.
    /// Fields of an interim answer that tells it.
    pub(crate) async fn settle(&mut self) -> Result<Option<Fields>, Fault> {
        let had_to_wait = !self.waiting.is_empty();
        let Some(writer) = &mut self.writer else { return Err(Fault::Storage) };
        let mut settled = Ok(());
        while !self.waiting.is_empty() && settled.is_ok() {
            self.waits += u64::from(writer.lacks_memory());
            settled = writer.ready().await;
            if settled.is_ok() {
                match writer.push(&self.waiting) {
                    Ok(Push::Taken) => self.waiting.clear(),
                    Ok(Push::Wait) => {}
                    Err(error) => settled = Err(error),
                }
            }
        }
        settled.map_err(|error| self.stop(&error))?;
        if self.all_or_nothing() || had_to_wait && !self.is_late() {
            return Ok(None);
        }
        let Some(writer) = &mut self.writer else { return Err(Fault::Storage) };
        let flushed = self.way.flush(&mut self.record, writer).await;
        // From its end on: a slow store is not asked for more while it is slow.
        self.flushed_ms = clock::coarse_ms();
        self.flushed = flushed.map_err(|error| self.stop(&error))?;
        // Whoever comes back must find what was told, however long this request takes.
        self.way.prolong(&mut self.record).await;
        let mut known = Known::of(&self.record, self.way.limits);
        known.offset = self.flushed;
        let told = self.way.dialect.interim(Interim::Progress, &known.facts());
        Ok(told.map(|answer| answer.fields))
    }

    /// The content is all here: what it comes to.
    pub(crate) async fn finish(mut self, door: &Rc<Door>) -> Reply {
        while !self.waiting.is_empty() {
            if let Err(fault) = self.settle().await {
                return self.cut(door, Cut::Fault(fault)).await;
            }
        }
        if !std::mem::take(&mut self.checking).kept() {
            self.refusal = Some(Refusal::Checksum);
            return self.cut(door, Cut::Fault(Fault::Digest)).await;
        }
        let position = self.writer.as_ref().map_or(0, Writer::position);
        if self.segment_end.is_some_and(|end| end != position) {
            self.refusal = Some(Refusal::Length);
            return self.cut(door, Cut::Ended).await;
        }
        door.slot.add(Counter::S3Waits, std::mem::take(&mut self.waits));
        let Some(mut writer) = self.writer.take() else {
            return Reply::fault(Fault::Storage, self.way.wanted);
        };
        let ends = match self.end {
            End::Here => true,
            // tus-js-client says of the last bytes after a cut that more will come, and takes what
            // has its whole length for complete. What is answered by somebody waits for the end.
            End::Later if self.is_answered() => false,
            End::Later | End::AtLength => self.record.length == Some(writer.position()),
        };
        let ends = ends || self.segment_end.is_some();
        let cookie = self.cookie.take();
        let reply = if ends {
            self.complete(door, writer).await
        } else {
            match self.way.flush(&mut self.record, &mut writer).await {
                Ok(offset) => {
                    drop(writer);
                    self.told(offset).await
                }
                Err(error) => {
                    self.writer = Some(writer);
                    self.failed(door, &error)
                }
            }
        };
        match cookie {
            Some(cookie) => reply.with("set-cookie", cookie),
            None => reply,
        }
    }

    /// Whether the answer to the request that ends it is the target's own.
    fn is_answered(&self) -> bool {
        Said::of(&self.record).upgraded
    }

    /// The content ended early: what came of it is kept.
    pub(crate) async fn cut(mut self, door: &Rc<Door>, why: Cut) -> Reply {
        let refusal = self.refusal.take();
        door.slot.add(Counter::S3Waits, std::mem::take(&mut self.waits));
        if let Some(error) = self.broken.take() {
            count(door, &error);
        }
        let mut known = Known::of(&self.record, self.way.limits);
        if let Some(mut writer) = self.writer.take() {
            if refusal == Some(Refusal::Fenced) {
                door.slot.add(Counter::ResumableFenced, 1);
            } else if matches!(refusal, Some(Refusal::Unavailable { .. })) {
                // It was tried long enough: the client is told at once where to go on later.
                door.slot.add(Counter::ResumableCut, 1);
            } else {
                if self.all_or_nothing() || refusal == Some(Refusal::Checksum) {
                    let _ = writer.cut(self.base).await;
                }
                // Where it cannot be made durable, the older offset holds.
                let _ = self.way.flush(&mut self.record, &mut writer).await;
                door.slot.add(Counter::ResumableCut, 1);
                if writer.durable() > self.record.offset {
                    self.way.prolong(&mut self.record).await;
                    known = Known::of(&self.record, self.way.limits);
                }
            }
            known.offset = writer.durable();
        }
        let refusal = refusal.unwrap_or(match why {
            Cut::Fault(Fault::Full) => Refusal::Full,
            _ => Refusal::Failed,
        });
        if refusal == Refusal::AppendTooLarge {
            door.slot.add(Counter::LimitAppendBytes, 1);
        }
        let reply = refused(self.way.dialect, refusal, &known, self.way.wanted);
        match self.cookie.take() {
            Some(cookie) => reply.with("set-cookie", cookie),
            None => reply,
        }
    }

    /// What is written to, for `menshen status`.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// What form of error the client reads.
    pub(crate) const fn wanted(&self) -> Wanted {
        self.way.wanted
    }

    /// Bytes are durable, more will come.
    async fn told(self, offset: u64) -> Reply {
        let Self { way, mut record, creates, .. } = self;
        record.offset = offset;
        way.prolong(&mut record).await;
        let known = Known::of(&record, way.limits);
        let facts = known.facts();
        sent(if creates { way.dialect.created(&facts) } else { way.dialect.appended(&facts) })
    }

    /// That was all of it.
    async fn complete(self, door: &Rc<Door>, writer: Writer) -> Reply {
        let id = *writer.id();
        match writer.complete().await {
            Ok(whole) => {
                door.slot.add(Counter::ResumableDone, 1);
                let mut record = whole.record().clone();
                drop(whole);
                if matches!(record.destination, Destination::Held | Destination::Part) {
                    // It waits for somebody to name it.
                    self.way.prolong(&mut record).await;
                }
                let what = if self.creates { Delivered::Created } else { Delivered::Appended };
                self.way.delivered(door, record, what).await
            }
            Err(Error::Incomplete) if self.segment_end.is_some() => {
                // This one is durable, others are to come.
                match self.way.store.look(&id).await {
                    Ok(record) => segments::ranges_told(&record, &self.way),
                    Err(error) => self.failed(door, &error),
                }
            }
            Err(error) => {
                if error == Error::Digest {
                    // The whole is wrong and nothing can be appended to mend it.
                    self.way.withdraw(door, &id).await;
                }
                self.failed(door, &error)
            }
        }
    }

    fn failed(&self, door: &Door, error: &Error) -> Reply {
        if *error == Error::Taken {
            return self.way.fault(door, Fault::Precondition);
        }
        self.way.doubt(error);
        let refusal = of_store(error);
        door.count_fault(fault_of(refusal));
        let mut known = Known::of(&self.record, self.way.limits);
        if let Some(writer) = &self.writer {
            known.offset = writer.durable();
        }
        refused(self.way.dialect, refusal, &known, self.way.wanted)
    }

    fn stop(&mut self, error: &Error) -> Fault {
        self.way.doubt(error);
        self.broken = matches!(error, Error::TooMany { .. }).then(|| error.clone());
        let open = self.record.length.is_none();
        self.refuse(match error {
            // Without a length of its own it can only be beyond the largest.
            Error::TooLong if open => Refusal::TooLarge,
            error => of_store(error),
        })
    }

    fn refuse(&mut self, refusal: Refusal) -> Fault {
        self.refusal = Some(refusal);
        fault_of(refusal)
    }
}
