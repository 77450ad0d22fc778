//! The bucket of a worker: the place of the file service's files where `[s3]` names one
//! (`docs/decisions/0047-the-file-service-in-a-bucket.md`).
//!
//! The worker speaks to it itself, with credentials that came over its pipe; none of them, no URL
//! and no key of an object is ever in a log, an answer or the status. What the bucket can do is
//! tried out when the worker starts and after it was away, since what is missing decides what may
//! be promised.
//!
//! How it fails: an endpoint that is away, or a bucket that lacks what is needed, ends no worker:
//! requests are answered 503 with `Retry-After` at once, and the bucket is asked again. A bucket
//! that goes away later is found out by the first request it fails, after that request's own tries.

mod body;
mod change;
mod fetch;
mod intake;
mod kept;
mod list;
mod orphans;
mod upload;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use menshen_base::{BucketMode, BucketWhy, Counter};
use menshen_config::{S3Spec, model};
use menshen_s3::{
    Abilities, Cause, Client, Error, Login, Missing, Place, Style, Times, Trust, Why,
};
use menshen_store::Limits;
use menshen_store::s3::{Buffers, Kind, Options, S3};
use menshen_sys::Slot;
use menshen_web_core::fields::Wanted;
use tokio::sync::Notify;

use crate::door::Door;
use crate::fault::Fault;
use crate::reply::Reply;

pub(crate) use body::Body;
pub(crate) use change::{Change, judge};
pub(crate) use fetch::{Answer, ByLink, Fetch};
pub(crate) use intake::{Form, Intake, Put};
pub(crate) use kept::Kept;
pub(crate) use list::{List, Shown};
pub(crate) use upload::{Said, Upload};

/// What is asked of the bucket for one request.
#[derive(Debug)]
pub(crate) enum Errand {
    Fetch(Fetch),
    List(List),
    Change(Change),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Answered {
    Reply(Box<Reply>),
    Object(Box<Answer>),
}

impl Errand {
    /// Does it.
    pub(crate) async fn run(self, door: &Rc<Door>, wanted: Wanted) -> Answered {
        let Some(bucket) = &door.bucket else {
            return Reply::fault(Fault::Storage, wanted).into();
        };
        let done = match self {
            Self::Fetch(fetch) => Box::pin(fetch.run(door, bucket)).await,
            Self::List(list) => Box::pin(list.run(door, bucket)).await,
            Self::Change(change) => Box::pin(change.run(door, bucket)).await,
        };
        done.unwrap_or_else(|fault| Reply::fault(fault, wanted).into())
    }
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// A bucket, and what is known of it now.
#[derive(Debug)]
pub(crate) struct Bucket {
    client: Option<Client>,
    options: Options,
    /// What brings bytes into it has this memory together.
    buffers: Buffers,
    slot: Slot,
    state: RefCell<State>,
    /// Rung when the bucket has said for the first time what it can do, or that it is away.
    known: Notify,
    /// Rung when a request failed for a cause that may concern all.
    doubted: Notify,
}

#[derive(Debug)]
struct State {
    mode: BucketMode,
    why: Option<BucketWhy>,
    abilities: Abilities,
    store: Option<S3>,
}

impl Bucket {
    /// Nothing is sent yet: [`Self::keep`] asks it.
    pub(crate) fn new(config: &model::S3, spec: &S3Spec, slot: Slot) -> Self {
        let made = client(config, spec);
        let (client, mode, why) = match made {
            Ok(client) => (Some(client), BucketMode::Asking, None),
            Err(why) => (None, BucketMode::Refused, Some(why)),
        };
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let buffers = Buffers::new(size(config.buffers_max));
        let bucket = Self {
            client,
            options: Options {
                part_bytes: config.part_bytes,
                buffers_max: size(config.buffers_max),
                retry_after_s: config.retry_seconds,
                orphan_s: u64::from(config.orphan_hours) * 3600,
                ..Options::default()
            },
            buffers,
            slot,
            state: RefCell::new(State { mode, why, abilities: Abilities::default(), store: None }),
            known: Notify::new(),
            doubted: Notify::new(),
        };
        bucket.show();
        bucket
    }

