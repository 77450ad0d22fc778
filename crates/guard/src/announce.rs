//! What is printed once the door is open: how to get in, who answers where, what is protected.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use menshen_config::model::{PhpAddress, PhpBackend, Site};
use menshen_config::{AccessLog, Config, ListenerRole, PlainMode};
use menshen_tls::Outcome;

use crate::generation::Generation;
use crate::log;
use crate::memory::Protection;
use crate::shelf::Contents;
use crate::sites::takes_every_host;
use crate::sockets::{Door, Sharing};
use crate::sql::Plan;
use crate::tunnel;

/// Whether the owner token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenShown<'a> {
    /// In the link.
    Yes(&'a str),
    /// Only where it lies: the output is somebody's log.
    No,
}

/// The print as text, each line ended.
pub(crate) fn text(
    generation: &Generation,
    certificates: &Contents,
    protection: &Protection,
    token: TokenShown<'_>,
    started_ms: u128,
) -> String {
    let paint = Paint { on: std::io::stdout().is_terminal() && no_color_unset() };
    let mut out = String::new();
    let config = &generation.config;
    let version = env!("CARGO_PKG_VERSION");
    let open = paint.bold("the door is open");
    let _ = writeln!(out, "menshen {version} · {open} (after {started_ms} ms)");
    let mut row = |label: &str, text: &str| {
        let _ = writeln!(out, "  {}{text}", paint.dim(&format!("{label:<10}")));
    };
    match token {
        // The file service, and with it the token, is behind no host then.
        _ if takes_every_host(config) => {
            row("open", &paint.bold(&base_url(generation, certificates)))
        }
        TokenShown::Yes(token) => {
            let link = format!("{}/#token={token}", base_url(generation, certificates));
            row("open", &paint.bold(&link));
            row("", "(owner link; the same token as `Authorization: Bearer …`)");
        }
        TokenShown::No => {
            row("open", &format!("{}/", base_url(generation, certificates)));
            row("", &format!("(owner token in {})", config.state.join("owner-token").display()));
        }
    }
    for (site, line) in config.sites.iter().zip(site_lines(generation)) {
        row("site", &format!("{} → {line}", hosts(site, config.sites.len() == 1)));
    }
    if !takes_every_host(config) {
        row("files", &files_row(config));
    }
    for (role, label) in [(ListenerRole::Https, "port"), (ListenerRole::Plain, "plain")] {
        let doors: Vec<&Door> = generation.doors.iter().filter(|d| d.role == role).collect();
        port_rows(&mut row, label, &doors, config, generation.workers);
    }
    if let Some(plan) = &generation.sql {
        row("sql", &sql_row(plan));
    }
    if let Some(plan) = &generation.tunnel {
        row("tunnel", &tunnel_row(plan));
    }
    trust_rows(&mut row, certificates, config);
    let (memory, hint) = protection.text();
    row("memory", &memory);
    if let Some(hint) = hint {
        row("", &format!("hint: {hint}"));
    }
    if config.guard.watch {
        row("", &watch_row(config));
    }
    if let Some(account) = &generation.account {
        row("workers", &format!("run as user {} ({})", account.name, account.uid));
    }
    row("state", &format!("{}  ({})", config.state.display(), state_contents(config)));
    if let Some(admin) = generation.doors.iter().find(|door| door.role == ListenerRole::Admin) {
        row("metrics", &format!("http://{}/metrics", admin.bound));
    }
    for finding in generation.findings.iter().chain(&certificates.findings) {
        let _ = writeln!(out, "{}", paint.bold(&log::finding_text(finding)));
    }
    out
}

/// Where the files of the file service are.
fn files_row(config: &Config) -> String {
    let Some(endpoint) = &config.s3.endpoint else { return config.web.root.display().to_string() };
    let prefix = if config.s3.prefix.is_empty() { "" } else { "/" };
    let place = format!("{}{prefix}{}", config.s3.bucket, config.s3.prefix);
    format!("bucket {place} at {endpoint}; what it keeps is said by web/0 and by `menshen status`")
}

/// What each site is, after its hosts: `/srv/app/public, PHP 8.2.36 managed, 4 workers`.
fn site_lines(generation: &Generation) -> impl Iterator<Item = String> {
    generation.config.sites.iter().map(|site| {
        let root = site.root.display();
        let used = generation.php.pools.iter().find(|pool| pool.backend == site.php);
        let workers = used.map_or(0, |pool| pool.workers);
        match (&site.php, used.and_then(|pool| pool.version.as_deref())) {
            (PhpBackend::Off, _) => format!("{root}, no PHP"),
            (PhpBackend::Managed, version) => {
                let version = version.unwrap_or_default();
                format!("{root}, PHP {version} managed, {}", plural(workers))
            }
            (PhpBackend::At(PhpAddress::Unix(path)), _) => {
                format!("{root}, PHP at unix:{}, {}", path.display(), plural(workers))
            }
            (PhpBackend::At(PhpAddress::Tcp(address)), _) => {
                format!("{root}, PHP at {address}, {}", plural(workers))
            }
        }
    })
}

