//! Which processes the rules of `[[guard.protect]]` mean. A stranger on this machine must not be
//! able to have a process of his own protected:
//!
//! - anybody can give a process any command line, so one that is protected by it belongs to the
//!   `user` of the rule, or without one to root or a system account;
//! - a pid file is no link, and names only processes of its owner, unless it is root's;
//! - a unit is one of the system's manager: only slices lie above it. A user's manager may have a
//!   unit of the same name further below.
//!
//! Real users count: a set-user-id program belongs to who started it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use menshen_config::{Protect, ProtectBy};
use menshen_guard_core::protect::Process;
use menshen_sys::proc;

use super::commands::{Commands, Key, command_of};
use crate::log::Log;

/// The rules as they are looked for.
#[derive(Debug)]
pub(super) struct Finder {
    named: Vec<Protect>,
    /// By rule.
    users: Vec<Users>,
    commands: Option<Commands>,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// All processes, with the rule that means each.
    pub(super) processes: Vec<Process>,
    /// Rules with users whose processes match and are not meant; each once.
    pub(super) strangers: Vec<(usize, u32)>,
}

/// Whose processes a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Users {
    Anybody,
    /// Root and system accounts.
    System,
    Only(u32),
    /// The user that is named is not there.
    Nobody,
}

/// What a pid file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    /// Whose file it is.
    owner: u32,
}

impl Finder {
    /// For these rules.
    pub(super) fn new(named: &[Protect], log: Log) -> Self {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let users = named.iter().map(|one| {
            let users = Users::of(one, &passwd);
            if users == Users::Nobody {
                let user = one.user.as_deref().unwrap_or_default();
                log(&format!("protect: {}: there is no user {user} in /etc/passwd", one.name));
            }
            users
        });
        let patterns = named.iter().enumerate();
        let patterns: Vec<(usize, String)> = patterns
            .filter_map(|(rule, one)| one.command.clone().map(|pattern| (rule, pattern)))
            .collect();
        let mut commands = None;
        if !patterns.is_empty() {
            match Commands::start(patterns, command_of) {
                Ok(started) => commands = Some(started),
                Err(error) => log(&format!("protect: no command lines can be read: {error}")),
            }
        }
        Self { users: users.collect(), named: named.to_vec(), commands }
    }

    /// Named processes and all others, with their scores.
    pub(super) fn look(&self) -> Found {
        let mut found = Found::default();
        let from_files: Vec<Option<PidFile>> =
            self.named.iter().map(|one| one.pid_file.as_deref().and_then(pid_in)).collect();
        for pid in proc::pids().unwrap_or_default() {
            let Ok(stat) = proc::Stat::read(pid) else { continue };
            if stat.is_kernel_thread() || stat.state == b'Z' {
                continue;
            }
            let (parent, start_ticks) = (stat.parent, stat.start_ticks);
            found.processes.push(Process { pid, start_ticks, parent, score: 0, rule: None });
        }
        let keys = found.processes.iter().map(|one| (one.pid, one.start_ticks)).collect();
        let commands = self.commands.as_ref().map(|commands| commands.look(keys));
        let above = manager();
        let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for process in &mut found.processes {
            let key: Key = (process.pid, process.start_ticks);
            let named = commands.as_ref().and_then(|all| all.get(&key)).map_or(&[][..], |v| v);
            let mut look = One { pid: process.pid, named, above: &above, uid: None, lines: None };
            for (rule, one) in self.named.iter().enumerate() {
                let file = from_files.get(rule).copied().flatten();
                if !look.is_named(rule, one, file) {
                    continue;
                }
                let users = self.users.get(rule).copied().unwrap_or(Users::Nobody);
                if !look.may(users, file) {
                    let stranger = look.uid.map(|uid| (rule, uid));
                    let stranger = stranger.filter(|one| !found.strangers.contains(one));
                    found.strangers.extend(stranger);
                } else if one.unit.is_some() || one.cgroup.is_some() {
                    groups.entry(process.pid).or_default().push(rule);
                } else {
                    process.rule = process.rule.or(Some(rule));
                }
            }
        }
        // Of a unit or a group the first processes are meant, not what they started.
        let inside = |pid: u32, rule: usize| groups.get(&pid).is_some_and(|of| of.contains(&rule));
        for process in &mut found.processes {
            let by_group = groups
                .get(&process.pid)
                .and_then(|of| of.iter().copied().find(|rule| !inside(process.parent, *rule)));
            process.rule = process.rule.or(by_group);
            process.score = proc::oom_score_adj(process.pid).unwrap_or(0);
        }
        found
    }
}

