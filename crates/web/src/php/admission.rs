//! Admission: at most as many requests are with a PHP pool as it has free processes, over all
//! worker processes together; the others wait here, in order, instead of in a backlog without one.
//!
//! **How places are counted.** Each worker says in the scoreboard how many places it holds
//! ([`menshen_sys::scoreboard::pools`]). To take one it counts itself in first and then sums over
//! all living workers; above the limit it takes that back and waits. Two workers that do so at once
//! may both step back, never both go in. A dead worker's word no longer counts, so nothing is ever
//! to be repaired. Processes busy with what nobody here has in flight ("strangers") lower the
//! limit; it is never below 1.
//!
//! **How waiting ends.** Who frees a place and sees others waiting rings the pool's eventfd, which
//! all workers share and never read: each write is one edge for every epoll that watches. A worker
//! watches while it has waiters, and looks again every [`TICK_MS`] besides: a worker that died
//! rings for nobody, and two that stepped back at once hear no ring.
//!
//! **Order.** Pages before deliveries, but every [`DELIVERY_TURN`]th grant is a waiting delivery's,
//! and deliveries never hold the last place of a pool that has two. Within a class, client networks
//! take turns. Between workers: one that granted [`GRANTS_IN_ROW`] places to its own waiters while
//! others waited elsewhere leaves the next place to them for [`STAND_BACK_US`].
//!
//! It must never hold a place for a request that is gone, and never call out while its own state
//! is borrowed: a ticket may be dropped anywhere.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use menshen_base::Counter;
use menshen_net::{clock, gate::network_of};
use menshen_sys::{PoolLoad, Scoreboard, Slot, SlotState};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;

use line::{Line, Waiter};
use places::Places;

mod line;
mod places;

/// What a request is, for the order of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody waits for its answer and has sent little.
    Page,
    /// A finished upload handed over: its client has waited for long already.
    Delivery,
}

/// Why a request was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// As many wait in this worker as may (`php_queue_max`), or this client has the largest part of
    /// a full queue.
    #[error("too many requests wait for PHP")]
    Full,
    /// It waited as long as it may (`php_queue_seconds_max`).
    #[error("no PHP worker got free in time")]
    TooLong,
}

/// What one pool is to this worker.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `PoolSpec::place`.
    pub(crate) place: u32,
    /// `PoolSpec::workers`; counts where the guard has not said it in the scoreboard.
    pub(crate) workers: u32,
    /// `php_queue_max`.
    pub(crate) waiting_max: u32,
    /// `php_queue_seconds_max`.
    pub(crate) wait_max: Duration,
    /// `PoolSpec::wake_fd`, taken over.
    pub(crate) bell: OwnedFd,
}

/// The admission to one pool, as one worker sees it. `C` is a connection to the pool that the next
/// request may use.
pub(crate) struct Admission<C> {
    places: Places,
    slot: Slot,
    waiting_max: usize,
    wait_max_us: u64,
    bell: Rc<OwnedFd>,
    pages: RefCell<Line<C>>,
    deliveries: RefCell<Line<C>>,
    /// Grants that passed a waiting delivery by.
    passed_by: Cell<u32>,
    /// Grants to own waiters in a row while others waited elsewhere.
    in_row: Cell<u32>,
    /// Until then places are left to other workers, microseconds; 0: not at all.
    stand_back_until: Cell<u64>,
    next_id: Cell<u64>,
    watching: Cell<bool>,
}

/// A place with the pool; dropping it gives the place back. Close the connection to the pool
/// first, or hand it over.
pub(crate) struct Ticket<C> {
    admission: Rc<Admission<C>>,
    class: Class,
    queued_us: u64,
    connection: Option<C>,
    handed_over: Option<C>,
}