/// `127.0.0.1:3307, unix:/run/menshen/sql.sock → 127.0.0.1:3306, 2 threads, cache 64 MiB`.
fn sql_row(plan: &Plan) -> String {
    let doors: Vec<String> = plan.doors.iter().map(|door| door.address().to_string()).collect();
    let threads = match plan.threads() {
        1 => "1 thread".to_owned(),
        count => format!("{count} threads"),
    };
    let config = plan.config();
    let cache = match (config.cache_bytes_max, &config.control_user) {
        (0, _) | (_, None) => "no cache".to_owned(),
        (bytes, _) => format!("cache {} MiB", bytes.div_ceil(1 << 20)),
    };
    format!("{} → {}, {threads}, {cache}", doors.join(", "), config.upstream)
}

/// `SSTP on the ports of the web door; PPTP (broken, see below) on 0.0.0.0:1723; 253 addresses of
/// 10.77.0.0/24`.
fn tunnel_row(plan: &tunnel::Plan) -> String {
    let config = plan.config();
    let doors: Vec<String> = plan.doors.iter().map(|door| door.bound.to_string()).collect();
    let pptp = format!("PPTP (broken, see below) on {}", doors.join(", "));
    let sstp = config.sstp.then(|| "SSTP on the ports of the web door".to_owned());
    let mut parts: Vec<String> = sstp.into_iter().collect();
    parts.extend((!doors.is_empty()).then_some(pptp));
    let addresses = config.addresses;
    let (network, prefix) = (addresses.address, addresses.prefix);
    parts.push(format!("{} addresses of {network}/{prefix}", config.clients()));
    parts.join("; ")
}

fn hosts(site: &Site, alone: bool) -> String {
    match (site.hosts.is_empty(), alone) {
        (true, true) => "every host".to_owned(),
        (true, false) => "every other host".to_owned(),
        (false, _) => site.hosts.join(", "),
    }
}

/// The address a browser on this machine should use.
fn base_url(generation: &Generation, certificates: &Contents) -> String {
    let by_role = |role| generation.doors.iter().find(move |door| door.role == role);
    let (scheme, door, usual) = match (by_role(ListenerRole::Https), by_role(ListenerRole::Plain)) {
        (Some(door), _) => ("https", door, 443),
        (None, Some(door)) => ("http", door, 80),
        (None, None) => return "https://localhost".to_owned(),
    };
    let local = door.bound.ip().is_unspecified() || door.bound.ip().is_loopback();
    let host = match certificates.names().find(|name| !name.starts_with('*')) {
        Some(name) if local && scheme == "https" => match name.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => name.to_owned(),
        },
        _ if door.bound.ip().is_unspecified() => "localhost".to_owned(),
        _ => match door.bound {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        },
    };
    match door.bound.port() {
        port if port == usual => format!("{scheme}://{host}"),
        port => format!("{scheme}://{host}:{port}"),
    }
}

/// One row per port, and under it one per address with the family and how to try it.
fn port_rows(
    row: &mut impl FnMut(&str, &str),
    label: &str,
    doors: &[&Door],
    config: &Config,
    workers: u32,
) {
    let mut ports: Vec<u16> = doors.iter().map(|door| door.bound.port()).collect();
    ports.dedup();
    for port in ports {
        let here: Vec<&&Door> = doors.iter().filter(|door| door.bound.port() == port).collect();
        let shared = match (here.iter().any(|door| door.sharing == Sharing::Activated), workers) {
            (true, _) => format!("{port} from the service manager, {}", plural(workers)),
            (false, 1) => format!("{port} served by 1 worker"),
            (false, _) => format!("{port} shared by {} (SO_REUSEPORT)", plural(workers)),
        };
        let does = match (label, config.web.plain) {
            ("plain", PlainMode::Redirect) => ", redirects to HTTPS",
            ("plain", PlainMode::Serve) => ", serves without TLS",
            _ => "",
        };
        row(label, &format!("{shared}{does}"));
        for door in &here {
            let alone = !here.iter().any(|other| other.bound.is_ipv4() != door.bound.is_ipv4());
            row("", &family(door.bound, alone));
        }
    }
}

