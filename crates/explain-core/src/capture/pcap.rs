//! pcap, the older format (draft-ietf-opsawg-pcap): one header, then packets of one link type.
//!
//! Both byte orders, in microseconds and in nanoseconds. Must never trust a length.

use super::{BLOCK_BYTES_MAX, Item, Order, Packet, Step};

/// What the header of a file said.
#[derive(Debug)]
pub(super) struct File {
    order: Order,
    /// Nanoseconds of one unit of the fraction.
    unit_ns: u64,
    link: u16,
}

/// Whether a file with these first bytes is of this format.
pub(super) fn is_magic(bytes: [u8; 4]) -> bool {
    read_magic(bytes).is_some()
}

impl File {
    /// Reads the header; None while it is not whole.
    pub(super) fn open(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let (order, unit_ns) = read_magic(*bytes.first_chunk::<4>()?)?;
        // The upper bits tell of frame check sequences; the type has the lower 16.
        let [a, b, c, d] = *header.last_chunk::<4>()?;
        let link = match order {
            Order::Little => u16::from_le_bytes([a, b]),
            Order::Big => u16::from_be_bytes([c, d]),
        };
        Some(Self { order, unit_ns, link })
    }

    pub(super) fn step<'a>(&self, bytes: &'a [u8]) -> Result<Step<'a>, &'static str> {
        let Some(head) = bytes.get(..RECORD_BYTES) else { return Ok(Step::More(RECORD_BYTES)) };
        let fields = (
            self.order.u32(head, 0),
            self.order.u32(head, 4),
            self.order.size(head, 8),
            self.order.u32(head, 12),
        );
        let (Some(seconds), Some(fraction), Some(length), Some(wire_bytes)) = fields else {
            return Ok(Step::More(RECORD_BYTES));
        };
        if length > BLOCK_BYTES_MAX {
            return Err("a packet is longer than any packet");
        }
        let whole = RECORD_BYTES + length;
        let Some(packet) = bytes.get(RECORD_BYTES..whole) else { return Ok(Step::More(whole)) };
        let unix_ns = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.unit_ns;
        let packet = Packet { unix_ns, link: self.link, bytes: packet, wire_bytes };
        Ok(Step::Took(whole, Some(Item::Packet(packet))))
    }
}

fn read_magic(bytes: [u8; 4]) -> Option<(Order, u64)> {
    match bytes {
        [0xd4, 0xc3, 0xb2, 0xa1] => Some((Order::Little, 1_000)),
        [0xa1, 0xb2, 0xc3, 0xd4] => Some((Order::Big, 1_000)),
        [0x4d, 0x3c, 0xb2, 0xa1] => Some((Order::Little, 1)),
        [0xa1, 0xb2, 0x3c, 0x4d] => Some((Order::Big, 1)),
        _ => None,
    }
}

/// Header of a file.
pub(super) const HEADER_BYTES: usize = 24;
/// Header of a packet: seconds, fraction, captured length, length on the wire.
const RECORD_BYTES: usize = 16;
