//! What is wanted of an upload, carried out as far as it goes without the request's content.
//!
//! Every wait here is the store's, on threads of its own. What needs the content ends in a
//! [`Sink`]; everything else is an answer.

use std::net::IpAddr;
use std::rc::Rc;

use menshen_base::Counter;
use menshen_hooks::Kind;
use menshen_net::clock;
use menshen_store::{Destination, Error, Id, Order, Record, Stage, Start};
use menshen_upload_core::{
    Append, Concat, Content, Create, Dialect, End, Interim, Limits, Refusal, Segment,
};
use menshen_web_core::fields::Wanted;
use serde::Serialize;

use super::append::{Appending, Opened, Way};
use super::deliver::Delivered;
use super::owner::Owner;
use super::reply::{Known, of_store, refused, sent};
use super::request::RequestHead;
use super::said::Said;
use super::{PLACE, Scope};
use crate::auth::Refusal as AuthRefusal;
use crate::bucket::Kept;
use crate::door::Door;
use crate::fault::Fault;
use crate::hooks::keep;
use crate::links::Take;
use crate::php::asking::Question;
use crate::reply::{Body, Reply};
use crate::sink::{Fields, Sink};

/// What is wanted.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(super) scope: Scope,
    pub(super) dialect: Dialect,
    pub(super) caller: Caller,
    pub(super) what: What,
    pub(super) wanted: Wanted,
    pub(super) limits: Limits,
    /// Scheme and host for addresses; empty where a path does.
    pub(super) base: String,
    /// For a browser that has none.
    pub(super) cookie: Option<Vec<u8>>,
}

/// Who wants it.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) owner: Option<Owner>,
    pub(super) peer: IpAddr,
    /// Why they are not the owner, of the file service, and the answer that says so.
    pub(super) refusal: Option<AuthRefusal>,
    pub(super) challenge: Option<Box<Reply>>,
}

/// The errands.
#[derive(Debug)]
pub(super) enum What {
    List,
    State(Id),
    Create(Box<Creation>),
    /// With the credentials of this request.
    Append(Id, Box<Append>, Option<Vec<u8>>),
    Look(Id),
    Cancel(Id),
    Segment(Box<(Record, Segment)>),
}

/// A new upload.
#[derive(Debug)]
pub(super) struct Creation {
    pub(super) record: Record,
    pub(super) create: Create,
    /// Those of this request, where an application will ask for them.
    pub(super) credentials: Option<Vec<u8>>,
    /// What the application is asked first.
    pub(super) question: Option<Box<Question>>,
    /// By a link, and what is to be taken of it where it is counted.
    pub(super) by_link: Option<Option<Take>>,
    /// Those that a bucket has to be asked for.
    pub(super) conditions: Kept,
}

/// What comes of it.
#[derive(Debug)]
pub(crate) enum Begun {
    /// An answer.
    Reply(Reply),
    /// The content is to be received; fields of an interim answer before it.
    Receive(Sink, Option<Fields>),
}

/// An upload as scripts see it.
#[derive(Serialize)]
struct State<'a> {
    id: &'a str,
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    filename: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    offset: u64,
    length: Option<u64>,
    complete: bool,
    created: u64,
    expires: u64,
    /// When the file itself was last changed, as its client said: Unix time, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<u64>,
}

#[derive(Serialize)]
struct Listing<'a> {
    uploads: Vec<State<'a>>,
}

impl Errand {
    /// Carries it out as far as it goes.
    pub(crate) async fn begin(self: Box<Self>, door: &Rc<Door>) -> Begun {
        let wanted = self.wanted;
        let store = match door.store(&self.scope).await {
            Ok(store) => store,
            Err(fault) => return Begun::Reply(Reply::fault(fault, wanted)),
        };
        let Self { scope, dialect, caller, what, limits, base, cookie, .. } = *self;
        let keep_s = door.uploads.keep_s();
        let bucket = store.bucket().and_then(|_| door.bucket.clone());
        let credentials = None;
        let way = Way { scope, dialect, wanted, limits, store, bucket, base, credentials, keep_s };
        let begun = match what {
            What::List => way.list(&caller).await,
            What::State(id) => way.state(door, &caller, &id).await,
            What::Create(mut creation) => {
                let credentials = creation.credentials.take();
                Way { credentials, ..way }.create(door, *creation).await
            }
            What::Append(id, append, credentials) => {
                Way { credentials, ..way }.append(door, &caller, &id, *append).await
            }
            What::Look(id) => way.look(door, &caller, &id).await,
            What::Cancel(id) => way.cancel(door, &caller, &id).await,
            What::Segment(made) => way.segment(door, made.0, made.1).await,
        };
        match (begun.unwrap_or_else(Begun::Reply), cookie) {
            (Begun::Reply(reply), Some(cookie)) => Begun::Reply(reply.with("set-cookie", cookie)),
            (Begun::Receive(Sink::Upload(mut appending), interim), Some(cookie)) => {
                appending.cookie = Some(cookie);
                Begun::Receive(Sink::Upload(appending), interim)
            }
            (begun, _) => begun,
        }
    }
}