impl<C: 'static> Admission<C> {
    /// A place for one request of `client`: at once when one is free and nobody waits here, else
    /// after waiting. Must run within a `LocalSet`. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// See [`Refused`]; both are counted.
    pub(crate) async fn enter(
        self: &Rc<Self>,
        class: Class,
        client: IpAddr,
    ) -> Result<Ticket<C>, Refused> {
        if self.nobody_waits() && self.may_take_now(class) {
            return Ok(self.ticket(class, 0, None));
        }
        let mut queued = self.line_up(class, network_of(client))?;
        // The place that was taken a moment ago may be free by now, and whoever freed it may not
        // have seen that we wait. From here on everybody does.
        drop(self.serve(None));
        self.watch();
        // Waiters are dropped only with an answer; without one the worker is coming to its end.
        (&mut queued.answer).await.unwrap_or(Err(Refused::TooLong))
    }

    /// Starts to listen for the bell, unless that is done already.
    fn watch(self: &Rc<Self>) {
        if !self.nobody_waits() && !self.watching.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).listen());
        }
    }

    /// Grants what gets free elsewhere and ends waits that took too long; ends itself once nobody
    /// has waited for a while.
    async fn listen(self: Rc<Self>) {
        // Without it (no memory for another watch) there still is the tick.
        #[expect(
            deprecated,
            reason = "its successor is unsafe: the descriptor must stay the same and open while it \
                      is watched, which the count of an `Rc<OwnedFd>` ensures"
        )]
        let bell = AsyncFd::with_interest(Rc::clone(&self.bell), Interest::READABLE).ok();
        let mut idle_ticks = 0;
        while idle_ticks < IDLE_TICKS {
            let wait = if self.stands_back() {
                Duration::from_micros(STAND_BACK_US)
            } else {
                Duration::from_millis(TICK_MS)
            };
            match &bell {
                None => tokio::time::sleep(wait).await,
                Some(bell) => match tokio::time::timeout(wait, bell.readable()).await {
                    // Never read: the next write is an edge all the same.
                    Ok(Ok(mut rung)) => rung.clear_ready(),
                    Ok(Err(_)) => tokio::time::sleep(wait).await,
                    Err(_elapsed) => idle_ticks += u32::from(self.nobody_waits()),
                },
            }
            if !self.nobody_waits() {
                idle_ticks = 0;
                self.expire();
                drop(self.serve(None));
            }
        }
        self.watching.set(false);
    }
}

impl<C> Admission<C> {
    /// The admission of the worker that owns `slot`.
    pub(crate) fn new(board: Scoreboard, slot: Slot, settings: Settings) -> Rc<Self> {
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Rc::new(Self {
            places: Places::new(board, slot, size(settings.place), settings.workers),
            slot,
            waiting_max: size(settings.waiting_max),
            wait_max_us: u64::try_from(settings.wait_max.as_micros()).unwrap_or(u64::MAX),
            bell: Rc::new(settings.bell),
            pages: RefCell::default(),
            deliveries: RefCell::default(),
            passed_by: Cell::new(0),
            in_row: Cell::new(0),
            stand_back_until: Cell::new(0),
            next_id: Cell::new(0),
            watching: Cell::new(false),
        })
    }

