//! `menshen link`: makes signed links, explains them, and keeps their keys.
//!
//! Nothing here talks to a running menshen: it and this command share the file of keys. A link is a
//! secret; it is printed once, where it was asked for, and never in an error. How it fails: without
//! the right to read the keys; and the address a link begins with is a guess unless it is said.

mod base;
mod key;
mod show;

use std::fmt::Write;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menshen_base::calendar::rfc3339;
use menshen_config::Config;
use menshen_guard::load;
use menshen_tls::link_keys::random_link_id;
use menshen_tls::{LinkKey, LinkKeys, TlsError};
use menshen_web_core::link::{ClaimError, Claims, Deed, KeyId, LinkId};
use serde::Serialize;

use crate::cli::{LinkArguments, LinkCommand, MakeArguments, MethodWord, Place};
use crate::{EXIT_CONFIG, EXIT_PERMANENT, EXIT_RETRY, out};

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Made<'a> {
    url: &'a str,
    #[serde(flatten)]
    said: Said<'a>,
}

/// What a link says, for JSON.
#[derive(Serialize)]
struct Said<'a> {
    method: &'static str,
    path: &'a str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before_unix: Option<u64>,
    expires_unix: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_bytes_per_second: Option<u64>,
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
}

/// Why a command ended before it began.
struct Refused(String, u8);

/// Runs the command.
pub(crate) fn run(arguments: LinkArguments) -> ExitCode {
    let done = match arguments.command {
        None => make(&arguments.make),
        Some(LinkCommand::Show(arguments)) => show::run(&arguments),
        Some(LinkCommand::Key(command)) => key::run(&command),
    };
    done.unwrap_or_else(|Refused(text, code)| {
        out::complain(&text);
        ExitCode::from(code)
    })
}

fn make(arguments: &MakeArguments) -> Result<ExitCode, Refused> {
    let config = config(&arguments.place)?;
    if !config.links.enabled {
        return Err(usage("signed links are off", "set links.enabled in the configuration"));
    }
    let keys = LinkKeys::ensure(&config.links.keys, unix_now()).map_err(|error| failed(&error))?;
    let key = match arguments.key {
        None => keys.newest(),
        Some(id) => keys.find(id.0),
    };
    let key = key.ok_or_else(|| {
        usage("no key has that name", "`menshen link key list` shows them; the newest signs")
    })?;
    let claims = claims(arguments, &config)?;
    let token = claims.seal(KeyId(key.id), |bytes| key.sign(bytes)).map_err(unfit)?;
    let (base, doubt) = match &arguments.base {
        Some(base) => (base.clone(), None),
        None => base::of(&config)?,
    };
    let url = claims.url(&base, &token);
    if arguments.json {
        let made = Made { url: &url, said: said(&claims, KeyId(key.id)) };
        let text = serde_json::to_string_pretty(&made).unwrap_or_default() + "\n";
        return Ok(out::print(&text, 0));
    }
    let code = out::print(&format!("{url}\n"), 0);
    if std::io::stderr().is_terminal() {
        out::complain(summary(&claims, key).trim_end());
    }
    for note in doubt.into_iter().chain(missing(&claims, &config)) {
        out::complain(&note);
    }
    Ok(code)
}

fn claims(arguments: &MakeArguments, config: &Config) -> Result<Claims, Refused> {
    let mut path = arguments.path.clone().unwrap_or_default();
    let deed = match arguments.method {
        MethodWord::Get => Deed::Get,
        MethodWord::Put => Deed::Put,
        MethodWord::Drop => Deed::Drop,
    };
    if deed == Deed::Drop && config.s3.is_on() {
        let hint = "make a link with --method put for one file instead";
        return Err(usage("there are no drop-boxes in a bucket", hint));
    }
    // Whoever names a folder means a folder. What is in a bucket is not looked at from here.
    let is_folder = !config.s3.is_on() && on_disk(config, &path).is_dir();
    if !path.ends_with('/') && (deed == Deed::Drop || deed == Deed::Get && is_folder) {
        path.push('/');
    }
    if arguments.rate.is_some() && deed != Deed::Get {
        return Err(usage("a rate is for downloads", "leave --rate out, or use --method get"));
    }
    let most = config.links.expires_seconds_max;
    let starts = arguments.starts.unwrap_or(0);
    let lasts = starts.saturating_add(arguments.expires);
    if lasts > most {
        let text = format!("a link is made for {most} s at most, counted from now");
        return Err(usage(&text, "the limit is links.expires_seconds_max"));
    }
    let now = unix_now();
    let counted = arguments.count.is_some() || arguments.bytes.is_some();
    let id = counted.then(random_link_id).transpose().map_err(|error| failed(&error))?;
    Ok(Claims {
        deed,
        path,
        not_before: arguments.starts.map(|seconds| now + seconds),
        expires: now + lasts,
        count: arguments.count,
        bytes: arguments.bytes,
        rate: arguments.rate,
        networks: arguments.addresses.clone(),
        id: id.map(LinkId),
    })
}

