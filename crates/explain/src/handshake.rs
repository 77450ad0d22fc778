//! `explain https`: the handshake that really happened, from a live connection, a capture file or
//! the records of our own door.
//!
//! This is the collecting side. What a recording means is decided in
//! `menshen_explain_core::handshake`; how it looks, in the renderers. Foreign bytes are read here,
//! so the caller gives up the rights of root first. It fails when nobody can be reached or a file
//! holds no handshake; a handshake that fails is an answer, not an error.

use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;

use menshen_base::Finding;
use menshen_explain_core::capture::CaptureError;
use menshen_explain_core::handshake::{Check, Story};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

use crate::connect::{ConnectError, Dial};
use crate::hello::Hello;
use crate::starttls::{Preface, Protocol, Speaker, StarttlsError};
use crate::trust::{RootsError, Store};

mod door;
mod file;
mod html;
mod keys;
mod legacy;
mod live;
mod save;
mod scene;
mod svg;
mod tap;
mod text;
mod verdicts;

pub use door::{Gallery, from_door};
pub use file::{Choose, from_capture};
pub use html::{gallery_html, html};
pub use legacy::Expected;
pub use svg::svg;
pub use text::{gallery_text, text};

/// What is to be looked at, and how.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Where to connect.
    pub dial: Dial,
    /// The name to ask for instead of the host's.
    pub name: Option<String>,
    /// What is spoken before TLS; None: what the target's scheme says.
    pub starttls: Option<Protocol>,
    /// The versions to offer.
    pub versions: Versions,
    /// Whether the first connection's session is taken up by a second one.
    pub session: Session,
    /// The certificate to show when the server asks for one.
    pub identity: Option<Identity>,
    /// Roots to judge the chain by instead of the system's and Mozilla's, PEM or DER.
    pub roots: Option<Vec<u8>>,
    /// The time certificates are judged at, in Unix seconds.
    pub unix_seconds: u64,
}

/// Which versions of TLS are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3.
    All,
    /// 1.2 only.
    Tls12,
}

/// Which connection is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// A first one.
    New,
    /// A second one, which resumes the session of the first.
    Resumed,
}

/// A client certificate with its key; `Debug` shows no key.
#[derive(Clone)]
pub struct Identity {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// DER: PKCS#8, PKCS#1 or SEC1.
    pub key_der: Vec<u8>,
}

/// A handshake that was made, with all that is needed to save it.
#[derive(Debug)]
pub struct Look {
    /// What is to be shown.
    pub report: Report,
    taped: live::Taped,
    key_log: String,
}

/// A handshake and what is to be said about it; serialises to the stable JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The handshake.
    pub story: Story,
    /// What should be better or went wrong, the cause of a failure first.
    pub findings: Vec<Finding>,
    /// The address that was connected to, of a live connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was said before TLS, each line with its speaker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preface: Vec<Said>,
    /// The connections that were made, in order; the last one, or the one marked, is the story.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempted>,
    /// Messages that did not pass, but would have with a client that still spoke this.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Expected>,
    /// What the TLS library of our side said when the handshake failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Its place in the list, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<usize>,
    /// All connections of a capture.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<Listed>,
    /// Connections of a capture that are not in the list.
    pub left_out: u64,
}

/// A line that was said before TLS.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// `client` or `server`.
    pub by: &'static str,
    /// The line, without anything that could steer a terminal.
    pub line: String,
}

/// One connection that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Attempted {
    /// What was offered.
    pub hello: &'static str,
    /// What came of it, in one line.
    pub outcome: String,
    /// Whether the story is about this one.
    pub told: bool,
}

