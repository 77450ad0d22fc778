//! SSTP's control messages ([MS-SSTP] sections 2.2.2 to 2.2.17).
//!
//! Reserved fields are ignored when read and zero when written. A message that does not fit is
//! [`Invalid`] with the status the peer is told; it must never be half understood.

use alloc::vec::Vec;

use super::super::binding::{Binding, Hashes};
use super::super::status::{Attribute, Invalid, Status};
use super::{CONTROL, HEADER_OCTETS, VERSION};

/// A control message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The client asks for a call that carries this protocol (1: PPP).
    ConnectRequest {
        /// The protocol.
        protocol: u16,
    },
    /// The server agrees and asks for a crypto binding.
    ConnectAck {
        /// The hashes it takes.
        hashes: Hashes,
        /// What the binding must hold.
        nonce: [u8; 32],
    },
    /// The server refuses; the first reason it gives.
    ConnectNak(Invalid),
    /// The client proves that TLS and authentication have the same ends.
    Connected(Binding),
    /// The call ends at once, for a reason if one is given.
    Abort(Option<Invalid>),
    /// The call ends in good order.
    Disconnect(Option<Invalid>),
    /// It does.
    DisconnectAck,
    /// Are you there?
    EchoRequest,
    /// I am.
    EchoResponse,
}

impl Message {
    /// Reads a whole control packet, header included.
    ///
    /// # Errors
    /// What the peer is to be told.
    pub fn parse(packet: &[u8]) -> Result<Self, Invalid> {
        let invalid = Invalid::message(Status::INVALID_FRAME);
        let body = packet.get(HEADER_OCTETS..).ok_or(invalid)?;
        let ([kind, kind_low, many, many_low], rest) =
            body.split_first_chunk::<4>().ok_or(invalid)?;
        let kind = u16::from_be_bytes([*kind, *kind_low]);
        let count = u16::from_be_bytes([*many, *many_low]);
        let attributes = Attributes::parse(count, rest)?;
        match kind {
            CONNECT_REQUEST => {
                let value = attributes.only(Attribute::ENCAPSULATED_PROTOCOL)?;
                let value = sized::<2>(value, Attribute::ENCAPSULATED_PROTOCOL)?;
                Ok(Self::ConnectRequest { protocol: u16::from_be_bytes(value) })
            }
            CONNECT_ACK => {
                let value = attributes.only(Attribute::CRYPTO_BINDING_REQUEST)?;
                let value = sized::<36>(value, Attribute::CRYPTO_BINDING_REQUEST)?;
                let [_, _, _, hashes, nonce @ ..] = value;
                Ok(Self::ConnectAck { hashes: Hashes(hashes), nonce })
            }
            CONNECTED => {
                let value = attributes.only(Attribute::CRYPTO_BINDING)?;
                let value = sized::<100>(value, Attribute::CRYPTO_BINDING)?;
                Ok(Self::Connected(Binding::parse(&value)))
            }
            CONNECT_NAK => {
                let missing = Invalid {
                    status: Status::REQUIRED_ATTRIBUTE_MISSING,
                    attribute: Attribute::STATUS_INFO,
                };
                attributes.status()?.map(Self::ConnectNak).ok_or(missing)
            }
            ABORT => Ok(Self::Abort(attributes.status()?)),
            DISCONNECT => Ok(Self::Disconnect(attributes.status()?)),
            DISCONNECT_ACK => Ok(Self::DisconnectAck),
            ECHO_REQUEST => Ok(Self::EchoRequest),
            ECHO_RESPONSE => Ok(Self::EchoResponse),
            _ => Err(Invalid::message(Status::UNACCEPTED_FRAME)),
        }
    }

    /// Appends the whole control packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::ConnectRequest { protocol } => {
                let value = protocol.to_be_bytes();
                one(CONNECT_REQUEST, Attribute::ENCAPSULATED_PROTOCOL, &value, out);
            }
            Self::ConnectAck { hashes, nonce } => {
                let mut value = [0; 36];
                let fields = [0, 0, 0, hashes.0].into_iter().chain(*nonce);
                value.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
                one(CONNECT_ACK, Attribute::CRYPTO_BINDING_REQUEST, &value, out);
            }
            Self::Connected(binding) => {
                one(CONNECTED, Attribute::CRYPTO_BINDING, &binding.value(), out);
            }
            Self::ConnectNak(why) => status(CONNECT_NAK, Some(why), out),
            Self::Abort(why) => status(ABORT, why.as_ref(), out),
            Self::Disconnect(why) => status(DISCONNECT, why.as_ref(), out),
            Self::DisconnectAck => head(DISCONNECT_ACK, 0, 0, out),
            Self::EchoRequest => head(ECHO_REQUEST, 0, 0, out),
            Self::EchoResponse => head(ECHO_RESPONSE, 0, 0, out),
        }
    }
}

