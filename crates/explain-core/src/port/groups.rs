//! Groups: sockets that share an address (`SO_REUSEPORT`), and instances: processes that belong
//! together, so that two servers at one port are told from the workers of one.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use super::{Facts, Listener, Process};

/// Sockets at one address. The kernel spreads connections over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its address.
    pub address: IpAddr,
    /// Index of its device; 0: any.
    pub device: u32,
    /// Owner; the kernel lets no other one in.
    pub uid: u32,
    /// Inodes of its members.
    pub members: Vec<u32>,
    /// Instances that its members belong to, as numbers in [`Instances`].
    pub instances: Vec<usize>,
}

/// Processes that belong together: they hold the same socket, or one of them is an ancestor of the
/// other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Their ids; the first is what all others come from, where there is one.
    pub pids: Vec<u32>,
    /// The program of the first.
    pub program: String,
    /// Its user.
    pub uid: u32,
}

/// All instances, and which one a listener belongs to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Instances {
    /// Instances by number.
    pub all: Vec<Instance>,
    /// From a listener's inode to the number; listeners whose holders are not known have none.
    pub of_listener: BTreeMap<u32, usize>,
}

/// Finds the instances among the holders.
#[must_use]
pub fn instances(facts: &Facts) -> Instances {
    let mut sets: Vec<Vec<u32>> = Vec::new();
    for listener in &facts.listeners {
        let holders: Vec<u32> = listener.holders.iter().map(|holder| holder.pid).collect();
        merge(&mut sets, holders);
    }
    let pids: Vec<u32> = sets.iter().flatten().copied().collect();
    for pid in &pids {
        for relative in relatives(facts, *pid, &pids) {
            merge(&mut sets, alloc::vec![*pid, relative]);
        }
    }
    let mut instances = Instances::default();
    for mut set in sets.into_iter().filter(|set| !set.is_empty()) {
        set.sort_unstable_by_key(|pid| (depth(facts, *pid), *pid));
        let first = set.first().and_then(|pid| facts.process(*pid));
        instances.all.push(Instance {
            program: first.map(program).unwrap_or_default(),
            uid: first.map_or(u32::MAX, |process| process.uid),
            pids: set,
        });
    }
    for listener in &facts.listeners {
        let pids = || listener.holders.iter().map(|holder| holder.pid);
        // What process 1 keeps open for a service is the service's.
        let holder = pids().find(|pid| *pid != 1).or_else(|| pids().next());
        let number = instances
            .all
            .iter()
            .position(|instance| holder.is_some_and(|pid| instance.pids.contains(&pid)));
        instances.of_listener.extend(number.map(|number| (listener.inode, number)));
    }
    instances
}

/// Finds the groups; a listener alone is one too.
#[must_use]
pub fn groups(facts: &Facts, instances: &Instances) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for listener in &facts.listeners {
        let same = |group: &&mut Group| {
            let key = (group.address, group.device, group.uid);
            key == (listener.address, listener.device, listener.uid)
        };
        let instance = instances.of_listener.get(&listener.inode).copied();
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.members.push(listener.inode);
                group.instances.extend(instance.filter(|one| !group.instances.contains(one)));
            }
            None => groups.push(Group {
                address: listener.address,
                device: listener.device,
                uid: listener.uid,
                members: alloc::vec![listener.inode],
                instances: instance.into_iter().collect(),
            }),
        }
    }
    groups
}

/// What a process runs: the last part of its program file, else its name.
#[must_use]
pub fn program(process: &Process) -> String {
    let file = process.program.as_deref().and_then(|path| path.rsplit('/').next());
    // A replaced file is shown with this mark by proc_pid_exe(5).
    let file = file.map(|file| file.strip_suffix(" (deleted)").unwrap_or(file));
    file.filter(|file| !file.is_empty()).map_or_else(|| process.name.clone(), String::from)
}

/// What a process is known by: its command line, the first word without folders.
#[must_use]
pub fn command(process: &Process) -> String {
    let Some((first, rest)) = process.command.split_first() else { return process.name.clone() };
    let mut words = alloc::vec![first.rsplit('/').next().unwrap_or(first)];
    words.extend(rest.iter().map(|word| &**word));
    words.join(" ")
}

/// Whether a listener belongs to a service manager that starts the service on the first
/// connection: process 1 alone has it.
#[must_use]
pub fn starts_service(listener: &Listener) -> bool {
    !listener.holders.is_empty() && listener.holders.iter().all(|holder| holder.pid == 1)
}

/// Joins the sets that have one of these in common; process 1 joins nobody.
fn merge(sets: &mut Vec<Vec<u32>>, pids: Vec<u32>) {
    let mut joined = pids;
    let shared = |set: &[u32], joined: &[u32]| {
        set == joined || set.iter().any(|pid| *pid != 1 && joined.contains(pid))
    };
    let mut rest = Vec::new();
    for set in sets.drain(..) {
        if shared(&set, &joined) { joined.extend(set) } else { rest.push(set) }
    }
    joined.sort_unstable();
    joined.dedup();
    rest.push(joined);
    *sets = rest;
}

/// Of `pids` the ancestors of a process, and its brothers where their parent runs the same program:
/// workers that each opened a socket of their own.
fn relatives(facts: &Facts, pid: u32, pids: &[u32]) -> Vec<u32> {
    let ancestors = ancestors(facts, pid);
    let mut found: Vec<u32> =
        ancestors.iter().copied().filter(|other| *other != 1 && pids.contains(other)).collect();
    let own = facts.process(pid);
    let parent = own.and_then(|process| facts.process(process.parent)).filter(|one| one.pid > 1);
    if let (Some(own), Some(parent)) = (own, parent)
        && own.program.is_some()
        && own.program == parent.program
    {
        let brother =
            |other: &&u32| facts.process(**other).is_some_and(|other| other.parent == parent.pid);
        found.extend(pids.iter().filter(brother));
    }
    found
}

fn ancestors(facts: &Facts, pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut at = pid;
    while let Some(process) = facts.process(at) {
        at = process.parent;
        if at == 0 || found.len() >= ANCESTORS_MAX || found.contains(&at) {
            break;
        }
        found.push(at);
    }
    found
}

fn depth(facts: &Facts, pid: u32) -> usize {
    ancestors(facts, pid).len()
}

/// Processes between one and process 1 that are looked at.
pub const ANCESTORS_MAX: usize = 32;

#[cfg(test)]
mod tests;
