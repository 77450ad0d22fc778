//! Where the sql door listens: addresses with a socket for each thread, and sockets of the unix
//! family, made once and kept as long as they are configured.
//!
//! A file that an earlier life left behind is replaced; one that somebody listens on, or that is no
//! socket, is refused. A socket's file goes with its last generation. Nothing is ever accepted
//! here.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use menshen_config::SqlAddress;
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::{GuardError, reason};
use crate::folders::make_folder;
use crate::handover::{Handed, Outgoing};
use crate::sockets::{Group, HandedGroup, Port, Sharing, bind_error};

/// An address of the sql door.
#[derive(Debug, Clone)]
pub(crate) enum SqlDoor {
    /// A socket for each thread.
    Tcp(Group),
    /// One for all threads.
    Unix(Rc<UnixDoor>),
}

/// A listening socket of the unix family; its file goes when this does.
#[derive(Debug)]
pub(crate) struct UnixDoor {
    pub(crate) path: PathBuf,
    /// Device and number of the file, so that another's is not taken away.
    file: (u64, u64),
    socket: OwnedFd,
}

/// A socket of the unix family as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedUnix {
    pub(crate) path: PathBuf,
    file: (u64, u64),
    pub(crate) socket: RawFd,
}

/// An address of the sql door as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HandedSqlDoor {
    /// A socket for each thread.
    Tcp(HandedGroup),
    /// One for all threads.
    Unix(HandedUnix),
}

impl SqlDoor {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedSqlDoor {
        match self {
            Self::Tcp(group) => HandedSqlDoor::Tcp(group.hand_over(outgoing)),
            Self::Unix(door) => HandedSqlDoor::Unix(door.hand_over(outgoing)),
        }
    }

    /// The address, of copies of its sockets; `None`: its socket is not there.
    pub(crate) fn adopt(handed: &HandedSqlDoor, by: &Handed) -> Result<Option<Self>, GuardError> {
        Ok(match handed {
            HandedSqlDoor::Tcp(group) => {
                Some(Self::Tcp(group.adopt(NAME, |number| by.copy(number))?))
            }
            HandedSqlDoor::Unix(door) => by.unix(&door.path).map(Self::Unix),
        })
    }

    /// As clients reach it.
    pub(crate) fn address(&self) -> SqlAddress {
        match self {
            Self::Tcp(group) => SqlAddress::Tcp(group.bound),
            Self::Unix(door) => SqlAddress::Unix(door.path.clone()),
        }
    }

    /// Its sockets, each with the thread that alone accepts on it.
    pub(crate) fn sockets(&self, threads: u32) -> Vec<(Option<u32>, BorrowedFd<'_>)> {
        match self {
            Self::Unix(door) => vec![(None, door.socket())],
            Self::Tcp(group) => (0..threads)
                .flat_map(|thread| {
                    group.sockets_of(thread, threads).map(move |fd| (Some(thread), fd))
                })
                .collect(),
        }
    }
}

impl UnixDoor {
    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedUnix {
        let (path, file) = (self.path.clone(), self.file);
        HandedUnix { path, file, socket: outgoing.add(&self.socket) }
    }

    /// The one that this process has already, as another program.
    pub(crate) fn adopt(handed: &HandedUnix, socket: OwnedFd) -> Self {
        Self { path: handed.path.clone(), file: handed.file, socket }
    }

