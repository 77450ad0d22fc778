//! Live probes: connections without data, made in small rounds, and who accepted each.
//!
//! The other end of a connection of this machine is found in the kernel's list by its addresses:
//! it has no inode until it is accepted, and then one that some process has open. What nobody
//! accepted is in the queue of the listener whose queue has grown. A round takes at most half of
//! the room a queue has, and probing ends early where connections are left waiting, since they stay
//! in that queue.

use std::collections::{BTreeMap, BTreeSet};

use menshen_explain_core::port::{
    Facts, Left, Listener, Skipped, Taken, Target, Transport, Waits, groups, reach,
};

use self::attempt::{Attempt, End};
use super::{holders, sockets};

mod attempt;
mod datagram;

/// Probes every target that may be probed, and writes what came of it into the facts.
pub(super) fn run(facts: &mut Facts) {
    for at in 0..facts.targets.len() {
        let listeners = facts.targets.get(at).map(|target| reach::listeners(facts, target));
        let listeners = listeners.unwrap_or_default();
        let starts =
            !listeners.is_empty() && listeners.iter().all(|one| groups::starts_service(one));
        if let Some(target) = facts.targets.get_mut(at).filter(|_| starts) {
            target.skipped = Some(Skipped::WouldStartService);
        }
    }
    match facts.transport {
        Transport::Udp => datagram::run(facts),
        Transport::Tcp => connections(facts),
    }
}

fn connections(facts: &mut Facts) {
    let wanted = wanted(facts);
    for round in 0..ROUNDS_MAX {
        let before: BTreeMap<u32, u32> =
            sockets::queues(facts.transport, facts.port).into_iter().collect();
        let mut attempts = Vec::new();
        for (number, wanted) in wanted.iter().enumerate() {
            let count = batch(facts, number, *wanted, round, &before);
            let Some(target) = facts.targets.get(number) else { continue };
            for _ in 0..count {
                attempts.push(Attempt::begin(number, target, facts.port));
            }
        }
        if attempts.is_empty() {
            return;
        }
        let left_before = facts.targets.iter().any(|target| !target.left.is_empty());
        let patience = if left_before { attempt::Patience::Short } else { attempt::Patience::Long };
        attempt::drive(&mut attempts, patience);
        record(facts, attempts, &before);
    }
}

/// How many probes each target should get.
fn wanted(facts: &Facts) -> Vec<u32> {
    let mut spread: BTreeSet<Vec<u32>> = BTreeSet::new();
    let mut wanted = Vec::new();
    for target in &facts.targets {
        let members: Vec<u32> =
            reach::listeners(facts, target).iter().map(|listener| listener.inode).collect();
        wanted.push(match members.len() {
            _ if target.skipped.is_some() => 0,
            _ if !target.ours => 1,
            0 => 1,
            1 => SINGLE,
            // One address is enough to see how a group shares.
            _ if !spread.insert(members) => SINGLE,
            _ => SPREAD,
        });
    }
    wanted
}

/// How many probes a target gets in this round: one first, and none any more once something is
/// known to be wrong.
fn batch(
    facts: &Facts,
    number: usize,
    wanted: u32,
    round: u32,
    queues: &BTreeMap<u32, u32>,
) -> u32 {
    let Some(target) = facts.targets.get(number) else { return 0 };
    if round == 0 {
        return wanted.min(1);
    }
    let left: u32 = target.left.iter().map(|left| left.count).sum();
    if !target.is_reached() || target.reset != 0 || left >= LEFT_MAX {
        return 0;
    }
    let rooms = reach::listeners(facts, target).into_iter().filter_map(|listener| {
        let queue = queues.get(&listener.inode).copied().unwrap_or(listener.queue);
        Some((listener.backlog? + 1).saturating_sub(queue))
    });
    let room = rooms.min().unwrap_or(u32::MAX);
    let most = (room / 2).max(u32::from(left == 0 && room > 0)).min(BATCH);
    wanted.saturating_sub(target.tries).min(most)
}

/// Counts what came of a round.
fn record(facts: &mut Facts, attempts: Vec<Attempt>, before: &BTreeMap<u32, u32>) {
    let takers = takers(facts, &attempts);
    let mut left: BTreeMap<usize, u32> = BTreeMap::new();
    for attempt in &attempts {
        let Some(listeners) = facts.targets.get(attempt.target).map(|target| {
            let listeners = reach::listeners(facts, target);
            let defers = |one: &&Listener| {
                one.options.as_ref().is_some_and(|options| options.defer_accept_seconds != Some(0))
            };
            let inodes: Vec<u32> = listeners.iter().map(|listener| listener.inode).collect();
            (
                inodes,
                listeners.iter().any(defers) || listeners.iter().all(|one| one.options.is_none()),
            )
        }) else {
            continue;
        };
        let (inodes, defers) = listeners;
        let only = match &inodes[..] {
            [only] => Some(*only),
            _ => None,
        };
        let pid_and_listener = attempt.taken().and_then(|inode| takers.get(&inode)).copied();
        let listener = only.or_else(|| through(facts, &inodes, pid_and_listener));
        let Some(target) = facts.targets.get_mut(attempt.target) else { continue };
        target.tries += 1;
        if let Some(micros) = attempt.micros {
            target.connected += 1;
            target.slowest_micros = target.slowest_micros.max(micros);
        }
        match &attempt.end {
            Some(End::Refused) => target.refused += 1,
            Some(End::Unreachable) => target.unreachable += 1,
            Some(End::Forbidden) => target.forbidden += 1,
            Some(End::Reset) => target.reset += 1,
            Some(End::Failed(why)) => target.failed = Some(why.clone()),
            Some(End::Taken(_)) => take(target, listener, pid_and_listener),
            Some(End::Ended) if only.is_some() => take(target, only, None),
            Some(End::Ended) => target.unseen += 1,
            Some(End::Unconfirmed) if defers => target.deferred += 1,
            Some(End::Unconfirmed | End::Left) => {
                *left.entry(attempt.target).or_default() += 1;
            }
            Some(End::TimedOut) | None => target.timed_out += 1,
        }
    }
    // While they are still open: what grew since holds them.
    lay(facts, left, before);
}

