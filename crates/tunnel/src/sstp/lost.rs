//! How an SSTP call ended, in words.
//!
//! It must never say more than is known: the peer's status codes are the peer's word.

use std::fmt;
use std::io;

use menshen_tunnel_core::sstp::{Attribute, End, Invalid, Mismatch, Status};

/// Why an SSTP call ended.
#[derive(Debug)]
pub enum Lost {
    /// By SSTP's own rules, at either end.
    Call(End),
    /// The peer closed the connection without a word.
    CutOff,
    /// The connection broke.
    Connection(io::Error),
}

impl Lost {
    /// A stable name of the cause, kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Call(End::Closed) => "sstp-closed",
            Self::Call(End::PeerDisconnected(_)) => "sstp-peer-disconnected",
            Self::Call(End::PeerAborted(Some(why))) if is_binding(*why) => "sstp-binding-refused",
            Self::Call(End::PeerAborted(_)) => "sstp-peer-aborted",
            Self::Call(End::Refused(_)) => "sstp-call-refused",
            Self::Call(End::NegotiationTimeout) => "sstp-negotiation-timeout",
            Self::Call(End::Silent) => "sstp-peer-silent",
            Self::Call(End::Invalid(_)) => "sstp-message-invalid",
            Self::Call(End::Broken) => "sstp-stream-broken",
            Self::Call(End::Binding(Mismatch::Hash)) => "sstp-binding-hash",
            Self::Call(End::Binding(Mismatch::Nonce)) => "sstp-binding-nonce",
            Self::Call(End::Binding(Mismatch::Certificate)) => "sstp-binding-certificate",
            Self::Call(End::Binding(Mismatch::Mac)) => "sstp-binding-mac",
            Self::Call(End::LowerDown) | Self::CutOff => "sstp-connection-closed",
            Self::Connection(_) => "sstp-connection-broken",
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(end) => call(*end, f),
            Self::CutOff => f.write_str("the peer closed the connection without a word"),
            // The source follows it.
            Self::Connection(_) => f.write_str("the connection broke"),
        }
    }
}

impl std::error::Error for Lost {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::Call(_) | Self::CutOff => None,
        }
    }
}

fn call(end: End, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match end {
        End::Closed => f.write_str("the call was closed by us"),
        End::PeerDisconnected(why) => {
            f.write_str("the peer ended the call in good order")?;
            status(why, f)
        }
        End::PeerAborted(Some(why)) if is_binding(why) => {
            f.write_str("the peer refused the crypto binding")?;
            status(Some(why), f)
        }
        End::PeerAborted(why) => {
            f.write_str("the peer aborted the call")?;
            status(why, f)
        }
        End::Refused(why) => {
            f.write_str("the call was refused")?;
            status(Some(why), f)
        }
        End::NegotiationTimeout => f.write_str("the call did not come about in time"),
        End::Silent => f.write_str("the peer is silent: nothing came, not even an echo"),
        End::Invalid(why) => {
            f.write_str("the peer sent a message that does not fit")?;
            status(Some(why), f)
        }
        End::Broken => f.write_str("the stream is no SSTP"),
        End::Binding(mismatch) => {
            write!(f, "the crypto binding does not hold: {}", mismatch.meaning())
        }
        End::LowerDown => f.write_str("the connection was closed"),
    }
}

/// The status that was given, where it says something.
fn status(why: Option<Invalid>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match why {
        Some(Invalid { status, attribute }) if status != Status::NO_ERROR => {
            write!(f, ": {} (status {}, attribute {})", status.meaning(), status.0, attribute.0)
        }
        _ => Ok(()),
    }
}

const fn is_binding(why: Invalid) -> bool {
    why.attribute.0 == Attribute::CRYPTO_BINDING.0
}
