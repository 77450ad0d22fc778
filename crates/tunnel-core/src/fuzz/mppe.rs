//! Any bytes as what happens to encrypted packets on their way.

use alloc::vec::Vec;
use core::time::Duration;

use crate::auth::{NtHash, Secret};
use crate::mppe::{HEADER_OCTETS, Keys, Mode, Opened, Receiver, Sender, Side, Strength};
use crate::time::Moment;

/// The first octet chooses strength and mode; each further one what becomes of a packet, the three
/// last of their octets a number. What is read is what was sent, whatever was lost, late or forged.
pub fn mppe(data: &[u8]) {
    let [choice, script @ ..] = data else { return };
    let strength = Strength::ALL.get(usize::from(choice % 3)).copied().unwrap_or(Strength::Bits40);
    let mode = if choice & 0x80 == 0 { Mode::Stateless } else { Mode::Stateful };
    let keys = Keys::new(&NtHash::of_password(&Secret::new(b"password")), &[9; 24]);
    let mut path = Path {
        sender: keys.sender(Side::Client, strength, mode),
        receiver: keys.receiver(Side::Server, strength, mode),
        number: 0,
        held: None,
        forged: false,
    };
    for (at, step) in (0u64..).zip(script.iter().take(STEPS_MAX)) {
        let now = Moment(Duration::from_millis(at * 300));
        match step >> 5 {
            0 => (0..step & 31).for_each(|_| drop(path.sealed())),
            1 => path.held = Some(path.sealed()),
            2 => {
                if let Some((number, packet)) = path.held.take() {
                    path.arrives(number, packet);
                }
            }
            3 => path.forged(script, usize::try_from(at).unwrap_or(0)),
            4 => (0..=step & 31).for_each(|_| path.sender.reset_requested()),
            _ => {
                let (number, packet) = path.sealed();
                path.arrives(number, packet);
            }
        }
        if path.receiver.reset_due(now) {
            path.sender.reset_requested();
        }
    }
}

struct Path {
    sender: Sender,
    receiver: Receiver,
    number: u32,
    held: Option<(u32, Vec<u8>)>,
    /// A forged packet was taken for one: in stateful mode what follows may be garbled.
    forged: bool,
}

impl Path {
    fn sealed(&mut self) -> (u32, Vec<u8>) {
        self.number += 1;
        let mut packet = plain(self.number);
        self.sender.seal(&mut packet);
        (self.number, packet)
    }

    fn arrives(&mut self, number: u32, mut packet: Vec<u8>) {
        if self.receiver.open(&mut packet) == Opened::Plain && !self.forged {
            let inner = plain(number);
            assert_eq!(packet.get(HEADER_OCTETS..), inner.get(HEADER_OCTETS..));
            assert_eq!(self.receiver.dropped_run(), 0);
        }
    }

    /// Octets of the script itself as a packet.
    fn forged(&mut self, script: &[u8], at: usize) {
        let mut packet: Vec<u8> = script.iter().skip(at + 1).take(24).copied().collect();
        self.forged |= self.receiver.open(&mut packet) == Opened::Plain;
    }
}

/// Room for the header and an IPv4 packet of 24 octets.
fn plain(number: u32) -> Vec<u8> {
    let mut packet = Vec::from([0, 0, 0, 0x21, 0x45, 0, 0, 24]);
    packet.extend(number.to_be_bytes());
    packet.resize(HEADER_OCTETS + 2 + 24, 0x5A);
    packet
}

/// Steps of a script that are followed.
const STEPS_MAX: usize = 400;
