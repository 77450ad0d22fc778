//! What is known of one call: its control connection, its packets each way, its PPP, in words and
//! numbers that can be printed.
//!
//! Times are microseconds since the first packet of the capture. Everything is bounded
//! ([`EVENTS_MAX`], [`ICMP_MAX`]); events beyond are counted. Texts of peers are escaped already.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use super::Side;

/// One call, or an attempt that never became one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Who asked, as its address is where the capture was taken.
    pub client: IpAddr,
    /// Who was asked.
    pub server: IpAddr,
    /// When its story began.
    pub began_us: u64,
    /// Who is client and who is server follows from PPP, or from who spoke first: no control
    /// connection says it.
    pub sides_inferred: bool,
    /// Its control connection; `None`: GRE alone is in the capture.
    pub control: Option<Control>,
    /// Number the client wants to be spoken to by.
    pub client_id: Option<u16>,
    /// Number the server wants to be spoken to by.
    pub server_id: Option<u16>,
    /// GRE from the client to the server.
    pub to_server: Way,
    /// GRE from the server to the client.
    pub to_client: Way,
    /// GRE between both addresses that belongs to no call.
    pub strays: Vec<Stray>,
    /// ICMP errors on it.
    pub icmp: Vec<Icmp>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Events beyond [`EVENTS_MAX`].
    pub events_left_out: u64,
}

/// A control connection, as far as it concerns a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Control {
    /// TCP port of the client.
    pub client_port: u16,
    /// SYNs of the client.
    pub syns: u32,
    /// Its first SYN.
    pub syn_us: Option<u64>,
    /// First answer to it.
    pub syn_ack_us: Option<u64>,
    /// The client's acknowledgement of that.
    pub connected_us: Option<u64>,
    /// The capture has its beginning.
    pub whole: bool,
    /// Bytes are missing in it.
    pub hole: bool,
    /// What the client said of itself.
    pub client: Option<Peer>,
    /// What the server said of itself.
    pub server: Option<Peer>,
    /// Result and error of the server's greeting.
    pub start_result: Option<(u8, u8)>,
    /// First bytes of whoever does not speak PPTP, escaped.
    pub foreign: Option<(Side, String)>,
    /// When the call was asked for.
    pub asked_us: Option<u64>,
    /// When that was answered.
    pub answered_us: Option<u64>,
    /// Result, error and cause of the answer.
    pub call_result: Option<(u8, u8, u16)>,
    /// Who ended it on the control connection, and how.
    pub ended: Option<Ended>,
    /// Who closed TCP first.
    pub closed: Option<Closed>,
    /// TTL of the client's packets, the least.
    pub client_ttl: Option<u8>,
    /// TTL of the server's packets, the least.
    pub server_ttl: Option<u8>,
}

/// What an end says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Protocol version, major in the upper octet.
    pub version: u16,
    /// Host name, escaped.
    pub host: String,
    /// Vendor, escaped.
    pub vendor: String,
    /// Framing capabilities.
    pub framing: u32,
    /// Firmware revision.
    pub firmware: u16,
}

/// A call that was ended with words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// By whom.
    pub by: Side,
    /// When.
    pub at_us: u64,
    /// The message.
    pub message: &'static str,
    /// Its result, with the RFC's words.
    pub result: Option<String>,
}

/// TCP that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// By whom.
    pub by: Side,
    /// When.
    pub at_us: u64,
    /// By RST, else by FIN.
    pub reset: bool,
}

