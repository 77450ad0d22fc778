//! Options of `menshen explain`; those of `explain https` are beside what they do.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    ExplainInstallArguments, OomArguments, Place, PortArguments, QueryArguments, Resolve,
    SilenceArguments, StoppedArguments, parse_resolve,
};
use crate::explain::https::HttpsArguments;
use crate::explain::tunnel::TunnelArguments;

/// What can be explained.
#[derive(Debug, Subcommand)]
pub(crate) enum ExplainCommand {
    Cert(CertArguments),
    Https(HttpsArguments),
    Install(ExplainInstallArguments),
    Oom(OomArguments),
    Page(PageArguments),
    Port(PortArguments),
    Query(QueryArguments),
    Silence(SilenceArguments),
    Stopped(StoppedArguments),
    Tunnel(TunnelArguments),
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
    menshen explain cert [OPTIONS] --site <NAME>",
    after_help = "Examples:\n  \
    menshen explain cert www.example.com              the server's certificate\n  \
    menshen explain cert smtp://mail.example.com      behind STARTTLS\n  \
    menshen explain cert chain.pem --name example.com a file, judged for a name\n  \
    menshen explain cert --site example.com           our own: the files, and what is served\n  \
    menshen explain cert example.com --at 2027-03-15  as of another day"
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
    /// Google's list of certificate transparency logs (log_list.json, version 3), instead of the
    /// one menshen has
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

/// What a page refers to without https, what browsers make of it, and the fix
///
/// The page is fetched with its stylesheets, manifest and frames of the same origin. Each reference
/// without https is given the word of W3C Mixed Content (upgradeable, blockable) and what Chromium
/// does with it: upgraded, blocked, allowed. Then its https twin is asked for. If all twins work,
/// one header repairs the page; else each edit is named, with file, line and column.
///
/// A host's HSTS (Strict-Transport-Security) does not help: browsers block mixed content before
/// they look at it. Scripts are read for strings, not run: what they make up is not seen.
///
/// Exit code 0: nothing found; 1: something was found; 2: usage; 100: it is no HTML page; 111: the
/// page cannot be fetched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen explain page https://www.example.com/\n  \
    menshen explain page example.com/shop --no-twins\n  \
    menshen explain page --file saved.html --base https://www.example.com/shop")]
pub(crate) struct PageArguments {
    /// The page; without a scheme, https is meant
    #[arg(value_name = "URL", required_unless_present = "file")]
    pub(crate) url: Option<String>,
    /// A saved page to read instead of fetching one; needs --base
    #[arg(long, value_name = "FILE", conflicts_with = "url", requires = "base")]
    pub(crate) file: Option<PathBuf>,
    /// Address that the saved page has
    #[arg(long, value_name = "URL", requires = "file")]
    pub(crate) base: Option<String>,
    /// Connect there for the page's own host, whatever its name resolves to
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) connect: Option<SocketAddr>,
    /// Take this address for a host and port, as with curl; can be repeated
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = parse_resolve)]
    pub(crate) resolve: Vec<Resolve>,
    /// Trust these authorities too, PEM: for private hosts
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Option<PathBuf>,
    /// Do not ask for https twins: nothing but the page and what it loads is fetched
    #[arg(long)]
    pub(crate) no_twins: bool,
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
