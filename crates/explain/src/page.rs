//! Reads a page and what it loads, and tries the https twin of what it refers to without https.
//!
//! What is read is only looked at, never run. Everything has a limit: bytes of a document,
//! documents, connections at once, seconds. A page that cannot be reached is an error; anything
//! less is told in the answer. Must not run as root.

mod fetch;
mod twins;

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use menshen_explain_core::page::Url;
use menshen_explain_core::page::csp::Policies;
use menshen_explain_core::page::report::{Document, Facts, Hop};
use menshen_explain_core::page::{Expected, Follow, Scan, html, manifest, scan_style};

use self::fetch::{Answer, Client, Fault};

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// A page to fetch.
    Fetch(Url),
    /// A page that was saved, and the address it has.
    Saved {
        /// The document.
        text: String,
        /// Its address.
        base: Url,
    },
}

/// How to ask.
#[derive(Debug, Default)]
pub struct Options {
    /// Where the page's own host is, instead of what its name says.
    pub connect: Option<SocketAddr>,
    /// Where other hosts are.
    pub resolve: Vec<Resolve>,
    /// Further authorities to trust, PEM.
    pub roots: Vec<u8>,
    /// Whether to try https at what is referred to without it.
    pub twins: Twins,
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// Its name.
    pub host: String,
    /// The port it is asked for.
    pub port: u16,
    /// Its address.
    pub address: IpAddr,
}

/// Whether twins are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Twins {
    /// Each is asked once.
    #[default]
    Try,
    /// None is asked.
    Leave,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Nobody can be asked, or what answers is no page one can look at.
    #[error("could not fetch {url}: {why}")]
    PeerUnreachable {
        /// The page.
        url: String,
        /// Why.
        why: String,
    },
    /// Its certificate is not one that browsers take.
    #[error("the certificate of {url} is refused: {why}")]
    PeerCertificate {
        /// The page.
        url: String,
        /// Why.
        why: String,
    },
    /// It is something else.
    #[error("{url} is no HTML page but {media_type}")]
    PeerNotHtml {
        /// The page.
        url: String,
        /// What it is.
        media_type: String,
    },
    /// The authorities given cannot be read.
    #[error("{0}")]
    ConfigRoots(String),
    /// This process cannot ask.
    #[error("could not {step}")]
    Local {
        /// The step.
        step: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Looks at the page.
///
/// # Errors
/// When the page itself cannot be had; what it loads may fail and is told in the answer.
pub fn look(question: Question, options: Options) -> Result<Facts, PageError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|source| PageError::Local { step: "start the runtime", source })?;
    let page = match &question {
        Question::Fetch(url) => url.clone(),
        Question::Saved { base, .. } => base.clone(),
    };
    let twins = options.twins;
    let client = Arc::new(Client::new(&page, options)?);
    let facts = runtime.block_on(async {
        let mut walk = Walk::new(Arc::clone(&client));
        walk.page(question).await?;
        walk.rest().await;
        let mut facts = walk.facts;
        if twins == Twins::Try {
            facts.twins = twins::attempt(&client, &facts.references).await;
        }
        Ok(facts)
    });
    // A name that is still being looked up must not hold up the answer.
    runtime.shutdown_background();
    facts
}

/// The page and what it loads, one after the other.
struct Walk {
    client: Arc<Client>,
    facts: Facts,
    page: Option<Url>,
    policies: Policies,
    queue: VecDeque<(Follow, usize)>,
    known: BTreeSet<String>,
}