    /// Requests of this worker that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.pages.borrow().len() + self.deliveries.borrow().len()
    }

    /// Tells all workers with waiters to look for a free place.
    pub(crate) fn ring(&self) {
        // It fails only when the counter is full, after 2^64 rings.
        let _ = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }

    /// Whether a request of this worker is with the pool.
    pub(crate) fn holds_places(&self) -> bool {
        self.places.own().in_flight > 0
    }

    /// Processes of the pool, busy or not.
    pub(crate) fn workers(&self) -> u32 {
        self.places.workers()
    }

    /// What all workers together have with the pool.
    pub(crate) fn load(&self) -> PoolLoad {
        self.places.all()
    }

    /// Requests that all workers together have admitted; only its changes tell anything.
    pub(crate) fn admitted(&self) -> u64 {
        self.places.admitted()
    }

    /// Where this worker is in its life.
    pub(crate) fn worker_state(&self) -> SlotState {
        self.slot.state()
    }

    /// Sets how many processes of the pool are busy with what no worker has in flight; places that
    /// this frees are offered to those who wait.
    pub(crate) fn set_strangers(&self, strangers: u32) {
        let before = self.places.set_strangers(strangers);
        if strangers < before && self.load().waiting() > 0 {
            self.ring();
        }
    }

    fn nobody_waits(&self) -> bool {
        self.pages.borrow().is_empty() && self.deliveries.borrow().is_empty()
    }

    /// A newcomer's try: a delivery lets pages that wait elsewhere go first.
    fn may_take_now(&self, class: Class) -> bool {
        let yields = class == Class::Delivery && self.places.all().waiting_pages > 0;
        let stands_back = self.stand_back_until.get() > 0 && self.stands_back();
        !yields && !stands_back && self.places.take(class)
    }

    fn ticket(self: &Rc<Self>, class: Class, queued_us: u64, connection: Option<C>) -> Ticket<C> {
        self.slot.add(Counter::PhpBusy, 1);
        Ticket { admission: Rc::clone(self), class, queued_us, connection, handed_over: None }
    }

    /// Gives a place back, to an own waiter if one is next.
    fn give_back(self: &Rc<Self>, class: Class, connection: Option<C>) {
        self.slot.sub(Counter::PhpBusy, 1);
        self.places.give(class);
        let Served { grants, unused } = self.serve(connection);
        // Closed before anybody else is told: it keeps a PHP process.
        drop(unused);
        if grants == 0 && self.places.others().waiting() > 0 {
            self.ring();
        }
    }

    /// Grants places to own waiters for as long as there are any of both; the first one gets the
    /// connection.
    fn serve(self: &Rc<Self>, connection: Option<C>) -> Served<C> {
        let mut served = Served { grants: 0, unused: connection };
        while !self.nobody_waits() {
            let others = self.places.others();
            if self.leaves_to(others) {
                break;
            }
            let Some(class) = self.choose(others) else { break };
            let Some(waiter) = self.line(class).borrow_mut().next() else {
                // It was there a moment ago, and nothing ran since.
                self.places.give(class);
                break;
            };
            self.publish();
            served.grants += 1;
            self.grant(waiter, class, served.unused.take());
            self.in_row.set(self.in_row.get() + 1);
        }
        served
    }

    /// The class whose turn it is, with a place taken for it.
    fn choose(&self, others: PoolLoad) -> Option<Class> {
        let pages = !self.pages.borrow().is_empty();
        let deliveries = !self.deliveries.borrow().is_empty();
        let turn = deliveries && self.passed_by.get() + 1 >= DELIVERY_TURN;
        let first = turn || (!pages && others.waiting_pages == 0);
        if deliveries && first && self.places.take(Class::Delivery) {
            self.passed_by.set(0);
            return Some(Class::Delivery);
        }
        let page = pages && self.places.take(Class::Page);
        // Passed by: a place went to a page, here or by leaving it to one that waits elsewhere.
        let left = !first && !pages && self.places.is_free(Class::Delivery);
        if deliveries && (page || left) {
            self.passed_by.set(self.passed_by.get().saturating_add(1));
        }
        page.then_some(Class::Page)
    }

    fn grant(self: &Rc<Self>, waiter: Waiter<C>, class: Class, connection: Option<C>) {
        let queued_us = clock::micros().saturating_sub(waiter.since_us);
        self.slot.add(Counter::PhpQueueMicros, queued_us);
        let ticket = self.ticket(class, queued_us, connection);
        // Not received: the ticket is dropped here and its place given back.
        drop(waiter.answer.send(Ok(ticket)));
    }

    /// Whether places are left to those who wait elsewhere for now.
    fn leaves_to(&self, others: PoolLoad) -> bool {
        if others.waiting() == 0 {
            self.in_row.set(0);
            self.stand_back_until.set(0);
            return false;
        }
        if self.stands_back() {
            return true;
        }
        if self.in_row.get() < GRANTS_IN_ROW {
            return false;
        }
        self.in_row.set(0);
        self.stand_back_until.set(clock::micros() + STAND_BACK_US);
        // For the others, and for our own look once the time is over.
        self.ring();
        true
    }

    fn stands_back(&self) -> bool {
        if self.stand_back_until.get() <= clock::micros() {
            self.stand_back_until.set(0);
        }
        self.stand_back_until.get() > 0
    }
}

