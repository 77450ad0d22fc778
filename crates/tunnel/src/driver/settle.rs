//! What session and carrier tell each other, after every step, until nothing is left to tell.

use std::io;

use menshen_tunnel_core::ppp::{self, Cause};
use menshen_tunnel_core::time::Moment;

use super::{Driver, FAREWELL, PUBLISH_EVERY, Users};
use crate::carrier::{self, Carrier};
use crate::device::Device;

impl<C: Carrier, D: Device, U: Users> Driver<C, D, U> {
    /// Passes on all events and control frames there are.
    pub(super) fn settle(&mut self, now: Moment) {
        let mut news = false;
        loop {
            let events = self.carrier_events(now) | self.session_events(now);
            self.frames_out(now);
            news |= events;
            if !events {
                break;
            }
        }
        let (phase, round_trip) = (self.session.phase(), self.session.round_trip());
        news |= phase != self.current.phase || round_trip != self.current.round_trip;
        (self.current.phase, self.current.round_trip) = (phase, round_trip);
        if news || self.publish_at.is_some_and(|at| at <= now) {
            self.publish_at = None;
            self.status.send_replace(self.current.clone());
        }
    }

    /// Counters have changed: they are published within a second.
    pub(super) fn changed(&mut self, now: Moment) {
        self.publish_at.get_or_insert(now + PUBLISH_EVERY);
    }

    /// Without a device there is no use in a session.
    pub(super) fn device_failed(&mut self, now: Moment, error: io::Error) {
        self.device_error.get_or_insert(error);
        self.session.close(now, "interface failed");
    }

    fn carrier_events(&mut self, now: Moment) -> bool {
        let mut any = false;
        while let Some(event) = self.carrier.next_event() {
            any = true;
            match event {
                carrier::Event::Up => self.session.open(now),
                carrier::Event::Bound => {
                    self.bound = true;
                    self.assign(now);
                }
                carrier::Event::Ended(lost) => {
                    if self.cause.is_none() {
                        self.lost.get_or_insert(lost);
                    }
                    self.session.lower_down();
                    self.farewell.get_or_insert(now + FAREWELL);
                }
                carrier::Event::Closed => {
                    self.closed = true;
                    self.session.lower_down();
                }
            }
        }
        any
    }

    fn session_events(&mut self, now: Moment) -> bool {
        let mut any = false;
        while let Some(event) = self.session.next_event() {
            any = true;
            self.session_event(now, event);
        }
        any
    }

    fn session_event(&mut self, now: Moment, event: ppp::Event) {
        match event {
            ppp::Event::Linked(agreed) => {
                // Whoever came in before has to prove himself again.
                self.unassigned = None;
                self.keyless = agreed.method.is_none();
                if self.keyless {
                    self.carrier.authenticated(now, None);
                    self.came_in(now, Vec::new());
                }
            }
            ppp::Event::Verify { method, account, .. } => {
                let known = self.users.known(method, &account);
                self.session.verified(now, &known);
            }
            ppp::Event::Authenticated { method, user, keys } => {
                self.users.proved(&user);
                self.current.method = Some(method);
                self.carrier.authenticated(now, keys.as_ref());
                // sstp-client sends its binding only once it has addresses, where there are no
                // keys to bind. The carrier lets no packet pass before, with addresses or without.
                self.keyless = keys.is_none();
                self.came_in(now, user);
            }
            ppp::Event::Opened(opened) => {
                let done = self.device.opened(&opened);
                self.current.opened = Some(opened);
                if let Err(error) = done {
                    self.device_failed(now, error);
                }
            }
            ppp::Event::Suspended => self.current.opened = None,
            ppp::Event::Down(cause) => self.down(now, cause),
        }
    }

    /// A user came in; a client's own name comes this way, too, and needs no addresses of ours.
    fn came_in(&mut self, now: Moment, user: Vec<u8>) {
        self.current.user = Some(user.clone());
        self.unassigned = Some(user);
        self.assign(now);
    }

    /// Gives addresses to who came in, as soon as it is sure that nobody stands between. A session
    /// that ends gives none, though its carrier may be bound meanwhile.
    fn assign(&mut self, now: Moment) {
        if (self.bound || self.keyless)
            && self.session.cause().is_none()
            && let Some(user) = self.unassigned.take()
            && let Some(network) = self.users.network(&user)
        {
            self.session.assign(now, network);
        }
    }

    fn down(&mut self, now: Moment, cause: Cause) {
        self.cause.get_or_insert(cause);
        self.unassigned = None;
        self.current.opened = None;
        self.farewell.get_or_insert(now + FAREWELL);
        // Its last words go before the carrier's.
        self.frames_out(now);
        self.carrier.close(now);
    }

    /// Control frames of the session go to the carrier. What finds no room waits where it is.
    fn frames_out(&mut self, now: Moment) {
        while self.carrier.has_room() && self.session.next_frame(&mut self.frame) {
            let end = carrier::HEADROOM + self.frame.len();
            if let Some(place) = self.packet.get_mut(carrier::HEADROOM..end) {
                place.copy_from_slice(&self.frame);
                self.carrier.send(now, &mut self.packet, carrier::HEADROOM..end);
            }
        }
    }
}
