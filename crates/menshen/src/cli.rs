//! Commands, options and their help. What they do is in the file of each command.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use menshen_guard::Source;

mod cert;

pub(crate) use cert::{
    CertCommand, ClassWord, DevArguments, InstallArguments, KeyWord, RequestArguments,
};

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
    Status(StatusArguments),
    /// Order certificates, install what comes back, and trust the development CA
    #[command(subcommand)]
    Cert(CertCommand),
    /// Say why something is as it is: certificates, and how uploads are handed to PHP
    #[command(subcommand)]
    Explain(ExplainCommand),
    /// Print a configuration file with every key, its default and what it means
    Sample,
    /// Keep certificates; started by the guard only
    #[command(hide = true)]
    Keeper,
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

/// Show workers, transfers and limits of a running menshen
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be explained.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplainCommand {
    Cert(CertArguments),
    Upload(UploadArguments),
}

/// What kind of certificate a server or a file has, whether it is good, and what browsers show
///
/// The certificate's class (DV, OV, IV, EV or none) with the reason, the names it covers, its chain
/// as sent and as built, who trusts it, its lifetime against the rules of its day, its key, its
/// revocation, its timestamps of certificate transparency, and what Chromium, Firefox and Safari
/// show for it today. Any TLS port can be asked; any certificate is accepted, to be explained.
///
/// Issuers, revocation lists and OCSP responders that the certificate names are asked over plain
/// HTTP, unless --offline; nothing else is. Started as root it becomes `nobody` before it reads
/// anything foreign.
///
/// Exit code 0: good; 1: an error or a warning was found; 2: usage; 111: the server cannot be
/// reached.
#[derive(Debug, Args)]
#[command(
    override_usage = "menshen explain cert [OPTIONS] <HOST[:PORT] | URL | FILE | ->\n       \
    menshen explain cert [OPTIONS] --site <NAME>"
)]
pub(crate) struct CertArguments {
    /// A host (port 443 if none is named), an https, smtp, imap, pop3, ftp, mysql or postgres URL,
    /// or a PEM or DER file; `-` reads standard input. A file of the name of a host is written
    /// ./NAME
    #[arg(value_name = "HOST[:PORT]|URL|FILE|-", required_unless_present = "site")]
    pub(crate) what: Option<String>,
    /// The certificate files of this menshen for the site NAME, and what its door really serves
    #[arg(long, value_name = "NAME", conflicts_with_all = ["what", "starttls", "name"])]
    pub(crate) site: Option<String>,
    /// What is spoken before TLS [default: by the port: 25 and 587 smtp, 143 imap, 110 pop3,
    /// 21 ftp, 3306 mysql, 5432 postgres, else none]; a host without a port is then asked at the
    /// protocol's own
    #[arg(long, value_name = "PROTOCOL",
        value_parser = ["none", "smtp", "imap", "pop3", "ftp", "mysql", "postgres"])]
    pub(crate) starttls: Option<String>,
    /// Connect there instead; names are asked for and judged as before
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) connect: Option<String>,
    /// The name to ask the server for (SNI) and to judge by, instead of the host's
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// More roots to trust, PEM or DER, such as .menshen/ca.pem
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Option<PathBuf>,
    /// Google's list of certificate transparency logs (log_list.json, version 3)
    #[arg(long, value_name = "FILE")]
    pub(crate) ct_logs: Option<PathBuf>,
    /// Judge as of this day, or moment in UTC; revocation is always of today
    #[arg(long, value_name = "YYYY-MM-DD[THH:MM:SSZ]")]
    pub(crate) at: Option<String>,
    /// Ask nobody but the server itself
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// How an upload to a path is handed to PHP, and why that way
///
/// The path is routed as the server routes it, then the pool is asked to take one small file by
/// swap, as the server asks it; that needs the rights of the server's workers or of root. Nothing
/// of a running server is changed.
///
/// Exit code 0: the delivery works as it is configured; 1: it falls back to replay, no script takes
/// the upload, or something was found; 2: usage or configuration; 111: the pool cannot be reached.
#[derive(Debug, Args)]
pub(crate) struct UploadArguments {
    /// Path a form is posted to, or its whole URL
    #[arg(value_name = "PATH|URL")]
    pub(crate) path: String,
    /// Host name of the request, where several sites are configured
    #[arg(long, value_name = "HOST")]
    pub(crate) site: Option<String>,
    /// The folder that `serve --php` was started with
    #[arg(long, value_name = "DIR")]
    pub(crate) php: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
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
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
