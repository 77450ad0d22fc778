//! The client over TLS: it speaks only to whom it was told to trust.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use bytes::Bytes;
use menshen_s3::{Cause, Client, Condition, Content, Labels, Login, Place, Style, Times, Why};
use menshen_tls::client::Trust;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

#[test]
fn only_a_server_that_is_trusted_is_told_anything() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        let put = async |trust: Trust<'_>| {
            let endpoint = format!("https://localhost:{port}");
            let place = Place::new(&endpoint, "b", "", "r", Style::Path).unwrap();
            let times = Times { tries: 1, ..Times::default() };
            let login = Login::new("key", "secret", None);
            let client = Client::new(place, login, trust, times).unwrap();
            let content = Content::whole(Bytes::from_static(b"content"));
            client.put("k", content, &Condition::Always, Labels::default()).await
        };
        assert_eq!(put(Trust::Roots(pem.as_bytes())).await.unwrap(), "\"over-tls\"");
        let refused = put(Trust::System).await.unwrap_err();
        assert_eq!(refused.cause, Cause::Unavailable(Why::Connection));
        let refused = put(Trust::Fingerprint([0; 32])).await.unwrap_err();
        assert_eq!(refused.cause, Cause::Unavailable(Why::Connection));
    });
}

/// Answers one request for each connection that stands.
async fn serve(listener: tokio::net::TcpListener, acceptor: TlsAcceptor) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\ncontent") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some).await.unwrap();
            seen.extend_from_slice(&some[..count]);
        }
        assert!(seen.starts_with(b"PUT /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256"));
        let answer = b"HTTP/1.1 200 OK\r\nETag: \"over-tls\"\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}
