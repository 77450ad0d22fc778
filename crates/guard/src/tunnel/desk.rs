//! What all workers of the tunnel door share for as long as the configuration has one: the socket
//! where the web door hands over SSTP, and the one where it is asked about itself. What outlasts
//! that is in [`Memory`].
//!
//! The file of users is looked at here. One that is wrong or cannot be read any more changes
//! nothing; an empty one lets nobody in.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::{Contents, Memory, NAME, Plan};
use crate::account::Account;
use crate::error::GuardError;
use crate::handover::{Handed, Outgoing};
use crate::log;
use crate::shelf::Watch;
use crate::sockets::{Group, HandedGroup};
use crate::sql::{HandedUnix, UnixDoor, connect};

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Desk {
    sstp: Rc<UnixDoor>,
    /// The socket's file, by which web workers connect: they cannot pass through the state folder.
    sstp_file: OwnedFd,
    control: Rc<UnixDoor>,
    path: PathBuf,
    watch: Watch,
    look_at: Instant,
    /// Why the file could not be read at the last look, told once.
    trouble: Option<String>,
}

/// The tunnel door as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedTunnel {
    doors: Vec<HandedGroup>,
    sstp: HandedUnix,
    control: HandedUnix,
}

impl HandedTunnel {
    /// Its sockets with names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &HandedUnix> {
        [&self.sstp, &self.control].into_iter()
    }

    /// The addresses of PPTP.
    pub(crate) fn doors(&self, left: &Handed) -> Result<Vec<Group>, GuardError> {
        self.doors.iter().map(|group| group.adopt(NAME, |number| left.copy(number))).collect()
    }
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
    /// Makes the sockets, but for those that another program `left`, and posts what `plan` has read
    /// of the users: nobody is let in otherwise. Behind another program that waits for
    /// [`Self::take_over`]: its workers serve yet, and it may come back.
    pub(crate) fn create(
        state: &Path,
        plan: &Plan,
        memory: &mut Memory,
        left: Option<&Handed>,
    ) -> Result<Self, GuardError> {
        plan.check_users(memory)?;
        let open = |path: &Path| match left.and_then(|left| left.unix(path)) {
            Some(door) => Ok(door),
            None => UnixDoor::open(path, 0o600).map(Rc::new),
        };
        let sstp = open(&state.join("tunnel-sstp"))?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let sstp_file = rustix::fs::open(&sstp.path, flags, Mode::empty());
        let sstp_file = sstp_file.map_err(|error| GuardError::LocalSystem {
            action: "open the tunnel door's socket",
            source: error.into(),
        })?;
        let control = open(&tunnel_control_path(state))?;
        let path = plan.config().users.clone().unwrap_or_default();
        let watch = Watch::new(std::slice::from_ref(&path));
        let look_at = Instant::now() + LOOK;
        let desk = Self { sstp, sstp_file, control, path, watch, look_at, trouble: None };
        if left.is_none() {
            desk.admit(plan.what.account.as_ref())?;
            memory.post(&plan.users)?;
        }
        Ok(desk)
    }

    /// What the next program is told.
    pub(crate) fn hand_over(&self, plan: &Plan, outgoing: &mut Outgoing) -> HandedTunnel {
        HandedTunnel {
            doors: plan.doors.iter().map(|group| group.hand_over(outgoing)).collect(),
            sstp: self.sstp.hand_over(outgoing),
            control: self.control.hand_over(outgoing),
        }
    }

    /// From now on what `plan` says holds. Until now nothing of it may show: it might have failed,
    /// and whom its users do not name would have lost a session.
    pub(crate) fn take_over(&mut self, plan: &Plan, memory: &mut Memory) {
        self.path = plan.config().users.clone().unwrap_or_default();
        // What it has read was good; what is there by now may not be.
        let posted = memory.post(&plan.users).map(drop);
        for failed in [posted, self.admit(plan.what.account.as_ref())] {
            failed.unwrap_or_else(|error| log::event(&error.render()));
        }
        self.read_again(memory);
    }

    /// Reads the file of users again where it changed and then stayed for one look.
    pub(crate) fn look(&mut self, now: Instant, memory: &mut Memory) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        if self.watch.changed(std::slice::from_ref(&self.path)) {
            self.read_again(memory);
        }
    }

    fn read_again(&mut self, memory: &mut Memory) {
        self.watch = Watch::new(std::slice::from_ref(&self.path));
        let good = |contents| memory.check(&contents, &self.path).map(|()| contents);
        match Contents::read(&self.path).and_then(good) {
            Ok(contents) => {
                self.trouble = None;
                match memory.post(&contents) {
                    Ok(true) => log::event("the users of the tunnel door were read again"),
                    Ok(false) => {}
                    Err(error) => log::event(&error.render()),
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

    /// Lets the workers' account, and nobody else, connect to hand over SSTP.
    fn admit(&self, account: Option<&Account>) -> Result<(), GuardError> {
        let Some(account) = account else { return Ok(()) };
        let path = &self.sstp.path;
        let given = std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid));
        let path = path.clone();
        given.map_err(|source| GuardError::LocalFile { action: "give the workers", path, source })
    }
}

const LOOK: Duration = Duration::from_secs(2);
