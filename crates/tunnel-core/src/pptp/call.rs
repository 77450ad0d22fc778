//! The control connection and its calls, either role (RFC 2637 §3): who may say what, and when
//! waiting ends.
//!
//! Octets of TCP and moments in, octets and events out. A client asks for the connection and for
//! calls; a server answers, its caller choosing the number of each call, because numbers belong to
//! an address and not to a connection (see [`super::ids`]). It must never wait without end: every
//! state has a deadline, every queue and table a bound. Calls that ring at an access concentrator
//! (Incoming-Call-Request) are declined.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::CallId;
use super::control::stream::Decoder;
use super::control::{
    CallResult, Cause, Decoded, ErrorCode, Framing, IncomingReply, IncomingResult, Message,
    NoticeResult, OutgoingReply, OutgoingRequest, PlainResult, Start, StartReply, StartResult,
    Statistics, StopReason, Text, VERSION,
};
use crate::time::Moment;
pub use facts::{CallEnd, CallUp, Counters, End, Event};

mod facts;
mod input;

/// Which end this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Asks (the RFC's PNS).
    Client,
    /// Answers (the RFC's PAC).
    Server,
}

/// What this end says of itself, and how long it waits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which end.
    pub role: Role,
    /// Host name that the peer is told.
    pub host: Text<64>,
    /// Vendor that the peer is told.
    pub vendor: Text<64>,
    /// Firmware revision that the peer is told.
    pub firmware: u16,
    /// Packets we hold unacknowledged, told with each call.
    pub window: u16,
    /// How long, how many.
    pub limits: Limits,
}

/// Bounds of a control connection.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From TCP's connection to the end of the greeting ([MS-PTPT] §3.1.2 has 30 s).
    pub establish: Duration,
    /// From a request for a call to its answer, for both roles.
    pub answer: Duration,
    /// Silence after which an Echo-Request is sent (RFC 2637 §3.1.4).
    pub echo_after: Duration,
    /// How long its answer may take.
    pub echo_within: Duration,
    /// How long a server keeps a connection without any call.
    pub callless: Duration,
    /// How long the answer to a clear or stop may take.
    pub farewell: Duration,
    /// Calls of one connection, asked ones included.
    pub calls_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            establish: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            echo_after: Duration::from_secs(60),
            echo_within: Duration::from_secs(60),
            callless: Duration::from_secs(60),
            farewell: Duration::from_secs(3),
            calls_max: 64,
        }
    }
}

/// A control connection.
#[derive(Debug)]
pub struct Control {
    settings: Settings,
    state: State,
    decoder: Decoder,
    output: Vec<u8>,
    events: VecDeque<Event>,
    calls: Vec<Call>,
    peer: Option<Start>,
    counters: Counters,
    /// When anything was heard last.
    heard: Moment,
    /// An Echo-Request is out; until when it may be answered.
    echo: Option<Moment>,
    echo_number: u32,
    /// Since when there is no call.
    callless: Moment,
    serial: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the greeting is over; until then.
    Starting(Moment),
    Established,
    /// We sent a stop; its answer is awaited until then.
    Stopping(Moment),
    Down,
}

#[derive(Debug)]
struct Call {
    own: Option<CallId>,
    peer: Option<CallId>,
    state: CallState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallState {
    /// Asked for, by either side; to be answered until then.
    Asked(Moment),
    Up,
    /// We asked to clear it; until then.
    Clearing(Moment),
}

/// Why something cannot be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// The control connection is not established, or not any more.
    NotEstablished,
    /// The number is in use on this connection.
    InUse,
    /// There are as many calls as there may be.
    TooMany,
    /// There is no such call, or it is in no state for it.
    NoCall,
}

