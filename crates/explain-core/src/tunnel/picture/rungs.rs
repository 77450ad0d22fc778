//! The rungs: TCP, greeting, call, GRE, and what PPP does in it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_tunnel_core::pptp::control::{CallResult, StartResult};

use super::{Arrow, Case, Fate, Rung, gre};
use crate::tunnel::Side;
use crate::tunnel::calls::{Control, Negotiation};

/// All of them, tried or not.
pub(super) fn all(case: &Case<'_>) -> Vec<Rung> {
    let mut rungs = Vec::new();
    if let Some(control) = &case.call.control {
        rungs.push(tcp(control));
        rungs.push(greeting(control));
        rungs.push(call(case, control));
    }
    rungs.push(Rung {
        name: "Tunnel packets (GRE)",
        plain: "They are neither TCP nor UDP, and have no port: filters, clouds and NAT often stop \
just these.",
        is_done: gre::passes(case),
        arrows: if case.call.server_id.is_some() || case.call.control.is_none() {
            gre::arrows(case)
        } else {
            Vec::new()
        },
    });
    if gre::passes(case) {
        // Else requests that nobody hears would look like a talk.
        rungs.extend(ppp(case));
    } else {
        rungs.extend(NAMES.map(|(name, plain)| Rung {
            name,
            plain,
            is_done: false,
            arrows: Vec::new(),
        }));
    }
    rungs
}

fn tcp(control: &Control) -> Rung {
    let up = control.syn_ack_us.is_some() || control.server.is_some() || !control.whole;
    let mut arrows = Vec::new();
    if control.syns > 0 {
        let times =
            if control.syns > 1 { format!(", {} times", control.syns) } else { String::new() };
        let fate = if up || control.closed.is_some() { Fate::Arrives } else { Fate::Doubt };
        arrows.push(arrow(Side::Client, format!("connect to TCP port 1723{times}"), fate));
    }
    let refused = control.closed.is_some_and(|closed| closed.by == Side::Server && closed.reset);
    arrows.push(match (up, refused) {
        (true, _) => arrow(Side::Server, "connected".into(), Fate::Arrives),
        (false, true) => arrow(Side::Server, "refused".into(), Fate::Refuses),
        (false, false) => arrow(Side::Server, "no answer".into(), Fate::Missing),
    });
    Rung {
        name: "Connection",
        plain: "The client asks whether anybody is there.",
        is_done: up,
        arrows,
    }
}

fn greeting(control: &Control) -> Rung {
    let mut arrows = Vec::new();
    if let Some(client) = &control.client {
        let label = format!("Start-Control-Connection-Request{}", named(&client.vendor));
        arrows.push(arrow(Side::Client, label, Fate::Arrives));
    }
    let result = control.start_result.map(|(result, _)| StartResult(result));
    let is_done = result == Some(StartResult::OK) || control.asked_us.is_some();
    match (&control.server, result, &control.foreign) {
        (Some(server), Some(result), _) if result != StartResult::OK => {
            let label = format!("refused{}: {result}", named(&server.vendor));
            arrows.push(arrow(Side::Server, label, Fate::Refuses));
        }
        (Some(server), ..) => {
            let label = format!("Start-Control-Connection-Reply{}", named(&server.vendor));
            arrows.push(arrow(Side::Server, label, Fate::Arrives));
        }
        (None, _, Some((Side::Server, octets))) => {
            arrows.push(arrow(Side::Server, format!("not PPTP: {octets}"), Fate::Refuses));
        }
        (None, ..) if control.client.is_some() && !is_done => {
            arrows.push(arrow(Side::Server, "no answer".into(), Fate::Missing));
        }
        (None, ..) => {}
    }
    Rung { name: "Greeting", plain: "Both say that they speak PPTP.", is_done, arrows }
}

fn call(case: &Case<'_>, control: &Control) -> Rung {
    let mut arrows = Vec::new();
    if control.asked_us.is_some() {
        arrows.push(arrow(Side::Client, "Outgoing-Call-Request".into(), Fate::Arrives));
        arrows.push(match control.call_result.map(|(result, ..)| CallResult(result)) {
            Some(CallResult::CONNECTED) => {
                arrow(Side::Server, "Outgoing-Call-Reply: granted".into(), Fate::Arrives)
            }
            Some(result) => arrow(Side::Server, format!("refused: {result}"), Fate::Refuses),
            None => arrow(Side::Server, "no answer".into(), Fate::Missing),
        });
    }
    let is_done = case.call.server_id.is_some();
    Rung {
        name: "Call",
        plain: "The client asks for a tunnel, the server grants it.",
        is_done,
        arrows,
    }
}

