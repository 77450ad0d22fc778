//! The end that asks for a proof (RFC 1334, RFC 1994, RFC 2759).
//!
//! Looking the user up is the caller's: a proof waits here until [`Server::answer`] is told what is
//! known. It must never answer a repeated proof differently from the first time, nor take less time
//! for a user that does not exist. What does not fit is ignored with a reason.

use alloc::vec::Vec;
use core::fmt;

use super::chap::{Chap, md5_response};
use super::mschap2::{self, Response, account};
use super::pap::Pap;
use super::secret::same;
use super::{Ignored, Method, NtHash, Secret, USER_OCTETS_MAX};
use crate::mppe::Keys;

/// The end that asks for a proof, by one method.
#[derive(Debug)]
pub struct Server {
    method: Method,
    name: Vec<u8>,
    challenge: [u8; 16],
    id: u8,
    waiting: Option<Claim>,
    /// The packet that answered, without its identifier's meaning: sent again for repeated proofs.
    answered: Option<Vec<u8>>,
}

/// What a packet from the client led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A proof came: look the user up and call [`Server::answer`]. Until then further packets are
    /// ignored.
    Verify {
        /// The name as sent, at most `USER_OCTETS_MAX` octets, unescaped.
        user: Vec<u8>,
        /// The name without a leading `DOMAIN\`.
        account: Vec<u8>,
    },
    /// The client repeated what was answered already: `out` holds the same answer again.
    Repeated,
    /// Nothing to do.
    Ignored(Ignored),
}

/// What the caller knows about a user.
#[derive(Debug)]
pub enum Known {
    /// The password (serves every method).
    Password(Secret),
    /// Only the NT hash (serves PAP and MS-CHAPv2; CHAP-MD5 is refused with it).
    NtHash(NtHash),
    /// No such user, or one that may not come in: refused, in about the same time.
    Nobody,
}

/// How it ended; `out` holds the packet that says so.
#[derive(Debug)]
pub enum Answer {
    /// The proof holds. With MS-CHAPv2 there are keys.
    Accepted {
        /// The start keys of MPPE and of SSTP's crypto binding.
        keys: Option<Keys>,
    },
    /// The proof does not hold.
    Refused,
}

/// A proof that waits for what is known about its user.
struct Claim {
    id: u8,
    user: Vec<u8>,
    proof: Proof,
}

enum Proof {
    Password(Secret),
    Md5([u8; 16]),
    MsChapV2(Response),
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(..)")
    }
}

impl Server {
    /// A server of this method. `name`: what it calls itself in a challenge; `challenge`: 16 fresh
    /// random octets (unused by PAP).
    #[must_use]
    pub fn new(method: Method, name: &[u8], challenge: [u8; 16]) -> Self {
        let name = name.iter().take(USER_OCTETS_MAX).copied().collect();
        // Any first identifier serves; that of the challenge need not be guessed by anybody.
        Self { method, name, challenge, id: 1, waiting: None, answered: None }
    }

