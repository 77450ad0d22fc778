//! Authentication within PPP: PAP (RFC 1334), CHAP with MD5 (RFC 1994), MS-CHAP version 2
//! (RFC 2759). Packets and both roles; frames, timers and the users' file are the caller's.
//!
//! It must never write a password, a hash or a key into a message, an error or a `Debug` text, and
//! never compare a proof in a time that depends on its octets. A packet that does not fit is
//! ignored with a reason; a proof that fails is [`Refusal`].

pub use client::{Client, Step};
pub use secret::{NtHash, Secret};
pub use server::{Answer, Asked, Known, Server};

pub mod chap;
mod client;
pub mod mschap2;
mod packet;
pub mod pap;
pub(crate) mod secret;
mod server;
#[cfg(test)]
pub(crate) mod vectors;

/// How one end proves to the other who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// The password in clear (RFC 1334).
    Pap,
    /// CHAP with MD5 (RFC 1994).
    ChapMd5,
    /// MS-CHAP version 2 (RFC 2759), the only one that gives keys for MPPE.
    MsChapV2,
}

impl Method {
    /// The method that an LCP option 3 (authentication protocol) names by its value: the octets
    /// after type and length. `None`: none of ours (EAP, MS-CHAP version 1, ...).
    #[must_use]
    pub fn from_option(value: &[u8]) -> Option<Self> {
        [Self::MsChapV2, Self::ChapMd5, Self::Pap].into_iter().find(|m| m.option() == value)
    }

    /// The value of the LCP option 3 that asks for this method.
    #[must_use]
    pub const fn option(self) -> &'static [u8] {
        match self {
            Self::Pap => &[0xC0, 0x23],
            Self::ChapMd5 => &[0xC2, 0x23, 0x05],
            Self::MsChapV2 => &[0xC2, 0x23, 0x81],
        }
    }

    /// The PPP protocol number of its packets.
    #[must_use]
    pub const fn protocol(self) -> u16 {
        match self {
            Self::Pap => 0xC023,
            Self::ChapMd5 | Self::MsChapV2 => 0xC223,
        }
    }

    /// Its name as people know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pap => "PAP",
            Self::ChapMd5 => "CHAP-MD5",
            Self::MsChapV2 => "MS-CHAPv2",
        }
    }
}

/// Why the other end did not accept a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The number after `E=` of an MS-CHAPv2 failure, 691 for a wrong name or password.
    pub code: Option<u32>,
    /// The text the peer sent with it, as it came; whoever prints it escapes it.
    pub text: alloc::vec::Vec<u8>,
    /// What kind of refusal this is.
    pub kind: RefusalKind,
}

/// Who refused, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The server refused our name or password.
    ByServer,
    /// The server could not prove that it knows the password (the `S=` of MS-CHAPv2 is wrong).
    ServerUnproven,
}

/// Why a packet of an authentication protocol was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// Its length or one of its fields does not fit.
    Malformed,
    /// Its code is not one that this role expects now.
    Unexpected,
    /// Its identifier is not that of what we sent.
    OtherId,
    /// The challenge's or response's value has a length that the method does not have.
    ValueLength,
}

/// The longest user name taken or sent, in octets (RFC 2759 section 4 speaks of 256).
pub const USER_OCTETS_MAX: usize = 256;

/// The longest password taken or sent, in octets (a PAP field cannot hold more).
pub const PASSWORD_OCTETS_MAX: usize = 255;

/// The longest text of a success or failure kept, in octets.
pub const TEXT_OCTETS_MAX: usize = 512;

#[cfg(test)]
mod tests;
