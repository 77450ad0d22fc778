//! Requests as fast as the server takes them, on a number of connections.
//!
//! Everything runs on one thread. It must never print while it runs, except the first errors.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conn::{Conn, Response};
use crate::exec::{self, Core, Route};
use crate::form;
use crate::options::{Mode, Options};
use crate::resumable::Dialect;
use crate::tls::Settings;

/// One run and what it has counted so far.
#[derive(Debug)]
pub(crate) struct Job {
    core: Rc<Core>,
    mode: Mode,
    to: SocketAddr,
    path: String,
    size: usize,
    requests_max: u64,
    begun: Cell<u64>,
    tls: Option<Settings>,
    decrypts: bool,
    /// Bytes of one request of a resumable upload.
    piece: usize,
    block: Vec<u8>,
    stop: Cell<bool>,
    alive: Cell<usize>,
    /// Connections a second that are to be opened, in all, and since when.
    pace: Option<f64>,
    began: Instant,
    down_bytes: Cell<u64>,
    up_bytes: Cell<u64>,
    errors: Cell<u64>,
    latency_us: RefCell<Vec<u32>>,
}

impl Job {
    /// A run that has not begun.
    pub(crate) fn new(options: &Options, mode: Mode) -> Result<Self, String> {
        Ok(Self {
            core: Core::new().map_err(|e| format!("could not set up epoll: {e}"))?,
            mode,
            to: options.address()?,
            path: options.get("path", "/1k".to_owned())?,
            size: options.get("size", 1 << 20)?,
            requests_max: options.get("n", 0)?,
            begun: Cell::new(0),
            tls: options.tls()?,
            decrypts: options.get("decrypt", 0)? == 1,
            piece: options.get("piece", 8 << 20)?.max(1),
            block: noise(options.get("cr", 0)? == 1),
            stop: Cell::new(false),
            alive: Cell::new(0),
            pace: Some(options.get("pace", 0.0)?).filter(|pace| *pace > 0.0),
            began: Instant::now(),
            down_bytes: Cell::new(0),
            up_bytes: Cell::new(0),
            errors: Cell::new(0),
            latency_us: RefCell::new(Vec::new()),
        })
    }

    /// Runs to the end and prints the result.
    pub(crate) fn run(self: Rc<Self>, options: &Options) -> Result<(), String> {
        let connections: usize = options.get("c", 1)?;
        let limit = Duration::try_from_secs_f64(options.get("secs", 2.0)?)
            .map_err(|e| format!("bad secs: {e}"))?;
        self.alive.set(connections);
        let tasks = (0..connections)
            .map(|index| {
                let job = self.clone();
                Box::pin(async move { job.connection_task(index).await }) as exec::Task
            })
            .collect();
        let start = Instant::now();
        // What is in flight at the end is finished, so that all work of the server is counted.
        let more = || {
            let elapsed = start.elapsed();
            self.stop.set(self.stop.get() || elapsed >= limit);
            self.alive.get() > 0 && elapsed < limit + FINISH_MAX
        };
        exec::run(&self.core, tasks, more).map_err(|e| format!("could not run: {e}"))?;
        self.errors.set(self.errors.get() + self.alive.get() as u64);
        self.report(start.elapsed().as_secs_f64());
        Ok(())
    }

    async fn connection_task(&self, index: usize) {
        let result = match self.mode {
            Mode::Connect if self.pace.is_some() => self.paced_loop(index).await,
            Mode::Connect => self.connect_loop().await,
            Mode::Put | Mode::Form => self.upload_loop(index).await,
            Mode::Tus => self.resumable_loop(index, Dialect::Tus).await,
            Mode::Rufh => self.resumable_loop(index, Dialect::Rufh).await,
            _ => self.get_loop().await,
        };
        if let Err(e) = result {
            self.failed(index, &e);
        }
        self.alive.set(self.alive.get() - 1);
    }

    fn failed(&self, index: usize, error: &io::Error) {
        if self.errors.get() < ERRORS_SHOWN_MAX {
            eprintln!("loadgen: connection {index}: {error}");
        }
        self.errors.set(self.errors.get() + 1);
    }

    async fn get_loop(&self) -> io::Result<()> {
        let mut conn = self.open().await?;
        let request = self.get_request("keep-alive");
        while self.begins() {
            let start = Instant::now();
            conn.send(request.as_bytes()).await?;
            let response = if self.decrypts {
                conn.response().await?
            } else {
                conn.response_like_the_last().await?
            };
            self.finish(start, response)?;
        }
        Ok(())
    }

    async fn connect_loop(&self) -> io::Result<()> {
        let request = self.get_request("close");
        let tls = self.tls.as_ref().map(Settings::with_own_sessions);
        let resumes = tls.as_ref().is_some_and(Settings::resumes);
        let mut first = true;
        while self.begins() {
            let start = Instant::now();
            let mut conn = Conn::open(&self.core, &Route::to(self.to), tls.as_ref()).await?;
            if resumes && !conn.resumed() && !std::mem::take(&mut first) {
                return Err(io::Error::other("the server did not resume the session"));
            }
            conn.send(request.as_bytes()).await?;
            let response = conn.response().await?;
            self.finish(start, response)?;
        }
        Ok(())
    }

