//! `menshen cert request`: a key and a request, with what the class needs and what comes next.

use std::fmt::Write;
use std::process::ExitCode;

use menshen_base::{Finding, Severity};
use menshen_tls::order::{CLASSES, Class, KeyKind, Order, Subject};
use serde::Serialize;

use super::{exit_code, failed, findings_text};
use crate::cli::{ClassWord, KeyWord, RequestArguments};
use crate::{out, reload};

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Answer<'a> {
    class: &'static str,
    names: &'a [String],
    key: Option<String>,
    request: Option<String>,
    request_pem: Option<String>,
    findings: &'a [Finding],
}

pub(super) fn run(arguments: &RequestArguments) -> ExitCode {
    if arguments.classes {
        return out::print(&classes(), 0);
    }
    let order = order(arguments);
    let findings = order.look();
    let code = exit_code(&findings);
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        if arguments.json {
            return print_json(&answer(&order, &findings), code);
        }
        out::complain(&findings_text(&findings));
        out::complain(
            "nothing was written; what each class needs: `menshen cert request --classes`",
        );
        return ExitCode::from(code);
    }
    let state = match reload::state_of(&arguments.place) {
        Ok(state) => state,
        Err(code) => return code,
    };
    let written = match order.write(&state) {
        Ok(written) => written,
        Err(error) => return failed(&error),
    };
    let (key, request) = (written.key.display().to_string(), written.request.display().to_string());
    if arguments.json {
        let answer = Answer {
            key: Some(key),
            request: Some(request),
            request_pem: Some(written.request_pem),
            ..answer(&order, &findings)
        };
        return print_json(&answer, code);
    }
    let mut text = findings_text(&findings);
    let _ = write!(
        text,
        "{}\nkey      {key} ({}; stays here)\nrequest  {request}\n\n{}",
        written.request_pem.trim_end(),
        order.key,
        next_steps(order.class)
    );
    out::print(&text, code)
}

fn answer<'a>(order: &'a Order, findings: &'a [Finding]) -> Answer<'a> {
    Answer {
        class: order.class.word(),
        names: &order.names,
        key: None,
        request: None,
        request_pem: None,
        findings,
    }
}

fn print_json(answer: &Answer<'_>, code: u8) -> ExitCode {
    // Strings only: nothing in it can fail to become JSON.
    out::print(&(serde_json::to_string_pretty(answer).unwrap_or_default() + "\n"), code)
}

fn order(arguments: &RequestArguments) -> Order {
    Order {
        names: arguments.names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        class: class(arguments.class),
        subject: Subject {
            country: arguments.country.clone(),
            state: arguments.state_or_province.clone(),
            locality: arguments.locality.clone(),
            organization: arguments.organization.clone(),
            given_name: arguments.given_name.clone(),
            surname: arguments.surname.clone(),
            business_category: arguments.business_category.clone(),
            serial_number: arguments.registration_number.clone(),
            jurisdiction_country: arguments.jurisdiction_country.clone(),
            jurisdiction_state: arguments.jurisdiction_state.clone(),
            jurisdiction_locality: arguments.jurisdiction_locality.clone(),
        },
        key: match arguments.key {
            KeyWord::P256 => KeyKind::EcdsaP256,
            KeyWord::P384 => KeyKind::EcdsaP384,
            KeyWord::Rsa2048 => KeyKind::Rsa2048,
            KeyWord::Rsa3072 => KeyKind::Rsa3072,
        },
    }
}

const fn class(word: ClassWord) -> Class {
    match word {
        ClassWord::Dv => Class::Dv,
        ClassWord::Ov => Class::Ov,
        ClassWord::Iv => Class::Iv,
        ClassWord::Ev => Class::Ev,
    }
}

/// All classes with what each gives and needs.
fn classes() -> String {
    let mut text = String::new();
    for row in CLASSES {
        let _ = writeln!(
            text,
            "{}\n  verified  {}\n  shown     {}\n  effort    {}\n  needs     {}\n",
            row.name,
            row.verifies,
            row.shows,
            row.effort,
            needs(row.class)
        );
    }
    text += "All classes protect the connection alike: same keys, same encryption. What differs \
         is whom\nthe authority vouches for, and no browser shows that without a click.\n";
    text
}

const fn needs(class: Class) -> &'static str {
    match class {
        Class::Dv => "--name",
        Class::Ov => "--name --organization --country, and --locality or --state-or-province",
        Class::Iv => {
            "--name --given-name --surname --country, and --locality or --state-or-province"
        }
        Class::Ev => "as OV, and --business-category --registration-number --jurisdiction-country",
    }
}

/// What to do with the request, and what to have at hand.
fn next_steps(class: Class) -> String {
    let have: &[&str] = match class {
        Class::Dv => &[],
        Class::Ov => &[
            "the organisation's entry in a public register, with the same name and address",
            "a telephone number that a public source lists for it: they call",
        ],
        Class::Iv => &["identity papers with the same name", "a way to be seen or called"],
        Class::Ev => &[
            "the extract of the register with exactly this name and number",
            "a telephone number that a public source lists for it: they call",
            "somebody who may sign for the organisation, and a contract that person signs",
        ],
    };
    let mut text = String::from(
        "Next:\n  1. Hand the request in at the authority. Keep the names as they are here: what \
         they\n     add or leave out, `menshen cert install` shows.\n  2. Prove the names as the \
         authority asks: a TXT record, a file, or a mail. If the domain has a\n     CAA record, it \
         must name the authority.\n",
    );
    if !have.is_empty() {
        text += "  3. Have at hand:\n";
        have.iter().for_each(|line| {
            let _ = writeln!(text, "     - {line}");
        });
    }
    let last = if have.is_empty() { 3 } else { 4 };
    let _ = writeln!(
        text,
        "  {last}. `menshen cert install FILE…` with what they send back, in any order."
    );
    text
}
