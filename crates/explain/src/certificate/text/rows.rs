//! The rows of the card, from the bottom line to what browsers show.

use menshen_explain_core::certificate::{
    Browser, Certificate, Chain, ChainEnd, Class, Coverage, GREEN_BAR, KeyKind, Lifetime, Link,
    NameVerdict, Report, SctOutcome, SelfSigned, Source, StoreTrust, Transparency, date, date_time,
};

use super::super::observe::Dialect;
use super::super::revocation::{Revocation, SourceKind, Standing};
use super::super::{Explanation, Observation, SiteView};
use super::{Card, Mark};

/// What decides: class, verdict, names, time, trust, and what visitors see.
pub(super) fn summary(explanation: &Explanation, card: &mut Card) {
    let Some(report) = &explanation.report else {
        card.headline("no certificate", &format!("  {}", explanation.subject));
        return;
    };
    let word = match report.class.class {
        Class::None => "no class".to_owned(),
        Class::Ev if report.ev.claims_only => "EV, claimed only".to_owned(),
        class => class.word().to_uppercase(),
    };
    card.headline(&word, &format!("  {}", explanation.subject));
    verdict(report, explanation.good(), card);
    class(report, card);
    names(&report.names, &report.leaf, card);
    lifetime(&report.lifetime, &report.leaf, report.now, card);
    trust(&report.trust, card);
    for view in &report.browsers {
        let name = match view.browser {
            Browser::Chromium => "chromium",
            Browser::Firefox => "firefox",
            Browser::Safari => "safari",
        };
        card.row(name, &format!("{}; after a click: {}", view.address_bar, view.after_click));
    }
    if report.class.class == Class::Ev || report.ev.claims.holds {
        card.row("", GREEN_BAR);
    }
}

/// All the rest.
pub(super) fn details(explanation: &Explanation, card: &mut Card) {
    if explanation.report.is_some() || explanation.seen.is_some() || explanation.site.is_some() {
        card.gap();
    }
    if let Some(report) = &explanation.report {
        leaf(&report.leaf, card);
        limits(report, card);
        ev(report, card);
        chain(&report.chain, card);
        if let Some(revocation) = &explanation.revocation {
            self::revocation(revocation, card);
        }
        transparency(&report.transparency, explanation, card);
    }
    if let Some(seen) = &explanation.seen {
        connection(seen, card);
    }
    if let Some(site) = &explanation.site {
        self::site(site, card);
    }
}

fn verdict(report: &Report, good: bool, card: &mut Card) {
    let mark = match (good, report.verdict.good) {
        (true, _) => Mark::Good,
        (false, true) => Mark::Odd,
        (false, false) => Mark::Bad,
    };
    card.marked("verdict", mark, &report.verdict.text);
}

fn class(report: &Report, card: &mut Card) {
    let word = match report.class.class {
        Class::Dv => "DV, domain validated: ",
        Class::Ov => "OV, organisation validated: ",
        Class::Iv => "IV, individual validated: ",
        Class::Ev => "EV, extended validation: ",
        Class::None => "none: ",
    };
    card.row("class", &format!("{word}{}", report.class.reason));
    for conflict in &report.class.conflicts {
        card.marked("", Mark::Bad, conflict);
    }
    if report.class.qwac {
        card.row("", "qualified website authentication certificate of the EU (QWAC)");
    }
}

/// The three verdicts; one line where no EV is claimed and nothing looks like it.
fn ev(report: &Report, card: &mut Card) {
    let ev = &report.ev;
    if !ev.claims.holds && !ev.shaped.holds && !ev.browser_treated.holds {
        let text = "claims it: no; is shaped like it: no; a browser would treat it so: no";
        card.row("ev", text);
        return;
    }
    let three = [
        ("ev", "claims it", &ev.claims),
        ("", "is shaped like it", &ev.shaped),
        ("", "a browser would treat it so", &ev.browser_treated),
    ];
    for (title, what, verdict) in three {
        let answer = if verdict.holds { "yes" } else { "no" };
        card.row(title, &format!("{what}: {answer}, {}", verdict.why));
    }
    if ev.claims_only {
        card.marked("", Mark::Bad, "claims only: anybody can write this policy into a certificate");
    }
}

