//! GRE of all calls (raw(7), protocol 47): one socket for each address of ours that has control
//! connections, and whose packet is whose.
//!
//! A packet belongs to the call that has its sender's address, its key and the address it came to;
//! from any other address it is nobody's, whatever its key. Each raw socket is bound to its own
//! address, so that no packet is received twice, and answers leave from the address the client
//! knows. Packets lie in buffers that go round: no packet that comes is copied or costs an
//! allocation. A system call moves up to 64 packets: what sessions send in their turn leaves at its
//! end. What finds no room is dropped and counted; ICMP ends nothing.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use menshen_sys::batch;
use menshen_sys::lease::Leases;
use menshen_tunnel_core::pptp::gre::quoted_call;
use menshen_tunnel_core::pptp::ids::CallIds;
use menshen_tunnel_core::pptp::{CallId, IP_PROTOCOL};
use menshen_tunnel_core::time::Moment;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::counts::{Counts, Row};
use super::facts::CallCount;
use crate::clock::Clock;
use crate::datagrams::{BATCH, Outbox};
use crate::pptp::{forget, widen};
use crate::readiness::watched;

/// All calls' GRE.
#[derive(Debug)]
pub(super) struct Hub {
    clock: Clock,
    /// Numbers that other processes have given out, whose packets come here, too.
    leases: Option<Rc<Leases>>,
    state: RefCell<State>,
    sockets: RefCell<HashMap<Ipv4Addr, Rc<Local>>>,
    /// Packets that were for no call.
    pub(super) unknown: Cell<u64>,
    /// Packets that found no room.
    pub(super) crowded: Cell<u64>,
}

#[derive(Debug, Default)]
struct State {
    calls: HashMap<(Ipv4Addr, CallId), Rc<Mailbox>>,
    ids: CallIds,
    counts: Counts,
    /// Buffers that nobody uses.
    spare: Vec<Box<[u8]>>,
    /// Buffers that there are.
    made: usize,
}

/// The socket of one address of ours.
#[derive(Debug)]
pub(super) struct Local {
    address: Ipv4Addr,
    socket: AsyncFd<Socket>,
    /// It takes nothing until it is ready for writing.
    full: Cell<bool>,
    /// Who waits for that.
    waiting: RefCell<Vec<Waker>>,
    /// Its own task.
    task: RefCell<Option<Waker>>,
    /// Buffers for the packets that come next: few until a batch has filled them.
    rooms: RefCell<Vec<Box<[u8]>>>,
    /// Packets that are to be sent.
    out: RefCell<Outbox>,
}

/// One call's packets, until its session takes them.
#[derive(Debug)]
pub(super) struct Mailbox {
    client: Ipv4Addr,
    /// Our number of the call.
    pub(super) call: CallId,
    /// The client's number of it.
    pub(super) peer: CallId,
    local: Rc<Local>,
    packets: RefCell<VecDeque<Packet>>,
    waker: RefCell<Option<Waker>>,
    seen: Cell<u64>,
    sent: Cell<u64>,
    last: Cell<Moment>,
}

/// A packet of GRE in its buffer.
#[derive(Debug)]
pub(super) struct Packet {
    buffer: Box<[u8]>,
    gre: Range<usize>,
}

impl Packet {
    /// The packet, from behind IP's header.
    pub(super) fn octets(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.gre.clone()).unwrap_or_default()
    }
}

impl Hub {
    pub(super) fn new(clock: Clock, leases: Option<Rc<Leases>>) -> Self {
        Self {
            clock,
            leases,
            state: RefCell::default(),
            sockets: RefCell::default(),
            unknown: Cell::new(0),
            crowded: Cell::new(0),
        }
    }