/// One handshake in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// To choose it by, from 1.
    pub number: usize,
    /// When it began, Unix milliseconds.
    pub unix_ms: u64,
    /// Who connected.
    pub client: String,
    /// To whom, as far as the recording tells.
    pub server: String,
    /// The name the client asked for.
    pub sni: Option<String>,
    /// Versions the client offered.
    pub versions: Vec<String>,
    /// Groups alike clients.
    pub ja4: Option<String>,
    /// What came of it, in one line.
    pub outcome: String,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// Nobody there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS did not begin.
    #[error(transparent)]
    Starttls(#[from] StarttlsError),
    /// A name that cannot be sent.
    #[error("\"{0}\" is no name a server can be asked for")]
    Name(String),
    /// The client certificate does not do.
    #[error("the client certificate cannot be used: {0}")]
    Identity(String),
    /// The roots to judge by do not do.
    #[error("the roots cannot be used")]
    Roots(#[source] RootsError),
    /// Our own client does not work.
    #[error("the client cannot be made: {0}")]
    Client(String),
    /// A file cannot be read.
    #[error("the file cannot be read")]
    Read(#[source] io::Error),
    /// Not a capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A capture without TLS.
    #[error("no TLS connection is in the capture")]
    NothingThere {
        /// Packets it has.
        packets: u64,
        /// Packets of link types that are not understood.
        unknown_links: u64,
    },
    /// The choice fits nothing.
    #[error("the capture has no such TLS connection; it has {found}")]
    NoSuch {
        /// Connections it has.
        found: usize,
    },
}

/// Connects, shakes hands, and tells what happened.
///
/// # Errors
/// When nobody can be reached, TLS cannot begin, or what was asked for cannot be sent.
pub fn look(ask: &Ask) -> Result<Look, HandshakeError> {
    let client = live::Client::new(ask)?;
    let first = client.attempt(ask)?;
    let story = first.taped.tell(&client.keys.secrets());
    let failed = first.error.is_some();
    let mut attempts = vec![attempted(OUR_HELLO, &story, first.error.as_deref())];
    let mut told = 0;
    let (mut shown, mut story, mut skip) = (first, story, 0);
    let mut expected = Vec::new();
    if failed && legacy::is_worth_trying(&story) {
        for hello in Hello::ALL {
            // One that cannot be reached now is as good as one that says nothing.
            let Ok((taped, answer)) = legacy::probe(ask, hello) else { continue };
            attempts.push(attempted(hello.words(), &answer, None));
            if legacy::is_telling(&answer) {
                expected = legacy::expected(&answer);
                told = attempts.len() - 1;
                (shown.taped, story) = (taped, answer);
                skip = client.keys.count();
                break;
            }
        }
    } else if !failed && ask.session == Session::Resumed {
        skip = client.keys.count();
        shown = client.attempt(ask)?;
        story = shown.taped.tell(&client.keys.secrets());
        attempts.push(attempted(OUR_HELLO, &story, shown.error.as_deref()));
        told = attempts.len() - 1;
    }
    if let Some(attempt) = attempts.get_mut(told) {
        attempt.told = true;
    }
    let (name, roots) = (ask.name(), ask.roots.as_deref());
    let given = roots.map(Store::given).transpose().map_err(HandshakeError::Roots)?;
    let checks = verdicts::chain_checks(&story, Some(&name), ask.unix_seconds, given.as_ref());
    let mut report = Report::of(story, checks);
    if !expected.is_empty() {
        // It was we who did not go on.
        report.findings.retain(|finding| finding.code != "handshake-unfinished");
    }
    if ask.session == Session::Resumed && report.story.resumed.is_none() {
        report.findings.push(verdicts::not_resumed(&report.story));
    }
    report.address = Some(shown.taped.server.to_string());
    report.preface = shown.preface.iter().flat_map(said).collect();
    report.said = shown.error;
    report.attempts = attempts;
    report.expected = expected;
    Ok(Look { report, taped: shown.taped, key_log: client.keys.text(skip) })
}

impl Look {
    /// Writes what was recorded as pcapng, with the keys of the connection in it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn save(&self, out: &mut impl Write) -> io::Result<()> {
        save::write(out, &self.taped, &self.key_log)
    }
}

impl Report {
    /// Whether something is wrong: exit code 1.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        verdicts::is_bad(&self.findings)
    }

    /// The checks of the chain become part of the story.
    fn of(mut story: Story, chain_checks: Vec<Check>) -> Self {
        let findings = verdicts::findings(&story, &chain_checks);
        story.checks.extend(chain_checks);
        Self {
            findings,
            story,
            address: None,
            preface: Vec::new(),
            attempts: Vec::new(),
            expected: Vec::new(),
            said: None,
            number: None,
            list: Vec::new(),
            left_out: 0,
        }
    }
}

impl Listed {
    fn of(number: usize, unix_ms: u64, client: String, story: &Story) -> Self {
        let versions = story.offer.iter().flat_map(|offer| &offer.versions);
        Self {
            number,
            unix_ms,
            client,
            server: story.subject.clone(),
            sni: story.sni.clone(),
            versions: versions.map(|version| version.name.clone()).collect(),
            ja4: story.ja4.clone(),
            outcome: verdicts::in_short(story),
        }
    }
}

impl Ask {
    /// The name or address the certificate must have.
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.dial.target.host.to_string())
    }

    /// The name that is sent; an address is none.
    fn sni(&self) -> Option<String> {
        let name = match &self.name {
            Some(name) => Some(name.as_str()).filter(|name| name.parse::<IpAddr>().is_err()),
            None => self.dial.target.sni(),
        };
        name.map(str::to_owned)
    }

    fn starttls(&self) -> Option<Protocol> {
        self.starttls.or(self.dial.target.starttls)
    }

    fn subject(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} at {}", self.dial.target),
            None => self.dial.target.to_string(),
        }
    }
}

impl Identity {
    /// Reads a chain and a key, both PEM.
    ///
    /// # Errors
    /// When one of them is missing or no PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, HandshakeError> {
        let wrong = |error: pem::Error| HandshakeError::Identity(error.to_string());
        let chain = CertificateDer::pem_slice_iter(chain)
            .map(|der| der.map(|der| der.to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(wrong)?;
        if chain.is_empty() {
            return Err(HandshakeError::Identity("no certificate is in the file".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(wrong)?;
        Ok(Self { chain, key_der: key.secret_der().to_vec() })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates)", self.chain.len())
    }
}

fn said(preface: &Preface) -> impl Iterator<Item = Said> {
    preface.dialogue.iter().map(|(speaker, line)| Said {
        by: match speaker {
            Speaker::Client => "client",
            Speaker::Server => "server",
        },
        line: line.clone(),
    })
}

fn attempted(hello: &'static str, story: &Story, error: Option<&str>) -> Attempted {
    let outcome = match error {
        Some(error) => format!("{} ({error})", verdicts::in_short(story)),
        None => verdicts::in_short(story),
    };
    Attempted { hello, outcome, told: false }
}

const OUR_HELLO: &str = "a client of today: TLS 1.2 and 1.3";