fn leaf(leaf: &Certificate, card: &mut Card) {
    let empty = |text: &str| if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() };
    card.row("subject", &empty(&leaf.subject.text));
    card.row("issuer", &empty(&leaf.issuer.text));
    let key = &leaf.public_key;
    let kind = match key.kind {
        KeyKind::Rsa => "RSA".to_owned(),
        KeyKind::Ec => format!("EC {}", key.curve.as_deref().unwrap_or("")).trim_end().to_owned(),
        KeyKind::Ed25519 => "Ed25519".to_owned(),
        KeyKind::Ed448 => "Ed448".to_owned(),
        KeyKind::Dsa => "DSA".to_owned(),
        KeyKind::MlDsa => "ML-DSA".to_owned(),
        KeyKind::Other => key.oid.clone(),
    };
    let bits = if key.bits == 0 { String::new() } else { format!(", {} bits", key.bits) };
    card.row("key", &format!("{kind}{bits}; signed with {}", leaf.signature_algorithm));
    card.row("serial", &leaf.serial);
    card.drawn("sha-256", &leaf.sha256);
}

fn names(names: &Coverage, leaf: &Certificate, card: &mut Card) {
    let mut written: Vec<String> = leaf.dns_names().map(str::to_owned).collect();
    written.extend(leaf.ip_addresses().map(|address| address.to_string()));
    let count = written.len();
    let more = if count > NAMES_MAX {
        format!(" … and {} more", count - NAMES_MAX)
    } else {
        String::new()
    };
    written.truncate(NAMES_MAX);
    let list = if written.is_empty() { "none".into() } else { written.join(", ") };
    card.row("names", &format!("{list}{more}"));
    card.row("", &names.bought_text);
    let mut seen: Vec<&str> = Vec::new();
    for verdict in [&names.asked, &names.bare, &names.www].into_iter().flatten() {
        if !seen.contains(&&*verdict.name) {
            seen.push(&verdict.name);
            name_row(verdict, names.asked.as_ref() == Some(verdict), card);
        }
    }
}

fn name_row(verdict: &NameVerdict, asked: bool, card: &mut Card) {
    let mark = match (verdict.covered, asked) {
        (true, _) => Mark::Good,
        (false, true) => Mark::Bad,
        (false, false) => Mark::Odd,
    };
    card.marked("", mark, &verdict.text);
}

fn lifetime(life: &Lifetime, leaf: &Certificate, now: i64, card: &mut Card) {
    let until = date_time(leaf.not_after);
    let (mark, left) = if life.left_seconds < 0 {
        (Mark::Bad, format!("over for {}, since {until}", days(-life.left_seconds)))
    } else if life.not_yet_seconds > 0 {
        let from = date_time(leaf.not_before);
        (Mark::Bad, format!("begins in {}, on {from}", days(life.not_yet_seconds)))
    } else if life.renew_due {
        let left = days(life.left_seconds);
        (Mark::Odd, format!("until {until}, {left} left; two thirds are over, time to renew"))
    } else {
        let renew = date(life.renew_at);
        let left = days(life.left_seconds);
        (Mark::Good, format!("until {until}, {left} left; renew from {renew} on"))
    };
    card.marked("valid", mark, &left);
    card.drawn("", &bar(leaf, life.renew_at, now));
}

/// How long it lives, against the rules of its day and of the day it is judged on.
fn limits(report: &Report, card: &mut Card) {
    let (life, leaf) = (&report.lifetime, &report.leaf);
    let (from, to) = (date_time(leaf.not_before), date_time(leaf.not_after));
    card.row("lifetime", &format!("{from} to {to}, {} days", life.days));
    // The rules bind public authorities only.
    if report.publicly_trusted == Some(false) || leaf.self_signed != SelfSigned::No {
        return;
    }
    if let Some(limit) = &life.limit {
        let mark = if life.too_long { Mark::Bad } else { Mark::None };
        let text = format!("limit when it was issued: {} ({})", limit.text, limit.source);
        card.marked("", mark, &text);
    }
    if !leaf.is_ca() && !life.at.issuable && !life.at.because.is_empty() {
        let because = life.at.because.join(", and ");
        let day = date(life.at.at);
        card.row(
            "",
            &format!("could not be issued on {day} by a public authority because {because}"),
        );
    }
}

