//! A crowd of slow people: form uploads that trickle in and downloads that are read slowly, all
//! over TLS, all at once, each from an address of its own.
//!
//! Every answer is decrypted and must be what was asked for. It must never read a download faster
//! than its rate to catch up, and never send an upload in bursts: what is measured is who holds
//! what while bytes crawl.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::conn::{Conn, Response};
use crate::exec::{self, Core, Route};
use crate::form;
use crate::job;
use crate::options::Options;
use crate::tls::Settings;

/// Runs the whole crowd; prints a line when all of it has asked, and one at the end.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let crowd = Rc::new(Crowd::new(options)?);
    let limit = Duration::try_from_secs_f64(options.get("secs", 60.0)?)
        .map_err(|e| format!("bad secs: {e}"))?;
    let count = crowd.uploads + crowd.downloads;
    let tasks = (0..count)
        .map(|index| {
            let crowd = crowd.clone();
            Box::pin(async move { crowd.person(index).await }) as exec::Task
        })
        .collect();
    let mut told = false;
    exec::run(&crowd.core, tasks, || {
        if !told && crowd.asked.get() == count {
            told = true;
            println!("{{\"asked\":{count},\"after_ms\":{}}}", crowd.start.elapsed().as_millis());
        }
        crowd.ended.get() < count && crowd.start.elapsed() < limit
    })
    .map_err(|e| format!("could not run: {e}"))?;
    crowd.report();
    Ok(())
}

/// What everybody does, and how far they are.
#[derive(Debug)]
struct Crowd {
    core: Rc<Core>,
    to: SocketAddr,
    tls: Settings,
    start: Instant,
    uploads: usize,
    downloads: usize,
    /// Where uploads go.
    up: String,
    /// What is downloaded, in turns.
    down: Vec<String>,
    /// Bytes of a downloaded file.
    size: usize,
    /// Bytes a second of one download.
    rate: u64,
    /// Bytes of an uploaded file.
    up_size: usize,
    /// Bytes a second of one upload.
    up_rate: u64,
    /// Over how long they come.
    ramp: Duration,
    block: Vec<u8>,
    /// How many have sent a request, or failed to.
    asked: Cell<usize>,
    ended: Cell<usize>,
    /// By kind: uploads, then each download path.
    kinds: RefCell<Vec<Kind>>,
}

/// How one kind of person fares.
#[derive(Debug, Clone, Default)]
struct Kind {
    asked: u64,
    done: u64,
    failed: u64,
    bytes: u64,
    /// Microseconds: of an upload from its last byte to the answer, of a download from the request
    /// to its last byte.
    took_us: Vec<u64>,
}

impl Crowd {
    fn new(options: &Options) -> Result<Self, String> {
        let tls = options.tls()?.ok_or("mode=crowd needs tls=1")?;
        let down: String = options.get("down", "/1m".to_owned())?;
        let down: Vec<String> = down.split(',').map(str::to_owned).collect();
        let secs = |key, default| {
            Duration::try_from_secs_f64(options.get(key, default)?)
                .map_err(|e| format!("bad {key}: {e}"))
        };
        Ok(Self {
            core: Core::new().map_err(|e| format!("could not set up epoll: {e}"))?,
            to: options.address()?,
            tls,
            start: Instant::now(),
            uploads: options.get("uploads", 10)?,
            downloads: options.get("downloads", 10)?,
            up: options.get("up", "/up".to_owned())?,
            size: options.get("size", 1 << 20)?,
            rate: options.get("rate", 50_000)?,
            up_size: options.get("up_size", 1 << 20)?,
            up_rate: options.get("up_rate", 50_000)?,
            ramp: secs("ramp", 1.0)?,
            block: job::noise(true),
            asked: Cell::new(0),
            ended: Cell::new(0),
            kinds: RefCell::new(vec![Kind::default(); 1 + down.len()]),
            down,
        })
    }

