//! One PPP session, its carrier and its device, joined until the session ends.
//!
//! Packets go through in batches, in buffers that are made once. The driver decides nothing about
//! PPP; it must never let one side starve the other, wait without a deadline once the end has
//! begun, or hold packets back: what has no room is dropped and counted. It ends with an
//! [`Ending`], whatever happens to session, carrier or device.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_tunnel_core::auth::{Known, Method};
use menshen_tunnel_core::ppp::{self, Cause, Heard, Phase, Session};
use menshen_tunnel_core::time::Moment;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::carrier::{self, Carrier};
use crate::clock::Clock;
use crate::device::Device;
pub use status::{Counters, Status};

mod packets;
mod settle;
mod status;

/// Joins a session, what bears it, and where its packets go.
#[derive(Debug)]
pub struct Driver<C: Carrier, D, U> {
    session: Session,
    carrier: C,
    device: D,
    users: U,
    clock: Clock,
    status: watch::Sender<Status>,
    /// The status as it is; published now and then.
    current: Status,
    /// When the counters that have changed are to be published.
    publish_at: Option<Moment>,
    /// Whether the carrier is bound.
    bound: bool,
    /// Whether who came in last gave no keys to bind: there is nothing to wait for.
    keyless: bool,
    /// Server: addresses for this user are to be given once the carrier is bound.
    unassigned: Option<Vec<u8>>,
    cause: Option<Cause>,
    lost: Option<C::Lost>,
    device_error: Option<io::Error>,
    /// Until when the carrier may take to end.
    farewell: Option<Moment>,
    closed: bool,
    /// Octets of a frame beyond those of its packet, at last.
    head_octets: usize,
    /// A packet of the device with room in front of it.
    packet: Vec<u8>,
    /// A control frame of the session.
    frame: Vec<u8>,
}

/// What a driver is made of.
#[derive(Debug)]
pub struct Parts<C, D, U> {
    /// The session, not opened yet.
    pub session: Session,
    /// What bears it.
    pub carrier: C,
    /// Where its packets go.
    pub device: D,
    /// Who may come in; [`Nobody`] for a client.
    pub users: U,
    /// What session and carrier count by.
    pub clock: Clock,
}

/// What a server knows of those who come in.
pub trait Users {
    /// What is known about a user: `account` is the name without a leading `DOMAIN\`.
    fn known(&mut self, method: Method, account: &[u8]) -> Known;

    /// The proof holds for which [`Self::known`] was asked last; `user` is the name that came with
    /// it, a leading `DOMAIN\` included. Nothing is waited for between the two, so that no other
    /// session asks meanwhile. Whether somebody stands between is not known yet.
    fn proved(&mut self, user: &[u8]);

    /// Addresses for a user who was let in, by the name that came with the proof that holds, a
    /// leading `DOMAIN\` included; a network without any ends the session. `None`: the session's
    /// own settings have them, or it asks for some.
    fn network(&mut self, user: &[u8]) -> Option<ppp::Network>;
}

/// A client's: nobody is asked for, nobody comes in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Users for Nobody {
    fn known(&mut self, _: Method, _: &[u8]) -> Known {
        Known::Nobody
    }

    fn proved(&mut self, _: &[u8]) {}

    fn network(&mut self, _: &[u8]) -> Option<ppp::Network> {
        None
    }
}

/// How a session ended, with what is left of it.
#[derive(Debug)]
pub struct Ending<C: Carrier, D> {
    /// Why PPP ended.
    pub cause: Cause,
    /// Why the carrier ended, if it was the first to.
    pub lost: Option<C::Lost>,
    /// What the device failed with, if that was the reason.
    pub device_error: Option<io::Error>,
    /// What came of the peer before LCP was open.
    pub heard: Heard,
    /// The last status.
    pub status: Status,
    /// The carrier, for its facts.
    pub carrier: C,
    /// The device.
    pub device: D,
}

