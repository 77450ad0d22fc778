//! At which end of a call a capture was taken.
//!
//! Every system sends with a TTL of 64, 128 or 255, and every router takes one off: a side whose
//! packets are not one less than such a number is this machine or a neighbour. Where both sides
//! look near, as through a proxy that sets TTLs anew, the times of TCP's handshake decide: at the
//! client the answer to its SYN takes long, at the server the last step does.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::calls::Call;

/// Where on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// At the client, or in its network.
    Client,
    /// At the server, or in its network.
    Server,
    /// In the one network that both are in.
    Both,
    /// Somewhere on the way: a router, a NAT box.
    Between,
    /// It cannot be told.
    Unknown,
}

/// Where, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vantage {
    /// Where.
    pub place: Place,
    /// Routers between the client and here.
    pub client_hops: Option<u8>,
    /// Routers between the server and here.
    pub server_hops: Option<u8>,
    /// What tells it.
    pub why: Vec<String>,
}

impl Vantage {
    /// Where this call was captured.
    #[must_use]
    pub fn of(call: &Call) -> Self {
        let control = call.control.as_ref();
        let least = |a: Option<u8>, b: Option<u8>| [a, b].into_iter().flatten().min();
        let client = least(control.and_then(|control| control.client_ttl), call.to_server.ttl);
        let server = least(control.and_then(|control| control.server_ttl), call.to_client.ttl);
        let mut why = Vec::new();
        for (who, ttl) in [("client", client), ("server", server)] {
            if let Some(ttl) = ttl {
                why.push(format!("TTL of the {who}'s packets is {ttl}: {}", routers(hops(ttl))));
            }
        }
        let (client_hops, server_hops) = (client.map(hops), server.map(hops));
        let mut place = match (client_hops, server_hops) {
            (Some(0), Some(0)) => Place::Both,
            (Some(0), _) => Place::Client,
            (_, Some(0)) => Place::Server,
            (Some(_), Some(_)) => Place::Between,
            _ => Place::Unknown,
        };
        if let (Place::Both, Some((there, back))) = (place, handshake(call)) {
            let slower = there.max(back);
            if slower >= FAR_US && slower >= 4 * there.min(back) {
                place = if there > back { Place::Client } else { Place::Server };
                why.push(format!(
                    "TCP's handshake took {there} µs to the server and back, {back} µs to the \
client and back"
                ));
            }
        }
        Self { place, client_hops, server_hops, why }
    }

    /// What the client sends is seen as it leaves it.
    #[must_use]
    pub const fn is_near_client(&self) -> bool {
        matches!(self.place, Place::Client | Place::Both)
    }

    /// What the server sends is seen as it leaves it.
    #[must_use]
    pub const fn is_near_server(&self) -> bool {
        matches!(self.place, Place::Server | Place::Both)
    }
}

impl Place {
    /// Whole words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Client => "at the client or in its network",
            Self::Server => "at the server or in its network",
            Self::Both => "in the network that client and server share",
            Self::Between => "between client and server",
            Self::Unknown => "at a place that cannot be told",
        }
    }
}

/// Routers a packet has passed.
#[must_use]
pub fn hops(ttl: u8) -> u8 {
    [64, 128, 255].into_iter().find(|first| ttl <= *first).unwrap_or(255) - ttl
}

fn routers(count: u8) -> String {
    match count {
        0 => "no router in between".into(),
        1 => "1 router in between".into(),
        count => format!("{count} routers in between"),
    }
}

/// Microseconds from SYN to its answer, and from there to the client's.
fn handshake(call: &Call) -> Option<(u64, u64)> {
    let control = call.control.as_ref()?;
    let (syn, answer, last) = (control.syn_us?, control.syn_ack_us?, control.connected_us?);
    Some((answer.checked_sub(syn)?, last.checked_sub(answer)?))
}

/// Less than this is one network.
const FAR_US: u64 = 2_000;