/// The life as a line: what is over, where it is time to renew, what is left.
fn bar(leaf: &Certificate, renew_at: i64, now: i64) -> String {
    let whole = (leaf.not_after - leaf.not_before).max(1);
    let place = |at: i64| {
        let part = (at - leaf.not_before).clamp(0, whole);
        // Both fit: the bar is short and the part is within the whole.
        i64::try_from(i128::from(part) * i128::from(BAR_COLUMNS) / i128::from(whole)).unwrap_or(0)
    };
    let (over, renew) = (place(now), place(renew_at).min(BAR_COLUMNS - 1));
    let cell = |column: i64| match column {
        _ if column == renew => '|',
        _ if column < over => '#',
        _ => '.',
    };
    let cells: String = (0..BAR_COLUMNS).map(cell).collect();
    format!("[{cells}]  # over, | renew, . left")
}

fn chain(chain: &Chain, card: &mut Card) {
    for (number, link) in chain.sent.iter().enumerate() {
        let title = if number == 0 { "sent" } else { "" };
        card.row(title, &format!("{number}: {}", link_text(link)));
    }
    for (number, link) in chain.built.iter().enumerate() {
        let title = if number == 0 { "built" } else { "" };
        let arrow = if number == 0 {
            String::new()
        } else {
            format!("{}\u{2514}\u{2190} ", "  ".repeat(number - 1))
        };
        let origin = match (link.source, link.position) {
            (Source::Sent, Some(position)) => format!("sent as {position}"),
            (Source::Sent, None) => "sent".into(),
            (Source::Pool, _) => "NOT SENT, found elsewhere".into(),
            (Source::Anchor, _) => "root of a store".into(),
        };
        card.row(title, &format!("{arrow}{} ({origin})", short(&link.subject)));
    }
    let (mark, text) = match chain.end {
        ChainEnd::Anchor => (Mark::Good, "ends in a trusted root".to_owned()),
        ChainEnd::Untrusted => {
            (Mark::Bad, "ends in a self-signed certificate nobody here trusts".into())
        }
        ChainEnd::Incomplete => (Mark::Bad, "does not reach a root".into()),
    };
    card.marked("", mark, &text);
    if let Some(missing) = &chain.missing {
        card.marked("", Mark::Bad, &format!("missing: {}", missing.name.text));
    }
}

fn link_text(link: &Link) -> String {
    let until = link.not_after.map(|at| format!(", until {}", date(at))).unwrap_or_default();
    let own = if link.self_signed { ", self-signed" } else { "" };
    let anchor = if link.anchor { ", a root of a store" } else { "" };
    format!("{}{until}{own}{anchor}", short(&link.subject))
}

fn short(subject: &str) -> &str {
    if subject.is_empty() { "(empty subject)" } else { subject }
}

/// Public stores first; a reason that all of them give is written once.
fn trust(trust: &[StoreTrust], card: &mut Card) {
    let mut stores: Vec<&StoreTrust> = trust.iter().collect();
    stores.sort_by_key(|store| !store.public);
    let mut said: Option<&StoreTrust> = None;
    for store in stores {
        let title = if said.is_none() { "trust" } else { "" };
        let mark = if store.trusted { Mark::Good } else { Mark::Bad };
        let same = said.is_some_and(|said| said.reason == store.reason);
        let reason = if same { "the same" } else { &store.reason };
        card.marked(title, mark, &format!("{}: {reason}", store.store));
        said = said.or(Some(store));
    }
}

