//! What can stop the guard, sorted by whose fault it is. `Display` is the primary message and never
//! prints its source; [`GuardError::detail`] and [`GuardError::hint`] hold the rest.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use menshen_config::POOLS_MAX;
use menshen_tls::TlsError;
use thiserror::Error;

/// Why the guard could not start, or could not take a new configuration.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The configuration has problems, rendered already with file, line and caret.
    #[error("the configuration in {} has problems", path.display())]
    ConfigProblems {
        /// The file.
        path: PathBuf,
        /// All problems, ready to print.
        rendered: String,
    },
    /// The configuration file cannot be read.
    #[error("could not read {}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A served folder and the state folder overlap.
    #[error("the served folder {} and the state folder {} overlap",
        root.display(), state.display())]
    ConfigOverlap {
        /// The served folder.
        root: PathBuf,
        /// The state folder.
        state: PathBuf,
    },
    /// A key or what acts with it lies in a served folder.
    #[error("{key} {} lies in the served folder {}", path.display(), root.display())]
    ConfigSecretServed {
        /// The key of the configuration.
        key: &'static str,
        /// What it names.
        path: PathBuf,
        /// The served folder.
        root: PathBuf,
    },
    /// A setting that only a restart can change is another one now.
    #[error("{key} cannot change while menshen runs")]
    ConfigNeedsRestart {
        /// The key.
        key: &'static str,
    },
    /// No such user.
    #[error("there is no user \"{name}\"")]
    ConfigUser {
        /// The name.
        name: String,
    },
    /// Workers do not run as root.
    #[error("workers do not run as root")]
    ConfigRootUser,
    /// No php-fpm can be started.
    #[error("php-fpm was not found")]
    ConfigPhpMissing {
        /// Where it was looked for, or what was found instead.
        detail: String,
        /// How to install it.
        hint: String,
    },
    /// A setting of the managed pool cannot be made.
    #[error("the PHP setting \"{name}\" cannot be made in `php.settings`")]
    ConfigPhpSetting {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// php-fpm refuses its settings.
    #[error("php-fpm refuses its settings")]
    ConfigPhpRefused {
        /// What it said.
        detail: String,
    },
    /// A path has characters that cannot be told to php-fpm.
    #[error("the path {} cannot be told to php-fpm", path.display())]
    ConfigPhpFolder {
        /// The path.
        path: PathBuf,
    },
    /// More PHP pools than there are places.
    #[error("more than {POOLS_MAX} PHP pools at once")]
    ConfigPools,
    /// A socket handed over by the service manager is not usable.
    #[error("the inherited socket {number} \"{name}\" is not a listening TCP socket")]
    ConfigActivation {
        /// Descriptor number.
        number: i32,
        /// Its name.
        name: String,
    },
    /// No address is left to listen on.
    #[error("no address is left to listen on")]
    ConfigNoAddress {
        /// What happened to those that were configured.
        detail: String,
    },
    /// An address could not be bound.
    #[error("could not bind {door} on \"{address}\": {}", reason(source))]
    LocalBind {
        /// `web`, `plain`, `admin`, `sql` or `tunnel`.
        door: &'static str,
        /// The address.
        address: SocketAddr,
        /// What is known about it.
        detail: String,
        /// What to do.
        hint: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// A socket of the unix family could not be made.
    #[error("could not listen on unix:{}: {}", path.display(), reason(source))]
    LocalSocket {
        /// Its file.
        path: PathBuf,
        /// What is known about it.
        detail: String,
        /// What to do; may be empty.
        hint: String,
        /// What the kernel said, or would say.
        source: io::Error,
    },
    /// Another guard uses this state folder.
    #[error("menshen runs already with the state folder {}", state.display())]
    LocalRunning {
        /// The folder.
        state: PathBuf,
        /// Its process id, if it wrote one.
        pid: Option<u32>,
    },
    /// A file or folder failed.
    #[error("could not {action} {}", path.display())]
    LocalFile {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A system call failed.
    #[error("could not {action}")]
    LocalSystem {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Too many old workers still finish what they have.
    #[error("too many workers of earlier reloads are still draining")]
    LocalDraining {
        /// How many places are left.
        detail: String,
    },
    /// The tunnel door's rights are missing.
    #[error("the tunnel door needs CAP_NET_ADMIN and CAP_NET_RAW")]
    LocalTunnelRights,
    /// There are no interfaces for tunnels.
    #[error("no TUN interface can be made: could not open /dev/net/tun")]
    LocalTunnelDevice {
        /// Why not.
        source: io::Error,
    },
    /// The users of the tunnel door cannot be read.
    #[error("could not read the users of the tunnel door in {}", path.display())]
    LocalTunnelUsers {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Workers did not come up.
    #[error("the workers did not get ready")]
    LocalWorkers {
        /// What happened to them.
        detail: String,
    },
    /// Another program cannot take over from this one.
    #[error("the program cannot take over while menshen runs")]
    LocalHandover {
        /// Why not.
        detail: String,
    },
    /// Certificate or token failed.
    #[error(transparent)]
    Tls(TlsError),
}

impl GuardError {
    /// The facts behind the message.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::ConfigFile { source, .. }
            | Self::LocalFile { source, .. }
            | Self::LocalTunnelDevice { source }
            | Self::LocalTunnelUsers { source, .. }
            | Self::LocalSystem { source, .. } => Some(reason(source)),
            Self::LocalBind { detail, .. }
            | Self::LocalSocket { detail, .. }
            | Self::LocalDraining { detail }
            | Self::LocalHandover { detail }
            | Self::ConfigPhpMissing { detail, .. }
            | Self::ConfigPhpRefused { detail }
            | Self::LocalWorkers { detail } => (!detail.is_empty()).then(|| detail.clone()),
            Self::ConfigPhpSetting { reason, .. } => Some((*reason).to_owned()),
            Self::LocalRunning { pid: Some(pid), .. } => Some(format!("its process id is {pid}")),
            Self::Tls(error) => error.detail(),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::ConfigNeedsRestart { .. } => "stop menshen and start it again",
            Self::ConfigOverlap { .. } => "keep them apart: the state folder holds the keys",
            Self::ConfigSecretServed { .. } => {
                "it could be downloaded, or changed by an upload: move it"
            }
            Self::ConfigUser { .. } => "name a user of /etc/passwd, or give its number",
            Self::ConfigRootUser => "set `user` to an account without rights, or leave it out",
            Self::ConfigActivation { .. } => {
                "the unit of the socket needs ListenStream= and Accept=no"
            }
            Self::LocalBind { hint, .. } | Self::LocalSocket { hint, .. } if !hint.is_empty() => {
                hint
            }
            Self::ConfigPhpMissing { hint, .. } => hint,
            Self::ConfigPhpFolder { .. } => {
                "it has no quotes, commas, `=` or control characters; choose another `php.folder`"
            }
            Self::ConfigPools => {
                "use one pool for several sites; after a reload old pools count until their last \
                 request is done"
            }
            Self::LocalRunning { .. } => {
                "`menshen status` shows it; a second instance needs its own `state` folder"
            }
            Self::LocalTunnelRights => {
                "start menshen as root, or give its service both (AmbientCapabilities= of systemd)"
            }
            Self::LocalTunnelDevice { .. } => {
                "`modprobe tun`; a container needs the device (docker: --device /dev/net/tun)"
            }
            Self::LocalTunnelUsers { .. } => {
                "`menshen tunnel user NAME >> FILE` makes it; an empty file lets nobody in"
            }
            Self::LocalWorkers { .. } => "the lines above say why each of them ended",
            Self::LocalHandover { .. } => {
                "restart menshen when connections may be lost (systemctl restart menshen)"
            }
            Self::LocalDraining { .. } => {
                "try again when they are done, or lower `limits.drain_seconds_max`"
            }
            Self::Tls(error) => return error.hint(),
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// The exit code: 2 configuration, 100 permanent, 111 where another try can help.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::LocalRunning { .. } | Self::LocalDraining { .. } | Self::LocalSystem { .. } => {
                111
            }
            Self::LocalBind { source, .. } | Self::LocalSocket { source, .. } => {
                match source.kind() {
                    io::ErrorKind::AddrInUse => 111,
                    _ => 100,
                }
            }
            Self::LocalFile { .. }
            | Self::LocalTunnelRights
            | Self::LocalTunnelDevice { .. }
            | Self::LocalTunnelUsers { .. }
            | Self::LocalWorkers { .. }
            | Self::LocalHandover { .. }
            | Self::Tls(_) => 100,
            _ => 2,
        }
    }

    /// All of it as text: the rendered problems, or message, detail and hint.
    #[must_use]
    pub fn render(&self) -> String {
        if let Self::ConfigProblems { rendered, .. } = self {
            return rendered.trim_end().to_owned();
        }
        let mut text = format!("menshen: {self}");
        for (label, part) in [("detail", self.detail()), ("hint", self.hint())] {
            if let Some(part) = part {
                text.push_str(&format!("\n  {label}: {part}"));
            }
        }
        text
    }
}

impl From<TlsError> for GuardError {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

/// The kernel's words in lower case and without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
