//! What happens beside a session while it runs: names set, figures told, orders taken, and an eye
//! on whether GRE passes at all.
//!
//! It must never wait: the session's packets wait with it.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use menshen_config::dial::{Resolver, Routes};
use menshen_tunnel_core::ppp::{Opened, Phase};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::orders::Order;
use super::resolver::Names;
use super::work::Work;
use super::{Bearer, Event, Figures, Opening, Warning};
use crate::clock::Clock;
use crate::driver::{Counters, Status};
use crate::outer::{HostRoute, Outer};

/// What is known of a call before its session begins.
#[derive(Debug)]
pub(super) struct About {
    pub(super) bearer: Bearer,
    pub(super) server: SocketAddr,
    pub(super) outer: Option<Outer>,
    pub(super) tls: Option<String>,
    pub(super) peer: Option<String>,
    /// How long it may take until LCP is open.
    pub(super) lcp_within: Option<Duration>,
    pub(super) began: Clock,
}

/// What was beside a session that has ended.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) told: Option<Order>,
    pub(super) silent: bool,
    pub(super) open_for: Option<Duration>,
}

/// What is beside a session.
pub(super) struct Course<'w, 'p> {
    work: &'w mut Work<'p>,
    about: &'w About,
    interface: String,
    close: Option<oneshot::Sender<&'static str>>,
    told: Option<Order>,
    silent: bool,
    open_since: Option<Instant>,
    opened: Option<Opened>,
    /// What the resolver was told, to be taken back.
    names: Option<Names>,
    setting: Option<JoinHandle<Result<Vec<String>, String>>>,
    held: Option<HostRoute>,
    /// When LCP is to be open.
    lcp_by: Option<Instant>,
    figures_at: Option<Instant>,
    /// Until when IPv4 is awaited: IPv6 is often a moment faster.
    ipv4_by: Option<Instant>,
    /// The last figures, for rates.
    before: (Instant, Counters),
}

enum Woken<T> {
    Ended(T),
    Order(Order),
    Status,
    Names(Result<Vec<String>, String>),
    Timer,
}

impl<'w, 'p> Course<'w, 'p> {
    pub(super) fn new(
        work: &'w mut Work<'p>,
        about: &'w About,
        interface: String,
        close: oneshot::Sender<&'static str>,
    ) -> Self {
        let now = Instant::now();
        Self {
            work,
            about,
            interface,
            close: Some(close),
            told: None,
            silent: false,
            open_since: None,
            opened: None,
            names: None,
            setting: None,
            held: None,
            lcp_by: about.lcp_within.map(|within| now + within),
            figures_at: None,
            ipv4_by: None,
            before: (now, Counters::default()),
        }
    }

    /// Goes along with a session to its end. `None`: it is to be left as it is, at once.
    pub(super) async fn follow<T>(
        &mut self,
        mut run: Pin<&mut impl Future<Output = T>>,
        mut status: watch::Receiver<Status>,
    ) -> Option<T> {
        loop {
            let next = [self.lcp_by, self.figures_at, self.ipv4_by].into_iter().flatten().min();
            let mut timer = pin!(next.map(sleep_until));
            let woken = {
                let mut changed = pin!(status.changed());
                poll_fn(|cx| {
                    if let Poll::Ready(ended) = run.as_mut().poll(cx) {
                        return Poll::Ready(Woken::Ended(ended));
                    }
                    if let Poll::Ready(Ok(())) = changed.as_mut().poll(cx) {
                        return Poll::Ready(Woken::Status);
                    }
                    if let Some(timer) = timer.as_mut().as_pin_mut()
                        && timer.poll(cx).is_ready()
                    {
                        return Poll::Ready(Woken::Timer);
                    }
                    self.poll_rest(cx)
                })
                .await
            };
            match woken {
                Woken::Ended(ended) => return Some(ended),
                Woken::Order(Order::End) if self.told == Some(Order::End) => return None,
                Woken::Order(order) => self.order(order),
                Woken::Status => {
                    let now = status.borrow_and_update().clone();
                    self.look(&now);
                }
                Woken::Names(done) => (self.work.tell)(Event::NamesSet(&done)),
                Woken::Timer => {
                    let now = status.borrow().clone();
                    self.timer(&now);
                }
            }
        }
    }

    fn poll_rest<T>(&mut self, cx: &mut Context<'_>) -> Poll<Woken<T>> {
        if let Poll::Ready(order) = self.work.orders.poll(cx) {
            return Poll::Ready(Woken::Order(order));
        }
        let Some(setting) = &mut self.setting else { return Poll::Pending };
        Pin::new(setting).poll(cx).map(|done| {
            self.setting = None;
            Woken::Names(done.unwrap_or_else(|error| Err(error.to_string())))
        })
    }

