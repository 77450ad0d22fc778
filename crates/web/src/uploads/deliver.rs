//! What becomes of a whole upload: a file, a request to PHP, or nothing until somebody names it.
//!
//! The store says who may deliver and remembers what was answered, so every way that leads here
//! may be taken again: by a client that lost the answer, by one that comes after a crash. A
//! request to PHP runs beside the connection that asked for it, to its end: a client that goes
//! away neither stops the application half-way nor makes it run twice.
//!
//! How it fails: what surely had no effect is taken back and can be tried again (the queue is
//! full, PHP cannot be reached, the file's conditions do not hold); what may have had one is
//! answered for good, also when a worker died over it: nobody can know.

use std::rc::Rc;

use menshen_base::{Counter, EndReason};
use menshen_hooks::Kind;
use menshen_net::clock;
use menshen_store::{Aim, Begun, Destination, Error, Outcome, Record, Stored, Whole};
use menshen_upload_core::{Dialect, Refusal};

use super::HOUR_S;
use super::answered::Answered;
use super::append::Way;
use super::publish;
use super::reply::{Known, refused, sent};
use super::request::RequestHead;
use super::said::Said;
use crate::ask::Ask;
use crate::auth::{Grant, Reach};
use crate::door::Door;
use crate::fault::Fault;
use crate::hooks::keep;
use crate::log::{Line, PhpNote, Times};
use crate::php::asking::Bounds;
use crate::php::intake::Flush;
use crate::plan::Patience;
use crate::reply::{Body, Reply};
use crate::site::{Script, Way as SiteWay};

/// What kind of request found it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    Created,
    Appended,
}

impl Way {
    /// Delivers a whole upload, or says again what was answered.
    pub(super) async fn delivered(
        &self,
        door: &Rc<Door>,
        record: Record,
        what: Delivered,
    ) -> Reply {
        let stored = match &record.destination {
            Destination::Held | Destination::Part => {
                return self.done(&record, what, None);
            }
            Destination::File { .. } => self.file(door, &record).await,
            Destination::Request { .. } => self.request(door, &record).await,
        };
        match stored {
            Ok(stored) => self.done(&record, what, Some(&stored)),
            Err(reply) => reply,
        }
    }

    /// The answer to the request that found it whole.
    fn done(&self, record: &Record, what: Delivered, stored: Option<&Stored>) -> Reply {
        let mut known = Known::of(record, self.limits).based(&self.base);
        known.complete = true;
        let facts = known.facts();
        let said = Said::of(record);
        // The last answer of RUFH is the target's; the first of all must name the upload.
        let rufh = matches!(self.dialect, Dialect::Rufh(_)) && what == Delivered::Appended;
        if let Some(stored) = stored
            && (said.upgraded || rufh || stored.status >= 300)
        {
            let mut reply = replayed(stored);
            for (name, value) in self.dialect.finished(&facts) {
                reply = reply.with(name, value);
            }
            return reply;
        }
        let mut reply = sent(match what {
            Delivered::Created => self.dialect.created(&facts),
            Delivered::Appended => self.dialect.appended(&facts),
        });
        for (name, value) in stored.iter().flat_map(|stored| &stored.fields) {
            let name = if name == b"location" { b"content-location" } else { name.as_slice() };
            let Ok(name) = String::from_utf8(name.to_vec()) else { continue };
            let of_body = name == "content-type";
            if !of_body && !reply.fields.iter().any(|(known, _)| *known == name) {
                reply.lines.push((name, value.clone()));
            }
        }
        reply
    }