impl Way {
    async fn list(&self, caller: &Caller) -> Result<Begun, Reply> {
        let records = match caller.owner {
            Some(owner) => self.store.list(&owner).await.map_err(|error| self.failed(&error))?,
            // Nobody in particular has no list.
            None => match &caller.challenge {
                Some(challenge) => return Err(again(challenge)),
                None => Vec::new(),
            },
        };
        let now = clock::unix_s();
        let open = records.iter().filter(|record| {
            let said = Said::of(record);
            let unfinished = matches!(record.stage, Stage::Receiving | Stage::Whole);
            unfinished && record.expires > now && said.is_of(&self.scope)
        });
        let listing = Listing { uploads: open.map(state).collect() };
        Ok(Begun::Reply(json(&listing)))
    }

    async fn state(&self, door: &Door, caller: &Caller, id: &Id) -> Result<Begun, Reply> {
        let record = self.mine(door, caller, id).await?;
        Ok(Begun::Reply(json(&state(&record))))
    }

    async fn create(mut self, door: &Rc<Door>, creation: Creation) -> Result<Begun, Reply> {
        let Creation { mut record, create, question, by_link, conditions, .. } = creation;
        if let Some(question) = question {
            record = Box::pin(self.allowed(door, record, question)).await?;
        }
        let length = record.length;
        if let Concat::Final(parts) = &create.concat {
            return self.concat(door, parts, record).await.map(Begun::Reply);
        }
        let target = door.upload_target(&self, &record, &conditions).await;
        let target = target.map_err(|fault| self.fault(door, fault))?;
        if let Some(take) = by_link {
            self.take_link(door, &mut record, take).await?;
        }
        if let Err(reply) = self.take_room(door, &mut record).await {
            door.give_back(&record).await;
            return Err(reply);
        }
        let writer = match self.store.create_at(record.clone(), target).await {
            Ok(writer) => writer,
            Err(error) => {
                door.give_back(&record).await;
                count(door, &error);
                return Err(self.failed(&error));
            }
        };
        if let Err(reply) = self.created(door, &record).await {
            door.give_back(&record).await;
            return Err(reply);
        }
        door.slot.add(Counter::ResumableCreated, 1);
        let known = Known::of(&record, self.limits).based(&self.base);
        let ends = match create.end {
            End::Here => create.content == Content::None,
            End::Later => false,
            End::AtLength => length == Some(0),
        };
        let interim = self.dialect.interim(Interim::Created, &known.facts());
        if create.content == Content::None && !ends {
            return Ok(Begun::Reply(sent(self.dialect.created(&known.facts()))));
        }
        let opened = Opened { creates: true, end: create.end, checks: create.checks };
        let appending = Appending::new(self, writer, record, opened);
        if create.content == Content::None {
            return Ok(Begun::Reply(appending.finish(door).await));
        }
        let interim = interim.map(|answer| answer.fields);
        Ok(Begun::Receive(Sink::Upload(Box::new(appending)), interim))
    }

    /// The sum of uploads that are whole.
    async fn concat(
        self,
        door: &Rc<Door>,
        parts: &[Vec<u8>],
        record: Record,
    ) -> Result<Reply, Reply> {
        let known = Known::nothing(self.limits);
        let refuse = |refusal| refused(self.dialect, refusal, &known, self.wanted);
        let mut ids = Vec::with_capacity(parts.len());
        for part in parts {
            let at = part.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
            let id = Id::parse(part.get(at..).unwrap_or_default());
            let id = id.map_err(|_| refuse(Refusal::ConcatPart))?;
            let found = self.store.look(&id).await.map_err(|_| refuse(Refusal::ConcatPart))?;
            let mine = found.owner.is_none() || found.owner == record.owner;
            let part = found.destination == Destination::Part;
            if !(mine && part && Said::of(&found).is_of(&self.scope)) {
                return Err(refuse(Refusal::ConcatPart));
            }
            ids.push(id);
        }
        let id = record.id;
        let whole = self.store.concat(&ids, record).await.map_err(|error| match error {
            Error::Gone | Error::Incomplete => refuse(Refusal::ConcatPart),
            error => self.failed(&error),
        })?;
        door.slot.add(Counter::ResumableCreated, 1);
        let record = whole.record().clone();
        drop(whole);
        self.created(door, &record).await?;
        debug_assert_eq!(record.id, id);
        Ok(self.delivered(door, record, Delivered::Created).await)
    }

