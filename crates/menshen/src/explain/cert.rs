//! `menshen explain cert`: options to a question, inputs opened, rights given up, the answer shown.
//!
//! Files are opened and read with the rights it was started with; nothing in them is parsed and
//! nothing foreign is talked to before root has become `nobody`.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use menshen_explain::certificate::{
    self, About, CT_LOGS_BYTES_MAX, ExplainError, Network, ObserveError, Paint, Question, explain,
    json, read_bounded, text,
};
use menshen_explain::connect::{ConnectError, Dial, Host, Target, TargetError, Timeouts};
use menshen_explain::rights::become_nobody;
use menshen_explain::starttls::Protocol;
use menshen_explain::trust::read_roots;

use crate::cli::CertArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

mod site;

/// `menshen explain cert`.
pub(crate) fn run(arguments: &CertArguments) -> ExitCode {
    match answer(arguments) {
        Ok((text, code)) => out::print(&text, code),
        Err(Failure { text, code }) => {
            out::complain(&text);
            ExitCode::from(code)
        }
    }
}

/// Why there is no answer.
struct Failure {
    text: String,
    code: u8,
}

fn answer(arguments: &CertArguments) -> Result<(String, u8), Failure> {
    let question = question(arguments)?;
    unprivileged()?;
    let explanation = explain(&question).map_err(|error| failed(&error))?;
    let code = if explanation.good() { 0 } else { EXIT_NO };
    let paint = match out::stdout_colour() {
        menshen_config::Colour::Plain => Paint::Plain,
        menshen_config::Colour::Ansi => Paint::Ansi,
    };
    let shown = if arguments.json {
        json(&explanation)
    } else {
        text(&explanation, paint, out::stdout_columns())
    };
    Ok((shown, code))
}

fn question(arguments: &CertArguments) -> Result<Question, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let at = arguments.at.as_deref().map(parse_moment).transpose()?;
    let roots = arguments
        .roots
        .as_deref()
        .map(|path| read_roots(path).map_err(|error| unreadable(path, &error)));
    let ct_logs = arguments.ct_logs.as_deref().map(|path| read(path, CT_LOGS_BYTES_MAX));
    let about = match (&arguments.site, &arguments.what) {
        (Some(name), _) => site::about(name, arguments)?,
        (None, Some(what)) => about(what, arguments)?,
        (None, None) => return Err(usage("nothing to explain is named", "see --help")),
    };
    let asked = arguments.name.as_deref().map(name).transpose()?;
    let network = if arguments.offline { Network::Offline } else { Network::Asked };
    Ok(Question {
        about,
        asked,
        now: i64::try_from(now).unwrap_or(i64::MAX),
        at,
        roots: roots.transpose()?,
        ct_logs: ct_logs.transpose()?,
        network,
    })
}

/// A file where there is one of that name, else a host.
fn about(what: &str, arguments: &CertArguments) -> Result<About, Failure> {
    if what == "-" {
        let bytes = read_bounded(std::io::stdin().lock(), FILE_BYTES_MAX)
            .map_err(|error| unreadable(Path::new("-"), &error))?;
        return Ok(About::File { name: "standard input".into(), bytes });
    }
    let path = Path::new(what);
    if !what.contains("://") && path.is_file() {
        return Ok(About::File { name: what.to_owned(), bytes: read(path, FILE_BYTES_MAX)? });
    }
    let looks_like_file = what.contains('/')
        || [".pem", ".crt", ".cer", ".der"].iter().any(|end| what.ends_with(end));
    if looks_like_file && !what.contains("://") {
        return Err(usage(
            &format!("there is no file {}", shown(what)),
            "check the path; a host of such a name is written https://HOST",
        ));
    }
    let mut target = target(what, 443)?;
    let starttls = match arguments.starttls.as_deref() {
        Some("none") => None,
        Some(word) => Protocol::from_word(word),
        None => target.starttls.or_else(|| Protocol::of_port(target.port)),
    };
    if arguments.starttls.is_some() && !what.contains("://") && !names_port(what) {
        // `--starttls smtp mail.example.com` means the protocol's own port.
        target.port = starttls.map_or(target.port, Protocol::port);
    }
    Ok(About::Server { dial: dial(target, arguments)?, protocol: starttls })
}

