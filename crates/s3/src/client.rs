//! The client: one pool of connections, and the loop around attempts.
//!
//! An attempt that failed for a passing cause is repeated after a growing wait with jitter, within
//! a number of tries; a body that streams is sent once. What was repeated may have worked the first
//! time: errors say so (`unsure`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use http::Response;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use menshen_tls::client::{Trust, TrustProblem, client_config};
use tokio::time::sleep;

use crate::call::Call;
use crate::content::Content;
use crate::error::{Cause, Error};
use crate::login::Login;
use crate::place::Place;
use crate::send::{POOL_TIME, Wire, attempt, whole};
use crate::tally::{Figures, Tally};

/// A client of one place. Clones share connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    wire: Wire,
    place: Place,
    login: Login,
    times: Times,
    tally: Arc<Tally>,
}

/// Deadlines and how often a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Until a TCP connection stands.
    pub connect: Duration,
    /// From the last byte sent to the answer's head.
    pub first_byte: Duration,
    /// Without a byte moving, while a body is on its way. A source that keeps us waiting is exempt.
    pub idle: Duration,
    /// Attempts in all, 1 or more.
    pub tries: u32,
    /// Wait before the second attempt; it doubles from then on, up to `wait_max`.
    pub wait: Duration,
    /// Longest wait between attempts, also where a server asks for more.
    pub wait_max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            tries: 4,
            wait: Duration::from_millis(100),
            wait_max: Duration::from_secs(5),
        }
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupProblem {
    /// Certificates of the server could not be checked.
    #[error(transparent)]
    Trust(#[from] TrustProblem),
    /// Deadlines of nothing, or no try at all.
    #[error("a deadline is 0, or no attempt is allowed")]
    Times,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// Roots that are missing, or deadlines of nothing.
    pub fn new(
        place: Place,
        login: Login,
        trust: Trust<'_>,
        times: Times,
    ) -> Result<Self, SetupProblem> {
        let any_zero = [times.connect, times.first_byte, times.idle].iter().any(Duration::is_zero);
        if any_zero || times.tries == 0 {
            return Err(SetupProblem::Times);
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(times.connect));
        let builder = HttpsConnectorBuilder::new().with_tls_config(client_config(trust)?);
        let builder =
            if place.is_encrypted() { builder.https_only() } else { builder.https_or_http() };
        let wire = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_TIME)
            .pool_max_idle_per_host(POOL_MAX)
            .pool_timer(TokioTimer::new())
            .build(builder.enable_http1().wrap_connector(http));
        Ok(Self(Arc::new(Inner { wire, place, login, times, tally: Arc::default() })))
    }

    /// Where its objects are.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Its deadlines.
    #[must_use]
    pub fn times(&self) -> &Times {
        &self.0.times
    }

    /// What it has done so far, with all that share its connections.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.0.tally.figures()
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.0.tally
    }

    /// The same with a prefix below its own, over the same connections.
    ///
    /// # Errors
    /// The prefix cannot be one.
    pub fn below(&self, prefix: &str) -> Result<Self, crate::place::PlaceProblem> {
        let Inner { wire, login, times, place, tally } = &*self.0;
        let place = place.below(prefix)?;
        let (wire, login, tally) = (wire.clone(), login.clone(), Arc::clone(tally));
        Ok(Self(Arc::new(Inner { wire, login, times: *times, place, tally })))
    }

    pub(crate) fn key(&self, operation: &'static str, key: &str) -> Result<String, Error> {
        self.0.place.full(key).map_err(|cause| Error::new(operation, cause))
    }

    /// Sends `call` until it works, fails for good, or the tries are used up; and whether an
    /// earlier attempt may have worked.
    pub(crate) async fn send(
        &self,
        call: &Call,
        content: Content,
    ) -> Result<(Response<Incoming>, bool), Error> {
        match self.repeated(call, content, None).await? {
            (Got::Head(answer), unsure) => Ok((answer, unsure)),
            (Got::Text(_), _) => Err(Error::new(call.operation, Cause::Protocol("no head"))),
        }
    }

    /// The same, with the whole answer as text that `judge` takes.
    pub(crate) async fn text(
        &self,
        call: &Call,
        content: Content,
        judge: Judge,
    ) -> Result<(String, bool), Error> {
        match self.repeated(call, content, Some(judge)).await? {
            (Got::Text(text), unsure) => Ok((text, unsure)),
            (Got::Head(_), _) => Err(Error::new(call.operation, Cause::Protocol("no text"))),
        }
    }

    async fn repeated(
        &self,
        call: &Call,
        content: Content,
        judge: Option<Judge>,
    ) -> Result<(Got, bool), Error> {
        let times = &self.0.times;
        let mut unsure = false;
        let mut content = content;
        let mut tried = 0;
        loop {
            tried += 1;
            self.0.tally.attempt(tried);
            let again = content.again();
            let error = match self.once(call, content, judge).await {
                Ok(got) => return Ok((got, unsure)),
                Err(cause) => Error::new(call.operation, cause),
            };
            // Whatever is not a clear refusal may have reached the store.
            unsure |= matches!(error.cause, Cause::Unavailable(_) | Cause::Protocol(_));
            content = match again {
                Some(again) if error.is_passing() && tried < times.tries => again,
                _ => {
                    self.0.tally.failed(&error);
                    return Err(Error { unsure, ..error });
                }
            };
            sleep(pause(times, tried, &error.cause)).await;
        }
    }

    async fn once(
        &self,
        call: &Call,
        content: Content,
        judge: Option<Judge>,
    ) -> Result<Got, Cause> {
        let Inner { wire, place, login, times, tally } = &*self.0;
        let length = content.1;
        let answer = attempt(wire, call, place, login, content, times).await?;
        tally.sent(length);
        let Some(judge) = judge else { return Ok(Got::Head(answer)) };
        let bytes = whole(answer, ANSWER_BYTES_MAX, times).await?;
        let text = String::from_utf8(bytes.into());
        let text = text.map_err(|_| Cause::Protocol("the answer is no text"))?;
        judge(&text, call)?;
        Ok(Got::Text(text))
    }
}

/// Whether a text with status 200 is an answer, or an error all the same.
pub(crate) type Judge = fn(&str, &Call) -> Result<(), Cause>;

/// Any text may be one: whoever asked parses it.
pub(crate) fn any(_: &str, _: &Call) -> Result<(), Cause> {
    Ok(())
}

enum Got {
    Head(Response<Incoming>),
    Text(String),
}

/// How long to wait after attempt `tried`: half of it certain, half by chance, so that many who
/// failed together do not come back together.
fn pause(times: &Times, tried: u32, cause: &Cause) -> Duration {
    let grown = times.wait.saturating_mul(1 << (tried - 1).min(16)).min(times.wait_max);
    let asked = match cause {
        Cause::SlowDown(seconds) => Duration::from_secs(*seconds).min(times.wait_max),
        _ => Duration::ZERO,
    };
    let mut chance = [0u8; 2];
    // Without random numbers the wait is merely not spread.
    let _ = rand::fill(&mut chance);
    let share = u32::from(u16::from_le_bytes(chance));
    let spread = grown / 2 + (grown / 2).mul_f64(f64::from(share) / 65536.0);
    asked.max(spread)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("place", &self.0.place).finish_non_exhaustive()
    }
}

/// Longest answer that is read into memory: a page of 500 keys of 1,024 bytes, encoded.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Most connections kept while nobody uses them.
const POOL_MAX: usize = 16;
