//! A session's interface, with what guards it: whose packets these are, how many, and when the last
//! one passed.
//!
//! It is made when a user is in and not before, so that strangers cost the kernel nothing. A packet
//! from the client passes only with the client's own address as its source, one to the client only
//! with it as its destination: no session speaks or hears for another. What does not is dropped and
//! counted. It fails as [`Tun`] does.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use menshen_tunnel_core::dhcp::{self, Told};
use menshen_tunnel_core::ppp::Opened;
use tokio::time::Sleep;

use super::door::{Door, Rates};
use super::seat::Seat;
use crate::device::Device;
use crate::tun::{self, Tun};

/// A session's interface.
#[derive(Debug)]
pub(super) struct Port {
    door: Rc<Door>,
    seat: Rc<Seat>,
    tun: Option<Tun>,
    /// The client's address.
    address: Ipv4Addr,
    /// This end's.
    local: Ipv4Addr,
    rates: Option<Rc<RefCell<Rates>>>,
    /// Until the user's rate lets the next packet pass.
    pause: Option<Pin<Box<Sleep>>>,
    /// An answer to the client's question for addresses and routes.
    answer: Option<Vec<u8>>,
    /// Whether packets passed since the clock was last looked at.
    moved: bool,
}

impl Port {
    pub(super) const fn new(door: Rc<Door>, seat: Rc<Seat>) -> Self {
        let address = Ipv4Addr::UNSPECIFIED;
        Self {
            door,
            seat,
            tun: None,
            address,
            local: address,
            rates: None,
            pause: None,
            answer: None,
            moved: false,
        }
    }

    /// The session is over: the interface vanishes soon.
    pub(super) fn close(self) {
        if let Some(tun) = self.tun {
            self.door.close_interface(tun);
        }
    }

    fn spoofed(&self) {
        self.seat.spoofed.set(self.seat.spoofed.get() + 1);
        self.door.count(|counters| counters.spoofed += 1);
    }

    fn beyond_rate(&self) {
        self.seat.over_rate.set(self.seat.over_rate.get() + 1);
    }

    /// Notes that packets passed, once for a batch.
    fn note_moved(&mut self) {
        if std::mem::take(&mut self.moved) {
            self.seat.active.set(Some(self.door.clock.now()));
        }
    }

    /// Answers a question for name servers and routes; whether it was one.
    fn inform(&mut self, packet: &[u8]) -> bool {
        let settings = &self.door.settings;
        let told = Told {
            server: self.local,
            dns: &settings.dns,
            routes: &settings.routes,
            domain: settings.domain.as_deref(),
        };
        let answer = dhcp::answer(packet, self.address, &told);
        let is_one = answer.is_some();
        if is_one {
            // One that was not sent yet is for the same client: the newest counts.
            self.answer = answer;
            self.door.count(|counters| counters.informs += 1);
        }
        is_one
    }

    /// Whether the user's rate lets a packet to him pass now.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(rates) = &self.rates else { return Poll::Ready(()) };
        let Some(at) = rates.borrow().to_user.opens(self.door.clock.now()) else {
            self.pause = None;
            return Poll::Ready(());
        };
        let at = self.door.clock.instant(at);
        if self.pause.is_none() {
            self.beyond_rate();
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if pause.deadline() != at {
            pause.as_mut().reset(at);
        }
        pause.as_mut().poll(cx)
    }
}

impl Device for Port {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.note_moved();
        if self.poll_pause(cx).is_pending() {
            return Poll::Pending;
        }
        if self.answer.is_some() {
            return Poll::Ready(());
        }
        self.tun.as_mut().map_or(Poll::Pending, |tun| tun.poll_readable(cx))
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        // The clock is looked at where there is a rate to be kept.
        let now = self.rates.as_ref().map(|_| self.door.clock.now()).unwrap_or_default();
        let is_paused = |rates: &Rc<RefCell<Rates>>| rates.borrow().to_user.opens(now).is_some();
        if self.rates.as_ref().is_some_and(is_paused) {
            return Ok(None);
        }
        if let Some(answer) = self.answer.take()
            && let Some(place) = buffer.get_mut(..answer.len())
        {
            place.copy_from_slice(&answer);
            if let Some(rates) = &self.rates {
                rates.borrow_mut().to_user.take(now, answer.len());
            }
            return Ok(Some(answer.len()));
        }
        for _ in 0..READS {
            let Some(octets) = self.tun.as_mut().map(|tun| tun.read(buffer)).transpose()?.flatten()
            else {
                return Ok(None);
            };
            if destination(buffer) != Some(self.address) {
                self.spoofed();
                continue;
            }
            if let Some(rates) = &self.rates {
                rates.borrow_mut().to_user.take(now, octets);
            }
            self.moved = true;
            return Ok(Some(octets));
        }
        Ok(None)
    }

    fn write(&mut self, packet: &[u8]) -> io::Result<bool> {
        if source(packet) != Some(self.address) {
            self.spoofed();
            return Ok(true);
        }
        if let Some(rates) = &self.rates {
            let (mut rates, now) = (rates.borrow_mut(), self.door.clock.now());
            if rates.from_user.opens(now).is_some() {
                drop(rates);
                self.beyond_rate();
                return Ok(false);
            }
            rates.from_user.take(now, packet.len());
        }
        // A question to us is within the rate, but no use of the tunnel.
        if dhcp::is_asked(packet) && self.inform(packet) {
            return Ok(true);
        }
        self.moved = true;
        self.tun.as_mut().map_or(Ok(false), |tun| tun.write(packet))
    }

    fn flush(&mut self) -> io::Result<u64> {
        self.note_moved();
        self.tun.as_mut().map_or(Ok(0), Tun::flush)
    }

    fn opened(&mut self, opened: &Opened) -> io::Result<()> {
        let given = self.seat.address.get();
        let Some(link) = opened.ipv4.filter(|link| given == Some(link.peer)) else {
            // The session gives what it was told to give; anything else is a defect of ours.
            return Err(io::Error::other("the client has another address than it was given"));
        };
        (self.address, self.local) = (link.peer, link.local);
        if self.tun.is_none() {
            let name = self.door.settings.interface.clone();
            let outer = Some(self.seat.client);
            let tun = Tun::open(tun::Settings { name, outer, routes: Vec::new() })?;
            *self.seat.interface.borrow_mut() = Some(tun.name().to_owned());
            self.tun = Some(tun);
        }
        if let Some(tun) = &mut self.tun {
            tun.opened(opened)?;
            if self.seat.client != IpAddr::V4(link.peer) {
                // The kernel prefers the oldest of equal routes: the interface of a session that
                // had this address and is not gone yet.
                tun.prefer(link.peer)?;
            }
        }
        if self.seat.opened.get().is_none() {
            let now = self.door.clock.now();
            self.seat.opened.set(Some(now));
            self.seat.active.set(Some(now));
            let user = self.seat.user.borrow();
            self.rates = user.as_ref().and_then(|user| self.door.rates(user));
            self.door.accounting.start(&self.seat);
        }
        Ok(())
    }
}

fn source(packet: &[u8]) -> Option<Ipv4Addr> {
    address(packet, 12)
}

fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    address(packet, 16)
}

/// An address of an IPv4 packet (RFC 791 §3.1); `None`: it is none.
fn address(packet: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
    (packet.first()? >> 4 == 4).then(|| octets.into())
}

/// Packets of no use read before others have their turn.
const READS: usize = 64;

#[cfg(test)]
mod tests;