/// Where to connect.
fn dial(target: Target, arguments: &CertArguments) -> Result<Dial, Failure> {
    let port = target.port;
    let instead = arguments.connect.as_deref().map(|text| self::target(text, port)).transpose()?;
    Ok(Dial { target, instead, timeouts: Timeouts::default() })
}

fn target(text: &str, port: u16) -> Result<Target, Failure> {
    Target::parse(text, port).map_err(|error: TargetError| {
        usage(&format!("cannot look at that: {}", shown(&error.to_string())), &error.hint())
    })
}

/// Whether the text has a port of its own.
fn names_port(text: &str) -> bool {
    text.parse::<IpAddr>().is_err()
        && text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// A name as SNI and certificates write it.
fn name(text: &str) -> Result<String, Failure> {
    match target(text, 443)? {
        Target { host: Host::Name(name), path: None, .. } => Ok(name),
        _ => Err(usage(
            &format!("{} is no host name", shown(text)),
            "write a name such as www.example.com",
        )),
    }
}

/// An address of our own door that can be connected to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, address.port()).into()
}

/// `2026-03-15` or `2026-03-15T10:00:00Z` as Unix seconds.
fn parse_moment(text: &str) -> Result<i64, Failure> {
    certificate::parse_moment(text).ok_or_else(|| {
        usage(
            &format!("{} is no day", shown(text)),
            "write a day such as 2026-03-15, or 2026-03-15T10:00:00Z",
        )
    })
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    read_bounded(file, max).map_err(|error| unreadable(path, &error))
}

/// Root has opened what was asked for; the rest is foreign and is nobody's business.
fn unprivileged() -> Result<(), Failure> {
    become_nobody().map_err(|error| Failure {
        text: format!("menshen: could not become the user nobody\n  detail: {error}"),
        code: EXIT_PERMANENT,
    })
}

fn failed(error: &ExplainError) -> Failure {
    let (code, detail, hint) = match error {
        ExplainError::Unreachable(ObserveError::Connect(error)) => {
            let detail = match error {
                ConnectError::Unresolved { detail, .. } => detail.clone(),
                ConnectError::Unreachable { tried, .. } => {
                    let tried = tried.iter().map(|(address, why)| format!("{address}: {why}"));
                    tried.collect::<Vec<_>>().join("; ")
                }
            };
            let hint = match error {
                ConnectError::Unresolved { .. } => {
                    "Look at the spelling and at DNS; --connect ADDRESS asks there instead."
                }
                ConnectError::Unreachable { .. } => {
                    "Look at the port, at whether the server runs, and at the firewall."
                }
            };
            (EXIT_RETRY, detail, hint)
        }
        ExplainError::Unreachable(ObserveError::Starttls(error)) => {
            (EXIT_RETRY, error.detail().unwrap_or_default(), "")
        }
        ExplainError::Unreachable(error) => (EXIT_RETRY, error.detail().to_owned(), ""),
        ExplainError::Input { source, .. } => (EXIT_CONFIG, source.to_string(), source.hint()),
        other => {
            let source = std::error::Error::source(other);
            (EXIT_CONFIG, source.map(ToString::to_string).unwrap_or_default(), "")
        }
    };
    let mut text = format!("menshen: {}", shown(&error.to_string()));
    if !detail.is_empty() {
        text += &format!("\n  detail: {}", shown(&detail));
    }
    if !hint.is_empty() {
        text += &format!("\n  hint: {hint}");
    }
    Failure { text, code }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = shown(&path.display().to_string());
    Failure {
        text: format!("menshen: could not read {path}\n  detail: {error}"),
        code: EXIT_CONFIG,
    }
}

fn usage(text: &str, hint: &str) -> Failure {
    Failure { text: format!("menshen: {text}\n  hint: {hint}"), code: EXIT_CONFIG }
}

/// Fit for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Longest certificate file.
const FILE_BYTES_MAX: usize = 4 << 20;
