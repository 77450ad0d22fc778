//! Where the packets of a session go: a TUN interface, or whatever a test puts there.
//!
//! Packets are whole IPv4 or IPv6 packets without any head. A device never waits in `read` or
//! `write`; what it cannot take is dropped, as every network may.

use std::io;
use std::task::{Context, Poll};

use menshen_tunnel_core::ppp::Opened;

/// Takes and gives packets.
pub trait Device {
    /// Ready when [`Self::read`] may have a packet, or an error.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Reads one packet into `buffer`; gives its octets. `None`: there is none now.
    ///
    /// # Errors
    /// When the device is gone.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// Takes a packet; `false`: it had no room for it. It may keep it until [`Self::flush`].
    ///
    /// # Errors
    /// When the device is gone.
    fn write(&mut self, packet: &[u8]) -> io::Result<bool>;

    /// Passes on all it has kept; to be called after a batch of packets. Gives how many of those
    /// it took since the last time it had no room for after all.
    ///
    /// # Errors
    /// When the device is gone.
    fn flush(&mut self) -> io::Result<u64>;

    /// Both ends agreed on addresses, or on others than before: packets will pass.
    ///
    /// # Errors
    /// When it cannot have them.
    fn opened(&mut self, opened: &Opened) -> io::Result<()>;
}
