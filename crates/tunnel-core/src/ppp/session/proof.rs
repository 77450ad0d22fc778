//! Who the client is: one end proves it, the other asks (`crate::auth` has the packets).
//!
//! The client repeats its answer too: a Success that was lost is sent again for it.

use alloc::vec::Vec;

use super::{Dropped, Input, Session};
use crate::auth::{Answer, Asked, Client, Known, Method, Server, Step};
use crate::mppe::Keys;
use crate::ppp::event::{Cause, Event, MppeMissing, Phase};
use crate::ppp::frame::Protocol;
use crate::ppp::settings::Role;
use crate::time::Moment;

/// Which end asks whom.
#[derive(Debug)]
pub(super) enum Proof {
    /// Nobody asks.
    None,
    /// We ask the peer.
    Asking {
        server: Server,
        timer: Timer,
        /// The name that came with the proof.
        user: Vec<u8>,
    },
    /// The peer asks us.
    Proving {
        client: Client,
        timer: Timer,
        /// The challenge answered last, and the answer.
        challenge: Vec<u8>,
        response: Vec<u8>,
    },
}

/// When what was said last is repeated.
#[derive(Debug)]
pub(super) struct Timer {
    tries_left: u32,
    due: Option<Moment>,
}

impl Proof {
    pub(super) const fn deadline(&self) -> Option<Moment> {
        match self {
            Self::None => None,
            Self::Asking { timer, .. } | Self::Proving { timer, .. } => timer.due,
        }
    }

    const fn method(&self) -> Option<Method> {
        match self {
            Self::None => None,
            Self::Asking { server, .. } => Some(server.method()),
            Self::Proving { client, .. } => Some(client.method()),
        }
    }

    fn stop_timer(&mut self) {
        if let Self::Asking { timer, .. } | Self::Proving { timer, .. } = self {
            timer.due = None;
        }
    }
}

impl Session {
    /// The method by which one of both proved itself.
    pub(super) const fn method(&self) -> Option<Method> {
        self.proof.method()
    }

    pub(super) fn start_proof(&mut self, now: Moment, method: Method) {
        // No password is sent, or asked for, in vain.
        if self.settings.mppe.is_required() && method != Method::MsChapV2 {
            let cause = Cause::MppeMissing(MppeMissing::NoKeys);
            return self.fail(now, cause, "MPPE required but not available");
        }
        let limits = self.settings.limits;
        let due = Some(now + limits.restart);
        let timer = Timer { tries_left: limits.max_configure, due };
        let mut packet = Vec::new();
        self.proof = match (self.settings.role, &self.credentials) {
            (Role::Server, _) => {
                let challenge = self.lots.octets();
                self.challenges = self.challenges.wrapping_add(1);
                let mut server =
                    Server::new(method, &self.settings.name, challenge).with_id(self.challenges);
                server.start(&mut packet);
                Proof::Asking { server, timer, user: Vec::new() }
            }
            (Role::Client, Some(credentials)) => {
                let password = credentials.password.clone();
                let mut client = Client::new(method, &credentials.user, password);
                client.start(&mut packet);
                Proof::Proving { client, timer, challenge: Vec::new(), response: Vec::new() }
            }
            // Without credentials no method is agreed to.
            (Role::Client, None) => Proof::None,
        };
        self.say(method, packet);
        let protocol = Protocol(method.protocol());
        if let Some(early) = self.held.take(protocol) {
            self.proof_packet(now, protocol, &early);
        }
    }

    fn say(&mut self, method: Method, packet: Vec<u8>) {
        if !packet.is_empty() {
            self.outbox.send_octets(Protocol(method.protocol()), packet);
        }
    }