fn ppp(case: &Case<'_>) -> Vec<Rung> {
    let (client, server) = (&case.call.to_server.ppp, &case.call.to_client.ppp);
    let rung = |at: usize, is_done: bool, arrows: Vec<Arrow>| {
        let (name, plain) = NAMES.get(at).copied().unwrap_or_default();
        Rung { name, plain, is_done, arrows }
    };
    let both = |name: &str, one: &Negotiation, other: &Negotiation| {
        let sides = [(Side::Client, one, other), (Side::Server, other, one)];
        let told = sides.into_iter().filter(|(_, own, _)| own.requests > 0 || own.answers());
        told.map(|(from, own, other)| {
            let label = format!("{name}: {}", negotiation(own));
            let refuses = own.naks + own.rejects > 0 && own.acks == 0 && other.requests > 0;
            arrow(from, label, if refuses { Fate::Refuses } else { Fate::Arrives })
        })
        .collect::<Vec<_>>()
    };
    let up = |one: &Negotiation, other: &Negotiation| one.acks > 0 && other.acks > 0;
    let mut rungs = Vec::new();
    rungs.push(rung(0, up(&client.lcp, &server.lcp), both("LCP", &client.lcp, &server.lcp)));
    let network = up(&client.ipcp, &server.ipcp);
    let accepted = client.accepted_auth || server.accepted_auth;
    let unasked = client.asks_auth.is_none() && server.asks_auth.is_none();
    rungs.push(rung(1, accepted || network || unasked && case.code == "tunnel-works", auth(case)));
    let encrypted = up(&client.ccp, &server.ccp);
    let spoken = client.ccp.requests + server.ccp.requests > 0;
    // Encryption is no step where nobody asks for it.
    if spoken || case.code.starts_with("tunnel-mppe") {
        let stopped = case.code.starts_with("tunnel-mppe");
        let arrows = both("CCP", &client.ccp, &server.ccp);
        rungs.push(rung(2, (encrypted || network) && !stopped, arrows));
    }
    rungs.push(rung(3, network, both("IPCP", &client.ipcp, &server.ipcp)));
    let data: Vec<Arrow> =
        [Side::Client, Side::Server].into_iter().filter_map(|side| gre::data(case, side)).collect();
    rungs.push(rung(4, data.len() == 2, data));
    if let Some(failed) = rungs.iter_mut().find(|rung| !rung.is_done) {
        failed.arrows.extend(ends(case));
    }
    rungs
}

/// What each side said when it ended PPP, in the order it did.
fn ends(case: &Case<'_>) -> Vec<Arrow> {
    let said = |side: Side| Some((case.call.ended_by(side)?, side));
    let mut ends: Vec<_> = [Side::Client, Side::Server].into_iter().filter_map(said).collect();
    ends.sort_by_key(|((at_us, _), _)| *at_us);
    ends.retain(|((_, text), _)| !text.is_empty());
    let arrows = ends.into_iter();
    arrows.map(|((_, text), side)| arrow(side, format!("ends it: {text}"), Fate::Refuses)).collect()
}

fn auth(case: &Case<'_>) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for side in [Side::Server, Side::Client] {
        let (ppp, other) = (&case.call.sent_by(side).ppp, &case.call.sent_by(side.other()).ppp);
        if !ppp.asked_auth.is_empty() {
            let label = format!("who are you? ({})", ppp.asked_auth.join(", "));
            arrows.push(arrow(side, label, Fate::Arrives));
            if other.authenticates > 0 {
                let label = "name and proof of the password".to_string();
                arrows.push(arrow(side.other(), label, Fate::Arrives));
            }
        }
        if let Some(method) = &other.refused_auth {
            let label = format!("not in this way, but {method}");
            arrows.push(arrow(side.other(), label, Fate::Refuses));
        }
        if let Some(denied) = &ppp.denied {
            arrows.push(arrow(side, format!("no: {denied}"), Fate::Refuses));
        } else if ppp.accepted_auth {
            arrows.push(arrow(side, "welcome".into(), Fate::Arrives));
        }
    }
    arrows
}

fn negotiation(own: &Negotiation) -> String {
    let counts = [
        (own.requests, "asks"),
        (own.acks, "agrees"),
        (own.naks, "wants it otherwise"),
        (own.rejects, "refuses"),
    ];
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| if count > 1 { format!("{word} ×{count}") } else { word.to_string() })
        .collect();
    words.join(", ")
}

fn arrow(from: Side, label: String, fate: Fate) -> Arrow {
    Arrow { from, label, fate }
}

fn named(vendor: &str) -> String {
    if vendor.is_empty() { String::new() } else { format!(" ({vendor})") }
}

/// Steps within PPP, and what they are for.
const NAMES: [(&str, &str); 5] = [
    ("Link (LCP)", "Both agree how to talk inside the tunnel."),
    ("Password", "The client shows who it is."),
    ("Encryption (MPPE)", "Both agree on keys."),
    ("Address (IPCP)", "The client gets its address inside the tunnel."),
    ("Data", "The tunnel is up, and traffic passes."),
];
