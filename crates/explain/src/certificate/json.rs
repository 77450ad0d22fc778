//! The explanation as JSON. Names of fields and codes stay as they are.

use menshen_base::Finding;
use menshen_explain_core::certificate::Report;
use serde::Serialize;
use serde_json::Value;

use super::Explanation;
use super::observe::{Dialect, Observation};
use super::revocation::Revocation;
use super::site::SiteView;
use crate::starttls::Speaker;

/// The explanation as JSON, with a line end.
#[must_use]
pub fn json(explanation: &Explanation) -> String {
    let report = explanation.report.as_ref();
    let whole = Whole {
        class: report.map_or("none", |report| report.class.class.word()),
        good: explanation.good(),
        subject: &explanation.subject,
        connection: explanation.seen.as_ref().map(Connection::new),
        certificate: report.map(without_findings),
        revocation: explanation.revocation.as_ref(),
        fetched: explanation
            .fetched
            .iter()
            .map(|(url, outcome)| Fetched { url, outcome })
            .collect(),
        ct_logs: CtLogs { known: explanation.ct_logs.0, made: explanation.ct_logs.1.as_deref() },
        site: explanation.site.as_ref(),
        findings: &explanation.findings,
    };
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}

/// The findings stand at the top, together with those of the connection.
fn without_findings(report: &Report) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("findings");
    }
    value
}

#[derive(Serialize)]
struct Whole<'a> {
    class: &'static str,
    good: bool,
    subject: &'a str,
    connection: Option<Connection<'a>>,
    certificate: Option<Value>,
    revocation: Option<&'a Revocation>,
    fetched: Vec<Fetched<'a>>,
    ct_logs: CtLogs<'a>,
    site: Option<&'a SiteView>,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Connection<'a> {
    address: String,
    sni: Option<&'a str>,
    starttls: Option<Starttls<'a>>,
    hello: &'static str,
    version: Option<&'a str>,
    suite: Option<&'a str>,
    group: Option<&'a str>,
    stapled: bool,
    key_proven: Option<bool>,
    broke: Option<&'a str>,
    certificates: usize,
    connect_micros: u64,
    tls_micros: u64,
}

#[derive(Serialize)]
struct Starttls<'a> {
    protocol: &'static str,
    micros: u64,
    dialogue: Vec<(&'static str, &'a str)>,
}

#[derive(Serialize)]
struct Fetched<'a> {
    url: &'a str,
    outcome: &'a str,
}

#[derive(Serialize)]
struct CtLogs<'a> {
    known: usize,
    made: Option<&'a str>,
}

impl<'a> Connection<'a> {
    fn new(seen: &'a Observation) -> Self {
        let starttls = seen.preface.as_ref().map(|preface| Starttls {
            protocol: preface.protocol.word(),
            micros: preface.micros,
            dialogue: preface.dialogue.iter().map(|(who, said)| (speaker(*who), &**said)).collect(),
        });
        Self {
            address: seen.address.to_string(),
            sni: seen.sni.as_deref(),
            starttls,
            hello: match seen.dialect {
                Dialect::Modern => "modern",
                Dialect::Legacy => "legacy",
            },
            version: seen.version.as_deref(),
            suite: seen.suite.as_deref(),
            group: seen.group.as_deref(),
            stapled: seen.staple.is_some(),
            key_proven: seen.key_proven,
            broke: seen.broke.as_deref(),
            certificates: seen.chain.len(),
            connect_micros: seen.connect_micros,
            tls_micros: seen.tls_micros,
        }
    }
}

const fn speaker(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::Client => "client",
        Speaker::Server => "server",
    }
}
