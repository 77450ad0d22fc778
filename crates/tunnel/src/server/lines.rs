//! Control connections of PPTP clients (RFC 2637 §3): who calls, who is turned away, and the call
//! that ends.
//!
//! A client of whom nobody knows who he is has a place among the half open ones, for his connection
//! or for his call; without one he is told that there is no room. Calls beyond a limit are declined
//! with "no resource" (result 2, error 4), as the RFC has it; one with a number that another client
//! behind the same address has chosen, too, with "bad call id" (error 5), so that he chooses again.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::call::{CallEnd, Control, End, Event, Limits, Role, Settings};
use menshen_tunnel_core::pptp::control::{CallResult, ErrorCode, NoticeResult, StopReason, Text};
use menshen_tunnel_core::time::Moment;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::call::{ServerCall, WINDOW, Wires};
use super::door::{Door, HalfOpen, Task};
use super::facts::Bearer;
use super::hub::Local;
use super::seat::Seat;
use super::session;
use crate::pptp::Lost;
use crate::pptp::line::Line;

/// Takes control connections, for ever.
pub(super) async fn accept(door: Rc<Door>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((tcp, client)) => take(&door, tcp, client.ip()),
            // Out of descriptors, as a rule: others may end meanwhile.
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// Begins with a connection, or closes it at once.
fn take(door: &Rc<Door>, tcp: TcpStream, client: IpAddr) {
    let own = tcp.local_addr().map(|own| own.ip().to_canonical());
    // GRE of IPv6 is not PPTP's.
    let (IpAddr::V4(client), Ok(IpAddr::V4(own))) = (client.to_canonical(), own) else { return };
    let limits = &door.settings.limits;
    if door.lines.get() >= limits.sessions + limits.half_open {
        door.count(|counters| counters.half_open_limited += 1);
        return;
    }
    let Some(half_open) = door.half_open(client.into()) else { return };
    // Its packets may come as soon as it has been told its number.
    let Ok(socket) = door.hub.listen(own, client) else {
        return door.count(|counters| counters.control_connections_failed += 1);
    };
    // Small messages, each awaited.
    let _ = tcp.set_nodelay(true);
    door.count(|counters| counters.control_connections += 1);
    let desk = Desk::new(door.clone(), tcp, (client, socket), half_open);
    tokio::task::spawn_local(desk.serve(door.task()));
}

/// One control connection.
#[derive(Debug)]
struct Desk {
    door: Rc<Door>,
    line: Line,
    client: Ipv4Addr,
    socket: Rc<Local>,
    /// While there is no call.
    half_open: Option<HalfOpen>,
    /// Until when somebody is to have come in by it; `None`: somebody has.
    known_by: Option<Moment>,
    /// Calls that are up.
    calls: HashMap<CallId, UpCall>,
    clear: mpsc::UnboundedSender<CallId>,
    cleared: mpsc::UnboundedReceiver<CallId>,
    had_calls: bool,
    _counted: OpenLine,
}

/// A call that is up.
#[derive(Debug)]
struct UpCall {
    seat: Rc<Seat>,
    /// Is told when it is not any more.
    tell: oneshot::Sender<Lost>,
}

/// Counts a control connection for as long as it is there.
#[derive(Debug)]
struct OpenLine(Rc<Door>);

impl OpenLine {
    fn new(door: Rc<Door>) -> Self {
        step(&door.lines, 1);
        Self(door)
    }
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        step(&self.0.lines, -1);
    }
}

impl Desk {
    fn new(
        door: Rc<Door>,
        tcp: TcpStream,
        (client, socket): (Ipv4Addr, Rc<Local>),
        half_open: HalfOpen,
    ) -> Self {
        let control = Control::new(settings(&door), door.clock.now());
        let (clear, cleared) = mpsc::unbounded_channel();
        Self {
            line: Line::new(tcp, control, door.clock),
            _counted: OpenLine::new(door.clone()),
            client,
            socket,
            known_by: Some(half_open.by),
            half_open: Some(half_open),
            calls: HashMap::new(),
            clear,
            cleared,
            had_calls: false,
            door,
        }
    }

    async fn serve(mut self, task: Task) {
        let mut stopping = self.door.stopping.subscribe();
        let mut stop = pin!(async move {
            // The sender is the door's, which is held.
            let _ = stopping.wait_for(|stops| *stops).await;
        });
        let (mut is_stopping, mut has_said_so, mut was_late) = (false, false, false);
        let end = loop {
            let now = self.door.clock.now();
            self.line.control.poll(now);
            if let Some(end) = self.events() {
                break end;
            }
            if self.is_late(now) {
                self.known_by = None;
                was_late = true;
                self.line.control.stop(now, StopReason::NONE);
                continue;
            }
            if is_stopping && self.calls.is_empty() && !has_said_so {
                has_said_so = true;
                self.line.control.stop(now, StopReason::LOCAL_SHUTDOWN);
                continue;
            }
            let stop = (!is_stopping).then_some(stop.as_mut());
            is_stopping |= self.wait(stop).await;
        };
        // What was said last goes out, if TCP takes it.
        poll_fn(|cx| {
            let _ = self.line.poll(cx);
            Poll::Ready(())
        })
        .await;
        let is_late = was_late || end == End::Callless;
        if matches!(end, End::Timeout { .. }) || (is_late && !self.had_calls) {
            self.door.count(|counters| counters.half_open_timeouts += 1);
        }
        for (_, call) in self.calls.drain() {
            // A session that is gone need not be told.
            let _ = call.tell.send(Lost::Control(end.clone()));
        }
        drop((self, task));
    }

