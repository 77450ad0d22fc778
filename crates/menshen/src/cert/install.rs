//! `menshen cert install`: what an authority sent back, checked before it is served.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menshen_base::{Finding, Severity};
use menshen_explain::trust::{self, Store};
use menshen_explain_core::certificate::{Anchor, Certificate, date};
use menshen_tls::order::{self, Open};
use serde::Serialize;

use self::judge::{Inputs, judge};
use super::{exit_code, failed, findings_text, unix_now};
use crate::cli::InstallArguments;
use crate::{EXIT_CONFIG, out, reload};

mod judge;

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Answer {
    installed: Option<String>,
    names: Vec<String>,
    not_after_unix: Option<i64>,
    chain: Vec<String>,
    findings: Vec<Finding>,
}

pub(super) fn run(arguments: &InstallArguments) -> ExitCode {
    let state = match reload::state_of(&arguments.place) {
        Ok(state) => state,
        Err(code) => return code,
    };
    let sent = match read_all(&arguments.files) {
        Ok(sent) => sent,
        Err(text) => return complain(&text),
    };
    let key = match find_key(arguments, &state, &sent) {
        Ok(key) => key,
        Err(code) => return code,
    };
    let roots = match roots(arguments.roots.as_deref()) {
        Ok(roots) => roots,
        Err(text) => return complain(&text),
    };
    let public = match order::public_key(key.key_pem.as_bytes()) {
        Ok(public) => public,
        Err(error) => return failed(&error),
    };
    let requested = key.requested.as_ref();
    let inputs = Inputs { sent: &sent, key: &public, requested, roots: &roots, now: unix_now() };
    let judgement = judge(&inputs);
    let chain: Vec<&Certificate> = judgement.chain.iter().map(|place| &sent[*place]).collect();
    let refused = judgement.findings.iter().any(|finding| finding.severity == Severity::Error);
    let installed = if refused || arguments.dry_run {
        None
    } else {
        match write(&state, &chain, &key, arguments.key.is_none()) {
            Ok(path) => Some(path),
            Err(error) => return failed(&error),
        }
    };
    answer(arguments, &chain, installed.as_deref(), judgement.findings)
}

fn complain(text: &str) -> ExitCode {
    out::complain(text);
    ExitCode::from(EXIT_CONFIG)
}

fn write(
    state: &Path,
    chain: &[&Certificate],
    key: &Open,
    ordered: bool,
) -> Result<PathBuf, menshen_tls::TlsError> {
    let pem: String = chain.iter().map(|certificate| pem(&certificate.der)).collect();
    let name = chain
        .first()
        .map_or("certificate", |leaf| leaf.dns_names().next().unwrap_or_else(|| leaf.title()));
    let path = order::install(state, name, &pem, &key.key_pem)?;
    if ordered {
        // The key lies beside its chain now, durably.
        order::close(key)?;
    }
    Ok(path)
}

fn answer(
    arguments: &InstallArguments,
    chain: &[&Certificate],
    installed: Option<&Path>,
    findings: Vec<Finding>,
) -> ExitCode {
    let code = exit_code(&findings);
    let leaf = chain.first();
    let mut names: Vec<String> =
        leaf.iter().flat_map(|leaf| leaf.dns_names()).map(str::to_owned).collect();
    names.extend(leaf.iter().flat_map(|leaf| leaf.ip_addresses()).map(|ip| ip.to_string()));
    let installed = installed.map(|path| path.display().to_string());
    if arguments.json {
        let answer = Answer {
            installed,
            names,
            not_after_unix: leaf.map(|leaf| leaf.not_after),
            chain: chain.iter().map(|certificate| certificate.title().to_owned()).collect(),
            findings,
        };
        // Strings and numbers only: nothing in it can fail to become JSON.
        let text = serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n";
        return out::print(&text, code);
    }
    let mut text = findings_text(&findings);
    if let Some(leaf) = leaf {
        let titles: Vec<&str> = chain.iter().map(|certificate| certificate.title()).collect();
        let above = match chain.last() {
            Some(last) if last.issuer.der == last.subject.der => "self-signed",
            Some(last) => last.issuer.get("CN").unwrap_or(&last.issuer.text),
            None => "",
        };
        text += &format!(
            "names  {}\nuntil  {} ({} days left)\nchain  {} -> ({above})\n",
            names.join(", "),
            date(leaf.not_after),
            leaf.not_after.saturating_sub(unix_now()).max(0) / 86_400,
            titles.join(" -> "),
        );
    }
    text += &match (&installed, arguments.dry_run) {
        (Some(path), _) => {
            let name = names.first().map_or("NAME", String::as_str);
            format!(
                "\ninstalled: {path}\nA running menshen serves it within seconds; see with \
                 `menshen explain cert --site {name}`.\n"
            )
        }
        (None, true) if code < EXIT_CONFIG => {
            "\nfine; nothing was written (--dry-run)\n".to_owned()
        }
        (None, _) => "\nnot installed\n".to_owned(),
    };
    out::print(&text, code)
}

