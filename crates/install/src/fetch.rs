//! One file over HTTP or HTTPS: into a part beside it, which a later try goes on with.
//!
//! A part is gone on with only if the server says by its own tag that it is still the same file
//! (`If-Range`, RFC 9110 §13.1.5); else it is fetched anew. What was fetched is not trusted: its
//! checksum decides, elsewhere. A redirect never leads from HTTPS to HTTP. Proxies are those of the
//! environment, as curl reads it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HOST, IF_RANGE, LAST_MODIFIED};
use hyper::header::{LOCATION, RANGE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;
use url::Url;

use crate::manifest::write_whole;
use crate::show::{Event, Show};
use crate::stop::Stop;

mod connect;
mod proxy;

pub use proxy::Proxies;

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no address that is fetched.
    #[error("{0:?} is no http or https address")]
    Address(String),
    /// Nobody answers there.
    #[error("could not connect to {0}")]
    Connect(String, #[source] io::Error),
    /// It is not who it should be, or does not speak TLS.
    #[error("{0} is not trusted")]
    Untrusted(String, #[source] io::Error),
    /// The roots of this host.
    #[error("{0} cannot be checked")]
    Trust(String, #[source] menshen_tls::TrustProblem),
    /// The proxy of the environment refused.
    #[error("the proxy {0} answered {1:?}")]
    Proxy(String, String),
    /// The connection broke, or what came over it was no HTTP.
    #[error("the connection to {0} broke")]
    Broken(String, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing came for too long.
    #[error("{0} sent nothing for {SILENCE_S} s")]
    Silent(String),
    /// It answered otherwise.
    #[error("{0} answered {1}")]
    Status(String, u16),
    /// Redirects without end, or from HTTPS to HTTP.
    #[error("{0} leads to {1}, which is not followed")]
    Redirect(String, String),
    /// It is larger than is fetched.
    #[error("{0} is larger than {BYTES_MAX} bytes")]
    Large(String),
    /// The part cannot be written.
    #[error("could not write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The user wants to stop.
    #[error("stopped")]
    Stopped,
}

impl FetchError {
    /// Whether the same again may go better.
    #[must_use]
    pub fn retry_helps(&self) -> bool {
        match self {
            Self::Connect(..) | Self::Broken(..) | Self::Silent(_) | Self::Stopped => true,
            Self::Status(_, status) => *status >= 500 || matches!(status, 408 | 429),
            Self::Proxy(..)
            | Self::Address(_)
            | Self::Trust(..)
            | Self::Untrusted(..)
            | Self::Redirect(..)
            | Self::Large(_)
            | Self::Write(..) => false,
        }
    }
}

/// Fetches `url` into `to`. A broken connection is tried again, from where it broke.
///
/// # Errors
/// See [`FetchError`]; a part stays beside `to`, and is gone on with the next time.
pub fn fetch(
    url: &str,
    to: &Path,
    proxies: &Proxies,
    show: &mut dyn Show,
    stop: &Stop,
) -> Result<(), FetchError> {
    let address = || FetchError::Address(url.chars().take(200).collect());
    let url = Url::parse(url).map_err(|_| address())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(address());
    }
    let failed = |error| FetchError::Connect(place(&url), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(failed)?;
    let part = Part::at(to);
    let mut tries = 0;
    loop {
        let attempt = Attempt { part: &part, proxies, stop };
        let outcome = runtime.block_on(attempt.run(&url, show));
        tries += 1;
        match outcome {
            Ok(()) => break,
            Err(error) if error.retry_helps() && tries < TRIES && !stop.wanted() => {
                show.event(Event::Note(&format!("{error}; trying again")));
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
    let write = |error| FetchError::Write(to.to_owned(), error);
    std::fs::rename(&part.file, to).map_err(write)?;
    // Of a part that is whole now.
    let _ = std::fs::remove_file(&part.tag);
    Ok(())
}

/// What was fetched so far, and by which tag of the server.
struct Part {
    file: PathBuf,
    tag: PathBuf,
}

impl Part {
    fn at(to: &Path) -> Self {
        Self { file: to.with_extension("part"), tag: to.with_extension("tag") }
    }

    /// Bytes that can be gone on with, and the tag they are of.
    fn known(&self, url: &Url) -> Option<(u64, String)> {
        let text = crate::read::text(&self.tag, TAG_BYTES_MAX).ok()?;
        let (of, tag) = text.split_once('\n')?;
        let length = self.file.metadata().ok()?.len();
        (of == url.as_str() && length > 0 && !tag.is_empty()).then(|| (length, tag.to_owned()))
    }
}

struct Attempt<'a> {
    part: &'a Part,
    proxies: &'a Proxies,
    stop: &'a Stop,
}

impl Attempt<'_> {
    async fn run(&self, first: &Url, show: &mut dyn Show) -> Result<(), FetchError> {
        let mut url = first.clone();
        for _ in 0..REDIRECTS_MAX {
            let known = self.part.known(first);
            let response = self.ask(&url, known.as_ref(), show).await?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = next(&url, &response)?;
                continue;
            }
            return match (status, known) {
                (StatusCode::PARTIAL_CONTENT, Some((from, _)))
                    if range_start(&response) == Some(from) =>
                {
                    self.take(&url, first, response, from, show).await
                }
                (StatusCode::OK, _) => self.take(&url, first, response, 0, show).await,
                // The part is as long as the file or longer, or not of this file.
                (StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT, Some(_)) => {
                    let _ = std::fs::remove_file(&self.part.tag);
                    let why = "its answer does not fit what is here; from the beginning";
                    Err(FetchError::Broken(place(&url), why.into()))
                }
                (status, _) => Err(FetchError::Status(place(&url), status.as_u16())),
            };
        }
        Err(FetchError::Redirect(place(first), place(&url)))
    }

    async fn ask(
        &self,
        url: &Url,
        known: Option<&(u64, String)>,
        show: &mut dyn Show,
    ) -> Result<Response<Incoming>, FetchError> {
        let target = connect::open(url, self.proxies);
        let mut connection = self.wait(url, target, show).await??;
        let mut request = Request::builder()
            .uri(connection.target(url))
            .header(HOST, connect::authority(url))
            .header(USER_AGENT, AGENT);
        if let Some(login) = connection.proxy_login() {
            request = request.header(hyper::header::PROXY_AUTHORIZATION, login);
        }
        if let Some((length, tag)) = known {
            request = request.header(RANGE, format!("bytes={length}-")).header(IF_RANGE, tag);
        }
        let broken = |why| FetchError::Broken(place(url), why);
        let request = request.body(Empty::<Bytes>::new()).map_err(|e| broken(e.into()))?;
        let answer = self.wait(url, connection.send(request), show).await?;
        answer.map_err(|error| broken(error.into()))
    }

    async fn take(
        &self,
        url: &Url,
        first: &Url,
        response: Response<Incoming>,
        from: u64,
        show: &mut dyn Show,
    ) -> Result<(), FetchError> {
        let write = |error| FetchError::Write(self.part.file.clone(), error);
        let length = response.headers().get(CONTENT_LENGTH);
        let length: Option<u64> = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let total = length.map(|length| length.saturating_add(from));
        if total.is_some_and(|total| total > BYTES_MAX) {
            return Err(FetchError::Large(place(url)));
        }
        let mut file = if from == 0 {
            // Without a tag of its own a part is never gone on with.
            let tag = tag(&response).unwrap_or_default();
            write_whole(&self.part.tag, format!("{first}\n{tag}").as_bytes()).map_err(write)?;
            File::create(&self.part.file).map_err(write)?
        } else {
            OpenOptions::new().append(true).open(&self.part.file).map_err(write)?
        };
        let mut done = from;
        let mut body = response.into_body();
        while let Some(frame) = self.wait(url, body.frame(), show).await? {
            let frame = frame.map_err(|error| FetchError::Broken(place(url), error.into()))?;
            let Ok(bytes) = frame.into_data() else { continue };
            done = done.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if done > BYTES_MAX {
                return Err(FetchError::Large(place(url)));
            }
            file.write_all(&bytes).map_err(write)?;
            show.event(Event::Amount { unit: "bytes", done, total });
        }
        file.sync_all().map_err(write)?;
        if total.is_some_and(|total| total != done) {
            let why = "it ended before its length was there";
            return Err(FetchError::Broken(place(url), why.into()));
        }
        Ok(())
    }

    /// Waits, but not without end, and not against the user's will.
    async fn wait<T>(
        &self,
        url: &Url,
        what: impl Future<Output = T>,
        show: &mut dyn Show,
    ) -> Result<T, FetchError> {
        let mut what = std::pin::pin!(what);
        for _ in 0..SILENCE_S * 5 {
            if self.stop.wanted() {
                return Err(FetchError::Stopped);
            }
            match timeout(Duration::from_millis(200), &mut what).await {
                Ok(done) => return Ok(done),
                Err(_) => show.event(Event::Tick),
            }
        }
        Err(FetchError::Silent(place(url)))
    }
}

/// Where a redirect leads.
fn next(url: &Url, response: &Response<Incoming>) -> Result<Url, FetchError> {
    let status = response.status().as_u16();
    let place_there = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let there = place_there.and_then(|text| url.join(text).ok());
    let there = there.ok_or_else(|| FetchError::Status(place(url), status))?;
    let down = url.scheme() == "https" && there.scheme() != "https";
    if down || !matches!(there.scheme(), "http" | "https") || there.host_str().is_none() {
        return Err(FetchError::Redirect(place(url), place(&there)));
    }
    Ok(there)
}

/// A strong tag, else the date; RFC 9110 §8.8.
fn tag(response: &Response<Incoming>) -> Option<String> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let strong = text(ETAG).filter(|tag| tag.starts_with('"'));
    strong.or_else(|| text(LAST_MODIFIED)).map(str::to_owned)
}

/// The first byte of a `Content-Range`.
fn range_start(response: &Response<Incoming>) -> Option<u64> {
    let text = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

/// An address without login, query and fragment: they may be secret.
fn place(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), connect::authority(url), url.path())
}

const BYTES_MAX: u64 = 4 << 30;
const TAG_BYTES_MAX: u64 = 16 << 10;
const SILENCE_S: u32 = 60;
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);
const REDIRECTS_MAX: u32 = 6;
const AGENT: &str = "menshen-install/1";

#[cfg(test)]
mod tests;
