//! The terminal of a process: who is in its foreground, and whether it stops those who are not and
//! write (termios(3), `TOSTOP`).
//!
//! Only its settings are read; a terminal that another user owns shows none.

use std::fs::File;

use menshen_sys::proc::{self, Stat};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{LocalModes, tcgetattr};
use serde::Serialize;

/// A controlling terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terminal {
    /// Its path where it has one of a known kind, such as `/dev/pts/3`.
    pub path: Option<String>,
    /// The foreground process group; `None`: there is none.
    pub foreground_group: Option<u32>,
    /// Who is in it, by process id; the first [`MEMBERS_MAX`].
    pub foreground: Vec<Member>,
    /// Whether `stty tostop` is set; `None`: not to be read.
    pub tostop: Option<bool>,
}

/// A process of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its id.
    pub pid: u32,
    /// Its name. Foreign.
    pub name: Vec<u8>,
}

/// The controlling terminal of a process; `None`: it has none.
#[must_use]
pub fn terminal(stat: &Stat) -> Option<Terminal> {
    if stat.terminal == 0 {
        return None;
    }
    let foreground_group = u32::try_from(stat.foreground_group).ok().filter(|group| *group != 0);
    let path = path(stat.terminal);
    let tostop = path.as_deref().and_then(|path| tostop(stat.pid, path));
    let foreground = foreground_group.map(members).unwrap_or_default();
    Some(Terminal { path, foreground_group, foreground, tostop })
}

/// The processes of a group.
fn members(group: u32) -> Vec<Member> {
    let pids = proc::pids().unwrap_or_default();
    let stats = pids.into_iter().filter_map(|pid| Stat::read(pid).ok());
    let of_group = stats.filter(|stat| stat.group == group).take(MEMBERS_MAX);
    of_group.map(|stat| Member { pid: stat.pid, name: stat.name }).collect()
}

/// By the device number (Documentation/admin-guide/devices.txt): major 136 to 143 are the
/// terminals of windows and connections, 4 the machine's own.
fn path(device: i32) -> Option<String> {
    let device = device.cast_unsigned();
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    match major {
        136..=143 => Some(format!("/dev/pts/{}", (major - 136) * 256 + minor)),
        4 if minor < 64 => Some(format!("/dev/tty{minor}")),
        4 => Some(format!("/dev/ttyS{}", minor - 64)),
        _ => None,
    }
}

/// Asked of the terminal as the process sees it, which may have another `/dev`.
fn tostop(pid: u32, path: &str) -> Option<bool> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let place = format!("/proc/{pid}/root{path}");
    let file = File::from(rustix::fs::open(place, flags, Mode::empty()).ok()?);
    let settings = tcgetattr(&file).ok()?;
    Some(settings.local_modes.contains(LocalModes::TOSTOP))
}

/// Processes of a group that are named.
pub const MEMBERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    //! Device numbers.
    use super::*;

    #[test]
    fn numbers_and_paths() {
        for (device, expected) in [
            (0x8803, Some("/dev/pts/3")),
            (0x8900, Some("/dev/pts/256")),
            (136 << 8 | 0x10_0005, Some("/dev/pts/261")),
            (0x0401, Some("/dev/tty1")),
            (0x0440, Some("/dev/ttyS0")),
            (0x0501, None),
        ] {
            assert_eq!(path(device).as_deref(), expected, "{device:x}");
        }
    }
}
