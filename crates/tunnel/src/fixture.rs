//! For tests: carriers in memory, devices that are queues, a server's only user.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::ops::Range;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use menshen_tunnel_core::auth::{Known, Method, Secret};
use menshen_tunnel_core::mppe::Keys;
use menshen_tunnel_core::ppp::{
    AddressPlan, Credentials, Mppe, NameServers, Network, Opened, Session, Settings,
};
use menshen_tunnel_core::time::Moment;

use crate::carrier::{Carrier, Event, Sent};
use crate::device::Device;
use crate::driver::Users;

/// A queue with one reader.
#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
    gone: bool,
    /// The carrier that reads it is bound from now on.
    binds: bool,
}

impl Queue {
    fn push(&mut self, item: Vec<u8>) {
        self.items.push_back(item);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.items.is_empty() || self.gone || self.binds {
            return Poll::Ready(());
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// One end of a carrier in memory.
#[derive(Debug)]
pub(crate) struct MemoryCarrier {
    own: Rc<RefCell<Queue>>,
    other: Rc<RefCell<Queue>>,
    frame: Vec<u8>,
    events: VecDeque<Event<Gone>>,
    ended: bool,
    /// How often PPP said that authentication is done.
    pub(crate) authenticated: u32,
}

/// The other end is gone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end is gone")]
pub(crate) struct Gone;

/// Both ends of a carrier.
pub(crate) fn carriers() -> (MemoryCarrier, MemoryCarrier) {
    let (one, two) = (Rc::default(), Rc::default());
    let end = |own: &Rc<RefCell<Queue>>, other: &Rc<RefCell<Queue>>| MemoryCarrier {
        own: own.clone(),
        other: other.clone(),
        frame: Vec::new(),
        events: VecDeque::from([Event::Up, Event::Bound]),
        ended: false,
        authenticated: 0,
    };
    (end(&one, &two), end(&two, &one))
}

/// As [`carriers`]; the second one is not bound before [`MemoryCarrier::bind_other`].
pub(crate) fn carriers_to_bind() -> (MemoryCarrier, MemoryCarrier) {
    let (one, mut two) = carriers();
    two.events = VecDeque::from([Event::Up]);
    (one, two)
}

impl MemoryCarrier {
    /// The other end is bound from now on.
    pub(crate) fn bind_other(&self) {
        let mut other = self.other.borrow_mut();
        other.binds = true;
        other.wake();
    }

    /// Whether the other end has taken all it was told.
    pub(crate) fn is_heard(&self) -> bool {
        let other = self.other.borrow();
        !other.binds && other.items.is_empty()
    }
}

impl Carrier for MemoryCarrier {
    type Lost = Gone;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.events.is_empty() {
            return Poll::Ready(());
        }
        if self.ended { Poll::Pending } else { self.own.borrow_mut().poll(cx) }
    }

    fn receive(&mut self, _: Moment) -> Option<&mut [u8]> {
        let mut own = self.own.borrow_mut();
        if std::mem::take(&mut own.binds) {
            self.events.push_back(Event::Bound);
        }
        let Some(frame) = own.items.pop_front() else {
            if own.gone && !self.ended {
                self.ended = true;
                self.events.extend([Event::Ended(Gone), Event::Closed]);
            }
            return None;
        };
        self.frame = frame;
        Some(&mut self.frame)
    }

    fn has_room(&self) -> bool {
        self.other.borrow().items.len() < 64
    }

    fn send(&mut self, _: Moment, buffer: &mut [u8], frame: Range<usize>) -> Sent {
        self.other.borrow_mut().push(buffer[frame].to_vec());
        Sent::Taken
    }

    fn poll(&mut self, _: Moment) {}

    fn deadline(&self) -> Option<Moment> {
        None
    }

    fn next_event(&mut self) -> Option<Event<Gone>> {
        self.events.pop_front()
    }

    fn authenticated(&mut self, _: Moment, _: Option<&Keys>) {
        self.authenticated += 1;
    }

    fn close(&mut self, _: Moment) {
        if !self.ended {
            self.ended = true;
            self.events.push_back(Event::Closed);
        }
    }
}

impl Drop for MemoryCarrier {
    fn drop(&mut self) {
        let mut other = self.other.borrow_mut();
        other.gone = true;
        other.wake();
    }
}

/// A device that is two queues; [`Self::far`] holds the other ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryDevice {
    to_session: Rc<RefCell<Queue>>,
    from_session: Rc<RefCell<Queue>>,
    /// Written and not flushed.
    kept: Rc<RefCell<Vec<Vec<u8>>>>,
    opened: Rc<RefCell<Option<Opened>>>,
}

impl MemoryDevice {
    /// A packet that is to be sent through the tunnel.
    pub(crate) fn push(&self, packet: &[u8]) {
        self.to_session.borrow_mut().push(packet.to_vec());
    }

