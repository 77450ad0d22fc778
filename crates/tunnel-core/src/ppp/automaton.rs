//! The option negotiation automaton (RFC 1661 section 4): its table, counters and timer.
//!
//! Pure states and events; packets are [`super::layer`]'s. It must never act on an event that the
//! table calls impossible: such an event changes nothing. The passive and restart options of the
//! table are not taken.

use super::settings::Limits;
use crate::time::Moment;
use core::time::Duration;

/// The ten states, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// 0: the lower layer is down, nobody has asked.
    Initial,
    /// 1: the lower layer is down, and it was asked for.
    Starting,
    /// 2: the lower layer is up, nobody has asked.
    Closed,
    /// 3: asked for, over; a request of the peer begins anew.
    Stopped,
    /// 4: the end was asked for here.
    Closing,
    /// 5: the end was asked for by the peer, or something went wrong.
    Stopping,
    /// 6: our request is out.
    ReqSent,
    /// 7: and was accepted.
    AckRcvd,
    /// 8: the peer's was accepted.
    AckSent,
    /// 9: both were.
    Opened,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happening {
    /// Up: the lower layer is up.
    Up,
    /// Down: the lower layer is down.
    Down,
    /// Open: the owner wants it.
    Open,
    /// Close: the owner does not want it any more.
    Close,
    /// TO+: the timer ran out, and a try is left.
    TimeoutMore,
    /// TO-: the timer ran out after the last try.
    TimeoutLast,
    /// RCR+: a good Configure-Request.
    GoodRequest,
    /// RCR-: a Configure-Request that cannot be accepted as it is.
    BadRequest,
    /// RCA: our request was accepted.
    Ack,
    /// RCN: our request was not accepted.
    Refusal,
    /// RTR: a Terminate-Request.
    TerminateRequest,
    /// RTA: a Terminate-Ack.
    TerminateAck,
    /// RUC: a code that is not known.
    UnknownCode,
    /// RXJ+: something was rejected that can be done without.
    HarmlessReject,
    /// RXJ-: something was rejected that cannot be done without.
    FatalReject,
    /// RXR: an Echo-Request, Echo-Reply or Discard-Request.
    Echo,
}

/// What is to be done, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// tlu: tell the upper layers that they may begin.
    LayerUp,
    /// tld: tell the upper layers to stop.
    LayerDown,
    /// tls: the lower layer is needed.
    LayerStarted,
    /// tlf: the lower layer is not needed any more.
    LayerFinished,
    /// irc: as many tries as there may be.
    InitCount,
    /// zrc: no try is left; wait for one more timeout.
    ZeroCount,
    /// scr: send a Configure-Request.
    SendRequest,
    /// sca: accept the peer's.
    SendAck,
    /// scn: refuse the peer's.
    SendRefusal,
    /// str: send a Terminate-Request.
    SendTerminate,
    /// sta: send a Terminate-Ack.
    SendTerminateAck,
    /// scj: send a Code-Reject.
    SendCodeReject,
    /// ser: send an Echo-Reply, if that is what was asked.
    SendEchoReply,
}

/// The table: what to do and the next state. `None`: cannot happen.
#[must_use]
pub const fn table(state: State, happening: Happening) -> Option<(&'static [Action], State)> {
    match happening {
        Happening::Up | Happening::Down | Happening::Open | Happening::Close => {
            administrative(state, happening)
        }
        Happening::TimeoutMore | Happening::TimeoutLast => timeout(state, happening),
        Happening::GoodRequest | Happening::BadRequest => request(state, happening),
        Happening::Ack | Happening::Refusal => answer(state, happening),
        Happening::TerminateRequest | Happening::TerminateAck => terminate(state, happening),
        Happening::UnknownCode
        | Happening::HarmlessReject
        | Happening::FatalReject
        | Happening::Echo => other(state, happening),
    }
}

/// One automaton with its counter and timer.
#[derive(Debug)]
pub struct Automaton {
    state: State,
    tries_left: u32,
    deadline: Option<Moment>,
    restart: Duration,
    max_configure: u32,
    max_terminate: u32,
}

