//! Segments of nginx-upload-module: bytes for a place in a whole that the client named.
//!
//! The client chooses the session, and chooses badly: it names an upload only together with who
//! the client is (the owner; where anybody may write, its address) and where the file lands. A
//! segment is kept whole or not at all, so one that was cut can be sent again.
//!
//! How it fails: another total than before, bytes that are there already, too many holes. A
//! segment that is there from its first to its last byte is no failure: its answer was lost.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_store::{Error, Id, Order, Record};
use menshen_upload_core::{Concat, Content, Create, Dialect, End, Metadata, Refusal, Segment};
use menshen_web_core::target::{decode_path, encode_path};

use super::Scope;
use super::append::{Appending, Opened, Way};
use super::begin::{Begun, Caller, Errand, What, count};
use super::deliver::Delivered;
use super::landing::Landing;
use super::reply::{Known, of_store, refused, sent};
use super::said::Said;
use crate::ask::Ask;
use crate::auth::{Grant, Reach};
use crate::door::Door;
use crate::fault::Fault;
use crate::plan::{Plan, Stop};
use crate::reply::Reply;
use crate::sink::Sink;

impl Door {
    /// A segment at the place of uploads.
    pub(super) fn segment(
        &self,
        ask: &Ask<'_>,
        query: &[u8],
        caller: Caller,
        segment: Segment,
    ) -> Result<Plan, Stop> {
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        let most = self.limits.upload_bytes_max;
        if most > 0 && segment.total > most {
            let known = Known::nothing(self.upload_limits());
            let reply = refused(Dialect::Segments, Refusal::TooLarge, &known, ask.wanted());
            return Ok(reply.into());
        }
        let create = Create {
            length: Some(segment.total),
            content: Content::Sized(segment.span.bytes()),
            end: End::AtLength,
            metadata: Metadata::default(),
            file_name: segment.file_name.clone(),
            checks: segment.checks.clone(),
            concat: Concat::None,
        };
        let landing = Landing::of(&create, query)?;
        // The owner may come from anywhere.
        let whose = match &caller.owner {
            Some(owner) => owner.to_vec(),
            None => ask.peer.to_string().into_bytes(),
        };
        let folder = landing.folder.as_bytes();
        let id = Id::derived(&[b"menshen segments", &whose, folder, &segment.session]);
        let mut raw = Vec::new();
        encode_path(landing.path(id.as_str()).as_bytes(), &mut raw);
        let path = decode_path(&raw).map_err(|error| Fault::BadPath(error.reason()))?;
        let open = self.authority.public(path.as_str().as_bytes(), Reach::Itself);
        if open != Some(Grant::Write)
            && let Some(refusal) = &caller.refusal
        {
            return Err(Stop::Refusal(*refusal));
        }
        let mut record = self.record(ask, id, &create, caller.owner, &Scope::Files);
        record.order = Order::Segments;
        record.dialect = Dialect::Segments.word().into();
        record.destination = self.file_destination(ask, &path)?;
        let mut said = Said::new(&Scope::Files, &create.metadata, &create.concat);
        said.name = landing.name.unwrap_or_default();
        said.wants(create.checks.want);
        record.metadata = said.json();
        let what = What::Segment(Box::new((record, segment)));
        Ok(Plan::Upload(Box::new(Errand {
            scope: Scope::Files,
            dialect: Dialect::Segments,
            caller,
            what,
            wanted: ask.wanted(),
            limits: self.upload_limits(),
            base: String::new(),
            cookie: None,
        })))
    }
}

impl Way {
    /// Makes the upload; what it took is given back where that fails.
    async fn create_segments(
        &self,
        door: &Rc<Door>,
        mut record: Record,
    ) -> Result<Result<menshen_store::Writer, Error>, Reply> {
        self.take_room(door, &mut record).await?;
        let made = self.store.create(record.clone()).await;
        if made.is_err() {
            door.give_room_back(&record).await;
        } else if let Err(reply) = self.created(door, &record).await {
            door.give_back(&record).await;
            return Err(reply);
        }
        Ok(made)
    }

    /// Takes a segment; the first one makes the upload.
    pub(super) async fn segment(
        self,
        door: &Rc<Door>,
        record: Record,
        segment: Segment,
    ) -> Result<Begun, Reply> {
        let known = Known::nothing(self.limits);
        let refuse = |refusal| Err(refused(self.dialect, refusal, &known, self.wanted));
        let (id, span) = (record.id, segment.span);
        let found = match self.store.look(&id).await {
            Ok(found) if found.expires > clock::unix_s() => Some(found),
            Ok(_) => {
                self.withdraw(door, &id).await;
                None
            }
            Err(Error::Gone) => None,
            Err(error) => return Err(self.failed(&error)),
        };
        match found {
            Some(found) if found.length != Some(segment.total) || found.owner != record.owner => {
                return refuse(Refusal::Length);
            }
            // The session of another file: to say that it is there would lose this one.
            Some(found) if names_other(&found, &record) => return refuse(Refusal::Overlap),
            Some(found) if found.is_complete() => {
                return Ok(Begun::Reply(self.delivered(door, found, Delivered::Appended).await));
            }
            Some(found) if found.spans.covers(span.start, span.end) => {
                return Ok(Begun::Reply(ranges_told(&found, &self)));
            }
            Some(_) => {}
            None => match self.create_segments(door, record.clone()).await? {
                Ok(_) => {
                    door.slot.add(Counter::ResumableCreated, 1);
                }
                // Another segment was first.
                Err(Error::Exists) => {}
                Err(error) => {
                    count(door, &error);
                    return Err(self.failed(&error));
                }
            },
        }
        match self.store.claim_segment(&id, span.start..span.end).await {
            Ok((record, writer)) => {
                let opened = Opened { creates: false, end: End::AtLength, checks: segment.checks };
                let appending = Appending::new(self, writer, record, opened).of_segment(span.end);
                Ok(Begun::Receive(Sink::Upload(Box::new(appending)), None))
            }
            Err(Error::Complete) => {
                let record = self.store.look(&id).await.map_err(|error| self.failed(&error))?;
                Ok(Begun::Reply(self.delivered(door, record, Delivered::Appended).await))
            }
            Err(error) => refuse(of_store(&error)),
        }
    }
}

/// Whether `asked` has a file name, and not that of `found`; only one segment need have it.
fn names_other(found: &Record, asked: &Record) -> bool {
    let (found, asked) = (Said::of(found), Said::of(asked));
    !asked.name.is_empty() && !found.name.is_empty() && asked.name != found.name
}

/// What is there, as the dialect tells it.
pub(super) fn ranges_told(record: &Record, way: &Way) -> Reply {
    let known = Known::of(record, way.limits);
    let spans = Some(record.spans.as_slice());
    let facts = menshen_upload_core::Facts { spans, ..known.facts() };
    sent(way.dialect.appended(&facts))
}
