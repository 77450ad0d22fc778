//! The octets of the messages, in network order (RFC 2637 §2).
//!
//! One function each way for every message; each field is read through [`Fields`], which ends
//! instead of failing.

use alloc::vec::Vec;

use super::super::CallId;
use super::codes::{
    CallResult, Cause, ErrorCode, IncomingResult, NoticeResult, PlainResult, StartResult,
    StopReason,
};
use super::messages::{
    Framing, IncomingConnected, IncomingReply, IncomingRequest, LinkErrors, OutgoingReply,
    OutgoingRequest, Start, StartReply,
};
use super::text::Text;
use super::{COOKIE, Decoded, HEADER_BYTES, MESSAGE_BYTES_MAX, Malformed, Message};

pub(super) fn decode(octets: &[u8]) -> Result<Decoded, Malformed> {
    let length = length(octets)?;
    let octets = octets.get(..length).unwrap_or(octets);
    let mut fields = Fields(octets);
    let short = Malformed::Length(u16::try_from(octets.len()).unwrap_or(u16::MAX));
    let head =
        (|| Some((fields.u16()?, fields.u16()?, fields.u32()?, fields.u16()?, fields.u16()?)))();
    let (said, family, _, kind, _) = head.ok_or(short)?;
    if family != CONTROL || !(1..=15).contains(&kind) {
        return Ok(Decoded::Unknown { family, kind });
    }
    let message = body(kind, &mut fields);
    message.map(Decoded::Message).ok_or(Malformed::Short { kind, length: said })
}

/// Length of the message that begins here, in octets; judged with its cookie as far as it is there.
pub(super) fn length(octets: &[u8]) -> Result<usize, Malformed> {
    if let Some(cookie) = octets.get(4..8).and_then(<[u8]>::first_chunk::<4>) {
        let cookie = u32::from_be_bytes(*cookie);
        if cookie != COOKIE {
            return Err(Malformed::Cookie(cookie));
        }
    }
    let said = octets.first_chunk::<2>().map_or(0, |said| u16::from_be_bytes(*said));
    let length = usize::from(said);
    if !(HEADER_BYTES..=MESSAGE_BYTES_MAX).contains(&length) {
        return Err(Malformed::Length(said));
    }
    Ok(length)
}

fn body(kind: u16, f: &mut Fields<'_>) -> Option<Message> {
    Some(match kind {
        1 => Message::StartRequest(start(f)?.0),
        2 => {
            let (start, [result, error]) = start(f)?;
            let (result, error) = (StartResult(result), ErrorCode(error));
            Message::StartReply(StartReply { start, result, error })
        }
        3 => Message::StopRequest(StopReason(f.take::<4>()?[0])),
        4 => {
            let [result, error, ..] = f.take::<4>()?;
            Message::StopReply(PlainResult(result), ErrorCode(error))
        }
        5 => Message::EchoRequest(f.u32()?),
        6 => {
            let number = f.u32()?;
            let [result, error, ..] = f.take::<4>()?;
            Message::EchoReply(number, PlainResult(result), ErrorCode(error))
        }
        7 => Message::OutgoingRequest(outgoing_request(f)?),
        8 => Message::OutgoingReply(outgoing_reply(f)?),
        9 => Message::IncomingRequest(incoming_request(f)?),
        10 => {
            let (call, peer) = (f.call()?, f.call()?);
            let [result, error] = f.take()?;
            let (result, error) = (IncomingResult(result), ErrorCode(error));
            let (window, delay, _) = (f.u16()?, f.u16()?, f.u16()?);
            Message::IncomingReply(IncomingReply { call, peer, result, error, window, delay })
        }
        11 => {
            let (peer, _) = (f.call()?, f.u16()?);
            let (speed, window, delay) = (f.u32()?, f.u16()?, f.u16()?);
            let framing = Framing(f.u32()?);
            Message::IncomingConnected(IncomingConnected { peer, speed, window, delay, framing })
        }
        12 => {
            let (call, _) = (f.call()?, f.u16()?);
            Message::CallClear(call)
        }
        13 => {
            let call = f.call()?;
            let [result, error] = f.take()?;
            let (result, error) = (NoticeResult(result), ErrorCode(error));
            let (cause, _) = (Cause(f.u16()?), f.u16()?);
            let statistics = Text::from(f.take()?);
            Message::CallDisconnect { call, result, error, cause, statistics }
        }
        14 => {
            let (peer, _) = (f.call()?, f.u16()?);
            Message::WanErrors { peer, errors: link_errors(f)? }
        }
        15 => {
            let (peer, _) = (f.call()?, f.u16()?);
            Message::SetLinkInfo { peer, send: f.u32()?, receive: f.u32()? }
        }
        _ => return None,
    })
}

/// With the two octets that are reserved in a request and result and error in a reply.
fn start(f: &mut Fields<'_>) -> Option<(Start, [u8; 2])> {
    let (version, between) = (f.u16()?, f.take()?);
    let start = Start {
        version,
        framing: f.u32()?,
        bearer: f.u32()?,
        channels_max: f.u16()?,
        firmware: f.u16()?,
        host: Text::from(f.take()?),
        vendor: Text::from(f.take()?),
    };
    Some((start, between))
}

fn outgoing_request(f: &mut Fields<'_>) -> Option<OutgoingRequest> {
    let mut request = OutgoingRequest {
        call: f.call()?,
        serial: f.u16()?,
        bps_min: f.u32()?,
        bps_max: f.u32()?,
        bearer: f.u32()?,
        framing: Framing(f.u32()?),
        window: f.u16()?,
        delay: f.u16()?,
        phone_bytes: f.u16()?,
        phone: Text::default(),
        subaddress: Text::default(),
    };
    f.u16()?;
    request.phone = Text::from(f.take()?);
    request.subaddress = Text::from(f.take()?);
    Some(request)
}

