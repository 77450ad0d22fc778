//! What became of GRE in each direction, and of what in it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Arrow, Case, Fate};
use crate::tunnel::Side;

/// Both directions.
pub(super) fn arrows(case: &Case<'_>) -> Vec<Arrow> {
    [Side::Client, Side::Server].map(|from| arrow(case, from)).into()
}

/// Whether both ends heard each other.
pub(super) fn passes(case: &Case<'_>) -> bool {
    case.call.reacts(Side::Client) && case.call.reacts(Side::Server)
}

fn arrow(case: &Case<'_>, from: Side) -> Arrow {
    let way = case.call.sent_by(from);
    let fate = fate(case, from);
    let strays: u64 =
        case.call.strays.iter().filter(|stray| stray.from == from).map(|stray| stray.packets).sum();
    let mut label = match way.packets {
        0 if strays > 0 => format!("{strays} GRE packets with another call id"),
        0 => "no GRE".into(),
        1 => "1 GRE packet".into(),
        count => format!("{count} GRE packets"),
    };
    label += words(fate);
    let rejects = case.call.icmp.iter().find(|icmp| icmp.gre && icmp.quotes == from);
    if let (Fate::Stops, Some(icmp)) = (fate, rejects) {
        label += &format!(": {} says “{}”", icmp.from, icmp.words());
    }
    Arrow { from, label, fate }
}

fn words(fate: Fate) -> &'static str {
    match fate {
        Fate::Arrives => ", heard",
        Fate::Doubt => ", nothing shows that they arrive",
        Fate::Stops | Fate::Refuses => ", stopped",
        Fate::Missing => " seen",
    }
}

fn fate(case: &Case<'_>, from: Side) -> Fate {
    if case.call.reacts(from.other()) {
        return Fate::Arrives;
    }
    let way = case.call.sent_by(from);
    let strays = case.call.strays.iter().any(|stray| stray.from == from && stray.frames > 0);
    if way.packets == 0 && !strays {
        return Fate::Missing;
    }
    let stopped = match from {
        Side::Client => STOP_OUT,
        Side::Server => STOP_BACK,
    };
    if stopped.contains(&case.code) {
        return Fate::Stops;
    }
    let near = match from {
        Side::Client => case.vantage.is_near_server(),
        Side::Server => case.vantage.is_near_client(),
    };
    if near { Fate::Arrives } else { Fate::Doubt }
}

/// Bytes for who wants to see that data passed.
pub(super) fn data(case: &Case<'_>, from: Side) -> Option<Arrow> {
    let ppp = &case.call.sent_by(from).ppp;
    let count = ppp.clear + ppp.encrypted;
    let kind = if ppp.encrypted > 0 { "encrypted" } else { "in clear" };
    let label: String = format!("{count} packets, {kind}");
    (count > 0).then_some(Arrow { from, label, fate: Fate::Arrives })
}

/// Verdicts that say GRE of the client does not arrive.
const STOP_OUT: &[&str] = &[
    "tunnel-gre-lost-out",
    "tunnel-gre-rejected",
    "tunnel-gre-unreachable",
    "tunnel-server-without-gre",
    "tunnel-server-ignores-gre",
    "tunnel-gre-not-arriving",
    "tunnel-own-firewall",
];
/// And GRE of the server.
const STOP_BACK: &[&str] = &[
    "tunnel-gre-lost-back",
    "tunnel-client-ignores-gre",
    "tunnel-client-without-gre",
    "tunnel-nat-without-helper",
    "tunnel-wrong-call-id",
    "tunnel-own-firewall-in",
    "tunnel-gre-rejected",
];
