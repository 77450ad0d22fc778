//! What happens to a tunnel, told: lines for people, events as JSON, the service manager.
//!
//! On a terminal the figures are one line that is written over. A failure that stays the same is
//! told whole once, then in one line.

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use menshen_base::Finding;
use menshen_config::dial::{Address, Mppe, Proof, Resolver, Routes, Scheme};
use menshen_tunnel::client::{Bearer, Event, Failure, Figures, Opening, Plan, Warning};
use menshen_tunnel_core::mppe::{Mode, Strength};
use menshen_tunnel_core::ppp::Opened;
use sd_notify::NotifyState;
use serde_json::{Value, json};

use super::failure::finding;
use crate::out;

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Lines,
    /// Warnings and errors alone.
    Quiet,
    /// One JSON object on each line.
    Json,
}

/// Tells what happens.
#[derive(Debug)]
pub(super) struct Teller<'p> {
    plan: &'p Plan,
    form: Form,
    on_terminal: bool,
    /// A line of figures is on the terminal, to be written over.
    figures_shown: bool,
    /// The code of the failure that was told last.
    told: Option<&'static str>,
}

impl<'p> Teller<'p> {
    pub(super) fn new(plan: &'p Plan, form: Form) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        Self { plan, form, on_terminal, figures_shown: false, told: None }
    }

    /// One event.
    pub(super) fn event(&mut self, event: &Event<'_>) {
        notify(event);
        if let Event::Open(_) = event {
            self.told = None;
        }
        if self.form == Form::Json {
            self.json(event);
            return;
        }
        match event {
            Event::Dialling { bearer, server, outer } => {
                let by = outer.map(|outer| format!(", through {outer}")).unwrap_or_default();
                self.line(&format!("dialling {server} by {}{by}", bearer.name()));
            }
            Event::FallsOver(failure) => {
                let finding = finding(failure, &self.plan.address, self.plan.mppe);
                self.warn(&format!(
                    "PPTP does not come up: {} [{}]; going on with SSTP",
                    finding.claim, finding.code
                ));
            }
            Event::Open(opening) => self.line(&opening_text(opening, self.plan)),
            Event::Changed(opened) => {
                let addresses = addresses(opened);
                self.line(&format!("changed: {addresses}, MTU {}", opened.mtu));
            }
            Event::NamesSet(Ok(servers)) => {
                self.line(&format!("name servers in use: {}", servers.join(", ")));
            }
            Event::NamesSet(Err(why)) => self.warn(&format!(
                "the name servers of the tunnel are not in use\n  detail: {why}\n  hint: --dns \
                 show shows them and changes nothing"
            )),
            Event::Warning(warning) => self.warn(&warning_text(warning)),
            Event::Figures(figures) => self.figures(figures),
            Event::Down(failure) => self.failed(failure),
            Event::Waiting(wait) => {
                self.line(&format!("dialling again in {:.0} s", wait.as_secs_f64().ceil()));
            }
            Event::Closing { dials_again: true } => self.line("closing, to dial again"),
            Event::Closing { dials_again: false } => self.line("closing"),
        }
    }

    /// It was ended by us.
    pub(super) fn closed(&mut self) {
        match self.form {
            Form::Json => self.object("closed", json!({})),
            _ => self.line("closed"),
        }
    }

    /// It ended for good.
    pub(super) fn ended(&mut self, failure: &Failure) {
        if self.form == Form::Json {
            let code = failure.class().exit_code();
            let finding = finding(failure, &self.plan.address, self.plan.mppe);
            self.object("failed", json!({ "exit_code": code, "finding": finding }));
            return;
        }
        // However often it was told: this is the last word.
        self.told = None;
        self.failed(failure);
    }

    fn failed(&mut self, failure: &Failure) {
        let finding = finding(failure, &self.plan.address, self.plan.mppe);
        let known = self.told.replace(finding.code) == Some(finding.code);
        self.clear();
        match known {
            true if self.form == Form::Quiet => {}
            true => self.line(&format!("still: {} [{}]", finding.claim, finding.code)),
            false => out::complain(&out::folded(&finding_text(&finding))),
        }
    }

