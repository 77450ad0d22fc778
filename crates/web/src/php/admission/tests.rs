//! Tests of admission: two workers are two admissions over one scoreboard and one bell.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use menshen_sys::SlotState;
use rustix::event::{EventfdFlags, eventfd};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::*;

/// Workers of one guard over one pool at place 3.
struct Crew {
    _folder: tempfile::TempDir,
    board: Scoreboard,
    bell: OwnedFd,
}

/// A connection that says when it is closed.
#[derive(Debug)]
struct Connection(Rc<Cell<u32>>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

impl Crew {
    fn new(limit: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path: &Path = folder.path();
        let (board, _file) = Scoreboard::create(&path.join("board")).unwrap();
        board.set_pool(3, "unix:/pool", limit);
        let bell = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap();
        Self { _folder: folder, board, bell }
    }

    fn worker(&self, number: usize) -> Rc<Admission<Connection>> {
        self.worker_with(number, 1000, Duration::from_secs(20))
    }

    fn worker_with(&self, number: usize, max: u32, wait: Duration) -> Rc<Admission<Connection>> {
        let slot = self.board.slot(number);
        slot.reset(u32::try_from(number).unwrap(), 1, 0);
        slot.set_state(SlotState::Ready);
        let bell = self.bell.try_clone().unwrap();
        let settings = Settings { place: 3, workers: 99, waiting_max: max, wait_max: wait, bell };
        Admission::new(self.board, slot, settings)
    }

    fn load(&self) -> PoolLoad {
        self.board.view().pool_load(3)
    }
}

fn client(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Lets every task that can go on do so.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn pass<C: 'static>(admission: &Rc<Admission<C>>) -> Ticket<C> {
    admission.enter(Class::Page, client(1)).await.unwrap()
}

type Entered = JoinHandle<Result<Ticket<Connection>, Refused>>;

fn queue(admission: &Rc<Admission<Connection>>, class: Class, n: u8) -> Entered {
    let admission = Rc::clone(admission);
    spawn_local(async move { admission.enter(class, client(n)).await })
}

#[test]
fn places_are_counted_over_all_workers() {
    run(async {
        let crew = Crew::new(3);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let first = pass(&a).await;
        let second = pass(&b).await;
        let third = pass(&b).await;
        assert_eq!((third.queued_us(), crew.load().in_flight), (0, 3));
        let waits = queue(&a, Class::Page, 1);
        settle().await;
        assert!(!waits.is_finished());
        let counters = |worker: usize| {
            let slot = crew.board.slot(worker);
            (slot.get(Counter::PhpBusy), slot.get(Counter::PhpQueued))
        };
        assert_eq!((counters(0), counters(1)), ((1, 1), (2, 0)));
        // A place of the other worker: the bell wakes us long before the tick would.
        let before = Instant::now();
        drop(third);
        let ticket = waits.await.unwrap().unwrap();
        assert!(before.elapsed() < Duration::from_millis(TICK_MS / 2), "{:?}", before.elapsed());
        assert!(ticket.queued_us() > 0);
        assert_eq!(crew.board.slot(0).get(Counter::PhpQueueMicros), ticket.queued_us());
        assert_eq!((counters(0), counters(1)), ((2, 0), (1, 0)));
        drop((first, second, ticket));
        assert_eq!(crew.load(), PoolLoad::default());
        assert_eq!((counters(0), counters(1)), ((0, 0), (0, 0)));
        assert_eq!(crew.board.view().pool_admitted(3), 4);
    });
}

#[test]
fn strangers_lower_the_limit_but_never_to_nothing() {
    run(async {
        let crew = Crew::new(4);
        let a = crew.worker(0);
        crew.board.set_pool_strangers(3, 3);
        let only = pass(&a).await;
        let waits = queue(&a, Class::Page, 1);
        settle().await;
        assert!(!waits.is_finished());
        crew.board.set_pool_strangers(3, 9);
        drop(only);
        let only = waits.await.unwrap().unwrap();
        // The strangers are gone: nobody gives a place back, but the one who noticed rings.
        let waits = queue(&a, Class::Page, 1);
        settle().await;
        a.set_strangers(0);
        let before = Instant::now();
        let _second = waits.await.unwrap().unwrap();
        assert!(before.elapsed() < Duration::from_millis(TICK_MS / 2));
        drop(only);
    });
}

#[test]
fn a_dead_worker_holds_no_place() {
    run(async {
        let crew = Crew::new(2);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let lost = (pass(&a).await, pass(&a).await);
        let waits = queue(&b, Class::Page, 1);
        settle().await;
        assert!(!waits.is_finished());
        // What the guard does when it collects a process.
        crew.board.slot(0).set_state(SlotState::Ended);
        let before = Instant::now();
        let _ticket = waits.await.unwrap().unwrap();
        assert!(before.elapsed() < Duration::from_millis(4 * TICK_MS));
        std::mem::forget(lost);
    });
}

#[test]
fn clients_take_turns() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker(0);
        let order = Rc::new(RefCell::new(Vec::new()));
        let held = pass(&a).await;
        let mut tasks = Vec::new();
        for n in [1, 1, 1, 1, 2, 2, 3] {
            let (a, order) = (Rc::clone(&a), Rc::clone(&order));
            tasks.push(spawn_local(async move {
                let ticket = a.enter(Class::Page, client(n)).await.unwrap();
                order.borrow_mut().push(n);
                drop(ticket);
            }));
            settle().await;
        }
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.borrow(), [1, 2, 3, 1, 2, 1, 1]);
    });
}