    async fn append(
        self,
        door: &Rc<Door>,
        caller: &Caller,
        id: &Id,
        append: Append,
    ) -> Result<Begun, Reply> {
        let record = self.mine(door, caller, id).await?;
        let known = Known::of(&record, self.limits);
        let refuse = |refusal| Err(refused(self.dialect, refusal, &known, self.wanted));
        let most = self.limits.append_max;
        if let (Content::Sized(n), Some(most)) = (append.content, most)
            && n > most
        {
            door.slot.add(Counter::LimitAppendBytes, 1);
            return refuse(Refusal::AppendTooLarge);
        }
        if self.lacks_credentials(&record, append.end) {
            let hint = "Send the Authorization field of the first request again.";
            return Err(Reply::trouble(401, "no credentials", hint, self.wanted));
        }
        if record.is_complete() {
            return self.past_its_end(door, record, &append).await.map(Begun::Reply);
        }
        let provided = append.offset;
        if provided < record.offset {
            return refuse(Refusal::Offset { provided });
        }
        let (record, mut writer) = match self.store.claim(id).await {
            Ok(claimed) => claimed,
            Err(Error::Complete) => {
                let record = self.mine(door, caller, id).await?;
                return self.past_its_end(door, record, &append).await.map(Begun::Reply);
            }
            Err(error) => return Err(self.failed(&error)),
        };
        let known = Known::of(&record, self.limits);
        let refuse =
            |known: &Known, refusal| Err(refused(self.dialect, refusal, known, self.wanted));
        match writer.start(provided).await {
            Ok(Start::At(at)) if at == provided => {}
            Ok(Start::At(offset) | Start::Elsewhere(offset)) => {
                let mut known = known;
                known.offset = offset;
                return refuse(&known, Refusal::Offset { provided });
            }
            Err(error) => return refuse(&known, of_store(&error)),
        }
        if let Some(length) = append.length
            && let Err(error) = writer.set_length(length)
        {
            let refusal = match error {
                Error::TooLong => Refusal::TooLarge,
                error => of_store(&error),
            };
            return refuse(&known, refusal);
        }
        let mut record = record;
        record.length = record.length.or(append.length);
        if let (Content::Sized(n), Some(length)) = (append.content, record.length)
            && provided.saturating_add(n) > length
        {
            return refuse(&known, Refusal::Beyond);
        }
        door.slot.add(Counter::ResumableResumed, 1);
        let opened = Opened { creates: false, end: append.end, checks: append.checks };
        let appending = Appending::new(self, writer, record, opened);
        if append.content == Content::None {
            return Ok(Begun::Reply(appending.finish(door).await));
        }
        Ok(Begun::Receive(Sink::Upload(Box::new(appending)), None))
    }

    /// Something is appended to what is whole: its answer was lost, or the client is wrong.
    async fn past_its_end(
        self,
        door: &Rc<Door>,
        record: Record,
        append: &Append,
    ) -> Result<Reply, Reply> {
        let ends = append.end != End::Later;
        if append.offset == record.offset && append.content == Content::None && ends {
            return Ok(self.delivered(door, record, Delivered::Appended).await);
        }
        let known = Known::of(&record, self.limits);
        let provided = append.offset;
        let refusal = if provided == record.offset {
            Refusal::Complete(append.content)
        } else {
            Refusal::Offset { provided }
        };
        Err(refused(self.dialect, refusal, &known, self.wanted))
    }

    async fn look(self, door: &Rc<Door>, caller: &Caller, id: &Id) -> Result<Begun, Reply> {
        let record = self.mine(door, caller, id).await?;
        let mut known = Known::of(&record, self.limits);
        // A worker may have ended between the last byte and the delivery: whoever looks and sees
        // a whole upload does not come again.
        if record.destination == Destination::Held && matches!(record.stage, Stage::Answered(_)) {
            // Used: its bytes are gone, and whoever wants to send them again has to.
            return Err(refused(self.dialect, Refusal::Gone, &known, self.wanted));
        }
        let file = matches!(record.destination, Destination::File { .. });
        let undelivered = matches!(record.stage, Stage::Whole | Stage::Delivering { .. });
        let answered = matches!(record.stage, Stage::Answered(_));
        if file && undelivered {
            let reply = self.clone_way().delivered(door, record, Delivered::Appended).await;
            if reply.status >= 300 {
                return Err(reply);
            }
        } else if undelivered && Said::of(&record).upgraded {
            // The answer is still to be had: by an empty append that ends it.
            known.complete = answered;
        }
        Ok(Begun::Reply(sent(self.dialect.looked(&known.facts()))))
    }

