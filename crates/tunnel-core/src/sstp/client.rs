//! The end of an SSTP call that asks for it ([MS-SSTP] section 3.2).
//!
//! It starts where the server's HTTP answer ended. It must never carry a network packet before its
//! binding was sent. Every way to end is an [`End`].

use core::ops::{Deref, DerefMut};

use super::binding::{Binding, Certificate, Hash};
use super::call::{Call, End, Event, Phase, Timers};
use super::packet::Message;
use super::status::{Attribute, Invalid, Status};
use crate::mppe::Keys;
use crate::time::Moment;

/// The asking end.
#[derive(Debug)]
pub struct Client {
    call: Call,
    certificate: Certificate,
    tries: u8,
    asked: Option<(Hash, [u8; 32])>,
}

impl Client {
    /// Asks for a call; HTTP is done. `certificate`: what the server showed on this connection.
    #[must_use]
    pub fn new(now: Moment, certificate: Certificate, timers: Timers) -> Self {
        let mut call = Call::new(now, timers);
        call.send(&REQUEST);
        Self { call, certificate, tries: 1, asked: None }
    }

    /// Takes a control packet.
    pub fn control(&mut self, now: Moment, packet: &[u8]) {
        let Some(message) = self.call.control(now, packet) else { return };
        match (self.call.phase, message) {
            (Phase::Asking, Message::ConnectAck { hashes, nonce }) => {
                let Some(hash) = hashes.best() else {
                    let status = Status::VALUE_NOT_SUPPORTED;
                    let attribute = Attribute::CRYPTO_BINDING_REQUEST;
                    return self.call.invalid(now, Invalid { status, attribute });
                };
                self.asked = Some((hash, nonce));
                self.call.negotiate(now, Phase::Binding, Some(Event::LowerUp));
            }
            (Phase::Asking, Message::ConnectNak(why)) if self.tries < TRIES_MAX => {
                let _ = why;
                self.tries += 1;
                self.call.send(&REQUEST);
                self.call.negotiate(now, Phase::Asking, None);
            }
            (Phase::Asking, Message::ConnectNak(why)) => {
                let status = Invalid::message(Status::RETRY_COUNT_EXCEEDED);
                self.call.abort(now, status, End::Refused(why));
            }
            _ => self.call.invalid(now, Invalid::message(Status::UNACCEPTED_FRAME)),
        }
    }

    /// PPP's authentication is done. `keys`: what MS-CHAPv2 gave, `None` after PAP or CHAP-MD5, or
    /// when the server asked for no authentication.
    pub fn authenticated(&mut self, now: Moment, keys: Option<&Keys>) {
        if self.call.phase != Phase::Binding {
            return;
        }
        if let Some((hash, nonce)) = self.asked.take() {
            let binding = Binding::new(hash, nonce, &self.certificate, keys);
            self.call.send(&Message::Connected(binding));
            self.call.open(now);
        }
    }
}

impl Deref for Client {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Call {
        &mut self.call
    }
}

/// How often the call is asked for before a refusal is believed.
const TRIES_MAX: u8 = 3;

const REQUEST: Message = Message::ConnectRequest { protocol: PPP };

/// The number of PPP among what may be carried.
pub(super) const PPP: u16 = 1;
