//! The fifteen messages of a control connection (RFC 2637 §2), read and written.
//!
//! Lengths are those of the RFC; a message that is longer is read and its rest ignored, one that is
//! shorter is [`Malformed`]. Reserved fields are written as 0 and not judged. What stands in text
//! fields is foreign. [`stream::Decoder`] takes messages out of a TCP stream.

use alloc::vec::Vec;
use core::fmt;

use super::CallId;
pub use codes::{
    CallResult, Cause, ErrorCode, IncomingResult, NoticeResult, PlainResult, StartResult,
    StopReason,
};
pub use messages::{
    Framing, IncomingConnected, IncomingReply, IncomingRequest, LinkErrors, OutgoingReply,
    OutgoingRequest, Start, StartReply, Statistics,
};
pub use text::Text;

mod codes;
mod messages;
pub mod stream;
mod text;
mod wire;

/// A message of a control connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// 1, SCCRQ: asks for a control connection.
    StartRequest(Start),
    /// 2, SCCRP: answers that.
    StartReply(StartReply),
    /// 3, `StopCCRQ`: ends the control connection.
    StopRequest(StopReason),
    /// 4, `StopCCRP`: answers that.
    StopReply(PlainResult, ErrorCode),
    /// 5: asks whether the peer is there; with a number that comes back.
    EchoRequest(u32),
    /// 6: answers that.
    EchoReply(u32, PlainResult, ErrorCode),
    /// 7, OCRQ: asks for a call.
    OutgoingRequest(OutgoingRequest),
    /// 8, OCRP: answers that.
    OutgoingReply(OutgoingReply),
    /// 9, ICRQ: somebody rings at an access concentrator.
    IncomingRequest(IncomingRequest),
    /// 10, ICRP: answers that.
    IncomingReply(IncomingReply),
    /// 11, ICCN: the ringing call is up.
    IncomingConnected(IncomingConnected),
    /// 12: the client ends the call to which it gave this number.
    CallClear(CallId),
    /// 13, CDN: the server has ended the call to which it gave this number.
    CallDisconnect {
        /// The sender's number of the call.
        call: CallId,
        /// Why.
        result: NoticeResult,
        /// More on [`NoticeResult::GENERAL_ERROR`].
        error: ErrorCode,
        /// Cause code of the line, mostly 0.
        cause: Cause,
        /// Text on the call. Foreign.
        statistics: Statistics,
    },
    /// 14: errors on the line behind the peer.
    WanErrors {
        /// The receiver's number of the call.
        peer: CallId,
        /// How many of each.
        errors: LinkErrors,
    },
    /// 15: which characters to escape on a serial line. Means nothing over GRE.
    SetLinkInfo {
        /// The receiver's number of the call.
        peer: CallId,
        /// ACCM for what is sent.
        send: u32,
        /// ACCM for what is received.
        receive: u32,
    },
}

/// What is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The magic cookie is another number: not PPTP, or out of step.
    Cookie(u32),
    /// Its length field is shorter than a header or longer than [`MESSAGE_BYTES_MAX`].
    Length(u16),
    /// A message of this control type is longer than this length.
    Short {
        /// Control message type.
        kind: u16,
        /// Length it has.
        length: u16,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cookie(cookie) => write!(f, "magic cookie {cookie:#010x} is not that of PPTP"),
            Self::Length(length) => write!(f, "a message of {length} octets cannot be"),
            Self::Short { kind, length } => {
                write!(f, "a message of type {kind} with {length} octets is too short")
            }
        }
    }
}

impl core::error::Error for Malformed {}

/// A whole message was read.
#[expect(clippy::large_enum_variant, reason = "one at a time, and dealt with at once")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// One of the fifteen.
    Message(Message),
    /// One of another type, to be ignored.
    Unknown {
        /// PPTP message type: 1 control, 2 management.
        family: u16,
        /// Control message type.
        kind: u16,
    },
}

impl Message {
    /// Control message type, 1 to 15.
    #[must_use]
    pub const fn kind(&self) -> u16 {
        match self {
            Self::StartRequest(_) => 1,
            Self::StartReply(_) => 2,
            Self::StopRequest(_) => 3,
            Self::StopReply(..) => 4,
            Self::EchoRequest(_) => 5,
            Self::EchoReply(..) => 6,
            Self::OutgoingRequest(_) => 7,
            Self::OutgoingReply(_) => 8,
            Self::IncomingRequest(_) => 9,
            Self::IncomingReply(_) => 10,
            Self::IncomingConnected(_) => 11,
            Self::CallClear(_) => 12,
            Self::CallDisconnect { .. } => 13,
            Self::WanErrors { .. } => 14,
            Self::SetLinkInfo { .. } => 15,
        }
    }

    /// The RFC's name of it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StartRequest(_) => "Start-Control-Connection-Request",
            Self::StartReply(_) => "Start-Control-Connection-Reply",
            Self::StopRequest(_) => "Stop-Control-Connection-Request",
            Self::StopReply(..) => "Stop-Control-Connection-Reply",
            Self::EchoRequest(_) => "Echo-Request",
            Self::EchoReply(..) => "Echo-Reply",
            Self::OutgoingRequest(_) => "Outgoing-Call-Request",
            Self::OutgoingReply(_) => "Outgoing-Call-Reply",
            Self::IncomingRequest(_) => "Incoming-Call-Request",
            Self::IncomingReply(_) => "Incoming-Call-Reply",
            Self::IncomingConnected(_) => "Incoming-Call-Connected",
            Self::CallClear(_) => "Call-Clear-Request",
            Self::CallDisconnect { .. } => "Call-Disconnect-Notify",
            Self::WanErrors { .. } => "WAN-Error-Notify",
            Self::SetLinkInfo { .. } => "Set-Link-Info",
        }
    }

    /// Writes it behind what `out` holds.
    pub fn encode(&self, out: &mut Vec<u8>) {
        wire::encode(self, out);
    }
}

/// Reads the message that `octets` are, all of it.
///
/// # Errors
/// When they are none. A message of an unknown type is none of these errors.
pub fn decode(octets: &[u8]) -> Result<Decoded, Malformed> {
    wire::decode(octets)
}

/// What stands in front of every message of PPTP.
pub const COOKIE: u32 = 0x1a2b_3c4d;
/// The version of RFC 2637: 1.0.
pub const VERSION: u16 = 0x0100;
/// Octets of a message's header.
pub const HEADER_BYTES: usize = 12;
/// Octets of the longest message that is taken; the RFC's longest has 220.
pub const MESSAGE_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests;
