//! What a session tells its owner: who to look up, what was agreed, why it ended.
//!
//! Texts of the peer are kept as they came, bounded; whoever prints them escapes them.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::frame::Protocol;
use crate::auth::{Method, Refusal};
use crate::mppe::{Keys, Mode, Strength};

/// Something the owner must know or do.
#[derive(Debug)]
pub enum Event {
    /// LCP is open: frames pass both ways.
    Linked(Agreed),
    /// Server: look the user up and call [`super::Session::verified`]. Everything waits for that.
    Verify {
        /// The method of the proof.
        method: Method,
        /// The name as the peer sent it, unescaped, at most 256 octets.
        user: Vec<u8>,
        /// The name without a leading `DOMAIN\`.
        account: Vec<u8>,
    },
    /// The proof holds. A server without [`super::Settings::network`] now calls
    /// [`super::Session::assign`].
    Authenticated {
        /// The method.
        method: Method,
        /// The user's name as sent.
        user: Vec<u8>,
        /// The keys that MS-CHAPv2 gives, for the carrier's crypto binding.
        keys: Option<Keys>,
    },
    /// A network protocol opened or changed: packets pass. Comes again for the next one.
    Opened(Opened),
    /// Packets of no network protocol pass for now; a renegotiation runs.
    Suspended,
    /// The session is over; the last event. Frames still to be sent say so to the peer.
    Down(Cause),
}

/// What LCP agreed upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The longest packet the peer takes, in octets.
    pub peer_mru: u16,
    /// The method by which one of both proves itself.
    pub method: Option<Method>,
}

/// What is agreed while packets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// IPv4, if it is open.
    pub ipv4: Option<Ipv4Link>,
    /// IPv6, if it is open.
    pub ipv6: Option<Ipv6Link>,
    /// The longest packet that passes both ways, in octets: for the interface's MTU.
    pub mtu: u16,
    /// Encryption of what we send, if there is any.
    pub sends: Option<(Strength, Mode)>,
    /// Encryption of what we receive, if there is any.
    pub receives: Option<(Strength, Mode)>,
    /// The method by which one of both proved itself.
    pub method: Option<Method>,
}

/// Both ends' IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Link {
    /// Ours.
    pub local: Ipv4Addr,
    /// The peer's; 0.0.0.0 if it did not say.
    pub peer: Ipv4Addr,
    /// The name servers that the peer gave us.
    pub dns: [Option<Ipv4Addr>; 2],
}

/// Both ends' interface identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Link {
    /// Ours.
    pub local: [u8; 8],
    /// The peer's; zeros if it did not say.
    pub peer: [u8; 8],
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before [`super::Session::open`].
    Dead,
    /// LCP.
    Establish,
    /// One end proves who it is.
    Authenticate,
    /// Encryption and addresses.
    Network,
    /// Packets pass or have passed.
    Open,
    /// Closing or closed.
    Terminate,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The owner closed it.
    Closed,
    /// The carrier is gone.
    CarrierLost,
    /// The peer sent a Terminate-Request (pppd puts the reason into its text).
    PeerTerminated {
        /// What the text means, as far as it is known.
        meaning: Meaning,
        /// The text as it came, at most 256 octets.
        text: Vec<u8>,
        /// How far we were.
        phase: Phase,
    },
    /// Client: the server refused our name or password, or could not prove itself.
    Refused(Refusal),
    /// Server: the peer's proof does not hold.
    PeerRefused {
        /// The name it gave, at most 256 octets.
        user: Vec<u8>,
    },
    /// There is no method of authentication that both take.
    NoCommonMethod {
        /// What the peer asked for or offered last: the value of LCP option 3, at most 16 octets.
        theirs: Vec<u8>,
    },
    /// A proof was awaited in vain.
    AuthTimeout(Method),
    /// LCP did not open: no request of ours was answered.
    LcpTimeout(Heard),
    /// What we send comes back to us.
    Loopback,
    /// MPPE is required and cannot be had.
    MppeMissing(MppeMissing),
    /// The peer's packets cannot be decrypted: other keys.
    KeysDiffer,
    /// No address could be agreed upon, or the owner had none.
    NoAddress,
    /// Neither IPv4 nor IPv6 is wanted by the peer.
    NoNetwork,
    /// Echo-Requests were not answered.
    EchoTimeout {
        /// How many.
        unanswered: u32,
    },
    /// Options were refused to and fro without end.
    NeverConverged(Protocol),
    /// A protocol was renegotiated too often.
    Restless(Protocol),
    /// The peer does not know a code or protocol without which nothing works.
    NotUnderstood(Protocol),
    /// The set-up took too long.
    SetupTimeout(Phase),
}

/// What a Terminate-Request's data mean. The texts are those of pppd's sources (`auth.c`, `ccp.c`),
/// the numbers those that Windows sends after its marker 00 3C CD 74.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing was said, or nothing that is known.
    Unknown,
    /// "Authentication failed".
    AuthenticationFailed,
    /// "peer refused to authenticate": no common method.
    NoCommonMethod,
    /// "MPPE required but not available": there was no MS-CHAP, so there are no keys.
    MppeNoKeys,
    /// "MPPE required but peer refused".
    MppeRefused,
    /// "MPPE required but peer negotiation failed": no common strength or mode.
    MppeNoCommonStrength,
    /// "User request", or a server's idle or session limit.
    Asked,
    /// An error number of the Windows remote access service (691: wrong password, 732: nothing in
    /// common, 742: no common encryption).
    Windows(u32),
}

/// What was heard while LCP did not open; it tells which direction is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// No frame at all.
    Nothing,
    /// The peer's own requests, but no answer to ours: ours do not arrive.
    RequestsOnly,
    /// Answers too.
    Answers,
}

/// Why there is no MPPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MppeMissing {
    /// The authentication gave no keys (only MS-CHAPv2 does).
    NoKeys,
    /// The peer rejected the option or the whole protocol.
    PeerRefuses,
    /// No strength or mode that both take.
    NoCommonStrength,
    /// The peer did not answer.
    Silence,
    /// It was there and the peer closed it.
    PeerClosed,
}

impl Meaning {
    /// What the data of a Terminate-Request mean.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        let has = |words: &str| {
            text.windows(words.len()).any(|part| part.eq_ignore_ascii_case(words.as_bytes()))
        };
        let marked = text.windows(8).find_map(|part| match *part {
            [0x00, 0x3C, 0xCD, 0x74, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        });
        match marked {
            Some(0) => return Self::Asked,
            Some(number) => return Self::Windows(number),
            None => {}
        }
        let texts = [
            ("MPPE required but not available", Self::MppeNoKeys),
            ("MPPE required but peer refused", Self::MppeRefused),
            ("MPPE required but peer negotiation failed", Self::MppeNoCommonStrength),
            ("peer refused to authenticate", Self::NoCommonMethod),
            ("authentication failed", Self::AuthenticationFailed),
            ("user request", Self::Asked),
            ("idle timer", Self::Asked),
            ("connect time expired", Self::Asked),
        ];
        texts.iter().find(|(words, _)| has(words)).map_or(Self::Unknown, |(_, meaning)| *meaning)
    }
}
