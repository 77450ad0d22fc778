//! A TLS server that gives out pebble's directory with renewal information (RFC 9773) added, and
//! answers for it; everything else goes to pebble itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};

use crate::keeping::server_config;
use crate::pebble::Pebble;

/// The server; it lasts as long as the test.
pub(crate) struct Renewal {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Renewal {
    /// The first certificate it is asked about shall have been renewed long ago, all others in a
    /// far future.
    pub(crate) fn start(pebble: &Pebble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(server_config(&pebble.pair, Vec::new()));
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let (noted, root, url) = (Arc::clone(&asked), pebble.path("root.pem"), pebble.url());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(tls, socket.unwrap());
                let Some(path) = path_of(&mut stream) else { continue };
                let body = match path.strip_prefix("/renewal/") {
                    Some(identifier) => {
                        let mut asked = noted.lock().unwrap();
                        asked.push(identifier.to_owned());
                        window(asked.first().is_some_and(|first| first == identifier))
                    }
                    None => directory(&url, &root, address),
                };
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\nretry-after: 3600\r\n";
                let reply = format!("{head}content-length: {length}\r\n\r\n{body}");
                let _ = stream.write_all(reply.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
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

fn directory(url: &str, root: &std::path::Path, own: SocketAddr) -> String {
    let output = Command::new("curl").args(["-sf", "--cacert"]).arg(root).arg(url).output();
    let mut directory: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    directory["renewalInfo"] = format!("https://localhost:{}/renewal", own.port()).into();
    directory.to_string()
}

fn window(is_over: bool) -> String {
    let year = if is_over { 2001 } else { 2090 };
    format!(
        "{{\"suggestedWindow\":{{\"start\":\"{year}-01-01T00:00:00Z\",\
         \"end\":\"{year}-01-02T00:00:00Z\"}},\"explanationURL\":\"https://a.example/why\"}}"
    )
}