impl Control {
    /// Begins when TCP is connected. A client's first words are ready then.
    #[must_use]
    pub fn new(settings: Settings, now: Moment) -> Self {
        let mut control = Self {
            state: State::Starting(now + settings.limits.establish),
            decoder: Decoder::new(),
            output: Vec::new(),
            events: VecDeque::new(),
            calls: Vec::new(),
            peer: None,
            counters: Counters::default(),
            heard: now,
            echo: None,
            echo_number: 0,
            callless: now,
            serial: 0,
            settings,
        };
        if control.settings.role == Role::Client {
            let start = control.start();
            control.say(&Message::StartRequest(start));
        }
        control
    }

    /// Takes octets of the peer. After the end they are ignored.
    pub fn input(&mut self, now: Moment, octets: &[u8]) {
        let mut rest = octets;
        if !rest.is_empty() {
            self.heard = now;
            self.echo = None;
        }
        while self.state != State::Down {
            match self.decoder.take(&mut rest) {
                Ok(None) => return,
                Ok(Some(decoded)) => self.decoded(now, decoded),
                Err(what) => {
                    let spoke = self.counters.messages > 0;
                    self.end(End::Malformed { what, spoke });
                }
            }
            if self.output.len() > OUTPUT_BYTES_MAX || self.events.len() > EVENTS_MAX {
                self.end(End::Flooded);
            }
        }
    }

    /// TCP ended: closed by the peer, reset, or broken.
    pub fn lower_down(&mut self) {
        let end = match self.state {
            State::Starting(_) => End::Lower { established: false },
            State::Established => End::Lower { established: true },
            State::Stopping(_) => End::ByUs,
            State::Down => return,
        };
        self.output.clear();
        self.end(end);
    }

    /// Does what the time asks for.
    pub fn poll(&mut self, now: Moment) {
        match self.state {
            State::Starting(until) if now >= until => {
                let heard = self.counters.messages > 0 || !self.decoder.partial().is_empty();
                return self.end(End::Timeout { heard });
            }
            State::Stopping(until) if now >= until => return self.end(End::ByUs),
            State::Established => {}
            State::Starting(_) | State::Stopping(_) | State::Down => return,
        }
        if self.echo.is_some_and(|until| now >= until) {
            return self.end(End::EchoTimeout);
        }
        if self.echo.is_none() && now >= self.heard + self.settings.limits.echo_after {
            self.echo_number = self.echo_number.wrapping_add(1);
            self.say(&Message::EchoRequest(self.echo_number));
            self.echo = Some(now + self.settings.limits.echo_within);
        }
        self.poll_calls(now);
        let callless = self.settings.role == Role::Server && self.calls.is_empty();
        if callless && now >= self.callless + self.settings.limits.callless {
            self.say(&Message::StopRequest(StopReason::NONE));
            self.end(End::Callless);
        }
    }

