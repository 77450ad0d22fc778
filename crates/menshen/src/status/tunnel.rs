//! What status says of the tunnel door: figures from the scoreboard, over all its workers that
//! live, and its sessions, asked over its control socket.

use std::path::Path;

use menshen_base::Counter;
use menshen_guard::tunnel_control;
use menshen_sys::{ScoreView, Slot, SlotDoor};
use menshen_tunnel::report::{self, Answer, Question, StatusReport};
use menshen_tunnel::server::{Bearer, SessionFacts};
use serde::Serialize;

use super::doors::{self, Rows};
use super::render::{age, bytes};
use crate::check::users_of;

/// The tunnel door; `--json` prints it as it is, so field names stay.
#[derive(Debug, Serialize)]
pub(super) struct Tunnel {
    /// Tunnels held now, by workers of all generations.
    pub(super) sessions: u64,
    /// Of those, by workers of earlier generations; the door does not list them.
    pub(super) sessions_of_earlier: u64,
    /// Calls that have not shown a password yet.
    pub(super) half_open: u64,
    /// Users let in.
    pub(super) logins: u64,
    /// Wrong passwords and unknown names.
    pub(super) logins_failed: u64,
    /// Bytes of packets from clients.
    pub(super) received_bytes: u64,
    /// Bytes of packets to clients.
    pub(super) sent_bytes: u64,
    /// Packets dropped because their source was another's.
    pub(super) spoofed_packets: u64,
    /// What the door that serves new sessions said; `None`: see `unanswered`.
    pub(super) door: Option<StatusReport>,
    /// Why the door said nothing.
    pub(super) unanswered: Option<String>,
}

/// Reads and asks; `None`: there is no tunnel door.
pub(super) fn read(board: ScoreView, state: &Path) -> Option<Tunnel> {
    let asked = tunnel_control(state).and_then(|stream| report::ask(stream, &Question::Status {}));
    let looked = doors::look(board, SlotDoor::Tunnel, asked, |answer| match answer {
        Answer::Status(mut door) => {
            let problem = || users_problem(Path::new(&door.users_file));
            door.now.users_problem = door.now.users_problem.take().or_else(problem);
            Ok(*door)
        }
        Answer::Refused(why) => Err(why),
    })?;
    let sum = |counter| looked.sum(counter);
    let newest = looked.door.as_ref().map(|door| door.generation);
    let is_earlier = |slot: &&Slot| newest.is_some_and(|newest| slot.generation() != newest);
    let earlier = looked.slots.iter().filter(is_earlier);
    Some(Tunnel {
        sessions: sum(Counter::TunnelSessions),
        sessions_of_earlier: earlier.map(|slot| slot.get(Counter::TunnelSessions)).sum(),
        half_open: sum(Counter::TunnelHalfOpen),
        logins: sum(Counter::TunnelLogins),
        logins_failed: sum(Counter::TunnelLoginsFailed),
        received_bytes: sum(Counter::TunnelBytesIn),
        sent_bytes: sum(Counter::TunnelBytesOut),
        spoofed_packets: sum(Counter::TunnelSpoofed),
        door: looked.door,
        unanswered: looked.unanswered,
    })
}

/// Why the users in force are not those of this file, which only root may look into.
fn users_problem(path: &Path) -> Option<String> {
    match users_of(path) {
        Ok(read) => read.err().map(|problem| problem.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some("it is gone".to_owned()),
        Err(_) => None,
    }
}

/// Lines for people; nothing without a tunnel door.
pub(super) fn text(out: &mut String, tunnel: Option<&Tunnel>) {
    let Some(tunnel) = tunnel else { return };
    let mut row = Rows::new(out, "tunnel");
    if let Some(door) = &tunnel.door {
        let sstp = door.sstp.then(|| "SSTP".to_owned());
        let pptp =
            (!door.pptp.is_empty()).then(|| format!("PPTP (broken) on {}", door.pptp.join(", ")));
        let ways: Vec<String> = sstp.into_iter().chain(pptp).collect();
        row.add(&format!("{}, addresses of {}", ways.join("; "), door.addresses));
    }
    let most = tunnel.door.as_ref().map(|door| format!(" of {}", door.sessions_max));
    let earlier = match tunnel.sessions_of_earlier {
        0 => String::new(),
        count => format!(" ({count} of them by the configuration before)"),
    };
    row.add(&format!(
        "{}{} sessions{earlier}, {} half open, {} logins, {} refused",
        tunnel.sessions,
        most.unwrap_or_default(),
        tunnel.half_open,
        tunnel.logins,
        tunnel.logins_failed
    ));
    row.add(&format!(
        "{} from clients, {} to them",
        bytes(tunnel.received_bytes),
        bytes(tunnel.sent_bytes)
    ));
    match (&tunnel.door, &tunnel.unanswered) {
        (Some(door), _) => sessions(&mut row, tunnel, door),
        (None, why) => row.silent(why.as_deref()),
    }
}

fn sessions(row: &mut Rows<'_>, tunnel: &Tunnel, door: &StatusReport) {
    row.label("users");
    let problem = door.now.users_problem.as_deref();
    let problem = problem.map(|problem| format!("; the file is not taken as it is: {problem}"));
    row.add(&format!("{} in the file{}", door.now.users, problem.unwrap_or_default()));
    if tunnel.spoofed_packets > 0 {
        let count = tunnel.spoofed_packets;
        row.add(&format!("{count} packets dropped: their source was not their user's address"));
    }
    row.label("sessions");
    let open = door.now.sessions.iter().filter(|session| session.user.is_some());
    for session in open.clone().take(SESSIONS_SHOWN) {
        row.add(&line(session));
    }
    let more = open.count().saturating_sub(SESSIONS_SHOWN);
    if more > 0 {
        row.add(&format!("and {more} more; --json has them all"));
    }
}

/// `alice from 192.0.2.7 by SSTP: 10.77.0.2 on menshen0, since 2 h 5 min, 1.2 MiB in, 30 MiB out`.
fn line(session: &SessionFacts) -> String {
    let user = session.user.as_deref().unwrap_or_default();
    let bearer = match (session.bearer, session.mppe_bits) {
        (Bearer::Sstp, _) => "SSTP".to_owned(),
        (Bearer::Pptp, Some(bits)) => format!("PPTP, MPPE of {bits} bits"),
        (Bearer::Pptp, None) => "PPTP, not encrypted".to_owned(),
    };
    let inner = match (session.address, &session.interface) {
        (Some(address), Some(interface)) => format!("{address} on {interface}"),
        (Some(address), None) => address.to_string(),
        _ => "no address yet".to_owned(),
    };
    format!(
        "{user} from {} by {bearer}: {inner}, since {}, {} in, {} out",
        session.client,
        age(session.seconds),
        bytes(session.received_octets),
        bytes(session.sent_octets)
    )
}

const SESSIONS_SHOWN: usize = 20;

#[cfg(test)]
mod tests;