#[test]
fn an_ipv6_network_is_one_client() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker(0);
        let held = pass(&a).await;
        let mut order = Vec::new();
        let mut tasks = Vec::new();
        for address in ["2001:db8::1", "2001:db8::2", "192.0.2.9"] {
            let (a, address) = (Rc::clone(&a), address.parse().unwrap());
            tasks.push(spawn_local(async move {
                drop(a.enter(Class::Page, address).await.unwrap());
                clock::micros()
            }));
            settle().await;
        }
        drop(held);
        for task in tasks {
            order.push(task.await.unwrap());
        }
        assert!(order[0] < order[2] && order[2] < order[1], "{order:?}");
    });
}

#[test]
fn pages_go_first_and_every_eighth_grant_is_a_deliverys() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker(0);
        let order = Rc::new(RefCell::new(String::new()));
        let held = pass(&a).await;
        let mut tasks = Vec::new();
        for place in 0..23 {
            let class = if place < 3 { Class::Delivery } else { Class::Page };
            let (a, order) = (Rc::clone(&a), Rc::clone(&order));
            tasks.push(spawn_local(async move {
                let ticket = a.enter(class, client(1)).await.unwrap();
                assert_eq!(ticket.class, class);
                order.borrow_mut().push(if class == Class::Page { 'p' } else { 'D' });
            }));
        }
        settle().await;
        assert_eq!(crew.load().waiting_pages, 20);
        assert_eq!(crew.load().waiting_deliveries, 3);
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.borrow(), "pppppppDpppppppDppppppD");
    });
}

#[test]
fn deliveries_leave_the_last_place_to_pages() {
    run(async {
        let crew = Crew::new(3);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let deliveries = [
            a.enter(Class::Delivery, client(1)).await.unwrap(),
            b.enter(Class::Delivery, client(1)).await.unwrap(),
        ];
        let waits = queue(&a, Class::Delivery, 1);
        settle().await;
        assert!(!waits.is_finished());
        // A page is not behind it, though it came later and to the same worker.
        let page = pass(&a).await;
        drop(page);
        settle().await;
        assert!(!waits.is_finished(), "a third delivery of three places");
        drop(deliveries);
        let _third = waits.await.unwrap().unwrap();
        // With a single place there is no other for them.
        let crew = Crew::new(1);
        let a = crew.worker(0);
        drop(a.enter(Class::Delivery, client(1)).await.unwrap());
    });
}

#[test]
fn a_delivery_here_lets_a_page_elsewhere_go_first() {
    run(async {
        let crew = Crew::new(1);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let held = pass(&a).await;
        let delivery = queue(&a, Class::Delivery, 1);
        let page = queue(&b, Class::Page, 2);
        settle().await;
        drop(held);
        let page = page.await.unwrap().unwrap();
        assert!(!delivery.is_finished());
        drop(page);
        drop(delivery.await.unwrap().unwrap());
    });
}