    /// How many uploads it takes.
    pub(crate) const fn held_to(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// How uploads use it.
    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    /// The memory that all uploads have together.
    pub(crate) const fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// What was seen to work; nothing before it was asked.
    pub(crate) fn abilities(&self) -> Abilities {
        self.state.borrow().abilities
    }

    /// The client, for calls of its own. Waits until the bucket has been asked for the first time.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] while it cannot be used.
    pub(crate) async fn client(&self) -> Result<Client, Fault> {
        self.store().await.map(|store| store.client().clone())
    }

    /// The store of uploads in it. Waits until the bucket has been asked for the first time.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] while it cannot be used.
    pub(crate) async fn store(&self) -> Result<S3, Fault> {
        loop {
            let known = self.known.notified();
            if self.state.borrow().mode != BucketMode::Asking {
                return self.store_now();
            }
            known.await;
        }
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] while it cannot be used, or was not asked yet.
    pub(crate) fn store_now(&self) -> Result<S3, Fault> {
        let state = self.state.borrow();
        match (state.mode, &state.store) {
            (BucketMode::Conditional | BucketMode::Listed, Some(store)) => Ok(store.clone()),
            _ => {
                self.slot.add(Counter::S3Away, 1);
                Err(self.away())
            }
        }
    }

    const fn away(&self) -> Fault {
        Fault::Unavailable { retry_after_s: self.options.retry_after_s }
    }

    /// Asks the bucket until the worker ends: at the start, while it is away, and when it is
    /// doubted. `tell` is called with what is new.
    pub(crate) async fn keep(self: Rc<Self>, tell: impl Fn(BucketMode, Option<BucketWhy>)) {
        let Some(client) = self.client.clone() else {
            let state = self.state.borrow();
            return tell(state.mode, state.why);
        };
        let pause = Duration::from_secs(u64::from(self.options.retry_after_s));
        loop {
            let before = (self.state.borrow().mode, self.state.borrow().why);
            let asked = client.probe().await;
            self.learn(&client, asked);
            let now = (self.state.borrow().mode, self.state.borrow().why);
            if now != before {
                tell(now.0, now.1);
            }
            if self.state.borrow().store.is_none() {
                tokio::time::sleep(pause).await;
                continue;
            }
            loop {
                self.doubted.notified().await;
                // One object that nobody has: whatever is said of it, somebody is there.
                let Err(error) = client.head(NOBODYS).await else { continue };
                if error.is_passing() {
                    self.lose(BucketMode::Away, why_of(&error));
                    let state = self.state.borrow();
                    tell(state.mode, state.why);
                    break;
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn learn(&self, client: &Client, asked: Result<Abilities, Error>) {
        match asked {
            Ok(abilities) => match self.open(client, &abilities) {
                Ok(store) => {
                    let mode = match store.kind() {
                        Kind::Conditional => BucketMode::Conditional,
                        Kind::Listed => BucketMode::Listed,
                    };
                    let store = Some(store);
                    *self.state.borrow_mut() = State { mode, why: None, abilities, store };
                }
                Err(_) => self.lose(BucketMode::Refused, lack_of(&abilities)),
            },
            Err(error) if error.is_passing() => self.lose(BucketMode::Away, why_of(&error)),
            Err(error) => self.lose(BucketMode::Refused, why_of(&error)),
        }
        self.show();
        self.known.notify_waiters();
    }

    /// All stores of a worker share its memory: writers of the one before may still be at work.
    fn open(&self, client: &Client, abilities: &Abilities) -> Result<S3, &'static str> {
        let buffers = self.buffers.clone();
        S3::open_within(client.clone(), abilities, self.options, buffers)
    }

    fn lose(&self, mode: BucketMode, why: BucketWhy) {
        let mut state = self.state.borrow_mut();
        (state.mode, state.why, state.store) = (mode, Some(why), None);
        drop(state);
        self.show();
    }

    fn show(&self) {
        let state = self.state.borrow();
        self.slot.set(Counter::S3Mode, state.mode as u64);
        self.slot.set(Counter::S3Why, state.why.map_or(0, |why| why as u64));
    }

    /// Gives up what killed workers of any node left of plain uploads; how many.
    pub(crate) async fn collect(&self, now: u64) -> usize {
        let Ok(store) = self.store().await else { return 0 };
        orphans::collect(store.client(), now, self.options.orphan_s).await.unwrap_or(0)
    }

    /// Copies what the client has counted to where it is seen.
    pub(crate) fn count(&self) {
        let Some(client) = &self.client else { return };
        let figures = client.figures();
        self.slot.set(Counter::S3Requests, figures.requests);
        self.slot.set(Counter::S3Retries, figures.retries);
        self.slot.set(Counter::S3Failures, figures.failures);
        self.slot.set(Counter::S3BytesOut, figures.sent);
        self.slot.set(Counter::S3BytesIn, figures.received);
    }

    /// Something failed for a cause that may concern all: it is asked whether it is away.
    pub(crate) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// What a call's failure is to a client.
    pub(crate) fn fault(&self, error: &Error) -> Fault {
        match &error.cause {
            Cause::NotFound(Missing::Object) => Fault::NotFound,
            Cause::Precondition => Fault::Precondition,
            Cause::Input("the key is longer than 1024 bytes") => Fault::NameTooLong,
            Cause::Input(_) => Fault::BadPath("the bucket has no such names"),
            _ if error.is_passing() => {
                self.doubt();
                self.away()
            }
            _ => Fault::Storage,
        }
    }
}

impl Door {
    /// The bucket's failure, sorted; told to the operator where it will not pass by itself.
    pub(crate) fn bucket_fault(&self, bucket: &Bucket, error: &Error) -> Fault {
        let fault = bucket.fault(error);
        if fault == Fault::Storage {
            self.notes.tell(&error.to_string(), b"");
        }
        fault
    }

    /// Tells the operator what the bucket's state is now.
    pub(crate) fn tell_bucket(&self, mode: BucketMode, why: Option<BucketWhy>) {
        let why = why.map(|why| format!(": {}", why.text())).unwrap_or_default();
        self.notes.tell(&format!("the bucket {}{why}", mode.text()), b"");
    }
}

/// The credentials: lines `aws_access_key_id = …`, or the key and its secret in two lines.
fn login(text: &str) -> Option<Login> {
    if let Ok(login) = Login::parse(text) {
        return Some(login);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (key, secret) = (lines.next()?, lines.next()?);
    let is_plain = |line: &str| !line.starts_with(['#', ';', '[']) && !line.contains(' ');
    (is_plain(key) && is_plain(secret)).then(|| Login::new(key, secret, None))
}

/// The key of a path: without the slashes at its ends.
pub(crate) fn key_of(path: &str) -> &str {
    path.trim_matches('/')
}

/// A word nobody else has.
fn nonce() -> Result<String, Fault> {
    let mut octets = [0; 16];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| Fault::Storage)?;
    Ok(crate::php::digests::hex(&octets))
}

fn client(config: &model::S3, spec: &S3Spec) -> Result<Client, BucketWhy> {
    let style = if config.path_style { Style::Path } else { Style::Host };
    let endpoint = config.endpoint.as_deref().unwrap_or_default();
    let place = Place::new(endpoint, &config.bucket, &config.prefix, &config.region, style);
    let place = place.map_err(|_| BucketWhy::Setup)?;
    let login = login(&spec.credentials.0).ok_or(BucketWhy::Credentials)?;
    let trust = spec.roots_pem.as_ref().map_or(Trust::System, |pem| Trust::Roots(pem.as_bytes()));
    let seconds = |n: u32| Duration::from_secs(u64::from(n));
    let times = Times {
        connect: seconds(config.connect_seconds_max),
        first_byte: seconds(config.first_byte_seconds_max),
        idle: seconds(config.idle_seconds_max),
        tries: config.tries_max,
        ..Times::default()
    };
    // Over plain HTTP no roots are asked for, also where the system has none.
    let trust = if place.is_encrypted() { trust } else { Trust::Nothing };
    Client::new(place, login, trust, times).map_err(|_| BucketWhy::Setup)
}

fn why_of(error: &Error) -> BucketWhy {
    match &error.cause {
        Cause::Unavailable(Why::Connection) => BucketWhy::Connection,
        Cause::Unavailable(Why::Late) => BucketWhy::Late,
        Cause::Unavailable(_) => BucketWhy::Status,
        Cause::SlowDown(_) => BucketWhy::SlowDown,
        Cause::Denied(_) => BucketWhy::Denied,
        Cause::NotFound(Missing::Bucket) => BucketWhy::NoBucket,
        _ => BucketWhy::Protocol,
    }
}

const fn lack_of(abilities: &Abilities) -> BucketWhy {
    if !abilities.multipart {
        BucketWhy::NoMultipart
    } else if !abilities.notes {
        BucketWhy::NoNotes
    } else {
        BucketWhy::NoOwnership
    }
}

/// Name of the empty object that keeps an empty folder; reserved, so no request can say it.
const MARKER: &str = ".menshen-folder";
/// The key of no object.
const NOBODYS: &str = ".menshen/probe/nobody";

#[cfg(test)]
mod tests;
