//! What all sessions of a server share: settings, users, addresses, limits, counters, and who is
//! there.
//!
//! One thread holds it; nothing is borrowed across a wait. Every refusal is counted, and what a
//! session was given comes back when it leaves, however it ends.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::{Rc, Weak};
use std::sync::mpsc;

use menshen_tunnel_core::auth::Known;
use menshen_tunnel_core::ppp::{AddressPlan, NameServers, Network};
use menshen_tunnel_core::time::Moment;
use tokio::sync::{Notify, watch};

use super::accounting::{Accounting, Stop};
use super::accounts::Accounts;
use super::facts::{Bearer, Counters, PoolFacts, Snapshot};
use super::guesses::{Allowed, Guesses, network};
use super::hub::Hub;
use super::pool::Pool;
use super::rate::Bucket;
use super::seat::{Denied, Seat, Why};
use super::{Settings, StartError};
use crate::clock::Clock;
use crate::tun::Tun;

/// What all sessions share.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) hub: Rc<Hub>,
    pub(super) counters: RefCell<Counters>,
    pub(super) accounting: Accounting,
    /// Whether the server ends.
    pub(super) stopping: watch::Sender<bool>,
    /// Whether another process takes what is new.
    pub(super) retired: Cell<bool>,
    /// Where interfaces go to be closed, which takes the kernel a while.
    pub(super) closer: RefCell<Option<mpsc::Sender<Tun>>>,
    accounts: RefCell<Accounts>,
    pool: RefCell<Pool>,
    guesses: RefCell<Guesses>,
    seats: RefCell<BTreeMap<u64, Rc<Seat>>>,
    next_seat: Cell<u64>,
    /// Sessions of each user who is in.
    sessions: RefCell<HashMap<String, usize>>,
    rates: RefCell<HashMap<String, Weak<RefCell<Rates>>>>,
    half_open: RefCell<HashMap<IpAddr, usize>>,
    pub(super) lines: Cell<usize>,
    tasks: Cell<usize>,
    done: Notify,
}

/// Both directions of one user.
#[derive(Debug)]
pub(super) struct Rates {
    pub(super) from_user: Bucket,
    pub(super) to_user: Bucket,
}

/// The place of one of whom nobody knows yet who he is; given back when dropped.
#[derive(Debug)]
pub(super) struct HalfOpen {
    door: Rc<Door>,
    source: IpAddr,
    /// Until when it is to be known who he is.
    pub(super) by: Moment,
}

/// A task that the server waits for when it stops.
#[derive(Debug)]
pub(super) struct Task(Rc<Door>);

impl Door {
    pub(super) fn new(mut settings: Settings) -> Result<Self, StartError> {
        let (network, prefix) = settings.addresses;
        let pool = Pool::new(network, prefix);
        let mut pool = pool.ok_or(StartError::Addresses(network, prefix))?;
        let accounts = Accounts::open(settings.users.clone())?;
        pool.reserve(accounts.users().addresses());
        let limits = settings.limits;
        let guesses = Guesses::new(limits.guesses_per_source, limits.guesses_per_name);
        let clock = Clock::new();
        let leases = settings.leases.take().map(Rc::new);
        if let Some(leases) = &leases {
            pool.share(leases.clone());
        }
        Ok(Self {
            clock,
            hub: Rc::new(Hub::new(clock, leases)),
            counters: RefCell::default(),
            accounting: Accounting::new(settings.accounting.take()),
            stopping: watch::Sender::new(false),
            retired: Cell::new(false),
            closer: RefCell::default(),
            accounts: RefCell::new(accounts),
            pool: RefCell::new(pool),
            guesses: RefCell::new(guesses),
            seats: RefCell::default(),
            next_seat: Cell::new(1),
            sessions: RefCell::default(),
            rates: RefCell::default(),
            half_open: RefCell::default(),
            lines: Cell::new(0),
            tasks: Cell::new(0),
            done: Notify::new(),
            settings,
        })
    }

    pub(super) fn count(&self, what: impl FnOnce(&mut Counters)) {
        what(&mut self.counters.borrow_mut());
    }

    /// A place for a stranger; `None`, counted: there are too many of them.
    pub(super) fn half_open(self: &Rc<Self>, source: IpAddr) -> Option<HalfOpen> {
        let (limits, source) = (&self.settings.limits, network(source));
        let mut all = self.half_open.borrow_mut();
        let of_source = all.get(&source).copied().unwrap_or_default();
        let sum: usize = all.values().sum();
        if sum >= limits.half_open || of_source >= limits.half_open_per_source {
            self.count(|counters| counters.half_open_limited += 1);
            return None;
        }
        all.insert(source, of_source + 1);
        let by = self.clock.now() + self.settings.times.half_open;
        Some(HalfOpen { door: self.clone(), source, by })
    }