#[test]
fn who_stops_waiting_leaves_nothing_behind() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker(0);
        let held = pass(&a).await;
        let first = queue(&a, Class::Page, 1);
        let second = queue(&a, Class::Page, 2);
        settle().await;
        assert_eq!((a.waiting(), crew.load().waiting_pages), (2, 2));
        first.abort();
        settle().await;
        assert_eq!((a.waiting(), crew.load().waiting_pages), (1, 1));
        assert_eq!(crew.board.slot(0).get(Counter::PhpQueued), 1);
        // Granted, but gone before it took its place: the place goes on.
        let third = queue(&a, Class::Page, 3);
        settle().await;
        drop(held);
        second.abort();
        drop(third.await.unwrap().unwrap());
        assert_eq!(crew.load(), PoolLoad::default());
        assert_eq!(crew.board.slot(0).get(Counter::PhpQueued), 0);
        assert_eq!(crew.board.slot(0).get(Counter::PhpBusy), 0);
    });
}

#[test]
fn waiting_has_an_end() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker_with(0, 1000, Duration::from_millis(120));
        let held = pass(&a).await;
        let before = Instant::now();
        assert_eq!(a.enter(Class::Page, client(1)).await.unwrap_err(), Refused::TooLong);
        let took = before.elapsed().as_millis();
        assert!((120..400).contains(&took), "{took}");
        assert_eq!(crew.board.slot(0).get(Counter::LimitPhpQueueSeconds), 1);
        assert_eq!(crew.load().waiting(), 0);
        drop(held);
    });
}

#[test]
fn a_full_queue_refuses_the_greedy_not_the_newcomer() {
    run(async {
        let crew = Crew::new(1);
        let a = crew.worker_with(0, 4, Duration::from_secs(20));
        let held = pass(&a).await;
        let mut greedy: Vec<_> = (0..4).map(|_| queue(&a, Class::Page, 1)).collect();
        settle().await;
        assert_eq!(a.enter(Class::Page, client(1)).await.unwrap_err(), Refused::Full);
        let modest = queue(&a, Class::Page, 2);
        settle().await;
        assert_eq!(greedy.pop().unwrap().await.unwrap().unwrap_err(), Refused::Full);
        assert_eq!((a.waiting(), crew.load().waiting_pages), (4, 4));
        assert_eq!(crew.board.slot(0).get(Counter::LimitPhpQueue), 2);
        drop(held);
        let mut greedy = greedy.into_iter();
        drop(greedy.next().unwrap().await.unwrap().unwrap());
        drop(modest.await.unwrap().unwrap());
        for task in greedy {
            drop(task.await.unwrap().unwrap());
        }
    });
}

#[test]
fn a_connection_goes_to_a_waiter_of_this_worker_or_is_closed() {
    run(async {
        let crew = Crew::new(1);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let closed = Rc::new(Cell::new(0));
        let mut held = pass(&a).await;
        assert!(held.take_connection().is_none());
        let next = queue(&a, Class::Page, 1);
        settle().await;
        held.hand_over(Connection(Rc::clone(&closed)));
        let mut ticket = next.await.unwrap().unwrap();
        let connection = ticket.take_connection().unwrap();
        assert_eq!((closed.get(), crew.load().in_flight), (0, 1));
        // Only others wait: they cannot have it.
        let elsewhere = queue(&b, Class::Page, 1);
        settle().await;
        ticket.hand_over(connection);
        assert_eq!(closed.get(), 1);
        let mut ticket = elsewhere.await.unwrap().unwrap();
        assert!(ticket.take_connection().is_none());
        // Nobody waits.
        ticket.hand_over(Connection(Rc::clone(&closed)));
        assert_eq!((closed.get(), crew.load().in_flight), (2, 0));
        // Its receiver is gone.
        let held = pass(&a).await;
        let next = queue(&a, Class::Page, 1);
        settle().await;
        held.hand_over(Connection(Rc::clone(&closed)));
        next.abort();
        settle().await;
        assert_eq!((closed.get(), crew.load().in_flight), (3, 0));
    });
}