    /// The same with another identifier than 1: after a link was negotiated anew, a late answer to
    /// an earlier challenge must not count as a wrong one to this.
    #[must_use]
    pub const fn with_id(mut self, id: u8) -> Self {
        self.id = id;
        self
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The packet that opens the exchange, appended to `out`; true if there is one (CHAP). With PAP
    /// the client speaks first. To be called again by the restart timer (3 s) while nothing came.
    pub fn start(&mut self, out: &mut Vec<u8>) -> bool {
        if self.method == Method::Pap {
            return false;
        }
        // The same identifier and challenge when repeated: a response to any of them counts.
        Chap::Challenge { value: &self.challenge, name: &self.name }.write(self.id, out);
        true
    }

    /// Takes the packet (after the protocol field) of a frame with `method().protocol()`.
    pub fn input(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Asked {
        let claim = match self.claim(packet) {
            Ok(claim) => claim,
            Err(ignored) => return Asked::Ignored(ignored),
        };
        if self.waiting.is_some() {
            return Asked::Ignored(Ignored::Unexpected);
        }
        if let Some(answered) = &self.answered {
            let at = out.len();
            out.extend(answered);
            if let Some(id) = out.get_mut(at + 1) {
                *id = claim.id;
            }
            return Asked::Repeated;
        }
        let user = claim.user.clone();
        self.waiting = Some(claim);
        Asked::Verify { account: Vec::from(account(&user)), user }
    }

    /// Checks the proof that waits against what is known about its user, and appends the answer to
    /// `out`. `None`: no proof waits.
    pub fn answer(&mut self, known: &Known, out: &mut Vec<u8>) -> Option<Answer> {
        let Claim { id, user, proof } = self.waiting.take()?;
        let at = out.len();
        let answer = match proof {
            Proof::Password(password) => password_answer(id, &password, known, out),
            Proof::Md5(response) => self.md5_answer(id, response, known, out),
            Proof::MsChapV2(response) => self.mschap2_answer(id, &user, response, known, out),
        };
        self.answered = out.get(at..).map(Vec::from);
        Some(answer)
    }

    fn claim(&self, packet: &[u8]) -> Result<Claim, Ignored> {
        let (id, user, proof) = if self.method == Method::Pap {
            let (id, content) = Pap::parse(packet).ok_or(Ignored::Malformed)?;
            let Pap::Request { user, password } = content else {
                return Err(Ignored::Unexpected);
            };
            (id, user, Proof::Password(Secret::new(password)))
        } else {
            let (id, content) = Chap::parse(packet).ok_or(Ignored::Malformed)?;
            let Chap::Response { value, name } = content else {
                return Err(Ignored::Unexpected);
            };
            if id != self.id {
                return Err(Ignored::OtherId);
            }
            let proof = if self.method == Method::ChapMd5 {
                value.try_into().ok().map(Proof::Md5)
            } else {
                Response::parse(value).map(Proof::MsChapV2)
            };
            (id, name, proof.ok_or(Ignored::ValueLength)?)
        };
        if user.len() > USER_OCTETS_MAX {
            return Err(Ignored::Malformed);
        }
        Ok(Claim { id, user: Vec::from(user), proof })
    }

    fn md5_answer(&self, id: u8, sent: [u8; 16], known: &Known, out: &mut Vec<u8>) -> Answer {
        let (password, exists) = match known {
            Known::Password(password) => (password.clone(), true),
            Known::NtHash(_) | Known::Nobody => (Secret::new(&[]), false),
        };
        let right = md5_response(id, &password, &self.challenge);
        if same(&right, &sent) & exists {
            Chap::Success(WELCOME.as_bytes()).write(id, out);
            return Answer::Accepted { keys: None };
        }
        Chap::Failure(REFUSED.as_bytes()).write(id, out);
        Answer::Refused
    }

    fn mschap2_answer(
        &self,
        id: u8,
        user: &[u8],
        response: Response,
        known: &Known,
        out: &mut Vec<u8>,
    ) -> Answer {
        let (hash, exists) = hash_of(known);
        let proven = response.proves(&hash, user, &self.challenge) & exists;
        // Made before the outcome is looked at: both outcomes take the same time.
        let authenticator = response.authenticator(&hash, user, &self.challenge);
        let keys = Keys::new(&hash, &response.nt_response);
        if proven {
            Chap::Success(&mschap2::success_text(&authenticator, WELCOME)).write(id, out);
            return Answer::Accepted { keys: Some(keys) };
        }
        let text = mschap2::failure_text(AUTHENTICATION_FAILURE, &self.challenge, REFUSED);
        Chap::Failure(&text).write(id, out);
        Answer::Refused
    }
}

fn password_answer(id: u8, sent: &Secret, known: &Known, out: &mut Vec<u8>) -> Answer {
    // Hashes have one length: the time does not tell how long the right password is.
    let (right, exists) = hash_of(known);
    if same(right.expose(), NtHash::of_password(sent).expose()) & exists {
        Pap::Ack(WELCOME.as_bytes()).write(id, out);
        return Answer::Accepted { keys: None };
    }
    Pap::Nak(REFUSED.as_bytes()).write(id, out);
    Answer::Refused
}

fn hash_of(known: &Known) -> (NtHash, bool) {
    match known {
        Known::Password(password) => (NtHash::of_password(password), true),
        Known::NtHash(hash) => (hash.clone(), true),
        Known::Nobody => (NtHash::of_password(&Secret::new(b"nobody's password")), false),
    }
}

const WELCOME: &str = "welcome";
const REFUSED: &str = "name or password refused";

/// ERROR_AUTHENTICATION_FAILURE (RFC 2759 section 6).
const AUTHENTICATION_FAILURE: u32 = 691;