    /// Waits until there is something to do; whether the server stops.
    async fn wait(&mut self, stop: Option<Pin<&mut impl Future<Output = ()>>>) -> bool {
        let clock = self.door.clock;
        let deadline = [self.line.control.deadline(), self.known_by].into_iter().flatten().min();
        let deadline = deadline.map(|at| clock.instant(at));
        let deadline = deadline.unwrap_or_else(|| clock.instant(clock.now()));
        let mut sleep = pin!(tokio::time::sleep_until(deadline));
        let mut stop = stop;
        poll_fn(|cx| {
            if let Some(stop) = &mut stop
                && stop.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(true);
            }
            let mut ready = self.line.poll(cx).is_ready() || sleep.as_mut().poll(cx).is_ready();
            while let Poll::Ready(Some(call)) = self.cleared.poll_recv(cx) {
                ready = true;
                self.clear(call);
            }
            if ready { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    /// A session is over: its call is.
    fn clear(&mut self, call: CallId) {
        let now = self.door.clock.now();
        // It may have ended by itself.
        let _ = self.line.control.clear(now, call, NoticeResult::ADMIN_SHUTDOWN);
        self.note_user();
        self.calls.remove(&call);
        self.await_call();
    }

    /// Whether nobody has come in by this connection in the time there is for it. Calls that are
    /// asked for one after the other all have that one time.
    fn is_late(&mut self, now: Moment) -> bool {
        self.note_user();
        self.known_by.is_some_and(|by| by <= now)
    }

    fn note_user(&mut self) {
        if self.calls.values().any(|call| call.seat.user.borrow().is_some()) {
            self.known_by = None;
        }
    }

    /// Without a call, a connection is half open again. It is bounded in time if in nothing else.
    fn await_call(&mut self) {
        if self.calls.is_empty() && self.half_open.is_none() {
            self.half_open = self.door.half_open(self.client.into());
        }
    }

    /// Takes what the control connection has to tell; why it is over, if it is.
    fn events(&mut self) -> Option<End> {
        while let Some(event) = self.line.control.next_event() {
            match event {
                Event::CallAsked { peer, window, .. } => self.asked(peer, window),
                // The end of the connection, which follows, says more.
                Event::CallDown { end: CallEnd::ControlDown, .. } => {}
                Event::CallDown { call: Some(call), end, .. } => {
                    self.note_user();
                    if let Some(call) = self.calls.remove(&call) {
                        let _ = call.tell.send(Lost::Call(end));
                    }
                    self.await_call();
                }
                Event::Down(end) => return Some(end),
                Event::Established | Event::CallUp(_) | Event::CallDown { call: None, .. } => {}
            }
        }
        None
    }

    fn asked(&mut self, peer: CallId, window: u16) {
        let error = if self.door.hub.is_in_use(&self.socket, self.client, peer) {
            ErrorCode::BAD_CALL_ID
        } else if self.take_call(peer, window).is_none() {
            ErrorCode::NO_RESOURCE
        } else {
            return;
        };
        let (now, result) = (self.door.clock.now(), CallResult::GENERAL_ERROR);
        let _ = self.line.control.refuse(now, peer, result, error);
    }

    /// Takes a call; `None`: there is no room for it.
    fn take_call(&mut self, peer: CallId, window: u16) -> Option<()> {
        let Self { door, client, .. } = self;
        if *door.stopping.borrow() || door.retired.get() {
            return None;
        }
        if door.is_full() {
            door.count(|counters| counters.sessions_limited += 1);
            return None;
        }
        let source = IpAddr::V4(*client);
        let mut half_open = self.half_open.take().or_else(|| door.half_open(source))?;
        half_open.by = self.known_by.unwrap_or(half_open.by);
        let mailbox = door.hub.open_call(&self.socket, *client, peer)?;
        let (tell, over) = oneshot::channel();
        let call = mailbox.call;
        let wires = Wires { over, clear: self.clear.clone() };
        let carrier = ServerCall::new(door.hub.clone(), mailbox, window, wires, door.clock);
        self.line.control.accept(peer, call).ok()?;
        self.had_calls = true;
        let seat = door.seat(source, Bearer::Pptp, half_open);
        self.calls.insert(call, UpCall { seat: seat.clone(), tell });
        tokio::task::spawn_local(session::run(door.clone(), seat, carrier, door.task()));
        Some(())
    }
}

fn settings(door: &Door) -> Settings {
    let (pptp, times) = (&door.settings.pptp, &door.settings.times);
    Settings {
        role: Role::Server,
        host: Text::new(&pptp.host),
        vendor: Text::new(&pptp.vendor),
        firmware: 1,
        window: WINDOW,
        limits: Limits {
            establish: times.half_open,
            answer: times.half_open,
            callless: times.half_open,
            echo_after: times.hello,
            echo_within: times.hello,
            ..Limits::default()
        },
    }
}

fn step(count: &Cell<usize>, by: isize) {
    count.set(count.get().saturating_add_signed(by));
}

/// How long accepting rests when it fails.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
