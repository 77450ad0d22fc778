//! The server behind the peers: answers every request with what it saw of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// A running backend; its threads end with the test program.
pub(crate) struct Backend(SocketAddr);

impl Backend {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || serve(&stream));
            }
        });
        Self(address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0
    }
}

/// Length and checksum of a body, as answers carry them.
pub(crate) fn body_word(body: &[u8]) -> String {
    let sum = body
        .iter()
        .fold(0x811c_9dc5_u32, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}/{sum:08x}", body.len())
}

/// Answers until the peer closes or sends what is no whole request.
fn serve(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(seen)) = request(&mut reader) {
        let answer = format!("HTTP/1.1 200 OK\r\nX-Seen: {seen}\r\nContent-Length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads one request; method, path and body in words.
fn request(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let first = line(reader)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let path = target.strip_prefix("http://localhost").unwrap_or(target);
    let (mut length, mut chunked) = (0, false);
    loop {
        let field = line(reader)?.to_ascii_lowercase();
        match field.split_once(':') {
            None => break,
            Some(("content-length", value)) => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let size = line(reader)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            exactly(reader, size, &mut body)?;
            if size == 0 {
                while !line(reader)?.is_empty() {}
                break;
            }
            line(reader)?;
        }
    } else {
        exactly(reader, length, &mut body)?;
    }
    let path = path.get(..40).unwrap_or(path);
    Ok(Some(format!("{method} {path} {}", body_word(&body))))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(LINE_BYTES).read_until(b'\n', &mut bytes)?;
    let text = bytes.strip_suffix(b"\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

fn exactly(reader: &mut impl BufRead, count: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let got = reader.take(count).read_to_end(body)?;
    if got as u64 == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

const LINE_BYTES: u64 = 1 << 20;