fn outgoing_reply(f: &mut Fields<'_>) -> Option<OutgoingReply> {
    let (call, peer) = (f.call()?, f.call()?);
    let [result, error] = f.take()?;
    Some(OutgoingReply {
        call,
        peer,
        result: CallResult(result),
        error: ErrorCode(error),
        cause: Cause(f.u16()?),
        speed: f.u32()?,
        window: f.u16()?,
        delay: f.u16()?,
        channel: f.u32()?,
    })
}

fn incoming_request(f: &mut Fields<'_>) -> Option<IncomingRequest> {
    Some(IncomingRequest {
        call: f.call()?,
        serial: f.u16()?,
        bearer: f.u32()?,
        channel: f.u32()?,
        dialed_bytes: f.u16()?,
        dialing_bytes: f.u16()?,
        dialed: Text::from(f.take()?),
        dialing: Text::from(f.take()?),
        subaddress: Text::from(f.take()?),
    })
}

fn link_errors(f: &mut Fields<'_>) -> Option<LinkErrors> {
    Some(LinkErrors {
        crc: f.u32()?,
        framing: f.u32()?,
        hardware_overruns: f.u32()?,
        buffer_overruns: f.u32()?,
        time_outs: f.u32()?,
        alignment: f.u32()?,
    })
}

pub(super) fn encode(message: &Message, out: &mut Vec<u8>) {
    let begin = out.len();
    let mut w = Writer(out);
    // The length is set when it is known.
    w.u16(0).u16(CONTROL).u32(COOKIE).u16(message.kind()).u16(0);
    write_body(message, &mut w);
    let length = u16::try_from(out.len() - begin).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(begin..begin + 2) {
        place.copy_from_slice(&length);
    }
}

fn write_body(message: &Message, w: &mut Writer<'_>) {
    match message {
        Message::StartRequest(start) => write_start(start, [0, 0], w),
        Message::StartReply(reply) => {
            write_start(&reply.start, [reply.result.0, reply.error.0], w);
        }
        Message::StopRequest(reason) => {
            w.octets(&[reason.0, 0, 0, 0]);
        }
        Message::StopReply(result, error) => {
            w.octets(&[result.0, error.0, 0, 0]);
        }
        Message::EchoRequest(number) => {
            w.u32(*number);
        }
        Message::EchoReply(number, result, error) => {
            w.u32(*number).octets(&[result.0, error.0, 0, 0]);
        }
        Message::OutgoingRequest(request) => write_outgoing_request(request, w),
        Message::OutgoingReply(reply) => {
            w.u16(reply.call.0).u16(reply.peer.0).octets(&[reply.result.0, reply.error.0]);
            w.u16(reply.cause.0).u32(reply.speed).u16(reply.window).u16(reply.delay);
            w.u32(reply.channel);
        }
        Message::IncomingRequest(request) => {
            w.u16(request.call.0).u16(request.serial).u32(request.bearer).u32(request.channel);
            w.u16(request.dialed_bytes).u16(request.dialing_bytes);
            w.octets(request.dialed.octets()).octets(request.dialing.octets());
            w.octets(request.subaddress.octets());
        }
        Message::IncomingReply(reply) => {
            w.u16(reply.call.0).u16(reply.peer.0).octets(&[reply.result.0, reply.error.0]);
            w.u16(reply.window).u16(reply.delay).u16(0);
        }
        Message::IncomingConnected(connected) => {
            w.u16(connected.peer.0).u16(0).u32(connected.speed).u16(connected.window);
            w.u16(connected.delay).u32(connected.framing.0);
        }
        Message::CallClear(call) => {
            w.u16(call.0).u16(0);
        }
        Message::CallDisconnect { call, result, error, cause, statistics } => {
            w.u16(call.0).octets(&[result.0, error.0]).u16(cause.0).u16(0);
            w.octets(statistics.octets());
        }
        Message::WanErrors { peer, errors } => {
            w.u16(peer.0).u16(0).u32(errors.crc).u32(errors.framing);
            w.u32(errors.hardware_overruns).u32(errors.buffer_overruns);
            w.u32(errors.time_outs).u32(errors.alignment);
        }
        Message::SetLinkInfo { peer, send, receive } => {
            w.u16(peer.0).u16(0).u32(*send).u32(*receive);
        }
    }
}

fn write_start(start: &Start, between: [u8; 2], w: &mut Writer<'_>) {
    w.u16(start.version).octets(&between).u32(start.framing).u32(start.bearer);
    w.u16(start.channels_max).u16(start.firmware);
    w.octets(start.host.octets()).octets(start.vendor.octets());
}

fn write_outgoing_request(request: &OutgoingRequest, w: &mut Writer<'_>) {
    w.u16(request.call.0).u16(request.serial).u32(request.bps_min).u32(request.bps_max);
    w.u32(request.bearer).u32(request.framing.0).u16(request.window).u16(request.delay);
    w.u16(request.phone_bytes).u16(0);
    w.octets(request.phone.octets()).octets(request.subaddress.octets());
}

/// Takes fields off the front, as long as there are any.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn call(&mut self) -> Option<CallId> {
        self.u16().map(CallId)
    }
}

/// Puts fields behind what is there.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.0.extend_from_slice(octets);
        self
    }

    fn u16(&mut self, number: u16) -> &mut Self {
        self.octets(&number.to_be_bytes())
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.octets(&number.to_be_bytes())
    }
}

/// PPTP message type of all messages there are.
const CONTROL: u16 = 1;
