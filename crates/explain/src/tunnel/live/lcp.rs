//! As much of LCP (RFC 1661) as a probe needs: it asks, takes what the server asks for, sends
//! echoes of any length, and looks which methods of authentication the server takes. It
//! authenticates nobody and never ends the link by itself.
//!
//! Any octets may come; what cannot be read is not answered.

use menshen_explain_core::tunnel::methods::Methods;
use menshen_tunnel_core::ppp::packet::{Choices, Code, Packet, push, push_option};

use super::methods::{Answer, Search};

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
    /// How the server wants us to prove who we are; none: not at all.
    method: Option<Vec<u8>>,
    /// The number of the server's request that we took.
    taken: Option<u8>,
    search: Option<Search>,
    /// The last Configure-Nak of the search, and the number of what it answers.
    suggestion: Option<(u8, Vec<u8>)>,
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
            method: None,
            taken: None,
            search: None,
            suggestion: None,
        }
    }

    /// Begins to look for methods of authentication, when the link is open: the first frame of
    /// that. Nothing where the server asks for none.
    pub(super) fn search(&mut self) -> Option<Vec<u8>> {
        let first = self.method.clone().filter(|_| self.is_open())?;
        self.search = Some(Search::new(first));
        self.anew()
    }

    /// Negotiates anew, if that tells more and the last negotiation is over.
    pub(super) fn anew(&mut self) -> Option<Vec<u8>> {
        let over = self.is_open();
        let search = self.search.as_mut().filter(|search| over && search.goes())?;
        search.begin();
        (self.ours, self.theirs, self.suggestion) = (false, false, None);
        Some(self.ask())
    }

    /// Whether the look for methods may tell more.
    pub(super) fn searches(&self) -> bool {
        self.search.as_ref().is_some_and(Search::goes)
    }

    /// What was found.
    pub(super) fn methods(&self) -> Option<Methods> {
        self.search.as_ref().map(Search::methods)
    }

    /// Whether both ends took what the other one asked for.
    pub(super) const fn is_open(&self) -> bool {
        self.ours && self.theirs
    }

    /// Whether the server took what we asked for.
    pub(super) const fn is_taken(&self) -> bool {
        self.ours
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
                // In a look for methods a late one is of the negotiation before.
                self.ours |= self.search.is_none() || packet.id == self.id;
                None
            }
            Code::CONFIGURE_REJECT | Code::CONFIGURE_NAK => {
                // Nothing but the magic number was asked for.
                self.plain = true;
                Some(self.ask())
            }
            Code::TERMINATE_REQUEST => {
                if let Some(search) = &mut self.search {
                    search.ended();
                }
                Some(frame(Code::TERMINATE_ACK, packet.id, &[]))
            }
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
        let mut method = None;
        for choice in Choices::new(packet.data) {
            if !TAKEN.contains(&choice.kind) {
                choice.push(&mut refused);
            }
            if let (MRU, [high, low]) = (choice.kind, choice.value) {
                self.mru = u16::from_be_bytes([*high, *low]);
            }
            if choice.kind == AUTHENTICATION {
                method = Some(choice.value);
            }
        }
        if !refused.is_empty() {
            return Some(frame(Code::CONFIGURE_REJECT, packet.id, &refused));
        }
        let ack = frame(Code::CONFIGURE_ACK, packet.id, packet.data);
        match &mut self.search {
            None => self.method = method.map(|method| kept(method).to_vec()),
            // A copy of what was taken has not heard of a new negotiation yet.
            Some(_) if self.taken == Some(packet.id) => return Some(ack),
            Some(search) => {
                if let Some((id, nak)) = &self.suggestion
                    && *id == packet.id
                {
                    return Some(nak.clone());
                }
                match search.asked(method.map(kept)) {
                    Answer::Take => {}
                    Answer::Nothing => return None,
                    Answer::Suggest(wanted) => {
                        let mut option = Vec::new();
                        push_option(AUTHENTICATION, &[wanted], &mut option);
                        let nak = frame(Code::CONFIGURE_NAK, packet.id, &option);
                        self.suggestion = Some((packet.id, nak.clone()));
                        return Some(nak);
                    }
                }
            }
        }
        (self.theirs, self.taken) = (true, Some(packet.id));
        Some(ack)
    }
}

/// A method, as much of it as any has.
fn kept(method: &[u8]) -> &[u8] {
    method.get(..METHOD_OCTETS_MAX).unwrap_or(method)
}

fn frame(code: Code, id: u8, data: &[u8]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    push(code, id, data, &mut out);
    out
}

/// Address, control, and the number of LCP.
const HEAD: [u8; 4] = [0xff, 0x03, 0xc0, 0x21];
const MRU: u8 = 1;
const AUTHENTICATION: u8 = 3;
pub(super) const METHOD_OCTETS_MAX: usize = 16;
const MAGIC: u8 = 5;
/// MRU, ACCM, authentication, magic number, short protocol numbers, no address and control.
const TAKEN: [u8; 6] = [MRU, 2, AUTHENTICATION, MAGIC, 7, 8];

#[cfg(test)]
mod tests;