    /// Publishes a file.
    async fn file(&self, door: &Rc<Door>, record: &Record) -> Result<Stored, Reply> {
        let shared = &door.shared;
        // Who owned nothing could write because anybody could; perhaps nobody may any more.
        if let (None, Destination::File { path, .. }) = (record.owner, &record.destination)
            && door.authority.public(path, Reach::Itself) != Some(Grant::Write)
        {
            return Err(self.fault(door, Fault::Forbidden));
        }
        if let Some(link) = &Said::of(record).link {
            let known = door.knows_link(link);
            known.map_err(|refusal| door.refuse_link(refusal, self.wanted))?;
        }
        if self.store.bucket().is_some() {
            return Box::pin(self.object(door, record)).await;
        }
        for _ in 0..ATTEMPTS {
            let plan = publish::Plan::of(shared, record, door.uploads.umask);
            let prepared = publish::prepare(plan.clone()).await;
            let prepared = prepared.map_err(|fault| self.fault(door, fault))?;
            let now = clock::unix_s();
            let begun = self.store.begin_delivery(&record.id, &by(), prepared.aim(), now).await;
            let (attempt, aim, outcome) = match begun {
                Ok(Begun::Go { whole, attempt }) => {
                    let size = whole.size();
                    let reply = match publish::publish(plan, prepared, whole).await {
                        Ok(reply) => {
                            door.used_up(record, size).await;
                            reply
                        }
                        Err(fault) => {
                            let _ = self.store.release(&record.id, attempt).await;
                            return Err(self.fault(door, fault));
                        }
                    };
                    door.slot.add(Counter::UploadsDone, 1);
                    return self.keep(door, record, attempt, &Answered::of(&reply)).await;
                }
                Ok(Begun::Answered(stored)) => {
                    door.slot.add(Counter::ResumableReplayed, 1);
                    return Ok(stored);
                }
                Ok(Begun::Interrupted { attempt, outcome, aim, .. }) => (attempt, aim, outcome),
                Ok(Begun::Stands(_)) => return Err(self.fault(door, Fault::Storage)),
                Err(error) => return Err(self.failed(&error)),
            };
            if outcome == Outcome::Done || publish::is_there(shared, record, aim) {
                let reply = publish::found(shared, record);
                return self.keep(door, record, attempt, &Answered::of(&reply)).await;
            }
            // It surely has no name yet: once more.
            let released = self.store.release(&record.id, attempt).await;
            released.map_err(|error| self.failed(&error))?;
        }
        Err(self.fault(door, Fault::Busy))
    }