    /// Makes it where nobody listens, with these permission bits.
    pub(crate) fn open(path: &Path, mode: u32) -> Result<Self, GuardError> {
        let failed = |detail: String, hint: &str, source: io::Error| GuardError::LocalSocket {
            path: path.to_owned(),
            detail,
            hint: hint.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            make_folder(folder, 0o755)?;
        }
        make_room(path).map_err(|(detail, hint, source)| failed(detail, hint, source))?;
        let plain = |source: io::Error| failed(reason(&source), "", source);
        let socket = bind(path).map_err(plain)?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).map_err(plain)?;
        let meta = std::fs::symlink_metadata(path).map_err(plain)?;
        let file = (meta.dev(), meta.ino());
        Ok(Self { path: path.to_owned(), file, socket })
    }

    /// Changes the permission bits.
    pub(crate) fn allow(&self, mode: u32) -> io::Result<()> {
        std::fs::set_permissions(&self.path, PermissionsExt::from_mode(mode))
    }

    /// The listening socket.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for UnixDoor {
    fn drop(&mut self) {
        let now = std::fs::symlink_metadata(&self.path).map(|meta| (meta.dev(), meta.ino()));
        if now.is_ok_and(|file| file == self.file) {
            // Left behind it is harmless: the next life sees that nobody listens.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The doors that are asked for. Those of `current` with the same address keep their sockets;
/// `serving` is how many threads serve them now.
pub(super) fn open_doors(
    addresses: &[SqlAddress],
    mode: u32,
    threads: u32,
    current: &[SqlDoor],
    serving: u32,
) -> Result<Vec<SqlDoor>, GuardError> {
    let mut doors: Vec<SqlDoor> = Vec::new();
    for address in addresses {
        let door = match address {
            SqlAddress::Tcp(configured) => {
                let known = current.iter().find_map(|door| match door {
                    SqlDoor::Tcp(group) if group.configured == *configured => Some(group),
                    _ => None,
                });
                let group = match known {
                    Some(group) => group.grown(threads, serving)?,
                    None => Group::open(NAME, *configured, Sharing::PerWorker, threads, Port::New)
                        .map_err(|error| bind_error(NAME, *configured, error))?,
                };
                SqlDoor::Tcp(group)
            }
            SqlAddress::Unix(path) => {
                let known = current.iter().find_map(|door| match door {
                    SqlDoor::Unix(door) if door.path == *path => Some(door),
                    _ => None,
                });
                SqlDoor::Unix(match known {
                    Some(door) => Rc::clone(door),
                    None => Rc::new(UnixDoor::open(path, mode)?),
                })
            }
        };
        doors.push(door);
    }
    Ok(doors)
}

/// Takes away what an earlier life left behind; else says why it is in the way.
fn make_room(path: &Path) -> Result<(), (String, &'static str, io::Error)> {
    let meta = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err((reason(&error), "", error)),
        Ok(meta) => meta,
    };
    if !meta.file_type().is_socket() {
        let detail = "there is something else that is no socket".to_owned();
        return Err((detail, "move it away, or name another path", in_use()));
    }
    match connect(path) {
        // Nobody listens: the file is of a process that is gone.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            let removed = std::fs::remove_file(path);
            removed.map_err(|error| (reason(&error), "remove it by hand", error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full queue is somebody's too.
        _ => {
            let detail = "another process listens there".to_owned();
            Err((detail, "`ss -lxp` names it; stop it, or name another path", in_use()))
        }
    }
}

/// The kernel takes 107 bytes of a path; a longer one is named through its open folder.
fn short<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return act(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return act(path) };
    let folder = std::fs::File::open(folder)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    act(&Path::new("/proc/self/fd").join(number.to_string()).join(name))
}

/// Until its permissions are set nobody may connect: a socket's own mode is that of the file that
/// binding makes (`unix_bind` of Linux `net/unix/af_unix.c`).
fn bind(path: &Path) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    rustix::fs::fchmod(&socket, Mode::empty())?;
    short(path, |path| socket.bind(&SockAddr::unix(path)?))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Connects to a socket of the unix family, however long its path is.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    short(path, |path| UnixStream::connect(path))
}

fn in_use() -> io::Error {
    io::ErrorKind::AddrInUse.into()
}

/// What it is called in messages.
const NAME: &str = "sql";
const PATH_BYTES_MAX: usize = 107;
/// Connections the kernel queues; `net.core.somaxconn` may cut it.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests;