/// The key, with the request it belongs to: the one given, or the order that fits.
fn find_key(
    arguments: &InstallArguments,
    state: &Path,
    sent: &[Certificate],
) -> Result<Open, ExitCode> {
    let orders = order::open_orders(state).map_err(|error| failed(&error))?;
    let given = match &arguments.key {
        Some(path) => Some(read(path).map_err(|text| complain(&text))?),
        None => None,
    };
    let spki = |pem: &str| order::public_key(pem.as_bytes()).ok();
    if let Some(key_pem) = given {
        let key_pem = String::from_utf8_lossy(&key_pem).into_owned();
        let public = spki(&key_pem);
        let twin = orders.into_iter().find(|order| spki(&order.key_pem) == public);
        let requested = twin.and_then(|order| order.requested);
        let key = arguments.key.clone().unwrap_or_default();
        return Ok(Open { key, key_pem, requested });
    }
    let orders_text = match orders.len() {
        0 => "there is no open order".to_owned(),
        1 => "the one open order has another key".to_owned(),
        count => format!("the {count} open orders have other keys"),
    };
    let fits = |order: &Open| {
        spki(&order.key_pem).is_some_and(|key| sent.iter().any(|sent| sent.spki == key))
    };
    orders.into_iter().find(fits).ok_or_else(|| {
        complain(&format!(
            "menshen: no key for these certificates\n  detail: {}: {orders_text}\n  \
             hint: give the key with --key FILE",
            state.join(order::ORDERS).display()
        ))
    })
}

/// The roots of the system, those of Mozilla, and those of the file.
fn roots(given: Option<&Path>) -> Result<Vec<Anchor>, String> {
    let mut stores = vec![Store::system(), Store::mozilla()];
    if let Some(path) = given {
        let store = trust::read_roots(path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| Store::given(&bytes).map_err(|error| error.to_string()));
        let shown = path.display();
        stores.push(store.map_err(|error| {
            format!("menshen: could not use the roots in {shown}\n  detail: {error}")
        })?);
    }
    Ok(trust::anchors(&stores.iter().collect::<Vec<_>>()))
}

/// All certificates of the files.
fn read_all(files: &[PathBuf]) -> Result<Vec<Certificate>, String> {
    let mut sent = Vec::new();
    for path in files {
        let bytes = read(path)?;
        let shown = path.display();
        let ders = menshen_tls::load::certificates(&bytes).map_err(|error| {
            let detail = error.detail().unwrap_or_default();
            format!("menshen: {shown}: no certificates\n  detail: {detail}")
        })?;
        for der in ders {
            let certificate = Certificate::from_der(&der).map_err(|error| {
                format!("menshen: {shown}: a certificate cannot be read\n  detail: {error}")
            })?;
            sent.push(certificate);
        }
    }
    Ok(sent)
}

/// A file, or standard input for `-`; 1 MiB at most.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(FILE_BYTES_MAX).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
    };
    let shown = path.display();
    read.map_err(|error| format!("menshen: could not read {shown}\n  detail: {error}"))?;
    Ok(bytes)
}

fn pem(der: &[u8]) -> String {
    menshen_tls::load::certificate_pem(der)
}

const FILE_BYTES_MAX: u64 = 1 << 20;
