//! Every cell of the table against RFC 1661 section 4.1, written here in the RFC's own words.

use alloc::vec::Vec;

use super::*;

/// A line for each event, a column for each state 0 to 9: actions, then `/` and the next state.
const RFC: &[(Happening, &str)] = &[
    (Happening::Up, "2 irc,scr/6 - - - - - - - -"),
    (Happening::Down, "- - 0 tls/1 0 1 1 1 1 tld/1"),
    (Happening::Open, "tls/1 1 irc,scr/6 3 5 5 6 7 8 9"),
    (Happening::Close, "0 tlf/0 2 2 4 4 irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4"),
    (Happening::TimeoutMore, "- - - - str/4 str/5 scr/6 scr/6 scr/8 -"),
    (Happening::TimeoutLast, "- - - - tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 -"),
    (Happening::GoodRequest, "- - sta/2 irc,scr,sca/8 4 5 sca/8 sca,tlu/9 sca/8 tld,scr,sca/8"),
    (Happening::BadRequest, "- - sta/2 irc,scr,scn/6 4 5 scn/6 scn/7 scn/6 tld,scr,scn/6"),
    (Happening::Ack, "- - sta/2 sta/3 4 5 irc/7 scr/6 irc,tlu/9 tld,scr/6"),
    (Happening::Refusal, "- - sta/2 sta/3 4 5 irc,scr/6 scr/6 irc,scr/8 tld,scr/6"),
    (Happening::TerminateRequest, "- - sta/2 sta/3 sta/4 sta/5 sta/6 sta/6 sta/6 tld,zrc,sta/5"),
    (Happening::TerminateAck, "- - 2 3 tlf/2 tlf/3 6 6 8 tld,scr/6"),
    (Happening::UnknownCode, "- - scj/2 scj/3 scj/4 scj/5 scj/6 scj/7 scj/8 scj/9"),
    (Happening::HarmlessReject, "- - 2 3 4 5 6 6 8 9"),
    (Happening::FatalReject, "- - tlf/2 tlf/3 tlf/2 tlf/3 tlf/3 tlf/3 tlf/3 tld,irc,str/5"),
    (Happening::Echo, "- - 2 3 4 5 6 7 8 ser/9"),
];

const STATES: [State; 10] = [
    State::Initial,
    State::Starting,
    State::Closed,
    State::Stopped,
    State::Closing,
    State::Stopping,
    State::ReqSent,
    State::AckRcvd,
    State::AckSent,
    State::Opened,
];

fn word(action: Action) -> &'static str {
    match action {
        Action::LayerUp => "tlu",
        Action::LayerDown => "tld",
        Action::LayerStarted => "tls",
        Action::LayerFinished => "tlf",
        Action::InitCount => "irc",
        Action::ZeroCount => "zrc",
        Action::SendRequest => "scr",
        Action::SendAck => "sca",
        Action::SendRefusal => "scn",
        Action::SendTerminate => "str",
        Action::SendTerminateAck => "sta",
        Action::SendCodeReject => "scj",
        Action::SendEchoReply => "ser",
    }
}

#[test]
fn every_cell_is_the_rfcs() {
    assert_eq!(RFC.len(), 16);
    let mut cells = 0;
    for (happening, line) in RFC {
        let columns: Vec<_> = line.split(' ').collect();
        assert_eq!(columns.len(), STATES.len(), "{happening:?}");
        for (state, cell) in STATES.into_iter().zip(columns) {
            let ours = table(state, *happening).map(|(actions, next)| {
                let words: Vec<_> = actions.iter().copied().map(word).collect();
                (words, next)
            });
            let theirs = (cell != "-").then(|| {
                let (actions, next) = cell.split_once('/').unwrap_or(("", cell));
                let words: Vec<_> = actions.split(',').filter(|word| !word.is_empty()).collect();
                (words, STATES[next.parse::<usize>().unwrap()])
            });
            assert_eq!(ours, theirs, "{state:?} {happening:?}");
            cells += 1;
        }
    }
    assert_eq!(cells, 160);
}

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

#[test]
fn ten_requests_three_seconds_apart_then_the_end() {
    let mut automaton = Automaton::new(&Limits::default());
    automaton.step(at(0), Happening::Open);
    assert_eq!(automaton.deadline(), None);
    let mut requests = 0;
    let mut actions = automaton.step(at(0), Happening::Up);
    let mut now = 0;
    while actions.contains(&Action::SendRequest) {
        requests += 1;
        assert_eq!(automaton.deadline(), Some(at(now + 3)));
        assert_eq!(automaton.timeout(at(now + 2)), None);
        now += 3;
        let timeout = automaton.timeout(at(now)).unwrap();
        actions = automaton.step(at(now), timeout);
    }
    // pppd gave up after ten tries, three seconds each.
    assert_eq!((requests, now, actions), (10, 30, &[Action::LayerFinished][..]));
    assert_eq!((automaton.state(), automaton.deadline()), (State::Stopped, None));
}

#[test]
fn two_requests_to_terminate_and_one_timeout_after_the_peers() {
    let mut automaton = Automaton::new(&Limits::default());
    for happening in [Happening::Open, Happening::Up, Happening::Ack, Happening::GoodRequest] {
        automaton.step(at(0), happening);
    }
    assert_eq!((automaton.state(), automaton.deadline()), (State::Opened, None));
    automaton.step(at(1), Happening::Close);
    assert_eq!(automaton.timeout(at(4)), Some(Happening::TimeoutMore));
    automaton.step(at(4), Happening::TimeoutMore);
    assert_eq!(automaton.timeout(at(7)), Some(Happening::TimeoutLast));
    automaton.step(at(7), Happening::TimeoutLast);
    assert_eq!(automaton.state(), State::Closed);

    let mut automaton = Automaton::new(&Limits::default());
    for happening in [Happening::Open, Happening::Up, Happening::Ack, Happening::GoodRequest] {
        automaton.step(at(0), happening);
    }
    automaton.step(at(1), Happening::TerminateRequest);
    assert_eq!(automaton.state(), State::Stopping);
    assert_eq!(automaton.timeout(at(3)), None);
    assert_eq!(automaton.timeout(at(4)), Some(Happening::TimeoutLast));
}

#[test]
fn the_timer_runs_in_the_states_that_have_timeouts_and_in_no_other() {
    for state in STATES {
        let listed = table(state, Happening::TimeoutMore).is_some();
        assert_eq!(state.waits(), listed, "{state:?}");
    }
}
