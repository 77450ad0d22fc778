//! pcapng (draft-ietf-opsawg-pcapng): sections of blocks, several interfaces, secrets.
//!
//! Read are section headers, interfaces, packets (enhanced, simple and the old form) and TLS key
//! logs; every other block is skipped without being held. Must never trust a length, nor an
//! interface number.

use alloc::vec::Vec;

use super::{BLOCK_BYTES_MAX, Item, Order, Packet, Step};

/// The state of a section.
#[derive(Debug, Default)]
pub(super) struct File {
    /// None before the first section header.
    order: Option<Order>,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: u16,
    /// Most bytes captured of a packet; 0: no limit.
    snap_bytes: u32,
    resolution: Resolution,
    /// Added to all times, in seconds.
    offset_seconds: i64,
}

/// A tick: this power of ten, or of two, of a second, negated.
#[derive(Debug, Clone, Copy)]
enum Resolution {
    Ten(u8),
    Two(u8),
}

impl File {
    pub(super) fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<Step<'a>, &'static str> {
        let Some(head) = bytes.first_chunk::<12>() else { return Ok(Step::More(12)) };
        let [a, b, c, d, .., m, n, o, p] = *head;
        let is_section = [a, b, c, d] == SECTION_HEADER;
        let order = match (is_section, [m, n, o, p]) {
            (true, [0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
            (true, [0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
            (true, _) => return Err("a section header without its mark"),
            (false, _) => self.order.ok_or("a block before the section header")?,
        };
        let (Some(kind), Some(length)) = (order.u32(head, 0), order.size(head, 4)) else {
            return Ok(Step::More(12));
        };
        if length < 12 || length % 4 != 0 {
            return Err("a block with a length that cannot be");
        }
        if !is_section && !matches!(kind, INTERFACE | OLD_PACKET | SIMPLE | ENHANCED | SECRETS) {
            return Ok(Step::Skip(u64::try_from(length).unwrap_or(u64::MAX)));
        }
        if length > BLOCK_BYTES_MAX {
            return Err("a block that is longer than any of its kind");
        }
        let Some(block) = bytes.get(..length) else { return Ok(Step::More(length)) };
        if order.size(block, length - 4) != Some(length) {
            return Err("a block whose two lengths differ");
        }
        let body = block.get(8..length - 4).unwrap_or_default();
        if is_section {
            self.order = Some(order);
            self.interfaces.clear();
            return Ok(Step::Took(length, None));
        }
        let item = self.block(order, kind, body)?;
        Ok(Step::Took(length, item))
    }

    fn block<'a>(
        &mut self,
        order: Order,
        kind: u32,
        body: &'a [u8],
    ) -> Result<Option<Item<'a>>, &'static str> {
        match kind {
            INTERFACE => {
                if self.interfaces.len() >= INTERFACES_MAX {
                    return Err("more interfaces than a section has");
                }
                let interface = Interface::read(order, body).ok_or("an interface cut short")?;
                self.interfaces.push(interface);
                Ok(None)
            }
            SECRETS => Ok(key_log(order, body)),
            SIMPLE => {
                let interface = self.interfaces.first().ok_or("a packet without interface")?;
                let wire_bytes = order.u32(body, 0).ok_or("a packet cut short")?;
                let kept = match interface.snap_bytes {
                    0 => wire_bytes,
                    snap_bytes => wire_bytes.min(snap_bytes),
                };
                let length = usize::try_from(kept).unwrap_or(usize::MAX);
                let rest = body.get(4..).unwrap_or_default();
                let bytes = rest.get(..length).unwrap_or(rest);
                let packet = Packet { unix_ns: 0, link: interface.link, bytes, wire_bytes };
                Ok(Some(Item::Packet(packet)))
            }
            _ => self.packet(order, kind, body).map(Some),
        }
    }

    fn packet<'a>(
        &self,
        order: Order,
        kind: u32,
        body: &'a [u8],
    ) -> Result<Item<'a>, &'static str> {
        const SHORT: &str = "a packet cut short";
        let number = match kind {
            // The old block has a 16-bit number and a count of drops in its place.
            OLD_PACKET => order.u16(body, 0).map(u32::from),
            _ => order.u32(body, 0),
        };
        let number = usize::try_from(number.ok_or(SHORT)?).unwrap_or(usize::MAX);
        let interface = self.interfaces.get(number).ok_or("a packet of an unknown interface")?;
        let high = order.u32(body, 4).ok_or(SHORT)?;
        let low = order.u32(body, 8).ok_or(SHORT)?;
        let length = order.size(body, 12).ok_or(SHORT)?;
        let wire_bytes = order.u32(body, 16).ok_or(SHORT)?;
        let bytes = body.get(20..).and_then(|rest| rest.get(..length)).ok_or(SHORT)?;
        let ticks = u64::from(high) << 32 | u64::from(low);
        let unix_ns = interface.unix_ns(ticks);
        Ok(Item::Packet(Packet { unix_ns, link: interface.link, bytes, wire_bytes }))
    }
}

impl Interface {
    fn read(order: Order, body: &[u8]) -> Option<Self> {
        let mut interface = Self {
            link: order.u16(body, 0)?,
            snap_bytes: order.u32(body, 4)?,
            resolution: Resolution::Ten(6),
            offset_seconds: 0,
        };
        let mut options = body.get(8..).unwrap_or_default();
        // Bounded by the block: each turn takes four bytes at least.
        while let (Some(code), Some(length)) = (order.u16(options, 0), order.u16(options, 2)) {
            let length = usize::from(length);
            let Some(value) = options.get(4..4 + length) else { break };
            match (code, value) {
                (0, _) => break,
                (OPTION_RESOLUTION, [power]) if power & 0x80 == 0 => {
                    interface.resolution = Resolution::Ten(*power);
                }
                (OPTION_RESOLUTION, [power]) => {
                    interface.resolution = Resolution::Two(power & 0x7f);
                }
                (OPTION_OFFSET, value) => {
                    if let Some(chunk) = value.first_chunk::<8>() {
                        interface.offset_seconds = match order {
                            Order::Little => i64::from_le_bytes(*chunk),
                            Order::Big => i64::from_be_bytes(*chunk),
                        };
                    }
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    /// Nanoseconds since 1970, held to what fits.
    fn unix_ns(&self, ticks: u64) -> u64 {
        let since = match self.resolution {
            Resolution::Ten(power @ 0..=9) => {
                ticks.saturating_mul(10_u64.pow(9 - u32::from(power)))
            }
            Resolution::Ten(power) => {
                10_u64.checked_pow(u32::from(power) - 9).map_or(0, |unit| ticks / unit)
            }
            Resolution::Two(power) => {
                let ns = (u128::from(ticks) * 1_000_000_000) >> power;
                u64::try_from(ns).unwrap_or(u64::MAX)
            }
        };
        let offset = self.offset_seconds.saturating_mul(1_000_000_000);
        since.saturating_add_signed(offset)
    }
}

/// The key log in a Decryption Secrets Block; None for secrets of other protocols.
fn key_log(order: Order, body: &[u8]) -> Option<Item<'_>> {
    let length = order.size(body, 4)?;
    (order.u32(body, 0)? == SECRETS_TLS)
        .then(|| body.get(8..)?.get(..length))
        .flatten()
        .map(Item::KeyLog)
}

/// Type of a section header; the same in both byte orders.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
const SECRETS: u32 = 10;
/// "TLSK".
const SECRETS_TLS: u32 = 0x544c_534b;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
/// Real captures have a few; `any` on a large router some hundred.
const INTERFACES_MAX: usize = 4096;
