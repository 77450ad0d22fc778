//! Commands, options and their help. What they do is in the file of each command.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use menshen_explain::page::Resolve;
use menshen_guard::Source;

mod cert;
mod drill;
mod explain;
mod guard;
mod install;
mod link;
mod oom;
mod port;
mod process;
mod query;
mod run;
mod tunnel;

pub(crate) use cert::{
    CertCommand, ClassWord, DevArguments, InstallArguments, KeyWord, RequestArguments,
};
pub(crate) use drill::{DrillCommand, OomDrillArguments};
pub(crate) use explain::{CertArguments, ExplainCommand, PageArguments, UploadArguments};
pub(crate) use guard::GuardArguments;
pub(crate) use install::{ExplainInstallArguments, FromWord, ProgramArguments, SourceArguments};
pub(crate) use link::{
    KeyCommand, LinkArguments, LinkCommand, MakeArguments, MethodWord, ShowArguments,
};
pub(crate) use oom::OomArguments;
pub(crate) use port::PortArguments;
pub(crate) use process::{SilenceArguments, StoppedArguments};
pub(crate) use query::QueryArguments;
pub(crate) use run::{RestartWord, RunArguments};
pub(crate) use tunnel::{ConnectArguments, TunnelCommand};

/// The front door of a Linux server: HTTPS for files and PHP applications, on processes that share
/// one port.
#[derive(Debug, Parser)]
#[command(name = "menshen", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 fine, 1 the answer is no, 2 usage or configuration, \
    100 permanent failure, 111 another try can help.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(ServeArguments),
    Check(CheckArguments),
    Reload(ReloadArguments),
    Upgrade(UpgradeArguments),
    Status(StatusArguments),
    Run(Box<RunArguments>),
    /// Order certificates, install what comes back, and trust the development CA
    #[command(subcommand)]
    Cert(CertCommand),
    Link(Box<LinkArguments>),
    /// Say why something is as it is: out-of-memory nights, ports, silent and stopped programs,
    /// certificates, handshakes, pages, tunnels, uploads to PHP, statements the cache does not
    /// answer, programs that are not here or too old
    #[command(subcommand)]
    Explain(Box<ExplainCommand>),
    /// Dial a tunnel by SSTP or PPTP and keep it up, and make users of the tunnel door
    #[command(subcommand)]
    Tunnel(TunnelCommand),
    Install(Box<ProgramArguments>),
    Guard(GuardArguments),
    /// Try on this host what menshen promises
    #[command(subcommand)]
    Drill(DrillCommand),
    /// Take memory when told to; started by a drill only
    #[command(hide = true)]
    DrillHog(HogArguments),
    /// Print a configuration file with every key, its default and what it means
    Sample,
    Pages(PagesArguments),
    /// Keep certificates; started by the guard only
    #[command(hide = true)]
    Keeper,
    /// Serve as a worker of the sql door; started by the guard only
    #[command(hide = true)]
    SqlWorker,
    /// Serve as a worker of the tunnel door; started by the guard only
    #[command(hide = true)]
    TunnelWorker,
    /// Say whether this program could take over from a guard; started by that guard only
    #[command(hide = true)]
    Trial(ServeArguments),
    /// Watch memory; started by the guard only
    #[command(hide = true)]
    Watch,
    /// Serve as a worker; started by the guard only
    #[command(hide = true)]
    Worker,
}

