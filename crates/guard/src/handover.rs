//! What a guard hands to the program that takes its place by `exec`: an inventory in a file in
//! memory, and the descriptors that it numbers. The process stays the same, so do its children.
//!
//! The program that was asked to end stays at hand: a descriptor of it is handed over too. As long
//! as the successor has not opened the door it can go back, with the inventory it got. Until then
//! it must change nothing that the inventory tells of, so all that is made of it here are copies
//! of descriptors, and what would remove a file when it is dropped is held here as well.
//!
//! How it can fail, and what the best do about it: docs/decisions/0052.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use menshen_config::{Colour, Config};
use menshen_sys::scoreboard::{HeaderWord, Scoreboard};
use menshen_sys::{hold, inherit, posture, scoreboard, words};
use serde::{Deserialize, Serialize};

use crate::error::GuardError;
use crate::folders::StateLock;
use crate::php::{HandedPhp, HandedPlaces};
use crate::signals::{Asked, HANDLED, Signals};
use crate::sockets::{Door, HandedDoor};
use crate::sql::{HandedSql, UnixDoor};
use crate::tunnel::{HandedMemory, HandedTunnel};
use crate::worker::{HandedWorker, Worker};
use crate::{companion, notify, settings};

/// All that is handed over but the descriptors themselves. It has no `Debug`: there are keys in it.
///
/// Another version of the program reads it: a field that is added here, or in what it holds, needs
/// a default that means what a program without it did. What it must stay able to read is in the
/// tests.
#[derive(Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// Of this structure; another one is refused.
    pub(crate) format: u32,
    /// Of the scoreboard, of the posture and of the versions of tables.
    pub(crate) layouts: [u64; 3],
    /// Every descriptor that is handed over.
    pub(crate) numbers: Vec<RawFd>,
    /// Where programs to become are looked for.
    pub(crate) program: PathBuf,
    /// The program that hands over.
    pub(crate) program_fd: RawFd,
    /// Its version.
    pub(crate) version: String,
    /// The state folder: the only setting a successor needs to know of.
    pub(crate) state: PathBuf,
    /// What is served, as JSON: who comes back goes on with it, whatever the file says by then. A
    /// text of its own, since only the program that wrote it reads it: a setting that is new in
    /// the successor is in no configuration of the one before.
    pub(crate) config: String,
    pub(crate) lock_fd: RawFd,
    pub(crate) board_fd: RawFd,
    pub(crate) failures_fd: RawFd,
    pub(crate) posture_fd: RawFd,
    pub(crate) instance: String,
    pub(crate) ticket_key: [u8; 32],
    /// `oom_score_adj` before the guard changed it.
    pub(crate) score_saved: i32,
    /// Soft limit of open files before the guard changed it.
    pub(crate) descriptors: Option<u64>,
    /// The last one tried.
    pub(crate) generation: u64,
    /// Workers of the web door.
    pub(crate) serving: u32,
    pub(crate) doors: Vec<HandedDoor>,
    pub(crate) sql: Option<HandedSql>,
    pub(crate) tunnel: Option<HandedTunnel>,
    pub(crate) tunnel_memory: HandedMemory,
    pub(crate) places: HandedPlaces,
    pub(crate) php: HandedPhp,
    pub(crate) workers: Vec<HandedWorker>,
    /// How long workers of the doors web, sql and tunnel may drain, seconds.
    pub(crate) drain_seconds: [u64; 3],
}

/// What stays open for the successor.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) numbers: Vec<RawFd>,
}

/// What the predecessor left.
pub(crate) struct Handed {
    pub(crate) inventory: Inventory,
    way: Way,
    /// The inventory's own, as it came.
    memory: File,
    held: BTreeMap<RawFd, OwnedFd>,
    lock: Rc<StateLock>,
    /// Sockets with names, in the order they were asked for.
    unix: Vec<Rc<UnixDoor>>,
    /// Held as long as workers of the predecessor use them.
    pub(crate) places: crate::php::HeldPlaces,
}

/// Who became whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The installed program was taken.
    Forth,
    /// It did not get ready, and the one before is back.
    Back,
}

impl Outgoing {
    /// Adds a descriptor; its number.
    pub(crate) fn add(&mut self, fd: impl AsFd) -> RawFd {
        let number = fd.as_fd().as_raw_fd();
        self.numbers.push(number);
        number
    }
}

impl Inventory {
    /// Whether this program can go on with it.
    fn fits(&self) -> Result<(), GuardError> {
        if self.format == FORMAT && self.layouts == LAYOUTS {
            return Ok(());
        }
        Err(GuardError::LocalHandover { detail: "it shares memory in another form".to_owned() })
    }

