//! `menshen cert dev`: the development CA, and how to trust it on each system and browser.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use menshen_guard::load;
use menshen_tls::dev_ca::{self, DevCertificate};
use menshen_tls::{Outcome, Reason};
use serde::Serialize;

use super::{failed, unix_now};
use crate::cli::DevArguments;
use crate::{EXIT_CONFIG, out};

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Answer<'a> {
    ca: String,
    ca_sha256: &'a str,
    made: bool,
    names: Vec<String>,
    leaf_sha256: &'a str,
    leaf_not_after_unix: i64,
}

pub(super) fn run(arguments: &DevArguments) -> ExitCode {
    let settings = match load(&arguments.place.source(), out::stderr_colour()) {
        Ok(settings) => settings,
        Err(error) => {
            out::complain(&error.render());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let state = arguments.place.state.clone().unwrap_or(settings.config.state);
    let names = settings.config.tls.names;
    let made = if arguments.renew {
        dev_ca::renew(&state, &names, unix_now())
    } else {
        dev_ca::ensure(&state, &names, unix_now())
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => return failed(&error),
    };
    if arguments.pem {
        return match std::fs::read_to_string(&made.ca_path) {
            Ok(pem) => out::print(&pem, 0),
            Err(error) => {
                let path = made.ca_path.display();
                out::complain(&format!("menshen: could not read {path}\n  detail: {error}"));
                ExitCode::from(crate::EXIT_RETRY)
            }
        };
    }
    if arguments.json {
        let answer = Answer {
            ca: made.ca_path.display().to_string(),
            ca_sha256: &made.ca_fingerprint_sha256,
            made: made.ca != Outcome::Kept,
            names: covered(&names),
            leaf_sha256: &made.leaf_fingerprint_sha256,
            leaf_not_after_unix: made.not_after_unix,
        };
        // Strings and numbers only: nothing in it can fail to become JSON.
        let text = serde_json::to_string_pretty(&answer).unwrap_or_default() + "\n";
        return out::print(&text, 0);
    }
    out::print(&text(&made, &names), 0)
}

/// The names of a leaf: those configured and the loopback addresses.
fn covered(names: &[String]) -> Vec<String> {
    let loopback = ["127.0.0.1", "::1"].into_iter().map(str::to_owned);
    let loopback = loopback.filter(|address| !names.contains(address));
    names.iter().cloned().chain(loopback).collect()
}

fn text(made: &DevCertificate, names: &[String]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "development CA  {}", made.ca_path.display());
    let _ = writeln!(text, "SHA-256         {}", made.ca_fingerprint_sha256);
    let _ = writeln!(text, "may sign for    {} and names below them", covered(names).join(", "));
    let _ = match made.ca {
        Outcome::Kept => {
            writeln!(text, "                (other names: `tls.names`; a new CA then)")
        }
        Outcome::Issued(Reason::FirstUse) => writeln!(text, "                made just now"),
        Outcome::Issued(reason) => writeln!(
            text,
            "                made anew just now, because {}; trust it anew",
            reason.text()
        ),
    };
    text.push('\n');
    for (place, how) in trust(&made.ca_path) {
        let _ = writeln!(text, "{place}\n  {}", how.replace('\n', "\n  "));
    }
    text += "\nCompare the SHA-256 above with what the system shows before you say yes. It is for \
         development\nand for machines you own; visitors need a certificate of a public authority \
         (`tls.acme`).\n";
    text
}

/// Where to trust it, and how.
fn trust(ca: &Path) -> Vec<(&'static str, String)> {
    let ca = ca.display();
    let row = |place, how: String| (place, how);
    vec![
        row(
            "Debian, Ubuntu",
            format!(
                "cp {ca} /usr/local/share/ca-certificates/menshen-dev.crt && update-ca-certificates"
            ),
        ),
        row(
            "CentOS, RHEL, Fedora",
            format!("cp {ca} /etc/pki/ca-trust/source/anchors/menshen-dev.pem && update-ca-trust"),
        ),
        row(
            "Alpine",
            format!(
                "cp {ca} /usr/local/share/ca-certificates/menshen-dev.crt && update-ca-certificates"
            ),
        ),
        row("Arch", format!("trust anchor --store {ca}")),
        row(
            "macOS, Safari",
            format!(
                "sudo security add-trusted-cert -d -r trustRoot \
                 -k /Library/Keychains/System.keychain {ca}"
            ),
        ),
        row("Windows, Edge", "certutil -addstore -f Root ca.pem (as administrator)".to_owned()),
        row(
            "Chromium, Chrome on Linux",
            format!(
                "certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n menshen-dev -i {ca}\n\
                 (package libnss3-tools; on macOS and Windows it asks the system)"
            ),
        ),
        row(
            "Firefox",
            "Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import;\n\
             or about:config security.enterprise_roots.enabled where the system trusts it already"
                .to_owned(),
        ),
        row(
            "Android",
            "Settings, Security, Encryption & credentials, Install a certificate, CA certificate"
                .to_owned(),
        ),
        row(
            "iPhone, iPad",
            "open ca.pem, install the profile, then Settings, General, About,\n\
             Certificate Trust Settings: switch it on"
                .to_owned(),
        ),
        row("curl", format!("curl --cacert {ca} https://…")),
        row("PHP", format!("openssl.cafile={ca} in php.ini")),
        row("Python", format!("SSL_CERT_FILE={ca}, for requests REQUESTS_CA_BUNDLE={ca}")),
        row("Node", format!("NODE_EXTRA_CA_CERTS={ca}")),
        row("Java", format!("keytool -importcert -cacerts -alias menshen-dev -file {ca}")),
    ]
}
