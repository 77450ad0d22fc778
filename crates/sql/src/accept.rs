//! One thread of the door: its listeners, and a task for each client.
//!
//! A client that is one too many is told so (`ERR 1040`) and let go; nothing of its is read. How it
//! fails: out of descriptors, accepting pauses and clients wait in the kernel's queue.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_base::Counter;
use menshen_sql_core::wire::{ErrPacket, packet};
use rustix::io::Errno;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use crate::door::{Door, Pass};
use crate::link::{Link, Socket};
use crate::login::{Ended, login};
use crate::relay::{Left, Session, run};
use crate::seat::{Leave, Room, SWEEP_MS, Seat};
use crate::serve;
use crate::upstream::Visitor;

/// One listener of a thread.
#[derive(Debug)]
pub enum Listening {
    /// Its own.
    Tcp(StdTcpListener),
    /// Shared with the other threads.
    Unix(StdUnixListener),
}

/// In which part of its life a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It accepts and serves.
    Serving,
    /// A newer generation accepts; open sessions are served on, until then at most.
    Retired(Instant),
    /// It ends: sessions leave when they are through, until then at most.
    Stopping(Instant),
}

/// A thread of the door.
#[derive(Debug)]
pub struct Thread {
    /// What it shares with the others.
    pub door: Arc<Door>,
    /// Its number, from 0.
    pub number: usize,
    /// Its sessions' places.
    pub room: Room,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Thread {
    /// Thread `number` of the door.
    #[must_use]
    pub fn new(door: Arc<Door>, number: usize) -> Self {
        let (login, idle) = (door.config.handshake_seconds_max, door.config.idle_seconds_max);
        Self { room: Room::new(login, idle), door, number }
    }

    /// Serves until the stage says that it is over. `ready` is called when clients are accepted.
    ///
    /// # Errors
    /// A listener cannot be taken over.
    pub async fn serve(
        self: Rc<Self>,
        listening: Vec<Listening>,
        mut stage: watch::Receiver<Stage>,
        ready: impl FnOnce(),
    ) -> io::Result<()> {
        let mut loops = Vec::new();
        for listener in listening {
            let listener = Rc::new(listener.adopt()?);
            let task = Rc::clone(&self).accept(Rc::clone(&listener));
            loops.push((tokio::task::spawn_local(task), listener));
        }
        ready();
        loop {
            let now = *stage.borrow_and_update();
            match now {
                Stage::Serving => {}
                Stage::Retired(until) | Stage::Stopping(until) => {
                    for (task, listener) in loops.drain(..) {
                        task.abort();
                        self.accept_rest(&listener);
                    }
                    if let Stage::Stopping(_) = now {
                        self.room.stop();
                    }
                    if self.room.is_empty() || Instant::now() >= until {
                        return Ok(());
                    }
                }
            }
            let step = if now == Stage::Serving { SWEEP_MS } else { END_LOOK_MS };
            let _ = tokio::time::timeout(Duration::from_millis(step), stage.changed()).await;
            self.room.sweep();
        }
    }

    async fn accept(self: Rc<Self>, listener: Rc<Listener>) {
        loop {
            match listener.accept().await {
                Ok((socket, visitor)) => self.admit(socket, visitor),
                // The client was gone before we took it.
                Err(error) if is_gone(&error) => {}
                // Out of descriptors or memory, or whatever else may last: a pause, since trying
                // on would take the whole processor.
                Err(_) => tokio::time::sleep(Duration::from_millis(SHORTAGE_MS)).await,
            }
        }
    }

    /// What the kernel has accepted for a socket of this thread alone is its to serve.
    fn accept_rest(self: &Rc<Self>, listener: &Listener) {
        let Listener::Tcp(listener) = listener else { return };
        loop {
            match accept_now(listener) {
                Ok((socket, visitor)) => self.admit(socket, visitor),
                Err(error) if is_gone(&error) => {}
                Err(_) => break,
            }
        }
    }

    /// Lets a client in, or says that there are too many.
    fn admit(self: &Rc<Self>, socket: Socket, visitor: Visitor) {
        let (tally, number) = (&self.door.tally, self.number);
        tally.add(number, Counter::SqlAccepted, 1);
        let Some(pass) = self.door.enter() else {
            tally.add(number, Counter::LimitSqlConnections, 1);
            let _ = socket.send_now(&too_many());
            return;
        };
        let seat = self.room.enter();
        tokio::task::spawn_local(Rc::clone(self).session(Link::new(socket), visitor, seat, pass));
    }

    async fn session(
        self: Rc<Self>,
        mut client: Link,
        visitor: Visitor,
        seat: Rc<Seat>,
        pass: Pass,
    ) {
        let (door, number) = (&*self.door, self.number);
        let tally = &door.tally;
        tally.add(number, Counter::SqlSessions, 1);
        // Boxed, so that what only a login needs is not held by a session.
        let host = door.entrance.upstream.host_of(&visitor);
        let begun = Box::pin(begin(door, visitor, &mut client, &seat)).await;
        let left = match begun {
            Ok((server, entered)) => {
                let counted = (tally, number);
                let entrance = &door.entrance;
                let seat = &*seat;
                let session =
                    Session { entrance, tally: counted, seat, client, server, entered, host };
                match &door.shared {
                    Some(shared) => serve::run(Arc::clone(shared), session).await,
                    None => run(session).await,
                }
            }
            Err(Some(ended)) => {
                let counter = match ended {
                    Ended::Unreached(_) => Counter::SqlUpstreamFailed,
                    _ => Counter::SqlLoginsFailed,
                };
                tally.add(number, counter, 1);
                client.finish();
                Left::Client
            }
            Err(None) => Left::Asked(Leave::Slow),
        };
        match left {
            Left::Asked(Leave::Slow) => tally.add(number, Counter::LimitSqlHandshake, 1),
            Left::Asked(Leave::Idle) => tally.add(number, Counter::LimitSqlIdle, 1),
            _ => {}
        }
        tally.sub(number, Counter::SqlSessions, 1);
        drop(pass);
    }
}

/// The login, unless it takes too long (`None`).
async fn begin(
    door: &Door,
    visitor: Visitor,
    client: &mut Link,
    seat: &Seat,
) -> Result<(Link, crate::login::Entered), Option<Ended>> {
    let mut login = std::pin::pin!(login(&door.entrance, visitor, client));
    std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(done) = login.as_mut().poll(cx) {
            return std::task::Poll::Ready(done.map_err(Some));
        }
        seat.poll_leave(cx).map(|_| Err(None))
    })
    .await
}