/// GRE in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Packets.
    pub packets: u64,
    /// Of them with a frame.
    pub frames: u64,
    /// Octets of frames.
    pub octets: u64,
    /// First packet.
    pub first_us: Option<u64>,
    /// Last packet.
    pub last_us: Option<u64>,
    /// Numbers that never came.
    pub missing: u64,
    /// Frames that came after later ones.
    pub late: u64,
    /// Frames that came twice.
    pub repeated: u64,
    /// The first number.
    pub first_sequence: Option<u32>,
    /// The highest number.
    pub last_sequence: Option<u32>,
    /// The highest number of the other direction that this one acknowledges.
    pub acknowledges: Option<u32>,
    /// TTL, the least.
    pub ttl: Option<u8>,
    /// Length of the longest packet with its IP header.
    pub longest: u32,
    /// Packets that came in fragments.
    pub fragmented: u64,
    /// PPP of its sender.
    pub ppp: Ppp,
}

/// What one side says in PPP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ppp {
    /// LCP.
    pub lcp: Negotiation,
    /// CCP: encryption.
    pub ccp: Negotiation,
    /// IPCP: IPv4.
    pub ipcp: Negotiation,
    /// IPV6CP.
    pub ipv6cp: Negotiation,
    /// LCP Echo-Requests.
    pub echo_requests: u32,
    /// LCP Echo-Replies.
    pub echo_replies: u32,
    /// How it wants the other side to authenticate, the last it asked for.
    pub asks_auth: Option<String>,
    /// All that it asked for, each once, in order.
    pub asked_auth: Vec<String>,
    /// It refused how it was asked to authenticate.
    pub refused_auth: Option<String>,
    /// After it had agreed to be asked it negotiated anew, and suggested another method, as a probe
    /// does. The end of a link after that is the answer to it, and nobody's fault.
    pub looks_for_auth_us: Option<u64>,
    /// It sent a challenge, a response or a password.
    pub authenticates: u32,
    /// It let the other side in.
    pub accepted_auth: bool,
    /// It refused the other side's password, with this message, escaped.
    pub denied: Option<String>,
    /// It ended PPP, with this text, escaped.
    pub terminated: Option<(u64, String)>,
    /// Strengths of MPPE it asks for, the last.
    pub mppe: Option<String>,
    /// Frames with IP in clear.
    pub clear: u64,
    /// Frames encrypted by MPPE.
    pub encrypted: u64,
    /// Requests to begin MPPE anew.
    pub resets: u32,
    /// IPCP asked for address 0.0.0.0: a client.
    pub asks_address: bool,
}

/// One control protocol of PPP, from one side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Negotiation {
    /// Configure-Requests.
    pub requests: u32,
    /// Configure-Acks.
    pub acks: u32,
    /// Configure-Naks.
    pub naks: u32,
    /// Configure-Rejects.
    pub rejects: u32,
    /// When the first request was sent.
    pub first_request_us: Option<u64>,
    /// When the last request was sent.
    pub last_request_us: Option<u64>,
}

impl Ppp {
    /// It asks for this method, by name.
    pub(super) fn asks(&mut self, method: String) {
        if !self.asked_auth.contains(&method) && self.asked_auth.len() < METHODS_MAX {
            self.asked_auth.push(method.clone());
        }
        self.asks_auth = Some(method);
    }
}

impl Negotiation {
    /// It answered requests of the other side, in whatever way.
    #[must_use]
    pub const fn answers(&self) -> bool {
        self.acks > 0 || self.naks > 0 || self.rejects > 0
    }
}

/// GRE of no call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stray {
    /// Who sent it.
    pub from: Side,
    /// The call id in it.
    pub key: u16,
    /// Packets.
    pub packets: u64,
    /// Of them with a frame.
    pub frames: u64,
}

/// An ICMP error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Icmp {
    /// First one.
    pub at_us: u64,
    /// Who sent it.
    pub from: IpAddr,
    /// To whom.
    pub to: IpAddr,
    /// ICMP type, in numbers of IPv4.
    pub kind: u8,
    /// ICMP code, in numbers of IPv4.
    pub code: u8,
    /// Whose packet it quotes.
    pub quotes: Side,
    /// It quotes GRE, else TCP.
    pub gre: bool,
    /// Call id of the quoted packet.
    pub key: Option<u16>,
    /// MTU that it tells.
    pub mtu: Option<u16>,
    /// TTL it came with.
    pub ttl: Option<u8>,
    /// How many alike.
    pub count: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    pub at_us: u64,
    /// Who sent it.
    pub from: Side,
    /// On which layer.
    pub layer: Layer,
    /// What it was, escaped.
    pub what: String,
}

