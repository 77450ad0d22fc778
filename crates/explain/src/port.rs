//! Looks at a port: who listens, who waits for connections, what a connection gets.
//!
//! Nothing here reads a byte that a peer sent. Connections are made to addresses of this machine
//! and to those the user names, so many at most, held for a second at most, and carry no data.
//! Root sees everybody's descriptors; others see their own, and the facts say so. Programs that
//! list packet filters are run from fixed folders, with a time limit and an empty environment.

use std::collections::BTreeSet;
use std::net::IpAddr;

use menshen_explain_core::port::{Facts, Firewall, Listener, Sight, Skipped, Transport};

mod elsewhere;
mod firewall;
mod holders;
mod kernel;
mod probe;
mod services;
mod sockets;
mod targets;
mod waits;

pub use services::{port_of, service_of};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The port.
    pub port: u16,
    /// Of which protocol.
    pub transport: Transport,
    /// Addresses to probe beside this machine's own.
    pub asked: Vec<IpAddr>,
    /// Whether to make connections.
    pub probes: Probes,
}

/// Whether connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probes {
    /// They are.
    Try,
    /// Only what is there is looked at.
    Leave,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Neither the kernel's list nor `/proc/net` tells the sockets.
    #[error("could not list the sockets of this machine")]
    LocalSockets(#[source] std::io::Error),
    /// `/proc` cannot be read.
    #[error("could not list the processes of this machine")]
    LocalProcesses(#[source] std::io::Error),
}

/// Looks.
///
/// # Errors
/// When sockets or processes cannot be listed at all; anything less is told in the facts.
pub fn look(question: &Question) -> Result<Facts, PortError> {
    let (port, transport) = (question.port, question.transport);
    let list = sockets::listeners(transport, port).map_err(PortError::LocalSockets)?;
    let other = sockets::listeners(sockets::other(transport), port);
    let scan = holders::scan(&inodes(&list.listeners)).map_err(PortError::LocalProcesses)?;
    let mut facts = Facts {
        port,
        transport,
        service: service_of(port, transport),
        asked: question.asked.clone(),
        sight: Sight {
            root: rustix::process::geteuid().is_root(),
            hidden_processes: scan.hidden,
            socket_list: list.complete,
            probes: question.probes == Probes::Try,
            namespaces: None,
        },
        listeners: list.listeners,
        processes: Vec::new(),
        targets: Vec::new(),
        other_transport: other.is_ok_and(|other| !other.listeners.is_empty()),
        firewall: Firewall::default(),
        kernel: kernel::read(port, transport),
        elsewhere: Vec::new(),
    };
    holders::attach(&mut facts, &scan);
    facts.targets = targets::choose(&facts);
    match question.probes {
        Probes::Try => probe::run(&mut facts),
        Probes::Leave => {
            facts.targets.iter_mut().for_each(|target| target.skipped = Some(Skipped::NotWanted));
        }
    }
    kernel::compare(&mut facts.kernel);
    if facts.listeners.is_empty() {
        kernel::hindrances(&mut facts.kernel, port, transport);
    }
    facts.firewall = firewall::read();
    let refused = facts.targets.iter().any(|target| target.ours && target.refused != 0);
    if facts.listeners.is_empty() || refused {
        elsewhere::look(&mut facts);
    }
    Ok(facts)
}

fn inodes(listeners: &[Listener]) -> BTreeSet<u32> {
    listeners.iter().map(|listener| listener.inode).collect()
}
