//! A request for PHP, from its planned state to the head of its answer.
//!
//! The order is what keeps PHP free: the body is whole in the spool before a PHP worker is asked
//! for; the worker is asked for before a connection is made; and as soon as PHP has named a file,
//! or said all it has to say, the worker is given back, whatever the client does.
//!
//! How it fails: the queue is full or too slow (503), PHP cannot be reached or dies (502), is
//! silent for too long (504), or answers what no client can be given (502). A request that PHP may
//! have read is never sent again. What PHP did not take of an upload is removed, whatever happens.

use std::net::IpAddr;
use std::rc::Rc;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_web_core::cgi::CgiError;
use menshen_web_core::fields::Wanted;

use super::Pool;
use super::admission::{Class, Refused};
use super::answer::Streaming;
use super::body::Body;
use super::delivery::Delivered;
use super::exchange::{Exchange, Trouble, push_body_params};
use super::kept::Kept;
use super::pool::Reuse;
use super::room::Room;
use crate::door::Door;
use crate::fault::Fault;
use crate::log::{PhpNote, PhpWay};
use crate::reply::Reply;
use crate::site::Script;
use crate::uploads::{Held, Namer};

/// A request for PHP.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) pool: Rc<Pool>,
    pub(crate) script: Box<Script>,
    /// Parameters; with a body, all but its own.
    pub(crate) pairs: Vec<u8>,
    /// Type of the body as the client sent it.
    pub(crate) content_type: Vec<u8>,
    /// What arrived.
    pub(crate) body: Option<Body>,
    /// Whose uploads its form may name.
    pub(crate) namer: Option<Namer>,
    /// Those it has named.
    pub(crate) held: Vec<Held>,
    pub(crate) client: IpAddr,
    /// Conditions and ranges, should PHP name a file.
    pub(crate) kept: Kept,
    pub(crate) wanted: Wanted,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Made {
    /// An answer of ours, about PHP.
    Reply(Reply, PhpNote),
    /// PHP's own.
    Streaming(Box<Streaming>),
}

/// Why there is no answer of PHP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("too many requests wait for the application")]
    QueueFull,
    #[error("the request waited too long for the application")]
    QueueTooLong,
    #[error("the client went away while the request waited")]
    ClientGone,
    #[error("the application cannot be reached")]
    Unreachable,
    #[error("the application did not answer in time")]
    Silent,
    #[error("the application broke off its answer")]
    Broken(Trouble),
    #[error("the application's answer is not valid")]
    BadHead(CgiError),
    #[error("{0}")]
    Fault(Fault),
}

impl Call {
    /// Has it answered, up to the answer's head. `alive` says whether the client is still there;
    /// it is asked after a wait.
    pub(crate) async fn run(self, door: &Rc<Door>, alive: impl FnOnce() -> bool) -> Made {
        let wanted = self.wanted;
        let mut note = PhpNote { way: PhpWay::Page, ..PhpNote::default() };
        match self.attempt(door, &mut note, alive).await {
            Ok(streaming) => Made::Streaming(streaming),
            Err(failure) => {
                failure.count(door);
                Made::Reply(failure.reply(wanted), note)
            }
        }
    }

    /// The same for a body that is kept until its answer is: whether PHP may have run is told.
    pub(crate) async fn run_kept(self, door: &Rc<Door>) -> Result<Box<Streaming>, Failure> {
        let mut note = PhpNote { way: PhpWay::Page, ..PhpNote::default() };
        self.attempt(door, &mut note, || true).await.inspect_err(|failure| failure.count(door))
    }