fn family(address: SocketAddr, alone: bool) -> String {
    let (text, port) = (address.to_string(), address.port());
    let reach = if address.ip().is_loopback() { ", only from this machine" } else { "" };
    match (address, alone) {
        (SocketAddr::V4(_), false) => format!("IPv4 {text}  answers `nc -4`{reach}"),
        (SocketAddr::V4(_), true) => {
            format!("IPv4 {text}  answers `nc -4`, not `nc -6`: no IPv6 address on {port}{reach}")
        }
        (SocketAddr::V6(_), false) => {
            format!("IPv6 {text}  answers `nc -6` (IPv6 only; IPv4 has its own socket){reach}")
        }
        (SocketAddr::V6(_), true) => format!(
            "IPv6 {text}  answers `nc -6`, not `nc -4`: IPv6 only and no IPv4 address on \
             {port}{reach}"
        ),
    }
}

fn trust_rows(row: &mut impl FnMut(&str, &str), certificates: &Contents, config: &Config) {
    let files = certificates.pairs.iter().filter_map(|held| Some((held.file.as_ref()?, held)));
    let files: Vec<_> = files.collect();
    let label = |first: bool| if first { "trust" } else { "" };
    for (place, (file, held)) in files.iter().take(FILES_SHOWN).enumerate() {
        let names = held.names.join(", ");
        row(label(place == 0), &format!("{}  made out to {names}", short(file)));
    }
    if files.len() > FILES_SHOWN {
        row("", &format!("and {} more", files.len() - FILES_SHOWN));
    }
    for name in &config.tls.acme {
        let there = if certificates.missing.contains(name) { "not there yet" } else { "in store" };
        row("acme", &format!("{name}  {there}"));
    }
    let Some(development) = &certificates.development else { return };
    let new = if development.issued == Outcome::Kept { "" } else { " (new: import it once)" };
    row(label(files.is_empty()), &format!("{}{new}", short(&development.ca)));
    let only = if certificates.pairs.len() > 1 { ", where nothing else fits" } else { "" };
    let names = development.names.join(", ");
    row("", &format!("development CA{only}, good only for {names}"));
}

/// Where the last words are kept, and how much of `[guard]` is in force.
fn watch_row(config: &Config) -> String {
    let guard = &config.guard;
    let steps = [
        guard.refuse_uploads.is_some(),
        guard.shrink_caches.is_some(),
        guard.recycle_php.is_some(),
        guard.brake.is_some() && !guard.brake_cgroups.is_empty(),
        !guard.hold_cgroups.is_empty(),
    ];
    let steps = steps.into_iter().filter(|step| *step).count();
    let steps = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
    let protected = match guard.protect.len() {
        0 => String::new(),
        1 => ", 1 program protected".to_owned(),
        more => format!(", {more} programs protected"),
    };
    let recorder = guard.recorder.display();
    format!("watched: {steps} before the kernel kills{protected}; last words in {recorder}")
}

fn state_contents(config: &Config) -> String {
    let mut parts = vec!["token", "scoreboard"];
    if config.tls.certificate.is_none() || !config.tls.acme.is_empty() {
        parts.insert(1, "certificates");
    }
    if matches!(&config.web.access_log, AccessLog::File(path) if path.starts_with(&config.state)) {
        parts.push("access log");
    }
    parts.join(", ")
}

/// Relative to the current folder where it lies in it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    inside.unwrap_or(path).display().to_string()
}

fn plural(workers: u32) -> String {
    if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") }
}

fn no_color_unset() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

struct Paint {
    on: bool,
}

impl Paint {
    fn wrap(&self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.wrap("2", text)
    }
}

/// More certificates than that are not named one by one.
const FILES_SHOWN: usize = 10;

#[cfg(test)]
mod tests {
    //! The lines an operator with `nc` in hand needs.
    use super::*;

    #[test]
    fn every_address_says_which_family_answers() {
        let table = [
            ("0.0.0.0:1", false, "IPv4 0.0.0.0:1  answers `nc -4`"),
            ("[::]:1", false, "IPv6 [::]:1  answers `nc -6` (IPv6 only; IPv4 has its own socket)"),
            (
                "127.0.0.1:1",
                true,
                "IPv4 127.0.0.1:1  answers `nc -4`, not `nc -6`: no IPv6 address on 1, only from \
                 this machine",
            ),
            (
                "[::]:1",
                true,
                "IPv6 [::]:1  answers `nc -6`, not `nc -4`: IPv6 only and no IPv4 address on 1",
            ),
        ];
        for (address, alone, text) in table {
            assert_eq!(family(address.parse().unwrap(), alone), text);
        }
    }
}