    /// Hands a request to PHP, beside the connection.
    async fn request(&self, door: &Rc<Door>, record: &Record) -> Result<Stored, Reply> {
        let now = clock::unix_s();
        match self.store.begin_delivery(&record.id, &by(), Aim::Request, now).await {
            Ok(Begun::Go { whole, attempt }) => {
                let (give, take) = tokio::sync::oneshot::channel();
                let (way, door) = (self.clone_way(), Rc::clone(door));
                let (record, credentials) = (record.clone(), self.credentials.clone());
                tokio::task::spawn_local(async move {
                    let made = way.php_told(&door, &record, whole, credentials).await;
                    let told = match made {
                        Ok(answered) => way.keep(&door, &record, attempt, &answered).await,
                        Err(reply) => {
                            let _ = way.store.release(&record.id, attempt).await;
                            Err(*reply)
                        }
                    };
                    // Nobody may be there any more.
                    let _ = give.send(told);
                });
                take.await.unwrap_or_else(|_| Err(Reply::fault(Fault::Storage, self.wanted)))
            }
            Ok(Begun::Answered(stored)) => {
                door.slot.add(Counter::ResumableReplayed, 1);
                Ok(stored)
            }
            Ok(Begun::Interrupted { attempt, .. }) => {
                let text = "the upload was delivered, but its answer is lost";
                let hint = "Look whether the application has it before you send it again.";
                let reply = Reply::trouble(502, text, hint, self.wanted);
                self.keep(door, record, attempt, &Answered::of(&reply)).await
            }
            // Applications are on this machine, and so is what is for them.
            Ok(Begun::Stands(_)) => Err(self.fault(door, Fault::Storage)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// [`Self::php`], and hooks are told when it went well.
    async fn php_told(
        &self,
        door: &Rc<Door>,
        record: &Record,
        whole: Whole,
        credentials: Option<Vec<u8>>,
    ) -> Result<Answered, Box<Reply>> {
        let promise = self.promise(door, Kind::Finished, record).await.map_err(Box::new)?;
        let answered = self.php(door, record, whole, credentials).await?;
        if answered.status < 400 {
            keep(promise).await;
        }
        Ok(answered)
    }

    /// One request to PHP. `Err`: it surely was not run.
    async fn php(
        &self,
        door: &Rc<Door>,
        record: &Record,
        whole: Whole,
        credentials: Option<Vec<u8>>,
    ) -> Result<Answered, Box<Reply>> {
        let fault = |fault| Box::new(Reply::fault(fault, self.wanted));
        let Destination::Request { head } = &record.destination else {
            return Err(fault(Fault::Storage));
        };
        let mut head: RequestHead =
            serde_json::from_slice(head).map_err(|_| fault(Fault::Storage))?;
        if !head.authorize(credentials.as_deref()) {
            return Err(Box::new(Reply::trouble(401, "no credentials", "", self.wanted)));
        }
        let size = whole.size();
        let planned = head.asked(Some(size), |ask| {
            let script = script_of(door, ask, &head)
                .map_err(|reply| reply.unwrap_or_else(|| fault(Fault::NotFound)))?;
            let allowed_by = head.allowed_by.as_deref();
            let largest = record.largest.filter(|_| allowed_by.is_some());
            door.php_call_within(ask, script, Bounds { largest, allowed_by })
        });
        let (intake, mut call) = planned?;
        if let Some(intake) = intake {
            let file = whole.file().map_err(|error| Box::new(self.failed(&error)))?;
            let flush = if door.shared.durable { Flush::Yes } else { Flush::No };
            let work = move || {
                let file = file.try_clone().map_err(|_| Fault::Busy)?;
                intake.whole(file, size, flush)
            };
            let body = tokio::task::spawn_blocking(work).await.unwrap_or(Err(Fault::Storage));
            let put = door.put_held(body.map_err(fault)?, call.namer.as_ref()).await;
            let (body, held) = put.map_err(fault)?;
            (call.body, call.held) = (Some(body), held);
        }
        let begun_us = clock::micros();
        let answered = match call.run_kept(door).await {
            Ok(streaming) => {
                let (answered, note) = Answered::hear(streaming).await;
                log(door, &head, size, &answered, note, begun_us);
                Ok(answered)
            }
            Err(failure) if failure.may_have_run() => Ok(Answered::of(&failure.reply(self.wanted))),
            Err(failure) => Err(Box::new(failure.reply(self.wanted))),
        };
        drop(whole);
        answered
    }

    /// Keeps an answer; what there is to say then.
    pub(super) async fn keep(
        &self,
        door: &Door,
        record: &Record,
        attempt: u32,
        answered: &Answered,
    ) -> Result<Stored, Reply> {
        let stored = answered.stored();
        let hours = u64::from(door.uploads.settings.answered_hours);
        let expires = clock::unix_s() + hours * HOUR_S;
        let kept = self.store.answer_until(&record.id, attempt, stored.clone(), expires).await;
        match kept {
            Ok(first) => Ok(first),
            // It was delivered all the same: the client is told so now, and not again.
            Err(Error::TooLarge { .. }) => {
                let bare = Stored { fields: Vec::new(), body: Vec::new(), ..stored.clone() };
                let _ = self.store.answer_until(&record.id, attempt, bare, expires).await;
                Ok(stored)
            }
            Err(_) => Ok(stored),
        }
    }

    pub(super) fn fault(&self, door: &Door, fault: Fault) -> Reply {
        door.count_fault(fault);
        match fault {
            Fault::Full => {
                let known = Known::nothing(self.limits);
                refused(self.dialect, Refusal::Full, &known, self.wanted)
            }
            fault => Reply::fault(fault, self.wanted),
        }
    }
}

/// The script that gets a kept request, by the rules of this moment; the answer where there is
/// none, or nothing to say but that.
fn script_of(
    door: &Door,
    ask: &Ask<'_>,
    head: &RequestHead,
) -> Result<Box<Script>, Option<Box<Reply>>> {
    let site = door.sites.find(ask.host).ok_or(None)?;
    if let Some(to) = &head.sent_to {
        return site.targeted_script(to).ok().flatten().ok_or(None);
    }
    match site.route(door, ask, Patience::Spent) {
        SiteWay::Script(script) => Ok(script),
        SiteWay::Reply(reply) => Err(Some(reply)),
        SiteWay::File(_) | SiteWay::Tick => Err(None),
    }
}

/// A line of its own for the request that PHP saw; those that brought its bytes have theirs.
fn log(
    door: &Door,
    head: &RequestHead,
    size: u64,
    answered: &Answered,
    php: PhpNote,
    begun_us: u64,
) {
    if !door.log.wanted() {
        return;
    }
    let spent = clock::micros().saturating_sub(begun_us) / 1000;
    door.log.add(&Line {
        client: head.client(),
        protocol: "upload",
        request: &[head.method.as_bytes(), b" ", &head.target].concat(),
        status: answered.status,
        bytes_in: size,
        bytes_out: answered.body.len() as u64,
        times: Times { store: i64::try_from(spent).unwrap_or(i64::MAX), ..Times::NONE },
        php,
        end: EndReason::DONE,
    });
}

/// A kept answer as it is sent.
fn replayed(stored: &Stored) -> Reply {
    let mut reply = Reply::new(stored.status);
    for (name, value) in &stored.fields {
        if let Ok(name) = String::from_utf8(name.clone()) {
            reply.lines.push((name, value.clone()));
        }
    }
    if !stored.body.is_empty() {
        reply.body = Body::Owned(stored.body.clone());
    }
    reply
}

/// Who delivers, for the record.
pub(super) fn by() -> String {
    format!("web/{}", std::process::id())
}

/// A delivery is begun at most so often for one request.
const ATTEMPTS: u32 = 3;
