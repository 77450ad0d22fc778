//! Packets of GRE of each client address, by call, for ten minutes after the last: so that a client
//! can be told whether its packets came, and whether any were sent to it.
//!
//! Only addresses with a control connection are noted, and only so many: whoever was heard last
//! longest ago is forgotten first. Packets from anybody else cost nothing here.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::time::Moment;

use super::facts::CallCount;

/// What is known of client addresses.
#[derive(Debug, Default)]
pub(super) struct Counts {
    clients: HashMap<Ipv4Addr, Client>,
}

#[derive(Debug)]
struct Client {
    last: Moment,
    rows: Vec<Row>,
}

/// The packets of one call, or of one key that was nobody's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) call: CallId,
    pub(super) peer: Option<CallId>,
    pub(super) seen: u64,
    pub(super) sent: u64,
    pub(super) last: Moment,
}

impl Counts {
    /// An address made a control connection: its packets are noted from now on.
    pub(super) fn expect(&mut self, now: Moment, client: Ipv4Addr) {
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            self.clients.retain(|_, client| now.since(client.last) < KEPT);
            if self.clients.len() >= CLIENTS_MAX {
                let oldest = self.clients.iter().min_by_key(|(_, client)| client.last);
                let oldest = oldest.map(|(address, _)| *address);
                oldest.and_then(|address| self.clients.remove(&address));
            }
        }
        let fresh = Client { last: now, rows: Vec::new() };
        self.clients.entry(client).or_insert(fresh).last = now;
    }

    /// A packet that was for no call.
    pub(super) fn stray(&mut self, now: Moment, client: Ipv4Addr, call: CallId) {
        let Some(client) = self.clients.get_mut(&client) else { return };
        client.last = now;
        let stray = client.rows.iter_mut().find(|row| row.call == call && row.peer.is_none());
        match stray {
            Some(row) => (row.seen, row.last) = (row.seen + 1, now),
            None => client.add(now, Row { call, peer: None, seen: 1, sent: 0, last: now }),
        }
    }

    /// A call is over: what it had.
    pub(super) fn ended(&mut self, now: Moment, client: Ipv4Addr, row: Row) {
        if let Some(client) = self.clients.get_mut(&client) {
            client.last = client.last.max(row.last);
            client.add(now, row);
        }
    }

    /// What is known of an address, beside its calls that are up.
    pub(super) fn of(&self, now: Moment, client: Ipv4Addr) -> Vec<CallCount> {
        let rows = self.clients.get(&client).map(|client| client.rows.as_slice());
        let fresh = rows.unwrap_or_default().iter().filter(|row| now.since(row.last) < KEPT);
        fresh.map(|row| row.count(now)).collect()
    }
}

impl Client {
    fn add(&mut self, now: Moment, row: Row) {
        self.rows.retain(|row| now.since(row.last) < KEPT);
        if self.rows.len() >= ROWS_MAX {
            let oldest = self.rows.iter().enumerate().min_by_key(|(_, row)| row.last);
            oldest.map(|(at, _)| at).map(|at| self.rows.remove(at));
        }
        self.rows.push(row);
    }
}

impl Row {
    pub(super) fn count(&self, now: Moment) -> CallCount {
        CallCount {
            call: self.call.0,
            peer: self.peer.map(|peer| peer.0),
            seen: self.seen,
            sent: self.sent,
            seconds_ago: now.since(self.last).as_secs(),
        }
    }
}

/// How long counts are kept after the last packet.
const KEPT: Duration = Duration::from_secs(600);
/// Addresses that are noted.
const CLIENTS_MAX: usize = 1024;
/// Calls and strange keys of one address that are noted.
const ROWS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    //! Addresses that come, are forgotten, and are none of ours.
    use super::*;

    const fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    #[test]
    fn strays_are_counted_by_key_for_addresses_with_a_control_connection() {
        let mut counts = Counts::default();
        counts.stray(at(1), CLIENT, CallId(9));
        assert_eq!(counts.of(at(1), CLIENT), []);
        counts.expect(at(2), CLIENT);
        for second in 3..6 {
            counts.stray(at(second), CLIENT, CallId(9));
        }
        let row = Row { call: CallId(0), peer: Some(CallId(4)), seen: 7, sent: 8, last: at(4) };
        counts.ended(at(6), CLIENT, row);
        let all = counts.of(at(10), CLIENT);
        let told: Vec<_> = all
            .iter()
            .map(|row| (row.call, row.peer, row.seen, row.sent, row.seconds_ago))
            .collect();
        assert_eq!(told, [(9, None, 3, 0, 5), (0, Some(4), 7, 8, 6)]);
        assert_eq!(counts.of(at(604), CLIENT).len(), 1);
        assert_eq!(counts.of(at(606), CLIENT), []);
    }

    #[test]
    fn addresses_and_keys_are_bounded() {
        let mut counts = Counts::default();
        for number in 0..2 * u32::try_from(CLIENTS_MAX).unwrap() {
            let now = Moment(Duration::from_millis(number.into()));
            counts.expect(now, Ipv4Addr::from_bits(number));
        }
        assert_eq!(counts.clients.len(), CLIENTS_MAX);
        counts.expect(at(9000), CLIENT);
        for key in 0..100 {
            counts.stray(at(9000 + u64::from(key)), CLIENT, CallId(key));
        }
        let rows = counts.of(at(9100), CLIENT);
        assert_eq!((rows.len(), rows.last().map(|row| row.call)), (ROWS_MAX, Some(99)));
    }
}