    /// The text of `config`.
    pub(crate) fn config_text(config: &Config) -> Result<String, GuardError> {
        serde_json::to_string(config).map_err(|error| failed(error.into()))
    }

    fn read(file: &File) -> Result<Self, GuardError> {
        let unreadable = |error: String| GuardError::LocalHandover { detail: error };
        let mut text = Vec::new();
        let read = file.take(INVENTORY_BYTES_MAX).read_to_end(&mut text);
        read.map_err(|error| unreadable(error.to_string()))?;
        let format: Format =
            serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        if format.format != FORMAT {
            return Err(unreadable("it hands over in another form".to_owned()));
        }
        // What a line of it says may be a key: no word of the error.
        let inventory: Self = serde_json::from_slice(&text)
            .map_err(|_| unreadable("what is handed over cannot be read".to_owned()))?;
        inventory.fits().map(|()| inventory)
    }
}

/// Tries as another process whether this program could take over from a guard, whose inventory is
/// on standard input: exit code 0. What stands against it is said on standard error.
#[must_use]
pub fn trial(source: &settings::Source) -> std::process::ExitCode {
    let tried = (|| {
        let input = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
        let inventory = Inventory::read(&File::from(input))?;
        let config = settings::load(source, Colour::Plain)?.config;
        if config.state == inventory.state {
            Ok(())
        } else {
            Err(GuardError::ConfigNeedsRestart { key: "state" })
        }
    })();
    match tried {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            crate::log::to_stderr(&format!("{}\n", error.render()));
            std::process::ExitCode::from(error.exit_code())
        }
    }
}

/// Becomes the program at `program`, with what `inventory` tells of and what was asked for and is
/// `not_done`. Returns only when that failed, or when the guard is to end.
pub(crate) fn become_next(
    program: &Path,
    inventory: &Inventory,
    signals: &Signals,
    not_done: Asked,
) -> GuardError {
    let memory = match companion::handed_over("handover", inventory) {
        Ok(memory) => memory,
        Err(error) => return failed(error),
    };
    let hold = || match signals.hold_with(not_done)? {
        asked if asked.ends() => Err(io::Error::other("a stop was asked for")),
        _ => Ok(()),
    };
    exec(program, memory.as_raw_fd(), &inventory.numbers, Way::Forth, hold)
}

/// `hold` is what holds the signals back, as the last step.
fn exec(
    program: &Path,
    memory: RawFd,
    numbers: &[RawFd],
    way: Way,
    hold: impl FnOnce() -> io::Result<()>,
) -> GuardError {
    let mut arguments = std::env::args_os();
    let mut command = Command::new(program);
    command.arg0(arguments.next().unwrap_or_else(|| "menshen".into())).args(arguments);
    let word = if way == Way::Forth { FORTH } else { BACK };
    command.env(notify::HANDOVER, format!("{memory} {} {word}", std::process::id()));
    // They have their role by the inventory.
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        command.env_remove(name);
    }
    let all = numbers.iter().chain([&memory]);
    let kept = all.copied().try_for_each(inherit::keep_number_across_exec);
    let error = match kept.and_then(|()| hold()) {
        Ok(()) => command.exec(),
        Err(error) => error,
    };
    // Nothing of it may reach the next child.
    let _ = menshen_sys::spawn::seal_descriptors();
    let _ = hold::let_in(&HANDLED);
    failed(error)
}

impl Handed {
    /// What this process was left by the program it was before, if it was one. Call it once.
    ///
    /// # Errors
    /// It cannot be read, or a descriptor of it is not open.
    pub(crate) fn take() -> Result<Option<Rc<Self>>, GuardError> {
        let Some(text) = std::env::var(notify::HANDOVER).ok() else { return Ok(None) };
        let words: Vec<&str> = text.split(' ').collect();
        let [number, pid, way] = words[..] else { return Ok(None) };
        // Another process may have inherited the variable.
        if pid.parse() != Ok(std::process::id()) {
            return Ok(None);
        }
        let number = number.parse().unwrap_or(-1);
        let memory = File::from(inherit::adopt(number).map_err(failed)?);
        let inventory = Inventory::read(&memory)?;
        let mut held = BTreeMap::new();
        for &number in &inventory.numbers {
            if let Entry::Vacant(free) = held.entry(number) {
                free.insert(inherit::adopt(number).map_err(failed)?);
            }
        }
        let copy = |number| copy_of(&held, number);
        let lock = StateLock::adopt(&inventory.state, File::from(copy(inventory.lock_fd)?));
        let named = inventory.sql.iter().flat_map(HandedSql::named);
        let named = named.chain(inventory.tunnel.iter().flat_map(HandedTunnel::named));
        let unix = named
            .map(|door| Ok(Rc::new(UnixDoor::adopt(door, copy(door.socket)?))))
            .collect::<Result<_, GuardError>>()?;
        let places = inventory.places.hold(copy)?;
        let way = if way == FORTH { Way::Forth } else { Way::Back };
        let lock = Rc::new(lock);
        Ok(Some(Rc::new(Self { inventory, way, memory, held, lock, unix, places })))
    }

