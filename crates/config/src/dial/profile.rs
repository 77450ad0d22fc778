//! `tunnels.toml`: one table for each tunnel, named as the user will call it.
//!
//! ```toml
//! [office]
//! url = "sstp://anna@vpn.example.com"
//! password_file = "/etc/menshen/office.password"
//! route = ["10.0.0.0/8"]
//! ```
//!
//! All problems are told at once. Lines that may hold a password are never shown.

use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::address::has_password;
use super::{Address, Mppe, Options, Proof, Refused, Resolver, Routes, values};
use crate::nearest::nearest;
use crate::parse::{TEXT_BYTES_MAX, syntax, text};
use crate::problem::{Problem, Problems, code, quoted};

/// A tunnel with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Whom to dial.
    pub address: Address,
    /// What else is said. Paths stay as written: relative ones start at the folder of the file.
    pub options: Options,
}

/// What a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profiles {
    /// The tunnels, in the order of their names; those with an error are left out.
    pub all: Vec<Profile>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Reads the text of a file.
#[must_use]
pub fn profiles(text: &str) -> Profiles {
    let mut problems = Problems::default();
    let mut all = Vec::new();
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text is {} bytes long", text.len());
        let hint = format!("at most {TEXT_BYTES_MAX} bytes are read");
        problems.error(code::TOO_LARGE, "", 0..0, message).hint(hint);
        return Profiles { all, problems: problems.into_sorted(text) };
    }
    let readable = syntax::readable(text);
    let (table, errors) = DeTable::parse_recoverable(&readable.text);
    let damage = syntax::report(text, readable.faults, table.get_ref(), &errors, &mut problems);
    for (name, value) in table.get_ref() {
        if damage.covers(&name.span()) {
            continue;
        }
        let span = name.span();
        match value.get_ref() {
            DeValue::Table(keys) => {
                all.extend(profile(name.get_ref(), span, keys, &damage, &mut problems));
            }
            _ if damage.covers(&value.span()) => {}
            _ => {
                let hint = "write [NAME] on a line of its own, the tunnel's keys below";
                let name = quoted(name.get_ref());
                let message = format!("{name} stands outside of a tunnel");
                problems.error(code::UNKNOWN_KEY, "", span, message).hint(hint);
            }
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    let problems = problems.into_sorted(text);
    Profiles { all, problems: problems.into_iter().map(|one| discreet(one, text)).collect() }
}

fn profile(
    name: &str,
    span: Range<usize>,
    keys: &DeTable<'_>,
    damage: &syntax::Damage,
    problems: &mut Problems,
) -> Option<Profile> {
    let errors = problems.errors();
    if !is_name(name) {
        let hint = "letters, digits, \".\", \"_\" and \"-\", 40 at most";
        let message = format!("{} is no name of a tunnel", quoted(name));
        problems.error(code::VALUE, "", span.clone(), message).hint(hint);
    }
    let (mut address, mut options) = (None, Options::default());
    let mut spoilt = false;
    for (key, value) in keys {
        if damage.covers(&key.span()) || damage.covers(&value.span()) {
            spoilt = true;
            continue;
        }
        let Some((word, set)) = KEYS.iter().find(|(word, _)| *word == key.get_ref()) else {
            unknown(key.get_ref(), key.span(), problems);
            continue;
        };
        let done = if *word == "url" {
            string(value).and_then(Address::parse).map(|read| address = Some(read))
        } else {
            set(&mut options, value)
        };
        if let Err(refused) = done {
            let message = format!("{word}: {}", refused.message);
            problems.error(code::VALUE, word, value.span(), message).hint(refused.hint);
        }
    }
    if options.ca.is_some() && options.fingerprint.is_some() {
        let hint = "the roots, or the one certificate that is taken: leave one out";
        let message = "ca and fingerprint exclude each other";
        problems.error(code::CONTRADICTION, "ca", span.clone(), message).hint(hint);
    }
    if address.is_none() && problems.errors() == errors && !spoilt {
        let hint = "url = \"sstp://USER@HOST\"";
        let message = format!("the tunnel {} has no url", quoted(name));
        problems.error(code::MISSING, "url", span, message).hint(hint);
    }
    let fine = problems.errors() == errors && !spoilt;
    let address = address.filter(|_| fine)?;
    Some(Profile { name: name.to_owned(), address, options })
}

type Set = fn(&mut Options, &Spanned<DeValue<'_>>) -> Result<(), Refused>;

const KEYS: &[(&str, Set)] = &[
    ("url", |_, _| Ok(())),
    ("password_file", |options, value| {
        options.password_file = Some(path(value)?);
        Ok(())
    }),
    ("ca", |options, value| {
        options.ca = Some(path(value)?);
        Ok(())
    }),
    ("fingerprint", |options, value| {
        options.fingerprint = Some(values::fingerprint(string(value)?)?);
        Ok(())
    }),
    ("mppe", |options, value| {
        options.mppe = Some(Mppe::parse(string(value)?)?);
        Ok(())
    }),
    ("auth", |options, value| {
        let proofs: Result<Vec<_>, _> = strings(value)?.into_iter().map(Proof::parse).collect();
        options.proofs = Some(proofs?);
        Ok(())
    }),
    ("route", |options, value| {
        options.routes = Some(match value.get_ref() {
            DeValue::String(text) => Routes::parse(text)?,
            _ => Routes::of(strings(value)?)?,
        });
        Ok(())
    }),
    ("dns", |options, value| {
        options.resolver = Some(Resolver::parse(string(value)?)?);
        Ok(())
    }),
    ("domains", |options, value| {
        let domains: Result<_, _> = strings(value)?.into_iter().map(values::domain).collect();
        options.domains = domains?;
        Ok(())
    }),
    ("interface", |options, value| {
        options.interface = Some(values::interface(string(value)?)?);
        Ok(())
    }),
];

fn unknown(name: &str, span: Range<usize>, problems: &mut Problems) {
    let is_secret = name.to_ascii_lowercase().starts_with("pass");
    let hint = match nearest(name, KEYS.iter().map(|(word, _)| *word)) {
        _ if is_secret && name != "password_file" => {
            "name a file of its own, which only you can read: password_file = \"…\"".to_owned()
        }
        Some(near) => format!("did you mean \"{near}\"?"),
        None => {
            let words: Vec<&str> = KEYS.iter().map(|(word, _)| *word).collect();
            format!("known here: {}", words.join(", "))
        }
    };
    let message = match is_secret {
        true => "a password does not belong into this file".to_owned(),
        false => format!("unknown key {}", quoted(name)),
    };
    problems.error(code::UNKNOWN_KEY, "", span, message).hint(hint);
}

fn string<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<&'a str, Refused> {
    match value.get_ref() {
        DeValue::String(text) => Ok(text),
        _ => Err(Refused::new("this must be text", "put it into quotation marks")),
    }
}

fn strings<'a>(value: &'a Spanned<DeValue<'_>>) -> Result<Vec<&'a str>, Refused> {
    let refuse = || Refused::new("this must be a list of texts", "such as [\"…\", \"…\"]");
    let DeValue::Array(list) = value.get_ref() else { return Err(refuse()) };
    if list.is_empty() {
        return Err(Refused::new("the list is empty", "leave the key out"));
    }
    list.iter().map(|one| string(one).map_err(|_| refuse())).collect()
}

fn path(value: &Spanned<DeValue<'_>>) -> Result<PathBuf, Refused> {
    Ok(text::path(string(value)?)?)
}

fn is_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=NAME_OCTETS_MAX).contains(&name.len()) && name.chars().all(fine)
}

/// A problem on a line that may hold a password is told without the line.
fn discreet(problem: Problem, text: &str) -> Problem {
    let line = problem.line.checked_sub(1).and_then(|line| text.split('\n').nth(line));
    let lower = line.unwrap_or_default().to_ascii_lowercase();
    if !lower.contains("pass") && !lower.contains("secret") && !has_password(&lower) {
        return problem;
    }
    let (message, hint) = match problem.code {
        // The parser's own words may repeat what it found there.
        code::SYNTAX => ("this line is no TOML; it is not shown, for it may hold a password", ""),
        _ => (&*problem.message, &*problem.hint),
    };
    let (message, hint) = (format!("line {}: {message}", problem.line), hint.to_owned());
    Problem { line: 0, column: 0, span: 0..0, message, hint, ..problem }
}

const NAME_OCTETS_MAX: usize = 40;