    fn warn(&mut self, text: &str) {
        self.clear();
        out::complain(&out::folded(&format!("warning: {text}")));
    }

    fn line(&mut self, text: &str) {
        self.clear();
        if self.form == Form::Lines {
            // A reader that went away is not missed.
            let _ = out::print(&format!("{text}\n"), 0);
        }
    }

    fn figures(&mut self, figures: &Figures) {
        if self.form != Form::Lines {
            return;
        }
        let text = figures_text(figures);
        if self.on_terminal {
            let width = out::stdout_columns();
            let text: String = text.chars().take(width.saturating_sub(1)).collect();
            self.write(&format!("\r\x1b[K{text}"));
            self.figures_shown = true;
        } else {
            self.line(&text);
        }
    }

    /// Takes the line of figures from the terminal.
    fn clear(&mut self) {
        if std::mem::take(&mut self.figures_shown) {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    fn json(&self, event: &Event<'_>) {
        let of = |failure: &Failure| {
            json!({
                "exit_code": failure.class().exit_code(),
                "finding": finding(failure, &self.plan.address, self.plan.mppe),
            })
        };
        let (name, value) = match event {
            Event::Dialling { bearer, server, outer } => {
                ("dialling", json!({ "by": word(*bearer), "server": server, "outer": outer }))
            }
            Event::FallsOver(failure) => ("falls_over", of(failure)),
            Event::Open(opening) => ("open", opening_json(opening)),
            Event::Changed(opened) => ("changed", opened_json(opened)),
            Event::NamesSet(Ok(servers)) => ("names_set", json!({ "servers": servers })),
            Event::NamesSet(Err(why)) => ("names_not_set", json!({ "detail": why })),
            Event::Warning(warning) => ("warning", json!({ "text": warning_text(warning) })),
            Event::Figures(figures) => ("figures", figures_json(figures)),
            Event::Down(failure) => ("down", of(failure)),
            Event::Waiting(wait) => ("waiting", json!({ "seconds": wait.as_secs_f64() })),
            Event::Closing { dials_again } => ("closing", json!({ "dials_again": dials_again })),
        };
        self.object(name, value);
    }

    fn object(&self, name: &str, mut value: Value) {
        if let Value::Object(fields) = &mut value {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let seconds = since.unwrap_or_default().as_secs_f64();
            fields.insert("event".to_owned(), name.into());
            fields.insert("time".to_owned(), ((seconds * 1000.0).round() / 1000.0).into());
        }
        let _ = out::print(&format!("{value}\n"), 0);
    }
}

/// What is to be known of the strength before anything else.
pub(super) fn strength(address: &Address, mppe: Mppe, proofs: &[Proof]) -> String {
    let pptp = "PPTP is broken: whoever records it can compute the password's hash and read \
                everything (MS-CHAPv2 and MPPE); sstp:// protects by TLS";
    let mut text = match (address.scheme, mppe) {
        (Scheme::Sstp, _) => String::new(),
        (Scheme::Pptp, Mppe::Off) => {
            "PPTP without MPPE hides nothing: everything can be read on the way; sstp:// protects \
             by TLS"
                .to_owned()
        }
        (Scheme::Pptp, _) => pptp.to_owned(),
        (Scheme::Auto, _) => {
            format!("this tries PPTP first, and gives the proof of the password there. {pptp}")
        }
    };
    if address.scheme != Scheme::Sstp && proofs.contains(&Proof::Pap) {
        text += ". PAP sends the password itself, for everybody on the way to read";
    }
    text
}

/// Claim, evidence, what to do.
fn finding_text(finding: &Finding) -> String {
    let mut text = format!("{}: {} [{}]", finding.severity.word(), finding.claim, finding.code);
    text += &format!("\n  about: {}", finding.subject);
    for evidence in &finding.evidence {
        let value = Some(&*evidence.value).filter(|value| !value.is_empty()).unwrap_or("(empty)");
        text += &format!("\n  evidence: {} = {value} ({})", evidence.what, evidence.place);
    }
    if !finding.hint.is_empty() {
        text += &format!("\n  hint: {}", finding.hint);
    }
    text
}

fn warning_text(warning: &Warning) -> String {
    match warning {
        Warning::Ipv6Outside => "the tunnel carries IPv4 alone: IPv6 goes its own way, around \
                                 the tunnel\n  hint: sysctl net.ipv6.conf.all.disable_ipv6=1, \
                                 where that must not be"
            .to_owned(),
        Warning::NotHeld(why) => format!(
            "this host takes packets strictly (rp_filter 1), and no route to the server could be \
             added: its answers may be dropped\n  detail: {why}"
        ),
        Warning::OldAddress(why) => format!(
            "the name cannot be looked up now: where it was last is dialled\n  detail: {why}"
        ),
    }
}

fn opening_text(opening: &Opening, plan: &Plan) -> String {
    let opened = &opening.opened;
    let peer = opening.peer.as_deref().map(|peer| format!(" ({peer})")).unwrap_or_default();
    let took = opening.took.as_secs_f64();
    let mut text =
        format!("up: {} to {}{peer}, in {took:.1} s", opening.bearer.name(), opening.server);
    let mut row = |name: &str, value: &str| text += &format!("\n  {name:<12}{value}");
    row("interface", &format!("{}, MTU {}", opening.interface, opened.mtu));
    row("addresses", &addresses(opened));
    row("proof", opened.method.map_or("none was asked for", |method| method.name()));
    row("encryption", &encryption(opening));
    row("routes", &routes(&plan.routes));
    row("DNS", &names(opened, plan.resolver));
    text
}

fn addresses(opened: &Opened) -> String {
    let ipv4 = opened.ipv4.map(|ipv4| match ipv4.peer {
        Ipv4Addr::UNSPECIFIED => ipv4.local.to_string(),
        peer => format!("{}, the other end {peer}", ipv4.local),
    });
    let ipv6 = opened.ipv6.map(|ipv6| link_local(ipv6.local).to_string());
    let all: Vec<String> = ipv4.into_iter().chain(ipv6).collect();
    if all.is_empty() { "none".to_owned() } else { all.join("; ") }
}

fn link_local(identifier: [u8; 8]) -> Ipv6Addr {
    let low = u128::from(u64::from_be_bytes(identifier));
    Ipv6Addr::from_bits((0xfe80 << 112) | low)
}

fn encryption(opening: &Opening) -> String {
    if let Some(tls) = &opening.tls {
        return tls.clone();
    }
    match opening.opened.sends {
        Some((strength, mode)) => {
            let bits = match strength {
                Strength::Bits40 => 40,
                Strength::Bits56 => 56,
                Strength::Bits128 => 128,
            };
            let mode = if mode == Mode::Stateless { "stateless" } else { "stateful" };
            format!("MPPE, {bits} bit, {mode} (broken: see above)")
        }
        None => "none: everything can be read on the way".to_owned(),
    }
}

fn routes(routes: &Routes) -> String {
    match routes {
        Routes::Peer => "the other end alone (--route chooses more)".to_owned(),
        Routes::All => "all of IPv4".to_owned(),
        Routes::Networks(networks) => {
            let all: Vec<String> =
                networks.iter().map(|one| format!("{}/{}", one.address, one.prefix)).collect();
            all.join(", ")
        }
    }
}

fn names(opened: &Opened, resolver: Resolver) -> String {
    let servers = opened.ipv4.map(|ipv4| ipv4.dns).unwrap_or_default();
    let mut servers: Vec<String> = servers.iter().flatten().map(ToString::to_string).collect();
    servers.dedup();
    match (servers.is_empty(), resolver) {
        (true, _) => "the server names none".to_owned(),
        (_, Resolver::No) => "not used".to_owned(),
        (_, Resolver::Show) => {
            format!("{} (not used; --dns resolved or resolvconf does)", servers.join(", "))
        }
        (_, Resolver::Resolvconf) => format!("{} by resolvconf", servers.join(", ")),
        (_, Resolver::Resolved) => format!("{} by systemd-resolved", servers.join(", ")),
    }
}

fn figures_text(figures: &Figures) -> String {
    let counters = figures.counters;
    let (received, sent) = (octets(counters.received_octets), octets(counters.sent_octets));
    let round_trip = figures.round_trip.map(|time| format!(", echo {:.1} ms", millis(time)));
    format!(
        "{}  received {received} ({}/s), sent {sent} ({}/s){}",
        clock(figures.open_for),
        scaled(figures.received_per_s),
        scaled(figures.sent_per_s),
        round_trip.unwrap_or_default(),
    )
}

/// `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn octets(count: u64) -> String {
    // Exact up to 2^53.
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    scaled(count as f64)
}

/// `1.5 MB`; steps of 1000.
fn scaled(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count;
    let mut unit = units.iter();
    let mut name = unit.next();
    while value >= 999.5
        && let Some(next) = unit.next()
    {
        value /= 1000.0;
        name = Some(next);
    }
    let digits = usize::from(name != Some(&"B") && value < 99.95);
    format!("{value:.digits$} {}", name.copied().unwrap_or_default())
}

const fn word(bearer: Bearer) -> &'static str {
    match bearer {
        Bearer::Pptp => "pptp",
        Bearer::Sstp => "sstp",
    }
}

