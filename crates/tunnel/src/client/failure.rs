//! Why a tunnel is not there, and what follows from that: an exit code, and whether to dial again.
//!
//! No text of a peer is made harmless here: whoever prints one escapes it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use menshen_tunnel_core::ppp::{Cause, Heard, Meaning};
use menshen_tunnel_core::pptp::call::{CallEnd, End as ControlEnd};
use menshen_tunnel_core::sstp::End as SstpEnd;

use super::Bearer;
use crate::driver::Status;
use crate::pptp::{self, DialError};
use crate::sstp::{self, ConnectError};

/// Why there is no tunnel.
#[derive(Debug)]
pub enum Failure {
    /// The interface could not be made.
    Interface(io::Error),
    /// Something of this host's did not work.
    Local {
        /// What was tried.
        step: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The server's name has no address.
    Name(io::Error),
    /// The server's name has no IPv4 address, which PPTP needs.
    NoIpv4,
    /// PPTP did not come to a call.
    Pptp(SocketAddr, DialError),
    /// SSTP did not come to a call.
    Sstp(Option<SocketAddr>, ConnectError),
    /// There was a call, and PPP over it ended.
    Ended(Box<Ended>),
    /// Neither came up.
    Both {
        /// Why not by PPTP.
        pptp: Box<Self>,
        /// Why not by SSTP.
        sstp: Box<Self>,
    },
}

/// A call that ended.
#[derive(Debug)]
pub struct Ended {
    /// What bore it.
    pub bearer: Bearer,
    /// Where the server is.
    pub server: SocketAddr,
    /// Why PPP ended.
    pub cause: Cause,
    /// Why the carrier ended, if it was the first to.
    pub lost: Option<Lost>,
    /// What the interface failed with, if that was the reason.
    pub device_error: Option<io::Error>,
    /// What came of the peer before LCP was open.
    pub heard: Heard,
    /// LCP did not open in time; we ended it.
    pub silent: bool,
    /// For how long packets passed, if they did.
    pub open_for: Option<Duration>,
    /// The last status.
    pub status: Status,
    /// What is known of a PPTP call.
    pub facts: Option<pptp::Facts>,
}

/// Why a carrier ended.
#[derive(Debug)]
pub enum Lost {
    /// PPTP's.
    Pptp(pptp::Lost),
    /// SSTP's.
    Sstp(sstp::Lost),
}

/// What kind of failure: an exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The server ended the session in good order.
    EndedByServer,
    /// Name or password refused, or no proof that both take.
    Authentication,
    /// GRE does not pass.
    Gre,
    /// Encryption that is required cannot be had.
    Encryption,
    /// The certificate is not trusted, or somebody stands between.
    Certificate,
    /// The server does not take the call.
    CallRefused,
    /// No name, no way, no answer.
    Unreachable,
    /// What answers is no such server.
    NoServer,
    /// A right or a device is missing on this host.
    Local,
    /// Both ends do not come to terms about PPP.
    Terms,
    /// The session was lost.
    Lost,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::EndedByServer,
        Self::Authentication,
        Self::Gre,
        Self::Encryption,
        Self::Certificate,
        Self::CallRefused,
        Self::Unreachable,
        Self::NoServer,
        Self::Local,
        Self::Terms,
        Self::Lost,
    ];

    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::EndedByServer => 1,
            Self::Authentication => 10,
            Self::Gre => 11,
            Self::Encryption => 12,
            Self::Certificate => 13,
            Self::CallRefused => 14,
            Self::Unreachable => 15,
            Self::NoServer => 16,
            Self::Local => 17,
            Self::Terms => 100,
            Self::Lost => 111,
        }
    }

    /// Whether dialling again is of no use. `was_open`: this tunnel has been up before, so that
    /// what answers wrongly now may be a server on its way up.
    #[must_use]
    pub const fn is_final(self, was_open: WasOpen) -> bool {
        match self {
            Self::Authentication | Self::Certificate | Self::Local => true,
            Self::Encryption | Self::NoServer | Self::Terms => matches!(was_open, WasOpen::No),
            _ => false,
        }
    }
}

/// Whether a tunnel has been up since it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasOpen {
    /// It has.
    Yes,
    /// It never came up.
    No,
}

impl Failure {
    /// What kind it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Interface(_) | Self::Local { .. } => Class::Local,
            Self::Name(_) | Self::NoIpv4 => Class::Unreachable,
            Self::Pptp(_, error) => of_dial(error),
            Self::Sstp(_, error) => of_connect(error),
            Self::Ended(ended) => ended.class(),
            Self::Both { pptp, sstp } => match sstp.class() {
                // There is no SSTP: what counts is why PPTP does not work.
                Class::Unreachable | Class::NoServer => pptp.class(),
                class => class,
            },
        }
    }

    /// For how long packets passed.
    #[must_use]
    pub fn open_for(&self) -> Option<Duration> {
        match self {
            Self::Ended(ended) => ended.open_for,
            _ => None,
        }
    }
}

