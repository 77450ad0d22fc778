//! One request before it is signed: what is asked of which key, with which headers.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use rusty_s3::Method;
use rusty_s3::signing::sign;

use crate::content::Sending;
use crate::error::Cause;
use crate::login::Login;
use crate::place::Place;

/// A request to be signed. Its Debug text is the operation's word alone.
#[derive(Clone)]
pub(crate) struct Call {
    /// The protocol's word.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    /// The full key; none for the bucket itself.
    pub(crate) key: Option<String>,
    pub(crate) query: Vec<(&'static str, String)>,
    /// Lower-case names; all are signed.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Call {
    pub(crate) fn new(operation: &'static str, method: Method, key: Option<String>) -> Self {
        Self { operation, method, key, query: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn ask(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn head(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The request, signed for now.
    pub(crate) fn signed(
        &self,
        place: &Place,
        login: &Login,
        body: Sending,
        length: u64,
    ) -> Result<Request<Sending>, Cause> {
        let url = self.key.as_ref().map_or_else(|| place.base(), |key| place.url(key));
        let mut query: Vec<_> =
            self.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        query.sort_unstable();
        let mut headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.sort_unstable();
        let url = sign(
            &Timestamp::now(),
            self.method,
            url,
            &login.key,
            &login.secret,
            login.token.as_ref().map(|token| token.as_str()),
            place.region(),
            SIGNED_TIME.as_secs(),
            query.into_iter(),
            headers.iter().copied(),
        );
        let mut request = Request::builder().method(self.method.to_str()).uri(url.as_str());
        for (name, value) in headers {
            let value = HeaderValue::from_str(value);
            let value = value.map_err(|_| Cause::Input("a header's value has odd characters"))?;
            request = request.header(HeaderName::from_static(name), value);
        }
        if matches!(self.method, Method::Put | Method::Post) {
            request = request.header(http::header::CONTENT_LENGTH, length);
        }
        request.body(body).map_err(|_| Cause::Input("the key makes no URL"))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.operation).finish()
    }
}

/// How long a signed URL is good for. Servers check it when a request begins; it bridges clocks
/// that differ, not transfers that last.
const SIGNED_TIME: Duration = Duration::from_secs(600);
