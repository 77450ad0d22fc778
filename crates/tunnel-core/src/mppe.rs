//! Microsoft Point-to-Point Encryption: the cipher of PPTP (RFC 3078), its keys (RFC 3079).
//!
//! RC4 without integrity: whoever can send packets can flip bits, and the keys come from the
//! password. It must never be called secure. Packets are changed in place; a packet that cannot be
//! opened is [`Opened`] with its reason, and never moves the keys.

pub use keys::{Keys, Side};
pub use receiver::{Dropped, Opened, Receiver};
pub use sender::Sender;

mod keys;
mod plausible;
mod rc4;
mod receiver;
mod sender;

/// How many bits of a session key are secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strength {
    /// 40 bits: broken in minutes.
    Bits40,
    /// 56 bits.
    Bits56,
    /// 128 bits.
    Bits128,
}

/// How keys follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A new key for every packet: a lost packet costs nothing.
    Stateless,
    /// A new key for every 256 packets: a lost packet costs a round trip (Reset-Request).
    Stateful,
}

/// The four octets of CCP option 18 (RFC 3078 section 2.1) as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Bits(pub u32);

impl Bits {
    /// Stateless mode (`H`).
    pub const STATELESS: Self = Self(0x0100_0000);
    /// 56 bits (`M`).
    pub const BITS_56: Self = Self(0x80);
    /// 128 bits (`S`).
    pub const BITS_128: Self = Self(0x40);
    /// 40 bits (`L`).
    pub const BITS_40: Self = Self(0x20);
    /// Obsolete (`D`): never asked for, ignored.
    pub const OBSOLETE: Self = Self(0x10);
    /// Compression (`C`, MPPC): never agreed to.
    pub const COMPRESSION: Self = Self(0x01);

    /// The bits that ask for exactly this.
    #[must_use]
    pub const fn new(strength: Strength, mode: Mode) -> Self {
        let mode = match mode {
            Mode::Stateless => Self::STATELESS,
            Mode::Stateful => Self(0),
        };
        mode.with(strength.bits())
    }

    /// These and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The mode they name.
    #[must_use]
    pub const fn mode(self) -> Mode {
        if self.has(Self::STATELESS) { Mode::Stateless } else { Mode::Stateful }
    }

    /// The strength they name, if they name exactly one and nothing that is unknown, obsolete or
    /// compression: what a Configure-Ack must look like.
    #[must_use]
    pub fn exact(self) -> Option<(Strength, Mode)> {
        Strength::ALL
            .into_iter()
            .find(|strength| Self::new(*strength, self.mode()) == self)
            .map(|strength| (strength, self.mode()))
    }

    /// The strengths they name, strongest first.
    pub fn strengths(self) -> impl Iterator<Item = Strength> {
        Strength::ALL.into_iter().filter(move |strength| self.has(strength.bits()))
    }
}

impl Strength {
    /// Every strength, strongest first.
    pub const ALL: [Self; 3] = [Self::Bits128, Self::Bits56, Self::Bits40];

    /// Octets of a session key: 16, or 8 of which 1 or 3 are constant.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Bits128 => 16,
            Self::Bits56 | Self::Bits40 => 8,
        }
    }

    /// Its bit of the CCP option.
    #[must_use]
    pub const fn bits(self) -> Bits {
        match self {
            Self::Bits128 => Bits::BITS_128,
            Self::Bits56 => Bits::BITS_56,
            Self::Bits40 => Bits::BITS_40,
        }
    }
}

/// The CCP option's type (RFC 3078 section 2).
pub const OPTION: u8 = 18;

/// Octets of MPPE's header: four bits and a count of twelve.
pub const HEADER_OCTETS: usize = 2;

/// The PPP protocol number of encrypted packets.
pub const PROTOCOL: u16 = 0x00FD;

/// The header's first bit: the cipher was started afresh for this packet.
const FLUSHED: u16 = 0x8000;

/// The header's third bit: compressed, which is never agreed to.
const COMPRESSED: u16 = 0x2000;

/// The header's fourth bit: encrypted.
const ENCRYPTED: u16 = 0x1000;

/// The part of the header that counts packets.
const COUNT: u16 = 0x0FFF;

/// A count whose low octet is this changes the key in stateful mode (RFC 3078 section 8.2).
const FLAG: u16 = 0x00FF;

#[cfg(test)]
mod tests;