/// The attributes of a message, each at most once; several status infos count as their first.
struct Attributes<'a> {
    values: [Option<&'a [u8]>; KNOWN],
}

impl<'a> Attributes<'a> {
    fn parse(count: u16, mut rest: &'a [u8]) -> Result<Self, Invalid> {
        let mut values = [None; KNOWN];
        for _ in 0..count {
            let invalid = Invalid::message(Status::INVALID_FRAME);
            let [_, id, high, low] = *rest.first_chunk::<4>().ok_or(invalid)?;
            let attribute = Attribute(id);
            let length = usize::from(u16::from_be_bytes([high, low]) & 0x0FFF);
            let wrong = Invalid { status: Status::INVALID_ATTRIBUTE_LENGTH, attribute };
            let value = rest.get(4..length).ok_or(wrong)?;
            rest = rest.get(length..).unwrap_or_default();
            let place = values.get_mut(usize::from(id)).filter(|_| attribute != Attribute::NONE);
            let unknown = Invalid { status: Status::UNRECOGNISED_ATTRIBUTE, attribute };
            let place = place.ok_or(unknown)?;
            if place.is_none() {
                *place = Some(value);
            } else if attribute != Attribute::STATUS_INFO {
                return Err(Invalid { status: Status::DUPLICATE_ATTRIBUTE, attribute });
            }
        }
        // Octets behind the last attribute mean that one of us counts wrongly.
        if rest.is_empty() {
            Ok(Self { values })
        } else {
            Err(Invalid::message(Status::INVALID_FRAME))
        }
    }

    /// The value of this attribute, which must be the only one.
    fn only(&self, attribute: Attribute) -> Result<&'a [u8], Invalid> {
        let known = (0u8..).map(Attribute).zip(self.values);
        if let Some((other, _)) = known.into_iter().find(|(a, v)| v.is_some() && *a != attribute) {
            let status = if other == Attribute::STATUS_INFO {
                Status::STATUS_NOT_SUPPORTED
            } else {
                Status::ATTRIBUTE_NOT_SUPPORTED
            };
            return Err(Invalid { status, attribute: other });
        }
        let missing = Invalid { status: Status::REQUIRED_ATTRIBUTE_MISSING, attribute };
        self.values.get(usize::from(attribute.0)).copied().flatten().ok_or(missing)
    }

    /// The status info, if there is one.
    fn status(&self) -> Result<Option<Invalid>, Invalid> {
        let attribute = Attribute::STATUS_INFO;
        let Some(value) = self.values.get(usize::from(attribute.0)).copied().flatten() else {
            return Ok(None);
        };
        // The value that was not liked may follow; its octets are not looked at.
        let wrong = Invalid { status: Status::INVALID_ATTRIBUTE_LENGTH, attribute };
        let [_, _, _, about, a, b, c, d] = *value.first_chunk::<8>().ok_or(wrong)?;
        let status = Status(u32::from_be_bytes([a, b, c, d]));
        Ok(Some(Invalid { status, attribute: Attribute(about) }))
    }
}

fn sized<const N: usize>(value: &[u8], attribute: Attribute) -> Result<[u8; N], Invalid> {
    let wrong = Invalid { status: Status::INVALID_ATTRIBUTE_LENGTH, attribute };
    value.try_into().map_err(|_| wrong)
}

/// A message with one attribute. Values are at most 100 octets.
fn one(kind: u16, attribute: Attribute, value: &[u8], out: &mut Vec<u8>) {
    let length = u8::try_from(value.len() + 4).unwrap_or(u8::MAX);
    head(kind, 1, length, out);
    out.extend([0, attribute.0, 0, length]);
    out.extend(value);
}

fn status(kind: u16, why: Option<&Invalid>, out: &mut Vec<u8>) {
    let Some(Invalid { status, attribute }) = why else { return head(kind, 0, 0, out) };
    let mut value = [0, 0, 0, attribute.0, 0, 0, 0, 0];
    value[4..].copy_from_slice(&status.0.to_be_bytes());
    one(kind, Attribute::STATUS_INFO, &value, out);
}

/// The header of a message with this many attributes of altogether `octets`.
fn head(kind: u16, attributes: u8, octets: u8, out: &mut Vec<u8>) {
    let [length, length_low] = (8 + u16::from(octets)).to_be_bytes();
    let [kind, kind_low] = kind.to_be_bytes();
    out.extend([VERSION, CONTROL, length, length_low, kind, kind_low, 0, attributes]);
}

/// Attribute numbers are below this.
const KNOWN: usize = 5;

const CONNECT_REQUEST: u16 = 1;
const CONNECT_ACK: u16 = 2;
const CONNECT_NAK: u16 = 3;
const CONNECTED: u16 = 4;
const ABORT: u16 = 5;
const DISCONNECT: u16 = 6;
const DISCONNECT_ACK: u16 = 7;
const ECHO_REQUEST: u16 = 8;
const ECHO_RESPONSE: u16 = 9;
