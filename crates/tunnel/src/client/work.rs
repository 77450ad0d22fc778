//! Dialling again and again: which carrier, what a failure means, how long to wait.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::Poll;

use menshen_config::dial::{Routes, Scheme};
use menshen_tunnel_core::auth::Secret;
use rustix::rand::{GetRandomFlags, getrandom};

use super::attempt::{Last, Tried};
use super::backoff::Backoff;
use super::orders::{Order, Orders};
use super::{Bearer, Class, Event, Failure, Outcome, Plan, Retry, Warning, WasOpen};
use crate::tun::{Settings, Tun};

/// A tunnel that is kept up.
pub(super) struct Work<'p> {
    pub(super) plan: &'p Plan,
    pub(super) password: &'p Secret,
    pub(super) tell: &'p mut dyn FnMut(Event<'_>),
    pub(super) orders: Orders,
    /// The interface; it stays between two sessions.
    pub(super) device: Option<Tun>,
    /// Where the server was the last time that it answered.
    pub(super) last: Option<IpAddr>,
    /// The carrier by which the last session came up.
    came_up: Option<Bearer>,
    was_open: WasOpen,
}

/// Keeps it up until it is told to end, or no other try would help.
pub(super) async fn work(
    plan: &Plan,
    password: &Secret,
    tell: &mut dyn FnMut(Event<'_>),
) -> Outcome {
    let orders = match Orders::new() {
        Ok(orders) => orders,
        Err(source) => return Outcome::Failed(Failure::Local { step: "take signals", source }),
    };
    let (device, last, came_up, was_open) = (None, None, None, WasOpen::No);
    let mut work = Work { plan, password, tell, orders, device, last, came_up, was_open };
    // A missing right is known before anybody is troubled.
    match work.interface() {
        Ok(device) => work.device = Some(device),
        Err(error) => return Outcome::Failed(Failure::Interface(error)),
    }
    if plan.routes == Routes::All && has_ipv6_outside() {
        (work.tell)(Event::Warning(Warning::Ipv6Outside));
    }
    work.keep_up().await
}

impl Work<'_> {
    async fn keep_up(&mut self) -> Outcome {
        let mut backoff = Backoff::default();
        loop {
            let failure = match self.round().await {
                Tried::Told(Order::End) => return Outcome::Closed,
                Tried::Told(Order::Again) => {
                    backoff = Backoff::default();
                    continue;
                }
                Tried::Failed(failure) => failure,
            };
            let finally = failure.class().is_final(self.was_open);
            if finally || self.plan.retry == Retry::Never {
                return Outcome::Failed(failure);
            }
            (self.tell)(Event::Down(&failure));
            backoff.held(failure.open_for().unwrap_or_default());
            let wait = backoff.next(lot());
            (self.tell)(Event::Waiting(wait));
            match self.unless_told(tokio::time::sleep(wait)).await {
                Err(Order::End) => return Outcome::Closed,
                Err(Order::Again) => backoff = Backoff::default(),
                Ok(()) => {}
            }
        }
    }

    /// By each carrier that may be, once.
    async fn round(&mut self) -> Tried {
        match (self.plan.address.scheme, self.came_up) {
            (Scheme::Pptp, _) => self.pptp(Last::Yes).await,
            (Scheme::Sstp, _) => self.sstp().await,
            (Scheme::Auto, Some(Bearer::Sstp)) => {
                let tried = self.sstp().await;
                let gone = matches!(&tried, Tried::Failed(failure) if failure.open_for().is_none());
                if gone {
                    // What was best here may not be any more.
                    self.came_up = None;
                }
                tried
            }
            (Scheme::Auto, _) => self.either().await,
        }
    }

    /// PPTP, then SSTP.
    async fn either(&mut self) -> Tried {
        let pptp = match self.pptp(Last::No).await {
            Tried::Failed(failure) if falls_over(&failure) => failure,
            tried => return tried,
        };
        (self.tell)(Event::FallsOver(&pptp));
        match self.sstp().await {
            Tried::Failed(sstp) if sstp.open_for().is_none() => {
                Tried::Failed(Failure::Both { pptp: Box::new(pptp), sstp: Box::new(sstp) })
            }
            tried => tried,
        }
    }

    /// The interface there is, or a new one.
    pub(super) fn interface(&mut self) -> io::Result<Tun> {
        if let Some(device) = self.device.take() {
            return Ok(device);
        }
        let routes = self.plan.routes.networks();
        Tun::open(Settings {
            name: self.plan.interface.clone(),
            outer: None,
            routes: routes.iter().map(|network| (network.address, network.prefix)).collect(),
        })
    }

    /// Does something, unless an order comes first.
    pub(super) async fn unless_told<T>(
        &mut self,
        what: impl Future<Output = T>,
    ) -> Result<T, Order> {
        let mut what = pin!(what);
        let done = poll_fn(|cx| {
            if let Poll::Ready(order) = self.orders.poll(cx) {
                return Poll::Ready(Err(order));
            }
            what.as_mut().poll(cx).map(Ok)
        });
        let done = done.await;
        if let Err(order) = done {
            (self.tell)(Event::Closing { dials_again: order == Order::Again });
        }
        done
    }

    /// The server answered there.
    pub(super) const fn found(&mut self, server: SocketAddr) {
        self.last = Some(server.ip());
    }

    /// Packets pass.
    pub(super) const fn opened(&mut self, bearer: Bearer) {
        self.came_up = Some(bearer);
        self.was_open = WasOpen::Yes;
    }
}

/// Whether SSTP is tried after this. A password that was refused is wrong there, too, and a session
/// that was up is dialled again by the carrier that bore it.
fn falls_over(failure: &Failure) -> bool {
    failure.open_for().is_none() && !matches!(failure.class(), Class::Authentication)
}

fn lot() -> u32 {
    let mut octets = [0; 4];
    // Without randomness all wait equally long, which is no harm here.
    let _ = getrandom(&mut octets[..], GetRandomFlags::empty());
    u32::from_ne_bytes(octets)
}

/// Whether there is a default route of IPv6 (`Documentation/networking/proc_net_ipv6_route`: prefix
/// and its length in hexadecimal first, the interface last).
fn has_ipv6_outside() -> bool {
    let text = std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let default = |line: &str| {
        let mut words = line.split_whitespace();
        let everything = words.next().is_some_and(|to| to.bytes().all(|digit| digit == b'0'));
        everything && words.next() == Some("00") && words.last() != Some("lo")
    };
    text.lines().any(default)
}
