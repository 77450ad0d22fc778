//! A connection for one request: direct, through a proxy's tunnel, or to a proxy itself.

use std::io;
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use menshen_tls::{Trust, client_config};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::{FetchError, Proxies, place};

/// A connection on which one request can be sent.
pub(super) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    /// A plain proxy wants the whole address, and its login.
    proxy: Option<Url>,
}

impl Connection {
    /// What stands in the request line.
    pub(super) fn target(&self, url: &Url) -> String {
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        match &self.proxy {
            Some(_) => format!("http://{}{path}", authority(url)),
            None => path.to_owned(),
        }
    }

    pub(super) fn proxy_login(&self) -> Option<String> {
        self.proxy.as_ref().and_then(login)
    }

    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.sender.send_request(request).await
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects for `url`.
pub(super) async fn open(url: &Url, proxies: &Proxies) -> Result<Connection, FetchError> {
    let proxy = proxies.of(url);
    let secure = url.scheme() == "https";
    let mut tcp = tcp(proxy.unwrap_or(url)).await?;
    if let (Some(proxy), true) = (proxy, secure) {
        tunnel(&mut tcp, proxy, url).await?;
    }
    let stream: Box<dyn Stream> =
        if secure { Box::new(tls(tcp, url).await?) } else { Box::new(tcp) };
    let broken = |error: hyper::Error| FetchError::Broken(place(url), error.into());
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Its outcome reaches the request and its body.
    tokio::spawn(connection);
    Ok(Connection { sender, proxy: proxy.filter(|_| !secure).cloned() })
}

async fn tcp(url: &Url) -> Result<TcpStream, FetchError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let connected = TcpStream::connect((host, port)).await;
    connected.map_err(|error| FetchError::Connect(authority(url), error))
}

async fn tls(
    tcp: TcpStream,
    url: &Url,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, FetchError> {
    let mut config =
        client_config(Trust::System).map_err(|error| FetchError::Trust(authority(url), error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let failed = |error| FetchError::Connect(authority(url), error);
    let name = ServerName::try_from(host)
        .map_err(|_| failed(io::Error::from(io::ErrorKind::InvalidInput)))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    connected.map_err(|error| match error.kind() {
        // So the library tells what it found wrong, apart from a connection that broke.
        io::ErrorKind::InvalidData => FetchError::Untrusted(authority(url), error),
        _ => failed(error),
    })
}

/// CONNECT, RFC 9110 §9.3.6.
async fn tunnel(tcp: &mut TcpStream, proxy: &Url, url: &Url) -> Result<(), FetchError> {
    let host = url.host_str().unwrap_or_default();
    let there = format!("{host}:{}", url.port_or_known_default().unwrap_or(443));
    let login = login(proxy).map(|text| format!("Proxy-Authorization: {text}\r\n"));
    let login = login.unwrap_or_default();
    let request = format!("CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n{login}\r\n");
    let failed = |error| FetchError::Connect(authority(proxy), error);
    tcp.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut head = Vec::new();
    // Octet by octet: what follows the head belongs to the tunnel.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Err(FetchError::Proxy(authority(proxy), "a head without end".into()));
        }
        head.push(tcp.read_u8().await.map_err(failed)?);
    }
    let text = String::from_utf8_lossy(&head);
    let line = text.lines().next().unwrap_or_default();
    if line.starts_with("HTTP/1.") && line.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(FetchError::Proxy(authority(proxy), line.chars().take(80).collect()))
}

/// `Basic`, RFC 7617, of the login in the proxy's address.
fn login(proxy: &Url) -> Option<String> {
    if proxy.username().is_empty() {
        return None;
    }
    let plain = |text: &str| percent_decoded(text);
    let mut both = plain(proxy.username());
    both.push(b':');
    both.extend(plain(proxy.password().unwrap_or_default()));
    Some(format!("Basic {}", base64(&both)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, then)) = rest.split_first() {
        let hex = then.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(value.unwrap_or(*first));
        rest = if value.is_some() { then.get(2..).unwrap_or_default() } else { then };
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - three.len()));
        for place in 0..4 {
            let six = (word >> (18 - 6 * place)) & 63;
            let letter = LETTERS[usize::try_from(six).unwrap_or_default()];
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// Host, and port unless it is the scheme's own.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

const HEAD_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    //! What is said to proxies.
    use super::*;

    #[test]
    fn a_login_is_written_as_basic() {
        let proxy = Url::parse("http://Aladdin:open%20sesame@proxy.test:3128").unwrap();
        // RFC 7617 §2.
        assert_eq!(login(&proxy).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(base64(b"foob"), "Zm9vYg==");
        assert_eq!(base64(b"fooba"), "Zm9vYmE=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(percent_decoded("%4%zz%41"), b"%4%zzA");
        assert_eq!(login(&Url::parse("http://proxy.test").unwrap()), None);
    }
}
