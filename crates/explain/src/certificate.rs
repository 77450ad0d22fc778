//! `menshen explain cert`: looks at a server, a file or a site of our own, and puts together what
//! the pure core says about the certificate with what was seen on the way to it.
//!
//! Nothing here decides what a certificate is worth; that is `menshen_explain_core::certificate`.
//! It fails with [`ExplainError`] when nothing could be looked at. A server that was reached but
//! shows no certificate is an answer, with a finding.

mod crl;
mod ct_logs;
mod der;
mod findings;
pub mod input;
mod issuer;
mod json;
mod legacy;
mod observe;
mod ocsp;
mod revocation;
mod signed;
mod site;
mod text;

use std::io::{self, Read};
use std::thread;

use menshen_base::{Finding, Severity};
use menshen_explain_core::certificate::{Certificate, Inputs, Report, StoreTrust, report};

pub use self::ct_logs::{CT_LOGS_BYTES_MAX, CtLogs, CtLogsError};
pub use self::input::InputError;
pub use self::json::json;
pub use self::observe::{Dialect, Observation, ObserveError};
pub use self::revocation::{Revocation, Source, SourceKind, Standing};
pub use self::site::{Held, SiteFiles, SiteView};
pub(crate) use self::text::shown;
pub use self::text::{Paint, text};

use self::observe::observe;
use crate::connect::Dial;
use crate::fetch::{Reach, is_public};
use crate::starttls::Protocol;
use crate::trust::{RootsError, Store, anchors};

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// What to look at.
    pub about: About,
    /// The name the certificate should be good for; None: the server's, or none for a file.
    pub asked: Option<String>,
    /// Today, Unix seconds.
    pub now: i64,
    /// Another moment to judge at, Unix seconds.
    pub at: Option<i64>,
    /// More roots to trust: contents of a PEM or DER file.
    pub roots: Option<Vec<u8>>,
    /// A list of logs: contents of a `log_list.json`.
    pub ct_logs: Option<Vec<u8>>,
    /// Whether anything but the server itself may be asked.
    pub network: Network,
}

/// What to look at.
#[derive(Debug)]
pub enum About {
    /// A server.
    Server {
        /// Where it is.
        dial: Dial,
        /// What is spoken before TLS.
        protocol: Option<Protocol>,
    },
    /// A file.
    File {
        /// What to call it.
        name: String,
        /// Its contents.
        bytes: Vec<u8>,
    },
    /// A site of this menshen.
    Site {
        /// The files it may serve.
        files: SiteFiles,
        /// Its own door.
        dial: Dial,
    },
}

/// Whether anything but the server itself may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Issuers, lists and responders that the certificate names are asked.
    Asked,
    /// Nobody is asked.
    Offline,
}

