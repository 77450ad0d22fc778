//! A single-thread, edge-triggered epoll executor: just enough to drive a load client.
//!
//! A task owns the sockets it registers; any event on one of them polls the task. There are no
//! timers and no real wakers: a task that meets `WouldBlock` awaits [`wait`] and tries again at the
//! next event. It must never be used for anything but a load client: a task that waits for
//! something else than its sockets is never polled again.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
    sockopt,
};

/// One piece of work; it is polled once at the start and then at events on its own sockets.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs all tasks until `tick`, called after every batch of events, returns false.
pub(crate) fn run(core: &Core, tasks: Vec<Task>, mut tick: impl FnMut() -> bool) -> io::Result<()> {
    let mut tasks: Vec<Option<Task>> = tasks.into_iter().map(Some).collect();
    for index in 0..tasks.len() {
        core.poll(&mut tasks, index);
    }
    let timeout = Timespec { tv_sec: 0, tv_nsec: TICK_NS };
    let mut events: Vec<Event> = Vec::with_capacity(BATCH_EVENTS);
    while tick() {
        events.clear();
        match epoll::wait(&core.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            core.poll(&mut tasks, usize::try_from(event.data.u64()).map_err(io::Error::other)?);
        }
    }
    Ok(())
}

/// The epoll instance and which task runs.
#[derive(Debug)]
pub(crate) struct Core {
    epoll: OwnedFd,
    current: Cell<usize>,
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
            unwritten: RefCell::new(vec![0; DISCARD_BYTES_MAX]),
        }))
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

/// A connected socket of the task that opened it; closed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    core: Rc<Core>,
}

impl Socket {
    /// Connects without blocking, with `TCP_NODELAY`, and registers with the running task.
    pub(crate) async fn connect(core: &Rc<Core>, to: SocketAddr) -> io::Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
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
/// Longest time between two calls of `tick` when nothing happens: 20 ms.
const TICK_NS: i64 = 20_000_000;
/// Most bytes dropped by one call: above any default receive buffer.
const DISCARD_BYTES_MAX: usize = 8 << 20;