    async fn cancel(self, door: &Rc<Door>, caller: &Caller, id: &Id) -> Result<Begun, Reply> {
        let record = self.mine(door, caller, id).await?;
        // What is answered is a file by now, or with its application.
        let promise = match record.stage {
            Stage::Answered(_) => None,
            _ => self.promise(door, Kind::Deleted, &record).await?,
        };
        let gone = self.store.take_out(id).await.map_err(|error| self.failed(&error))?;
        door.give_back(&gone).await;
        keep(promise).await;
        Ok(Begun::Reply(sent(self.dialect.cancelled())))
    }

    /// The record, if it is the caller's; whether another's is there, nobody learns.
    async fn mine(&self, door: &Door, caller: &Caller, id: &Id) -> Result<Record, Reply> {
        let known = Known::nothing(self.limits);
        let found = self.store.look(id).await;
        let mine = found.and_then(|record| {
            let said = Said::of(&record);
            let open = record.owner.is_none() || said.link.is_some();
            let mine = open || record.owner == caller.owner;
            // The id of segments is made of what others can know: who nobody owns has no address.
            let named = record.order == Order::Stream || record.owner.is_some();
            let here = named && said.is_of(&self.scope);
            if mine && here { Ok(record) } else { Err(Error::Gone) }
        });
        match mine {
            Ok(record) if record.expires <= clock::unix_s() => {
                Err(refused(self.dialect, Refusal::Gone, &known, self.wanted))
            }
            Ok(record) => {
                if let Some(link) = &Said::of(&record).link {
                    let opens = door.still_opens(link, caller.peer);
                    opens.map_err(|refusal| door.refuse_link(refusal, self.wanted))?;
                }
                Ok(record)
            }
            Err(Error::Gone) => match &caller.challenge {
                Some(challenge) => Err(again(challenge)),
                None => Err(refused(self.dialect, Refusal::Unknown, &known, self.wanted)),
            },
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Whether the application will be asked with credentials that this request does not show.
    fn lacks_credentials(&self, record: &Record, end: End) -> bool {
        let Destination::Request { head } = &record.destination else {
            return false;
        };
        let head = serde_json::from_slice::<RequestHead>(head);
        let needs = head.is_ok_and(|head| head.authorized);
        needs && end != End::Later && self.credentials.is_none()
    }

    pub(super) fn failed(&self, error: &Error) -> Reply {
        if *error == Error::Taken {
            // Its conditions held when it was made.
            return Reply::fault(Fault::Precondition, self.wanted);
        }
        self.doubt(error);
        let known = Known::nothing(self.limits);
        refused(self.dialect, of_store(error), &known, self.wanted)
    }
}

/// Counts limits that an error of the store stands for.
pub(super) fn count(door: &Door, error: &Error) {
    match error {
        Error::Full => door.slot.add(Counter::LimitUnfinishedBytes, 1),
        Error::TooMany { limit: BUFFERS } => door.slot.add(Counter::LimitS3Buffers, 1),
        Error::TooMany { .. } => door.slot.add(Counter::LimitUploadsPerOwner, 1),
        _ => {}
    }
}

fn again(reply: &Reply) -> Reply {
    let mut copy = Reply::new(reply.status);
    copy.fields.clone_from(&reply.fields);
    copy.body = Body::Owned(reply.body.bytes().to_vec());
    copy
}

fn state(record: &Record) -> State<'_> {
    let said = Said::of(record);
    let path = match &record.destination {
        Destination::File { path, .. } => String::from_utf8_lossy(path).into_owned(),
        _ => String::new(),
    };
    // Whoever came by a link is told nothing of where it leads.
    let folder = path.rfind('/').filter(|_| said.link.is_none()).map(|at| path[..=at].to_owned());
    State {
        id: record.id.as_str(),
        url: format!("{PLACE}{}", record.id),
        modified: said.modified(),
        filename: said.name,
        folder,
        offset: record.offset,
        length: record.length,
        complete: record.is_complete(),
        created: record.created,
        expires: record.expires,
    }
}

fn json(value: &impl Serialize) -> Reply {
    let text = serde_json::to_vec(value).unwrap_or_default();
    Reply::new(200)
        .text("cache-control", "private, no-store")
        .text("x-content-type-options", "nosniff")
        .body("application/json", Body::Owned(text))
}

/// What the store calls the memory that uploads into a bucket share.
const BUFFERS: &str = "buffers_max";
