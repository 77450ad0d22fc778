//! As much of LCP (RFC 1661) as a probe needs: it asks, takes what the server asks for, and sends
//! echoes of any length. It authenticates nobody and never ends the link by itself.
//!
//! Any octets may come; what cannot be read is not answered.

use menshen_tunnel_core::ppp::packet::{Choices, Code, Packet, push, push_option};

/// A conversation of LCP.
#[derive(Debug)]
pub(super) struct Lcp {
    magic: [u8; 4],
    id: u8,
    /// Our request was taken.
    ours: bool,
    /// We took the server's.
    theirs: bool,
    /// The longest frame the server takes, without its head.
    mru: u16,
    /// Echoes that are out: number, octets of the packet.
    echoes: Vec<(u8, u16)>,
    answered: Vec<u16>,
    /// The server refuses a magic number.
    plain: bool,
}

impl Lcp {
    pub(super) const fn new(magic: [u8; 4]) -> Self {
        Self {
            magic,
            id: 0,
            ours: false,
            theirs: false,
            mru: 1500,
            echoes: Vec::new(),
            answered: Vec::new(),
            plain: false,
        }
    }

    /// Whether both ends took what the other one asked for.
    pub(super) const fn is_open(&self) -> bool {
        self.ours && self.theirs
    }

    /// Octets of the longest packet of LCP that the server takes.
    pub(super) const fn mru(&self) -> u16 {
        self.mru
    }

    /// Octets of the packets of echoes that were answered, in octets.
    pub(super) fn answered(&self) -> &[u16] {
        &self.answered
    }

    /// A Configure-Request, as a frame.
    pub(super) fn ask(&mut self) -> Vec<u8> {
        self.id = self.id.wrapping_add(1);
        let mut options = Vec::new();
        if !self.plain {
            push_option(MAGIC, &[&self.magic], &mut options);
        }
        frame(Code::CONFIGURE_REQUEST, self.id, &options)
    }

    /// An Echo-Request whose packet has so many octets, as a frame.
    pub(super) fn echo(&mut self, octets: u16) -> Vec<u8> {
        self.id = self.id.wrapping_add(1);
        let mut data = self.magic.to_vec();
        data.resize(usize::from(octets.max(8)) - 4, 0x2e);
        self.echoes.push((self.id, octets));
        frame(Code::ECHO_REQUEST, self.id, &data)
    }

    /// Takes a frame of the server; gives the answer.
    pub(super) fn take(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let octets = octets.strip_prefix(&HEAD[..2]).unwrap_or(octets);
        let packet = Packet::parse(octets.strip_prefix(&HEAD[2..])?)?;
        match packet.code {
            Code::CONFIGURE_REQUEST => self.asked(&packet),
            Code::CONFIGURE_ACK => {
                self.ours = true;
                None
            }
            Code::CONFIGURE_REJECT | Code::CONFIGURE_NAK => {
                // Nothing but the magic number was asked for.
                self.plain = true;
                Some(self.ask())
            }
            Code::TERMINATE_REQUEST => Some(frame(Code::TERMINATE_ACK, packet.id, &[])),
            Code::ECHO_REQUEST => Some(frame(Code::ECHO_REPLY, packet.id, &self.magic)),
            Code::ECHO_REPLY => {
                let known = self.echoes.iter().position(|(id, _)| *id == packet.id)?;
                self.answered.push(self.echoes.swap_remove(known).1);
                None
            }
            _ => None,
        }
    }

    fn asked(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        if !Choices::new(packet.data).is_whole() {
            return None;
        }
        let mut refused = Vec::new();
        for choice in Choices::new(packet.data) {
            if !TAKEN.contains(&choice.kind) {
                choice.push(&mut refused);
            }
            if let (MRU, [high, low]) = (choice.kind, choice.value) {
                self.mru = u16::from_be_bytes([*high, *low]);
            }
        }
        if !refused.is_empty() {
            return Some(frame(Code::CONFIGURE_REJECT, packet.id, &refused));
        }
        self.theirs = true;
        Some(frame(Code::CONFIGURE_ACK, packet.id, packet.data))
    }
}

fn frame(code: Code, id: u8, data: &[u8]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    push(code, id, data, &mut out);
    out
}

/// Address, control, and the number of LCP.
const HEAD: [u8; 4] = [0xff, 0x03, 0xc0, 0x21];
const MRU: u8 = 1;
const MAGIC: u8 = 5;
/// MRU, ACCM, authentication, magic number, short protocol numbers, no address and control.
const TAKEN: [u8; 6] = [MRU, 2, 3, MAGIC, 7, 8];

#[cfg(test)]
mod tests {
    //! What pppd asks, and any octets.
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ends_open_and_echoes_are_told_by_their_length() {
        let mut lcp = Lcp::new([1, 2, 3, 4]);
        let ask = lcp.ask();
        assert_eq!(ask, [255, 3, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4]);
        let pppd = [255, 3, 0xc0, 0x21, 1, 9, 0, 13, 1, 4, 5, 0x78, 3, 5, 0xc2, 0x23, 0x81];
        let answer = lcp.take(&pppd).unwrap();
        assert_eq!((answer[4], &answer[5..]), (2, &pppd[5..]));
        assert!(!lcp.is_open() && lcp.mru() == 1400);
        assert_eq!(lcp.take(&[0xc0, 0x21, 2, 1, 0, 10, 5, 6, 1, 2, 3, 4]), None);
        assert!(lcp.is_open());
        let echo = lcp.echo(100);
        assert_eq!((echo.len(), echo[4]), (104, 9));
        lcp.take(&[0xc0, 0x21, 10, echo[5], 0, 8, 0, 0, 0, 0]);
        lcp.take(&[0xc0, 0x21, 10, 77, 0, 8, 0, 0, 0, 0]);
        assert_eq!(lcp.answered(), [100]);
    }

    #[test]
    fn what_is_not_known_is_refused_and_nothing_is_authenticated() {
        let mut lcp = Lcp::new([0; 4]);
        let asks = [0xc0, 0x21, 1, 3, 0, 11, 13, 3, 6, 17, 4, 5, 0];
        assert_eq!(lcp.take(&asks).unwrap()[4..], [4, 3, 0, 11, 13, 3, 6, 17, 4, 5, 0]);
        assert_eq!(lcp.take(&[0xc2, 0x23, 1, 1, 0, 6, 1, 2]), None);
        assert!(!lcp.is_open());
    }

    proptest! {
        #[test]
        fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut lcp = Lcp::new([9; 4]);
            let _ = lcp.take(&octets);
            let _ = lcp.take(&[&HEAD, &*octets].concat());
        }
    }
}
