//! One session as the rest of the server sees it: who, from where, since when, and why it is to
//! end.
//!
//! The session's own task and the server's share it. It holds no secret. Whoever wants the session
//! to end rings; the first reason counts.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use menshen_tunnel_core::mppe::Strength;
use menshen_tunnel_core::ppp::Phase;
use menshen_tunnel_core::time::Moment;
use tokio::sync::watch;

use super::door::{Door, HalfOpen};
use super::facts::{Bearer, SessionFacts};
use super::guesses::Allowed;
use crate::driver::Status;

/// A session's place.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: u64,
    pub(super) client: IpAddr,
    pub(super) bearer: Bearer,
    pub(super) since: Moment,
    /// Given back once the user is in.
    pub(super) half_open: RefCell<Option<HalfOpen>>,
    /// The user who is in.
    pub(super) user: RefCell<Option<String>>,
    pub(super) address: Cell<Option<Ipv4Addr>>,
    pub(super) interface: RefCell<Option<String>>,
    /// When a packet of the network passed last; set when the first may.
    pub(super) active: Cell<Option<Moment>>,
    /// When the session became one: its time runs from then.
    pub(super) opened: Cell<Option<Moment>>,
    pub(super) spoofed: Cell<u64>,
    pub(super) over_rate: Cell<u64>,
    pub(super) status: RefCell<Option<watch::Receiver<Status>>>,
    /// How the last proof was counted, until it is known to hold.
    pub(super) allowed: Cell<Allowed>,
    why: Cell<Option<Why>>,
    waker: RefCell<Option<Waker>>,
}

/// Why the server ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Idle,
    Time,
    Stopping,
    Administrator,
    HalfOpen,
    UserChanged,
    Denied(Denied),
}

/// Why a user who proved himself does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    Sessions,
    SessionsOfUser,
    PoolEmpty,
    AddressInUse,
}

impl Why {
    /// What the peer is told. pppd's and Windows' clients know the first two.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Idle => "idle timer expired",
            Self::Time => "connect time expired",
            Self::HalfOpen => "setup takes too long",
            Self::Stopping => "server is stopping",
            Self::Administrator => "ended by the administrator",
            Self::UserChanged => "the user's entry has changed",
            Self::Denied(Denied::Sessions) => "too many sessions",
            Self::Denied(Denied::SessionsOfUser) => "too many sessions of this user",
            Self::Denied(Denied::PoolEmpty) => "no address available",
            Self::Denied(Denied::AddressInUse) => "the user's address is in use",
        }
    }

    /// For accounting.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Idle => "idle-limit",
            Self::Time => "time-limit",
            Self::HalfOpen => "setup-timeout",
            Self::Stopping => "server-stop",
            Self::Administrator => "administrator",
            Self::UserChanged => "user-changed",
            Self::Denied(Denied::Sessions) => "too-many-sessions",
            Self::Denied(Denied::SessionsOfUser) => "too-many-sessions-of-user",
            Self::Denied(Denied::PoolEmpty) => "pool-empty",
            Self::Denied(Denied::AddressInUse) => "address-in-use",
        }
    }
}

impl Seat {
    pub(super) fn new(
        id: u64,
        (client, bearer): (IpAddr, Bearer),
        since: Moment,
        half_open: HalfOpen,
    ) -> Self {
        Self {
            id,
            client,
            bearer,
            since,
            half_open: RefCell::new(Some(half_open)),
            user: RefCell::default(),
            address: Cell::default(),
            interface: RefCell::default(),
            active: Cell::default(),
            opened: Cell::default(),
            spoofed: Cell::default(),
            over_rate: Cell::default(),
            status: RefCell::default(),
            allowed: Cell::default(),
            why: Cell::default(),
            waker: RefCell::default(),
        }
    }

    /// The session is to end, for this reason if it has none yet.
    pub(super) fn ring(&self, why: Why) {
        if self.why.get().is_none() {
            self.why.set(Some(why));
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    /// Why the server ends it, if it does.
    pub(super) const fn why(&self) -> Option<Why> {
        self.why.get()
    }

    /// Ready when the session is to end, with what the peer is told.
    pub(super) async fn ending(self: Rc<Self>, door: Rc<Door>) -> String {
        let mut sleep = pin!(tokio::time::sleep(std::time::Duration::ZERO));
        poll_fn(|cx| {
            loop {
                if let Some(why) = self.why.get() {
                    return Poll::Ready(why.text().to_owned());
                }
                self.note_waker(cx);
                let Some((at, why)) = self.limit(&door) else { return Poll::Pending };
                if at <= door.clock.now() {
                    self.ring(why);
                    continue;
                }
                // One that rings early does no harm; packets do not move it.
                let at = door.clock.instant(at);
                if sleep.is_elapsed() || at < sleep.deadline() {
                    sleep.as_mut().reset(at);
                }
                if sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// When its limits end it.
    fn limit(&self, door: &Door) -> Option<(Moment, Why)> {
        let times = &door.settings.times;
        let idle = self.active.get().zip(times.idle).map(|(at, idle)| (at + idle, Why::Idle));
        let time = self.opened.get().zip(times.session).map(|(at, time)| (at + time, Why::Time));
        let stranger = self.known_by().map(|at| (at, Why::HalfOpen));
        idle.into_iter().chain(time).chain(stranger).min_by_key(|(at, _)| *at)
    }

    /// Until when its user is to be in, while he is not.
    pub(super) fn known_by(&self) -> Option<Moment> {
        self.half_open.borrow().as_ref().map(|half_open| half_open.by)
    }

    fn note_waker(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// What is told of it.
    pub(super) fn facts(&self, now: Moment) -> SessionFacts {
        let status = self.status.borrow();
        let status = status.as_ref().map(|status| status.borrow());
        let status = status.as_deref();
        let counters = status.map(|status| status.counters).unwrap_or_default();
        let active = self.active.get().unwrap_or(self.since);
        let sends =
            status.and_then(|status| status.opened.as_ref()).and_then(|opened| opened.sends);
        let round_trip = status.and_then(|status| status.round_trip);
        SessionFacts {
            id: self.id,
            user: self.user.borrow().clone(),
            client: self.client,
            bearer: self.bearer,
            address: self.address.get(),
            interface: self.interface.borrow().clone(),
            phase: phase(status.map_or(Phase::Dead, |status| status.phase)).to_owned(),
            method: status.and_then(|status| status.method).map(|method| method.name().to_owned()),
            mppe_bits: sends.map(|(strength, _)| bits(strength)),
            seconds: now.since(self.since).as_secs(),
            idle_seconds: now.since(active).as_secs(),
            received_octets: counters.received_octets,
            sent_octets: counters.sent_octets,
            received_packets: counters.received_packets,
            sent_packets: counters.sent_packets,
            spoofed: self.spoofed.get(),
            over_rate: self.over_rate.get(),
            round_trip_us: round_trip.and_then(|time| u64::try_from(time.as_micros()).ok()),
        }
    }
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Dead => "dead",
        Phase::Establish => "establish",
        Phase::Authenticate => "authenticate",
        Phase::Network => "network",
        Phase::Open => "open",
        Phase::Terminate => "terminate",
    }
}

const fn bits(strength: Strength) -> u16 {
    match strength {
        Strength::Bits40 => 40,
        Strength::Bits56 => 56,
        Strength::Bits128 => 128,
    }
}