    /// The next packet that came through the tunnel.
    pub(crate) async fn pop(&self) -> Vec<u8> {
        poll_fn(|cx| {
            let mut queue = self.from_session.borrow_mut();
            let polled = queue.poll(cx);
            polled.map(|()| queue.items.pop_front().unwrap())
        })
        .await
    }

    /// The interface vanishes.
    pub(crate) fn vanish(&self) {
        let mut queue = self.to_session.borrow_mut();
        queue.gone = true;
        queue.wake();
    }

    /// What both ends agreed on.
    pub(crate) fn opened(&self) -> Option<Opened> {
        self.opened.borrow().clone()
    }
}

impl Device for MemoryDevice {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.to_session.borrow_mut().poll(cx)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut queue = self.to_session.borrow_mut();
        let Some(packet) = queue.items.pop_front() else {
            return if queue.gone { Err(io::ErrorKind::NotFound.into()) } else { Ok(None) };
        };
        buffer[..packet.len()].copy_from_slice(&packet);
        Ok(Some(packet.len()))
    }

    fn write(&mut self, packet: &[u8]) -> io::Result<bool> {
        self.kept.borrow_mut().push(packet.to_vec());
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<u64> {
        let kept = self.kept.take();
        kept.into_iter().for_each(|packet| self.from_session.borrow_mut().push(packet));
        Ok(0)
    }

    fn opened(&mut self, opened: &Opened) -> io::Result<()> {
        *self.opened.borrow_mut() = Some(opened.clone());
        Ok(())
    }
}

/// A server's users: one, with this password.
#[derive(Debug)]
pub(crate) struct OneUser(pub(crate) &'static [u8]);

impl Users for OneUser {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        if account == b"user" { Known::Password(Secret::new(self.0)) } else { Known::Nobody }
    }

    fn proved(&mut self, _: &[u8]) {}

    fn network(&mut self, _: &[u8]) -> Option<Network> {
        let (local, peer) = ([10, 78, 0, 1].into(), [10, 78, 0, 2].into());
        let ipv4 = Some(AddressPlan::Give { local, peer });
        Some(Network { ipv4, name_servers: NameServers::default(), ipv6: None })
    }
}

/// A client's session with this password.
pub(crate) fn client(mppe: Mppe, password: &[u8]) -> Session {
    client_of(b"user", mppe, password, 1)
}

/// A client's session of a user with this password. One with another seed is another one on the
/// wire, too, and no repetition.
pub(crate) fn client_of(user: &[u8], mppe: Mppe, password: &[u8], seed: u8) -> Session {
    let password = Secret::new(password);
    let credentials = Credentials { user: user.to_vec(), password };
    Session::new(Settings::client(mppe), Some(credentials), &mut dice(seed))
}

/// A server's session.
pub(crate) fn server(mppe: Mppe) -> Session {
    Session::new(Settings::server(mppe), None, &mut dice(2))
}

/// An IPv4 packet of this many octets, numbered.
pub(crate) fn packet(octets: usize, number: u8) -> Vec<u8> {
    let mut packet = vec![number; octets];
    packet[..10].copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17]);
    packet[2..4].copy_from_slice(&u16::try_from(octets).unwrap().to_be_bytes());
    packet
}

/// Runs both to their ends.
pub(crate) async fn both<A, B>(
    one: impl Future<Output = A>,
    two: impl Future<Output = B>,
) -> (A, B) {
    let (mut one, mut two) = (pin!(one), pin!(two));
    let (mut a, mut b) = (None, None);
    poll_fn(|cx| {
        if a.is_none()
            && let Poll::Ready(end) = one.as_mut().poll(cx)
        {
            a = Some(end);
        }
        if b.is_none()
            && let Poll::Ready(end) = two.as_mut().poll(cx)
        {
            b = Some(end);
        }
        if a.is_some() && b.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (a.unwrap(), b.unwrap())
}

/// Runs the first to its end, and the second beside it for as long.
pub(crate) async fn while_running<A>(
    one: impl Future<Output = A>,
    two: impl Future<Output = ()>,
) -> A {
    let (mut one, mut two) = (
        pin!(one),
        pin!(async {
            two.await;
            pending::<()>().await;
        }),
    );
    poll_fn(|cx| {
        let _ = two.as_mut().poll(cx);
        one.as_mut().poll(cx)
    })
    .await
}

fn dice(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut next = seed;
    move |octets| {
        for octet in octets {
            next = next.wrapping_mul(73).wrapping_add(29);
            *octet = next;
        }
    }
}

/// Says why a test is skipped; a failure where everything is required.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{why}");
    eprintln!("SKIPPED: {why}");
}