fn opening_json(opening: &Opening) -> Value {
    let mut value = opened_json(&opening.opened);
    let more = json!({
        "by": word(opening.bearer),
        "server": opening.server,
        "interface": opening.interface,
        "encryption": encryption(opening),
        "peer": opening.peer,
        "took_seconds": opening.took.as_secs_f64(),
    });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn opened_json(opened: &Opened) -> Value {
    json!({
        "address": opened.ipv4.map(|ipv4| ipv4.local),
        "peer_address": opened.ipv4.map(|ipv4| ipv4.peer),
        "address_ipv6": opened.ipv6.map(|ipv6| link_local(ipv6.local)),
        "dns": opened.ipv4.map(|ipv4| ipv4.dns.into_iter().flatten().collect::<Vec<_>>()),
        "mtu": opened.mtu,
        "proof": opened.method.map(|method| method.name()),
        "mppe": opened.sends.is_some(),
    })
}

fn figures_json(figures: &Figures) -> Value {
    let counters = figures.counters;
    json!({
        "open_seconds": figures.open_for.as_secs_f64(),
        "received_octets": counters.received_octets,
        "received_packets": counters.received_packets,
        "sent_octets": counters.sent_octets,
        "sent_packets": counters.sent_packets,
        "received_octets_per_s": figures.received_per_s,
        "sent_octets_per_s": figures.sent_per_s,
        "round_trip_ms": figures.round_trip.map(millis),
    })
}

/// Tells the service manager, `sd_notify(3)`, if there is one.
fn notify(event: &Event<'_>) {
    let status;
    let states: &[NotifyState<'_>] = match event {
        Event::Open(opening) => {
            let address = opening.opened.ipv4.map(|ipv4| ipv4.local.to_string());
            let by = opening.bearer.name();
            status = format!("up by {by}, {}", address.unwrap_or_default());
            &[NotifyState::Ready, NotifyState::Status(&status)]
        }
        Event::Waiting(_) => &[NotifyState::Status("down, dialling again")],
        Event::Closing { dials_again: false } => &[NotifyState::Stopping],
        _ => return,
    };
    // A manager that is gone must not take the tunnel with it.
    let _ = sd_notify::notify(states);
}

#[cfg(test)]
mod tests;
