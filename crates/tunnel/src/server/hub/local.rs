//! The raw socket of one address of ours, which all calls to that address share (raw(7)).
//!
//! It must never wait: what finds no room stays in its batch. Fails without `CAP_NET_RAW`.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Waker};

use menshen_tunnel_core::pptp::IP_PROTOCOL;
use menshen_tunnel_core::pptp::gre::PROTOCOL;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::mailbox::Sending;
use crate::datagrams::Outbox;
use crate::pptp::{forget, widen};
use crate::readiness::watched;

/// The socket of one address of ours.
#[derive(Debug)]
pub(in crate::server) struct Local {
    pub(super) address: Ipv4Addr,
    pub(super) socket: AsyncFd<Socket>,
    /// It takes nothing until it is ready for writing.
    pub(super) full: Cell<bool>,
    /// Who waits for that.
    pub(super) waiting: RefCell<Vec<Waker>>,
    /// Its own task.
    pub(super) task: RefCell<Option<Waker>>,
    /// Buffers for the packets that come next: few until a batch has filled them.
    pub(super) rooms: RefCell<Vec<Box<[u8]>>>,
    /// Packets that are to be sent.
    pub(super) out: RefCell<Outbox<Sending>>,
}

impl Local {
    pub(super) fn bound(address: Ipv4Addr) -> io::Result<Self> {
        let socket = open()?;
        socket.bind(&SocketAddr::new(address.into(), 0).into())?;
        Ok(Self {
            address,
            socket: watched(socket)?,
            full: Cell::new(false),
            waiting: RefCell::default(),
            task: RefCell::default(),
            rooms: RefCell::default(),
            out: RefCell::default(),
        })
    }

    /// Sends what waits.
    pub(super) fn flush(&self) {
        let mut out = self.out.borrow_mut();
        let send = |out: &mut Outbox<Sending>| out.send(self.socket.get_ref(), Sending::done);
        if !self.full.get() && out.len() > 0 && send(&mut out).is_err() {
            forget(&self.socket, Interest::WRITABLE);
            self.full.set(true);
            if let Some(task) = &*self.task.borrow() {
                task.wake_by_ref();
            }
        }
    }

    pub(super) fn note_task(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }
}

/// Makes a socket that gets PPTP's packets alone; of other GRE on this machine it sees nothing.
pub(in crate::server) fn open() -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from(IP_PROTOCOL));
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(protocol))?;
    socket.set_nonblocking(true)?;
    socket.attach_filter(&pptp_only())?;
    widen(&socket, SOCKET_OCTETS);
    Ok(socket)
}

/// Passes GRE version 1 with PPP in it (RFC 2637 §4.1): X holds the length of IPv4's header.
fn pptp_only() -> [SockFilter; 8] {
    [
        SockFilter::new(LOAD_X_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 2),
        SockFilter::new(JUMP_IF_EQUAL, 0, 4, u32::from(PROTOCOL)),
        SockFilter::new(LOAD_HALF_AT_X, 0, 0, 0),
        SockFilter::new(AND, 0, 0, 7),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, 1),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// Octets a socket may hold, if the kernel lets it.
const SOCKET_OCTETS: usize = 4 * 1024 * 1024;
/// `BPF_LDX | BPF_B | BPF_MSH`, `BPF_LD | BPF_H | BPF_IND`, `BPF_ALU | BPF_AND | BPF_K`,
/// `BPF_JMP | BPF_JEQ | BPF_K`, `BPF_RET | BPF_K` of `linux/filter.h`.
const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
const LOAD_HALF_AT_X: u16 = 0x48;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
