//! The end of an SSTP call that is asked for it ([MS-SSTP] section 3.3).
//!
//! It starts where our HTTP answer ended. The client's binding may come before we know the keys to
//! check it with: it is kept until then. It must never carry a network packet before the binding
//! was checked. Every way to end is an [`End`].

use core::ops::{Deref, DerefMut};

use super::binding::{Binding, Certificate, Hashes};
use super::call::{Call, End, Event, Phase, Timers};
use super::client::PPP;
use super::packet::Message;
use super::status::{Attribute, Invalid, Status};
use crate::mppe::Keys;
use crate::time::Moment;

/// The asked end.
#[derive(Debug)]
pub struct Server {
    call: Call,
    certificate: Certificate,
    hashes: Hashes,
    nonce: [u8; 32],
    refusals: u8,
    sent: Option<Binding>,
    authenticated: Option<Option<Keys>>,
}

impl Server {
    /// Waits for a call; HTTP is done. `certificate`: what this connection was shown. `hashes`:
    /// what is taken for the binding. `nonce`: fresh random octets.
    #[must_use]
    pub fn new(
        now: Moment,
        certificate: Certificate,
        hashes: Hashes,
        nonce: [u8; 32],
        timers: Timers,
    ) -> Self {
        let call = Call::new(now, timers);
        Self { call, certificate, hashes, nonce, refusals: 0, sent: None, authenticated: None }
    }

    /// Takes a control packet.
    pub fn control(&mut self, now: Moment, packet: &[u8]) {
        let Some(message) = self.call.control(now, packet) else { return };
        match (self.call.phase, message) {
            (Phase::Asking, Message::ConnectRequest { protocol: PPP }) => {
                let (hashes, nonce) = (self.hashes, self.nonce);
                self.call.send(&Message::ConnectAck { hashes, nonce });
                self.call.negotiate(now, Phase::Binding, Some(Event::LowerUp));
            }
            (Phase::Asking, Message::ConnectRequest { .. }) => self.refuse(now),
            (Phase::Binding, Message::Connected(binding)) if self.sent.is_none() => {
                self.sent = Some(binding);
                self.check(now);
            }
            _ => self.call.invalid(now, Invalid::message(Status::UNACCEPTED_FRAME)),
        }
    }

    /// PPP's authentication is done. `keys`: what MS-CHAPv2 gave, `None` after PAP or CHAP-MD5.
    pub fn authenticated(&mut self, now: Moment, keys: Option<&Keys>) {
        if self.call.phase == Phase::Binding {
            self.authenticated = Some(keys.cloned());
            self.check(now);
        }
    }

    fn check(&mut self, now: Moment) {
        let (Some(binding), Some(keys)) = (&self.sent, &self.authenticated) else { return };
        let nonce = &self.nonce;
        match binding.verify(self.hashes, nonce, &self.certificate, keys.as_ref()) {
            Ok(_) => {
                self.authenticated = None;
                self.call.open(now);
            }
            Err(mismatch) => {
                let status = Status::VALUE_NOT_SUPPORTED;
                let why = Invalid { status, attribute: Attribute::CRYPTO_BINDING };
                self.call.abort(now, why, End::Binding(mismatch));
            }
        }
    }

    fn refuse(&mut self, now: Moment) {
        self.refusals += 1;
        let status = Status::VALUE_NOT_SUPPORTED;
        let why = Invalid { status, attribute: Attribute::ENCAPSULATED_PROTOCOL };
        if self.refusals > REFUSALS_MAX {
            let status = Invalid::message(Status::RETRY_COUNT_EXCEEDED);
            return self.call.abort(now, status, End::Refused(why));
        }
        self.call.send(&Message::ConnectNak(why));
    }
}

impl Deref for Server {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Call {
        &mut self.call
    }
}

/// Refusals of a request before the call is given up. The negotiation's time runs on meanwhile.
const REFUSALS_MAX: u8 = 3;
