//! A page fetched at fixed times, whatever happens to the fetches before.
//!
//! Latency counts from the time a fetch was due, not from when a connection was free for it, so a
//! server that stalls cannot hide it (no coordinated omission). It must never skip a fetch: one
//! that was due and never answered is reported as such.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::conn::Conn;
use crate::exec::{self, Core, Route};
use crate::options::Options;
use crate::tls::Settings;

/// Fetches until standard input ends, then prints one line.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let connections: usize = options.get("c", 64)?;
    let start = Instant::now() + WARM_UP;
    let page = Rc::new(Page {
        core: Core::new().map_err(|e| format!("could not set up epoll: {e}"))?,
        route: Route::to(options.address()?),
        tls: options.tls()?,
        request: format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: loadgen\r\nAccept: */*\r\n\r\n",
            options.get("path", "/page.php".to_owned())?
        ),
        every: Duration::from_millis(options.get("every", 20)?),
        connections,
        start,
        next: RefCell::new((0..connections).collect()),
        fetched: RefCell::new(Vec::new()),
        failed: RefCell::new(Vec::new()),
    });
    let unix = SystemTime::now() + WARM_UP;
    let unix = unix.duration_since(UNIX_EPOCH).map_err(|e| format!("bad clock: {e}"))?;
    let over = Arc::new(AtomicBool::new(false));
    let flag = over.clone();
    thread::spawn(move || {
        // Whatever is read, only the end counts; a failing standard input is an end as well.
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        flag.store(true, Ordering::Relaxed);
    });
    let tasks = (0..connections)
        .map(|index| {
            let page = page.clone();
            Box::pin(async move { page.fetch_all(index).await }) as exec::Task
        })
        .collect();
    exec::run(&page.core, tasks, || !over.load(Ordering::Relaxed))
        .map_err(|e| format!("could not run: {e}"))?;
    page.report(unix.as_millis());
    Ok(())
}

#[derive(Debug)]
struct Page {
    core: Rc<Core>,
    route: Route,
    tls: Option<Settings>,
    request: String,
    every: Duration,
    connections: usize,
    /// When the first fetch is due.
    start: Instant,
    /// The fetch each connection is at; fetch n is due at `start + n * every`.
    next: RefCell<Vec<usize>>,
    /// Fetch and microseconds from when it was due.
    fetched: RefCell<Vec<(usize, u64)>>,
    failed: RefCell<Vec<usize>>,
}

impl Page {
    async fn fetch_all(&self, index: usize) {
        // Opened before the first fetch is due; a failure shows when it is.
        let mut conn = self.open().await.ok();
        loop {
            let fetch = self.next.borrow()[index];
            let due = self.due(fetch);
            self.core.sleep_until(due).await;
            match self.fetch(conn.take()).await {
                Ok(open) => {
                    let took = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.fetched.borrow_mut().push((fetch, took));
                    conn = Some(open);
                }
                Err(error) => {
                    let mut failed = self.failed.borrow_mut();
                    if failed.len() < ERRORS_SHOWN_MAX {
                        eprintln!("loadgen: page {fetch}: {error}");
                    }
                    failed.push(fetch);
                }
            }
            self.next.borrow_mut()[index] += self.connections;
        }
    }

    async fn fetch(&self, conn: Option<Conn>) -> io::Result<Conn> {
        let mut conn = match conn {
            Some(conn) => conn,
            None => self.open().await?,
        };
        conn.send(self.request.as_bytes()).await?;
        let response = conn.response().await?;
        if response.status == 200 {
            Ok(conn)
        } else {
            Err(io::Error::other(format!("status {}", response.status)))
        }
    }

    async fn open(&self) -> io::Result<Conn> {
        Conn::open(&self.core, &self.route, self.tls.as_ref()).await
    }

    fn due(&self, fetch: usize) -> Instant {
        self.start + self.every * u32::try_from(fetch).unwrap_or(u32::MAX)
    }

    fn report(&self, unix_ms: u128) {
        let now = Instant::now();
        let ms = |fetch: usize| fetch as u128 * self.every.as_millis();
        // Due, and neither answered nor failed: what each connection is at, and all behind it.
        let mut unanswered = Vec::new();
        for &at in self.next.borrow().iter() {
            let mut fetch = at;
            while self.due(fetch) < now {
                unanswered.push(ms(fetch).to_string());
                fetch += self.connections;
            }
        }
        let fetched: Vec<String> = self
            .fetched
            .borrow()
            .iter()
            .map(|&(fetch, took)| format!("[{},{took}]", ms(fetch)))
            .collect();
        let failed: Vec<String> =
            self.failed.borrow().iter().map(|&fetch| ms(fetch).to_string()).collect();
        let ended = now.saturating_duration_since(self.start).as_millis();
        println!(
            "{{\"start_unix_ms\":{unix_ms},\"ended_ms\":{ended},\"fetched\":[{}],\"failed\":[{}],\
             \"unanswered\":[{}]}}",
            fetched.join(","),
            failed.join(","),
            unanswered.join(",")
        );
    }
}

/// To open the connections in.
const WARM_UP: Duration = Duration::from_millis(500);
const ERRORS_SHOWN_MAX: usize = 2;
