//! The end that proves who it is (RFC 1334, RFC 1994, RFC 2759).
//!
//! It answers any number of challenges, as CHAP demands, and accepts success only for the response
//! it gave last. With MS-CHAPv2 it must never take a success without the server's own proof. What
//! does not fit is ignored with a reason.

use alloc::vec::Vec;

use super::chap::{Chap, md5_response};
use super::mschap2::{self, Failure, Response};
use super::pap::Pap;
use super::{
    Ignored, Method, NtHash, PASSWORD_OCTETS_MAX, Refusal, RefusalKind, Secret, TEXT_OCTETS_MAX,
    USER_OCTETS_MAX,
};
use crate::mppe::Keys;

/// The end that proves who it is, by one method.
#[derive(Debug)]
pub struct Client {
    method: Method,
    user: Vec<u8>,
    password: Secret,
    id: u8,
    given: Given,
}

/// What a packet from the server led to.
#[derive(Debug)]
pub enum Step {
    /// `out` holds an answer to send.
    Send,
    /// Accepted (and, with MS-CHAPv2, the server proved itself too). With MS-CHAPv2 there are keys.
    Proven {
        /// The start keys of MPPE and of SSTP's crypto binding.
        keys: Option<Keys>,
        /// The text the server sent with it, at most `TEXT_OCTETS_MAX` octets, unescaped.
        text: Vec<u8>,
    },
    /// It is over.
    Refused(Refusal),
    /// Nothing to do.
    Ignored(Ignored),
}

/// The proof given last, as far as its acceptance must be checked.
#[derive(Debug)]
enum Given {
    Nothing,
    Plain,
    MsChapV2 { authenticator: [u8; 20], keys: Keys },
}

impl Client {
    /// A client of this method; `user` may hold a domain (`DOMAIN\user`). Names longer than
    /// `USER_OCTETS_MAX` and passwords longer than `PASSWORD_OCTETS_MAX` are cut, and so refused.
    #[must_use]
    pub fn new(method: Method, user: &[u8], password: Secret) -> Self {
        let user = user.iter().take(USER_OCTETS_MAX).copied().collect();
        let password = match password.expose().get(..PASSWORD_OCTETS_MAX) {
            Some(cut) => Secret::new(cut),
            None => password,
        };
        Self { method, user, password, id: 0, given: Given::Nothing }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The packet that opens the exchange, appended to `out`; true if there is one (PAP). With CHAP
    /// the server speaks first. To be called again by the restart timer (3 s) while nothing came.
    pub fn start(&mut self, out: &mut Vec<u8>) -> bool {
        if self.method != Method::Pap {
            return false;
        }
        self.id = self.id.wrapping_add(1);
        self.given = Given::Plain;
        Pap::Request { user: &self.user, password: self.password.expose() }.write(self.id, out);
        true
    }

    /// Takes the packet (after the protocol field) of a frame with `method().protocol()`.
    /// `peer_challenge`: 16 fresh random octets, used by MS-CHAPv2. An answer is appended to `out`.
    /// After `Proven`, further challenges are answered again (CHAP may ask at any time).
    pub fn input(&mut self, packet: &[u8], peer_challenge: [u8; 16], out: &mut Vec<u8>) -> Step {
        if self.method == Method::Pap {
            self.pap(packet)
        } else {
            self.chap(packet, peer_challenge, out)
        }
    }

    fn pap(&mut self, packet: &[u8]) -> Step {
        let Some((id, content)) = Pap::parse(packet) else {
            return Step::Ignored(Ignored::Malformed);
        };
        if matches!(self.given, Given::Nothing) || matches!(content, Pap::Request { .. }) {
            return Step::Ignored(Ignored::Unexpected);
        }
        if id != self.id {
            return Step::Ignored(Ignored::OtherId);
        }
        self.given = Given::Nothing;
        match content {
            Pap::Ack(text) => Step::Proven { keys: None, text: short(text) },
            Pap::Nak(text) => refused(None, short(text), RefusalKind::ByServer),
            Pap::Request { .. } => Step::Ignored(Ignored::Unexpected),
        }
    }

    fn chap(&mut self, packet: &[u8], peer_challenge: [u8; 16], out: &mut Vec<u8>) -> Step {
        let Some((id, content)) = Chap::parse(packet) else {
            return Step::Ignored(Ignored::Malformed);
        };
        match content {
            Chap::Challenge { value, .. } => self.respond(id, value, peer_challenge, out),
            Chap::Response { .. } => Step::Ignored(Ignored::Unexpected),
            Chap::Success(_) | Chap::Failure(_) if matches!(self.given, Given::Nothing) => {
                Step::Ignored(Ignored::Unexpected)
            }
            Chap::Success(_) | Chap::Failure(_) if id != self.id => Step::Ignored(Ignored::OtherId),
            Chap::Success(text) => self.succeeded(text),
            Chap::Failure(text) => {
                self.given = Given::Nothing;
                if self.method == Method::ChapMd5 {
                    return refused(None, short(text), RefusalKind::ByServer);
                }
                let failure = Failure::parse(text);
                refused(failure.code, failure.message, RefusalKind::ByServer)
            }
        }
    }

    fn respond(&mut self, id: u8, value: &[u8], peer: [u8; 16], out: &mut Vec<u8>) -> Step {
        let name = self.user.as_slice();
        if self.method == Method::ChapMd5 {
            if value.is_empty() {
                return Step::Ignored(Ignored::ValueLength);
            }
            let value = md5_response(id, &self.password, value);
            Chap::Response { value: &value, name }.write(id, out);
            self.given = Given::Plain;
        } else {
            let Ok(challenge) = <&[u8; 16]>::try_from(value) else {
                return Step::Ignored(Ignored::ValueLength);
            };
            let hash = NtHash::of_password(&self.password);
            let response = Response::new(&hash, name, challenge, peer);
            Chap::Response { value: &response.value(), name }.write(id, out);
            self.given = Given::MsChapV2 {
                authenticator: response.authenticator(&hash, name, challenge),
                keys: Keys::new(&hash, &response.nt_response),
            };
        }
        self.id = id;
        Step::Send
    }

    fn succeeded(&mut self, text: &[u8]) -> Step {
        match core::mem::replace(&mut self.given, Given::Nothing) {
            Given::Nothing => Step::Ignored(Ignored::Unexpected),
            Given::Plain => Step::Proven { keys: None, text: short(text) },
            Given::MsChapV2 { authenticator, keys } => {
                let (proven, text) = mschap2::success(text, &authenticator);
                if !proven {
                    return refused(None, text, RefusalKind::ServerUnproven);
                }
                Step::Proven { keys: Some(keys), text }
            }
        }
    }
}

fn refused(code: Option<u32>, text: Vec<u8>, kind: RefusalKind) -> Step {
    Step::Refused(Refusal { code, text, kind })
}

fn short(text: &[u8]) -> Vec<u8> {
    text.iter().take(TEXT_OCTETS_MAX).copied().collect()
}
