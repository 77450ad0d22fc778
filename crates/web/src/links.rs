//! Signed links at the door: who shows one may do what it says, and nothing else.
//!
//! A link is verified before the disk is asked anything, and makes no session. Requests without one
//! never come here. What a link costs (a use, bytes) is taken by [`Linked`] before a byte moves and
//! settled after the last; decision 0040 tells the rules.
//!
//! How it fails: without its folder a counted link opens nothing (500), since believing it unused
//! would undo its count. Texts of links never go into a log: [`redacted`] leaves their beginning,
//! which names the key, and not the MAC.

pub(crate) mod desk;
pub(crate) mod page;
pub(crate) mod sink;

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_config::LinkSpec;
use menshen_net::clock;
use menshen_tls::LinkKey;
use menshen_web_core::fields::Wanted;
use menshen_web_core::link::tally::{Limits, Spent, Taken, Want};
use menshen_web_core::link::{Claims, Denied, KeyId, LinkId, Sealed, Use};

use crate::door::Door;
use crate::fault::Fault;
use crate::plan::Plan;
use crate::reply::Reply;
use crate::sink::Sink;
use desk::{Charge, Desk, Refused};

/// The keys of one worker, and its place to count.
#[derive(Debug, Default)]
pub(crate) struct Links {
    keys: Vec<LinkKey>,
    desk: Option<Arc<Desk>>,
}

/// Why a link does not open the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkRefusal {
    /// Not made with a key of ours, or changed, or not understood; which of them is nobody's
    /// business.
    Invalid,
    /// Ours, but for something else, not yet, not any more, not from there.
    Denied(Denied),
    /// Ours and for this, but used up.
    Spent(Spent, Direction),
    /// Too many counted links at once.
    Full,
    /// What is known of it cannot be read or written.
    Storage,
}

/// Which way the bytes of a link's use go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Out,
    In,
}

/// A request that a link opened the way for, before its use is taken.
#[derive(Debug)]
pub(crate) struct Linked {
    /// A file, or a body to receive.
    pub(crate) plan: Plan,
    /// Bytes per second the answer may be sent with, 0 for no limit.
    pub(crate) rate: u64,
    pub(crate) wanted: Wanted,
    pub(crate) take: Option<Take>,
}

/// What is to be taken of a counted link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take {
    pub(crate) id: LinkId,
    pub(crate) limits: Limits,
    pub(crate) want: Want,
}

impl Links {
    /// What a worker was handed; without a specification no link opens anything.
    pub(crate) fn new(spec: Option<&LinkSpec>, folder: Option<OwnedFd>, most: u32) -> Self {
        let Some(spec) = spec else { return Self::default() };
        let keys = spec.keys.iter().map(|key| LinkKey::from_secret(key.id, key.secret));
        let desk = folder.map(|folder| Arc::new(Desk::new(folder, most)));
        Self { keys: keys.collect(), desk }
    }

    /// What a link claims, if it is one of ours.
    pub(crate) fn open(&self, link: &[u8]) -> Result<Claims, LinkRefusal> {
        let sealed = Sealed::read(link).map_err(|_| LinkRefusal::Invalid)?;
        let key = self.keys.iter().find(|key| key.id == sealed.key().0);
        let key = key.ok_or(LinkRefusal::Invalid)?;
        sealed.verify(|bytes| key.sign(bytes)).map_err(|_| LinkRefusal::Invalid)
    }

    /// Whether links of this key are still good.
    pub(crate) fn knows(&self, key: KeyId) -> bool {
        self.keys.iter().any(|known| known.id == key.0)
    }

    /// The same, if it also allows this use; whether there is anything left of it, only
    /// [`Linked::begin`] knows.
    pub(crate) fn judge(&self, link: &[u8], used: &Use<'_>) -> Result<Claims, LinkRefusal> {
        let claims = self.open(link)?;
        claims.allows(used).map_err(LinkRefusal::Denied)?;
        Ok(claims)
    }

    /// Forgets links that ended long ago, on a thread of its own.
    pub(crate) fn collect(&self) {
        if let Some(desk) = self.desk.clone() {
            drop(tokio::task::spawn_blocking(move || desk.collect(clock::unix_s())));
        }
    }

    /// Where uses are remembered.
    pub(crate) fn desk(&self) -> Option<&Arc<Desk>> {
        self.desk.as_ref()
    }
}

impl Take {
    /// What a use of this link takes; `None` for one that is not counted.
    pub(crate) fn of(claims: &Claims, want: Want) -> Option<Self> {
        let id = claims.id?;
        let Claims { count, bytes, expires, .. } = *claims;
        Some(Self { id, limits: Limits { count, bytes, expires }, want })
    }

    const fn direction(&self) -> Direction {
        match self.want {
            Want::Fetch { .. } => Direction::Out,
            Want::Store { .. } => Direction::In,
        }
    }
}

impl Linked {
    /// Takes the use: what is to be done now, and what has to be told how it ended. For a body the
    /// sink tells.
    ///
    /// # Errors
    /// The answer, when nothing is left.
    pub(crate) async fn begin(self, door: &Door) -> Result<(Plan, Option<Charge>), Reply> {
        let Self { plan, take, wanted, .. } = self;
        let Some(take) = take else { return Ok((plan, None)) };
        let charge = door.charged(take, wanted).await?;
        Ok(match plan {
            Plan::Receive(Sink::Link(mut sink)) => {
                sink.charged(charge);
                (Plan::Receive(Sink::Link(sink)), None)
            }
            plan => (plan, Some(charge)),
        })
    }
}

