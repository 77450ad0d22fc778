//! The tunnel door as the guard keeps it: the addresses of PPTP, the accounting, and the [`Desk`]
//! and [`Memory`] that all its workers share.
//!
//! A reload that changes nothing here keeps the running worker with its sessions; a changed file
//! of users never ends one, it reaches the worker that runs. Else the next generation serves new
//! sessions on the same sockets, and the old one goes on with those it has for as long as
//! `tunnel.drain_seconds_max` says; which addresses are taken both see. The file of users is read
//! here, since it is root's, and is the operator's own as the configuration is. Whether its lines
//! are such is asked of a function the guard was given; what they mean is for the worker, who
//! never gets one with a line that is wrong: a worker that is started again could not begin with
//! it. Nothing that clients send ever comes here.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::rc::Rc;

use menshen_base::{Finding, Severity};
use menshen_config::{Config, Tunnel, TunnelListener, TunnelSpec};
use menshen_sys::addresses::own_addresses;
use menshen_sys::process::{Kept, has};

use crate::account::{Account, may_use};
use crate::error::GuardError;
use crate::folders::open_file;
use crate::sockets::{Group, Port, Sharing, bind_error};

mod desk;
mod memory;

pub(crate) use desk::{Desk, HandedTunnel};
pub use desk::{tunnel_control, tunnel_control_path};
pub(crate) use memory::{HandedMemory, Memory};

/// What a worker of the tunnel door is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Of PPTP; all workers share each socket.
    pub(crate) doors: Vec<Group>,
    /// The generation its worker was started for.
    pub(crate) since: u64,
    what: What,
    /// What the file of users said.
    users: Contents,
    accounting: Option<Rc<File>>,
}

/// All that makes another worker necessary when it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct What {
    config: Tunnel,
    stop_seconds_max: u32,
    account: Option<Account>,
    /// Device and number of the file of accounting, so that one that was moved away is made anew.
    accounting: Option<(u64, u64)>,
}

/// What is in the file of users; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents(Vec<u8>);

/// What the next plan takes over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) doors: &'a [Group],
    /// The plan that is replaced; `None`: it was another program's.
    pub(crate) plan: Option<&'a Plan>,
}

/// What of a guard's a worker is handed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handed<'a> {
    /// Slot of the scoreboard.
    pub(crate) slot: u32,
    pub(crate) memory: &'a Memory,
    pub(crate) scoreboard: BorrowedFd<'a>,
    pub(crate) ready: BorrowedFd<'a>,
    pub(crate) oom_score_adj: Option<i32>,
}

/// What a start would find wrong with the tunnel door of `config`, whose paths are absolute.
/// Nothing is made.
pub(crate) fn survey(config: &Config, account: Option<&Account>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for error in [rights().err(), Contents::of(&config.tunnel).err()].into_iter().flatten() {
        let claim = match error.detail() {
            Some(detail) => format!("{error}: {detail}"),
            None => error.to_string(),
        };
        let finding = Finding::new("tunnel-cannot-start", Severity::Error, "tunnel", claim);
        findings.push(finding.hint(error.hint().unwrap_or_default()));
    }
    look(&config.tunnel, account, &mut findings);
    findings
}

impl Plan {
    /// Reads what `config` names and opens its addresses; `None` without a tunnel door. `current`
    /// is the plan being replaced, `account` the workers'.
    ///
    /// # Errors
    /// A right that is missing, a file that cannot be read or made, an address that is not free.
    pub(crate) fn prepare(
        config: &Config,
        number: u64,
        account: Option<&Account>,
        current: Option<Before<'_>>,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Self>, GuardError> {
        let tunnel = &config.tunnel;
        if !tunnel.is_on() {
            return Ok(None);
        }
        rights()?;
        let users = Contents::of(tunnel)?;
        let accounting = tunnel.accounting.as_deref().map(open_accounting).transpose()?;
        look(tunnel, account, findings);
        let what = What {
            config: tunnel.clone(),
            stop_seconds_max: config.limits.drain_seconds_max,
            account: account.cloned(),
            accounting: accounting.as_ref().map(|(_, number)| *number),
        };
        let plan = current.and_then(|current| current.plan);
        if let Some(current) = plan.filter(|current| current.what == what) {
            let (doors, accounting) = (current.doors.clone(), current.accounting.clone());
            return Ok(Some(Self { doors, since: current.since, what, users, accounting }));
        }
        let accounting = accounting.map(|(file, _)| Rc::new(file));
        let doors = open_doors(tunnel, current.map_or(&[], |current| current.doors))?;
        Ok(Some(Self { doors, since: number, what, users, accounting }))
    }