    async fn attempt(
        self,
        door: &Rc<Door>,
        note: &mut PhpNote,
        alive: impl FnOnce() -> bool,
    ) -> Result<Box<Streaming>, Failure> {
        let Self { pool, script, mut pairs, content_type, body, mut held, client, kept, .. } = self;
        let class = match &body {
            Some(body) if body.has_files() => Class::Delivery,
            _ => Class::Page,
        };
        let (mut source, mut leftovers, mut nonce) = (None, None, None);
        if let Some(body) = body {
            let delivered = pool.deliver(door, &script, body, note).await?;
            let kind = delivered.content_type.as_deref().unwrap_or(&content_type);
            push_body_params(kind, delivered.length, &mut pairs);
            pairs.extend_from_slice(&delivered.params);
            let Delivered { source: body, files, nonce: word, .. } = delivered;
            (source, leftovers, nonce) = (Some(body), Some(files), word);
        }
        let mut ticket = pool.admission.enter(class, client).await.map_err(Failure::from)?;
        note.queue_us = ticket.queued_us();
        if note.queue_us > 0 && !alive() {
            return Err(Failure::ClientGone);
        }
        let began_us = clock::micros();
        let reuse = if source.is_none() { Reuse::Allowed } else { Reuse::Refused };
        let line = pool.connect(door, &mut ticket, reuse).await?;
        let after = pool.keeping();
        let stderr_most = usize::try_from(door.limits.php_stderr_bytes_max).unwrap_or(0);
        if let Some(files) = &mut leftovers {
            files.handed_over();
        }
        let exchange = Exchange::new(line, after, &pairs, source, stderr_most);
        drop(pairs);
        let mut streaming = Streaming {
            door: Rc::clone(door),
            pool,
            script,
            exchange,
            room: Room::default(),
            ticket: Some(ticket),
            leftovers,
            kept,
            note: *note,
            began_us,
            head: None,
            status: 0,
        };
        let heard = streaming.hear_head().await;
        *note = streaming.note;
        heard?;
        held.iter_mut().for_each(Held::spend);
        streaming.check_swap(nonce.as_deref());
        Ok(Box::new(streaming))
    }
}

impl Failure {
    /// Code of the finding the operator gets.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::QueueFull | Self::QueueTooLong | Self::ClientGone => "php-queue",
            Self::Unreachable => "php-unreachable",
            Self::Silent => "php-silent",
            Self::Broken(Trouble::Overloaded) => "php-overloaded",
            Self::Broken(Trouble::Headless) | Self::BadHead(_) => "php-bad-head",
            Self::Broken(_) => "php-died",
            Self::Fault(_) => "php-spool",
        }
    }

    /// What exactly, for the operator.
    pub(super) fn detail(self) -> String {
        match self {
            Self::Broken(trouble) => trouble.to_string(),
            Self::BadHead(error) => error.to_string(),
            other => other.to_string(),
        }
    }

    /// Whether PHP may have run; if not, the request can be sent again.
    pub(crate) const fn may_have_run(self) -> bool {
        matches!(self, Self::Silent | Self::Broken(_) | Self::BadHead(_))
            && !matches!(self, Self::Broken(Trouble::Overloaded))
    }

    /// What the client is told.
    pub(crate) fn reply(self, wanted: Wanted) -> Reply {
        let status = match self {
            Self::QueueFull | Self::QueueTooLong | Self::ClientGone => 503,
            Self::Broken(Trouble::Overloaded) => 503,
            Self::Unreachable | Self::Broken(_) | Self::BadHead(_) => 502,
            Self::Silent => 504,
            Self::Fault(fault) => return Reply::fault(fault, wanted),
        };
        let hint = match status {
            503 => "Try again in a moment.",
            _ => "The operator finds the reason in the log of menshen.",
        };
        let reply = Reply::trouble(status, &self.to_string(), hint, wanted);
        if status == 503 { reply.text("retry-after", RETRY_AFTER_S) } else { reply }
    }

    fn count(self, door: &Door) {
        match self {
            // The queue counts its own limits.
            Self::QueueFull | Self::QueueTooLong | Self::ClientGone => {}
            Self::Fault(fault) => door.count_fault(fault),
            Self::Silent => {
                door.slot.add(Counter::LimitPhpSilence, 1);
                door.slot.add(Counter::PhpFailed, 1);
            }
            Self::Unreachable | Self::Broken(_) | Self::BadHead(_) => {
                door.slot.add(Counter::PhpFailed, 1);
            }
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::QueueFull,
            Refused::TooLong => Self::QueueTooLong,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A queue that is full drains in seconds, or not at all.
const RETRY_AFTER_S: &str = "2";

#[cfg(test)]
mod tests;