    /// A place for a session.
    pub(super) fn seat(&self, client: IpAddr, bearer: Bearer, half_open: HalfOpen) -> Rc<Seat> {
        let id = self.next_seat.replace(self.next_seat.get() + 1);
        let seat = Rc::new(Seat::new(id, (client, bearer), self.clock.now(), half_open));
        self.seats.borrow_mut().insert(id, seat.clone());
        if *self.stopping.borrow() {
            seat.ring(Why::Stopping);
        }
        seat
    }

    /// Whether as many users are in as may be.
    pub(super) fn is_full(&self) -> bool {
        self.sessions.borrow().values().sum::<usize>() >= self.settings.limits.sessions
    }

    /// What is known about a user who tries to come in.
    pub(super) fn known(&self, seat: &Seat, name: &str) -> Known {
        let now = self.clock.now();
        let allowed = self.guesses.borrow_mut().allow(now, seat.client, name);
        seat.allowed.set(allowed);
        if allowed == Allowed::No {
            self.count(|counters| counters.guesses_limited += 1);
            return Known::Nobody;
        }
        self.refresh();
        let accounts = self.accounts.borrow();
        let user = accounts.users().get(name);
        user.map_or(Known::Nobody, |user| Known::NtHash(user.hash.clone()))
    }

    /// The proof that was asked about last holds: it was no guess. To be told before anybody else
    /// asks.
    pub(super) fn proved(&self, seat: &Seat, name: &str) {
        self.guesses.borrow_mut().right(seat.client, name, seat.allowed.take());
    }

    /// A user has proved who he is, and nobody stands between: his network, or why he does not come
    /// in.
    pub(super) fn let_in(&self, seat: &Seat, name: &str) -> Result<Network, Denied> {
        let now = self.clock.now();
        self.guesses.borrow_mut().came_in(now, seat.client, name);
        if seat.user.borrow().is_none() {
            let address = self.address_for(name)?;
            self.count(|counters| counters.logins += 1);
            *self.sessions.borrow_mut().entry(name.to_owned()).or_default() += 1;
            *seat.user.borrow_mut() = Some(name.to_owned());
            seat.address.set(Some(address));
            seat.half_open.take();
        }
        let local = self.pool.borrow().own();
        let peer = seat.address.get().unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut dns = self.settings.dns.iter().copied();
        let dns = [dns.next(), dns.next()];
        Ok(Network {
            ipv4: Some(AddressPlan::Give { local, peer }),
            name_servers: NameServers { dns, wins: [None; 2] },
            ipv6: None,
        })
    }

    fn address_for(&self, name: &str) -> Result<Ipv4Addr, Denied> {
        let of_user = self.sessions.borrow().get(name).copied().unwrap_or_default();
        if self.is_full() {
            self.count(|counters| counters.sessions_limited += 1);
            return Err(Denied::Sessions);
        }
        if of_user >= self.settings.limits.sessions_per_user {
            self.count(|counters| counters.sessions_per_user_limited += 1);
            return Err(Denied::SessionsOfUser);
        }
        let own = self.accounts.borrow().users().get(name).and_then(|user| user.address);
        let mut pool = self.pool.borrow_mut();
        match own {
            Some(own) if pool.take_this(own) => Ok(own),
            Some(_) => {
                self.count(|counters| counters.address_in_use += 1);
                Err(Denied::AddressInUse)
            }
            None => pool.take().ok_or_else(|| {
                self.count(|counters| counters.pool_empty += 1);
                Denied::PoolEmpty
            }),
        }
    }

    /// The rate of a user, shared by all of his sessions; `None`: there is no limit.
    pub(super) fn rates(&self, name: &str) -> Option<Rc<RefCell<Rates>>> {
        let rate = self.settings.rate?;
        let mut all = self.rates.borrow_mut();
        if let Some(rates) = all.get(name).and_then(Weak::upgrade) {
            return Some(rates);
        }
        all.retain(|_, rates| rates.strong_count() > 0);
        let (from_user, to_user) = (Bucket::new(rate), Bucket::new(rate));
        let rates = Rc::new(RefCell::new(Rates { from_user, to_user }));
        all.insert(name.to_owned(), Rc::downgrade(&rates));
        Some(rates)
    }