    /// New connections at fixed times; one that fails is counted, and the next one comes all the
    /// same. It is late only while all tasks are busy.
    async fn paced_loop(&self, index: usize) -> io::Result<()> {
        let request = self.get_request("close");
        while !self.stop.get() {
            let number = self.begun.replace(self.begun.get() + 1);
            let after = number as f64 / self.pace.unwrap_or(1.0);
            let due = self.began + Duration::from_secs_f64(after);
            self.core.sleep_until(due).await;
            let start = Instant::now();
            let answer = async {
                let route = Route::to(self.to);
                let mut conn = Conn::open(&self.core, &route, self.tls.as_ref()).await?;
                conn.send(request.as_bytes()).await?;
                let response = conn.response().await?;
                self.finish(start, response)
            };
            if let Err(error) = answer.await {
                self.failed(index, &error);
            }
        }
        Ok(())
    }

    async fn upload_loop(&self, index: usize) -> io::Result<()> {
        let mut conn = self.open().await?;
        let (head, after) = self.upload_request(index);
        while self.begins() {
            let start = Instant::now();
            conn.send(head.as_bytes()).await?;
            self.send_content(&mut conn, self.size).await?;
            conn.send(after.as_bytes()).await?;
            let response = conn.response().await?;
            self.finish(start, response)?;
        }
        Ok(())
    }

    /// Uploads in pieces; a whole file counts as one request.
    async fn resumable_loop(&self, index: usize, dialect: Dialect) -> io::Result<()> {
        let mut conn = self.open().await?;
        let creation = dialect.creation(&self.path, index, self.size);
        while self.begins() {
            let start = Instant::now();
            conn.send(creation.as_bytes()).await?;
            let created = conn.response().await?;
            let place = conn.take_location();
            let place = place.filter(|_| created.status == 201).ok_or_else(|| {
                io::Error::other(format!("no upload was made: status {}", created.status))
            })?;
            let mut offset = 0;
            loop {
                let step = self.piece.min(self.size - offset);
                let is_last = offset + step == self.size;
                conn.send(dialect.append(&place, offset, step, is_last).as_bytes()).await?;
                self.send_content(&mut conn, step).await?;
                let response = conn.response().await?;
                offset += step;
                if is_last {
                    self.finish(start, response)?;
                    break;
                }
                ok(response)?;
            }
        }
        Ok(())
    }

    async fn send_content(&self, conn: &mut Conn, bytes: usize) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let step = left.min(self.block.len());
            conn.send(&self.block[..step]).await?;
            left -= step;
        }
        self.up_bytes.set(self.up_bytes.get() + bytes as u64);
        Ok(())
    }

    /// What goes before and after the file's bytes.
    fn upload_request(&self, index: usize) -> (String, String) {
        let (method, path, kind, before, after) = match self.mode {
            Mode::Form => (
                "POST",
                self.path.clone(),
                form::CONTENT_TYPE.to_owned(),
                form::before(index),
                form::AFTER.to_owned(),
            ),
            _ => {
                let path = format!("{}u{index}", self.path);
                ("PUT", path, String::new(), String::new(), String::new())
            }
        };
        let length = before.len() + self.size + after.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{kind}\
             Content-Length: {length}\r\n\r\n{before}"
        );
        (head, after)
    }

    async fn open(&self) -> io::Result<Conn> {
        Conn::open(&self.core, &Route::to(self.to), self.tls.as_ref()).await
    }

    fn get_request(&self, connection: &str) -> String {
        format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: loadgen\r\nAccept: */*\r\n\
             Connection: {connection}\r\n\r\n",
            self.path
        )
    }

    fn finish(&self, start: Instant, response: Response) -> io::Result<()> {
        ok(response)?;
        self.down_bytes.set(self.down_bytes.get() + response.body_bytes);
        let took = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.latency_us.borrow_mut().push(took);
        Ok(())
    }

    /// Whether one more request is to be sent; it is counted as begun.
    fn begins(&self) -> bool {
        let begun = self.begun.replace(self.begun.get() + 1);
        !self.stop.get() && (self.requests_max == 0 || begun < self.requests_max)
    }

    fn report(&self, secs: f64) {
        let mut latency = self.latency_us.take();
        latency.sort_unstable();
        let at = |percent: usize| {
            let place = latency.len().saturating_sub(1) * percent / 100;
            latency.get(place).copied().unwrap_or(0)
        };
        let megabytes = |bytes: &Cell<u64>| bytes.get() as f64 / secs / 1e6;
        println!(
            "{{\"reqs\":{},\"secs\":{secs:.4},\"rps\":{:.1},\"down_MBps\":{:.1},\"up_MBps\":{:.1},\
             \"p50_us\":{},\"p99_us\":{},\"err\":{}}}",
            latency.len(),
            latency.len() as f64 / secs,
            megabytes(&self.down_bytes),
            megabytes(&self.up_bytes),
            at(50),
            at(99),
            self.errors.get()
        );
    }
}

fn ok(response: Response) -> io::Result<()> {
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    Err(io::Error::other(format!("status {}", response.status)))
}

/// Pseudo-random upload bytes from a fixed seed.
pub(crate) fn noise(keep_cr: bool) -> Vec<u8> {
    let mut state = 12345_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[3]
    })
    .map(|byte| if byte == b'\r' && !keep_cr { b'x' } else { byte })
    .take(BLOCK_BYTES)
    .collect()
}

/// After the time is up, until requests that are still in flight count as errors.
const FINISH_MAX: Duration = Duration::from_secs(10);
/// Upload bodies repeat a block of this size.
const BLOCK_BYTES: usize = 256 << 10;
/// Errors printed before only counting them.
const ERRORS_SHOWN_MAX: u64 = 3;