impl Automaton {
    /// In state [`State::Initial`].
    #[must_use]
    pub const fn new(limits: &Limits) -> Self {
        Self {
            state: State::Initial,
            tries_left: 0,
            deadline: None,
            restart: limits.restart,
            max_configure: limits.max_configure,
            max_terminate: limits.max_terminate,
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When its timer runs out, while it runs.
    #[must_use]
    pub const fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Lets something happen; gives what is to be done.
    pub fn step(&mut self, now: Moment, happening: Happening) -> &'static [Action] {
        let Some((actions, next)) = table(self.state, happening) else { return &[] };
        for action in actions {
            match action {
                Action::InitCount if actions.contains(&Action::SendTerminate) => {
                    self.tries_left = self.max_terminate;
                }
                Action::InitCount => self.tries_left = self.max_configure,
                Action::ZeroCount => {
                    self.tries_left = 0;
                    self.deadline = Some(now + self.restart);
                }
                Action::SendRequest | Action::SendTerminate => {
                    self.tries_left = self.tries_left.saturating_sub(1);
                    self.deadline = Some(now + self.restart);
                }
                _ => {}
            }
        }
        self.state = next;
        if !next.waits() {
            self.deadline = None;
        }
        actions
    }

    /// What has happened by the clock: a timeout if the timer has run out.
    #[must_use]
    pub fn timeout(&self, now: Moment) -> Option<Happening> {
        let due = self.deadline.is_some_and(|deadline| deadline <= now);
        match self.tries_left {
            _ if !due => None,
            0 => Some(Happening::TimeoutLast),
            _ => Some(Happening::TimeoutMore),
        }
    }
}

impl State {
    /// Whether the restart timer runs in it.
    #[must_use]
    pub const fn waits(self) -> bool {
        use State::{AckRcvd, AckSent, Closing, ReqSent, Stopping};
        matches!(self, Closing | Stopping | ReqSent | AckRcvd | AckSent)
    }

