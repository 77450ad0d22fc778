//! What each message does, by role and state.

use super::{
    Call, CallEnd, CallId, CallResult, CallState, CallUp, Cause, Control, Decoded, EITHER, End,
    ErrorCode, Event, IncomingReply, IncomingResult, Message, Moment, NoticeResult, OutgoingReply,
    OutgoingRequest, PlainResult, Role, Start, StartReply, StartResult, State, Statistics,
    StopReason, VERSION,
};

impl Control {
    pub(super) fn decoded(&mut self, now: Moment, decoded: Decoded) {
        self.counters.messages += 1;
        let message = match decoded {
            Decoded::Message(message) => message,
            Decoded::Unknown { .. } => {
                self.counters.unknown += 1;
                return;
            }
        };
        match self.state {
            State::Starting(_) => self.greeting(now, message),
            State::Established | State::Stopping(_) => self.established(now, message),
            State::Down => {}
        }
    }

    fn greeting(&mut self, now: Moment, message: Message) {
        match (self.settings.role, message) {
            (Role::Client, Message::StartReply(reply)) => {
                let StartReply { start, result, error } = reply;
                let version = start.version;
                self.peer = Some(start);
                if result == StartResult::VERSION {
                    self.end(End::Version(version));
                } else if result == StartResult::OK {
                    self.establish(now);
                } else {
                    self.end(End::Refused { result, error });
                }
            }
            (Role::Server, Message::StartRequest(start)) => {
                let version = start.version;
                self.peer = Some(start);
                let result = match version >> 8 == VERSION >> 8 {
                    true => StartResult::OK,
                    false => StartResult::VERSION,
                };
                let start = self.start();
                self.say(&Message::StartReply(StartReply {
                    start,
                    result,
                    error: ErrorCode::NONE,
                }));
                if result == StartResult::OK {
                    self.establish(now);
                } else {
                    self.end(End::Version(version));
                }
            }
            (_, Message::StopRequest(reason)) => self.stopped(reason),
            (_, other) => self.end(End::Unexpected(other.kind())),
        }
    }

    fn establish(&mut self, now: Moment) {
        self.state = State::Established;
        self.callless = now;
        self.events.push_back(Event::Established);
    }

    fn established(&mut self, now: Moment, message: Message) {
        match message {
            Message::EchoRequest(number) => {
                self.counters.echo_requests += 1;
                self.say(&Message::EchoReply(number, PlainResult::OK, ErrorCode::NONE));
            }
            // Whatever its number: the peer lives.
            Message::EchoReply(..) => {}
            Message::StopRequest(reason) => self.stopped(reason),
            Message::StopReply(..) => match self.state {
                State::Stopping(_) => self.end(End::ByUs),
                _ => self.counters.strays += 1,
            },
            Message::SetLinkInfo { .. } => self.counters.link_infos += 1,
            Message::WanErrors { .. } => self.counters.wan_errors += 1,
            Message::OutgoingRequest(request) if self.settings.role == Role::Server => {
                self.call_asked(now, &request);
            }
            Message::OutgoingReply(reply) if self.settings.role == Role::Client => {
                self.call_answered(now, &reply);
            }
            Message::CallClear(peer) if self.settings.role == Role::Server => {
                self.call_cleared(now, peer);
            }
            Message::CallDisconnect { call, result, error, cause, statistics } => {
                let end = CallEnd::Disconnected { result, error, cause, statistics };
                self.call_disconnected(now, call, end);
            }
            Message::IncomingRequest(request) => {
                self.say(&Message::IncomingReply(IncomingReply {
                    call: CallId(0),
                    peer: request.call,
                    result: IncomingResult::DO_NOT_ACCEPT,
                    error: ErrorCode::NONE,
                    window: 0,
                    delay: 0,
                }));
            }
            Message::CallClear(_)
            | Message::OutgoingReply(_)
            | Message::IncomingReply(_)
            | Message::IncomingConnected(_) => self.counters.strays += 1,
            Message::StartRequest(_) | Message::StartReply(_) | Message::OutgoingRequest(_) => {
                self.end(End::Unexpected(message.kind()));
            }
        }
    }

    fn call_asked(&mut self, now: Moment, request: &OutgoingRequest) {
        let peer = request.call;
        let in_use = self.calls.iter().any(|call| call.peer == Some(peer));
        let error = match (in_use, self.calls.len() >= self.settings.limits.calls_max) {
            (true, _) => ErrorCode::BAD_CALL_ID,
            (_, true) => ErrorCode::NO_RESOURCE,
            _ if matches!(self.state, State::Stopping(_)) => ErrorCode::NO_RESOURCE,
            (false, false) => {
                let state = CallState::Asked(now + self.settings.limits.answer);
                self.calls.push(Call { own: None, peer: Some(peer), state });
                let (serial, window) = (request.serial, request.window);
                self.events.push_back(Event::CallAsked { peer, serial, window });
                return;
            }
        };
        self.counters.calls_refused += 1;
        self.reply(CallId(0), peer, CallResult::GENERAL_ERROR, error);
    }