    /// The specification for a worker, and which descriptors it keeps.
    pub(crate) fn spec<'a>(
        &'a self,
        desk: &'a Desk,
        handed: Handed<'a>,
    ) -> (TunnelSpec, Vec<BorrowedFd<'a>>) {
        let what = &self.what;
        let control = desk.control();
        let (users, leases) = (handed.memory.users(), handed.memory.leases());
        let mut keep = vec![handed.scoreboard, handed.ready, users, leases, control];
        let sstp = what.config.sstp.then(|| desk.sstp());
        let accounting = self.accounting.as_deref().map(AsFd::as_fd);
        keep.extend(sstp.into_iter().chain(accounting));
        let mut pptp = Vec::new();
        for door in &self.doors {
            for socket in door.sockets_of(0, 1) {
                pptp.push(TunnelListener { fd: socket.as_raw_fd(), address: door.bound });
                keep.push(socket);
            }
        }
        let spec = TunnelSpec {
            index: 0,
            generation: self.since,
            slot: handed.slot,
            config: what.config.clone(),
            pptp,
            sstp_fd: sstp.map(|fd| fd.as_raw_fd()),
            control_fd: control.as_raw_fd(),
            users_fd: users.as_raw_fd(),
            leases_fd: leases.as_raw_fd(),
            accounting_fd: accounting.map(|fd| fd.as_raw_fd()),
            scoreboard_fd: handed.scoreboard.as_raw_fd(),
            ready_fd: handed.ready.as_raw_fd(),
            become_user: what.account.as_ref().map(|account| (account.uid, account.gid)),
            oom_score_adj: handed.oom_score_adj,
            stop_seconds_max: what.stop_seconds_max,
        };
        (spec, keep)
    }

    /// What the next generation takes over.
    pub(crate) fn before(&self) -> Before<'_> {
        Before { doors: &self.doors, plan: Some(self) }
    }

    /// Whether a worker could take the users that were read.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn check_users(&self, memory: &Memory) -> Result<(), GuardError> {
        let path = self.config().users.as_deref();
        path.map_or(Ok(()), |path| memory.check(&self.users, path))
    }

    /// How long sessions are served on after a reload, seconds.
    pub(crate) const fn drain_seconds_max(&self) -> u32 {
        self.what.config.drain_seconds_max
    }

    /// The section `[tunnel]`.
    pub(crate) const fn config(&self) -> &Tunnel {
        &self.what.config
    }
}

impl Contents {
    /// Of the file that `tunnel` names.
    fn of(tunnel: &Tunnel) -> Result<Self, GuardError> {
        tunnel.users.as_deref().map_or_else(|| Ok(Self(Vec::new())), Self::read)
    }

    fn read(path: &Path) -> Result<Self, GuardError> {
        let failed = |source| GuardError::LocalTunnelUsers { path: path.to_owned(), source };
        let mut octets = Vec::new();
        let file = open_file(path).map_err(failed)?;
        file.take(USERS_BYTES_MAX + 1).read_to_end(&mut octets).map_err(failed)?;
        if octets.len() as u64 > USERS_BYTES_MAX {
            return Err(failed(std::io::Error::other("it is longer than 1 MiB")));
        }
        Ok(Self(octets))
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Contents(…)")
    }
}

/// Addresses that are there already keep their sockets.
fn open_doors(tunnel: &Tunnel, current: &[Group]) -> Result<Vec<Group>, GuardError> {
    let open = |address: &std::net::SocketAddr| {
        let known = current.iter().find(|group| group.configured == *address);
        known.map_or_else(
            || {
                Group::open(NAME, *address, Sharing::One, 1, Port::New)
                    .map_err(|error| bind_error(NAME, *address, error))
            },
            |group| Ok(group.clone()),
        )
    };
    tunnel.pptp.listen.iter().map(open).collect()
}

