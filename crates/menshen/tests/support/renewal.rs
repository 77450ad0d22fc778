//! A TLS server that gives out pebble's directory with renewal information (RFC 9773) added, and
//! answers for it; everything else goes to pebble itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};

use super::keeping::server_config;
use super::pebble::Pebble;

/// The server; it lasts as long as the test.
pub(crate) struct Renewal {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

struct Own {
    asked: Arc<Mutex<Vec<String>>>,
    root: PathBuf,
    address: SocketAddr,
}

impl Renewal {
    /// The first certificate it is asked about shall have been renewed long ago, all others in a
    /// far future.
    pub(crate) fn start(pebble: &Pebble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(server_config(&pebble.pair, Vec::new()));
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let own =
            Arc::new(Own { asked: Arc::clone(&asked), root: pebble.path("root.pem"), address });
        let url = pebble.url();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, socket.unwrap());
                let (own, url) = (Arc::clone(&own), url.clone());
                // A client may open a connection it does not use.
                std::thread::spawn(move || {
                    let body = own.body(&path_of(&mut stream)?, &url);
                    let length = body.len();
                    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\nretry-after: 3600\r\n";
                    let reply = format!("{head}content-length: {length}\r\n\r\n{body}");
                    stream.write_all(reply.as_bytes()).ok()?;
                    stream.conn.send_close_notify();
                    stream.flush().ok()
                });
            }
        });
        Self { address, asked }
    }

    /// URL of the directory.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/dir", self.address.port())
    }

    /// Certificates it was asked about.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn path_of(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&head).split(' ').nth(1).map(ToOwned::to_owned)
}

impl Own {
    fn body(&self, path: &str, url: &str) -> String {
        if let Some(identifier) = path.strip_prefix("/renewal/") {
            let mut asked = self.asked.lock().unwrap();
            asked.push(identifier.to_owned());
            return window(asked.first().is_some_and(|first| first == identifier));
        }
        let output =
            Command::new("curl").args(["-sf", "--cacert"]).arg(&self.root).arg(url).output();
        let mut directory: serde_json::Value =
            serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let port = self.address.port();
        directory["renewalInfo"] = format!("https://localhost:{port}/renewal").into();
        directory.to_string()
    }
}

fn window(is_over: bool) -> String {
    let year = if is_over { 2001 } else { 2090 };
    format!(
        "{{\"suggestedWindow\":{{\"start\":\"{year}-01-01T00:00:00Z\",\
         \"end\":\"{year}-01-02T00:00:00Z\"}},\"explanationURL\":\"https://a.example/why\"}}"
    )
}
