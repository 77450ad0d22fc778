//! What the messages of a control connection tell of its calls.

use alloc::format;
use alloc::string::{String, ToString};

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::control::{Message, OutgoingReply, Start};

use super::Finder;
use super::connections::CALLS_MAX;
use crate::tunnel::Side;
use crate::tunnel::calls::{Call, Control, Ended, Event, Layer, Peer};

pub(super) fn take(finder: &mut Finder, place: usize, from: Side, at_us: u64, message: &Message) {
    match (from, message) {
        (Side::Client, Message::OutgoingRequest(request)) => {
            asked(finder, place, at_us, request.call);
        }
        (Side::Server, Message::OutgoingReply(reply)) => answered(finder, place, at_us, reply),
        _ => {}
    }
    let concerned = concerned(finder, place, from, message);
    for index in concerned {
        let Some(call) = finder.calls.get_mut(index) else { continue };
        if let Some(control) = call.control.as_mut() {
            note(control, from, at_us, message);
        }
        if let Some(what) = words(message) {
            call.note(Event { at_us, from, layer: Layer::Control, what });
        }
    }
}

/// Places of the calls a message is about: one, or all of the connection.
fn concerned(
    finder: &Finder,
    place: usize,
    from: Side,
    message: &Message,
) -> alloc::vec::Vec<usize> {
    let Some(connection) = finder.connections.get(place) else { return alloc::vec::Vec::new() };
    let find = |which: &dyn Fn(&Call) -> bool| {
        let last = connection.calls.iter().rev();
        let mut found = last.filter(|index| finder.calls.get(**index).is_some_and(which));
        found.next().copied().into_iter().collect()
    };
    match message {
        Message::OutgoingRequest(request) => find(&|call| call.client_id == Some(request.call.0)),
        Message::OutgoingReply(reply) => find(&|call| call.client_id == Some(reply.peer.0)),
        Message::CallClear(id) | Message::CallDisconnect { call: id, .. } => {
            find(&|call| of_sender(call, from) == Some(id.0))
        }
        Message::SetLinkInfo { peer, .. } | Message::WanErrors { peer, .. } => {
            find(&|call| of_sender(call, from.other()) == Some(peer.0))
        }
        _ => connection.calls.clone(),
    }
}

const fn of_sender(call: &Call, from: Side) -> Option<u16> {
    match from {
        Side::Client => call.client_id,
        Side::Server => call.server_id,
    }
}

fn asked(finder: &mut Finder, place: usize, at_us: u64, id: CallId) {
    let Some(call) = free(finder, place, at_us) else { return };
    let Some(call) = finder.calls.get_mut(call) else { return };
    call.client_id = Some(id.0);
    if let Some(control) = call.control.as_mut() {
        control.asked_us = Some(at_us);
    }
}

fn answered(finder: &mut Finder, place: usize, at_us: u64, reply: &OutgoingReply) {
    let waits = |call: &Call| {
        call.client_id == Some(reply.peer.0)
            && call.control.as_ref().is_some_and(|control| control.answered_us.is_none())
    };
    let Some(connection) = finder.connections.get(place) else { return };
    let mut last = connection.calls.iter().rev().copied();
    let waiting = last.find(|index| finder.calls.get(*index).is_some_and(waits));
    // The request was before the capture, or lost in it.
    let Some(index) = waiting.or_else(|| free(finder, place, at_us)) else { return };
    let Some(call) = finder.calls.get_mut(index) else { return };
    call.client_id = Some(reply.peer.0);
    let connected = reply.result.0 == 1;
    if connected {
        call.server_id = Some(reply.call.0);
    }
    if let Some(control) = call.control.as_mut() {
        control.answered_us = Some(at_us);
        control.call_result = Some((reply.result.0, reply.error.0, reply.cause.0));
    }
    if connected {
        finder.open(index, at_us);
    }
}

/// The attempt of a connection, as long as it asked for no call; then a new call.
fn free(finder: &mut Finder, place: usize, at_us: u64) -> Option<usize> {
    let connection = finder.connections.get(place)?;
    let first = *connection.calls.first()?;
    let attempt = finder.calls.get(first)?;
    if attempt.client_id.is_none() {
        return Some(first);
    }
    if finder.calls.len() >= CALLS_MAX {
        finder.counts.left_out += 1;
        return None;
    }
    let mut call = Call::new(connection.client, connection.server, at_us);
    call.control = attempt.control.clone().map(|control| Control {
        asked_us: None,
        answered_us: None,
        call_result: None,
        ended: None,
        ..control
    });
    let index = finder.calls.len();
    finder.calls.push(call);
    finder.connections.add_call(place, index);
    Some(index)
}

fn note(control: &mut Control, from: Side, at_us: u64, message: &Message) {
    let ended = |message: &Message, result: Option<String>| Ended {
        by: from,
        at_us,
        message: message.name(),
        result,
    };
    match message {
        Message::StartRequest(start) => {
            control.client = Some(peer(start));
        }
        Message::StartReply(reply) => {
            control.server = Some(peer(&reply.start));
            control.start_result = Some((reply.result.0, reply.error.0));
        }
        Message::CallClear(_) => drop(control.ended.get_or_insert_with(|| ended(message, None))),
        Message::CallDisconnect { result, .. } => {
            control.ended.get_or_insert_with(|| ended(message, Some(result.to_string())));
        }
        Message::StopRequest(reason) => {
            control.ended.get_or_insert_with(|| ended(message, Some(reason.to_string())));
        }
        _ => {}
    }
}

fn peer(start: &Start) -> Peer {
    Peer {
        version: start.version,
        host: start.host.to_string(),
        vendor: start.vendor.to_string(),
        framing: start.framing,
        firmware: start.firmware,
    }
}

/// The names that an end gives itself, if it does.
fn said_by(start: &Start) -> String {
    let (host, vendor) = (start.host.to_string(), start.vendor.to_string());
    match (host.is_empty(), vendor.is_empty()) {
        (false, false) => format!(" of {host} ({vendor})"),
        (false, true) => format!(" of {host}"),
        (true, false) => format!(" ({vendor})"),
        (true, true) => String::new(),
    }
}

/// Echo is left out: there is one a minute.
fn words(message: &Message) -> Option<String> {
    let name = message.name();
    Some(match message {
        Message::EchoRequest(_) | Message::EchoReply(..) => return None,
        Message::StartRequest(start) => format!("{name}{}", said_by(start)),
        Message::StartReply(reply) => {
            format!("{name}{}, result {}", said_by(&reply.start), reply.result)
        }
        Message::OutgoingRequest(request) => format!("{name}, call id {}", request.call),
        Message::OutgoingReply(reply) => {
            format!("{name}, call id {}, result {}", reply.call, reply.result)
        }
        Message::CallDisconnect { call, result, .. } => {
            format!("{name}, call id {call}, result {result}")
        }
        Message::CallClear(call) => format!("{name}, call id {call}"),
        Message::StopRequest(reason) => format!("{name}, reason {reason}"),
        Message::StopReply(result, _) => format!("{name}, result {result}"),
        _ => name.to_string(),
    })
}
