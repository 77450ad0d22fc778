//! The scoreboard's figures from what the server tells of itself.
//!
//! Octets are told by session, and a session takes its figures with it: they are added up here, as
//! seen at each look, so the last moment of a session may be missing.

use std::collections::HashMap;

use menshen_base::Counter;
use menshen_sys::Slot;

use crate::server::Snapshot;

/// What sessions were seen to have at the last look.
#[derive(Debug, Default)]
pub(super) struct Figures {
    seen: HashMap<u64, Octets>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Octets {
    received: u64,
    sent: u64,
    over_rate: u64,
}

impl Figures {
    /// Writes what is so now.
    pub(super) fn post(&mut self, now: &Snapshot, slot: &Slot) {
        let mut seen = HashMap::with_capacity(now.sessions.len());
        for session in &now.sessions {
            let is = Octets {
                received: session.received_octets,
                sent: session.sent_octets,
                over_rate: session.over_rate,
            };
            let was = self.seen.get(&session.id).copied().unwrap_or_default();
            let add = |counter, is: u64, was| slot.add(counter, is.saturating_sub(was));
            add(Counter::TunnelBytesIn, is.received, was.received);
            add(Counter::TunnelBytesOut, is.sent, was.sent);
            add(Counter::LimitTunnelRate, is.over_rate, was.over_rate);
            seen.insert(session.id, is);
        }
        self.seen = seen;
        let users = now.sessions.iter().filter(|session| session.user.is_some()).count();
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let counters = &now.counters;
        for (counter, value) in [
            (Counter::TunnelSessions, count(users)),
            (Counter::TunnelHalfOpen, count(now.half_open)),
            (Counter::TunnelControls, counters.control_connections),
            (Counter::TunnelHandovers, counters.handovers),
            (Counter::TunnelLogins, counters.logins),
            (Counter::TunnelLoginsFailed, counters.logins_refused),
            (Counter::TunnelSpoofed, counters.spoofed),
            (Counter::TunnelGreUnknown, counters.gre_unknown),
            (Counter::LimitTunnelAddresses, counters.pool_empty),
            (Counter::LimitTunnelSessions, counters.sessions_limited),
            (Counter::LimitTunnelPerUser, counters.sessions_per_user_limited),
            (Counter::LimitTunnelHalfOpen, counters.half_open_limited),
            (Counter::LimitTunnelGuesses, counters.guesses_limited),
            (Counter::LimitTunnelIdle, counters.idle_ended),
            (Counter::LimitTunnelSession, counters.time_ended),
        ] {
            slot.set(counter, value);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Sessions that grow, end and come.
    use menshen_sys::Scoreboard;

    use super::*;
    use crate::server::{Bearer, Counters, SessionFacts};

    fn session(id: u64, received: u64, over_rate: u64) -> SessionFacts {
        SessionFacts {
            id,
            user: (id > 1).then(|| "alice".to_owned()),
            client: [192, 0, 2, 1].into(),
            bearer: Bearer::Sstp,
            address: None,
            interface: None,
            phase: "open".to_owned(),
            method: None,
            mppe_bits: None,
            seconds: 0,
            idle_seconds: 0,
            received_octets: received,
            sent_octets: 2 * received,
            received_packets: 0,
            sent_packets: 0,
            spoofed: 0,
            over_rate,
            round_trip_us: None,
        }
    }

    #[test]
    fn octets_of_sessions_that_ended_stay_in_the_sum() {
        let folder = tempfile::tempdir().unwrap();
        let (board, _file) = Scoreboard::create(&folder.path().join("board")).unwrap();
        let slot = board.slot(3);
        let mut figures = Figures::default();
        let mut now = Snapshot {
            sessions: vec![session(1, 100, 0), session(2, 10, 3)],
            half_open: 1,
            counters: Counters { pool_empty: 4, ..Counters::default() },
            ..Snapshot::default()
        };
        figures.post(&now, &slot);
        now.sessions = vec![session(2, 15, 3), session(3, 1, 1)];
        figures.post(&now, &slot);
        figures.post(&now, &slot);
        let get = |counter| slot.get(counter);
        assert_eq!(get(Counter::TunnelBytesIn), 116);
        assert_eq!(get(Counter::TunnelBytesOut), 232);
        assert_eq!(get(Counter::LimitTunnelRate), 4);
        assert_eq!((get(Counter::TunnelSessions), get(Counter::TunnelHalfOpen)), (2, 1));
        assert_eq!(get(Counter::LimitTunnelAddresses), 4);
    }
}