    pub(super) fn proof_packet(&mut self, now: Moment, protocol: Protocol, packet: &[u8]) -> Input {
        let Some(method) = self.proof.method().filter(|method| method.protocol() == protocol.0)
        else {
            return match self.phase {
                Phase::Authenticate => Input::Dropped(Dropped::Stale),
                _ => self.reject_protocol(now, protocol, packet),
            };
        };
        // Each packet may cost hashes and an answer.
        if !self.outbox.allow(now) {
            return Input::Dropped(Dropped::Storm);
        }
        let mut out = Vec::new();
        match &mut self.proof {
            Proof::None => Input::Dropped(Dropped::Stale),
            Proof::Asking { server, timer, user } => {
                let asked = server.input(packet, &mut out);
                if let Asked::Verify { user: named, .. } = &asked {
                    timer.due = None;
                    user.clone_from(named);
                }
                self.say(method, out);
                match asked {
                    Asked::Verify { user, account } => {
                        self.tell(Event::Verify { method, user, account });
                    }
                    Asked::Repeated => {}
                    Asked::Ignored(_) => return Input::Dropped(Dropped::Stale),
                }
                Input::Handled
            }
            Proof::Proving { challenge, response, .. } if challenge == packet => {
                // Another answer to the same challenge would go with other keys.
                let again = response.clone();
                self.say(method, again);
                Input::Handled
            }
            Proof::Proving { client, timer, challenge, response } => {
                let step = client.input(packet, self.lots.octets(), &mut out);
                if matches!(step, Step::Send) {
                    *challenge = packet.to_vec();
                    response.clone_from(&out);
                    if timer.due.is_some() {
                        timer.due = Some(now + self.settings.limits.restart);
                    }
                }
                self.say(method, out);
                self.proving(now, method, step)
            }
        }
    }

    fn proving(&mut self, now: Moment, method: Method, step: Step) -> Input {
        match step {
            Step::Send => Input::Handled,
            Step::Proven { keys, .. } if self.phase == Phase::Authenticate => {
                let user = self.credentials.as_ref().map(|who| who.user.clone());
                self.authenticated(now, method, user.unwrap_or_default(), keys);
                Input::Handled
            }
            Step::Proven { .. } | Step::Ignored(_) => Input::Dropped(Dropped::Stale),
            Step::Refused(refusal) => {
                self.fail(now, Cause::Refused(refusal), "Authentication failed");
                Input::Handled
            }
        }
    }

    pub(super) fn verify(&mut self, now: Moment, known: &Known) {
        let Proof::Asking { server, user, .. } = &mut self.proof else { return };
        let mut out = Vec::new();
        let (method, user) = (server.method(), user.clone());
        let answer = server.answer(known, &mut out);
        self.say(method, out);
        match answer {
            Some(Answer::Accepted { keys }) => self.authenticated(now, method, user, keys),
            Some(Answer::Refused) => {
                self.fail(now, Cause::PeerRefused { user }, "Authentication failed");
            }
            None => {}
        }
    }

    fn authenticated(&mut self, now: Moment, method: Method, user: Vec<u8>, keys: Option<Keys>) {
        self.proof.stop_timer();
        // The addresses, and all that is open, belong to who came first.
        if self.user.as_ref().is_some_and(|first| *first != user) {
            self.fail(now, Cause::PeerRefused { user }, "Authentication failed");
            return;
        }
        self.user = Some(user.clone());
        self.keys.clone_from(&keys);
        self.tell(Event::Authenticated { method, user, keys });
        self.enter_network(now);
    }

    pub(super) fn poll_proof(&mut self, now: Moment) {
        let restart = self.settings.limits.restart;
        let Some(method) = self.proof.method() else { return };
        let mut packet = Vec::new();
        let left = match &mut self.proof {
            Proof::None => return,
            Proof::Asking { timer, server, .. } => timer.ran_out(now, restart).inspect(|_| {
                server.start(&mut packet);
            }),
            Proof::Proving { timer, client, response, .. } => {
                timer.ran_out(now, restart).inspect(|_| {
                    // PAP speaks first; with CHAP a Success may have been lost.
                    if !client.start(&mut packet) {
                        packet.clone_from(response);
                    }
                })
            }
        };
        match left {
            None => {}
            Some(0) => self.fail(now, Cause::AuthTimeout(method), "Authentication failed"),
            Some(_) => self.say(method, packet),
        }
    }
}

impl Timer {
    /// How many tries are left if it ran out; it runs again.
    fn ran_out(&mut self, now: Moment, restart: core::time::Duration) -> Option<u32> {
        let due = self.due.filter(|due| *due <= now)?;
        self.tries_left = self.tries_left.saturating_sub(1);
        self.due = Some(due.max(now) + restart);
        Some(self.tries_left)
    }
}