/// The answer.
#[derive(Debug)]
pub struct Explanation {
    /// What was looked at, in words.
    pub subject: String,
    /// The handshake; None for a file.
    pub seen: Option<Observation>,
    /// Everything about the certificate; None when none was seen.
    pub report: Option<Report>,
    /// Revocation; None when no certificate was seen.
    pub revocation: Option<Revocation>,
    /// A site's files against what is served.
    pub site: Option<SiteView>,
    /// Issuers that were fetched: where, and how it went.
    pub fetched: Vec<(String, String)>,
    /// Logs known, and the date of their list.
    pub ct_logs: (usize, Option<String>),
    /// All findings, the gravest first.
    pub findings: Vec<Finding>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The server cannot be reached.
    #[error(transparent)]
    Unreachable(#[from] ObserveError),
    /// The file has no certificate.
    #[error("{name} cannot be explained")]
    Input {
        /// The file.
        name: String,
        /// Why.
        #[source]
        source: InputError,
    },
    /// The given roots are none.
    #[error("--roots cannot be used")]
    Roots(#[source] RootsError),
    /// The given list of logs is none.
    #[error("--ct-logs cannot be used")]
    CtLogs(#[source] CtLogsError),
}

impl Explanation {
    /// Whether a finding is above a note.
    #[must_use]
    pub fn good(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Note)
    }
}

/// Looks and explains.
///
/// # Errors
/// [`ExplainError`].
pub fn explain(question: &Question) -> Result<Explanation, ExplainError> {
    let given = question.roots.as_deref().map(Store::given).transpose();
    let given = given.map_err(ExplainError::Roots)?;
    let logs = question.ct_logs.as_deref().map(ct_logs::read).transpose();
    let logs = logs.map_err(ExplainError::CtLogs)?.unwrap_or_else(ct_logs::shipped);
    // The system's roots are many files on some systems: read while the server is waited for.
    let loading = thread::spawn(|| (Store::system(), Store::mozilla()));
    let looked = look(question)?;
    let (system, mozilla) = loading.join().unwrap_or_else(|_| (Store::mozilla(), Store::mozilla()));
    let mut stores = vec![&system, &mozilla];
    stores.extend(&given);
    Ok(judge(question, looked, &stores, logs))
}

/// Reads at most `max` bytes.
///
/// # Errors
/// What the system says, or `InvalidData` when there are more.
pub fn read_bounded(from: impl Read, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max {
        let text = format!("it is longer than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(bytes)
}

/// Unix seconds of `2026-03-15` or `2026-03-15T10:00:00Z`.
#[must_use]
pub fn parse_moment(text: &str) -> Option<i64> {
    let form = match text.len() {
        10 => "0000-00-00",
        20 => "0000-00-00T00:00:00Z",
        _ => return None,
    };
    let fits = |(one, other): (u8, u8)| {
        if other == b'0' { one.is_ascii_digit() } else { one == other }
    };
    if !text.bytes().zip(form.bytes()).all(fits) {
        return None;
    }
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.len() == 10 {
        digits.push_str("000000");
    }
    let bytes = der::wrap(der::GENERALIZED_TIME, format!("{digits}Z").as_bytes());
    der::time(&der::Reader::new(&bytes).next()?)
}

/// A DER SEQUENCE around `content`.
pub(crate) fn sequence(content: &[u8]) -> Vec<u8> {
    der::wrap(der::SEQUENCE, content)
}

/// What was found before anything is judged.
struct Looked {
    subject: String,
    asked: Option<String>,
    seen: Option<Observation>,
    chain: Vec<Certificate>,
    site: Option<SiteView>,
    reach: Reach,
    findings: Vec<Finding>,
}

fn look(question: &Question) -> Result<Looked, ExplainError> {
    match &question.about {
        About::File { name, bytes } => {
            let read = input::certificates(bytes);
            let chain =
                read.map_err(|source| ExplainError::Input { name: name.clone(), source })?;
            Ok(Looked {
                subject: name.clone(),
                asked: question.asked.clone(),
                seen: None,
                chain,
                site: None,
                reach: Reach::Anywhere,
                findings: Vec::new(),
            })
        }
        About::Server { dial, protocol } => {
            let server = dial.target.to_string();
            let seen = observe(dial, *protocol, question.asked.as_deref());
            let asked = question.asked.clone().unwrap_or_else(|| dial.target.host.to_string());
            let mut looked = Looked {
                subject: server.clone(),
                asked: Some(asked),
                seen: None,
                chain: Vec::new(),
                site: None,
                reach: Reach::Public,
                findings: Vec::new(),
            };
            match seen {
                Ok(seen) => looked.take(seen, &server),
                Err(error) => match findings::no_certificate(&error, &server, *protocol) {
                    Some(finding) => looked.findings.push(finding),
                    None => return Err(error.into()),
                },
            }
            Ok(looked)
        }
        About::Site { files, dial } => Ok(site::look(files, dial)),
    }
}

impl Looked {
    /// Takes over what a handshake showed.
    fn take(&mut self, seen: Observation, server: &str) {
        if !is_public(seen.address.ip()) {
            self.reach = Reach::Anywhere;
        }
        for (place, der) in seen.chain.iter().enumerate().take(input::CERTIFICATES_MAX) {
            match Certificate::from_der(der) {
                Ok(certificate) => self.chain.push(certificate),
                Err(error) => {
                    self.findings.push(findings::unreadable(place, &error.to_string(), server));
                }
            }
        }
        if let Some(leaf) = self.chain.first() {
            self.findings.extend(findings::of_connection(&seen, leaf, server));
        }
        self.seen = Some(seen);
    }
}

fn judge(question: &Question, looked: Looked, stores: &[&Store], logs: CtLogs) -> Explanation {
    let Looked { subject, asked, seen, chain, site, reach, mut findings } = looked;
    let mut explanation = Explanation {
        subject,
        seen,
        report: None,
        revocation: None,
        site,
        fetched: Vec::new(),
        ct_logs: (logs.logs.len(), logs.made),
        findings: Vec::new(),
    };
    if let Some((leaf, others)) = chain.split_first() {
        let reach = (question.network == Network::Asked).then_some(reach);
        let anchors = anchors(stores);
        let completed = issuer::complete(&chain, &anchors, reach);
        explanation.fetched = completed.fetched;
        let at = question.at.unwrap_or(question.now);
        let sent: Vec<&Certificate> = others.iter().collect();
        let trust: Vec<StoreTrust> =
            stores.iter().map(|store| store.judge(leaf, &sent, at)).collect();
        let all: Vec<&Certificate> = others.iter().chain(&completed.pool).collect();
        let publicly_trusted = public(stores, leaf, &all, at, completed.whole);
        let inputs = Inputs {
            sent: &chain,
            asked: asked.as_deref(),
            now: at,
            pool: &completed.pool,
            anchors: &anchors,
            trust: &trust,
            publicly_trusted,
            logs: &logs.logs,
        };
        explanation.report = report(&inputs);
        let issuer = issuer::of(leaf, &all, &anchors);
        let staple = explanation.seen.as_ref().and_then(|seen| seen.staple.as_deref());
        let revocation = revocation::check(&revocation::Subject {
            leaf,
            issuer: issuer.as_ref(),
            staple,
            now: question.now,
            reach,
        });
        findings.extend(findings::of_revocation(&revocation, leaf.title()));
        explanation.revocation = Some(revocation);
    }
    if let Some(report) = &mut explanation.report {
        findings.append(&mut report.findings);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    explanation.findings = findings;
    explanation
}

/// Whether the root is publicly trusted: not known where the chain does not reach one.
fn public(
    stores: &[&Store],
    leaf: &Certificate,
    others: &[&Certificate],
    at: i64,
    whole: bool,
) -> Option<bool> {
    let mut public = stores.iter().filter(|store| store.public);
    let trusted = public.any(|store| store.judge(leaf, others, at).trusted);
    (trusted || whole).then_some(trusted)
}

#[cfg(test)]
mod tests;
