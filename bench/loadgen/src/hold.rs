//! Thousands of connections that hardly move: slow uploads and stalled downloads.
//!
//! Blocking sockets in one loop, since nothing here has to be fast. It must never close a
//! connection before its line is printed and read: whoever started it measures the server's
//! memory in between.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use rustls::ClientConnection;

use crate::head;
use crate::options::{Mode, Options};
use crate::tls::{self, Settings};

/// Opens all connections, holds them for `secs`, prints one line, and holds on until standard
/// input ends.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let plan = Plan::new(options)?;
    let count: usize = options.get("c", 1000)?;
    let hold = Duration::try_from_secs_f64(options.get("secs", 6.0)?)
        .map_err(|e| format!("bad secs: {e}"))?;
    let start = Instant::now();
    let mut held = Vec::with_capacity(count);
    let mut turn = Instant::now();
    for index in 0..count {
        let open = plan.open(index);
        held.push(open.map_err(|e| format!("connection {index} of {count}: {e}"))?);
        if turn.elapsed() >= TRICKLE_EVERY {
            turn = Instant::now();
            trickle(&plan, &mut held);
        }
    }
    let open_secs = start.elapsed().as_secs_f64();

    let released = Arc::new(AtomicBool::new(false));
    let flag = released.clone();
    thread::spawn(move || {
        // Whatever is read, only the end counts; a failing standard input is an end as well.
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        flag.store(true, Ordering::Relaxed);
    });

    let start = Instant::now();
    let mut told = false;
    while !released.load(Ordering::Relaxed) {
        let round = Instant::now();
        trickle(&plan, &mut held);
        if !told && start.elapsed() >= hold {
            told = true;
            let alive = held.iter().filter(|one| one.error.is_none()).count();
            let error = held.iter().find_map(|one| one.error.as_deref()).unwrap_or("");
            println!(
                "{{\"held\":{alive},\"err\":{},\"open_secs\":{open_secs:.2},\"error\":{error:?}}}",
                held.len() - alive
            );
        }
        thread::sleep(TRICKLE_EVERY.saturating_sub(round.elapsed()).min(hold));
    }
    Ok(())
}

/// What every connection does.
#[derive(Debug)]
struct Plan {
    mode: Mode,
    to: SocketAddr,
    path: String,
    size: usize,
    first: usize,
    trickle: usize,
    tls: Option<Settings>,
}

impl Plan {
    fn new(options: &Options) -> Result<Self, String> {
        Ok(Self {
            mode: options.mode()?,
            to: options.address()?,
            path: options.get("path", "/slow".to_owned())?,
            size: options.get("size", 1 << 20)?,
            first: options.get("first", 4096)?,
            trickle: options.get("trickle", 1024)?,
            tls: options.tls()?,
        })
    }

    fn open(&self, index: usize) -> io::Result<Held> {
        let socket = TcpStream::connect(self.to)?;
        // Reset at the end, so that ten thousand closed connections do not linger in TIME_WAIT.
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(OPEN_TIMEOUT))?;
        socket.set_write_timeout(Some(OPEN_TIMEOUT))?;
        let mut held = Held { socket, tls: None, answer: Vec::new(), error: None };
        if let Some(config) = &self.tls {
            let mut state = tls::start(config)?;
            while state.is_handshaking() {
                state.complete_io(&mut held.socket)?;
            }
            held.tls = Some(Box::new(state));
        }
        match self.mode {
            Mode::HoldDownload => {
                let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", self.path);
                held.send(request.as_bytes())?;
                held.first_answer(self.first)?;
            }
            _ => {
                let head = format!(
                    "PUT {}{index} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
                    self.path, self.size
                );
                held.send(head.as_bytes())?;
                held.send(&vec![b'x'; self.first])?;
            }
        }
        held.socket.set_nonblocking(true)?;
        Ok(held)
    }
}

/// One held connection.
#[derive(Debug)]
struct Held {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Plaintext received so far, as long as it is of interest.
    answer: Vec<u8>,
    error: Option<String>,
}

impl Held {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.socket.write_all(bytes) };
        tls.writer().write_all(bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(())
    }

    /// Reads until the head and `first` bytes are there; the status must be 200.
    fn first_answer(&mut self, first: usize) -> io::Result<()> {
        while self.answer.len() < first || head::end(&self.answer)?.is_none() {
            if self.receive(first)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        match head::Head::parse(&self.answer).status {
            200 => Ok(()),
            status => Err(io::Error::other(format!("status {status}"))),
        }
    }

    /// Takes some bytes from the socket; returns how many came off it.
    fn receive(&mut self, most: usize) -> io::Result<usize> {
        let mut buf = vec![0; most];
        let Some(tls) = &mut self.tls else {
            let len = self.socket.read(&mut buf)?;
            self.answer.extend_from_slice(&buf[..len]);
            return Ok(len);
        };
        let len = tls.read_tls(&mut self.socket)?;
        tls.process_new_packets().map_err(io::Error::other)?;
        match tls.reader().read(&mut buf) {
            Ok(plain) => self.answer.extend_from_slice(&buf[..plain]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(len)
    }

    /// An upload's turn: a few more bytes, and a look whether the server has given up on it.
    fn upload_step(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.receive(4096) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        while let Some(end) = head::end(&self.answer)? {
            let head = head::Head::parse(&self.answer[..end]);
            if !head.is_interim() {
                return Err(io::Error::other(format!("status {} before the end", head.status)));
            }
            self.answer.drain(..end);
        }
        self.send(bytes)
    }

    /// A download's turn: a few bytes off the socket, undecrypted.
    fn download_step(&mut self, buf: &mut [u8]) -> io::Result<()> {
        match self.socket.read(buf) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// One turn of every connection that still lives.
fn trickle(plan: &Plan, held: &mut [Held]) {
    let mut bytes = vec![b'y'; plan.trickle];
    for one in held.iter_mut().filter(|one| one.error.is_none()) {
        let step = match plan.mode {
            Mode::HoldDownload => one.download_step(&mut bytes),
            _ => one.upload_step(&bytes),
        };
        one.error = step.err().map(|error| error.to_string());
    }
}

const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
const TRICKLE_EVERY: Duration = Duration::from_secs(1);