    /// Whether options are under negotiation in it.
    #[must_use]
    pub const fn negotiates(self) -> bool {
        matches!(self, Self::ReqSent | Self::AckRcvd | Self::AckSent)
    }
}

/// A cell of the table.
type Cell = Option<(&'static [Action], State)>;

const fn administrative(state: State, happening: Happening) -> Cell {
    use Action::{InitCount, LayerDown, LayerFinished, LayerStarted, SendRequest, SendTerminate};
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    Some(match (happening, state) {
        (Happening::Up, Initial) => (&[], Closed),
        (Happening::Up, Starting) => (&[InitCount, SendRequest], ReqSent),
        (Happening::Up, _) => return None,

        (Happening::Down, Initial | Starting) => return None,
        (Happening::Down, Closed | Closing) => (&[], Initial),
        (Happening::Down, Stopped) => (&[LayerStarted], Starting),
        (Happening::Down, Stopping | ReqSent | AckRcvd | AckSent) => (&[], Starting),
        (Happening::Down, Opened) => (&[LayerDown], Starting),

        (Happening::Open, Initial) => (&[LayerStarted], Starting),
        (Happening::Open, Closed) => (&[InitCount, SendRequest], ReqSent),
        (Happening::Open, Closing) => (&[], Stopping),
        (Happening::Open, same) => (&[], same),

        (_, Initial) => (&[], Initial),
        (_, Starting) => (&[LayerFinished], Initial),
        (_, Closed | Stopped) => (&[], Closed),
        (_, Closing | Stopping) => (&[], Closing),
        (_, ReqSent | AckRcvd | AckSent) => (&[InitCount, SendTerminate], Closing),
        (_, Opened) => (&[LayerDown, InitCount, SendTerminate], Closing),
    })
}

const fn timeout(state: State, happening: Happening) -> Cell {
    use Action::{LayerFinished, SendRequest, SendTerminate};
    use State::{AckRcvd, AckSent, Closed, Closing, ReqSent, Stopped, Stopping};
    let more = matches!(happening, Happening::TimeoutMore);
    Some(match (more, state) {
        (true, Closing | Stopping) => (&[SendTerminate], state),
        (true, ReqSent | AckRcvd) => (&[SendRequest], ReqSent),
        (true, AckSent) => (&[SendRequest], AckSent),
        (false, Closing) => (&[LayerFinished], Closed),
        (false, Stopping | ReqSent | AckRcvd | AckSent) => (&[LayerFinished], Stopped),
        _ => return None,
    })
}

const fn request(state: State, happening: Happening) -> Cell {
    use Action::{
        InitCount, LayerDown, LayerUp, SendAck, SendRefusal, SendRequest, SendTerminateAck,
    };
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    let good = matches!(happening, Happening::GoodRequest);
    Some(match (good, state) {
        (_, Initial | Starting) => return None,
        (_, Closed) => (&[SendTerminateAck], Closed),
        (_, Closing | Stopping) => (&[], state),
        (true, Stopped) => (&[InitCount, SendRequest, SendAck], AckSent),
        (true, ReqSent | AckSent) => (&[SendAck], AckSent),
        (true, AckRcvd) => (&[SendAck, LayerUp], Opened),
        (true, Opened) => (&[LayerDown, SendRequest, SendAck], AckSent),
        (false, Stopped) => (&[InitCount, SendRequest, SendRefusal], ReqSent),
        (false, ReqSent | AckSent) => (&[SendRefusal], ReqSent),
        (false, AckRcvd) => (&[SendRefusal], AckRcvd),
        (false, Opened) => (&[LayerDown, SendRequest, SendRefusal], ReqSent),
    })
}

const fn answer(state: State, happening: Happening) -> Cell {
    use Action::{InitCount, LayerDown, LayerUp, SendRequest, SendTerminateAck};
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    let ack = matches!(happening, Happening::Ack);
    Some(match (ack, state) {
        (_, Initial | Starting) => return None,
        (_, Closed | Stopped) => (&[SendTerminateAck], state),
        (_, Closing | Stopping) => (&[], state),
        (true, ReqSent) => (&[InitCount], AckRcvd),
        (true, AckSent) => (&[InitCount, LayerUp], Opened),
        (false, ReqSent) => (&[InitCount, SendRequest], ReqSent),
        (false, AckSent) => (&[InitCount, SendRequest], AckSent),
        // Crossed connections: what was agreed belongs to another negotiation.
        (_, AckRcvd) => (&[SendRequest], ReqSent),
        (_, Opened) => (&[LayerDown, SendRequest], ReqSent),
    })
}

const fn terminate(state: State, happening: Happening) -> Cell {
    use Action::{LayerDown, LayerFinished, SendRequest, SendTerminateAck, ZeroCount};
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    let asked = matches!(happening, Happening::TerminateRequest);
    Some(match (asked, state) {
        (_, Initial | Starting) => return None,
        (true, Closed | Stopped | Closing | Stopping) => (&[SendTerminateAck], state),
        (true, ReqSent | AckRcvd | AckSent) => (&[SendTerminateAck], ReqSent),
        (true, Opened) => (&[LayerDown, ZeroCount, SendTerminateAck], Stopping),
        (false, Closed | Stopped) => (&[], state),
        (false, Closing) => (&[LayerFinished], Closed),
        (false, Stopping) => (&[LayerFinished], Stopped),
        (false, ReqSent | AckRcvd) => (&[], ReqSent),
        (false, AckSent) => (&[], AckSent),
        (false, Opened) => (&[LayerDown, SendRequest], ReqSent),
    })
}

const fn other(state: State, happening: Happening) -> Cell {
    use Action::{
        InitCount, LayerDown, LayerFinished, SendCodeReject, SendEchoReply, SendTerminate,
    };
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    Some(match (happening, state) {
        (_, Initial | Starting) => return None,
        (Happening::UnknownCode, _) => (&[SendCodeReject], state),
        (Happening::HarmlessReject, AckRcvd) => (&[], ReqSent),
        (Happening::HarmlessReject, _) => (&[], state),
        (Happening::FatalReject, Closed | Closing) => (&[LayerFinished], Closed),
        (Happening::FatalReject, Opened) => (&[LayerDown, InitCount, SendTerminate], Stopping),
        (Happening::FatalReject, Stopped | Stopping | ReqSent | AckRcvd | AckSent) => {
            (&[LayerFinished], Stopped)
        }
        (_, Opened) => (&[SendEchoReply], Opened),
        (_, _) => (&[], state),
    })
}

#[cfg(test)]
mod tests;