impl Walk {
    fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            facts: Facts::default(),
            page: None,
            policies: Policies::default(),
            queue: VecDeque::new(),
            known: BTreeSet::new(),
        }
    }

    async fn page(&mut self, question: Question) -> Result<(), PageError> {
        let (text, url, status, policies) = match question {
            Question::Saved { text, base } => {
                self.facts.saved = true;
                (text, base, 200, Policies::default())
            }
            Question::Fetch(url) => {
                let (answer, at) = self.fetch_page(url).await?;
                (answer.text(), at, answer.status, answer.policies())
            }
        };
        self.facts.page = url.to_string();
        self.document(&url, "page", status, None);
        let scan = html::scan(&url, &url, &text, policies);
        self.facts.upgrades = scan.policies.upgrades();
        self.facts.blocks_all = scan.policies.blocks_all();
        self.policies = scan.policies.clone();
        self.page = Some(url);
        self.take(scan, 0);
        Ok(())
    }

    /// The page, after the redirects it sends us through.
    async fn fetch_page(&mut self, mut url: Url) -> Result<(Answer, Url), PageError> {
        loop {
            let answer = self.client.get(&url, DOCUMENT_BYTES_MAX).await;
            let answer = answer.map_err(|fault| page_error(&url, fault))?;
            self.facts.cut |= answer.cut;
            let Some(next) = answer.redirect(&url) else {
                let media_type = answer.media_type();
                if !matches!(&*media_type, "" | "text/html" | "application/xhtml+xml") {
                    return Err(PageError::PeerNotHtml { url: url.into(), media_type });
                }
                return Ok((answer, url));
            };
            let (from, to) = (url.to_string(), next.to_string());
            self.facts.hops.push(Hop { from, status: answer.status, to });
            if self.facts.hops.len() > REDIRECTS_MAX {
                let why = format!("more than {REDIRECTS_MAX} redirects");
                return Err(PageError::PeerUnreachable { url: url.into(), why });
            }
            url = next;
        }
    }

    /// Stylesheets, manifests and frames of the same origin.
    async fn rest(&mut self) {
        while let Some((follow, depth)) = self.queue.pop_front() {
            if self.facts.documents.len() >= DOCUMENTS_MAX {
                self.facts.cut = true;
                return;
            }
            self.follow(follow, depth).await;
        }
    }

    async fn follow(&mut self, follow: Follow, depth: usize) {
        let Some(page) = self.page.clone() else { return };
        let (kind, max) = match follow.what {
            Expected::Style => ("stylesheet", STYLE_BYTES_MAX),
            Expected::Manifest => ("manifest", STYLE_BYTES_MAX),
            Expected::Frame => ("frame", DOCUMENT_BYTES_MAX),
        };
        let (answer, url) = match self.client.get_on(&follow.url, max).await {
            Ok(found) => found,
            Err(fault) => return self.document(&follow.url, kind, 0, Some(fault.text())),
        };
        let fault = (answer.status >= 400).then(|| format!("status {}", answer.status));
        let failed = fault.is_some();
        self.facts.cut |= answer.cut;
        self.document(&url, kind, answer.status, fault);
        if failed {
            return;
        }
        let text = answer.text();
        let scan = match follow.what {
            Expected::Style => scan_style(&page, &url, &text, &self.policies),
            Expected::Manifest => manifest::scan(&page, &url, &text, &self.policies),
            Expected::Frame => {
                let mut policies = answer.policies();
                if self.policies.upgrades() {
                    // What the page upgrades, its frames upgrade (Upgrade Insecure Requests §3.1).
                    policies.add("upgrade-insecure-requests");
                }
                html::scan(&page, &url, &text, policies)
            }
        };
        self.take(scan, depth + 1);
    }

    fn take(&mut self, scan: Scan, depth: usize) {
        self.facts.seen += scan.seen;
        self.facts.cut |= scan.cut;
        let room = REFERENCES_MAX.saturating_sub(self.facts.references.len());
        self.facts.cut |= scan.references.len() > room;
        self.facts.references.extend(scan.references.into_iter().take(room));
        for follow in scan.follow {
            let levels = match follow.what {
                Expected::Style => IMPORT_LEVELS_MAX,
                Expected::Manifest | Expected::Frame => 1,
            };
            // What another site shows in a frame is not for this page to repair.
            let foreign = follow.what == Expected::Frame
                && self.page.as_ref().is_some_and(|page| page.origin() != follow.url.origin());
            if depth < levels && !foreign && self.known.insert(follow.url.to_string()) {
                self.queue.push_back((follow, depth));
            }
        }
    }

    fn document(&mut self, url: &Url, kind: &'static str, status: u16, fault: Option<String>) {
        self.facts.documents.push(Document { url: url.to_string(), kind, status, fault });
    }
}

fn page_error(url: &Url, fault: Fault) -> PageError {
    let url = url.to_string();
    match fault {
        Fault::Certificate(why) => PageError::PeerCertificate { url, why },
        Fault::Unreachable(why) => PageError::PeerUnreachable { url, why },
    }
}

/// Bytes of a page or frame that are read.
const DOCUMENT_BYTES_MAX: usize = 8 << 20;
/// Bytes of a stylesheet or manifest that are read.
const STYLE_BYTES_MAX: usize = 2 << 20;
/// Documents read for one page.
const DOCUMENTS_MAX: usize = 60;
/// References kept for one page.
const REFERENCES_MAX: usize = 500;
/// Stylesheets that import each other.
const IMPORT_LEVELS_MAX: usize = 4;
/// Redirects from the address that was asked for to the page.
const REDIRECTS_MAX: usize = 10;