impl Users {
    fn of(rule: &Protect, passwd: &str) -> Self {
        match &rule.user {
            Some(user) => uid_of(user, passwd).map_or(Self::Nobody, Self::Only),
            // Who is killed sooner for his name harms himself only.
            None if rule.command.is_some() && rule.score <= 0 => Self::System,
            None => Self::Anybody,
        }
    }

    const fn include(self, uid: u32) -> bool {
        match self {
            Self::Anybody => true,
            Self::System => uid < SYSTEM_BELOW,
            Self::Only(only) => uid == only,
            Self::Nobody => false,
        }
    }
}

/// One process, of which only that is read that a rule asks for.
struct One<'a> {
    pid: u32,
    /// Rules that match its command line.
    named: &'a [usize],
    above: &'a [Vec<u8>],
    uid: Option<u32>,
    lines: Option<Vec<u8>>,
}

impl One<'_> {
    fn is_named(&mut self, rule: usize, one: &Protect, file: Option<PidFile>) -> bool {
        match one.by() {
            Some(ProtectBy::PidFile(_)) => file.is_some_and(|file| file.pid == self.pid),
            Some(ProtectBy::Command(_)) => self.named.contains(&rule),
            Some(ProtectBy::Unit(unit)) => {
                let above = self.above;
                paths(self.lines()).any(|path| is_in_unit(path, unit.as_bytes(), above))
            }
            Some(ProtectBy::Cgroup(group)) => paths(self.lines()).any(|path| {
                path.strip_prefix(group.as_bytes())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            }),
            None => false,
        }
    }

    /// Whether it is of a user who is meant, and whom the file may name.
    fn may(&mut self, users: Users, file: Option<PidFile>) -> bool {
        let owner = file.map(|file| file.owner).filter(|owner| *owner != 0);
        if users == Users::Anybody && owner.is_none() {
            return true;
        }
        let read = || proc::Status::read(self.pid).ok().map(|status| status.real_uid);
        let Some(uid) = self.uid.or_else(read) else { return false };
        self.uid = Some(uid);
        users.include(uid) && owner.is_none_or(|owner| owner == uid)
    }

    fn lines(&mut self) -> &[u8] {
        let pid = self.pid;
        self.lines.get_or_insert_with(|| proc::cgroup(pid).unwrap_or_default())
    }
}

/// Where the groups of the system's manager begin: around process 1, which may be in a container.
fn manager() -> Vec<Vec<u8>> {
    let lines = proc::cgroup(1).unwrap_or_default();
    let above = paths(&lines).map(|path| path.strip_suffix(b"/init.scope").unwrap_or(path));
    above.map(|path| if path == b"/" { Vec::new() } else { path.to_vec() }).collect()
}

/// Whether the path lies in this unit of the system's manager.
fn is_in_unit(path: &[u8], unit: &[u8], above: &[Vec<u8>]) -> bool {
    above.iter().filter_map(|prefix| path.strip_prefix(prefix.as_slice())).any(|rest| {
        let mut steps = rest.strip_prefix(b"/").unwrap_or(b"").split(|byte| *byte == b'/');
        steps.find(|step| *step == unit || !step.ends_with(b".slice")) == Some(unit)
    })
}

/// The paths of `/proc/PID/cgroup`.
pub(super) fn paths(lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| line.splitn(3, |b| *b == b':').nth(2))
}

/// A FIFO is not waited for, a link not followed. Files of `/proc` have no size: some hold a text
/// that anybody chooses and belong to root.
pub(super) fn pid_in(file: &Path) -> Option<PidFile> {
    use rustix::fs::OFlags;
    let mut text = String::new();
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file: File = File::options().read(true).custom_flags(flags).open(file).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return None;
    }
    file.take(64).read_to_string(&mut text).ok()?;
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    // One that others may write is no better than theirs.
    let owner = if metadata.mode() & 0o002 == 0 { metadata.uid() } else { UNKNOWN_USER };
    Some(PidFile { pid, owner })
}

/// The number of a user, by name or as it is written.
fn uid_of(user: &str, passwd: &str) -> Option<u32> {
    let by_name = passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        if name == user { parts.nth(1)?.parse().ok() } else { None }
    });
    by_name.or_else(|| user.parse().ok())
}

/// Numbers of system accounts are below (login.defs(5), `SYS_UID_MAX` 999).
const SYSTEM_BELOW: u32 = 1000;
/// Nobody has this number: it means "unchanged" to the kernel (chown(2)).
const UNKNOWN_USER: u32 = u32::MAX;

#[cfg(test)]
mod tests;
