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

use menshen_base::calendar::rfc3339;
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
            time: rfc3339(since.as_secs().cast_signed()),
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
