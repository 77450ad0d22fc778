//! The listening sockets: one per worker, address and family, all in one `SO_REUSEPORT` group, made
//! once and kept as long as the address is configured.
//!
//! A worker inherits its own, so neither a crash nor a reload loses a queued connection. No socket
//! is closed when the number of workers falls: new connections are steered to the first ones, and
//! what is left in the queues of the others is accepted by the workers that stay. Nothing is ever
//! accepted here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use menshen_base::{Finding, Severity};
use menshen_config::{Config, ListenerRole};
use menshen_sys::steer::steer_to_first;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::error::GuardError;
use crate::holder;

pub(crate) mod activation;

/// One address with its sockets.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) role: ListenerRole,
    /// As configured; port 0: any.
    pub(crate) configured: SocketAddr,
    /// As bound.
    pub(crate) bound: SocketAddr,
    pub(crate) sharing: Sharing,
    sockets: Vec<Rc<OwnedFd>>,
}

/// How workers share an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// A socket for each, spread by the kernel.
    PerWorker,
    /// One socket for all: the admin listener.
    One,
    /// One socket for all, handed over by the service manager.
    Activated,
}

impl Door {
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

    /// The same door with at least `workers` sockets. New ones get no connection until
    /// [`Door::steer`] says so.
    fn grown(&self, workers: u32, serving: u32) -> Result<Self, GuardError> {
        let mut door = self.clone();
        if self.sharing == Sharing::PerWorker && door.sockets.len() < count(workers) {
            self.steer(serving).map_err(|source| GuardError::LocalSystem {
                action: "steer connections past new sockets",
                source,
            })?;
            door.fill(workers)
                .map_err(|error| bind_error(door_name(self.role), self.bound, error))?;
        }
        Ok(door)
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

/// The doors a configuration asks for. Those of `current` with the same address keep their
/// sockets; `serving` is how many workers serve them now.
pub(crate) fn open_doors(
    config: &Config,
    workers: u32,
    current: &[Door],
    serving: u32,
) -> Result<(Vec<Door>, Vec<Finding>), GuardError> {
    let mut doors: Vec<Door> =
        current.iter().filter(|door| door.sharing == Sharing::Activated).cloned().collect();
    let activated =
        |role| current.iter().any(|d| d.sharing == Sharing::Activated && d.role == role);
    let mut findings = Vec::new();
    let rows = [
        (ListenerRole::Https, config.web.listen.as_slice()),
        (ListenerRole::Plain, config.web.plain_listen.as_slice()),
        (ListenerRole::Admin, config.admin.listen.as_slice()),
    ];
    for (role, addresses) in rows.into_iter().filter(|(role, _)| !activated(*role)) {
        let mut shared_port = None;
        for &configured in addresses {
            let sharing =
                if role == ListenerRole::Admin { Sharing::One } else { Sharing::PerWorker };
            // A port may change its role; "any port" is another one for each role.
            let known = current.iter().find(|door| {
                door.sharing == sharing
                    && door.configured == configured
                    && (door.role == role || configured.port() != 0)
            });
            let door = match known {
                Some(door) => Door { role, ..door.grown(workers, serving)? },
                None => {
                    let port = shared_port.filter(|_| configured.port() == 0);
                    let address =
                        SocketAddr::new(configured.ip(), port.unwrap_or_else(|| configured.port()));
                    match open(role, address, sharing, workers, current) {
                        Ok(door) => Door { configured, ..door },
                        Err(error) => {
                            findings.push(tolerate(config, role, configured, error)?);
                            continue;
                        }
                    }
                }
            };
            if configured.port() == 0 {
                shared_port.get_or_insert_with(|| door.bound.port());
            }
            doors.push(door);
        }
    }
    if doors.iter().all(|door| door.role == ListenerRole::Admin) {
        let lost = findings.iter().map(|about| format!("{}: {}", about.subject, about.claim));
        let detail = lost.collect::<Vec<_>>().join("; ");
        return Err(GuardError::ConfigNoAddress { detail });
    }
    Ok((doors, findings))
}

/// What is called in messages.
pub(crate) const fn door_name(role: ListenerRole) -> &'static str {
    match role {
        ListenerRole::Https => "web",
        ListenerRole::Plain => "plain",
        ListenerRole::Admin => "admin",
    }
}

/// Whether a socket joins a `SO_REUSEPORT` group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    Group,
    Alone,
}

fn open(
    role: ListenerRole,
    address: SocketAddr,
    sharing: Sharing,
    workers: u32,
    current: &[Door],
) -> io::Result<Door> {
    let ours = current.iter().any(|door| door.bound.port() == address.port());
    // Two strangers of one user could share a port in silence; a bind outside of the group fails
    // when anybody listens there. Where we do ourselves, that would prove nothing.
    if sharing == Sharing::PerWorker && !ours && address.port() != 0 {
        drop(bound(address, Membership::Alone)?);
    }
    let membership =
        if sharing == Sharing::PerWorker { Membership::Group } else { Membership::Alone };
    let first = bound(address, membership)?;
    listen(&first)?;
    let local = first.local_addr()?.as_socket().unwrap_or(address);
    let mut door = Door {
        role,
        configured: address,
        bound: local,
        sharing,
        sockets: vec![Rc::new(first.into())],
    };
    if sharing == Sharing::PerWorker {
        door.fill(workers)?;
    }
    Ok(door)
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

/// A failure that leaves the door usable, as a finding; else the error.
fn tolerate(
    config: &Config,
    role: ListenerRole,
    address: SocketAddr,
    error: io::Error,
) -> Result<Finding, GuardError> {
    let errno = Errno::from_io_error(&error);
    let no_ipv6 = address.is_ipv6()
        && (errno == Some(Errno::AFNOSUPPORT)
            || errno == Some(Errno::ADDRNOTAVAIL)
                && (address.ip().is_unspecified() || address.ip().is_loopback()));
    if no_ipv6 {
        let finding = Finding::new(
            "ipv6-unavailable",
            Severity::Warning,
            address.to_string(),
            "there is no IPv6 here; `nc -6` will not be answered",
        );
        return Ok(finding.evidence("bind", "socket(2)", error.to_string()));
    }
    if role == ListenerRole::Admin && !config.admin.explicit {
        let error = bind_error(door_name(role), address, error);
        let finding = Finding::new(
            "admin-unavailable",
            Severity::Note,
            address.to_string(),
            "the admin listener is off, its default address is not free",
        );
        let finding = match error.detail() {
            Some(detail) => finding.evidence("bind", "admin.listen", detail),
            None => finding,
        };
        return Ok(finding.hint("set `admin.listen` to another loopback address, or to \"off\""));
    }
    Err(bind_error(door_name(role), address, error))
}

fn bind_error(door: &'static str, address: SocketAddr, source: io::Error) -> GuardError {
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

fn count(workers: u32) -> usize {
    usize::try_from(workers).unwrap_or(usize::MAX).max(1)
}

/// Connections the kernel queues per socket; `net.core.somaxconn` may cut it.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests;
