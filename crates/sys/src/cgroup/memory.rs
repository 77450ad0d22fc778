//! The memory controller's files, under one name for both versions. Sizes are bytes.

use std::io;

use super::{Group, Version};

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// How often what happened to a group's memory, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryEvents {
    /// It was above its protection while memory was taken back (v2 `low`).
    pub low: u64,
    /// It was slowed down at `memory.high` (v2).
    pub high: u64,
    /// It was about to go over its limit (v2 `max`, v1 `failcnt`).
    pub max: u64,
    /// The limit could not be met (v2 `oom`).
    pub oom: u64,
    /// Processes of it, or of a group below it (v2), that the kernel killed.
    pub oom_kill: u64,
    /// Times it was killed as a whole (v2 from 5.17).
    pub oom_group_kill: u64,
    /// Somebody waits at its limit now, since killing is off (v1 `under_oom`).
    pub under_oom: bool,
}

impl Group {
    /// Its limit; `None`: none. The root of v2 has no such file, which is no limit too.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory_limit(&self) -> io::Result<Option<u64>> {
        self.limit_of(self.either("memory.limit_in_bytes", "memory.max"))
    }

    /// Sets its limit; `None`: none.
    ///
    /// # Errors
    /// Without the right; `EBUSY` (v1): what it uses cannot be brought below the limit.
    pub fn set_memory_limit(&self, bytes: Option<u64>) -> io::Result<()> {
        self.set_limit(self.either("memory.limit_in_bytes", "memory.max"), bytes)
    }

    /// What it uses, with the files it has in memory. The root of v2 has no such file.
    ///
    /// # Errors
    /// When it is gone or the root of v2.
    pub fn memory_usage(&self) -> io::Result<u64> {
        let file = self.either("memory.usage_in_bytes", "memory.current");
        self.number(file)?.ok_or_else(super::unknown_form)
    }

    /// Where it is slowed down (v2 only); `None`: nowhere.
    ///
    /// # Errors
    /// When it is gone.
    pub fn memory_high(&self) -> io::Result<Option<u64>> {
        if self.version == Version::V1 { Ok(None) } else { self.limit_of("memory.high") }
    }

    /// Sets where it is slowed down; `None`: nowhere.
    ///
    /// # Errors
    /// Without the right; `Unsupported`: v1.
    pub fn set_memory_high(&self, bytes: Option<u64>) -> io::Result<()> {
        self.only(Version::V2)?;
        self.set_limit("memory.high", bytes)
    }

    /// The swap it may use beyond its memory; `None`: all there is. v1 limits memory and swap
    /// together, and only where that is counted.
    ///
    /// # Errors
    /// When it is gone.
    pub fn swap_limit(&self) -> io::Result<Option<u64>> {
        match self.version {
            Version::V2 => self.limit_of("memory.swap.max"),
            Version::V1 => {
                let both = self.limit_of("memory.memsw.limit_in_bytes")?;
                let memory = self.memory_limit()?;
                Ok(both.map(|both| both.saturating_sub(memory.unwrap_or(0))))
            }
        }
    }

    /// Sets the swap it may use beyond its memory. With v1 the limit of memory has to be set
    /// before; without one this sets the limit of both together.
    ///
    /// # Errors
    /// Without the right; where swap is not counted.
    pub fn set_swap_limit(&self, bytes: Option<u64>) -> io::Result<()> {
        match self.version {
            Version::V2 => self.set_limit("memory.swap.max", bytes),
            Version::V1 => {
                let memory = self.memory_limit()?.unwrap_or(0);
                let both = bytes.map(|swap| swap.saturating_add(memory));
                self.set_limit("memory.memsw.limit_in_bytes", both)
            }
        }
    }

    /// The swap it uses; 0 where it is not counted.
    ///
    /// # Errors
    /// When it is gone.
    pub fn swap_usage(&self) -> io::Result<u64> {
        match self.version {
            Version::V2 => Ok(absent(self.number("memory.swap.current"))?.flatten().unwrap_or(0)),
            Version::V1 => match absent(self.number("memory.memsw.usage_in_bytes"))?.flatten() {
                Some(both) => Ok(both.saturating_sub(self.memory_usage()?)),
                None => Ok(0),
            },
        }
    }

    /// What happened to it. With v1, `low`, `high`, `oom` and `oom_group_kill` stay 0, and
    /// `oom_kill` counts only its own processes.
    ///
    /// # Errors
    /// When it is gone or the root of v2.
    pub fn memory_events(&self) -> io::Result<MemoryEvents> {
        match self.version {
            Version::V2 => {
                let events = self.keyed("memory.events")?;
                let count = |key| events.get(key).unwrap_or(0);
                Ok(MemoryEvents {
                    low: count("low"),
                    high: count("high"),
                    max: count("max"),
                    oom: count("oom"),
                    oom_kill: count("oom_kill"),
                    oom_group_kill: count("oom_group_kill"),
                    under_oom: false,
                })
            }
            Version::V1 => {
                let control = self.keyed("memory.oom_control")?;
                Ok(MemoryEvents {
                    max: absent(self.number("memory.failcnt"))?.flatten().unwrap_or(0),
                    oom_kill: control.get("oom_kill").unwrap_or(0),
                    under_oom: control.get("under_oom") == Some(1),
                    ..MemoryEvents::default()
                })
            }
        }
    }

    /// Whether all of it die when one does (v2 from 4.19).
    ///
    /// # Errors
    /// When it is gone.
    pub fn kills_together(&self) -> io::Result<bool> {
        match self.version {
            Version::V1 => Ok(false),
            Version::V2 => Ok(absent(self.number("memory.oom.group"))?.flatten() == Some(1)),
        }
    }

    /// Sets whether all of it die when one does.
    ///
    /// # Errors
    /// Without the right; `Unsupported`: v1.
    pub fn set_kills_together(&self, switch: Switch) -> io::Result<()> {
        self.only(Version::V2)?;
        self.write("memory.oom.group", digit(switch))
    }

    /// Whether nobody is killed at its limit: who asks for memory waits (v1).
    ///
    /// # Errors
    /// When it is gone.
    pub fn kill_disabled(&self) -> io::Result<bool> {
        match self.version {
            Version::V1 => Ok(self.keyed("memory.oom_control")?.get("oom_kill_disable") == Some(1)),
            Version::V2 => Ok(false),
        }
    }

    /// Sets whether nobody is killed at its limit. Never leave it on without somebody who watches:
    /// the waiting ones wait for good.
    ///
    /// # Errors
    /// Without the right; `Unsupported`: v2; `EINVAL`: the root.
    pub fn set_kill_disabled(&self, switch: Switch) -> io::Result<()> {
        self.only(Version::V1)?;
        self.write("memory.oom_control", digit(switch))
    }

    const fn either(&self, v1: &'static str, v2: &'static str) -> &'static str {
        match self.version {
            Version::V1 => v1,
            Version::V2 => v2,
        }
    }

    fn only(&self, version: Version) -> io::Result<()> {
        if self.version == version { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// v1 says no limit by the largest number of whole pages.
    fn limit_of(&self, file: &str) -> io::Result<Option<u64>> {
        let limit = absent(self.number(file))?.flatten();
        Ok(limit.filter(|bytes| *bytes < UNLIMITED_BYTES_MIN))
    }

    fn set_limit(&self, file: &str, bytes: Option<u64>) -> io::Result<()> {
        match (bytes, self.version) {
            (Some(bytes), _) => self.write(file, &bytes.to_string()),
            (None, Version::V1) => self.write(file, "-1"),
            (None, Version::V2) => self.write(file, "max"),
        }
    }
}

const fn digit(switch: Switch) -> &'static str {
    match switch {
        Switch::On => "1",
        Switch::Off => "0",
    }
}

/// A file that this kernel or this group does not have says nothing. A group that is gone looks
/// the same for a moment; the next file that must be there tells.
fn absent<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const UNLIMITED_BYTES_MIN: u64 = 1 << 62;
