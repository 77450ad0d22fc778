//! What all workers of the tunnel door share for as long as there is one: the socket where the web
//! door hands over SSTP, the one where it is asked about itself, what is in the file of users, and
//! which addresses are taken.
//!
//! The users are a file in memory that only the guard can write; a worker reads it whole whenever
//! its time of change is another. That time is set last, so whoever read half of a change reads
//! again. A file of users that cannot be read any more changes nothing; an empty one lets nobody
//! in.

use std::fs::{File, FileTimes};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use rustix::fs::{MemfdFlags, Mode, OFlags, fchmod, memfd_create};

use super::{Contents, Plan};
use crate::account::Account;
use crate::error::GuardError;
use crate::log;
use crate::shelf::Watch;
use crate::sql::{UnixDoor, connect};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Desk {
    sstp: UnixDoor,
    /// The socket's file, by which web workers connect: they cannot pass through the state folder.
    sstp_file: OwnedFd,
    control: UnixDoor,
    users: File,
    /// The same for workers, who may not write.
    users_readable: OwnedFd,
    posted: Contents,
    /// Counts what was written, from 1: the file's time of change.
    version: u64,
    leases: OwnedFd,
    path: PathBuf,
    watch: Watch,
    look_at: Instant,
    /// Why the file could not be read at the last look, told once.
    trouble: Option<String>,
}

/// Where the tunnel door of a guard with this state folder is asked about itself.
#[must_use]
pub fn tunnel_control_path(state: &Path) -> PathBuf {
    state.join("tunnel-control")
}

/// Connects to the tunnel door's [`tunnel_control_path`].
///
/// # Errors
/// `NotFound`, `ConnectionRefused`: no guard with a tunnel door runs. Or the right is missing.
pub fn tunnel_control(state: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    connect(&tunnel_control_path(state))
}

impl Desk {
    /// Makes sockets and files, with what `plan` has read of the users.
    pub(crate) fn create(state: &Path, plan: &Plan) -> Result<Self, GuardError> {
        let failed =
            |source| GuardError::LocalSystem { action: "make the tunnel door's files", source };
        let sstp = UnixDoor::open(&state.join("tunnel-sstp"), 0o600)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let sstp_file = rustix::fs::open(&sstp.path, flags, Mode::empty());
        let (users, users_readable) = memory("tunnel-users", 0o444).map_err(failed)?;
        let (leases, _) = memory("tunnel-leases", 0o600).map_err(failed)?;
        let path = plan.config().users.clone().unwrap_or_default();
        let mut desk = Self {
            sstp,
            sstp_file: sstp_file.map_err(|error| failed(error.into()))?,
            control: UnixDoor::open(&tunnel_control_path(state), 0o600)?,
            users,
            users_readable,
            posted: Contents(Vec::new()),
            version: 0,
            leases: leases.into(),
            watch: Watch::new(std::slice::from_ref(&path)),
            path,
            look_at: Instant::now() + LOOK,
            trouble: None,
        };
        desk.post(&plan.users).map_err(failed)?;
        desk.admit(plan.what.account.as_ref())?;
        Ok(desk)
    }

    /// From now on what `plan` says holds, which was made just now.
    pub(crate) fn take_over(&mut self, plan: &Plan) -> Result<(), GuardError> {
        let path = plan.config().users.clone().unwrap_or_default();
        self.watch = Watch::new(std::slice::from_ref(&path));
        self.path = path;
        self.post(&plan.users)
            .map_err(|source| GuardError::LocalSystem { action: "hand over the users", source })?;
        self.admit(plan.what.account.as_ref())
    }

    /// What `plan` says holds again, with the users as they are now.
    pub(crate) fn go_back(&mut self, plan: &Plan) {
        self.path = plan.config().users.clone().unwrap_or_default();
        if let Err(error) = self.admit(plan.what.account.as_ref()) {
            log::event(&error.render());
        }
        self.read_again();
    }

    /// Reads the file of users again where it changed and then stayed for one look.
    pub(crate) fn look(&mut self, now: Instant) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        if self.watch.changed(std::slice::from_ref(&self.path)) {
            self.read_again();
        }
    }

    fn read_again(&mut self) {
        self.watch = Watch::new(std::slice::from_ref(&self.path));
        match Contents::read(&self.path) {
            Ok(contents) => {
                self.trouble = None;
                match self.post(&contents) {
                    Ok(true) => log::event("the users of the tunnel door were read again"),
                    Ok(false) => {}
                    Err(error) => log::event(&format!("users could not be handed over: {error}")),
                }
            }
            Err(error) => {
                let told =
                    format!("{}\nthe users of the tunnel door stay as they are", error.render());
                if self.trouble.as_ref() != Some(&told) {
                    log::event(&told);
                }
                self.trouble = Some(told);
            }
        }
    }

    /// When the guard has to look without being woken.
    pub(crate) const fn deadline(&self) -> Instant {
        self.look_at
    }

    /// Where the web door hands over SSTP, listening.
    pub(crate) fn sstp(&self) -> BorrowedFd<'_> {
        self.sstp.socket()
    }

    /// The file of [`Self::sstp`], to connect to by `/proc/self/fd`.
    pub(crate) fn sstp_file(&self) -> BorrowedFd<'_> {
        self.sstp_file.as_fd()
    }

    /// Where the door is asked about itself, listening.
    pub(crate) fn control(&self) -> BorrowedFd<'_> {
        self.control.socket()
    }

    /// What is in the file of users, for reading.
    pub(crate) fn users(&self) -> BorrowedFd<'_> {
        self.users_readable.as_fd()
    }

    /// Whose locks say which addresses are taken.
    pub(crate) fn leases(&self) -> BorrowedFd<'_> {
        self.leases.as_fd()
    }

    /// Lets the workers' account, and nobody else, connect to hand over SSTP.
    fn admit(&self, account: Option<&Account>) -> Result<(), GuardError> {
        let Some(account) = account else { return Ok(()) };
        let path = &self.sstp.path;
        let given = std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid));
        let path = path.clone();
        given.map_err(|source| GuardError::LocalFile { action: "give the workers", path, source })
    }

    /// Writes the users where they are others; whether they were.
    fn post(&mut self, contents: &Contents) -> io::Result<bool> {
        if self.version > 0 && self.posted == *contents {
            return Ok(false);
        }
        self.users.write_all_at(&contents.0, 0)?;
        self.users.set_len(contents.0.len() as u64)?;
        self.version += 1;
        let version = UNIX_EPOCH + Duration::from_secs(self.version);
        self.users.set_times(FileTimes::new().set_modified(version))?;
        self.posted = contents.clone();
        Ok(true)
    }
}

/// A file in memory with these permission bits, and a descriptor that only reads.
fn memory(name: &str, mode: u32) -> io::Result<(File, OwnedFd)> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC)?;
    fchmod(&file, Mode::from_raw_mode(mode))?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let path = format!("/proc/self/fd/{number}");
    let readable = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((file.into(), readable))
}

const LOOK: Duration = Duration::from_secs(2);
