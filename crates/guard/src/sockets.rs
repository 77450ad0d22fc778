//! The listening sockets: one per worker, address and family, all in one `SO_REUSEPORT` group, made
//! once and kept as long as the address is configured.
//!
//! A worker inherits its own, so neither a crash nor a reload loses a queued connection. No socket
//! is closed when the number of workers falls: new connections are steered to the first ones, and
//! what is left in the queues of the others is accepted by the workers that stay. Nothing is ever
//! accepted here.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::fd::{OwnedFd, RawFd};

use menshen_base::{Finding, Severity};
use menshen_config::{Config, ListenerRole};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::GuardError;
use crate::handover::Outgoing;

pub(crate) mod activation;
pub(crate) mod group;

pub(crate) use group::{Group, HandedGroup, Port, Sharing, bind_error};

/// An address of the web door.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) role: ListenerRole,
    group: Group,
}

impl Deref for Door {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}

/// A door as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedDoor {
    role: ListenerRole,
    group: HandedGroup,
}

impl HandedDoor {
    /// The door, of copies of its sockets.
    pub(crate) fn adopt(
        &self,
        copy: impl Fn(RawFd) -> Result<OwnedFd, GuardError>,
    ) -> Result<Door, GuardError> {
        let group = self.group.adopt(door_name(self.role), copy)?;
        Ok(Door { role: self.role, group })
    }
}

impl Door {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedDoor {
        HandedDoor { role: self.role, group: self.group.hand_over(outgoing) }
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
                Some(door) => Door { role, group: door.grown(workers, serving)? },
                None => {
                    let port = shared_port.filter(|_| configured.port() == 0);
                    let address =
                        SocketAddr::new(configured.ip(), port.unwrap_or_else(|| configured.port()));
                    let ours = current.iter().any(|door| door.bound.port() == address.port());
                    let port = if ours { Port::Ours } else { Port::New };
                    match Group::open(door_name(role), address, sharing, workers, port) {
                        Ok(group) => Door { role, group: Group { configured, ..group } },
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

#[cfg(test)]
mod tests;
