//! Control connections: TCP of port 1723, put in order and read.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use menshen_tunnel_core::pptp::PORT;
use menshen_tunnel_core::pptp::control::stream::Decoder;
use menshen_tunnel_core::pptp::control::{Decoded, Message};

use super::way::shown;
use super::{Finder, Found};
use crate::capture::tcp::{Assembly, Segment};
use crate::tunnel::Side;
use crate::tunnel::calls::{Call, Closed, Control, Event, Layer};

/// All control connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    by_ends: BTreeMap<Ends, usize>,
    all: Vec<Connection>,
}

/// Client, its port, server.
type Ends = (IpAddr, u16, IpAddr);

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    /// Places of its calls; the first is there from the beginning, as an attempt.
    pub(super) calls: Vec<usize>,
    /// The SYN of the client, if it was seen.
    syn: Option<u32>,
    to_server: Box<Reading>,
    to_client: Box<Reading>,
}

/// One direction.
#[derive(Debug, Default)]
struct Reading {
    assembly: Assembly,
    decoder: Decoder,
    /// It is no PPTP, or not any more.
    ended: bool,
}

impl Connections {
    pub(super) fn get(&self, place: usize) -> Option<&Connection> {
        self.all.get(place)
    }

    pub(super) fn add_call(&mut self, place: usize, call: usize) {
        if let Some(connection) = self.all.get_mut(place) {
            connection.calls.push(call);
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, calls: &mut [Call]) {
        for connection in &mut self.all {
            connection.to_server.assembly.finish();
            connection.to_client.assembly.finish();
            let readings = [&connection.to_server, &connection.to_client];
            let hole = readings.iter().any(|reading| reading.assembly.oddities.hole);
            for call in &connection.calls {
                if let Some(control) = calls.get_mut(*call).and_then(|call| call.control.as_mut()) {
                    control.hole = hole;
                }
            }
        }
    }
}

impl Finder {
    /// A segment of port 1723.
    pub(super) fn control(&mut self, found: &Found<'_>, segment: &Segment<'_>) {
        let from = match segment.destination_port == PORT {
            true => Side::Client,
            false => Side::Server,
        };
        let Some(place) = self.connection(found, segment, from) else {
            self.counts.left_out += 1;
            return;
        };
        self.tcp_facts(place, found, segment, from);
        if segment.syn {
            return;
        }
        let Some(connection) = self.connections.all.get_mut(place) else { return };
        let reading = match from {
            Side::Client => &mut connection.to_server,
            Side::Server => &mut connection.to_client,
        };
        let mut decoded = Vec::new();
        let mut foreign = None;
        let Reading { assembly, decoder, ended } = &mut **reading;
        let begins = assembly.next();
        assembly.take(segment.sequence, segment.payload, |octets| {
            let mut rest = octets;
            while !*ended {
                match decoder.take(&mut rest) {
                    Ok(Some(Decoded::Message(message))) => decoded.push(message),
                    Ok(Some(Decoded::Unknown { .. })) => {}
                    Ok(None) => break,
                    Err(_) => {
                        *ended = true;
                        foreign = Some(shown(octets));
                    }
                }
            }
        });
        let at_us = found.at_us;
        for message in decoded {
            self.message(place, from, at_us, &message);
        }
        if let (Some(foreign), Some(_)) = (foreign, begins) {
            self.foreign(place, from, at_us, foreign);
        }
    }

    /// The connection of a segment; a new one if there is none, or its ports are used anew.
    fn connection(
        &mut self,
        found: &Found<'_>,
        segment: &Segment<'_>,
        from: Side,
    ) -> Option<usize> {
        let (source, destination) = (found.datagram.source, found.datagram.destination);
        let (client, port, server) = match from {
            Side::Client => (source, segment.source_port, destination),
            Side::Server => (destination, segment.destination_port, source),
        };
        let opens = segment.syn && !segment.ack;
        let known = self.connections.by_ends.get(&(client, port, server)).copied();
        if let Some(place) = known {
            let before = self.connections.all.get(place).and_then(|connection| connection.syn);
            let anew = opens && before != Some(segment.sequence);
            if !anew {
                return Some(place);
            }
        }
        if self.connections.all.len() >= CONNECTIONS_MAX || self.calls.len() >= CALLS_MAX {
            return None;
        }
        let mut call = Call::new(client, server, found.at_us);
        call.control = Some(Control { client_port: port, whole: opens, ..Control::default() });
        let place = self.connections.all.len();
        self.connections.all.push(Connection {
            client,
            server,
            calls: Vec::from([self.calls.len()]),
            syn: opens.then_some(segment.sequence),
            to_server: Box::default(),
            to_client: Box::default(),
        });
        self.calls.push(call);
        self.connections.by_ends.insert((client, port, server), place);
        Some(place)
    }

    /// What headers alone tell.
    fn tcp_facts(&mut self, place: usize, found: &Found<'_>, segment: &Segment<'_>, from: Side) {
        let Some(connection) = self.connections.all.get_mut(place) else { return };
        let at_us = found.at_us;
        let mut said: Option<&str> = None;
        if segment.syn {
            let reading = match from {
                Side::Client => &mut connection.to_server,
                Side::Server => &mut connection.to_client,
            };
            reading.assembly.begin(segment.sequence.wrapping_add(1));
            said = Some(if segment.ack { "SYN, ACK" } else { "SYN" });
        } else if segment.rst {
            said = Some("RST");
        } else if segment.fin {
            said = Some("FIN");
        }
        for call in &connection.calls {
            let Some(call) = self.calls.get_mut(*call) else { continue };
            let Some(control) = call.control.as_mut() else { continue };
            let ttl = match from {
                Side::Client => &mut control.client_ttl,
                Side::Server => &mut control.server_ttl,
            };
            *ttl = Some(ttl.map_or(found.ttl, |least| least.min(found.ttl)));
            match (from, segment.syn, segment.ack) {
                (Side::Client, true, false) => {
                    control.syns = control.syns.saturating_add(1);
                    control.syn_us.get_or_insert(at_us);
                }
                (Side::Server, true, true) => drop(control.syn_ack_us.get_or_insert(at_us)),
                (Side::Client, false, true) if control.syn_ack_us.is_some() => {
                    control.connected_us.get_or_insert(at_us);
                }
                _ => {}
            }
            if (segment.rst || segment.fin) && control.closed.is_none() {
                control.closed = Some(Closed { by: from, at_us, reset: segment.rst });
            }
            if let Some(said) = said {
                let what = said.to_string();
                call.note(Event { at_us, from, layer: Layer::Tcp, what });
            }
        }
    }

    /// Something on port 1723 that is not PPTP.
    fn foreign(&mut self, place: usize, from: Side, at_us: u64, octets: alloc::string::String) {
        let Some(connection) = self.connections.get(place) else { return };
        for call in connection.calls.clone() {
            let Some(call) = self.calls.get_mut(call) else { continue };
            let what = alloc::format!("not PPTP: {octets}");
            call.note(Event { at_us, from, layer: Layer::Control, what });
            if let Some(control) = call.control.as_mut()
                && control.whole
            {
                control.foreign.get_or_insert_with(|| (from, octets.clone()));
            }
        }
    }

    fn message(&mut self, place: usize, from: Side, at_us: u64, message: &Message) {
        super::messages::take(self, place, from, at_us, message);
    }
}

/// Control connections that are kept.
const CONNECTIONS_MAX: usize = 10_000;
/// Calls that are kept, attempts included.
pub(super) const CALLS_MAX: usize = 20_000;
