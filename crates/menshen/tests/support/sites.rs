//! Two servers on loopback, one with TLS and one without, that answer for every host and keep what
//! they were asked: what a browser really sends can be read off the wire.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is answered for one path: media type, further fields, body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) media_type: &'static str,
    pub(crate) fields: String,
    pub(crate) body: String,
}

/// One request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) secure: bool,
    pub(crate) method: String,
    pub(crate) path: String,
}

/// Both servers.
pub(crate) struct Sites {
    pub(crate) secure: SocketAddr,
    pub(crate) plain: SocketAddr,
    /// The certificate, PEM; it is its own authority.
    pub(crate) roots: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<BTreeMap<String, Page>>,
    asked: Mutex<Vec<Asked>>,
}

impl Sites {
    /// Serves, with a certificate for these names.
    pub(crate) fn start(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let secret = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, secret).unwrap());
        let shared = Arc::new(Shared::default());
        let secure = listen(Arc::clone(&shared), Some(config));
        let plain = listen(Arc::clone(&shared), None);
        Self { secure, plain, roots: certificate.pem(), shared }
    }

    /// Answers `path` so, on every host.
    pub(crate) fn put(&self, path: &str, page: Page) {
        self.shared.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// What was asked since the last call.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }

    /// How much was asked so far.
    pub(crate) fn count(&self) -> usize {
        self.shared.asked.lock().unwrap().len()
    }
}

fn listen(shared: Arc<Shared>, tls: Option<Arc<ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            std::thread::spawn(move || serve(&shared, tls, stream));
        }
    });
    address
}

fn serve(shared: &Shared, tls: Option<Arc<ServerConfig>>, stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    match tls {
        None => answer(shared, false, stream),
        Some(config) => {
            let Ok(connection) = ServerConnection::new(config) else { return };
            let mut tls = StreamOwned::new(connection, stream);
            answer(shared, true, &mut tls);
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    }
}

/// One request, one answer; a body that was sent is not waited for.
fn answer(shared: &Shared, secure: bool, mut stream: impl Read + Write) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 65_536 {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default().to_owned();
    let page = shared.pages.lock().unwrap().get(&path).cloned().unwrap_or_else(|| by_name(&path));
    shared.asked.lock().unwrap().push(Asked { secure, method: method.clone(), path });
    let Page { status, media_type, fields, body } = page;
    let body = if method == "HEAD" { String::new() } else { body };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
         access-control-allow-origin: *\r\nconnection: close\r\n{fields}\r\n{body}",
        body.len()
    );
    let _ = stream.flush();
}

fn by_name(path: &str) -> Page {
    let media_type = match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css",
        "js" => "text/javascript",
        "html" => "text/html",
        "json" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    };
    Page { status: 200, media_type, ..Page::default() }
}
