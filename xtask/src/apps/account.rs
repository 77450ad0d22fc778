//! The ordinary user that everything runs as.
//!
//! Started as root, this is `www-data`, as in Debian's own set-up; else whoever runs the command.
//! No server under test may run as root, except a guard that gives up its rights by itself.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// Who servers and applications run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Account {
    /// The user of this process, not root.
    Own,
    /// Another one, because this process is root.
    Other {
        /// Its number.
        user: u32,
        /// Its group's number.
        group: u32,
    },
}

impl Account {
    /// The account for this machine.
    pub(crate) fn find() -> Result<Self, String> {
        if number(&["-u"])? != 0 {
            return Ok(Self::Own);
        }
        Ok(Self::Other { user: number(&["-u", NAME])?, group: number(&["-g", NAME])? })
    }

    /// Its name, where it is not the user of this process.
    pub(crate) const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Own => None,
            Self::Other { .. } => Some(NAME),
        }
    }

    /// A command that runs as this account and ends when this process does, however it ends.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = bound();
        if let Self::Other { user, group } = self {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
            command.arg("--clear-groups");
        }
        command.arg("--").arg(program);
        command
    }

    /// Gives it a folder with all that is in it.
    pub(crate) fn give(&self, folder: &Path) -> Result<(), String> {
        let Self::Other { user, group } = self else { return Ok(()) };
        let mut command = Command::new("chown");
        shell::run(
            command
                .args(["--recursive", "--no-dereference"])
                .arg(format!("{user}:{group}"))
                .arg(folder),
        )
    }
}

/// A command that keeps this process's rights and ends when this process does.
pub(crate) fn command_as_we_are(program: &Path) -> Command {
    let mut command = bound();
    command.arg("--").arg(program);
    command
}

/// It becomes the program that follows, so the process id is the program's.
fn bound() -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=TERM");
    command
}

fn number(args: &[&str]) -> Result<u32, String> {
    let text = shell::output(Command::new("id").args(args))?;
    text.trim().parse().map_err(|_| format!("id printed {text:?}"))
}

const NAME: &str = "www-data";
