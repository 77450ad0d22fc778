//! The same port in other network namespaces, such as those of containers: `/proc/PID/net` shows
//! the one its process is in (network_namespaces(7)). Nothing is entered.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;

use menshen_explain_core::port::{Elsewhere, Facts};
use menshen_sys::proc;

use super::{holders, sockets};

/// Looks, where that is permitted, and writes what there is into the facts.
pub(super) fn look(facts: &mut Facts) {
    let Ok(own) = std::fs::metadata("/proc/thread-self/ns/net") else { return };
    let mut namespaces: BTreeMap<u64, u32> = BTreeMap::new();
    for pid in proc::pids().unwrap_or_default() {
        if let Ok(other) = std::fs::metadata(format!("/proc/{pid}/ns/net")) {
            namespaces.entry(other.ino()).or_insert(pid);
        }
    }
    namespaces.remove(&own.ino());
    let word = facts.transport.word();
    let mut found = Vec::new();
    let mut looked = 0;
    for (namespace, pid) in namespaces.into_iter().take(NAMESPACES_MAX) {
        looked += 1;
        for file in [format!("net/{word}"), format!("net/{word}6")] {
            let text = proc::read(pid, &file, LIST_BYTES_MAX).unwrap_or_default();
            for (address, inode, _, _) in sockets::parse_proc(&text, facts.transport, facts.port) {
                let name = None;
                found.push(Elsewhere { namespace, name, address, inode, process: None });
            }
        }
    }
    facts.sight.namespaces = Some(looked);
    if found.is_empty() {
        return;
    }
    found.truncate(FOUND_MAX);
    let inodes: BTreeSet<u32> = found.iter().map(|other| other.inode).collect();
    let scan = holders::scan(&inodes).unwrap_or_default();
    let names = names();
    for other in &mut found {
        other.name = names.get(&other.namespace).cloned();
        let pid = scan.holders.get(&other.inode).and_then(|holders| holders.keys().next());
        other.process = pid.map(|pid| {
            let stat = proc::Stat::read(*pid);
            let name = stat.map(|stat| String::from_utf8_lossy(&stat.name).into_owned());
            (*pid, name.unwrap_or_default())
        });
    }
    facts.elsewhere = found;
}

/// Names that ip-netns(8) gave, by inode.
fn names() -> BTreeMap<u64, String> {
    let entries = std::fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let inode = entry.path().metadata().ok()?.ino();
        Some((inode, entry.file_name().to_string_lossy().into_owned()))
    });
    named.take(NAMES_MAX).collect()
}

const NAMESPACES_MAX: usize = 64;
/// Sockets that listen stand at the beginning of the lists.
const LIST_BYTES_MAX: usize = 4 << 20;
const FOUND_MAX: usize = 16;
const NAMES_MAX: usize = 4096;