fn take(target: &mut Target, listener: Option<u32>, pid: Option<u32>) {
    let same = |taken: &&mut Taken| taken.listener == listener && taken.pid == pid;
    match target.taken.iter_mut().find(same) {
        Some(taken) => taken.count += 1,
        None => target.taken.push(Taken { listener, pid, count: 1 }),
    }
}

/// Which process has each accepted connection.
fn takers(facts: &Facts, attempts: &[Attempt]) -> BTreeMap<u32, u32> {
    let mut inodes: BTreeSet<u32> = attempts.iter().filter_map(Attempt::taken).collect();
    let mut found = BTreeMap::new();
    if inodes.is_empty() {
        return found;
    }
    // Nearly always one that has the listener.
    let known: BTreeSet<u32> = facts
        .listeners
        .iter()
        .flat_map(|listener| &listener.holders)
        .map(|holder| holder.pid)
        .collect();
    let mut scan = holders::Scan::default();
    for pid in known {
        let _ = holders::look_into(pid, &inodes, &mut scan);
    }
    inodes.retain(|inode| !scan.holders.contains_key(inode));
    if !inodes.is_empty() && facts.sight.root {
        scan.holders.extend(holders::scan(&inodes).unwrap_or_default().holders);
    }
    for (inode, holders) in scan.holders {
        let waits = |pid: &&u32| {
            let of = |listener: &Listener| {
                listener
                    .holders
                    .iter()
                    .any(|holder| holder.pid == **pid && is_waiting(holder.waits))
            };
            facts.listeners.iter().any(of)
        };
        let taker = holders.keys().find(waits).or_else(|| holders.keys().next());
        found.extend(taker.map(|pid| (inode, *pid)));
    }
    found
}

/// The listener through which a process got a connection: the only one it has, or waits at.
fn through(facts: &Facts, inodes: &[u32], pid: Option<u32>) -> Option<u32> {
    let pid = pid?;
    let only = |fits: fn(Waits) -> bool| {
        let mut fitting = inodes.iter().copied().filter(|inode| {
            let holders = facts.listener(*inode).map(|listener| &listener.holders);
            holders.into_iter().flatten().any(|holder| holder.pid == pid && fits(holder.waits))
        });
        fitting.next().filter(|_| fitting.next().is_none())
    };
    only(|_| true).or_else(|| only(is_waiting))
}

const fn is_waiting(waits: Waits) -> bool {
    matches!(waits, Waits::Accepts | Waits::Watches)
}

/// Finds the queues in which connections were left.
fn lay(facts: &mut Facts, left: BTreeMap<usize, u32>, before: &BTreeMap<u32, u32>) {
    if left.is_empty() {
        return;
    }
    let now = sockets::queues(facts.transport, facts.port).into_iter();
    let mut grown: BTreeMap<u32, u32> = now
        .map(|(inode, queue)| {
            (inode, queue.saturating_sub(before.get(&inode).copied().unwrap_or(0)))
        })
        .collect();
    for (number, mut count) in left {
        let Some(target) = facts.targets.get(number) else { continue };
        let inodes: Vec<u32> =
            reach::listeners(facts, target).iter().map(|listener| listener.inode).collect();
        let mut laid = Vec::new();
        for inode in inodes {
            let Some(growth) = grown.get_mut(&inode) else { continue };
            let here = count.min(*growth);
            *growth -= here;
            count -= here;
            if here != 0 {
                laid.push(Left { listener: Some(inode), count: here });
            }
        }
        if count != 0 {
            laid.push(Left { listener: None, count });
        }
        let Some(target) = facts.targets.get_mut(number) else { continue };
        for one in laid {
            match target.left.iter_mut().find(|left| left.listener == one.listener) {
                Some(left) => left.count += one.count,
                None => target.left.push(one),
            }
        }
    }
}

/// Probes of a group at one address.
const SPREAD: u32 = 64;
/// Probes of an address with one socket.
const SINGLE: u32 = 4;
/// Connections at once for each target.
const BATCH: u32 = 8;
/// So many left waiting are proof enough.
const LEFT_MAX: u32 = 8;
const ROUNDS_MAX: u32 = 80;