    /// Uploads and downloads come in turns, as long as there are both.
    async fn person(&self, index: usize) {
        let both = 2 * self.uploads.min(self.downloads);
        let (uploads, number) = if index < both {
            (index.is_multiple_of(2), index / 2)
        } else {
            (self.uploads > self.downloads, index - both / 2)
        };
        let kind = if uploads { 0 } else { 1 + number % self.down.len() };
        let count = u32::try_from(self.uploads + self.downloads).unwrap_or(u32::MAX).max(1);
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        self.core.sleep_until(self.start + self.ramp / count * place).await;
        let told = Cell::new(false);
        let asked = || {
            if !told.replace(true) {
                self.asked.set(self.asked.get() + 1);
                self.kinds.borrow_mut()[kind].asked += 1;
            }
        };
        let result = match kind {
            0 => self.upload(index, &asked).await,
            _ => self.download(index, &self.down[kind - 1], &asked).await,
        };
        asked();
        self.ended.set(self.ended.get() + 1);
        let bytes = if uploads { self.up_size } else { self.size };
        let mut kinds = self.kinds.borrow_mut();
        let kind = &mut kinds[kind];
        match result {
            Ok(took) => {
                kind.done += 1;
                kind.bytes += bytes as u64;
                kind.took_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
            Err(error) => {
                kind.failed += 1;
                if kind.failed <= ERRORS_SHOWN_MAX {
                    eprintln!("loadgen: person {index}: {error}");
                }
            }
        }
    }

    async fn upload(&self, index: usize, asked: &impl Fn()) -> io::Result<Duration> {
        let mut conn = self.open(index, None).await?;
        let before = form::before(index);
        let length = before.len() + self.up_size + form::AFTER.len();
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: loadgen\r\nAccept: */*\r\n{}\
             Content-Length: {length}\r\n\r\n{before}",
            self.up,
            form::CONTENT_TYPE
        );
        let start = Instant::now();
        conn.send(head.as_bytes()).await?;
        asked();
        let mut sent = 0;
        while sent < self.up_size {
            let step = (self.up_size - sent).min(PIECE_BYTES);
            let from = sent % self.block.len();
            let step = step.min(self.block.len() - from);
            conn.send(&self.block[from..from + step]).await?;
            sent += step;
            let due = Duration::from_nanos(sent as u64 * 1_000_000_000 / self.up_rate.max(1));
            self.core.sleep_until(start + due).await;
        }
        conn.send(form::AFTER.as_bytes()).await?;
        let start = Instant::now();
        let response = conn.response().await?;
        // The script answers with the size of the file it was given.
        expect(&conn, response, self.up_size.to_string().as_bytes())?;
        Ok(start.elapsed())
    }

    async fn download(&self, index: usize, path: &str, asked: &impl Fn()) -> io::Result<Duration> {
        let mut conn = self.open(index, Some(SMALL_WINDOW_BYTES)).await?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: loadgen\r\nAccept: */*\r\n\r\n"
        );
        let start = Instant::now();
        conn.send(head.as_bytes()).await?;
        asked();
        let response = conn.response_at(&self.core, self.rate).await?;
        expect(&conn, response, b"")?;
        if response.body_bytes != self.size as u64 {
            let got = response.body_bytes;
            return Err(io::Error::other(format!("{got} bytes instead of {}", self.size)));
        }
        Ok(start.elapsed())
    }

    /// From 127.1.0.0/16, so that no two people have one address.
    async fn open(&self, index: usize, receive_bytes: Option<usize>) -> io::Result<Conn> {
        let [high, low] = u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes();
        let from = Some(IpAddr::V4(Ipv4Addr::new(127, 1, high, low)));
        let segment_bytes = Some(SEGMENT_BYTES);
        let route = Route { to: self.to, from, receive_bytes, segment_bytes };
        Conn::open(&self.core, &route, Some(&self.tls)).await
    }

    fn report(&self) {
        let names = std::iter::once(&self.up).chain(&self.down);
        let kinds: Vec<String> = names
            .zip(self.kinds.borrow_mut().iter_mut())
            .map(|(name, kind)| {
                kind.took_us.sort_unstable();
                let last = kind.took_us.len().saturating_sub(1);
                let at = |percent: usize| {
                    let took = kind.took_us.get(last * percent / 100).copied();
                    took.unwrap_or(0) as f64 / 1000.0
                };
                format!(
                    "{{\"path\":{name:?},\"asked\":{},\"done\":{},\"failed\":{},\"bytes\":{},\
                     \"p50_ms\":{},\"p99_ms\":{},\"max_ms\":{}}}",
                    kind.asked,
                    kind.done,
                    kind.failed,
                    kind.bytes,
                    at(50),
                    at(99),
                    at(100)
                )
            })
            .collect();
        let secs = self.start.elapsed().as_secs_f64();
        println!("{{\"secs\":{secs:.3},\"kinds\":[{}]}}", kinds.join(","));
    }
}

fn expect(conn: &Conn, response: Response, text: &[u8]) -> io::Result<()> {
    let got = conn.text();
    if response.status != 200 {
        return Err(io::Error::other(format!("status {}", response.status)));
    }
    if text.is_empty() || got == text {
        return Ok(());
    }
    Err(io::Error::other(format!("the answer is {:?}", String::from_utf8_lossy(got))))
}

/// Sent at once: one full record.
const PIECE_BYTES: usize = 16 << 10;
/// A small receive buffer: with the kernel's choice a file of 1 MiB would be in it at once, and
/// nobody would hold anything.
const SMALL_WINDOW_BYTES: usize = 16 << 10;
/// As over Ethernet: the kernel sizes a server's send buffer after it, and with loopback's segments
/// of 64 KiB that holds more than 1 MiB from the start.
const SEGMENT_BYTES: u32 = 1448;
/// Errors printed before only counting them, of each kind.
const ERRORS_SHOWN_MAX: u64 = 2;
