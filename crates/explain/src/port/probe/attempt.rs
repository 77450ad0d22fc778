//! One connection of a probe, from the first packet to who accepted it.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use menshen_explain_core::port::Target;
use menshen_sys::sock_diag::{self, State};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_error;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getsockname, socket_with};

/// A connection on its way.
pub(super) struct Attempt {
    /// Number of its target.
    pub(super) target: usize,
    /// How long it took until connected.
    pub(super) micros: Option<u64>,
    /// What came of it; `None`: not known yet.
    pub(super) end: Option<End>,
    ours: bool,
    to: SocketAddr,
    began: Instant,
    /// Open until the round is counted.
    socket: Option<OwnedFd>,
}

/// What came of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Refused,
    Unreachable,
    Forbidden,
    TimedOut,
    /// It came about and was reset.
    Reset,
    /// Another error.
    Failed(String),
    /// It was accepted; the inode of the other end.
    Taken(u32),
    /// It was accepted and closed before that could be seen, or is another machine's.
    Ended,
    /// The kernel waits for data, or the queue was full at the last moment.
    Unconfirmed,
    /// It is in a queue, and nobody accepted it.
    Left,
}

/// How long to wait for somebody to accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    Long,
    Short,
}

impl Attempt {
    /// Sends the first packet.
    pub(super) fn begin(number: usize, target: &Target, port: u16) -> Self {
        let to = match target.address {
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                SocketAddrV6::new(address, port, 0, target.device).into()
            }
            address => SocketAddr::new(address, port),
        };
        let mut attempt = Self {
            target: number,
            micros: None,
            end: None,
            ours: target.ours,
            to,
            began: Instant::now(),
            socket: None,
        };
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match socket_with(family, SocketType::STREAM, flags, None) {
            Ok(socket) => match connect(&socket, &to) {
                Ok(()) => attempt.connected(socket),
                Err(Errno::INPROGRESS) => attempt.socket = Some(socket),
                Err(error) => attempt.end = Some(failed(error)),
            },
            Err(error) => attempt.end = Some(End::Failed(error.to_string())),
        }
        attempt
    }

    /// Inode of the other end, if somebody accepted it.
    pub(super) const fn taken(&self) -> Option<u32> {
        match self.end {
            Some(End::Taken(inode)) => Some(inode),
            _ => None,
        }
    }

    fn connected(&mut self, socket: OwnedFd) {
        self.micros = Some(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.socket = Some(socket);
    }

    /// Whether the first packet is not answered yet.
    fn is_connecting(&self) -> bool {
        self.end.is_none() && self.micros.is_none()
    }

    /// Sees whether it is connected by now.
    fn check(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        match socket_error(&socket) {
            Ok(Ok(())) => self.connected(socket),
            Ok(Err(error)) | Err(error) => self.end = Some(failed(error)),
        }
    }

    /// Sees whether somebody accepted it by now.
    fn follow(&self) -> Option<End> {
        if !self.ours {
            return Some(End::Ended);
        }
        let socket = self.socket.as_ref()?;
        let from = SocketAddr::try_from(getsockname(socket).ok()?).ok()?;
        // Without the kernel's list nothing more can be seen.
        let Ok(row) = sock_diag::connection(self.to, from) else { return Some(End::Ended) };
        match row {
            Some(row) if row.inode != 0 => Some(End::Taken(row.inode)),
            Some(row) if row.state == State::ESTABLISHED => None,
            Some(row) if matches!(row.state, State::SYN_RECV | State::NEW_SYN_RECV) => None,
            _ => match socket_error(socket) {
                Ok(Err(Errno::CONNRESET | Errno::PIPE)) => Some(End::Reset),
                _ => Some(End::Ended),
            },
        }
    }

    /// The state of the other end, when patience ends.
    fn give_up(&self) -> End {
        let from = self.socket.as_ref().and_then(|socket| getsockname(socket).ok());
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        let row = from.and_then(|from| sock_diag::connection(self.to, from).ok()).flatten();
        match row {
            Some(row) if matches!(row.state, State::SYN_RECV | State::NEW_SYN_RECV) => {
                End::Unconfirmed
            }
            _ => End::Left,
        }
    }
}

/// Waits until it is known what came of each.
pub(super) fn drive(attempts: &mut [Attempt], patience: Patience) {
    let accept_within = match patience {
        Patience::Long => ACCEPT_WITHIN,
        Patience::Short => ACCEPT_WITHIN_SHORT,
    };
    let mut pause = PAUSE_MIN;
    loop {
        for attempt in attempts.iter_mut().filter(|attempt| attempt.is_connecting()) {
            if attempt.began.elapsed() >= CONNECT_WITHIN {
                attempt.end = Some(End::TimedOut);
            }
        }
        for attempt in attempts.iter_mut() {
            let Some(micros) = attempt.micros.filter(|_| attempt.end.is_none()) else { continue };
            attempt.end = attempt.follow();
            let connected_at = attempt.began + Duration::from_micros(micros);
            if attempt.end.is_none() && connected_at.elapsed() >= accept_within {
                attempt.end = Some(attempt.give_up());
            }
        }
        if attempts.iter().all(|attempt| attempt.end.is_some()) {
            return;
        }
        for number in ready(attempts, pause) {
            if let Some(attempt) = attempts.get_mut(number) {
                attempt.check();
            }
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Numbers of those whose first packet was answered, after `pause` at most.
fn ready(attempts: &[Attempt], pause: Duration) -> Vec<usize> {
    let connecting = attempts.iter().enumerate().filter(|(_, attempt)| attempt.is_connecting());
    let (numbers, mut polled): (Vec<usize>, Vec<PollFd<'_>>) = connecting
        .filter_map(|(number, attempt)| {
            Some((number, PollFd::new(attempt.socket.as_ref()?, PollFlags::OUT)))
        })
        .unzip();
    let timeout = Timespec::try_from(pause).ok();
    if poll(&mut polled, timeout.as_ref()).is_err() {
        return Vec::new();
    }
    let answered = numbers.iter().zip(&polled).filter(|(_, one)| !one.revents().is_empty());
    answered.map(|(number, _)| *number).collect()
}

/// What an error of connect(2) means.
pub(super) fn failed(error: Errno) -> End {
    match error {
        Errno::CONNREFUSED => End::Refused,
        Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::HOSTDOWN => End::Unreachable,
        Errno::PERM | Errno::ACCESS => End::Forbidden,
        Errno::TIMEDOUT => End::TimedOut,
        Errno::CONNRESET => End::Reset,
        error => End::Failed(std::io::Error::from(error).to_string()),
    }
}

/// The first packet is repeated after one second: who answers only that is late, not silent.
const CONNECT_WITHIN: Duration = Duration::from_millis(1500);
const ACCEPT_WITHIN: Duration = Duration::from_millis(1000);
/// Once some were left waiting, others need not be waited for as long.
const ACCEPT_WITHIN_SHORT: Duration = Duration::from_millis(300);
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(16);
