//! One call that is tried: greeting, call, GRE with LCP both ways, and the end of it in good order.
//!
//! It stops before authentication. Every step has its time ([`GREETING_WITHIN`],
//! [`CALL_WITHIN`], [`GRE_WITHIN`], [`ECHO_WITHIN`]); what was seen is in the capture of
//! [`Ear`], and here only what no capture shows.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use menshen_explain_core::tunnel::live::Attempt;
use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::call::{CallUp, Control, Event, Limits, Role, Settings};
use menshen_tunnel_core::pptp::control::{NoticeResult, StopReason, Text};
use menshen_tunnel_core::time::Moment;
use rustix::event::{PollFd, PollFlags};
use socket2::Socket;

use super::ear::Ear;
use super::gre::Gre;
use super::lcp::Lcp;
use super::{random, wait};

/// What is needed for a call.
pub(super) struct Ground<'a> {
    pub(super) ear: &'a mut Ear,
    pub(super) gre: &'a Socket,
    pub(super) server: Ipv4Addr,
    /// Longest packet that the interface takes, in octets.
    pub(super) mtu: u16,
    /// Whether the server's methods of authentication are still to be found out.
    pub(super) methods: Methods,
    pub(super) say: &'a mut dyn FnMut(&str),
}

/// Whether a call looks for methods of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Methods {
    /// It does, as far as it comes.
    Wanted,
    /// Another one did.
    Known,
}

/// Tries a call by our number `id` on this connection. Whether LCP came up is the second value.
pub(super) fn attempt(ground: &mut Ground<'_>, tcp: TcpStream, id: u16) -> (Attempt, Ended) {
    let port = tcp.local_addr().map_or(0, |address| address.port());
    let mut facts = Attempt {
        port,
        id,
        sent: 0,
        received: 0,
        seen: 0,
        forbidden: None,
        echoes_sent: Vec::new(),
        echoes_answered: Vec::new(),
        echoes_max: None,
        methods: None,
    };
    let ended = match Line::new(tcp) {
        Ok(mut line) => {
            let seen_before = ground.ear.gre_seen;
            let ended = line.talk(ground, id, &mut facts);
            facts.seen = ground.ear.gre_seen - seen_before;
            line.end(ground, id);
            ended
        }
        Err(_) => Ended::NoCall,
    };
    (facts, ended)
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The control connection did not come to a call.
    NoCall,
    /// The server refused the call.
    Refused,
    /// A call, and no LCP.
    Unheard,
    /// LCP is up: GRE passes both ways.
    Up,
}

/// The control connection.
struct Line {
    tcp: TcpStream,
    control: Control,
    begin: Instant,
    closed: bool,
}

impl Line {
    fn new(tcp: TcpStream) -> io::Result<Self> {
        tcp.set_nonblocking(true)?;
        tcp.set_nodelay(true)?;
        let limits =
            Limits { establish: GREETING_WITHIN, answer: CALL_WITHIN, ..Limits::default() };
        let settings = Settings {
            role: Role::Client,
            host: Text::new(""),
            vendor: Text::new("menshen"),
            firmware: 1,
            window: WINDOW,
            limits,
        };
        let control = Control::new(settings, Moment::default());
        Ok(Self { tcp, control, begin: Instant::now(), closed: false })
    }

    fn talk(&mut self, ground: &mut Ground<'_>, id: u16, facts: &mut Attempt) -> Ended {
        (ground.say)("greeting the PPTP server");
        let mut asked = false;
        loop {
            self.turn(ground.ear, None, self.begin + GREETING_WITHIN + CALL_WITHIN);
            while let Some(event) = self.control.next_event() {
                match event {
                    Event::Established if !asked => {
                        asked = true;
                        (ground.say)("asking for a call");
                        let _ = self.control.call(self.now(), CallId(id));
                    }
                    Event::CallUp(up) => return self.gre(ground, &up, facts),
                    Event::CallDown { .. } if !self.closed => return Ended::Refused,
                    Event::CallDown { .. } | Event::Down(_) => return Ended::NoCall,
                    Event::Established | Event::CallAsked { .. } => {}
                }
            }
            let late = self.begin.elapsed() > GREETING_WITHIN + CALL_WITHIN;
            if self.closed || late {
                return Ended::NoCall;
            }
        }
    }

