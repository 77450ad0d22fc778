//! The asked end of an SSTP call, over the octets of a TLS connection that was accepted elsewhere.
//!
//! Whoever accepted it has recognised SSTP's first line and knows which certificate was shown on
//! this very connection. It must never answer what is not exactly SSTP's request. It fails with a
//! [`ServeError`]; nothing was answered then.

use std::io;
use std::time::Duration;

use menshen_tunnel_core::sstp::http::{self, HEAD_OCTETS_MAX, HeadError, Request};
use menshen_tunnel_core::sstp::{Certificate, Hashes, Server, Timers};
use menshen_tunnel_core::time::Moment;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::carrier::{Side, Sstp};

/// Why a connection did not become SSTP's.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The head is not SSTP's: give it an ordinary web answer.
    #[error("not SSTP's request")]
    Refused(HeadError),
    /// The head did not come in time.
    #[error("the request did not come in time")]
    Timeout,
    /// The client went away.
    #[error("the client closed the connection within its request")]
    Closed,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] io::Error),
}

/// A client that was answered.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The client's correlation identifier in the form `8-4-4-4-12`, if it gave a valid one.
    pub correlation: Option<String>,
    stream: S,
    early: Vec<u8>,
    nonce: [u8; 32],
}

impl<S: AsyncRead + AsyncWrite + Unpin> Accepted<S> {
    /// Waits for the call. `shown`: the certificate of this very connection, or of the foreign end
    /// of TLS in front of us. `hashes`: what is taken for the crypto binding.
    #[must_use]
    pub fn start(self, now: Moment, shown: Certificate, hashes: Hashes, timers: Timers) -> Sstp<S> {
        let server = Server::new(now, shown, hashes, self.nonce, timers);
        Sstp::new(now, self.stream, self.early, Side::Server(server))
    }
}

/// Reads SSTP's request and answers it. `came`: octets of the connection that were read before;
/// `patience`: for the rest of the head.
///
/// # Errors
/// [`ServeError`]; after `Refused` the stream is gone with the request, which the caller has in
/// `came` as far as it read it.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut came: Vec<u8>,
    patience: Duration,
) -> Result<Accepted<S>, ServeError> {
    let mut nonce = [0; 32];
    getrandom(&mut nonce[..], GetRandomFlags::empty()).map_err(io::Error::from)?;
    let head = timeout(patience, head(&mut stream, &mut came)).await;
    let (octets, correlation) = head.unwrap_or(Err(ServeError::Timeout))?;
    let early = came.split_off(octets);
    timeout(patience, async {
        stream.write_all(http::ANSWER).await?;
        stream.flush().await
    })
    .await
    .map_err(|_| ServeError::Timeout)??;
    Ok(Accepted { correlation, stream, early, nonce })
}

async fn head<S: AsyncRead + Unpin>(
    stream: &mut S,
    came: &mut Vec<u8>,
) -> Result<(usize, Option<String>), ServeError> {
    loop {
        match http::request(came) {
            Request::NotYet => {}
            Request::Whole { octets, correlation } => return Ok((octets, correlation)),
            Request::Refused(error) => return Err(ServeError::Refused(error)),
        }
        came.reserve(HEAD_OCTETS_MAX);
        if stream.read_buf(came).await? == 0 {
            return Err(ServeError::Closed);
        }
    }
}