impl Door {
    /// Takes a use of a counted link, durably.
    pub(crate) async fn take(&self, take: Take) -> Result<Taken, LinkRefusal> {
        let desk = self.authority.links().desk().ok_or(LinkRefusal::Storage)?;
        let (desk, now) = (Arc::clone(desk), clock::unix_s());
        let taken = tokio::task::spawn_blocking(move || desk.take(&take, now)).await;
        taken.unwrap_or(Err(Refused::Storage)).map_err(|reason| match reason {
            Refused::Spent(spent) => LinkRefusal::Spent(spent, take.direction()),
            Refused::Full => LinkRefusal::Full,
            Refused::Storage => LinkRefusal::Storage,
        })
    }

    /// Takes a use for what is about to be sent.
    ///
    /// # Errors
    /// The answer, when nothing is left.
    pub(crate) async fn charged(&self, take: Take, wanted: Wanted) -> Result<Charge, Reply> {
        let taken = self.take(take).await.map_err(|refusal| self.refuse_link(refusal, wanted))?;
        self.charge(take, taken).map_err(|refusal| self.refuse_link(refusal, wanted))
    }

    /// A use that was taken, to be told how it ended.
    pub(crate) fn charge(&self, take: Take, taken: Taken) -> Result<Charge, LinkRefusal> {
        let desk = self.authority.links().desk().ok_or(LinkRefusal::Storage)?;
        Ok(Charge::new(Arc::clone(desk), take, taken))
    }

    /// Says what was really used of `taken`, a while ago perhaps: the rest is given back.
    pub(crate) async fn settle_use(&self, id: LinkId, taken: Taken, count: u32, bytes: u64) {
        if let Some(desk) = self.authority.links().desk() {
            let desk = Arc::clone(desk);
            let settle = move || desk.settle(id, &taken, count, bytes);
            let _ = tokio::task::spawn_blocking(settle).await;
        }
    }

    /// The answer to a link that does not open the way; counted here.
    pub(crate) fn refuse_link(&self, refusal: LinkRefusal, wanted: Wanted) -> Reply {
        self.slot.add(refusal.counter(), 1);
        if refusal == LinkRefusal::Full {
            self.slot.add(Counter::LimitLinksCounted, 1);
        }
        let reply = match refusal {
            LinkRefusal::Storage => Reply::fault(Fault::Storage, wanted),
            _ => {
                let (status, text, hint) = refusal.said();
                Reply::trouble(status, text, hint, wanted)
            }
        };
        let reply =
            if refusal == LinkRefusal::Full { reply.text("retry-after", "60") } else { reply };
        reply.text("referrer-policy", "no-referrer")
    }
}

impl LinkRefusal {
    const fn counter(self) -> Counter {
        match self {
            Self::Denied(Denied::Expired) | Self::Spent(..) => Counter::LinksExpired,
            _ => Counter::LinksRefused,
        }
    }

    /// Status, text and hint. Nothing here helps anybody to make a link.
    pub(crate) const fn said(self) -> (u16, &'static str, &'static str) {
        const ASK: &str = "Ask whoever gave it to you for a new one.";
        match self {
            Self::Invalid => (
                403,
                "this link is not valid",
                "It may have been cut off on its way. Ask whoever gave it to you for a new one.",
            ),
            Self::Denied(Denied::Deed) => (403, "this link is not for that", ""),
            Self::Denied(Denied::Path) => (403, "this link is for another path", ""),
            Self::Denied(Denied::Early) => (403, "this link is not good yet", "Try again later."),
            Self::Denied(Denied::Expired) => (410, "this link has expired", ASK),
            Self::Denied(Denied::Address) => (403, "this link is not good from your address", ""),
            Self::Spent(Spent::Count, _) => {
                (410, "this link has been used as often as it may be", ASK)
            }
            Self::Spent(Spent::Bytes, _) => (410, "the bytes of this link are used up", ASK),
            Self::Spent(Spent::TooLarge { .. }, Direction::Out) => {
                (403, "this link has fewer bytes left than the file has", ASK)
            }
            Self::Spent(Spent::TooLarge { .. }, Direction::In) => {
                (413, "this link has fewer bytes left than that", "Send less.")
            }
            Self::Full => (503, "too many links are in use", "Try again later."),
            Self::Storage => (500, "the storage failed", ""),
        }
    }
}

/// The link in a query, as sent: texts of links hold nothing that would have to be escaped.
pub(crate) fn link_of(query: &[u8]) -> Option<&[u8]> {
    query.split(|&b| b == b'&').find_map(|pair| pair.strip_prefix(PARAMETER))
}

/// A request line without the texts of links but for their first letters, which tell the key.
pub(crate) fn redacted(line: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::new();
    let mut rest = line;
    let next = |rest: &[u8]| {
        let ends =
            [PARAMETER, DROP_PATH].map(|before| find(rest, before).map(|at| at + before.len()));
        ends.into_iter().flatten().min()
    };
    while let Some(begin) = next(rest) {
        let is_letter = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'%');
        let length = rest[begin..].iter().take_while(is_letter).count();
        out.extend_from_slice(&rest[..begin + length.min(LETTERS_SHOWN)]);
        if length > LETTERS_SHOWN {
            out.extend_from_slice("…".as_bytes());
        }
        rest = &rest[begin + length..];
    }
    if out.is_empty() {
        return Cow::Borrowed(line);
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Before the link in a query.
const PARAMETER: &[u8] = b"menshen-link=";
/// Before the link in the path of a drop-box.
const DROP_PATH: &[u8] = b"/.menshen/drop/";
/// Version, key and deed of a link.
const LETTERS_SHOWN: usize = 8;

#[cfg(test)]
mod tests;