    /// GRE with LCP in it, until it is up or the time is over.
    fn gre(&mut self, ground: &mut Ground<'_>, up: &CallUp, facts: &mut Attempt) -> Ended {
        (ground.say)(&format!("sending GRE, call id {}", up.call));
        let mut gre = Gre::new(ground.gre, ground.server, up.call, up.peer);
        let mut lcp = Lcp::new(random());
        gre.decoy();
        let begin = Instant::now();
        let (mut until, mut next) = (begin + GRE_WITHIN, begin);
        let (mut hung_up, mut asked) = (false, 0);
        // Time alone does not count: a machine that stood still has heard nothing meanwhile.
        while Instant::now() < until || asked < ASKS_MIN && !hung_up && !lcp.is_taken() {
            if Instant::now() >= next && !lcp.is_taken() && !hung_up {
                next = Instant::now() + ASK_EVERY;
                asked += 1;
                gre.send(&lcp.ask());
            }
            let wake = if hung_up || lcp.is_taken() { until } else { next };
            self.turn(ground.ear, Some(&gre), wake.max(Instant::now() + STEP));
            let was_taken = lcp.is_taken();
            answer(&mut gre, &mut lcp);
            if lcp.is_taken() && !was_taken {
                // Its own request may have been lost: it comes again.
                until = until.max(begin + REPEATED_WITHIN);
            }
            while self.control.next_event().is_some() {}
            if lcp.is_open() {
                break;
            }
            if self.closed && !hung_up {
                hung_up = true;
                until = until.min(Instant::now() + LAST_WORDS);
            }
        }
        let is_up = lcp.is_open();
        if is_up {
            self.echoes(ground, &mut gre, &mut lcp, facts);
            if ground.methods == Methods::Wanted {
                self.methods(ground, &mut gre, &mut lcp, facts);
            }
        }
        ground.ear.hear();
        facts.sent = gre.sent;
        facts.received = gre.received;
        facts.forbidden = gre.forbidden.take();
        if is_up { Ended::Up } else { Ended::Unheard }
    }

    /// Echoes of several lengths, all at once: what the longest is that comes back.
    fn echoes(
        &mut self,
        ground: &mut Ground<'_>,
        gre: &mut Gre<'_>,
        lcp: &mut Lcp,
        facts: &mut Attempt,
    ) {
        (ground.say)("measuring how long packets may be");
        let full = ground.mtu.saturating_sub(HEADERS).min(lcp.mru());
        let mut sizes: Vec<u16> = ECHO_SIZES.into_iter().filter(|size| *size < full).collect();
        // The longest last: servers wait for what is lost before they look at what follows.
        sizes.push(full);
        facts.echoes_max = Some(full + HEADERS);
        let _ = gre.whole();
        for size in &sizes {
            gre.send(&lcp.echo(*size));
            facts.echoes_sent.push(size + HEADERS);
        }
        let until = Instant::now() + ECHO_WITHIN;
        while Instant::now() < until && lcp.answered().len() < sizes.len() {
            self.turn(ground.ear, Some(gre), until);
            answer(gre, lcp);
        }
        facts.echoes_answered = lcp.answered().iter().map(|size| size + HEADERS).collect();
    }

    /// Which methods of authentication the server takes; last of all, for some servers end the
    /// link over it.
    fn methods(
        &mut self,
        ground: &mut Ground<'_>,
        gre: &mut Gre<'_>,
        lcp: &mut Lcp,
        facts: &mut Attempt,
    ) {
        let Some(first) = lcp.search() else { return };
        (ground.say)("asking which methods of authentication there are");
        gre.send(&first);
        let begin = Instant::now();
        let mut again = begin + ASK_EVERY;
        while lcp.searches() && begin.elapsed() < METHODS_WITHIN && !self.closed {
            let before = gre.received;
            self.turn(ground.ear, Some(gre), again.max(Instant::now() + STEP));
            answer(gre, lcp);
            if let Some(next) = lcp.anew() {
                gre.send(&next);
            } else if gre.received == before && Instant::now() >= again {
                gre.send(&lcp.ask());
            } else if gre.received == before {
                continue;
            }
            again = Instant::now() + ASK_EVERY;
        }
        facts.methods = lcp.methods();
    }

