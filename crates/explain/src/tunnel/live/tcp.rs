//! TCP to all addresses of the server at once: what each comes to, and the first that takes it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use menshen_explain_core::tunnel::live::Tcp;
use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use super::ear::Ear;
use super::wait;

/// What became of an address.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) address: Ipv4Addr,
    pub(super) tcp: Tcp,
    pub(super) after: Duration,
    /// Port on this host; 0: it never had one.
    pub(super) port: u16,
}

/// Connects to `port` of each, until one takes it and the others had their moment, or `within` is
/// over.
pub(super) fn connect(
    addresses: &[Ipv4Addr],
    port: u16,
    within: Duration,
    mut ear: Option<&mut Ear>,
) -> (Vec<Outcome>, Option<(Ipv4Addr, TcpStream)>) {
    let begin = Instant::now();
    let mut tries: Vec<Try> = addresses.iter().map(|address| Try::begin(*address, port)).collect();
    let mut until = begin + within;
    loop {
        if let Some(ear) = &mut ear {
            ear.hear();
        }
        for one in &mut tries {
            one.look(begin);
        }
        if tries.iter().any(|one| one.outcome.tcp == Tcp::Connected) {
            until = until.min(Instant::now() + OTHERS_WITHIN);
        }
        let waits = tries.iter().any(|one| one.waits);
        if !waits || Instant::now() >= until {
            break;
        }
        let mut polled = Vec::new();
        if let Some(ear) = &ear {
            polled.push(PollFd::from_borrowed_fd(ear.as_fd(), PollFlags::IN));
        }
        for one in tries.iter().filter(|one| one.waits) {
            if let Some(socket) = &one.socket {
                polled.push(PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT));
            }
        }
        wait(&mut polled, until);
    }
    let one_has_it = tries.iter().any(|one| one.outcome.tcp == Tcp::Connected);
    let mut taken = None;
    let mut outcomes = Vec::new();
    for mut one in tries {
        if one.waits {
            one.outcome.tcp = if one_has_it { Tcp::Unawaited } else { Tcp::Silent };
            one.outcome.after = begin.elapsed();
        }
        if let (Tcp::Connected, None, Some(socket)) = (one.outcome.tcp, &taken, one.socket) {
            taken = Some((one.outcome.address, TcpStream::from(socket)));
        }
        outcomes.push(one.outcome);
    }
    (outcomes, taken)
}

/// One address that is tried.
#[derive(Debug)]
struct Try {
    socket: Option<Socket>,
    waits: bool,
    outcome: Outcome,
}

impl Try {
    fn begin(address: Ipv4Addr, port: u16) -> Self {
        let outcome = Outcome { address, tcp: Tcp::Silent, after: Duration::ZERO, port: 0 };
        let mut one = Self { socket: None, waits: true, outcome };
        if let Err(error) = one.connect(address, port) {
            (one.waits, one.outcome.tcp) = (false, of(&error));
        }
        one
    }

    fn connect(&mut self, address: Ipv4Addr, port: u16) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let done = socket.connect(&SocketAddr::new(address.into(), port).into());
        let local = socket.local_addr().ok().and_then(|local| local.as_socket());
        self.outcome.port = local.map_or(0, |local| local.port());
        self.socket = Some(socket);
        match done {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => Err(error),
            _ => Ok(()),
        }
    }

    /// Looks whether it is decided.
    fn look(&mut self, begin: Instant) {
        let Some(socket) = self.socket.as_ref().filter(|_| self.waits) else { return };
        let tcp = match socket.take_error() {
            Ok(Some(error)) => of(&error),
            Err(_) => Tcp::Silent,
            Ok(None) if socket.peer_addr().is_ok() => Tcp::Connected,
            Ok(None) => return,
        };
        (self.waits, self.outcome.tcp, self.outcome.after) = (false, tcp, begin.elapsed());
    }
}

fn of(error: &io::Error) -> Tcp {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Tcp::Refused,
        io::ErrorKind::PermissionDenied => Tcp::Forbidden,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Tcp::Unreachable,
        _ => Tcp::Silent,
    }
}

/// `EINPROGRESS`.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();
/// How long other addresses are waited for when one has answered.
const OTHERS_WITHIN: Duration = Duration::from_millis(300);
