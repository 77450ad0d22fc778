//! Who has the sockets: one look at the descriptors of all processes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use menshen_explain_core::port::groups::ANCESTORS_MAX;
use menshen_explain_core::port::{Facts, Holder, Options, Process, Transport, Waits};
use menshen_sys::pidfd::{self, SocketOptions};
use menshen_sys::proc;

use super::{services, waits};

/// Descriptors of sockets, by their inode.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// From a socket's inode to processes and the numbers they have it under.
    pub(super) holders: BTreeMap<u32, BTreeMap<u32, Vec<u32>>>,
    /// Processes that could not be looked into.
    pub(super) hidden: u32,
}

/// Looks for these sockets in all processes.
pub(super) fn scan(inodes: &BTreeSet<u32>) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for pid in proc::pids()? {
        if let Err(error) = look_into(pid, inodes, &mut scan)
            && error.kind() == io::ErrorKind::PermissionDenied
            && !proc::Stat::read(pid).is_ok_and(|stat| stat.is_kernel_thread())
        {
            scan.hidden += 1;
        }
    }
    Ok(scan)
}

/// Looks for these sockets in one process.
pub(super) fn look_into(pid: u32, inodes: &BTreeSet<u32>, scan: &mut Scan) -> io::Result<()> {
    for (descriptor, target) in proc::descriptors(pid)? {
        if let Some(inode) = socket_inode(&target).filter(|inode| inodes.contains(inode)) {
            let of_socket = scan.holders.entry(inode).or_default();
            of_socket.entry(pid).or_default().push(descriptor);
        }
    }
    Ok(())
}

/// Writes into the facts who has each listener, what they are, and the listener's own options.
pub(super) fn attach(facts: &mut Facts, scan: &Scan) {
    let mut pids = BTreeSet::new();
    for listener in &mut facts.listeners {
        let Some(holders) = scan.holders.get(&listener.inode) else { continue };
        for (pid, descriptors) in holders {
            pids.insert(*pid);
            let descriptors = descriptors.clone();
            let waits = match facts.transport {
                Transport::Tcp => waits::of(*pid, listener.inode, &descriptors),
                Transport::Udp => Waits::Unknown,
            };
            listener.holders.push(Holder { pid: *pid, descriptors, waits });
        }
        listener.options = holders.iter().find_map(|(pid, descriptors)| {
            let socket = pidfd::fetch(*pid, *descriptors.first()?).ok()?;
            Some(options(&SocketOptions::read(socket)))
        });
    }
    facts.processes = processes(pids);
}

/// `socket:[123]`.
pub(super) fn socket_inode(target: &[u8]) -> Option<u32> {
    let number = target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

fn options(read: &SocketOptions) -> Options {
    Options {
        reuse_port: read.reuse_port,
        // The kernel shows a negative number for none.
        incoming_cpu: read.incoming_cpu.and_then(|cpu| u32::try_from(cpu).ok()),
        defer_accept_seconds: read.defer_accept_seconds,
        filter_instructions: read.filter_instructions,
    }
}

/// These processes and their ancestors.
fn processes(pids: BTreeSet<u32>) -> Vec<Process> {
    let mut found: BTreeMap<u32, Process> = BTreeMap::new();
    for pid in pids {
        let mut at = pid;
        for _ in 0..=ANCESTORS_MAX {
            if at == 0 || found.contains_key(&at) {
                break;
            }
            let Some(process) = process(at) else { break };
            at = process.parent;
            found.insert(process.pid, process);
        }
    }
    found.into_values().collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = proc::Stat::read(pid).ok()?;
    let uid = proc::Status::read(pid).map_or(u32::MAX, |status| status.uid);
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let command = proc::command_line(pid, COMMAND_BYTES_MAX).unwrap_or_default();
    let command = command.strip_suffix(b"\0").unwrap_or(&command);
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    Some(Process {
        pid,
        parent: stat.parent,
        name: lossy(&stat.name),
        program: program.map(|path| path.to_string_lossy().into_owned()),
        command: if command.is_empty() {
            Vec::new()
        } else {
            command.split(|byte| *byte == 0).map(lossy).collect()
        },
        uid,
        user: services::user_name(uid),
        unit: proc::cgroup(pid).ok().and_then(|text| unit(&text)),
        state: char::from(stat.state),
    })
}

/// The unit in lines of `/proc/PID/cgroup`: of the innermost folder that is one.
fn unit(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let paths = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        (controllers.is_empty() || controllers == "name=systemd").then_some(path)
    });
    let is_unit =
        |folder: &&str| [".service", ".scope", ".socket"].iter().any(|kind| folder.ends_with(kind));
    let mut units = paths.filter_map(|path| path.rsplit('/').find(is_unit));
    units.next().map(str::to_owned)
}

const COMMAND_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    //! Links and units.
    use super::*;

    #[test]
    fn links_and_units() {
        assert_eq!(socket_inode(b"socket:[77]"), Some(77));
        for other in [&b"socket:[x]"[..], b"pipe:[77]", b"socket:[", b""] {
            assert_eq!(socket_inode(other), None);
        }
        let text = b"4:memory:/x.service\n1:name=systemd:/system.slice/ssh.service\n0::/a\n";
        assert_eq!(unit(text).as_deref(), Some("ssh.service"));
        assert_eq!(unit(b"0::/user.slice/u.scope/inner\n").as_deref(), Some("u.scope"));
        assert_eq!(unit(b"0::/\nx"), None);
    }

    #[test]
    fn an_own_socket_is_found() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let inode = u32::try_from(inode).unwrap();
        let found = scan(&BTreeSet::from([inode])).unwrap();
        let fd = u32::try_from(std::os::fd::AsRawFd::as_raw_fd(&socket)).unwrap();
        assert_eq!(found.holders[&inode][&std::process::id()], [fd]);
    }
}