fn revocation(revocation: &Revocation, card: &mut Card) {
    let mark = |standing| match standing {
        Standing::Good => Mark::Good,
        Standing::Revoked => Mark::Bad,
        Standing::Unknown => Mark::Odd,
        Standing::NotChecked => Mark::None,
    };
    card.marked("revocation", mark(revocation.verdict), &revocation.text);
    for source in &revocation.sources {
        let kind = match source.kind {
            SourceKind::Staple => "stapled OCSP",
            SourceKind::Crl => "CRL",
            SourceKind::Ocsp => "OCSP",
        };
        let url = source.url.as_deref().map(|url| format!(" {url}")).unwrap_or_default();
        card.marked("", mark(source.verdict), &format!("{kind}{url}: {}", source.text));
    }
}

fn transparency(logs: &Transparency, explanation: &Explanation, card: &mut Card) {
    if logs.verdicts.is_empty() {
        card.row("timestamps", "none embedded");
        return;
    }
    let enough = match logs.enough {
        Some(true) => Mark::Good,
        Some(false) => Mark::Bad,
        None => Mark::Odd,
    };
    let text = format!(
        "{} embedded, {} valid from {} operators; browsers ask for {}",
        logs.verdicts.len(),
        logs.valid,
        logs.operators,
        logs.needed
    );
    card.marked("timestamps", enough, &text);
    for sct in &logs.verdicts {
        let (mark, outcome) = match sct.outcome {
            SctOutcome::Valid => (Mark::Good, "signature checked"),
            SctOutcome::Invalid => (Mark::Bad, "the signature is wrong"),
            SctOutcome::UnknownLog => (Mark::Odd, "log unknown, signature not checked"),
            SctOutcome::NoIssuer => (Mark::Odd, "signature not checked: the issuer is not there"),
            SctOutcome::LogNotTrusted => (Mark::Odd, "signed, but the log does not count"),
        };
        let seconds = i64::try_from(sct.timestamp_ms / 1000).unwrap_or(i64::MAX);
        let log = sct.log.clone().unwrap_or_else(|| sct.log_id.chars().take(16).collect());
        let operator = sct.operator.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        card.marked("", mark, &format!("{log}{operator}, {}: {outcome}", date_time(seconds)));
    }
    if explanation.ct_logs.0 == 0 {
        card.row("", "no list of logs is known; give Google's log_list.json with --ct-logs");
    } else if let Some(made) = &explanation.ct_logs.1 {
        card.row("", &format!("by the logs of {made}"));
    }
}

fn connection(seen: &Observation, card: &mut Card) {
    let parts = [seen.version.as_deref(), seen.suite.as_deref(), seen.group.as_deref()];
    let spoken: Vec<&str> = parts.into_iter().flatten().collect();
    let old = if seen.dialect == Dialect::Legacy {
        " (asked with the hello of an old client)"
    } else {
        ""
    };
    let preface = seen.preface.as_ref();
    let preface = preface.map(|preface| format!("{} STARTTLS, ", preface.protocol.name()));
    card.row("connection", &format!("{}{}{old}", preface.unwrap_or_default(), spoken.join(", ")));
    let sni =
        seen.sni.as_deref().map_or_else(|| "no name".to_owned(), |name| format!("name {name}"));
    let times = format!(
        "{}, {sni} sent; connected in {}, certificate after {} more",
        seen.address,
        milliseconds(seen.connect_micros),
        milliseconds(seen.tls_micros)
    );
    card.row("", &times);
}

fn site(site: &SiteView, card: &mut Card) {
    for (number, file) in site.files.iter().enumerate() {
        let title = if number == 0 { "files" } else { "" };
        let served = site.served_sha256.as_ref().map(|served| *served == file.sha256);
        let (mark, what) = match served {
            Some(true) => (Mark::Good, "is served"),
            Some(false) if site.same == Some(true) => (Mark::None, "also covers the name"),
            Some(false) => (Mark::Bad, "is not what is served"),
            None => (Mark::None, "covers the name"),
        };
        let until = date(file.not_after);
        card.marked(title, mark, &format!("{} {what}; until {until}", file.place));
    }
}

fn days(seconds: i64) -> String {
    match seconds {
        ..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// Most names written out.
const NAMES_MAX: usize = 30;
const BAR_COLUMNS: i64 = 40;
