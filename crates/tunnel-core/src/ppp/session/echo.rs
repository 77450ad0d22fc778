//! Whether a silent peer still lives: LCP's echo (RFC 1661 section 5.8).
//!
//! Any frame counts as life. It must never run before LCP is open.

use core::time::Duration;

use super::Session;
use crate::ppp::event::Cause;
use crate::ppp::frame::Protocol;
use crate::ppp::packet::Code;
use crate::ppp::settings::Echo;
use crate::time::Moment;

/// What is known of the peer's life.
#[derive(Debug)]
pub(super) struct Echoes {
    echo: Echo,
    due: Option<Moment>,
    unanswered: u32,
    sent: Option<(u8, Moment)>,
    round_trip: Option<Duration>,
}

impl Echoes {
    pub(super) fn new(echo: Echo) -> Self {
        let interval = echo.interval.max(INTERVAL_MIN);
        let echo = Echo { interval, failures: echo.failures.max(1) };
        Self { echo, due: None, unanswered: 0, sent: None, round_trip: None }
    }

    /// A frame came.
    pub(super) fn heard(&mut self, now: Moment) {
        self.unanswered = 0;
        if let Some(due) = &mut self.due {
            *due = now + self.echo.interval;
        }
    }

    /// LCP is open.
    pub(super) fn start(&mut self, now: Moment) {
        self.due = Some(now + self.echo.interval);
    }

    /// LCP is not open any more, or the peer does not know echoes.
    pub(super) const fn stop(&mut self) {
        (self.due, self.unanswered, self.sent) = (None, 0, None);
    }

    /// An Echo-Reply came.
    pub(super) fn answered(&mut self, now: Moment, id: u8) {
        if let Some((_, sent)) = self.sent.take_if(|(sent, _)| *sent == id) {
            self.round_trip = Some(now.since(sent));
        }
    }

    pub(super) const fn deadline(&self) -> Option<Moment> {
        self.due
    }

    pub(super) const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

impl Session {
    pub(super) fn poll_echo(&mut self, now: Moment) {
        let echoes = &mut self.echoes;
        if echoes.due.is_none_or(|due| due > now) {
            return;
        }
        if echoes.unanswered >= echoes.echo.failures {
            let cause = Cause::EchoTimeout { unanswered: echoes.unanswered };
            self.fail(now, cause, "peer not responding");
            // Nobody is there to confirm it.
            self.finish();
            return;
        }
        echoes.unanswered += 1;
        echoes.due = Some(now + echoes.echo.interval);
        let id = self.lcp.next_id();
        self.echoes.sent = Some((id, now));
        let magic = self.lcp.options.magic().to_be_bytes();
        self.outbox.send(Protocol::LCP, Code::ECHO_REQUEST, id, &magic);
    }
}

/// The least time between two questions.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