    /// The reply names our number; some servers are known to leave it 0 when they refuse.
    fn call_answered(&mut self, now: Moment, reply: &OutgoingReply) {
        let refused = reply.result != CallResult::CONNECTED;
        let asked = |call: &Call| matches!(call.state, CallState::Asked(_));
        let named = self.calls.iter().position(|call| call.own == Some(reply.peer) && asked(call));
        let only = || {
            let mut waiting = self.calls.iter().enumerate().filter(|(_, call)| asked(call));
            let first = waiting.next().map(|(place, _)| place);
            first.filter(|_| refused && waiting.next().is_none())
        };
        let place = named.or_else(only);
        let Some(call) = place.and_then(|place| self.calls.get_mut(place)) else {
            // A late reply to a call that was given up: the server must not keep it.
            if !refused {
                self.say(&Message::CallClear(reply.peer));
            }
            self.counters.strays += 1;
            return;
        };
        let own = call.own;
        if refused {
            let (result, error, cause) = (reply.result, reply.error, reply.cause);
            let end = CallEnd::Refused { result, error, cause };
            self.drop_call(now, end, |call| call.own == own);
            return;
        }
        call.peer = Some(reply.call);
        call.state = CallState::Up;
        let call = reply.peer;
        let (peer, window, speed) = (reply.call, reply.window, reply.speed);
        self.events.push_back(Event::CallUp(CallUp { call, peer, window, speed }));
    }

    fn call_cleared(&mut self, now: Moment, peer: CallId) {
        let Some(call) = self.calls.iter().find(|call| call.peer == Some(peer)) else {
            self.counters.strays += 1;
            return;
        };
        if let Some(own) = call.own {
            self.disconnect(own, NoticeResult::REQUEST);
        }
        self.drop_call(now, CallEnd::Cleared, |call| call.peer == Some(peer));
    }

    /// The notice bears the sender's number. A client that is no access concentrator sends one all
    /// the same when its PPP gives up.
    fn call_disconnected(&mut self, now: Moment, peer: CallId, end: CallEnd) {
        let Some(call) = self.calls.iter().find(|call| call.peer == Some(peer)) else {
            self.counters.strays += 1;
            return;
        };
        let end = match call.state {
            CallState::Clearing(_) => CallEnd::ByUs,
            _ => end,
        };
        self.drop_call(now, end, |call| call.peer == Some(peer));
    }

    fn stopped(&mut self, reason: StopReason) {
        self.say(&Message::StopReply(PlainResult::OK, ErrorCode::NONE));
        self.end(End::Stopped(reason));
    }

    pub(super) fn poll_calls(&mut self, now: Moment) {
        while let Some(place) =
            self.calls.iter().position(|call| call.deadline().is_some_and(|until| now >= until))
        {
            let call = self.calls.swap_remove(place);
            let end = match (call.state, self.settings.role) {
                (CallState::Clearing(_), _) => CallEnd::ByUs,
                (_, Role::Client) => {
                    if let Some(own) = call.own {
                        self.say(&Message::CallClear(own));
                    }
                    CallEnd::Unanswered
                }
                (_, Role::Server) => {
                    if let Some(peer) = call.peer {
                        self.reply(CallId(0), peer, CallResult::TIME_OUT, ErrorCode::NONE);
                    }
                    CallEnd::RefusedByUs
                }
            };
            self.events.push_back(Event::CallDown { call: call.own, peer: call.peer, end });
            self.callless = now;
        }
    }

    pub(super) fn drop_call(&mut self, now: Moment, end: CallEnd, which: impl Fn(&Call) -> bool) {
        if let Some(place) = self.calls.iter().position(which) {
            let call = self.calls.swap_remove(place);
            self.events.push_back(Event::CallDown { call: call.own, peer: call.peer, end });
            self.callless = now;
        }
    }

    /// All is over: calls first, then the connection.
    pub(super) fn end(&mut self, end: End) {
        self.state = State::Down;
        for call in self.calls.drain(..) {
            let end = CallEnd::ControlDown;
            self.events.push_back(Event::CallDown { call: call.own, peer: call.peer, end });
        }
        self.events.push_back(Event::Down(end));
    }

    pub(super) fn disconnect(&mut self, call: CallId, result: NoticeResult) {
        self.say(&Message::CallDisconnect {
            call,
            result,
            error: ErrorCode::NONE,
            cause: Cause(0),
            statistics: Statistics::default(),
        });
    }

    pub(super) fn reply(
        &mut self,
        call: CallId,
        peer: CallId,
        result: CallResult,
        error: ErrorCode,
    ) {
        self.say(&Message::OutgoingReply(OutgoingReply {
            call,
            peer,
            result,
            error,
            cause: Cause(0),
            speed: super::BPS_MAX,
            window: self.settings.window,
            delay: 0,
            channel: 0,
        }));
    }

    pub(super) fn start(&self) -> Start {
        Start {
            version: VERSION,
            framing: EITHER,
            bearer: EITHER,
            channels_max: 0,
            firmware: self.settings.firmware,
            host: self.settings.host.clone(),
            vendor: self.settings.vendor.clone(),
        }
    }

    pub(super) fn say(&mut self, message: &Message) {
        message.encode(&mut self.output);
    }
}