    /// The socket of an address of ours, made when it is not there yet. A client has a control
    /// connection to that address: its packets are noted.
    pub(super) fn listen(
        self: &Rc<Self>,
        address: Ipv4Addr,
        client: Ipv4Addr,
    ) -> io::Result<Rc<Local>> {
        self.state.borrow_mut().counts.expect(self.clock.now(), client);
        if let Some(local) = self.sockets.borrow().get(&address) {
            return Ok(local.clone());
        }
        if self.sockets.borrow().len() >= SOCKETS_MAX {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let socket = open()?;
        socket.bind(&SocketAddr::new(address.into(), 0).into())?;
        let local = Rc::new(Local {
            address,
            socket: watched(socket)?,
            full: Cell::new(false),
            waiting: RefCell::default(),
            task: RefCell::default(),
            rooms: RefCell::default(),
            out: RefCell::default(),
        });
        self.sockets.borrow_mut().insert(address, local.clone());
        let (hub, socket) = (self.clone(), local.clone());
        tokio::task::spawn_local(async move { hub.receive(&socket).await });
        Ok(local)
    }

    /// A number and a place for a call that the client calls `peer`; `None`: there are too many.
    pub(super) fn open_call(
        &self,
        local: &Rc<Local>,
        client: Ipv4Addr,
        peer: CallId,
    ) -> Option<Rc<Mailbox>> {
        let mut random = [0; 2];
        // One that can be guessed is no danger: it is sent in clear.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let mut state = self.state.borrow_mut();
        let call = self.number(&mut state.ids, client, u16::from_ne_bytes(random))?;
        let mailbox = Rc::new(Mailbox {
            client,
            call,
            peer,
            local: local.clone(),
            packets: RefCell::default(),
            waker: RefCell::default(),
            seen: Cell::new(0),
            sent: Cell::new(0),
            last: Cell::new(self.clock.now()),
        });
        state.calls.insert((client, call), mailbox.clone());
        Some(mailbox)
    }

    /// A number that no call of this address has, here or in another process.
    fn number(&self, ids: &mut CallIds, client: Ipv4Addr, random: u16) -> Option<CallId> {
        let address = IpAddr::V4(client);
        let mut of_others = Vec::new();
        let number = loop {
            let Some(call) = ids.take(address, random) else { break None };
            // Where locks cannot be had at all, the server's own knowledge has to do.
            let free = |leases: &Rc<Leases>| leases.take(lease(client, call)).unwrap_or(true);
            if self.leases.as_ref().is_none_or(free) {
                break Some(call);
            }
            of_others.push(call);
        };
        for call in of_others {
            ids.give_back(address, call);
        }
        number
    }

    /// The call is over: its number is free, its packets are gone.
    pub(super) fn close_call(&self, mailbox: &Mailbox) {
        let mut state = self.state.borrow_mut();
        let Mailbox { client, call, .. } = *mailbox;
        state.calls.remove(&(client, call));
        state.ids.give_back(IpAddr::V4(client), call);
        if let Some(leases) = &self.leases {
            leases.give_back(lease(client, call));
        }
        state.counts.ended(self.clock.now(), client, mailbox.row());
        for packet in mailbox.packets.take() {
            state.put_back(packet.buffer);
        }
    }

    /// The session is done with a packet.
    pub(super) fn put_back(&self, packet: Packet) {
        self.state.borrow_mut().put_back(packet.buffer);
    }

    /// What came from an address and went to it, by call.
    pub(super) fn counts(&self, client: Ipv4Addr) -> Vec<CallCount> {
        let now = self.clock.now();
        let state = self.state.borrow();
        let mut counts = state.counts.of(now, client);
        let own = state.calls.values().filter(|mailbox| mailbox.client == client);
        counts.extend(own.map(|mailbox| mailbox.row().count(now)));
        counts
    }

    /// Takes what comes to a socket, for ever.
    async fn receive(&self, local: &Local) {
        poll_fn(|cx| {
            local.note_task(cx);
            if local.full.get() && local.socket.poll_write_ready(cx).is_ready() {
                local.full.set(false);
                local.flush();
                for waker in local.waiting.take() {
                    waker.wake();
                }
            }
            if local.socket.poll_read_ready(cx).is_ready() {
                if self.batch(local) {
                    // Sessions have their turn before the next batch.
                    cx.waker().wake_by_ref();
                } else if local.socket.poll_read_ready(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
            }
            Poll::<()>::Pending
        })
        .await;
    }

    /// Takes some packets; whether there may be more.
    fn batch(&self, local: &Local) -> bool {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        let mut rooms = local.rooms.borrow_mut();
        while rooms.len() < ROOMS_AT_FIRST
            && let Some(buffer) = state.buffer()
        {
            rooms.push(buffer);
        }
        if rooms.is_empty() {
            self.crowded.set(self.crowded.get() + 1);
            return true;
        }
        let mut lengths = [0; BATCH];
        let received = local
            .socket
            .try_io(Interest::READABLE, |socket| batch::receive(socket, &mut rooms, &mut lengths));
        let count = match received {
            Ok(count) => count,
            // What an ICMP message left on the socket is read away by any other error.
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        let is_full = count == rooms.len();
        for (buffer, octets) in rooms.drain(..count).zip(lengths) {
            self.deliver(&mut state, now, local, buffer, octets);
        }
        if is_full {
            let wanted = (count * 2).clamp(ROOMS_AT_FIRST, BATCH);
            rooms.extend(std::iter::from_fn(|| state.buffer()).take(wanted));
        } else {
            forget(&local.socket, Interest::READABLE);
        }
        is_full
    }

    fn deliver(
        &self,
        state: &mut State,
        now: Moment,
        local: &Local,
        buffer: Box<[u8]>,
        octets: usize,
    ) {
        // A packet that fills a buffer may have been cut.
        let packet = buffer.get(..octets).filter(|packet| packet.len() < BUFFER_OCTETS);
        let Some((client, call, gre)) = packet.and_then(sender_and_call) else {
            self.unknown.set(self.unknown.get() + 1);
            return state.put_back(buffer);
        };
        let mailbox = state.calls.get(&(client, call));
        let Some(mailbox) = mailbox.filter(|mailbox| mailbox.local.address == local.address) else {
            self.unknown.set(self.unknown.get() + 1);
            state.counts.stray(now, client, call);
            return state.put_back(buffer);
        };
        if let Some(packet) = mailbox.put(now, Packet { buffer, gre }) {
            self.crowded.set(self.crowded.get() + 1);
            state.put_back(packet.buffer);
        }
    }
}

/// The number of a call among all that are leased; addresses are below 2^32.
fn lease(client: Ipv4Addr, call: CallId) -> u64 {
    1 << 48 | u64::from(client.to_bits()) << 16 | u64::from(call.0)
}

impl State {
    fn buffer(&mut self) -> Option<Box<[u8]>> {
        if let Some(buffer) = self.spare.pop() {
            return Some(buffer);
        }
        if self.made >= BUFFERS_MAX {
            return None;
        }
        self.made += 1;
        Some(vec![0; BUFFER_OCTETS].into_boxed_slice())
    }

    fn put_back(&mut self, buffer: Box<[u8]>) {
        if self.spare.len() < BUFFERS_KEPT {
            self.spare.push(buffer);
        } else {
            self.made -= 1;
        }
    }
}

impl Local {
    /// Sends what waits.
    fn flush(&self) {
        let mut out = self.out.borrow_mut();
        if !self.full.get() && out.len() > 0 && out.send(self.socket.get_ref(), |_| {}).is_err() {
            forget(&self.socket, Interest::WRITABLE);
            self.full.set(true);
            if let Some(task) = &*self.task.borrow() {
                task.wake_by_ref();
            }
        }
    }

    fn note_task(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }
}

impl Mailbox {
    /// Sends what waits. Ready when there is a packet, or room to send again.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        self.flush();
        if self.local.full.get() {
            let mut waiting = self.local.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
        }
        if !self.packets.borrow().is_empty() {
            return Poll::Ready(());
        }
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The next packet.
    pub(super) fn take(&self) -> Option<Packet> {
        self.packets.borrow_mut().pop_front()
    }

    pub(super) fn has_room(&self) -> bool {
        !self.local.full.get()
    }

    /// Queues a packet to the client, which goes with [`Self::flush`]; whether there was room.
    pub(super) fn send(&self, now: Moment, packet: &[u8]) -> bool {
        if self.local.out.borrow().len() >= BATCH {
            self.local.flush();
        }
        let mut out = self.local.out.borrow_mut();
        if out.len() >= BATCH {
            return false;
        }
        out.push(Some(self.client), packet);
        self.sent.set(self.sent.get() + 1);
        self.last.set(now);
        true
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&self) {
        self.local.flush();
    }

    /// Takes a packet in; gives it back when there is no room.
    fn put(&self, now: Moment, packet: Packet) -> Option<Packet> {
        self.seen.set(self.seen.get() + 1);
        self.last.set(now);
        let mut packets = self.packets.borrow_mut();
        if packets.len() >= QUEUE_MAX {
            return Some(packet);
        }
        packets.push_back(packet);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        None
    }

    fn row(&self) -> Row {
        let (seen, sent, last) = (self.seen.get(), self.sent.get(), self.last.get());
        Row { call: self.call, peer: Some(self.peer), seen, sent, last }
    }
}

/// Makes a socket that gets PPTP's packets alone; of other GRE on this machine it sees nothing.
pub(super) fn open() -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(IP_PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.attach_filter(&pptp_only())?;
    widen(&socket, SOCKET_OCTETS);
    Ok(socket)
}

/// Who sent a packet that a raw socket gave, whose it says it is, and where its GRE is.
fn sender_and_call(packet: &[u8]) -> Option<(Ipv4Addr, CallId, Range<usize>)> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    let sender: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let gre = packet.get(header..).filter(|_| header >= 20)?;
    Some((sender.into(), quoted_call(gre)?, header..packet.len()))
}

/// Passes GRE version 1 with PPP in it (RFC 2637 §4.1): X holds the length of IPv4's header.
fn pptp_only() -> [SockFilter; 8] {
    [
        SockFilter::new(LOAD_X_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 2),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, u32::from(menshen_tunnel_core::pptp::gre::PROTOCOL)),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 0),
        SockFilter::new(AND, 0, 0, 7),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 1),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Buffers that wait for packets until a batch has filled them.
const ROOMS_AT_FIRST: usize = 8;
/// Packets that wait for one session.
const QUEUE_MAX: usize = 256;
/// Octets of a buffer: more than the longest packet of a call, headers in.
const BUFFER_OCTETS: usize = 2048;
/// Buffers there may be: 16 MiB.
const BUFFERS_MAX: usize = 8192;
/// Buffers kept when nobody uses them: 512 KiB.
const BUFFERS_KEPT: usize = 256;
/// Addresses of ours that may have control connections.
const SOCKETS_MAX: usize = 256;
/// Octets a socket may hold, if the kernel lets it.
const SOCKET_OCTETS: usize = 4 * 1024 * 1024;
/// `BPF_LDX | BPF_B | BPF_MSH`, `BPF_LD | BPF_H | BPF_IND`, `BPF_ALU | BPF_AND | BPF_K`,
/// `BPF_JMP | BPF_JEQ | BPF_K`, `BPF_RET | BPF_K` of `linux/filter.h`.
const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
const LOAD_HALF_AT_X: u16 = 0x48;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests {
    //! Packets as a raw socket gives them, and any octets.
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sender_and_key() {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 47, 0, 0, 192, 0, 2, 7, 10, 0, 0, 1];
        packet.extend([0x30, 0x01, 0x88, 0x0b, 0, 0, 1, 2, 0, 0, 0, 0]);
        let found = sender_and_call(&packet).unwrap();
        assert_eq!(found, ([192, 0, 2, 7].into(), CallId(258), 20..32));
        packet[21] = 0;
        assert_eq!(sender_and_call(&packet), None, "GRE of version 0");
        packet[0] = 0x4F;
        assert_eq!(sender_and_call(&packet), None);
    }

    proptest! {
        #[test]
        fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some((_, _, gre)) = sender_and_call(&octets) {
                prop_assert!(gre.start >= 20 && gre.end == octets.len());
            }
        }
    }
}
