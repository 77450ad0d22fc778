//! GRE that no control connection told of: given to the call between its addresses, or made calls
//! of its own.

use alloc::vec::Vec;

use super::{Flow, Orphan};
use crate::tunnel::Side;
use crate::tunnel::calls::{Call, Event, STRAYS_MAX, Stray, Way};

/// Finds a place for every orphan.
pub(super) fn pair(calls: &mut Vec<Call>, orphans: Vec<Orphan>) {
    let mut rest: Vec<Orphan> = Vec::new();
    for orphan in orphans {
        // Taken over by a call that was told of right after.
        if orphan.way.packets == 0 {
            continue;
        }
        let fits = |call: &Call| side_of(call, &orphan.flow).is_some();
        let first = orphan.way.first_us.unwrap_or(0);
        let began = |call: &Call| fits(call) && call.began_us <= first;
        let place = calls.iter().rposition(began).or_else(|| calls.iter().position(fits));
        match place.and_then(|place| calls.get_mut(place)) {
            Some(call) => adopt(call, orphan),
            None => rest.push(orphan),
        }
    }
    while let Some(orphan) = take_first(&mut rest) {
        let Flow { source, destination, .. } = orphan.flow;
        let back =
            |other: &&Orphan| (other.flow.source, other.flow.destination) == (destination, source);
        let answer = rest.iter().filter(back).min_by_key(|other| other.way.first_us);
        let answer = answer.map(|answer| answer.flow);
        let answer = answer.and_then(|flow| {
            let place = rest.iter().position(|other| other.flow == flow)?;
            Some(rest.swap_remove(place))
        });
        calls.push(call(orphan, answer));
    }
}

fn take_first(orphans: &mut Vec<Orphan>) -> Option<Orphan> {
    let first = orphans.iter().enumerate().min_by_key(|(_, orphan)| orphan.way.first_us);
    let place = first.map(|(place, _)| place)?;
    Some(orphans.swap_remove(place))
}

/// Who of a call sends this flow, if it is between its ends.
fn side_of(call: &Call, flow: &Flow) -> Option<Side> {
    if (flow.source, flow.destination) == (call.client, call.server) {
        Some(Side::Client)
    } else if (flow.source, flow.destination) == (call.server, call.client) {
        Some(Side::Server)
    } else {
        None
    }
}

/// GRE between the ends of a call. Where the capture has not the call's numbers it is the call's
/// own; else it is a stray.
fn adopt(call: &mut Call, orphan: Orphan) {
    let Some(from) = side_of(call, &orphan.flow) else { return };
    let unknown = call.client_id.is_none() && call.server_id.is_none();
    let began_late = call
        .control
        .as_ref()
        .is_some_and(|control| control.foreign.is_none() && (!control.whole || control.hole));
    if unknown && began_late && call.sent_by(from).packets == 0 {
        give(call, from, orphan);
        return;
    }
    if call.strays.len() < STRAYS_MAX {
        let Way { packets, frames, .. } = orphan.way;
        call.strays.push(Stray { from, key: orphan.flow.key, packets, frames });
    }
}

fn give(call: &mut Call, from: Side, orphan: Orphan) {
    *call.sent_by_mut(from) = orphan.way;
    for event in orphan.events {
        call.note(Event { from, ..event });
    }
}

/// A call of two flows, or of one that nobody answers.
fn call(first: Orphan, answer: Option<Orphan>) -> Call {
    let Flow { source, destination, .. } = first.flow;
    let server_said = |way: &Way| {
        let ppp = &way.ppp;
        ppp.asks_auth.is_some() || ppp.accepted_auth || ppp.denied.is_some()
    };
    let other = answer.as_ref().map(|answer| &answer.way);
    let first_is_server = (server_said(&first.way)
        || other.is_some_and(|way| way.ppp.asks_address))
        && !first.way.ppp.asks_address;
    let first_side = if first_is_server { Side::Server } else { Side::Client };
    let (client, server) = match first_side {
        Side::Client => (source, destination),
        Side::Server => (destination, source),
    };
    let mut call = Call::new(client, server, first.way.first_us.unwrap_or(0));
    call.sides_inferred = true;
    let to_first = answer.as_ref().map(|answer| answer.flow.key);
    let to_other = Some(first.flow.key);
    (call.client_id, call.server_id) = match first_side {
        Side::Client => (to_first, to_other),
        Side::Server => (to_other, to_first),
    };
    give(&mut call, first_side, first);
    if let Some(answer) = answer {
        give(&mut call, first_side.other(), answer);
    }
    call
}