#[test]
fn a_busy_worker_does_not_starve_another() {
    run(async {
        let crew = Crew::new(1);
        let (a, b) = (crew.worker(0), crew.worker(1));
        let held = pass(&a).await;
        let grants = Rc::new(Cell::new(0));
        for _ in 0..200 {
            let (a, grants) = (Rc::clone(&a), Rc::clone(&grants));
            spawn_local(async move {
                let ticket = a.enter(Class::Page, client(1)).await.unwrap();
                grants.set(grants.get() + 1);
                tokio::task::yield_now().await;
                drop(ticket);
            });
        }
        let lone = queue(&b, Class::Page, 2);
        settle().await;
        assert_eq!(crew.load().waiting_pages, 201);
        drop(held);
        drop(lone.await.unwrap().unwrap());
        assert!(grants.get() <= 3 * GRANTS_IN_ROW, "{} before the lone one", grants.get());
        while a.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// Numbers that only look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn whatever_happens_the_limit_holds_and_everybody_gets_an_answer() {
    for seed in 1..=12 {
        run(random_schedule(seed));
    }
}

/// Counts who is inside, also when its task is ended from outside.
struct Inside(Rc<Cell<u32>>, u32);

impl Inside {
    fn new(count: Rc<Cell<u32>>, amount: u32) -> Self {
        count.set(count.get() + amount);
        Self(count, amount)
    }

    fn now(&self) -> u32 {
        self.0.get()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.set(self.0.get() - self.1);
    }
}

async fn random_schedule(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let limit = 1 + u32::try_from(dice.roll(4)).unwrap();
    let crew = Rc::new(Crew::new(limit));
    let workers = [crew.worker(0), crew.worker(1), crew.worker(2)];
    let (inside, deliveries) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut tasks = Vec::new();
    for _ in 0..300 {
        let worker = Rc::clone(&workers[usize::try_from(dice.roll(3)).unwrap()]);
        let class = if dice.roll(3) == 0 { Class::Delivery } else { Class::Page };
        let (pauses, keeps, n) = (dice.roll(6), dice.roll(2) == 0, dice.roll(5));
        let (inside, deliveries) = (Rc::clone(&inside), Rc::clone(&deliveries));
        let task = spawn_local(async move {
            let from = client(u8::try_from(n).unwrap());
            let Ok(mut ticket) = worker.enter(class, from).await else { return false };
            let delivery = u32::from(class == Class::Delivery);
            let counted = (Inside::new(inside, 1), Inside::new(deliveries, delivery));
            assert!(counted.0.now() <= limit, "{} of {limit}", counted.0.now());
            assert!(counted.1.now() <= (limit - 1).max(1), "{} deliveries", counted.1.now());
            for _ in 0..pauses {
                tokio::task::yield_now().await;
            }
            drop(counted);
            let connection = ticket.take_connection();
            match connection {
                Some(connection) if keeps => ticket.hand_over(connection),
                _ if keeps => ticket.hand_over(Connection(Rc::default())),
                _ => drop(ticket),
            }
            true
        });
        tasks.push((task, dice.roll(10) == 0));
        if dice.roll(3) == 0 {
            tokio::task::yield_now().await;
        }
    }
    for (task, cancelled) in tasks {
        if cancelled {
            task.abort();
        }
        match task.await {
            Ok(entered) => assert!(entered, "seed {seed}: refused"),
            Err(error) => assert!(error.is_cancelled(), "seed {seed}: {error}"),
        }
    }
    assert_eq!(crew.load(), PoolLoad::default(), "seed {seed}");
    for number in 0..3 {
        let slot = crew.board.slot(number);
        assert_eq!((slot.get(Counter::PhpBusy), slot.get(Counter::PhpQueued)), (0, 0));
    }
}

#[test]
fn threads_that_race_never_exceed_the_limit_and_lose_no_wakening() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    let crew = Crew::new(2);
    let inside = Arc::new(AtomicU32::new(0));
    let start = Arc::new(std::sync::Barrier::new(3));
    let before = Instant::now();
    let threads = (0..3).map(|number| {
        let (board, bell) = (crew.board, crew.bell.try_clone().unwrap());
        let (inside, start) = (Arc::clone(&inside), Arc::clone(&start));
        std::thread::spawn(move || {
            let slot = board.slot(number);
            slot.reset(0, 1, 0);
            slot.set_state(SlotState::Ready);
            let wait_max = Duration::from_secs(20);
            let settings = Settings { place: 3, workers: 9, waiting_max: 9, wait_max, bell };
            let admission = Admission::<()>::new(board, slot, settings);
            start.wait();
            run(async move {
                for _ in 0..3000 {
                    let ticket = pass(&admission).await;
                    let now = inside.fetch_add(1, SeqCst) + 1;
                    assert!(now <= 2, "{now} of 2");
                    std::hint::spin_loop();
                    inside.fetch_sub(1, SeqCst);
                    drop(ticket);
                    tokio::task::yield_now().await;
                }
            });
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    assert_eq!(crew.load(), PoolLoad::default());
    // Each lost wakening costs a tick.
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
}
