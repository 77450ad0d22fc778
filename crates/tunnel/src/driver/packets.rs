//! Packets through a session, in batches: frames of the carrier to the device, packets of the
//! device to the carrier. A packet is never copied here, and none is kept from its device when the
//! batch is over.

use menshen_tunnel_core::ppp::clamp::clamp_mss;
use menshen_tunnel_core::ppp::{Input, Ip};
use menshen_tunnel_core::time::Moment;

use super::{BATCH, Driver, PACKET_OCTETS_MAX, ROOM, Users};
use crate::carrier::{Carrier, Sent};
use crate::device::Device;

impl<C: Carrier, D: Device, U: Users> Driver<C, D, U> {
    /// Takes the frames that are there, a batch at most, and no further than one that may have
    /// changed the session.
    pub(super) fn frames_in(&mut self, now: Moment) {
        let Self { session, carrier, device, current, .. } = self;
        let mtu = current.opened.as_ref().map(|opened| opened.mtu);
        let counters = &mut current.counters;
        for _ in 0..BATCH {
            let Some(frame) = carrier.receive(now) else { break };
            match session.input(now, frame) {
                Input::Network { range, .. } => {
                    let Some(packet) = frame.get_mut(range) else { continue };
                    if mtu.is_some_and(|mtu| clamp_mss(packet, mtu)) {
                        counters.clamped += 1;
                    }
                    match device.write(packet) {
                        Ok(true) => {
                            counters.received_packets += 1;
                            counters.received_octets += octets(packet);
                        }
                        Ok(false) => counters.device_full += 1,
                        Err(error) => return self.device_failed(now, error),
                    }
                }
                Input::Handled => break,
                Input::Dropped(_) => counters.frames_dropped += 1,
            }
        }
        match device.flush() {
            Ok(lost) => counters.device_full += lost,
            Err(error) => return self.device_failed(now, error),
        }
        self.changed(now);
    }

    /// What the carrier took and could not send was not sent.
    pub(super) fn note_refused(&mut self, now: Moment) {
        let refused = self.carrier.refused();
        if refused.frames > 0 {
            let heads = refused.frames * u64::try_from(self.head_octets).unwrap_or(0);
            let octets = refused.octets.saturating_sub(heads);
            let counters = &mut self.current.counters;
            counters.sent_packets = counters.sent_packets.saturating_sub(refused.frames);
            counters.sent_octets = counters.sent_octets.saturating_sub(octets);
            counters.carrier_full += refused.frames;
            self.changed(now);
        }
    }

    /// Sends the packets that are there, a batch at most, while there is room for them.
    pub(super) fn packets_out(&mut self, now: Moment) {
        let Self { session, carrier, device, current, packet: buffer, head_octets, .. } = self;
        let Some(mtu) = current.opened.as_ref().map(|opened| opened.mtu) else { return };
        let counters = &mut current.counters;
        for _ in 0..BATCH {
            if !carrier.has_room() {
                break;
            }
            let Some(place) = buffer.get_mut(ROOM..ROOM + PACKET_OCTETS_MAX) else { break };
            let length = match device.read(place) {
                Ok(Some(length)) => length,
                Ok(None) => break,
                Err(error) => return self.device_failed(now, error),
            };
            let Some(packet) = place.get_mut(..length) else { break };
            let ip = match packet.first().map(|octet| octet >> 4) {
                Some(4) => Ip::V4,
                Some(6) => Ip::V6,
                _ => {
                    counters.unsendable += 1;
                    continue;
                }
            };
            if clamp_mss(packet, mtu) {
                counters.clamped += 1;
            }
            let Some(frame) = session.output(ip, buffer, ROOM..ROOM + length) else {
                counters.unsendable += 1;
                continue;
            };
            *head_octets = frame.len().saturating_sub(length);
            match carrier.send(now, buffer, frame) {
                Sent::Taken => {
                    counters.sent_packets += 1;
                    counters.sent_octets += u64::try_from(length).unwrap_or(u64::MAX);
                }
                Sent::Dropped => counters.carrier_full += 1,
            }
        }
        self.changed(now);
    }
}

fn octets(packet: &[u8]) -> u64 {
    u64::try_from(packet.len()).unwrap_or(u64::MAX)
}