/// Where something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// TCP of the control connection.
    Tcp,
    /// A message of the control connection.
    Control,
    /// PPP within GRE.
    Ppp,
    /// An ICMP error.
    Icmp,
}

impl Call {
    /// Nothing known yet but who.
    #[must_use]
    pub fn new(client: IpAddr, server: IpAddr, began_us: u64) -> Self {
        Self {
            client,
            server,
            began_us,
            sides_inferred: false,
            control: None,
            client_id: None,
            server_id: None,
            to_server: Way::default(),
            to_client: Way::default(),
            strays: Vec::new(),
            icmp: Vec::new(),
            events: Vec::new(),
            events_left_out: 0,
        }
    }

    /// GRE that this side sends.
    #[must_use]
    pub const fn sent_by(&self, side: Side) -> &Way {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }

    /// Whether this side reacts to GRE of the other one: what was sent arrived.
    #[must_use]
    pub fn reacts(&self, side: Side) -> bool {
        let way = self.sent_by(side);
        let other = self.sent_by(side.other());
        let ppp = &way.ppp;
        let answers = [&ppp.lcp, &ppp.ccp, &ppp.ipcp, &ppp.ipv6cp].iter().any(|one| one.answers());
        let acknowledged = match (way.acknowledges, other.first_sequence) {
            // Decoys and peers that have heard nothing acknowledge 0 or -1.
            (Some(number), Some(first)) => {
                other.frames > 0 && number != 0 && number.wrapping_sub(first) < u32::MAX / 2
            }
            _ => false,
        };
        answers || ppp.echo_replies > 0 || ppp.accepted_auth || acknowledged
    }

    /// When and with what words this side ended PPP, if it did for a reason of its own.
    #[must_use]
    pub fn ended_by(&self, side: Side) -> Option<(u64, &str)> {
        let (at_us, text) = self.sent_by(side).ppp.terminated.as_ref()?;
        let looked = self.sent_by(side.other()).ppp.looks_for_auth_us;
        looked.is_none_or(|looked| *at_us < looked).then_some((*at_us, text.as_str()))
    }

    pub(super) const fn sent_by_mut(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        }
    }

    /// Keeps an event, if there is room.
    pub(super) fn note(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(event);
        } else {
            self.events_left_out += 1;
        }
    }
}

impl Icmp {
    /// What type and code say.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match (self.kind, self.code) {
            (3, 0) => "network unreachable",
            (3, 1) => "host unreachable",
            (3, 2) => "protocol unreachable",
            (3, 3) => "port unreachable",
            (3, 4) => "fragmentation needed",
            (3, 9) => "network administratively prohibited",
            (3, 10) => "host administratively prohibited",
            (3, 13) => "communication administratively prohibited",
            (3, _) => "destination unreachable",
            (11, _) => "time exceeded",
            _ => "error",
        }
    }

    /// Type and code, as `3/13`.
    #[must_use]
    pub fn numbers(&self) -> String {
        format!("{}/{}", self.kind, self.code)
    }

    /// A filter says that it does not let it pass.
    #[must_use]
    pub const fn is_prohibition(&self) -> bool {
        self.kind == 3 && matches!(self.code, 9 | 10 | 13)
    }
}

/// Events kept of one call.
pub const EVENTS_MAX: usize = 256;
/// Methods of authentication kept of one side.
pub const METHODS_MAX: usize = 8;
/// Different ICMP errors kept of one call.
pub const ICMP_MAX: usize = 16;
/// Different strays kept of one call.
pub const STRAYS_MAX: usize = 8;
