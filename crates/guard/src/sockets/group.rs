//! One address with its sockets, whoever speaks on it: a `SO_REUSEPORT` group, or one for all.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use menshen_sys::steer::steer_to_first;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::error::GuardError;
use crate::handover::Outgoing;
use crate::holder;

/// One address with its sockets.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// As configured; port 0: any.
    pub(crate) configured: SocketAddr,
    /// As bound.
    pub(crate) bound: SocketAddr,
    pub(crate) sharing: Sharing,
    pub(super) sockets: Vec<Rc<OwnedFd>>,
}

/// Whether this guard has a socket at the port already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    New,
    Ours,
}

/// How workers share an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sharing {
    /// A socket for each, spread by the kernel.
    PerWorker,
    /// One socket for all: the admin listener.
    One,
    /// One socket for all, handed over by the service manager.
    Activated,
}

/// A group as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedGroup {
    configured: SocketAddr,
    bound: SocketAddr,
    sharing: Sharing,
    sockets: Vec<RawFd>,
}

impl HandedGroup {
    /// The group, of copies of its sockets.
    pub(crate) fn adopt(
        &self,
        name: &'static str,
        copy: impl Fn(RawFd) -> Result<OwnedFd, GuardError>,
    ) -> Result<Group, GuardError> {
        let sockets = self.sockets.iter().map(|number| copy(*number).map(Rc::new));
        let sockets = sockets.collect::<Result<_, _>>()?;
        let Self { configured, bound, sharing, .. } = *self;
        Ok(Group { name, configured, bound, sharing, sockets })
    }
}

impl Group {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedGroup {
        let sockets = self.sockets.iter().map(|socket| outgoing.add(&**socket)).collect();
        let Self { configured, bound, sharing, .. } = *self;
        HandedGroup { configured, bound, sharing, sockets }
    }

    /// Opens an address for so many workers.
    pub(crate) fn open(
        name: &'static str,
        address: SocketAddr,
        sharing: Sharing,
        workers: u32,
        port: Port,
    ) -> io::Result<Self> {
        // Two strangers of one user could share a port in silence; a bind outside of the group
        // fails when anybody listens there. Where we do ourselves, that would prove nothing.
        if sharing == Sharing::PerWorker && port == Port::New && address.port() != 0 {
            drop(bound(address, Membership::Alone)?);
        }
        let membership =
            if sharing == Sharing::PerWorker { Membership::Group } else { Membership::Alone };
        let first = bound(address, membership)?;
        listen(&first)?;
        let bound = first.local_addr()?.as_socket().unwrap_or(address);
        let sockets = vec![Rc::new(first.into())];
        let mut group = Self { name, configured: address, bound, sharing, sockets };
        if sharing == Sharing::PerWorker {
            group.fill(workers)?;
        }
        Ok(group)
    }

    /// A socket handed over by the service manager.
    pub(crate) fn activated(name: &'static str, bound: SocketAddr, socket: OwnedFd) -> Self {
        let (sharing, sockets) = (Sharing::Activated, vec![Rc::new(socket)]);
        Self { name, configured: bound, bound, sharing, sockets }
    }

    /// The sockets of worker `index` of `workers`: its own, and those left over from when there
    /// were more workers.
    pub(crate) fn sockets_of(
        &self,
        index: u32,
        workers: u32,
    ) -> impl Iterator<Item = BorrowedFd<'_>> {
        let all = self.sharing != Sharing::PerWorker;
        (0u32..)
            .zip(&self.sockets)
            .filter(move |(number, _)| all || number % workers.max(1) == index)
            .map(|(_, socket)| socket.as_fd())
    }

    /// Sends new connections to the first `workers` sockets; needed only when there are or were
    /// others.
    pub(crate) fn steer(&self, workers: u32) -> io::Result<()> {
        match (self.sharing, self.sockets.first(), NonZeroU32::new(workers)) {
            (Sharing::PerWorker, Some(first), Some(count)) => steer_to_first(first, count),
            _ => Ok(()),
        }
    }

    /// Sockets made so far.
    pub(crate) fn made(&self) -> usize {
        self.sockets.len()
    }

    /// The same with at least `workers` sockets. New ones get no connection until
    /// [`Group::steer`] says so.
    pub(crate) fn grown(&self, workers: u32, serving: u32) -> Result<Self, GuardError> {
        let mut group = self.clone();
        if self.sharing == Sharing::PerWorker && group.sockets.len() < count(workers) {
            self.steer(serving).map_err(|source| GuardError::LocalSystem {
                action: "steer connections past new sockets",
                source,
            })?;
            group.fill(workers).map_err(|error| bind_error(self.name, self.bound, error))?;
        }
        Ok(group)
    }

    fn fill(&mut self, workers: u32) -> io::Result<()> {
        while self.sockets.len() < count(workers) {
            let socket = bound(self.bound, Membership::Group)?;
            listen(&socket)?;
            self.sockets.push(Rc::new(socket.into()));
        }
        Ok(())
    }
}

/// Why an address could not be had, in words.
pub(crate) fn bind_error(door: &'static str, address: SocketAddr, source: io::Error) -> GuardError {
    let port = address.port();
    let (detail, hint) = match source.kind() {
        io::ErrorKind::AddrInUse => match holder::of_port(port) {
            Some(holder) => (
                format!("port {port} is held by process {} ({})", holder.pid, holder.name),
                format!("stop it, or listen on another port; `ss -ltnp sport = :{port}` shows it"),
            ),
            None => (
                format!("another process listens on port {port}"),
                format!("as root, `ss -ltnp sport = :{port}` names it"),
            ),
        },
        io::ErrorKind::PermissionDenied if port < 1024 => (
            format!(
                "uid {} lacks CAP_NET_BIND_SERVICE; ports below 1024 need it",
                rustix::process::geteuid().as_raw()
            ),
            "start as root (rights are dropped after binding), or listen on a port above 1023"
                .to_owned(),
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("no interface has the address {}", address.ip()),
            match address.ip() {
                IpAddr::V4(_) => "0.0.0.0 means all IPv4 addresses",
                IpAddr::V6(_) => "[::] means all IPv6 addresses",
            }
            .to_owned(),
        ),
        _ => (String::new(), String::new()),
    };
    GuardError::LocalBind { door, address, detail, hint, source }
}

/// Whether a socket joins a `SO_REUSEPORT` group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Group,
    Alone,
}

fn bound(address: SocketAddr, membership: Membership) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    if address.is_ipv6() {
        // IPv4 has its own sockets; a dual-stack one would take its connections away.
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier life in TIME_WAIT do not keep the port. For "any port" that would
    // let the kernel pick one that another process has bound and does not listen on yet.
    socket.set_reuse_address(address.port() != 0)?;
    if membership == Membership::Group {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(socket: &Socket) -> io::Result<()> {
    socket.listen(BACKLOG)
}

fn count(workers: u32) -> usize {
    usize::try_from(workers).unwrap_or(usize::MAX).max(1)
}

/// Connections the kernel queues per socket; `net.core.somaxconn` may cut it.
const BACKLOG: i32 = 4096;
