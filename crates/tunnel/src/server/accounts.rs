//! The users' file as it is now: read at the start, and again when it has changed.
//!
//! It is looked at once in a second at most. A file that is wrong or gone changes nothing: who was
//! known stays known, and the problem is told. It never shows what a line says.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use menshen_tunnel_core::time::Moment;

use super::StartError;
use super::users::{self, FILE_OCTETS_MAX, User, Users};

/// The users there are.
#[derive(Debug)]
pub(super) struct Accounts {
    path: PathBuf,
    users: Users,
    stamp: Stamp,
    look_again: Moment,
    problem: Option<String>,
}

/// What changes when a file is changed or replaced: device, number, octets, time of change.
type Stamp = (u64, u64, u64, i64, i64);

impl Accounts {
    pub(super) fn open(path: PathBuf) -> Result<Self, StartError> {
        let (users, stamp) = read_at_rest(&path).map_err(|problem| match problem {
            Problem::Io(error) => StartError::Users(error),
            Problem::Changing => StartError::Users(io::ErrorKind::ResourceBusy.into()),
            Problem::Wrong(problem) => StartError::UsersProblem(problem),
        })?;
        Ok(Self { path, users, stamp, look_again: Moment::default(), problem: None })
    }

    /// Reads the file again if it has changed; the names whose password changed or who are gone.
    pub(super) fn refresh(&mut self, now: Moment, names: &[String]) -> Option<Vec<String>> {
        if now < self.look_again {
            return None;
        }
        self.look_again = now + LOOK_EVERY;
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => stamp(&metadata),
            Err(error) => {
                self.problem = Some(format!("cannot be read: {error}"));
                return None;
            }
        };
        if stamp == self.stamp {
            self.problem = None;
            return None;
        }
        match read(&self.path) {
            Ok((users, stamp)) => {
                let other = |name: &&String| !is_same(users.get(name), self.users.get(name));
                let gone = names.iter().filter(other).cloned().collect();
                (self.users, self.stamp, self.problem) = (users, stamp, None);
                Some(gone)
            }
            Err(Problem::Io(error)) => {
                self.problem = Some(format!("cannot be read: {error}"));
                None
            }
            Err(Problem::Changing) => {
                self.look_again = now;
                None
            }
            Err(Problem::Wrong(problem)) => {
                self.problem = Some(problem.to_string());
                None
            }
        }
    }

    pub(super) const fn users(&self) -> &Users {
        &self.users
    }

    /// Why the file that is there is not in force.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

enum Problem {
    Io(io::Error),
    /// It is being written.
    Changing,
    Wrong(users::Problem),
}

/// Waits for a writer, for a moment.
fn read_at_rest(path: &Path) -> Result<(Users, Stamp), Problem> {
    for _ in 0..LOOKS {
        match read(path) {
            Err(Problem::Changing) => std::thread::sleep(LOOK_PAUSE),
            read => return read,
        }
    }
    read(path)
}

/// Reads all of it. Half of what somebody writes is nobody's list of users.
fn read(path: &Path) -> Result<(Users, Stamp), Problem> {
    let file = File::open(path).map_err(Problem::Io)?;
    let before = file.metadata().map_err(Problem::Io)?;
    let stamp = stamp(&before);
    let mut octets = Vec::new();
    let most = u64::try_from(FILE_OCTETS_MAX).unwrap_or(u64::MAX) + 1;
    (&file).take(most).read_to_end(&mut octets).map_err(Problem::Io)?;
    let is_whole = file.metadata().is_ok_and(|after| stamp == self::stamp(&after));
    // Within a tick of the kernel's clock the time of change says nothing.
    let age = before.modified().ok().and_then(|at| at.elapsed().ok());
    let users = users::parse(&octets);
    zeroize::Zeroize::zeroize(&mut octets);
    if !is_whole || age.is_some_and(|age| age < TICK) {
        return Err(Problem::Changing);
    }
    Ok((users.map_err(Problem::Wrong)?, stamp))
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
    (metadata.dev(), metadata.ino(), metadata.len(), seconds, nanos)
}

fn is_same(one: Option<&User>, other: Option<&User>) -> bool {
    one.map(|user| user.hash.expose()) == other.map(|user| user.hash.expose())
}

/// How often the file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The kernel's clock for times of change goes by steps of 1 to 10 ms.
const TICK: Duration = Duration::from_millis(20);
/// How often it is looked at in the beginning while somebody writes it, and how long each waits.
const LOOKS: usize = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
