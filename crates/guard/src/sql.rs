//! The sql door as the guard keeps it: its addresses, the files its configuration names, the
//! versions of tables that its workers share, and the socket where it is asked about itself.
//!
//! A reload that changes nothing here keeps the running worker with its cache. Else the next
//! generation serves new sessions on the same sockets, and the old one goes on with those it has,
//! over the same versions. A worker that ends otherwise than with exit code 0 may have left writes
//! in flight that nobody will settle: then the versions are retired, and all others start afresh.
//! Nothing that clients or the server send ever comes here.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use menshen_base::{Finding, Severity};
use menshen_config::keeper::Secret;
use menshen_config::{Config, Sql, SqlAddress, SqlListener, SqlPair, SqlSpec};
use menshen_sys::words::Words;
use serde::{Deserialize, Serialize};

use crate::account::{Account, may_connect};
use crate::error::{GuardError, reason};
use crate::generation::unix_now;
use crate::handover::{Handed as Left, Outgoing};

mod place;

use place::HandedSqlDoor;
pub(crate) use place::{HandedUnix, SqlDoor, UnixDoor, connect};

/// What a worker of the sql door is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) doors: Vec<SqlDoor>,
    /// The generation its worker was started for.
    pub(crate) since: u64,
    what: What,
}

/// All that makes another worker necessary when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct What {
    config: Sql,
    threads: u32,
    stop_seconds_max: u32,
    watched: bool,
    account: Option<Account>,
    certificate: Option<SqlPair>,
    upstream_ca_pem: Option<String>,
    control_password: Option<Secret>,
}

/// What all workers of the sql door share.
#[derive(Debug)]
pub(crate) struct Desk {
    words: Words,
    words_fd: OwnedFd,
    control: Rc<UnixDoor>,
}

/// What the next plan takes over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) doors: &'a [SqlDoor],
    /// Threads that serve them.
    pub(crate) threads: u32,
    /// The plan that is replaced; `None`: it was another program's.
    pub(crate) plan: Option<&'a Plan>,
}

/// The sql door as it is handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedSql {
    doors: Vec<HandedSqlDoor>,
    pub(crate) threads: u32,
    words_fd: RawFd,
    control: HandedUnix,
}

impl HandedSql {
    /// Its sockets with names.
    pub(crate) fn named(&self) -> impl Iterator<Item = &HandedUnix> {
        let doors = self.doors.iter().filter_map(|door| match door {
            HandedSqlDoor::Tcp(_) => None,
            HandedSqlDoor::Unix(door) => Some(door),
        });
        doors.chain([&self.control])
    }

    /// Its addresses.
    pub(crate) fn doors(&self, left: &Left) -> Result<Vec<SqlDoor>, GuardError> {
        let doors = self.doors.iter().map(|door| SqlDoor::adopt(door, left));
        doors.filter_map(Result::transpose).collect()
    }

    /// What its workers share.
    pub(crate) fn desk(&self, left: &Left) -> Result<Option<Desk>, GuardError> {
        let words_fd = left.copy(self.words_fd)?;
        let error = |source| GuardError::LocalSystem { action: "map the versions", source };
        let words = Words::from_file(&words_fd).map_err(error)?;
        Ok(left.unix(&self.control.path).map(|control| Desk { words, words_fd, control }))
    }
}

/// What of a guard's a worker is handed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handed<'a> {
    /// Slot of the scoreboard.
    pub(crate) slot: u32,
    pub(crate) scoreboard: BorrowedFd<'a>,
    pub(crate) posture: BorrowedFd<'a>,
    pub(crate) ready: BorrowedFd<'a>,
    pub(crate) oom_score_adj: Option<i32>,
}

/// Where the sql door of a guard with this state folder is asked about itself.
#[must_use]
pub fn sql_control_path(state: &Path) -> PathBuf {
    state.join("sql-control")
}

/// Connects to the sql door's [`sql_control_path`].
///
/// # Errors
/// `NotFound`, `ConnectionRefused`: no guard with a sql door runs. Or the right is missing.
pub fn sql_control(state: &Path) -> std::io::Result<std::os::unix::net::UnixStream> {
    connect(&sql_control_path(state))
}

