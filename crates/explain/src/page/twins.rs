//! The https twin of each address that is referred to without https: asked once, with HEAD, then
//! with GET where HEAD is not answered well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyper::Method;
use menshen_explain_core::page::classify::{HostKind, Outcome, host_kind, twin};
use menshen_explain_core::page::kind::Kind;
use menshen_explain_core::page::report::Twin;
use menshen_explain_core::page::{Reference, Url};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout_at};

use super::fetch::{Answer, Client, Fault};

/// Asks for the twin of each reference that has something to gain by it.
pub(super) async fn attempt(
    client: &Arc<Client>,
    references: &[Reference],
) -> BTreeMap<String, Twin> {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = BTreeSet::new();
    for reference in references {
        let Ok(url) = Url::parse(&reference.url) else { continue };
        let pointless = matches!(reference.outcome, Outcome::Navigation | Outcome::Unknown)
            || host_kind(&url) == HostKind::Loopback;
        if pointless || !asked.insert(reference.url.clone()) {
            continue;
        }
        let (client, gate) = (Arc::clone(client), Arc::clone(&gate));
        let (kind, asked) = (reference.kind, reference.url.clone());
        tasks.spawn(async move {
            let place = gate.acquire().await;
            let result = one(&client, kind, &url).await;
            drop(place);
            (asked, result)
        });
    }
    let mut twins = BTreeMap::new();
    let deadline = Instant::now() + ALL;
    while let Ok(Some(done)) = timeout_at(deadline, tasks.join_next()).await {
        twins.extend(done.ok());
    }
    for url in asked {
        let why = format!("not known: there was no time for it within {} s", ALL.as_secs());
        twins.entry(url).or_insert(Twin::Unreachable { why });
    }
    twins
}

async fn one(client: &Client, kind: Kind, url: &Url) -> Twin {
    let mut secure = twin(url);
    if secure.scheme() == "wss" {
        // A web socket begins as a request of HTTP; that its host speaks TLS is what counts.
        let _ = secure.set_scheme("https");
    }
    for _ in 0..=REDIRECTS_MAX {
        let answer = match ask(client, &secure).await {
            Ok(answer) => answer,
            Err(Fault::Certificate(why)) => return Twin::BadCertificate { why },
            Err(Fault::Unreachable(why)) => return Twin::Unreachable { why },
        };
        let Some(next) = answer.redirect(&secure) else { return judge(kind, &answer) };
        if next.scheme() != "https" {
            return Twin::Downgrades { to: next.to_string() };
        }
        secure = next;
    }
    Twin::Unreachable { why: format!("more than {REDIRECTS_MAX} redirects") }
}

async fn ask(client: &Client, url: &Url) -> Result<Answer, Fault> {
    let head = client.ask(Method::HEAD, url, None, 0).await;
    match head {
        Ok(answer) if answer.status < 400 => Ok(answer),
        Err(fault @ Fault::Certificate(_)) => Err(fault),
        _ => client.ask(Method::GET, url, Some("bytes=0-0"), BYTES_MAX).await,
    }
}

fn judge(kind: Kind, answer: &Answer) -> Twin {
    let status = answer.status;
    // Forms and sockets answer questions of this kind as they like; that they do is enough.
    if matches!(kind, Kind::Form | Kind::Socket | Kind::Request | Kind::Ping) {
        return if status < 500 { Twin::Works { status } } else { Twin::Status { status } };
    }
    if status >= 400 {
        return Twin::Status { status };
    }
    let media_type = answer.media_type();
    // An object shows an image only if it is answered as one; all else becomes a frame.
    if kind == Kind::PluginImage && !media_type.starts_with("image/") {
        return Twin::OtherType { media_type };
    }
    // A page where none belongs is a host that answers everything with its front page.
    let page = media_type == "text/html";
    let fits = matches!(kind, Kind::Frame | Kind::Plugin | Kind::Prefetch | Kind::PreloadOther);
    if page && !fits { Twin::OtherType { media_type } } else { Twin::Works { status } }
}

/// Connections at once.
const AT_ONCE: usize = 6;
/// For all of them: a page with many dead hosts must not take minutes.
const ALL: Duration = Duration::from_secs(20);
/// Bytes of an answer to a question for one byte; some hosts know no ranges.
const BYTES_MAX: usize = 1024;
/// Redirects of a twin.
const REDIRECTS_MAX: usize = 5;