/// What a link says, a line for each claim.
fn summary(claims: &Claims, key: &LinkKey) -> String {
    let mut out = String::new();
    let mut row = |label: &str, text: &str| {
        let _ = writeln!(out, "  {label:<10}{text}");
    };
    let what = match (claims.deed, claims.path.ends_with('/')) {
        (Deed::Get, false) => "download",
        (Deed::Get, true) => "download what is in",
        (Deed::Put, _) => "store",
        (Deed::Drop, _) => "leave new files in",
    };
    row("may", &format!("{what} {}", shown(&claims.path)));
    if let Some(begin) = claims.not_before {
        row("from", &time(begin));
    }
    row("until", &time(claims.expires));
    if let Some(count) = claims.count {
        let things = if claims.deed == Deed::Get { "downloads" } else { "files" };
        row("count", &format!("{count} {things}"));
    }
    if let Some(bytes) = claims.bytes {
        row("bytes", &format!("{bytes} in all"));
    }
    if let Some(rate) = claims.rate {
        row("rate", &format!("{rate} bytes/s for each download"));
    }
    if !claims.networks.is_empty() {
        let networks: Vec<String> = claims.networks.iter().map(ToString::to_string).collect();
        row("address", &networks.join(", "));
    }
    row("key", &KeyId(key.id).to_string());
    out
}

fn said(claims: &Claims, key: KeyId) -> Said<'_> {
    Said {
        method: claims.deed.word(),
        path: &claims.path,
        key: key.to_string(),
        not_before_unix: claims.not_before,
        expires_unix: claims.expires,
        count: claims.count,
        bytes: claims.bytes,
        rate_bytes_per_second: claims.rate,
        addresses: claims.networks.iter().map(ToString::to_string).collect(),
        id: claims.id.map(|id| id.to_string()),
    }
}

/// What a link names that is not there; it may come.
fn missing(claims: &Claims, config: &Config) -> Option<String> {
    let is_on_disk = claims.deed == Deed::Get && !config.s3.is_on();
    let needed = is_on_disk && !on_disk(config, &claims.path).exists();
    needed.then(|| {
        format!("note: there is no {} below {} now", shown(&claims.path), config.web.root.display())
    })
}

fn on_disk(config: &Config, path: &str) -> PathBuf {
    config.web.root.join(path.trim_start_matches('/'))
}

/// The configuration, with the state folder that was asked for.
fn config(place: &Place) -> Result<Config, Refused> {
    let settings = load(&place.source(), out::stderr_colour());
    let mut config = settings.map_err(|error| Refused(error.render(), EXIT_CONFIG))?.config;
    if let Some(state) = &place.state {
        let state = std::path::absolute(state).unwrap_or_else(|_| state.clone());
        if let Ok(name) = config.links.keys.strip_prefix(&config.state) {
            config.links.keys = state.join(name);
        }
        config.state = state;
    }
    Ok(config)
}

fn unfit(error: ClaimError) -> Refused {
    let (text, hint) = match error {
        ClaimError::Path => (
            "no request can name this path",
            "write it from \"/\" as the listing shows it: no \"..\", no empty step, no backslash",
        ),
        ClaimError::PutFolder => {
            ("a link to store a file names the file", "for a folder use --method drop")
        }
        ClaimError::DropFile => ("a drop-box is a folder", ""),
        ClaimError::Times => ("it would end before it begins", ""),
        ClaimError::Zero => ("a limit of nothing makes no link", ""),
        ClaimError::Networks => ("a link names 16 networks at most", ""),
        ClaimError::Id => ("a counted link needs an identifier", ""),
    };
    usage(text, hint)
}

fn usage(text: &str, hint: &str) -> Refused {
    let hint = if hint.is_empty() { String::new() } else { format!("\n  hint: {hint}") };
    Refused(format!("menshen: {text}{hint}"), EXIT_CONFIG)
}

/// An error of the files.
fn failed(error: &TlsError) -> Refused {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let mut hint = error.hint();
    let code = match error {
        TlsError::LocalFile { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
            hint = Some("run this as root or as the user who starts menshen".into());
            EXIT_PERMANENT
        }
        TlsError::LocalFile { .. } | TlsError::LocalRandom => EXIT_RETRY,
        _ => EXIT_CONFIG,
    };
    let mut text = format!("menshen: {error}");
    for (name, more) in [("detail", error.detail().or(source)), ("hint", hint)] {
        text += &more.map(|more| format!("\n  {name}: {more}")).unwrap_or_default();
    }
    Refused(text, code)
}

/// Where uses of the link with this identifier are remembered.
fn tally_path(state: &Path, id: LinkId) -> PathBuf {
    state.join("links").join(id.to_string())
}

/// A moment for people, with how far away it is.
fn time(unix: u64) -> String {
    let text = rfc3339(i64::try_from(unix).unwrap_or(i64::MAX));
    let now = unix_now();
    let (word, seconds) = if unix >= now { ("in", unix - now) } else { ("over since", now - unix) };
    let far = match seconds {
        0..120 => format!("{seconds} s"),
        120..7170 => format!("{} min", (seconds + 30) / 60),
        7170..171_000 => format!("{} h", (seconds + 1800) / 3600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    };
    format!("{text}, {word} {far}")
}

/// Control characters written out.
fn shown(path: &str) -> String {
    path.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

fn unix_now() -> u64 {
    menshen_tls::ticket::unix_seconds()
}
