//! Options of `menshen tunnel`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use menshen_config::dial::{self, Mppe, Options, Proof, Resolver, Routes};

/// What can be done about tunnels.
#[derive(Debug, Subcommand)]
pub(crate) enum TunnelCommand {
    Connect(Box<ConnectArguments>),
    User(UserArguments),
}

/// Dial a tunnel and keep it up: by SSTP, by PPTP, or by whichever comes up
///
/// PPTP is broken: whoever records it can find the password and read everything. SSTP goes inside
/// TLS; use sstp:// wherever the server can. auto:// tries PPTP and, when GRE does not come back
/// within seconds, goes on with SSTP.
///
/// The password is asked for on a terminal, else it is the first line of standard input; a file or
/// MENSHEN_TUNNEL_PASSWORD go before. It is never taken from the command line.
///
/// A tunnel that ends is dialled again, after 1 second, then 2, 4, up to 60. The interface and its
/// routes stay meanwhile, so nothing goes around the tunnel; they vanish with this command. SIGTERM
/// and Ctrl-C end the tunnel in good order, a second one ends at once. SIGHUP dials again.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ConnectArguments {
    /// sstp://USER@HOST[:PORT], pptp://USER@HOST[:PORT], auto://USER@HOST, or the name of a tunnel
    /// in the file
    #[arg(value_name = "NAME|URL")]
    pub(crate) whom: String,
    /// File of tunnels with names [default: /etc/menshen/tunnels.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// SSTP: check the certificate against the roots in this PEM file, not the system's
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    ca: Option<PathBuf>,
    /// SSTP: take this one certificate, by its SHA-256, whatever its name and dates
    #[arg(long, value_name = "SHA256", value_parser = dial::fingerprint)]
    fingerprint: Option<Fingerprint>,
    /// PPTP: encryption with 128 bit: require, allow, off [default: require]
    #[arg(long, value_name = "WHEN", value_parser = Mppe::parse)]
    mppe: Option<Mppe>,
    /// Proofs that may be given, with commas: mschapv2, chap, pap (sends the password itself)
    /// [default: mschapv2]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Proof::parse)]
    auth: Vec<Proof>,
    /// What goes through the tunnel besides its other end: networks with commas, or all (IPv4)
    /// [default: none]
    #[arg(long, value_name = "all|NET,…", value_parser = Routes::parse)]
    route: Option<Routes>,
    /// The server's name servers: no, show, resolvconf or resolved (both are told, and told again
    /// at the end) [default: show]
    #[arg(long, value_name = "HOW", value_parser = Resolver::parse)]
    dns: Option<Resolver>,
    /// Domain that these name servers are for; can be repeated
    #[arg(long = "domain", value_name = "NAME", value_parser = dial::domain)]
    domains: Vec<String>,
    /// Name of the interface; %d stands for a number that is free [default: menshen%d]
    #[arg(long, value_name = "NAME", value_parser = dial::interface)]
    interface: Option<String>,
    /// Do not dial again: end with the exit code of the cause
    #[arg(long)]
    pub(crate) once: bool,
    /// Show rates every so many seconds [default: 1 on a terminal, 10 with --json, else never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: Option<u32>,
    /// Print events as JSON, one on each line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing but warnings and errors
    #[arg(long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

/// SHA-256 of a certificate.
type Fingerprint = [u8; 32];

impl ConnectArguments {
    /// What is said here, to go before what a file says.
    pub(crate) fn options(&self) -> Options {
        Options {
            password_file: self.password_file.clone(),
            ca: self.ca.clone(),
            fingerprint: self.fingerprint,
            mppe: self.mppe,
            proofs: Some(self.auth.clone()).filter(|proofs| !proofs.is_empty()),
            routes: self.route.clone(),
            resolver: self.dns,
            domains: self.domains.clone(),
            interface: self.interface.clone(),
        }
    }
}

/// Print a line for the file of users of the tunnel door
///
/// The line is `NAME:HASH`, with the hash that MS-CHAPv2 needs. Whoever has that hash can come in
/// as this user, as with the password itself: keep the file as you would keep passwords.
///
/// The password is asked for twice on a terminal, else it is the first line of standard input.
///
/// Exit code 0: printed; 2: a name or password that cannot be.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  menshen tunnel user anna >> /etc/menshen/tunnel-users")]
pub(crate) struct UserArguments {
    /// Name of the user, as given by the client, without DOMAIN\
    pub(crate) name: String,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  ended by a signal, in good order
    1  the server ended the session (with --once)
    2  usage or configuration, no password
   10  name or password refused, or no proof that both take
   11  GRE does not pass: blocked on the way, or here
   12  encryption that is required cannot be had
   13  the certificate is not trusted, or somebody stands between
   14  the server does not take the call
   15  no such name, no way, no answer
   16  what answers is no PPTP or SSTP server
   17  a right or a device is missing here: root, /dev/net/tun
  100  both ends do not come to terms about PPP
  111  the session was lost
10, 13 and 17 always end it, 12, 16 and 100 unless the tunnel was up before; all others only with
--once.

Examples:
  menshen tunnel connect sstp://anna@vpn.example.com --route 10.0.0.0/8
  menshen tunnel connect auto://anna@vpn.example.com --route all --dns resolved
  menshen tunnel connect office          (a table [office] in /etc/menshen/tunnels.toml)";