    /// When [`Self::poll`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let limits = &self.settings.limits;
        match self.state {
            State::Starting(until) | State::Stopping(until) => Some(until),
            State::Down => None,
            State::Established => {
                let echo = self.echo.unwrap_or(self.heard + limits.echo_after);
                let callless = self.settings.role == Role::Server && self.calls.is_empty();
                let callless = callless.then(|| self.callless + limits.callless);
                let calls = self.calls.iter().filter_map(Call::deadline);
                calls.chain(callless).chain([echo]).min()
            }
        }
    }

    /// Client: asks for a call by which we want to be spoken to as `call`.
    ///
    /// # Errors
    /// When it cannot be asked for now.
    pub fn call(&mut self, now: Moment, call: CallId) -> Result<(), NotNow> {
        if self.state != State::Established || self.settings.role != Role::Client {
            return Err(NotNow::NotEstablished);
        }
        if self.calls.len() >= self.settings.limits.calls_max {
            return Err(NotNow::TooMany);
        }
        if self.calls.iter().any(|known| known.own == Some(call)) {
            return Err(NotNow::InUse);
        }
        self.serial = self.serial.wrapping_add(1);
        self.say(&Message::OutgoingRequest(OutgoingRequest {
            call,
            serial: self.serial,
            bps_min: BPS_MIN,
            bps_max: BPS_MAX,
            bearer: EITHER,
            framing: Framing::EITHER,
            window: self.settings.window,
            delay: 0,
            phone_bytes: 0,
            phone: Text::default(),
            subaddress: Text::default(),
        }));
        let state = CallState::Asked(now + self.settings.limits.answer);
        self.calls.push(Call { own: Some(call), peer: None, state });
        Ok(())
    }

    /// Server: takes the call that the client calls `peer`; packets to us shall bear `call`.
    ///
    /// # Errors
    /// When nobody asked for it (any more), or the number is in use on this connection.
    pub fn accept(&mut self, peer: CallId, call: CallId) -> Result<(), NotNow> {
        if self.calls.iter().any(|known| known.own == Some(call)) {
            return Err(NotNow::InUse);
        }
        let asked = self.asked(peer)?;
        asked.own = Some(call);
        asked.state = CallState::Up;
        self.reply(call, peer, CallResult::CONNECTED, ErrorCode::NONE);
        Ok(())
    }

    /// Server: declines the call that the client calls `peer`.
    ///
    /// # Errors
    /// When nobody asked for it (any more).
    pub fn refuse(
        &mut self,
        now: Moment,
        peer: CallId,
        result: CallResult,
        error: ErrorCode,
    ) -> Result<(), NotNow> {
        self.asked(peer)?;
        self.reply(CallId(0), peer, result, error);
        self.calls.retain(|call| call.peer != Some(peer));
        self.callless = now;
        Ok(())
    }

    /// Ends our call `call`. A client asks the server to, a server does it and says so.
    ///
    /// # Errors
    /// When there is no such call that could be ended.
    pub fn clear(&mut self, now: Moment, call: CallId, result: NoticeResult) -> Result<(), NotNow> {
        let farewell = now + self.settings.limits.farewell;
        let known = self.calls.iter_mut().find(|known| known.own == Some(call));
        let known = known.ok_or(NotNow::NoCall)?;
        if let CallState::Clearing(_) = known.state {
            return Err(NotNow::NoCall);
        }
        match self.settings.role {
            Role::Client => {
                known.state = CallState::Clearing(farewell);
                self.say(&Message::CallClear(call));
            }
            Role::Server => {
                self.disconnect(call, result);
                self.drop_call(now, CallEnd::ByUs, |known| known.own == Some(call));
            }
        }
        Ok(())
    }

    /// Ends the control connection and with it all calls.
    pub fn stop(&mut self, now: Moment, reason: StopReason) {
        match self.state {
            State::Starting(_) => self.end(End::ByUs),
            State::Established => {
                self.say(&Message::StopRequest(reason));
                self.state = State::Stopping(now + self.settings.limits.farewell);
            }
            State::Stopping(_) | State::Down => {}
        }
    }

    /// Moves what is to be sent behind what `out` holds; whether there was anything.
    pub fn output(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.output.is_empty();
        out.append(&mut self.output);
        any
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What the peer said of itself.
    #[must_use]
    pub const fn peer(&self) -> Option<&Start> {
        self.peer.as_ref()
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    fn asked(&mut self, peer: CallId) -> Result<&mut Call, NotNow> {
        let waits = |call: &&mut Call| {
            call.peer == Some(peer)
                && call.own.is_none()
                && matches!(call.state, CallState::Asked(_))
        };
        self.calls.iter_mut().find(waits).ok_or(NotNow::NoCall)
    }
}

impl Call {
    const fn deadline(&self) -> Option<Moment> {
        match self.state {
            CallState::Asked(until) | CallState::Clearing(until) => Some(until),
            CallState::Up => None,
        }
    }
}

/// Said with a request for a call; there is no line that could be so slow or so fast.
const BPS_MIN: u32 = 300;
const BPS_MAX: u32 = 100_000_000;
/// Both bits of bearer or framing.
const EITHER: u32 = 3;
/// Output that the caller has not taken, in octets: more than a peer makes us say by any honest
/// talk.
const OUTPUT_BYTES_MAX: usize = 32 * 1024;
/// Events that the caller has not taken.
const EVENTS_MAX: usize = 1024;

#[cfg(test)]
mod tests;
