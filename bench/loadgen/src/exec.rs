//! A single-thread, edge-triggered epoll executor: just enough to drive a load client.
//!
//! A task owns the sockets it registers; any event on one of them polls the task, and so does the
//! time it sleeps until. There are no real wakers: a task that meets `WouldBlock` awaits [`wait`]
//! and tries again when it is polled next. It must never be used for anything but a load client: a
//! task that waits for something else than its sockets and the clock is never polled again.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect, recv, send,
    socket_with, sockopt,
};
use socket2::SockRef;

/// One piece of work; it is polled once at the start, then at events on its own sockets and at the
/// times it sleeps until.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs all tasks until `tick`, called after every batch of events, returns false.
pub(crate) fn run(core: &Core, tasks: Vec<Task>, mut tick: impl FnMut() -> bool) -> io::Result<()> {
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    for index in 0..tasks.len() {
        core.poll(&mut tasks, index);
    }
    let mut events: Vec<Event> = Vec::with_capacity(BATCH_EVENTS);
    while tick() {
        events.clear();
        let timeout = core.until_next();
        match epoll::wait(&core.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            core.poll(&mut tasks, usize::try_from(event.data.u64()).map_err(io::Error::other)?);
        }
        let now = Instant::now();
        while let Some(index) = core.due(now) {
            core.poll(&mut tasks, index);
        }
    }
    Ok(())
}

/// The epoll instance and which task runs.
#[derive(Debug)]
pub(crate) struct Core {
    epoll: OwnedFd,
    current: Cell<usize>,
    /// When which task is to be polled.
    timers: RefCell<BinaryHeap<Reverse<(Instant, usize)>>>,
    /// Where received bytes land first, so that no task owns a buffer while it waits.
    scratch: RefCell<Vec<u8>>,
    /// Target of [`Socket::discard`]: the kernel takes its length and never writes to it, so it
    /// stays untouched zero pages.
    unwritten: RefCell<Vec<u8>>,
}

impl Core {
    /// An executor without tasks.
    pub(crate) fn new() -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            current: Cell::new(0),
            timers: RefCell::new(BinaryHeap::new()),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES]),
            unwritten: RefCell::new(vec![0; DISCARD_BYTES_MAX]),
        }))
    }

    /// Returns at `at`, or at once when that is past.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        if Instant::now() < at {
            self.timers.borrow_mut().push(Reverse((at, self.current.get())));
        }
        while Instant::now() < at {
            wait().await;
        }
    }

    /// A task whose time has come.
    fn due(&self, now: Instant) -> Option<usize> {
        let mut timers = self.timers.borrow_mut();
        let Reverse((at, index)) = *timers.peek()?;
        (at <= now).then(|| {
            timers.pop();
            index
        })
    }

    fn until_next(&self) -> Timespec {
        let timers = self.timers.borrow();
        let next =
            timers.peek().map(|Reverse((at, _))| at.saturating_duration_since(Instant::now()));
        let wait = next.map_or(TICK, |wait| wait.min(TICK));
        Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() }
    }

    fn poll(&self, tasks: &mut [Option<Task>], index: usize) {
        self.current.set(index);
        let Some(slot) = tasks.get_mut(index) else { return };
        let Some(task) = slot else { return };
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            *slot = None;
        }
    }
}

/// How to reach a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// The server.
    pub(crate) to: SocketAddr,
    /// Where to come from; `None`: as the kernel chooses.
    pub(crate) from: Option<IpAddr>,
    /// Size of the kernel's receive buffer, bytes; `None`: as the kernel chooses.
    pub(crate) receive_bytes: Option<usize>,
    /// Largest TCP segment, bytes; `None`: what loopback allows, some 64 KiB.
    pub(crate) segment_bytes: Option<u32>,
}

impl Route {
    /// The kernel chooses the rest.
    pub(crate) const fn to(to: SocketAddr) -> Self {
        Self { to, from: None, receive_bytes: None, segment_bytes: None }
    }
}

/// A connected socket of the task that opened it; closed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    core: Rc<Core>,
}

impl Socket {
    /// Connects without blocking, with `TCP_NODELAY`, and registers with the running task.
    pub(crate) async fn connect(core: &Rc<Core>, route: &Route) -> io::Result<Self> {
        let to = route.to;
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        if let Some(bytes) = route.receive_bytes {
            // Before the connection: the window offered first depends on it.
            sockopt::set_socket_recv_buffer_size(&fd, bytes)?;
        }
        if let Some(bytes) = route.segment_bytes {
            SockRef::from(&fd).set_tcp_mss(bytes)?;
        }
        if let Some(from) = route.from {
            bind(&fd, &SocketAddr::new(from, 0))?;
        }
        match connect(&fd, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        sockopt::set_tcp_nodelay(&fd, true)?;
        let events = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&core.epoll, &fd, EventData::new_u64(core.current.get() as u64), events)?;
        wait().await;
        sockopt::socket_error(&fd)??;
        Ok(Self { fd, core: core.clone() })
    }

    /// Reads at least one byte; the end of the stream is an error.
    pub(crate) async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(|| recv(&self.fd, &mut *buf, RecvFlags::empty()).map(|(_, len)| len)).await
    }

    /// Appends at least one and at most `most` bytes to `out`; the end of the stream is an error.
    pub(crate) async fn read_into(&self, out: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        self.retry(|| {
            let mut scratch = self.core.scratch.borrow_mut();
            let most = most.min(scratch.len());
            let (_, len) = recv(&self.fd, &mut scratch[..most], RecvFlags::empty())?;
            out.extend_from_slice(&scratch[..len]);
            Ok(len)
        })
        .await
    }

    /// Drops at least one and at most `len` received bytes inside the kernel, without copying them
    /// (`MSG_TRUNC` of tcp(7)).
    pub(crate) async fn discard(&self, len: usize) -> io::Result<usize> {
        self.retry(|| {
            let mut target = self.core.unwritten.borrow_mut();
            let len = len.min(target.len());
            recv(&self.fd, &mut target[..len], RecvFlags::TRUNC).map(|(_, len)| len)
        })
        .await
    }

    /// Sends all of `buf`.
    pub(crate) async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let sent = self.retry(|| send(&self.fd, buf, SendFlags::NOSIGNAL)).await?;
            buf = &buf[sent..];
        }
        Ok(())
    }

    async fn retry(&self, mut call: impl FnMut() -> Result<usize, Errno>) -> io::Result<usize> {
        loop {
            match call() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => return Ok(len),
                Err(Errno::AGAIN) => wait().await,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Resolves at the next event on a socket of the running task.
fn wait() -> impl Future<Output = ()> {
    let mut seen = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut seen, true) { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// Events taken per `epoll_wait`.
const BATCH_EVENTS: usize = 512;
/// Longest time between two calls of `tick` when nothing happens.
const TICK: Duration = Duration::from_millis(20);
/// Most bytes of one read.
const SCRATCH_BYTES: usize = 64 << 10;
/// Most bytes dropped by one call: above any default receive buffer.
const DISCARD_BYTES_MAX: usize = 8 << 20;