/// What a start would find wrong with the sql door of `config`, whose paths are absolute: files
/// that cannot be read, a server that cannot be connected to. Asks the server nothing.
pub(crate) fn survey(config: &Config, account: Option<&Account>) -> Vec<Finding> {
    let mut findings = Vec::new();
    match What::read(config, account, &mut findings) {
        Ok(what) => look(&what, &mut findings),
        Err(error) => {
            let claim = match error.detail() {
                Some(detail) => format!("{error}: {detail}"),
                None => error.to_string(),
            };
            let finding = Finding::new("sql-file", Severity::Error, "sql", claim);
            findings.push(finding.hint(error.hint().unwrap_or_default()));
        }
    }
    let upstream = &config.sql.upstream;
    let tried = match upstream {
        SqlAddress::Unix(path) => connect(path).map(drop),
        SqlAddress::Tcp(address) => TcpStream::connect_timeout(address, PATIENCE).map(drop),
    };
    let claim = match tried.map_err(|error| (error.kind(), error)) {
        // A full queue says that somebody listens.
        Ok(()) | Err((ErrorKind::WouldBlock, _)) => return findings,
        Err((ErrorKind::NotFound, _)) => "there is no such socket".to_owned(),
        Err((ErrorKind::ConnectionRefused, _)) => "nobody listens here".to_owned(),
        Err((_, error)) => format!("it cannot be connected to: {}", reason(&error)),
    };
    let finding = Finding::new("sql-unreachable", Severity::Warning, upstream.to_string(), claim);
    findings.push(finding.hint("start the server; `sql.upstream` says where it is looked for"));
    findings
}

impl Plan {
    /// Reads what `config` names and opens its addresses; `None` without a sql door. `current` is
    /// the plan being replaced, `account` the workers'.
    ///
    /// # Errors
    /// A file that cannot be read, a certificate that cannot be used, an address that is not free.
    pub(crate) fn prepare(
        config: &Config,
        number: u64,
        account: Option<&Account>,
        current: Option<Before<'_>>,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Self>, GuardError> {
        if !config.sql.is_on() {
            return Ok(None);
        }
        let what = What::read(config, account, findings)?;
        look(&what, findings);
        let plan = current.and_then(|current| current.plan);
        if let Some(current) = plan.filter(|current| current.what == what) {
            let (doors, since) = (current.doors.clone(), current.since);
            return Ok(Some(Self { doors, since, what }));
        }
        let (open, serving) = current.map_or((&[][..], 0), |c| (c.doors, c.threads));
        let Sql { listen, socket_mode, .. } = &what.config;
        let doors = place::open_doors(listen, *socket_mode, what.threads, open, serving)?;
        Ok(Some(Self { doors, since: number, what }))
    }

    /// The specification for a worker, and which descriptors it keeps.
    pub(crate) fn spec<'a>(
        &'a self,
        desk: &'a Desk,
        handed: Handed<'a>,
    ) -> (SqlSpec, Vec<BorrowedFd<'a>>) {
        let what = &self.what;
        let (words, control) = (desk.words_fd.as_fd(), desk.control.socket());
        let mut keep = vec![handed.scoreboard, handed.ready, words, control];
        let posture = what.watched.then_some(handed.posture);
        keep.extend(posture);
        let mut listeners = Vec::new();
        for door in &self.doors {
            for (thread, socket) in door.sockets(what.threads) {
                let (fd, address) = (socket.as_raw_fd(), door.address());
                listeners.push(SqlListener { fd, thread, address });
                keep.push(socket);
            }
        }
        let spec = SqlSpec {
            index: 0,
            generation: self.since,
            slot: handed.slot,
            config: what.config.clone(),
            threads: what.threads,
            listeners,
            words_fd: words.as_raw_fd(),
            control_fd: control.as_raw_fd(),
            scoreboard_fd: handed.scoreboard.as_raw_fd(),
            posture_fd: posture.map(|fd| fd.as_raw_fd()),
            ready_fd: handed.ready.as_raw_fd(),
            become_user: what.account.as_ref().map(|account| (account.uid, account.gid)),
            oom_score_adj: handed.oom_score_adj,
            stop_seconds_max: what.stop_seconds_max,
            certificate: what.certificate.clone(),
            upstream_ca_pem: what.upstream_ca_pem.clone(),
            control_password: what.control_password.clone(),
        };
        (spec, keep)
    }

    /// What the next generation takes over.
    pub(crate) fn before(&self) -> Before<'_> {
        Before { doors: &self.doors, threads: self.what.threads, plan: Some(self) }
    }

    /// What the next program is told.
    pub(crate) fn hand_over(&self, desk: &Desk, outgoing: &mut Outgoing) -> HandedSql {
        HandedSql {
            doors: self.doors.iter().map(|door| door.hand_over(outgoing)).collect(),
            threads: self.what.threads,
            words_fd: outgoing.add(&desk.words_fd),
            control: desk.control.hand_over(outgoing),
        }
    }

    /// How long sessions are served on after a reload, seconds.
    pub(crate) const fn drain_seconds_max(&self) -> u32 {
        self.what.config.drain_seconds_max
    }

    /// The section `[sql]`.
    pub(crate) const fn config(&self) -> &Sql {
        &self.what.config
    }

    /// Threads of the worker.
    pub(crate) const fn threads(&self) -> u32 {
        self.what.threads
    }

    /// From now on this plan holds: new connections go to as many sockets as there are threads,
    /// and files of sockets have the permissions asked for.
    pub(crate) fn take_over(&self) -> Result<(), GuardError> {
        for door in &self.doors {
            let (action, done) = match door {
                SqlDoor::Tcp(group) => {
                    let action = "steer connections to the threads of the sql door";
                    (action, group.steer(self.what.threads))
                }
                SqlDoor::Unix(door) => {
                    let mode = self.what.config.socket_mode;
                    ("set the permissions of the sql door's socket", door.allow(mode))
                }
            };
            done.map_err(|source| GuardError::LocalSystem { action, source })?;
        }
        Ok(())
    }
}