impl<C> Admission<C> {
    fn line(&self, class: Class) -> &RefCell<Line<C>> {
        match class {
            Class::Page => &self.pages,
            Class::Delivery => &self.deliveries,
        }
    }

    /// Says in the scoreboard how many wait here.
    fn publish(&self) {
        let before = self.places.own().waiting();
        self.places.set_waiting(self.pages.borrow().len(), self.deliveries.borrow().len());
        let after = self.places.own().waiting();
        if after > before {
            self.slot.add(Counter::PhpQueued, u64::from(after - before));
        } else {
            self.slot.sub(Counter::PhpQueued, u64::from(before - after));
        }
    }

    fn line_up(self: &Rc<Self>, class: Class, network: IpAddr) -> Result<Queued<'_, C>, Refused> {
        if self.waiting() >= self.waiting_max {
            self.slot.add(Counter::LimitPhpQueue, 1);
            // A client must not shut others out by filling the queue: its last one makes room.
            let line = self.line(class);
            let Some(last) = line.borrow_mut().displace_for(network) else {
                return Err(Refused::Full);
            };
            let _ = last.answer.send(Err(Refused::Full));
        }
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let (answer, receiver) = oneshot::channel();
        let waiter = Waiter { id, since_us: clock::micros(), answer };
        self.line(class).borrow_mut().push(network, waiter);
        self.publish();
        Ok(Queued { admission: self, class, network, id, answer: receiver })
    }

    /// Ends the waits that took too long.
    fn expire(&self) {
        let before = clock::micros().saturating_sub(self.wait_max_us);
        for line in [&self.pages, &self.deliveries] {
            loop {
                let Some(waiter) = line.borrow_mut().waiting_since(before) else { break };
                self.slot.add(Counter::LimitPhpQueueSeconds, 1);
                let _ = waiter.answer.send(Err(Refused::TooLong));
            }
        }
        self.publish();
    }
}

impl<C> Ticket<C> {
    /// How long it was waited for, microseconds; 0 when a place was free.
    pub(crate) fn queued_us(&self) -> u64 {
        self.queued_us
    }

    /// The open connection that came with the place, if one did.
    pub(crate) fn take_connection(&mut self) -> Option<C> {
        self.connection.take()
    }

    /// Gives the place back, and `connection` to the waiter of this worker that gets the place; if
    /// none does, it is closed. Only so is a connection ever kept: an idle one holds a PHP process.
    pub(crate) fn hand_over(mut self, connection: C) {
        self.handed_over = Some(connection);
    }
}

impl<C> Drop for Ticket<C> {
    fn drop(&mut self) {
        drop(self.connection.take());
        self.admission.give_back(self.class, self.handed_over.take());
    }
}

impl<C> fmt::Debug for Admission<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("own", &self.places.own()).finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for Ticket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("class", &self.class).finish_non_exhaustive()
    }
}

/// A request in line; dropping it leaves the line.
struct Queued<'a, C> {
    admission: &'a Rc<Admission<C>>,
    class: Class,
    network: IpAddr,
    id: u64,
    answer: oneshot::Receiver<Result<Ticket<C>, Refused>>,
}

impl<C> Drop for Queued<'_, C> {
    fn drop(&mut self) {
        let gone = self.admission.line(self.class).borrow_mut().remove(self.network, self.id);
        if gone.is_some() {
            self.admission.publish();
        }
        // A ticket that was granted but not taken is dropped with the receiver.
    }
}

/// What came of a look for free places.
struct Served<C> {
    grants: u32,
    /// The connection, when no waiter got it.
    unused: Option<C>,
}

/// Every such grant is a waiting delivery's.
const DELIVERY_TURN: u32 = 8;
/// Grants to own waiters before those of other workers are let in.
const GRANTS_IN_ROW: u32 = 8;
/// How long a place is left to others, microseconds: enough for a worker to wake.
const STAND_BACK_US: u64 = 1000;
/// How often places are looked for unasked, milliseconds.
const TICK_MS: u64 = 50;
/// Ticks without a waiter after which the bell is not watched any more.
const IDLE_TICKS: u32 = 20;

#[cfg(test)]
mod tests;
