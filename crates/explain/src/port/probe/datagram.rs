//! UDP: one empty datagram for each target. What comes back is only an error, if anything: an
//! answer is not read, and silence says neither yes nor no.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use menshen_explain_core::port::Facts;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_error;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, connect, send, socket_with};

use super::attempt::{End, failed};

/// Sends them, waits a moment, counts.
pub(super) fn run(facts: &mut Facts) {
    let mut sent: Vec<(usize, Result<OwnedFd, End>)> = Vec::new();
    for (number, target) in facts.targets.iter().enumerate() {
        if target.skipped.is_none() {
            sent.push((number, begin(target.address, facts.port, target.device)));
        }
    }
    let until = Instant::now() + WITHIN;
    let mut ends: Vec<(usize, Option<End>)> = Vec::new();
    for (number, socket) in sent {
        ends.push((
            number,
            match socket {
                Err(end) => Some(end),
                Ok(socket) => error_until(&socket, until),
            },
        ));
    }
    for (number, end) in ends {
        let Some(target) = facts.targets.get_mut(number) else { continue };
        target.tries += 1;
        match end {
            None => target.connected += 1,
            Some(End::Refused) => target.refused += 1,
            Some(End::Unreachable) => target.unreachable += 1,
            Some(End::Forbidden) => target.forbidden += 1,
            Some(End::Failed(why)) => target.failed = Some(why),
            Some(other) => target.failed = Some(format!("{other:?}")),
        }
    }
}

fn begin(address: IpAddr, port: u16, device: u32) -> Result<OwnedFd, End> {
    let to: SocketAddr = match address {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            SocketAddrV6::new(address, port, 0, device).into()
        }
        address => SocketAddr::new(address, port),
    };
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, None).map_err(failed)?;
    connect(&socket, &to).map_err(failed)?;
    send(&socket, &[], SendFlags::empty()).map_err(failed)?;
    Ok(socket)
}

/// The error that came back, if one does in time.
fn error_until(socket: &OwnedFd, until: Instant) -> Option<End> {
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(socket, PollFlags::ERR)], left.as_ref()) {
            Ok(0) => return None,
            Ok(_) => return socket_error(socket).ok().and_then(Result::err).map(failed),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Some(failed(error)),
        }
    }
}

const WITHIN: Duration = Duration::from_millis(400);
