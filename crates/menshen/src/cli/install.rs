//! Options of `menshen install` and `menshen explain install`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Bring what stands beside the door onto this host: git, php-fpm, mariadb
///
/// From the distribution's package manager (apt, dnf, yum, apk, zypper or pacman), or built from
/// source into a prefix. Without --from the way is chosen as `menshen explain install NAME` says.
///
/// From packages: the commands are shown, and run as root once you agree or say --yes.
///
/// From source: the archive's SHA-256 is compared before anything is unpacked, and its signature
/// where a keyring is named. The build installs into a stage of its own; from there files go into
/// the prefix, where nothing is replaced that is not this program's. A manifest lists them, and
/// --remove takes them out again. Ctrl-C stops it; the same command goes on where it was.
///
/// A recipe holds commands that will be run as you. Those in /etc/menshen/recipes.d, and FILE, are
/// used only where nobody but root and you could have written them.
///
/// Exit code 0: done, or it was here; 1: it is installed and does not work, or --remove kept files;
/// 2: usage, or nobody agreed; 100: it failed; 111: it was stopped, or another try can help.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen install --list\n  \
    menshen install git                                  the way that fits this host\n  \
    menshen install git --from package --with svn --yes\n  \
    menshen install git --from source --prefix /opt/git --dry-run\n  \
    menshen install git --from source --file git-2.47.3.tar.xz --prefix /opt/git\n  \
    menshen install --remove git --prefix /opt/git")]
pub(crate) struct ProgramArguments {
    /// What to install
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) name: Option<String>,
    /// Which way to go
    #[arg(long, value_name = "WAY")]
    pub(crate) from: Option<FromWord>,
    /// Which version [default: the distribution's; from source the recipe's]
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Want a feature, as `--show` lists them; can be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) with: Vec<String>,
    /// Leave out a feature that is otherwise built in; can be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) without: Vec<String>,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Agree to commands of the package manager beforehand
    #[arg(long)]
    pub(crate) yes: bool,
    /// Use the recipe in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Print JSON, one event a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    #[command(flatten)]
    pub(crate) instead: InsteadArguments,
}

/// What else can be done than install.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Instead of installing")]
pub(crate) struct InsteadArguments {
    /// List what can be installed
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the recipe
    #[arg(long)]
    pub(crate) show: bool,
    /// Remove what was built and installed into the prefix; files that were changed stay
    #[arg(long)]
    pub(crate) remove: bool,
}

/// Of the way from source.
#[derive(Debug, Args)]
#[command(next_help_heading = "From source")]
pub(crate) struct SourceArguments {
    /// Where to install [default: /usr/local for root, else ~/.local]
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// The archive, instead of fetching it
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub(crate) file: Option<PathBuf>,
    /// Where the archive is, instead of the recipe's address
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The archive's SHA-256, instead of the recipe's
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Take any archive, unchecked
    #[arg(long, conflicts_with = "sha256")]
    pub(crate) no_checksum: bool,
    /// Check the archive's signature with gpgv against the keys in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
    /// The signature, a file or an address, instead of the recipe's
    #[arg(long, value_name = "FILE|URL", requires = "keyring")]
    pub(crate) signature: Option<String>,
    /// Install the packages a build needs first
    #[arg(long)]
    pub(crate) build_packages: bool,
    /// Compilers at a time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Where to build, and keep logs [default: ~/.cache/menshen/install]
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,
}

impl SourceArguments {
    /// Whether one of them was said that is of no other way.
    pub(crate) const fn meant(&self) -> bool {
        self.prefix.is_some()
            || self.file.is_some()
            || self.url.is_some()
            || self.sha256.is_some()
            || self.no_checksum
            || self.keyring.is_some()
            || self.build_packages
            || self.jobs.is_some()
    }
}

/// A way to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FromWord {
    /// From the package manager
    Package,
    /// From source
    Source,
}

/// Whether a program is here, new enough, and does what it should; and which way would bring it
///
/// The program is asked for its version and tested for its features, and the package manager for
/// the version it would install. Nothing is changed or fetched.
///
/// Exit code 0: it is here and of use; 1: it is not, or lacks what is usually wanted; 2: usage.
#[derive(Debug, Args)]
pub(crate) struct ExplainInstallArguments {
    /// What to look for; `menshen install --list` has the names
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Look below this prefix first
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
    /// Use the recipe in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) recipe: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