fn of_dial(error: &DialError) -> Class {
    match error {
        DialError::LocalRight(_) => Class::Local,
        DialError::PeerClosed(_)
        | DialError::PeerSilent
        | DialError::PeerUnreachable(_)
        | DialError::LocalForbidden(_)
        | DialError::Control(ControlEnd::Timeout { .. }) => Class::Unreachable,
        DialError::Control(ControlEnd::Refused { .. }) => Class::CallRefused,
        DialError::Control(ControlEnd::Malformed { spoke: false, .. } | ControlEnd::Version(_)) => {
            Class::NoServer
        }
        DialError::Call(end) if matches!(**end, CallEnd::Refused { .. }) => Class::CallRefused,
        DialError::Local { .. } | DialError::Control(_) | DialError::Call(_) => Class::Lost,
    }
}

fn of_connect(error: &ConnectError) -> Class {
    match error {
        ConnectError::NotAHost => Class::NoServer,
        ConnectError::Name(_)
        | ConnectError::Tcp { .. }
        | ConnectError::TcpTimeout(_)
        | ConnectError::TlsTimeout => Class::Unreachable,
        ConnectError::Trust(_) | ConnectError::Certificate(_) => Class::Certificate,
        ConnectError::Random(_) => Class::Local,
        ConnectError::Broken(_) => Class::Lost,
        // It knows what is asked for and cannot now.
        ConnectError::NotSstp { code: 500.., .. } => Class::CallRefused,
        ConnectError::Tls(_)
        | ConnectError::NotSstp { .. }
        | ConnectError::NotHttp(_)
        | ConnectError::ClosedInstead
        | ConnectError::Unanswered => Class::NoServer,
    }
}

impl Ended {
    /// What kind of end it is.
    #[must_use]
    pub fn class(&self) -> Class {
        if self.device_error.is_some() {
            return Class::Lost;
        }
        if self.silent {
            return self.without_lcp();
        }
        match &self.cause {
            Cause::Closed => Class::Lost,
            Cause::CarrierLost => self.of_carrier(),
            Cause::PeerTerminated { meaning, .. } => self.of_meaning(*meaning),
            Cause::Refused(_) | Cause::NoCommonMethod { .. } | Cause::PeerRefused { .. } => {
                Class::Authentication
            }
            Cause::LcpTimeout(Heard::Nothing | Heard::RequestsOnly) => self.without_lcp(),
            Cause::MppeMissing(_) | Cause::KeysDiffer => Class::Encryption,
            Cause::EchoTimeout { .. } | Cause::AuthTimeout(_) => Class::Lost,
            Cause::LcpTimeout(Heard::Answers)
            | Cause::Loopback
            | Cause::NoAddress
            | Cause::NoNetwork
            | Cause::NeverConverged(_)
            | Cause::Restless(_)
            | Cause::NotUnderstood(_)
            | Cause::SetupTimeout(_) => Class::Terms,
        }
    }

    const fn without_lcp(&self) -> Class {
        match self.bearer {
            Bearer::Pptp => Class::Gre,
            Bearer::Sstp => Class::Terms,
        }
    }

    fn of_carrier(&self) -> Class {
        match &self.lost {
            Some(Lost::Sstp(lost)) => match lost {
                sstp::Lost::Call(SstpEnd::Binding(_)) => Class::Certificate,
                lost if lost.code() == "sstp-binding-refused" => Class::Certificate,
                sstp::Lost::Call(SstpEnd::Refused(_)) => Class::CallRefused,
                sstp::Lost::Call(SstpEnd::PeerDisconnected(_)) => Class::EndedByServer,
                _ => Class::Lost,
            },
            // The server hung up before a word of PPP had come: it did not hear ours either.
            Some(Lost::Pptp(_)) if self.open_for.is_none() && self.heard == Heard::Nothing => {
                Class::Gre
            }
            Some(Lost::Pptp(pptp::Lost::Call(CallEnd::Disconnected { .. })))
                if self.open_for.is_some() =>
            {
                Class::EndedByServer
            }
            _ => Class::Lost,
        }
    }

    const fn of_meaning(&self, meaning: Meaning) -> Class {
        match meaning {
            Meaning::AuthenticationFailed
            | Meaning::NoCommonMethod
            | Meaning::Windows(646..=649 | 691) => Class::Authentication,
            Meaning::MppeNoKeys
            | Meaning::MppeRefused
            | Meaning::MppeNoCommonStrength
            | Meaning::Windows(741..=743) => Class::Encryption,
            Meaning::Asked => Class::EndedByServer,
            Meaning::Unknown | Meaning::Windows(_) => match self.open_for {
                Some(_) => Class::EndedByServer,
                None => Class::Terms,
            },
        }
    }
}

#[cfg(test)]
mod tests;
