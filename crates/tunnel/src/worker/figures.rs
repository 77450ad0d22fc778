//! The scoreboard's figures from what the server tells of itself.

use menshen_base::Counter;
use menshen_sys::Slot;

use crate::server::Snapshot;

/// Writes what is so now.
pub(super) fn post(now: &Snapshot, slot: &Slot) {
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
        (Counter::TunnelBytesIn, counters.received_octets),
        (Counter::TunnelBytesOut, counters.sent_octets),
        (Counter::TunnelSpoofed, counters.spoofed),
        (Counter::TunnelGreUnknown, counters.gre_unknown),
        (Counter::LimitTunnelAddresses, counters.pool_empty),
        (Counter::LimitTunnelSessions, counters.sessions_limited),
        (Counter::LimitTunnelPerUser, counters.sessions_per_user_limited),
        (Counter::LimitTunnelHalfOpen, counters.half_open_limited),
        (Counter::LimitTunnelGuesses, counters.guesses_limited),
        (Counter::LimitTunnelIdle, counters.idle_ended),
        (Counter::LimitTunnelSession, counters.time_ended),
        (Counter::LimitTunnelRate, counters.over_rate),
    ] {
        slot.set(counter, value);
    }
}