impl<C: Carrier, D: Device, U: Users> Driver<C, D, U> {
    /// Joins them. Nothing happens before [`Self::run`].
    #[must_use]
    pub fn new(parts: Parts<C, D, U>) -> Self {
        let Parts { session, carrier, device, users, clock } = parts;
        Self {
            session,
            carrier,
            device,
            users,
            clock,
            status: watch::Sender::new(Status::default()),
            current: Status::default(),
            publish_at: None,
            bound: false,
            keyless: false,
            unassigned: None,
            cause: None,
            lost: None,
            device_error: None,
            farewell: None,
            closed: false,
            head_octets: 0,
            packet: vec![0; ROOM + PACKET_OCTETS_MAX],
            frame: Vec::new(),
        }
    }

    /// How the session is, now and later.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Drives the session until all is over. When `close` is ready, the session is ended in good
    /// order; the peer is told its text.
    pub async fn run(mut self, close: impl Future<Output = String>) -> Ending<C, D> {
        let mut close = pin!(close);
        let mut asked = false;
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            let now = self.clock.now();
            self.session.poll(now);
            self.carrier.poll(now);
            self.note_refused(now);
            self.settle(now);
            if self.is_over(now) {
                return self.ending();
            }
            self.set_timer(sleep.as_mut());
            let woken = poll_fn(|cx| {
                if !asked && let Poll::Ready(text) = close.as_mut().poll(cx) {
                    asked = true;
                    return Poll::Ready(Woken::Close(text));
                }
                self.poll_work(cx, sleep.as_mut())
            });
            match woken.await {
                Woken::Close(text) => self.close(&text),
                Woken::Work { carrier, device } => {
                    let now = self.clock.now();
                    if carrier {
                        self.frames_in(now);
                    }
                    if device {
                        self.packets_out(now);
                    }
                }
            }
        }
    }

    /// Ends the session in good order; where LCP never opened there is nobody to say farewell to.
    fn close(&mut self, text: &str) {
        let now = self.clock.now();
        // It may be cut off before its end: what was counted until now is known then.
        self.status.send_replace(self.current.clone());
        if self.session.phase() <= Phase::Establish {
            self.session.lower_down();
            self.cause.get_or_insert(Cause::Closed);
            self.carrier.close(now);
            self.farewell.get_or_insert(now + FAREWELL);
        } else {
            self.session.close(now, text);
        }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, sleep: Pin<&mut Sleep>) -> Poll<Woken> {
        let carrier = self.carrier.poll_ready(cx).is_ready();
        let passes = self.current.opened.is_some() && self.carrier.has_room();
        let device = passes && self.device.poll_readable(cx).is_ready();
        if carrier || device || sleep.poll(cx).is_ready() {
            return Poll::Ready(Woken::Work { carrier, device });
        }
        Poll::Pending
    }

    /// Sets the timer to the next deadline. One that rings early does no harm, so that it is not
    /// moved for every packet that moves a deadline away.
    fn set_timer(&self, mut sleep: Pin<&mut Sleep>) {
        let deadlines =
            [self.session.deadline(), self.carrier.deadline(), self.farewell, self.publish_at];
        let next = deadlines.into_iter().flatten().min();
        let at = next.map_or_else(|| self.clock.instant(Moment(FAR)), |at| self.clock.instant(at));
        if sleep.is_elapsed() || at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
    }

    fn is_over(&self, now: Moment) -> bool {
        self.cause.is_some() && (self.closed || self.farewell.is_some_and(|by| by <= now))
    }

    fn ending(mut self) -> Ending<C, D> {
        self.note_refused(self.clock.now());
        self.current.phase = self.session.phase();
        self.status.send_replace(self.current.clone());
        Ending {
            cause: self.cause.unwrap_or(Cause::CarrierLost),
            lost: self.lost,
            device_error: self.device_error,
            heard: self.session.heard(),
            status: self.current,
            carrier: self.carrier,
            device: self.device,
        }
    }
}

enum Woken {
    Close(String),
    Work { carrier: bool, device: bool },
}

/// Octets in front of a packet: for the session's head and the carrier's header.
const ROOM: usize = carrier::HEADROOM + ppp::HEADROOM;
/// Octets of the longest packet read from a device: no carrier bears more than 4,095.
const PACKET_OCTETS_MAX: usize = 4096;
/// Frames or packets taken from one side before the other one has its turn.
const BATCH: usize = 64;
/// How long a carrier may take to end after PPP has: longer than any of their own timers.
const FAREWELL: Duration = Duration::from_secs(10);
/// How often counters are published.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// A timer for nothing.
const FAR: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests;