    /// A session is over: what it had is free.
    pub(super) fn leave(&self, seat: &Seat) {
        self.seats.borrow_mut().remove(&seat.id);
        let last = seat.facts(self.clock.now());
        self.count(|counters| counters.add(&last));
        seat.half_open.take();
        if let Some(address) = seat.address.take() {
            self.pool.borrow_mut().give_back(address);
        }
        if let Some(name) = &*seat.user.borrow() {
            let mut sessions = self.sessions.borrow_mut();
            if let Some(count) = sessions.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    sessions.remove(name);
                }
            }
        }
    }

    /// Looks whether the users' file has changed; sessions of users who are gone, or whose password
    /// or address is another one, end.
    pub(super) fn refresh(&self) {
        let names: Vec<String> = self.sessions.borrow().keys().cloned().collect();
        let mut accounts = self.accounts.borrow_mut();
        let Some(changed) = accounts.refresh(self.clock.now(), &names) else { return };
        let users = accounts.users();
        let mut pool = self.pool.borrow_mut();
        pool.reserve(users.addresses());
        for seat in self.seats.borrow().values() {
            let user = seat.user.borrow();
            let Some(name) = &*user else { continue };
            let own = users.get(name).and_then(|user| user.address);
            let has_another = seat.address.get().is_some_and(|has| match own {
                Some(own) => own != has,
                // Somebody else's from now on.
                None => pool.is_reserved(has),
            });
            if has_another || changed.contains(name) {
                seat.ring(Why::UserChanged);
            }
        }
    }

    /// Ends a session; whether there is one of this number.
    pub(super) fn ring(&self, id: u64, why: Why) -> bool {
        self.seats.borrow().get(&id).map(|seat| seat.ring(why)).is_some()
    }

    /// Ends all sessions and all control connections without any.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
        for seat in self.seats.borrow().values() {
            seat.ring(Why::Stopping);
        }
    }

    /// Forgets the sessions that were cut off; interfaces are closed elsewhere no more.
    pub(super) fn clear(&self) {
        let seats = std::mem::take(&mut *self.seats.borrow_mut());
        for seat in seats.values() {
            self.cut_off(seat);
            self.leave(seat);
        }
        self.closer.take();
    }

    /// Writes down the end of a session that did not come to its end.
    fn cut_off(&self, seat: &Seat) {
        let Some(opened) = seat.opened.get() else { return };
        let status = seat.status.borrow();
        let counters = status.as_ref().map(|status| status.borrow().counters);
        self.accounting.stop(
            seat,
            Stop {
                counters: counters.unwrap_or_default(),
                seconds: self.clock.now().since(opened).as_secs(),
                cause: seat.why().unwrap_or(Why::Stopping).code(),
                detail: Some("cut off".to_owned()),
            },
        );
    }

    /// Counts a task in.
    pub(super) fn task(self: &Rc<Self>) -> Task {
        self.tasks.set(self.tasks.get() + 1);
        Task(self.clone())
    }

    /// Waits until no task is left.
    pub(super) async fn finished(&self) {
        while self.tasks.get() > 0 {
            self.done.notified().await;
        }
    }

    /// Whether one more connection may be looked at.
    pub(super) fn has_room_for_task(&self) -> bool {
        let limits = &self.settings.limits;
        // A call has a task of its own beside its connection's.
        self.tasks.get() < 2 * (limits.sessions + limits.half_open) + TASKS_SPARE
    }

    /// Closes an interface, not on this thread.
    pub(super) fn close_interface(&self, tun: Tun) {
        if let Some(closer) = &*self.closer.borrow() {
            // Without the closer it is closed here.
            let _ = closer.send(tun);
        }
    }

    /// How all is.
    pub(super) fn snapshot(&self) -> Snapshot {
        let now = self.clock.now();
        let (pool, accounts) = (self.pool.borrow(), self.accounts.borrow());
        let mut counters = *self.counters.borrow();
        (counters.gre_unknown, counters.gre_crowded) =
            (self.hub.unknown.get(), self.hub.crowded.get());
        counters.accounting_lost = self.accounting.lost();
        let sessions: Vec<_> = self.seats.borrow().values().map(|seat| seat.facts(now)).collect();
        sessions.iter().for_each(|session| counters.add(session));
        Snapshot {
            sessions,
            counters,
            pool: PoolFacts { size: pool.size(), taken: pool.taken() },
            users: accounts.users().len(),
            users_problem: accounts.problem().map(str::to_owned),
            half_open: self.half_open.borrow().values().sum(),
            control_connections: self.lines.get(),
        }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let mut all = self.door.half_open.borrow_mut();
        if let Some(count) = all.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.source);
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get() - 1);
        if self.0.tasks.get() == 0 {
            self.0.done.notify_one();
        }
    }
}

/// Connections that are handed over and have not said yet what they are.
const TASKS_SPARE: usize = 64;

#[cfg(test)]
mod tests;
