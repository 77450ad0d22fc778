//! What is in the messages, in the order of the wire (RFC 2637 §2).

use super::super::CallId;
use super::codes::{CallResult, Cause, ErrorCode, IncomingResult, StartResult};
use super::text::Text;

/// Text on a call (§2.13). Foreign.
pub type Statistics = Text<128>;

/// What one end says of itself (§2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Major version in the upper octet: [`super::VERSION`].
    pub version: u16,
    /// Framing capabilities: 1 asynchronous, 2 synchronous.
    pub framing: u32,
    /// Bearer capabilities: 1 analog, 2 digital.
    pub bearer: u32,
    /// Most sessions an access concentrator has; 0 from a client.
    pub channels_max: u16,
    /// Firmware revision, or version of the program.
    pub firmware: u16,
    /// Name of the host. Foreign.
    pub host: Text<64>,
    /// Name of the vendor. Foreign.
    pub vendor: Text<64>,
}

/// Answer to a [`Start`] (§2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartReply {
    /// What the answering end says of itself.
    pub start: Start,
    /// Whether it takes the connection.
    pub result: StartResult,
    /// More on a general error.
    pub error: ErrorCode,
}

/// Framing or bearer, a set of bits where an end asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing(pub u32);

impl Framing {
    /// Either of both kinds; what all programs of today ask for.
    pub const EITHER: Self = Self(3);
}

/// Asks for a call (§2.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// The sender's number: what comes to it bears this one.
    pub call: CallId,
    /// Serial number, for logs.
    pub serial: u16,
    /// Least line speed, in bits per second.
    pub bps_min: u32,
    /// Most line speed, in bits per second.
    pub bps_max: u32,
    /// Bearer: 1 analog, 2 digital, 3 either.
    pub bearer: u32,
    /// Framing: 1 asynchronous, 2 synchronous, 3 either.
    pub framing: Framing,
    /// Packets the sender will hold unacknowledged.
    pub window: u16,
    /// Delay of the sender, in tenths of a second.
    pub delay: u16,
    /// Length said for the phone number, in octets.
    pub phone_bytes: u16,
    /// Phone number. Foreign.
    pub phone: Text<64>,
    /// Subaddress. Foreign.
    pub subaddress: Text<64>,
}

/// Answer to an [`OutgoingRequest`] (§2.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingReply {
    /// The sender's number.
    pub call: CallId,
    /// The number that was asked with.
    pub peer: CallId,
    /// Whether the call is up.
    pub result: CallResult,
    /// More on a general error.
    pub error: ErrorCode,
    /// Cause of the line.
    pub cause: Cause,
    /// Line speed, in bits per second.
    pub speed: u32,
    /// Packets the sender will hold unacknowledged.
    pub window: u16,
    /// Delay of the sender, in tenths of a second.
    pub delay: u16,
    /// Which line of the access concentrator.
    pub channel: u32,
}

/// Somebody rings (§2.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingRequest {
    /// The sender's number.
    pub call: CallId,
    /// Serial number, for logs.
    pub serial: u16,
    /// Bearer of the line.
    pub bearer: u32,
    /// Which line.
    pub channel: u32,
    /// Length said for the dialed number, in octets.
    pub dialed_bytes: u16,
    /// Length said for the dialing number, in octets.
    pub dialing_bytes: u16,
    /// Dialed number. Foreign.
    pub dialed: Text<64>,
    /// Dialing number. Foreign.
    pub dialing: Text<64>,
    /// Subaddress. Foreign.
    pub subaddress: Text<64>,
}

/// Answer to an [`IncomingRequest`] (§2.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingReply {
    /// The sender's number.
    pub call: CallId,
    /// The number that was asked with.
    pub peer: CallId,
    /// Whether the call is taken.
    pub result: IncomingResult,
    /// More on a general error.
    pub error: ErrorCode,
    /// Packets the sender will hold unacknowledged.
    pub window: u16,
    /// Delay of the sender, in tenths of a second.
    pub delay: u16,
}

/// The ringing call is up (§2.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingConnected {
    /// The receiver's number.
    pub peer: CallId,
    /// Line speed, in bits per second.
    pub speed: u32,
    /// Packets the sender will hold unacknowledged.
    pub window: u16,
    /// Delay of the sender, in tenths of a second.
    pub delay: u16,
    /// Framing of the line.
    pub framing: Framing,
}

/// Errors on a line (§2.14), since the call began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkErrors {
    /// Frames with a wrong checksum.
    pub crc: u32,
    /// Frames that were no frames.
    pub framing: u32,
    /// Overruns of the hardware.
    pub hardware_overruns: u32,
    /// Overruns of a buffer.
    pub buffer_overruns: u32,
    /// Time-outs.
    pub time_outs: u32,
    /// Frames that did not end at an octet.
    pub alignment: u32,
}
