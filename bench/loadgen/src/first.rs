//! The first answer of a server that is only about to be started.
//!
//! Waits for a line on standard input and repeats it; the clock runs from then on, so whoever
//! starts the server after the echo measures a little too much and never too little. It must never
//! be spared the wait: every attempt before the server listens is refused, and tried again soon.

use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustls::StreamOwned;

use crate::head;
use crate::options::Options;
use crate::tls;
use crate::tls::Settings;

/// Prints one line: milliseconds until a connection was taken and until the first byte of its
/// answer, whose status must be 200.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let to = options.address()?;
    let path: String = options.get("path", "/1k".to_owned())?;
    let tls = options.tls()?;
    let mut word = String::new();
    let heard = io::stdin().lock().read_line(&mut word);
    heard.map_err(|e| format!("could not read the word to begin: {e}"))?;
    let start = Instant::now();
    println!("{}", word.trim());
    let socket = connect(to, start).map_err(|e| format!("nobody took a connection: {e}"))?;
    let connected = start.elapsed();
    let first = answer(socket, tls.as_ref(), &path, start).map_err(|e| format!("{path}: {e}"))?;
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{{\"connect_ms\":{:.3},\"first_byte_ms\":{:.3}}}", ms(connected), ms(first));
    Ok(())
}

fn connect(to: SocketAddr, start: Instant) -> io::Result<TcpStream> {
    loop {
        match TcpStream::connect(to) {
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => thread::sleep(RETRY_EVERY),
            connected => return connected,
        }
    }
}

/// When the first byte came.
fn answer(
    socket: TcpStream,
    tls: Option<&Settings>,
    path: &str,
    start: Instant,
) -> io::Result<Duration> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    match tls {
        Some(config) => {
            let mut stream = StreamOwned::new(tls::start(config)?, socket);
            stream.write_all(request.as_bytes())?;
            first_of(&mut stream, start)
        }
        None => {
            let mut stream = socket;
            stream.write_all(request.as_bytes())?;
            first_of(&mut stream, start)
        }
    }
}

/// Reads the head as well: an error answered soon is no start.
fn first_of(stream: &mut impl Read, start: Instant) -> io::Result<Duration> {
    let (mut bytes, mut first) = (Vec::new(), None);
    let end = loop {
        if let Some(end) = head::end(&bytes)? {
            break end;
        }
        let mut piece = [0; 4096];
        let len = stream.read(&mut piece)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        first.get_or_insert_with(|| start.elapsed());
        bytes.extend_from_slice(&piece[..len]);
    };
    match head::Head::parse(&bytes[..end]).status {
        200 => Ok(first.unwrap_or_default()),
        status => Err(io::Error::other(format!("status {status}"))),
    }
}

const RETRY_EVERY: Duration = Duration::from_micros(200);
const PATIENCE: Duration = Duration::from_secs(10);
