//! A line of JSON when a session begins and one when it ends.
//!
//! Each line is one write to a file opened for appending, so that lines of two generations never
//! mix. A line that cannot be written is lost and counted; the session goes on. Names of users are
//! those of the users' file, and nothing a peer says of itself is in it.

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::facts::Bearer;
use super::seat::Seat;
use crate::driver::Counters;

/// Where lines go, if they do.
#[derive(Debug)]
pub(super) struct Accounting {
    file: Option<File>,
    lost: Cell<u64>,
}

/// How a session ended.
#[derive(Debug)]
pub(super) struct Stop<'a> {
    pub(super) counters: Counters,
    pub(super) seconds: u64,
    /// A stable word.
    pub(super) cause: &'a str,
    /// What else is known of it.
    pub(super) detail: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    session: u64,
    user: &'a str,
    client: IpAddr,
    bearer: Bearer,
    address: Option<Ipv4Addr>,
    interface: Option<&'a str>,
    #[serde(flatten)]
    stop: Option<StopPart<'a>>,
}

#[derive(Serialize)]
struct StopPart<'a> {
    seconds: u64,
    received_octets: u64,
    sent_octets: u64,
    received_packets: u64,
    sent_packets: u64,
    spoofed: u64,
    cause: &'a str,
    detail: Option<String>,
}

impl Accounting {
    pub(super) const fn new(file: Option<File>) -> Self {
        Self { file, lost: Cell::new(0) }
    }

    pub(super) const fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// Packets pass.
    pub(super) fn start(&self, seat: &Seat) {
        self.write(seat, None);
    }

    /// It is over.
    pub(super) fn stop(&self, seat: &Seat, stop: Stop<'_>) {
        let Stop { counters, seconds, cause, detail } = stop;
        let part = StopPart {
            seconds,
            received_octets: counters.received_octets,
            sent_octets: counters.sent_octets,
            received_packets: counters.received_packets,
            sent_packets: counters.sent_packets,
            spoofed: seat.spoofed.get(),
            cause,
            detail,
        };
        self.write(seat, Some(part));
    }

    fn write(&self, seat: &Seat, stop: Option<StopPart<'_>>) {
        let Some(file) = &self.file else { return };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (user, interface) = (seat.user.borrow(), seat.interface.borrow());
        let line = Line {
            time: utc(since.as_secs()),
            event: if stop.is_some() { "stop" } else { "start" },
            session: seat.id,
            user: user.as_deref().unwrap_or_default(),
            client: seat.client,
            bearer: seat.bearer,
            address: seat.address.get(),
            interface: interface.as_deref(),
            stop,
        };
        let written = serde_json::to_vec(&line).map(|mut octets| {
            octets.push(b'\n');
            let mut file = file;
            file.write_all(&octets)
        });
        if !matches!(written, Ok(Ok(()))) {
            self.lost.set(self.lost.get() + 1);
        }
    }
}

/// A moment as RFC 3339 writes it, from seconds since 1970.
fn utc(seconds: u64) -> String {
    // Days are counted from 1 March of the year 0, so that leap days end their years.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    //! Days of the calendar.
    use super::utc;

    #[test]
    fn days_of_the_calendar() {
        let days = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, text) in days {
            assert_eq!(utc(seconds), text);
        }
    }
}