impl What {
    fn read(
        config: &Config,
        account: Option<&Account>,
        findings: &mut Vec<Finding>,
    ) -> Result<Self, GuardError> {
        let sql = config.sql.clone();
        let text = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        let certificate = match (text(&sql.certificate)?, text(&sql.key)?) {
            (Some(certificate_pem), Some(key_pem)) => {
                let (chain, key) = (certificate_pem.as_bytes(), key_pem.as_bytes());
                let loaded = menshen_tls::load_pair(chain, key, unix_now())?;
                findings.extend(loaded.findings);
                Some(SqlPair { certificate_pem, key_pem })
            }
            _ => None,
        };
        let password = text(&sql.control_password_file)?;
        let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = match sql.workers {
            0 => u32::try_from(cores).unwrap_or(1).min(THREADS_MAX),
            given => given,
        };
        Ok(Self {
            threads,
            stop_seconds_max: config.limits.drain_seconds_max,
            watched: config.guard.watch,
            account: account.cloned(),
            certificate,
            upstream_ca_pem: text(&sql.upstream_ca)?,
            control_password: password.map(|text| Secret(first_line(text))),
            config: sql,
        })
    }
}

impl Desk {
    /// Makes versions and the control socket.
    pub(crate) fn create(state: &Path) -> Result<Self, GuardError> {
        let (words, words_fd) = fresh_words()?;
        let control = Rc::new(UnixDoor::open(&sql_control_path(state), 0o600)?);
        Ok(Self { words, words_fd, control })
    }

    /// From now on no worker serves anything from its cache by these versions; the next ones get
    /// others.
    pub(crate) fn retire(&mut self) -> Result<(), GuardError> {
        self.words.retire();
        (self.words, self.words_fd) = fresh_words()?;
        Ok(())
    }
}

fn fresh_words() -> Result<(Words, OwnedFd), GuardError> {
    let error = |source| GuardError::LocalSystem { action: "make the versions of tables", source };
    Words::create().map_err(error)
}

/// What can be seen to be wrong without asking the server.
fn look(what: &What, findings: &mut Vec<Finding>) {
    if let (SqlAddress::Unix(path), Some(account)) = (&what.config.upstream, &what.account)
        && path.exists()
        && !may_connect(account, path)
    {
        let claim = format!("the workers' user \"{}\" may not connect", account.name);
        let subject = what.config.upstream.to_string();
        findings.push(
            Finding::new("sql-socket-closed", Severity::Warning, subject, claim)
                .hint("open the folder of the server's socket, or set `user` to one who may"),
        );
    }
    if let Some(path) = &what.config.control_password_file
        && let Ok(meta) = std::fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o007 != 0
    {
        let claim = "everyone on this machine may read or change the password";
        findings.push(
            Finding::new("sql-password-open", Severity::Warning, path.display().to_string(), claim)
                .hint("chmod 600; the guard reads it with its own rights"),
        );
    }
}

/// A small file of text, as the guard may read it.
fn read(path: &Path) -> Result<String, GuardError> {
    let failed = |source| GuardError::LocalFile { action: "read", path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(std::io::Error::other("it is longer than 256 KiB")));
    }
    Ok(text)
}

const PATIENCE: Duration = Duration::from_millis(500);
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// As many as `sql.workers` can ask for.
const THREADS_MAX: u32 = 128;

#[cfg(test)]
mod tests;