    /// Takes leave; what comes meanwhile is still heard.
    fn end(mut self, ground: &mut Ground<'_>, id: u16) {
        if self.control.clear(self.now(), CallId(id), NoticeResult::ADMIN_SHUTDOWN).is_ok() {
            self.turn(ground.ear, None, Instant::now() + FAREWELL_WITHIN);
        }
        self.control.stop(self.now(), StopReason::NONE);
        self.turn(ground.ear, None, Instant::now() + FAREWELL_WITHIN);
        let _ = self.tcp.shutdown(std::net::Shutdown::Both);
        drop(self.tcp);
        std::thread::sleep(LAST_PACKETS);
        ground.ear.hear();
    }

    fn now(&self) -> Moment {
        Moment(self.begin.elapsed())
    }

    /// Sends what is to be sent, waits until something comes or the time is over, takes what came.
    fn turn(&mut self, ear: &mut Ear, gre: Option<&Gre<'_>>, until: Instant) {
        let now = self.now();
        self.control.poll(now);
        let mut out = Vec::new();
        if self.control.output(&mut out) && !self.closed {
            // A few hundred octets: the socket has room, or is broken.
            let _ = self.tcp.write_all(&out);
        }
        let mut polled = vec![PollFd::new(&*ear, PollFlags::IN)];
        if !self.closed {
            polled.push(PollFd::new(&self.tcp, PollFlags::IN));
        }
        if let Some(gre) = gre {
            polled.push(PollFd::new(gre, PollFlags::IN));
        }
        let deadline = self.control.deadline().map(|at| self.begin + at.0);
        wait(&mut polled, deadline.map_or(until, |at| at.min(until)));
        ear.hear();
        let mut buffer = [0; 2048];
        while !self.closed {
            match self.tcp.read(&mut buffer) {
                Ok(octets @ 1..) => {
                    let now = self.now();
                    self.control.input(now, buffer.get(..octets).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(0) | Err(_) => {
                    self.closed = true;
                    self.control.lower_down();
                }
            }
        }
        self.control.poll(self.now());
    }
}

fn answer(gre: &mut Gre<'_>, lcp: &mut Lcp) {
    while let Some(frame) = gre.receive() {
        if let Some(answer) = lcp.take(&frame) {
            gre.send(&answer);
        }
    }
}

/// From TCP's connection to the end of the greeting.
pub(super) const GREETING_WITHIN: Duration = Duration::from_millis(2500);
/// From the request for a call to its answer.
pub(super) const CALL_WITHIN: Duration = Duration::from_millis(2500);
/// For LCP to come up. Rules want some requests over two seconds before they call it silence.
pub(super) const GRE_WITHIN: Duration = Duration::from_millis(2600);
/// For a request of LCP of the server's: pppd and menshen repeat theirs after three seconds.
const REPEATED_WITHIN: Duration = Duration::from_millis(3400);
/// Requests of LCP, each with time for its answer.
const ASKS_MIN: u32 = 4;
/// Between requests of LCP.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// For echoes of several lengths.
pub(super) const ECHO_WITHIN: Duration = Duration::from_millis(700);
/// For a look at methods of authentication: some negotiations of a few round trips each.
pub(super) const METHODS_WITHIN: Duration = Duration::from_millis(1500);
/// For the answer to a farewell.
const FAREWELL_WITHIN: Duration = Duration::from_millis(150);
/// How long GRE is heard when the control connection has ended.
const LAST_WORDS: Duration = Duration::from_millis(400);
/// The last packets are still on their way through this host.
const LAST_PACKETS: Duration = Duration::from_millis(20);
/// The least that is waited.
const STEP: Duration = Duration::from_millis(5);
/// Packets that we say we hold unacknowledged.
const WINDOW: u16 = 64;
/// IPv4's header, GRE's with both numbers, and the head of a frame.
const HEADERS: u16 = 20 + 16 + 4;
/// Octets of packets of LCP, beside the longest that can pass.
const ECHO_SIZES: [u16; 5] = [500, 1200, 1300, 1360, 1400];