    fn order(&mut self, order: Order) {
        // Whoever wants the end does not want another beginning.
        if self.told != Some(Order::End) {
            self.told = Some(order);
        }
        self.figures_at = None;
        (self.work.tell)(Event::Closing { dials_again: order == Order::Again });
        self.close("User request");
    }

    fn close(&mut self, text: &'static str) {
        if let Some(close) = self.close.take() {
            // It may have ended by itself.
            let _ = close.send(text);
        }
    }

    fn look(&mut self, status: &Status) {
        if status.phase > Phase::Establish {
            self.lcp_by = None;
        }
        let Some(opened) = &status.opened else { return };
        if self.opened.as_ref() == Some(opened) {
            return;
        }
        let now = Instant::now();
        if self.opened.is_none()
            && opened.ipv4.is_none()
            && *self.ipv4_by.get_or_insert(now + IPV4_WITHIN) > now
        {
            return;
        }
        self.ipv4_by = None;
        let first = self.opened.replace(opened.clone()).is_none();
        if !first {
            (self.work.tell)(Event::Changed(opened));
            return;
        }
        self.open_since = Some(now);
        self.before.0 = now;
        self.figures_at = self.work.plan.figures_every.map(|every| now + every);
        self.work.opened(self.about.bearer);
        let about = self.about;
        (self.work.tell)(Event::Open(&Opening {
            bearer: about.bearer,
            server: about.server,
            interface: self.interface.clone(),
            opened: opened.clone(),
            tls: about.tls.clone(),
            peer: about.peer.clone(),
            took: about.began.now().0,
        }));
        self.hold();
        self.set_names(opened);
    }

    /// Keeps the server outside where the kernel would not take its answers otherwise.
    fn hold(&mut self) {
        let server = self.about.server.ip();
        let covers = self
            .work
            .plan
            .routes
            .networks()
            .iter()
            .any(|network| crate::tun::covers((network.address, network.prefix), server));
        let outer = self.about.outer.as_ref().filter(|outer| covers && outer.is_strict());
        match outer.map(|outer| outer.hold(server)) {
            Some(Ok(held)) => self.held = Some(held),
            Some(Err(error)) => {
                (self.work.tell)(Event::Warning(Warning::NotHeld(error.to_string())));
            }
            None => {}
        }
    }

    fn set_names(&mut self, opened: &Opened) {
        let plan = self.work.plan;
        let servers = opened.ipv4.map(|ipv4| ipv4.dns).unwrap_or_default();
        let mut servers: Vec<_> = servers.into_iter().flatten().collect();
        servers.dedup();
        let wanted = matches!(plan.resolver, Resolver::Resolvconf | Resolver::Resolved);
        if servers.is_empty() || !wanted {
            return;
        }
        let names = Names {
            resolver: plan.resolver,
            interface: self.interface.clone(),
            servers,
            domains: plan.domains.clone(),
            all: plan.routes == Routes::All && plan.domains.is_empty(),
        };
        self.setting = Some(tokio::spawn(names.clone().set()));
        self.names = Some(names);
    }

    fn timer(&mut self, status: &Status) {
        let now = Instant::now();
        if self.lcp_by.is_some_and(|by| by <= now) {
            self.lcp_by = None;
            self.silent = status.phase <= Phase::Establish;
            if self.silent {
                self.close("no answer");
            }
        }
        if self.ipv4_by.is_some_and(|by| by <= now) {
            self.look(status);
            // Nothing is open any more: it is awaited anew.
            self.ipv4_by = None;
        }
        if let (Some(at), Some(every)) = (self.figures_at, self.work.plan.figures_every)
            && at <= now
        {
            self.figures_at = Some(now + every);
            self.figures(status, now);
        }
    }

    fn figures(&mut self, status: &Status, now: Instant) {
        let (then, before) = std::mem::replace(&mut self.before, (now, status.counters));
        let seconds = now.duration_since(then).as_secs_f64().max(0.001);
        let rate = |is: u64, was: u64| {
            // Exact up to 2^53 octets.
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let octets = is.saturating_sub(was) as f64;
            octets / seconds
        };
        let counters = status.counters;
        (self.work.tell)(Event::Figures(&Figures {
            open_for: self.open_since.map(|since| since.elapsed()).unwrap_or_default(),
            counters,
            received_per_s: rate(counters.received_octets, before.received_octets),
            sent_per_s: rate(counters.sent_octets, before.sent_octets),
            round_trip: status.round_trip,
        }));
    }

    /// After the session: what was changed beside it is taken back.
    pub(super) async fn end(mut self) -> Past {
        let open_for = self.open_since.map(|since| since.elapsed());
        drop(self.held.take());
        if let Some(setting) = self.setting.take() {
            let _ = setting.await;
        }
        if let Some(names) = self.names.take() {
            names.unset().await;
        }
        Past { told: self.told, silent: self.silent, open_for }
    }
}

/// How long IPv4 is awaited once IPv6 is open, before it is told that packets pass.
const IPV4_WITHIN: Duration = Duration::from_secs(3);