    /// Another descriptor of what this number is.
    pub(crate) fn copy(&self, number: RawFd) -> Result<OwnedFd, GuardError> {
        copy_of(&self.held, number)
    }

    /// The lock of the state folder, if that is still the folder.
    ///
    /// # Errors
    /// It is another one.
    pub(crate) fn lock(&self, state: &Path) -> Result<Rc<StateLock>, GuardError> {
        if self.inventory.state == state {
            Ok(Rc::clone(&self.lock))
        } else {
            Err(GuardError::ConfigNeedsRestart { key: "state" })
        }
    }

    /// The addresses of the web door.
    pub(crate) fn doors(&self) -> Result<Vec<Door>, GuardError> {
        self.inventory.doors.iter().map(|door| door.adopt(|number| self.copy(number))).collect()
    }

    /// The workers that are still there.
    pub(crate) fn workers(&self, now: Instant) -> Vec<Worker> {
        self.inventory.workers.iter().filter_map(|worker| worker.adopt(now)).collect()
    }

    /// The socket with this name.
    pub(crate) fn unix(&self, path: &Path) -> Option<Rc<UnixDoor>> {
        self.unix.iter().find(|door| door.path == path).cloned()
    }

    /// Whether the program before can be had back.
    pub(crate) fn can_go_back(&self) -> bool {
        self.way == Way::Forth
    }

    /// The configuration to begin with, where that is not what the file says.
    ///
    /// # Errors
    /// It cannot be read, which its own program wrote.
    pub(crate) fn config(&self) -> Result<Option<Config>, GuardError> {
        if self.way == Way::Forth {
            return Ok(None);
        }
        let read = serde_json::from_str(&self.inventory.config);
        // What a line of it says may be a secret: no word of the error.
        let detail = "the configuration that was served cannot be read".to_owned();
        read.map(Some).map_err(|_| GuardError::LocalHandover { detail })
    }

    /// What to tell of it.
    pub(crate) fn told(&self) -> String {
        match self.way {
            Way::Forth => format!("upgraded: {} took over", version()),
            Way::Back => format!("upgrade refused: {} goes on", version()),
        }
    }

    /// Becomes the program before again, which does what was asked for and is `not_done`, a stop
    /// too: it knows the workers that are to end. Returns only when that failed.
    pub(crate) fn go_back(
        &self,
        why: &GuardError,
        signals: &Signals,
        not_done: Asked,
    ) -> GuardError {
        let reason = why.render();
        crate::log::event(&format!("the new program does not get ready\n{reason}"));
        if let Ok(board) = self.copy(self.inventory.board_fd)
            && let Ok(board) = Scoreboard::from_file(&board)
        {
            board.set_text(&reason);
            let refused = board.view().header(HeaderWord::UpgradesRefused);
            board.set_header(HeaderWord::UpgradesRefused, refused + 1);
        }
        let program = format!("/proc/self/fd/{}", self.inventory.program_fd);
        if let Err(error) = io::Seek::rewind(&mut &self.memory) {
            return failed(error);
        }
        let (program, memory) = (Path::new(&program), self.memory.as_raw_fd());
        let hold = || signals.hold_with(not_done).map(drop);
        exec(program, memory, &self.inventory.numbers, Way::Back, hold)
    }
}

impl std::fmt::Debug for Handed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handed").field("way", &self.way).finish_non_exhaustive()
    }
}

/// This program, for whoever reads the log.
pub(crate) fn version() -> String {
    format!("menshen {}", env!("CARGO_PKG_VERSION"))
}

fn copy_of(held: &BTreeMap<RawFd, OwnedFd>, number: RawFd) -> Result<OwnedFd, GuardError> {
    let missing = || failed(io::ErrorKind::NotFound.into());
    held.get(&number).ok_or_else(missing)?.try_clone().map_err(failed)
}

fn failed(source: io::Error) -> GuardError {
    GuardError::LocalSystem { action: "hand over to another program", source }
}

/// Read before all else.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Counts up whenever an older program could not read what is handed over, or would misread it.
pub(crate) const FORMAT: u32 = 1;
/// What is shared with workers of the program before.
pub(crate) const LAYOUTS: [u64; 3] = [scoreboard::LAYOUT, posture::LAYOUT, words::LAYOUT];
const FORTH: &str = "forth";
const BACK: &str = "back";
/// Of some kilobytes for each pool and door.
const INVENTORY_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests;
