//! `menshen tunnel connect`: address, options and password to a plan, and what became of it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use menshen_config::dial::{
    Address, Mppe, Options, Profile, Proof, Resolver, Routes, Scheme, profiles,
};
use menshen_config::{TEXT_BYTES_MAX, render};
use menshen_tunnel::client::{self, Outcome, Plan, Retry};
use menshen_tunnel::sstp::Trust;

use super::tell::{Form, Teller, strength};
use super::{Refused, password};
use crate::cli::ConnectArguments;
use crate::out;

/// `menshen tunnel connect`.
pub(super) fn run(arguments: &ConnectArguments) -> ExitCode {
    let (address, options) = match whom(arguments) {
        Ok(found) => found,
        Err(refused) => return refused.complain(),
    };
    let password_file = options.password_file.clone();
    let plan = match plan(arguments, address, options) {
        Ok(plan) => plan,
        Err(refused) => return refused.complain(),
    };
    let weak = strength(&plan.address, plan.mppe, &plan.proofs);
    if !weak.is_empty() {
        out::complain(&out::folded(&format!("warning: {weak}")));
    }
    let whom = format!("{} at {}", plan.address.user, plan.address.host);
    let password = match password::for_dialling(password_file.as_deref(), &whom) {
        Ok(password) => password,
        Err(refused) => return refused.complain(),
    };
    let mut teller = Teller::new(&plan, form(arguments));
    match client::run(&plan, &password, &mut |event| teller.event(&event)) {
        Outcome::Closed => {
            teller.closed();
            ExitCode::SUCCESS
        }
        Outcome::Failed(failure) => {
            teller.ended(&failure);
            ExitCode::from(failure.class().exit_code())
        }
    }
}

const fn form(arguments: &ConnectArguments) -> Form {
    match (arguments.json, arguments.quiet) {
        (true, _) => Form::Json,
        (false, true) => Form::Quiet,
        (false, false) => Form::Lines,
    }
}

/// The address as it was given, or the one that has this name; and all options.
fn whom(arguments: &ConnectArguments) -> Result<(Address, Options), Refused> {
    if Address::is_meant(&arguments.whom) {
        return Ok((Address::parse(&arguments.whom)?, arguments.options()));
    }
    let path = arguments.file.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let profile = profile(&path, &arguments.whom)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut options = profile.options;
    for file in [&mut options.password_file, &mut options.ca].into_iter().flatten() {
        *file = folder.join(&*file);
    }
    Ok((profile.address, arguments.options().or(options)))
}

fn profile(path: &Path, name: &str) -> Result<Profile, Refused> {
    let shown = path.display().to_string().escape_debug().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let message = format!("no tunnel is called \"{}\": {shown}: {error}", name.escape_debug());
        Refused::new(message, "name a file by --file, or write such as sstp://user@vpn.example.com")
    })?;
    if bytes.len() > TEXT_BYTES_MAX {
        return Err(Refused::new(format!("{shown} has more than {TEXT_BYTES_MAX} bytes"), ""));
    }
    let text = String::from_utf8_lossy(&bytes);
    let read = profiles(&text);
    let colour = out::stderr_colour();
    let told: Vec<String> =
        read.problems.iter().map(|problem| render(problem, &shown, &text, colour)).collect();
    if !told.is_empty() {
        out::complain(told.join("\n").trim_end());
    }
    let names: Vec<&str> = read.all.iter().map(|profile| &*profile.name).collect();
    let known = match names.is_empty() {
        true => "it has none that can be used".to_owned(),
        false => format!("it has {}", names.join(", ")),
    };
    let missing =
        Refused::new(format!("no tunnel is called \"{}\" in {shown}", name.escape_debug()), known);
    read.all.into_iter().find(|profile| profile.name == name).ok_or(missing)
}

fn plan(arguments: &ConnectArguments, address: Address, options: Options) -> Result<Plan, Refused> {
    let is_pptp = address.scheme != Scheme::Sstp;
    let is_sstp = address.scheme != Scheme::Pptp;
    if options.mppe.is_some() && !is_pptp {
        let hint = "leave it out: sstp:// is encrypted by TLS, always";
        return Err(Refused::new("mppe is PPTP's encryption", hint));
    }
    if (options.ca.is_some() || options.fingerprint.is_some()) && !is_sstp {
        let hint = "leave ca and fingerprint out, or use sstp://";
        return Err(Refused::new("PPTP has no certificate to be checked", hint));
    }
    let mppe = options.mppe.unwrap_or(Mppe::Require);
    let proofs = options.proofs.unwrap_or_else(|| vec![Proof::MsChapV2]);
    if is_pptp && mppe == Mppe::Require && !proofs.contains(&Proof::MsChapV2) {
        let hint = "add mschapv2 to auth, or set mppe to off: then everything can be read";
        return Err(Refused::new("MPPE needs the keys of mschapv2", hint));
    }
    let terminal = std::io::stdout().is_terminal() && !arguments.json;
    let every = match (arguments.every, arguments.json) {
        (Some(seconds), _) => Some(seconds),
        (None, true) => Some(JSON_FIGURES_SECONDS),
        (None, false) => terminal.then_some(1),
    };
    Ok(Plan {
        address,
        mppe,
        proofs,
        trust: trust(options.ca.as_deref(), options.fingerprint)?,
        interface: options.interface.unwrap_or_else(|| INTERFACE.to_owned()),
        routes: options.routes.unwrap_or(Routes::Peer),
        resolver: options.resolver.unwrap_or(Resolver::Show),
        domains: options.domains,
        retry: if arguments.once { Retry::Never } else { Retry::Always },
        figures_every: every.map(|seconds| Duration::from_secs(seconds.into())),
    })
}

fn trust(ca: Option<&Path>, fingerprint: Option<[u8; 32]>) -> Result<Trust, Refused> {
    if let Some(sha256) = fingerprint {
        return Ok(Trust::Fingerprint(sha256));
    }
    let Some(path) = ca else { return Ok(Trust::System) };
    let shown = path.display().to_string().escape_debug().to_string();
    let pem = std::fs::read(path).map_err(|error| {
        Refused::new(format!("the file of roots {shown} cannot be read"), error.to_string())
    })?;
    let trust = Trust::Roots(pem);
    trust.config().map_err(|error| {
        let hint = "it must hold certificates in PEM: -----BEGIN CERTIFICATE-----";
        Refused::new(format!("the file of roots {shown} cannot be used: {error}"), hint)
    })?;
    Ok(trust)
}

/// Where tunnels have names.
const FILE: &str = "/etc/menshen/tunnels.toml";
/// The interface, where nobody chooses one.
const INTERFACE: &str = "menshen%d";
const JSON_FIGURES_SECONDS: u32 = 10;
