//! The kernel's clock on each host of a log: when it goes back, the machine started anew.
//!
//! It holds the hosts seen last, no more than it is allowed.

use alloc::string::String;
use alloc::vec::Vec;

/// What was seen last of each host.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    hosts: Vec<Clock>,
}

#[derive(Debug)]
pub(super) struct Clock {
    host: Option<Vec<u8>>,
    micros: Option<u64>,
    /// Release of the kernel that said `Linux version`.
    pub(super) kernel: Option<String>,
}

impl Clocks {
    /// The clock of a host; whether another one had to be forgotten for it.
    pub(super) fn of(&mut self, host: Option<&[u8]>, most: usize) -> (&mut Clock, bool) {
        let place = self.hosts.iter().rposition(|clock| clock.host.as_deref() == host);
        let forgotten = place.is_none() && self.hosts.len() >= most.max(1);
        if forgotten {
            self.hosts.remove(0);
        }
        let place = place.unwrap_or(self.hosts.len());
        if place == self.hosts.len() {
            let host = host.map(Vec::from);
            self.hosts.push(Clock { host, micros: None, kernel: None });
        }
        (&mut self.hosts[place], forgotten)
    }
}

impl Clock {
    /// Notes the time; whether it went back so far that the machine must have started anew.
    pub(super) fn goes_back(&mut self, micros: u64) -> bool {
        let back = self.micros.is_some_and(|last| micros.saturating_add(BACK_MICROS) < last);
        self.micros = Some(micros);
        if back {
            self.kernel = None;
        }
        back
    }

    /// A kernel said that it started.
    pub(super) fn start(&mut self, micros: Option<u64>, kernel: String) {
        self.micros = micros;
        self.kernel = Some(kernel);
    }
}

/// Lines of several processors are a little out of order.
const BACK_MICROS: u64 = 5_000_000;