/// Open the door: serve files and PHP applications over HTTPS until SIGTERM or Ctrl-C
///
/// Without a configuration file everything has a default: the folder ./files on port 8443, IPv4 and
/// IPv6, with a certificate of an own development CA and a token for the owner, both kept in
/// ./.menshen. The link to open is printed once all workers are ready.
///
/// SIGHUP reads the configuration again; `menshen reload` does the same and tells the outcome.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Configuration file [default: ./menshen.toml, else /etc/menshen/menshen.toml, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// HTTPS address, instead of web.listen; can be repeated. `:8443` means IPv4 and IPv6
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Vec<Listen>,
    /// Folder to serve, instead of web.root
    #[arg(long, value_name = "DIR", conflicts_with = "php")]
    root: Option<PathBuf>,
    /// Serve the PHP application in this folder to every host, with a php-fpm of its own, instead
    /// of the sites and the files of the configuration; not together with --root
    #[arg(long, value_name = "DIR")]
    php: Option<PathBuf>,
    /// Print nothing but warnings
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Say everything that is wrong with a configuration file
///
/// Exit code 0: fine; 1: only warnings; 2: errors. Nothing is started or changed.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// File to check [default: ./menshen.toml, else /etc/menshen/menshen.toml]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make a running menshen take its changed configuration
///
/// The file is checked first; a bad one is reported and changes nothing (exit code 2). Then the
/// running guard is told and its answer waited for: open transfers go on, no connection is lost.
#[derive(Debug, Args)]
pub(crate) struct ReloadArguments {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Make a running menshen become the program that is installed now
///
/// The process stays and its sockets stay open: no connection is lost, open transfers are finished
/// by the workers there are. The new program is tried first; one that does not start, does not
/// take the configuration or does not get ready changes nothing (exit code 1). SIGUSR2 asks for
/// the same.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArguments {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Show workers, transfers, certificates and limits of a running menshen, and supervised programs
///
/// Where only `menshen guard` runs, its watch is shown.
///
/// Exit code 0: shown; 1: no menshen runs with this state folder; 2: usage or configuration.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Only what `menshen run` runs and ran; needs no other menshen. Exit code 1: nothing runs
    #[arg(long)]
    pub(crate) runs: bool,
}

/// Write man pages and completions for shells into a folder
///
/// Pages of section 1 for every command go to man1/ in the folder; completions to bash/menshen,
/// zsh/_menshen and fish/menshen.fish.
#[derive(Debug, Args)]
pub(crate) struct PagesArguments {
    /// The folder; made where it is missing
    pub(crate) folder: PathBuf,
}

/// Which menshen is meant.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Configuration file [default: ./menshen.toml, else /etc/menshen/menshen.toml, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// State folder [default: what the configuration says, else ./.menshen]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Of the hidden role of a drill.
#[derive(Debug, Args)]
pub(crate) struct HogArguments {
    /// What it is called.
    pub(crate) name: String,
    /// The drill's name, for its command line to be found by.
    pub(crate) tag: String,
}

/// The addresses of one `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listen(Vec<SocketAddr>);

impl ServeArguments {
    /// Where the configuration comes from.
    pub(crate) fn source(self) -> Source {
        Source {
            file: self.config,
            listen: self.listen.into_iter().flat_map(|listen| listen.0).collect(),
            root: self.root,
            php: self.php,
        }
    }
}

impl Place {
    /// Where the configuration comes from.
    pub(crate) fn source(&self) -> Source {
        Source { file: self.config.clone(), ..Source::default() }
    }
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    if let Some(port) = text.strip_prefix(':') {
        let port: u16 = port.parse().map_err(|_| format!("\"{port}\" is not a port"))?;
        let both = [(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()];
        return Ok(Listen(both.to_vec()));
    }
    let form = "an address is like 0.0.0.0:8443, [::]:8443 or :8443";
    text.parse().map(|address| Listen(vec![address])).map_err(|_| form.to_owned())
}

/// `HOST:PORT:ADDR`; an IPv6 address may stand in brackets.
fn parse_resolve(text: &str) -> Result<Resolve, String> {
    let form = || "like example.com:443:192.0.2.1".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(form)?;
    let (port, address) = rest.split_once(':').ok_or_else(form)?;
    let address = address.trim_matches(['[', ']']).parse().map_err(|_| form())?;
    let port = port.parse().map_err(|_| form())?;
    let host = host.to_ascii_lowercase();
    if host.is_empty() { Err(form()) } else { Ok(Resolve { host, port, address }) }
}

#[cfg(test)]
mod tests {
    //! Addresses of the command line.
    use super::*;

    #[test]
    fn a_bare_port_means_both_families() {
        let both = parse_listen(":8443").unwrap().0;
        let text: Vec<String> = both.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["0.0.0.0:8443", "[::]:8443"]);
        assert_eq!(parse_listen("127.0.0.1:1").unwrap().0, [([127, 0, 0, 1], 1).into()]);
        for bad in ["", ":", ":70000", "8443", "localhost:1", "::1:8443x"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_pinned_as_with_curl() {
        let one = parse_resolve("A.test:443:[::1]").unwrap();
        assert_eq!((&*one.host, one.port, one.address), ("a.test", 443, "::1".parse().unwrap()));
        assert!(parse_resolve("a.test:443:127.0.0.1").is_ok());
        for bad in ["a.test", "a.test:443", "a.test:x:127.0.0.1", ":443:127.0.0.1", "a:1:b"] {
            assert!(parse_resolve(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