impl Listening {
    fn adopt(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?)
            }
            Self::Unix(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixListener::from_std(listener)?)
            }
        })
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Socket, Visitor)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, peer) = listener.accept().await?;
                let local = socket.local_addr().ok();
                Ok((socket.into(), Visitor { peer: Some(peer), local }))
            }
            Self::Unix(listener) => {
                let (socket, _) = listener.accept().await?;
                Ok((socket.into(), Visitor::SELF))
            }
        }
    }
}

fn accept_now(listener: &TcpListener) -> io::Result<(Socket, Visitor)> {
    use rustix::net::{SocketFlags, accept_with};
    let fd = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC)?;
    let socket = std::net::TcpStream::from(fd);
    let visitor = Visitor { peer: Some(socket.peer_addr()?), local: socket.local_addr().ok() };
    Ok((tokio::net::TcpStream::from_std(socket)?.into(), visitor))
}

/// As the server says it before it knows anything of a client: without SQLSTATE.
fn too_many() -> Vec<u8> {
    let mut payload = Vec::new();
    ErrPacket { code: 1040, state: b"", message: b"Too many connections" }.encode(&mut payload);
    let (mut out, mut sequence) = (Vec::new(), 0);
    packet::push(&mut out, &mut sequence, &payload);
    out
}

fn is_gone(error: &io::Error) -> bool {
    let gone = [Errno::CONNABORTED, Errno::CONNRESET, Errno::INTR, Errno::NOTCONN, Errno::PROTO];
    error.raw_os_error().is_some_and(|code| gone.iter().any(|e| e.raw_os_error() == code))
}

const SHORTAGE_MS: u64 = 50;
/// Time between two looks at whether the last session has left.
const END_LOOK_MS: u64 = 20;

#[cfg(test)]
mod tests;
