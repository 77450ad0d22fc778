//! What a descriptor of another process leads to, and who is at the other end of its pipe.

use menshen_explain_core::silence::Target;
use menshen_sys::proc::{self, Stat};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use super::stopped::text;

/// Which end of a pipe is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Reading,
    Writing,
}

/// What descriptor `number` of `pid` is; of a pipe also who has the end `others`.
pub(super) fn target(pid: u32, number: u32, others: End) -> Target {
    let Ok(descriptors) = proc::descriptors(pid) else { return Target::Unknown };
    let Some((_, link)) = descriptors.into_iter().find(|(known, _)| *known == number) else {
        return Target::Closed;
    };
    if link.starts_with(b"pipe:") {
        let (others, complete) = peers(pid, &link, others);
        return Target::Pipe { filled: filled(pid, number), others, complete };
    }
    let path = text(&link);
    match path.as_str() {
        "/dev/null" => Target::Null,
        terminal if terminal.starts_with("/dev/pts/") || terminal.starts_with("/dev/tty") => {
            Target::Terminal(path)
        }
        socket if socket.starts_with("socket:") => Target::Socket,
        file if file.starts_with('/') => match file.strip_suffix(" (deleted)") {
            Some(file) => Target::Deleted(file.to_owned()),
            None => Target::File(path),
        },
        _ => Target::Other(path),
    }
}

/// Bytes in a pipe and its size, asked of the very descriptor, borrowed for a moment.
fn filled(pid: u32, number: u32) -> Option<(u64, u64)> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let number = i32::try_from(number).ok()?;
    let pipe = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok()?;
    let filled = rustix::io::ioctl_fionread(&pipe).ok()?;
    let size = rustix::pipe::fcntl_getpipe_size(&pipe).ok()?;
    Some((filled, size as u64))
}

/// Other processes with the wanted end of a pipe; and whether all could be looked at.
fn peers(pid: u32, pipe: &[u8], end: End) -> (Vec<(u32, String, char)>, bool) {
    let mut found = Vec::new();
    let mut complete = true;
    for other in proc::pids().unwrap_or_default() {
        if other == pid || found.len() >= PEERS_MAX {
            continue;
        }
        match proc::descriptors(other) {
            Err(error) => complete &= error.kind() != std::io::ErrorKind::PermissionDenied,
            Ok(descriptors) => {
                let mut ends = descriptors.into_iter().filter(|(_, link)| link == pipe);
                if ends.any(|(number, _)| is_end(other, number, end))
                    && let Ok(stat) = Stat::read(other)
                {
                    found.push((other, text(&stat.name), char::from(stat.state)));
                }
            }
        }
    }
    (found, complete)
}

/// By the access mode in `fdinfo` (open(2)): 0 reads, 1 writes, 2 both.
fn is_end(pid: u32, number: u32, end: End) -> bool {
    let info = proc::read(pid, &format!("fdinfo/{number}"), FDINFO_BYTES_MAX).unwrap_or_default();
    let flags = text(&info)
        .lines()
        .find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 3 != if end == End::Reading { 1 } else { 0 })
}

const PEERS_MAX: usize = 16;
const FDINFO_BYTES_MAX: usize = 4096;
