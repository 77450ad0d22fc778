//! One direction of a call's GRE: numbers, times, and the PPP in it.

use alloc::string::String;

use menshen_tunnel_core::pptp::gre::Packet;

use crate::tunnel::Side;
use crate::tunnel::calls::{Event, Layer, Way};

use super::ppp;

/// Counts one packet; what is worth an event is given.
///
/// Frames of data are not looked into beyond their protocol: they are most of a capture.
pub(super) fn take(way: &mut Way, packet: &Packet, octets: &[u8], seen: &Seen) -> Option<Event> {
    way.packets += 1;
    way.first_us.get_or_insert(seen.at_us);
    way.last_us = Some(seen.at_us);
    way.ttl = Some(way.ttl.map_or(seen.ttl, |ttl| ttl.min(seen.ttl)));
    way.longest = way.longest.max(seen.ip_octets);
    if let Some(number) = packet.acknowledgement {
        let news = way.acknowledges.is_none_or(|before| ahead(before, number) > 0);
        way.acknowledges = if news { Some(number) } else { way.acknowledges };
    }
    let sequence = packet.sequence?;
    way.frames += 1;
    way.octets += u64::try_from(packet.payload.len()).unwrap_or(0);
    let repeated = number(way, sequence);
    let there = packet.payload.start..packet.payload.end.min(octets.len());
    let frame = octets.get(there)?;
    if repeated {
        return None;
    }
    let what = ppp::take(&mut way.ppp, frame, seen.at_us)?;
    Some(Event { at_us: seen.at_us, from: seen.from, layer: Layer::Ppp, what })
}

/// When and how a packet was seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) at_us: u64,
    pub(super) from: Side,
    pub(super) ttl: u8,
    /// Length with its IP header.
    pub(super) ip_octets: u32,
}

/// Whether the number was there just before.
fn number(way: &mut Way, sequence: u32) -> bool {
    let Some(last) = way.last_sequence else {
        way.first_sequence = Some(sequence);
        way.last_sequence = Some(sequence);
        return false;
    };
    match ahead(last, sequence) {
        0 => {
            way.repeated += 1;
            return true;
        }
        // A number far ahead or far behind: the peer began anew, or it is another call.
        1..=JUMP_MAX => {
            way.missing += u64::from(sequence.wrapping_sub(last)) - 1;
            way.last_sequence = Some(sequence);
        }
        behind if (-JUMP_MAX..0).contains(&behind) => {
            way.late += 1;
            way.missing = way.missing.saturating_sub(1);
        }
        _ => way.last_sequence = Some(sequence),
    }
    false
}

/// How far a number is after another one; they wrap around.
fn ahead(before: u32, number: u32) -> i32 {
    number.wrapping_sub(before).cast_signed()
}

/// A name for a direction without a word for its side.
pub(super) fn shown(octets: &[u8]) -> String {
    use alloc::string::ToString;
    octets.get(..octets.len().min(TEXT_MAX)).unwrap_or_default().escape_ascii().to_string()
}

const JUMP_MAX: i32 = 1 << 16;
/// Octets of a peer's text that are kept.
const TEXT_MAX: usize = 160;