/// Opens the file of accounting, or makes it; with its device and number.
fn open_accounting(path: &Path) -> Result<(File, (u64, u64)), GuardError> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let opened = opened.and_then(|file| {
        let meta = file.metadata()?;
        Ok((file, (meta.dev(), meta.ino())))
    });
    let path = || path.to_owned();
    opened.map_err(|source| GuardError::LocalFile { action: "open", path: path(), source })
}

/// What no worker can do without: the rights it keeps, and the device of all interfaces. Opening
/// that makes none.
fn rights() -> Result<(), GuardError> {
    let has = has(Kept::Network);
    if !has.map_err(|source| GuardError::LocalSystem { action: "read the capabilities", source })? {
        return Err(GuardError::LocalTunnelRights);
    }
    let opened = OpenOptions::new().read(true).write(true).open(DEVICE);
    opened.map(drop).map_err(|source| GuardError::LocalTunnelDevice { source })
}

/// What can be seen to be wrong, or worth knowing.
fn look(tunnel: &Tunnel, account: Option<&Account>, findings: &mut Vec<Finding>) {
    if !tunnel.pptp.listen.is_empty() {
        findings.push(
            Finding::new("pptp-broken", Severity::Warning, "tunnel.pptp", PPTP_BROKEN).hint(
                "use SSTP wherever the client can, and nothing through PPTP that may not be read",
            ),
        );
    }
    if let Some(path) = &tunnel.users
        && let Ok(meta) = std::fs::metadata(path)
        && meta.permissions().mode() & 0o007 != 0
    {
        let claim = "everyone on this machine may read or change the users, whose hashes are as \
                     good as passwords";
        findings.push(
            Finding::new("tunnel-users-open", Severity::Warning, path.display().to_string(), claim)
                .hint("chmod 600; the guard reads it with its own rights"),
        );
    }
    if let Some(account) = account
        && Path::new(DEVICE).exists()
        && !may_use(account, Path::new(DEVICE))
    {
        let claim = format!("the workers' user \"{}\" may not open it", account.name);
        findings.push(
            Finding::new("tunnel-device-closed", Severity::Error, DEVICE, claim)
                .hint("chmod 666, as udev does: making an interface needs CAP_NET_ADMIN anyway"),
        );
    }
    let own = own_addresses().unwrap_or_default().into_iter().find_map(|own| match own.address {
        IpAddr::V4(address) if is_clients(tunnel, address) => Some(address),
        _ => None,
    });
    if let Some(address) = own {
        let claim = format!("this machine has the address {address}, which is of that network");
        let finding = Finding::new(
            "tunnel-addresses-taken",
            Severity::Warning,
            format!("{}/{}", tunnel.addresses.address, tunnel.addresses.prefix),
            claim,
        );
        findings.push(finding.hint("set `tunnel.addresses` to a network that nothing else uses"));
    }
    let forwards = std::fs::read_to_string(FORWARDING);
    if forwards.is_ok_and(|text| text.trim() == "0") {
        let claim = "this machine does not forward: clients reach it and nothing beyond";
        findings.push(
            Finding::new("tunnel-forwarding-off", Severity::Note, "net.ipv4.ip_forward", claim)
                .hint("if they should: sysctl -w net.ipv4.ip_forward=1, and rules of a firewall"),
        );
    }
}

/// Whether an address is of the clients' network, and not our own end.
fn is_clients(tunnel: &Tunnel, address: Ipv4Addr) -> bool {
    let base = tunnel.own_address().to_bits().saturating_sub(1);
    let mask = u32::MAX.checked_shl(32 - u32::from(tunnel.addresses.prefix)).unwrap_or(0);
    address.to_bits() & mask == base && address != tunnel.own_address()
}

/// What is said of PPTP wherever it is on.
const PPTP_BROKEN: &str = "its authentication and its cipher are broken: who records a session \
                           can find the hash of the password, and with it read and change \
                           everything";
/// What it is called in messages.
pub(crate) const NAME: &str = "tunnel";
const DEVICE: &str = "/dev/net/tun";
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const USERS_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
