//! The head of a frame: address and control, protocol number (RFC 1661 sections 2, 6.5, 6.6).
//!
//! Read, every form is taken at any time: peers keep octets that were agreed away. Written, the
//! form is what was agreed. It must never read past the frame; a head that is none gives nothing.

/// The number that says what a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Protocol(pub u16);

impl Protocol {
    /// An IPv4 packet.
    pub const IPV4: Self = Self(0x0021);
    /// An IPv6 packet.
    pub const IPV6: Self = Self(0x0057);
    /// A compressed or encrypted packet: MPPE.
    pub const COMPRESSED: Self = Self(0x00FD);
    /// The control protocol of IPv4.
    pub const IPCP: Self = Self(0x8021);
    /// The control protocol of IPv6.
    pub const IPV6CP: Self = Self(0x8057);
    /// The control protocol of compression and MPPE.
    pub const CCP: Self = Self(0x80FD);
    /// The link's control protocol.
    pub const LCP: Self = Self(0xC021);
    /// Authentication by password.
    pub const PAP: Self = Self(0xC023);
    /// Authentication by challenge.
    pub const CHAP: Self = Self(0xC223);

    /// Whether it is one that MPPE encrypts (RFC 3078 section 3).
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        self.0 >= 0x0021 && self.0 <= 0x00FA
    }

    /// Its name, or "protocol" for one that has none here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IPV4 => "IPv4",
            Self::IPV6 => "IPv6",
            Self::COMPRESSED => "MPPE",
            Self::IPCP => "IPCP",
            Self::IPV6CP => "IPV6CP",
            Self::CCP => "CCP",
            Self::LCP => "LCP",
            Self::PAP => "PAP",
            Self::CHAP => "CHAP",
            _ => "protocol",
        }
    }
}

/// The protocol of a frame and where its information begins. Both forms of both fields are taken.
/// `None`: too short, or a protocol number that cannot be (its last octet must be odd, its first
/// even).
#[must_use]
pub fn head(frame: &[u8]) -> Option<(Protocol, usize)> {
    let skipped = if frame.starts_with(&ADDRESS_CONTROL) { 2 } else { 0 };
    let (protocol, len) = protocol(frame.get(skipped..)?)?;
    Some((protocol, skipped + len))
}

/// A protocol number at the beginning of these octets, and its length: one octet or two.
#[must_use]
pub fn protocol(octets: &[u8]) -> Option<(Protocol, usize)> {
    match *octets {
        [low, ..] if low & 1 == 1 => Some((Protocol(u16::from(low)), 1)),
        [high, low, ..] if low & 1 == 1 => Some((Protocol(u16::from_be_bytes([high, low])), 2)),
        _ => None,
    }
}

/// The form in which heads are written: what the peer asked for in LCP and we agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    /// Address and control.
    pub address: Address,
    /// The protocol number.
    pub number: Number,
}

/// Whether address and control are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Address {
    /// FF 03, as before LCP is open.
    #[default]
    Written,
    /// Left out (ACFC), but for LCP.
    Omitted,
}

/// How protocol numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Number {
    /// Two octets.
    #[default]
    Full,
    /// One octet where one is enough (PFC).
    Short,
}

impl Framing {
    /// The head of a frame, in the last octets of four, and how many they are. LCP's is always
    /// written in full, so that a peer that has forgotten everything still understands it.
    #[must_use]
    pub const fn write(self, protocol: Protocol) -> ([u8; HEAD_OCTETS_MAX], usize) {
        let [high, low] = protocol.0.to_be_bytes();
        let is_lcp = protocol.0 == Protocol::LCP.0;
        let short = matches!(self.number, Number::Short) && high == 0;
        let bare = matches!(self.address, Address::Omitted) && !is_lcp;
        match (bare, short) {
            (false, false) => ([0xFF, 0x03, high, low], 4),
            (false, true) => ([0, 0xFF, 0x03, low], 3),
            (true, false) => ([0, 0, high, low], 2),
            (true, true) => ([0, 0, 0, low], 1),
        }
    }
}

/// The longest head, in octets.
pub const HEAD_OCTETS_MAX: usize = 4;

/// All stations, unnumbered information.
const ADDRESS_CONTROL: [u8; 2] = [0xFF, 0x03];

#[cfg(test)]
mod tests;
