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
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use menshen_sys::batch;
use menshen_sys::lease::Leases;
use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::gre::quoted_call;
use menshen_tunnel_core::pptp::ids::CallIds;
use menshen_tunnel_core::time::Moment;
use tokio::io::Interest;

use super::counts::Counts;
use super::facts::CallCount;
use crate::clock::Clock;
use crate::datagrams::BATCH;
use crate::pptp::forget;
pub(super) use local::{Local, open};
pub(super) use mailbox::{Mailbox, Packet};

mod local;
mod mailbox;

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
        let local = Rc::new(Local::bound(address)?);
        self.sockets.borrow_mut().insert(address, local.clone());
        let (hub, socket) = (self.clone(), local.clone());
        tokio::task::spawn_local(async move { hub.receive(&socket).await });
        Ok(local)
    }

    /// Whether a call of this address that lives is called `peer` by its client. Packets to both
    /// would bear the same key from the same address: nobody could tell them apart, as happens when
    /// two clients behind one NAT without a PPTP helper choose one number.
    pub(super) fn is_in_use(&self, local: &Local, client: Ipv4Addr, peer: CallId) -> bool {
        let now = self.clock.now();
        let lives = |mailbox: &Rc<Mailbox>| now.since(mailbox.heard.get()) < SILENT;
        let same = |mailbox: &&Rc<Mailbox>| {
            mailbox.client == client
                && mailbox.peer == peer
                && mailbox.local.address == local.address
        };
        self.state.borrow().calls.values().filter(same).any(lives)
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
            waits: Cell::new(false),
            seen: Cell::new(0),
            tally: Rc::default(),
            last: Cell::new(self.clock.now()),
            heard: Cell::new(self.clock.now()),
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

    /// Whether a call is another process's, which gets its packets as well.
    fn is_of_others(&self, state: &State, client: Ipv4Addr, call: CallId) -> bool {
        let Some(leases) = &self.leases else { return false };
        // One of ours must not be given back here.
        if state.calls.contains_key(&(client, call)) {
            return false;
        }
        let is_free = leases.take(lease(client, call)).unwrap_or(true);
        if is_free {
            leases.give_back(lease(client, call));
        }
        !is_free
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
        let mut lengths = [0; BATCH];
        if rooms.is_empty() {
            // What came is read away: it would only wait here while newer packets are lost.
            let mut scraps = [[0; 1]; BATCH];
            let scrapped = local.socket.try_io(Interest::READABLE, |socket| {
                batch::receive(socket, &mut scraps, &mut lengths)
            });
            let count = scrapped.unwrap_or(0);
            self.crowded.set(self.crowded.get() + u64::try_from(count).unwrap_or(0));
            return count == BATCH;
        }
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
            if !self.is_of_others(state, client, call) {
                self.unknown.set(self.unknown.get() + 1);
                state.counts.stray(now, client, call);
            }
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

/// Who sent a packet that a raw socket gave, whose it says it is, and where its GRE is.
fn sender_and_call(packet: &[u8]) -> Option<(Ipv4Addr, CallId, Range<usize>)> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    let sender: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let gre = packet.get(header..).filter(|_| header >= 20)?;
    Some((sender.into(), quoted_call(gre)?, header..packet.len()))
}

/// Buffers that wait for packets until a batch has filled them.
const ROOMS_AT_FIRST: usize = 8;
/// Octets of a buffer: more than the longest packet of a call, headers in.
const BUFFER_OCTETS: usize = 2048;
/// Buffers there may be: 16 MiB.
const BUFFERS_MAX: usize = 8192;
/// Buffers kept when nobody uses them: 512 KiB.
const BUFFERS_KEPT: usize = 256;
/// A call from which nothing came for so long may be a client's that has begun anew: questions
/// whether it lives have gone unanswered.
const SILENT: Duration = Duration::from_secs(30);
/// Addresses of ours that may have control connections.
const SOCKETS_MAX: usize = 256;
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

    const GRE: [u8; 12] = [0x30, 0x01, 0x88, 0x0b, 0, 0, 1, 2, 0, 0, 0, 0];

    #[test]
    fn what_finds_no_buffer_is_counted_once_and_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let hub = Hub::new(Clock::new(), None);
            hub.state.borrow_mut().made = BUFFERS_MAX;
            let own = Ipv4Addr::new(127, 0, 77, 1);
            let Ok(local) = Local::bound(own) else {
                return crate::fixture::skipped("raw sockets need root");
            };
            let sender = open().unwrap();
            for _ in 0..3 {
                sender.send_to(&GRE, &std::net::SocketAddr::new(own.into(), 0).into()).unwrap();
            }
            drop(local.socket.readable().await.unwrap());
            assert!(!hub.batch(&local));
            assert_eq!(hub.crowded.get(), 3);
            assert!(!hub.batch(&local));
            assert_eq!(hub.crowded.get(), 3);
        });
    }

    #[test]
    fn calls_of_another_process_are_not_unknown() {
        use std::io::Read;
        use std::process::{Command, Stdio};

        let (client, call) = (Ipv4Addr::new(192, 0, 2, 7), CallId(258));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases");
        let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path);
        let script = "import fcntl, sys\n\
                      f = open(sys.argv[1], 'r+b')\n\
                      fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(sys.argv[2]))\n\
                      print('it', flush=True)\nsys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.arg("-c").arg(script).arg(&path).arg(lease(client, call).to_string());
        let Ok(mut other) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            return crate::fixture::skipped("there is no python3 to take a number");
        };
        other.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
        let leases = Rc::new(Leases::new(file.unwrap().into()));
        let hub = Hub::new(Clock::new(), Some(leases));
        let state = State::default();
        assert!(hub.is_of_others(&state, client, call));
        assert!(!hub.is_of_others(&state, client, CallId(259)));
        drop(other.stdin.take());
        other.wait().unwrap();
        assert!(!hub.is_of_others(&state, client, call), "it has ended");
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
