//! An S3 engine in this process for tests: `s3s-fs` on loopback, behind a layer that makes
//! conditional writes atomic (or ignores conditions, as some servers do), knows the uploads that
//! are under way, takes part numbers with gaps as the protocol allows, and fails as planned.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(dead_code, reason = "each test uses its own part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Answered `SlowDown`, nothing done.
    SlowDown,
    /// Answered 500, nothing done.
    Internal,
    /// The connection is cut before anything is done.
    Cut,
    /// Half of the body is read, then the connection is cut; nothing is done.
    CutMidway,
    /// Done, and the connection cut instead of an answer.
    LostAnswer,
    /// Done, and only then is the client kept waiting so long.
    Late(Duration),
    /// The answer's body is cut in the middle.
    HalfAnswer,
    /// The bytes arrive damaged.
    Damaged,
    /// The connection is cut, and the request done only at `arrive`: a write given up that comes
    /// through late.
    Deferred,
}

/// One request as a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Counted from 0 since the last `plan`.
    pub(crate) index: usize,
    /// Such as `PutObject`.
    pub(crate) operation: &'static str,
    /// The key in the bucket.
    pub(crate) key: String,
}

type Plan = Box<dyn FnMut(&Seen) -> Fault + Send>;
type Body = UnsyncBoxBody<Bytes, std::io::Error>;

pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    checked: S3Service,
    open: S3Service,
    root: tempfile::TempDir,
    kept: tempfile::TempDir,
    is_conditional: AtomicBool,
    is_down: AtomicBool,
    plan: Mutex<Plan>,
    log: Mutex<Vec<Seen>>,
    index: AtomicUsize,
    writes: tokio::sync::Mutex<()>,
    deferred: Mutex<Vec<(Seen, Request<Vec<u8>>)>>,
    uploads: Mutex<BTreeMap<(String, String), String>>,
    parts: Mutex<BTreeMap<(String, u16), (String, usize)>>,
}

impl Engine {
    /// One with an empty bucket.
    pub(crate) fn start() -> Self {
        let root = tempfile::Builder::new().prefix("s3-engine.").tempdir().unwrap();
        std::fs::create_dir(root.path().join(BUCKET)).unwrap();
        let files = || s3s_fs::FileSystem::new(root.path()).unwrap();
        let mut checked = S3ServiceBuilder::new(files());
        checked.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let shared = Arc::new(Shared {
            checked: checked.build(),
            open: S3ServiceBuilder::new(files()).build(),
            root,
            kept: tempfile::Builder::new().prefix("s3-parts.").tempdir().unwrap(),
            is_conditional: AtomicBool::new(true),
            is_down: AtomicBool::new(false),
            plan: Mutex::new(Box::new(|_| Fault::None)),
            log: Mutex::default(),
            index: AtomicUsize::new(0),
            writes: tokio::sync::Mutex::new(()),
            deferred: Mutex::default(),
            uploads: Mutex::default(),
            parts: Mutex::default(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let task = tokio::spawn(accept(listener, served));
                let _ = stopped.await;
                task.abort();
            });
            runtime.shutdown_background();
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Whether conditions on writes are kept; otherwise they are ignored, without a word.
    pub(crate) fn conditional(&self, is_so: bool) {
        self.shared.is_conditional.store(is_so, Ordering::SeqCst);
    }

    /// Cuts every connection from now on, or no longer.
    pub(crate) fn down(&self, is_so: bool) {
        self.shared.is_down.store(is_so, Ordering::SeqCst);
    }

    /// What happens to requests from now on; they are counted anew.
    pub(crate) fn plan(&self, plan: impl FnMut(&Seen) -> Fault + Send + 'static) {
        *self.shared.plan.lock().unwrap() = Box::new(plan);
        self.shared.index.store(0, Ordering::SeqCst);
        self.shared.log.lock().unwrap().clear();
    }

    /// Does what was deferred; how many requests that were.
    pub(crate) fn arrive(&self) -> usize {
        let shared = Arc::clone(&self.shared);
        let late = std::mem::take(&mut *shared.deferred.lock().unwrap());
        let count = late.len();
        // A thread of its own: the caller may be inside of a runtime.
        let work = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for (seen, request) in late {
                let _ = runtime.block_on(done(&shared, &seen, request));
            }
        });
        work.join().unwrap();
        count
    }

    /// The requests since the last plan.
    pub(crate) fn log(&self) -> Vec<Seen> {
        self.shared.log.lock().unwrap().clone()
    }

    /// Keys and ids of the uploads that are under way.
    pub(crate) fn uploads(&self) -> Vec<(String, String)> {
        self.shared.uploads.lock().unwrap().keys().cloned().collect()
    }

    /// The bytes of an object, as they lie on the disk.
    pub(crate) fn object(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.shared.root.path().join(BUCKET).join(key)).ok()
    }

    /// Where the bytes of an object lie: a plan may replace them between two requests.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.shared.root.path().join(BUCKET).join(key)
    }

    /// Takes an object away, and tells nobody.
    pub(crate) fn lose(&self, key: &str) {
        std::fs::remove_file(self.shared.root.path().join(BUCKET).join(key)).unwrap();
    }

    /// Makes an object look so many seconds older.
    pub(crate) fn age(&self, key: &str, seconds: u64) {
        let path = self.shared.root.path().join(BUCKET).join(key);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let then = std::time::SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(then).unwrap();
    }

    /// All keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        let base = self.shared.root.path().join(BUCKET);
        let (mut keys, mut folders) = (Vec::new(), vec![base.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    keys.push(path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        keys.sort();
        keys
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if shared.is_down.load(Ordering::SeqCst) {
            continue;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&shared), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    if shared.is_down.load(Ordering::SeqCst) {
        return Err(cut());
    }
    let seen = Seen {
        index: shared.index.fetch_add(1, Ordering::SeqCst),
        operation: operation(&request),
        key: request
            .uri()
            .path()
            .trim_start_matches('/')
            .split_once('/')
            .map_or_else(String::new, |(_, key)| key.to_owned()),
    };
    let fault = (shared.plan.lock().unwrap())(&seen);
    shared.log.lock().unwrap().push(seen.clone());
    match fault {
        Fault::SlowDown => return Ok(error(503, "SlowDown")),
        Fault::Internal => return Ok(error(500, "InternalError")),
        Fault::Cut => return Err(cut()),
        Fault::CutMidway => {
            let _ = request.into_body().frame().await;
            return Err(cut());
        }
        _ => {}
    }
    let (head, body) = request.into_parts();
    let mut body = body.collect().await.map_err(|_| cut())?.to_bytes().to_vec();
    if fault == Fault::Deferred {
        shared.deferred.lock().unwrap().push((seen, Request::from_parts(head, body)));
        return Err(cut());
    }
    if fault == Fault::Damaged
        && let Some(last) = body.last_mut()
    {
        *last ^= 1;
    }
    let answer = done(&shared, &seen, Request::from_parts(head, body)).await?;
    match fault {
        Fault::LostAnswer => Err(cut()),
        Fault::Late(wait) => {
            tokio::time::sleep(wait).await;
            Ok(answer)
        }
        Fault::HalfAnswer => {
            let (mut head, body) = answer.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let half = bytes.slice(..bytes.len() / 2);
            head.headers.insert("content-length", bytes.len().into());
            head.headers.remove("transfer-encoding");
            Ok(Response::from_parts(head, Half(Some(half)).boxed_unsync()))
        }
        _ => Ok(answer),
    }
}

/// Some bytes, then a failure.
struct Half(Option<Bytes>);

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, std::io::Error>>> {
        let next = self.0.take().map(hyper::body::Frame::data);
        std::task::Poll::Ready(Some(next.ok_or_else(cut)))
    }
}

async fn done(
    shared: &Shared,
    seen: &Seen,
    request: Request<Vec<u8>>,
) -> Result<Response<Body>, std::io::Error> {
    let query = |name: &str| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        query.split('&').find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (found == name).then(|| value.to_owned())
        })
    };
    let (upload, number) = (query("uploadId"), query("partNumber"));
    let prefix = query("prefix").unwrap_or_default().replace("%2F", "/");
    if let Some(md5) = request.headers().get("content-md5")
        && md5.to_str().unwrap() != digest(request.body())
    {
        return Ok(error(400, "BadDigest"));
    }
    match seen.operation {
        // To the engine, what keys go through is a folder of the disk; to the protocol, nothing.
        "HeadObject" | "GetObject" if shared.is_folder(&seen.key) => Ok(error(404, "NoSuchKey")),
        "ListMultipartUploads" => Ok(listed(shared, &prefix)),
        "ListParts" => Ok(parts(shared, &upload.unwrap())),
        // The engine's list fails if a file goes away while it looks.
        "PutObject" | "DeleteObject" | "ListObjectsV2" => {
            let _lock = shared.writes.lock().await;
            passed(shared, request).await
        }
        "CompleteMultipartUpload" => {
            let _lock = shared.writes.lock().await;
            let upload = upload.unwrap();
            let key = (seen.key.clone(), upload.clone());
            if !shared.uploads.lock().unwrap().contains_key(&key) {
                return Ok(error(404, "NoSuchUpload"));
            }
            let (head, body) = request.into_parts();
            let Some(body) = renumbered(shared, &upload, &body) else {
                return Ok(error(400, "InvalidPart"));
            };
            let answer = passed(shared, Request::from_parts(head, body)).await?;
            if answer.status().is_success() {
                shared.uploads.lock().unwrap().remove(&key);
            }
            Ok(answer)
        }
        "CreateMultipartUpload" => begun(shared, seen, request).await,
        "UploadPart" | "UploadPartCopy" => {
            let (upload, number) = (upload.unwrap(), number.unwrap().parse().unwrap());
            let key = (seen.key.clone(), upload.clone());
            if !shared.uploads.lock().unwrap().contains_key(&key) {
                return Ok(error(404, "NoSuchUpload"));
            }
            let answer = passed(shared, request).await?;
            if answer.status().is_success() {
                let file = shared.part_file(&upload, number);
                let bytes = std::fs::read(&file).unwrap();
                // A condition may fail, and the same list come again: the part stays.
                std::fs::rename(file, shared.kept(&upload, number)).unwrap();
                let known = (hex(&bytes), bytes.len());
                shared.parts.lock().unwrap().insert((upload, number), known);
            }
            Ok(answer)
        }
        "AbortMultipartUpload" => {
            let key = (seen.key.clone(), upload.unwrap());
            if shared.uploads.lock().unwrap().remove(&key).is_none() {
                return Ok(error(404, "NoSuchUpload"));
            }
            passed(shared, request).await
        }
        _ => passed(shared, request).await,
    }
}

async fn begun(
    shared: &Shared,
    seen: &Seen,
    request: Request<Vec<u8>>,
) -> Result<Response<Body>, std::io::Error> {
    let (head, body) = passed(shared, request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&body).into_owned();
    if let Some((_, rest)) = text.split_once("<UploadId>") {
        let id = rest.split_once('<').unwrap().0.to_owned();
        let begun = "2026-01-01T00:00:00.000Z".to_owned();
        shared.uploads.lock().unwrap().insert((seen.key.clone(), id), begun);
    }
    Ok(Response::from_parts(head, full(body)))
}

async fn passed(
    shared: &Shared,
    request: Request<Vec<u8>>,
) -> Result<Response<Body>, std::io::Error> {
    let (mut head, body) = request.into_parts();
    head.headers.insert("content-length", body.len().into());
    let service = if shared.is_conditional.load(Ordering::SeqCst) {
        &shared.checked
    } else {
        // Who takes the conditions away takes the signature away, too, which covers them.
        head.headers.remove("if-match");
        head.headers.remove("if-none-match");
        let query = head.uri.query().unwrap_or_default();
        let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("X-Amz-")).collect();
        let path = format!("{}?{}", head.uri.path(), kept.join("&"));
        head.uri = path.trim_end_matches('?').parse::<Uri>().unwrap();
        &shared.open
    };
    let answer = service.call(Request::from_parts(head, s3s::Body::from(body))).await;
    let answer = answer.map_err(|_| cut())?;
    Ok(answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()))
}

/// The engine takes numbers without gaps only; the protocol has them in growing order. Tags are
/// compared, which the engine does not.
fn renumbered(shared: &Shared, upload: &str, body: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut out = String::from("<CompleteMultipartUpload>");
    for (place, part) in (1u16..).zip(text.split("<Part>").skip(1)) {
        let number = part.split_once("<PartNumber>")?.1.split_once('<')?.0.parse().ok()?;
        let etag = part.split_once("<ETag>")?.1.split_once('<')?.0.replace("&quot;", "");
        let known = shared.parts.lock().unwrap().get(&(upload.to_owned(), number)).cloned();
        known.filter(|known| known.0 == etag)?;
        std::fs::copy(shared.kept(upload, number), shared.part_file(upload, place)).ok()?;
        out += &format!("<Part><ETag>{etag}</ETag><PartNumber>{place}</PartNumber></Part>");
    }
    Some((out + "</CompleteMultipartUpload>").into_bytes())
}

impl Shared {
    fn is_folder(&self, key: &str) -> bool {
        self.root.path().join(BUCKET).join(key).is_dir()
    }

    fn kept(&self, upload: &str, number: u16) -> PathBuf {
        self.kept.path().join(format!("{upload}.{number}"))
    }

    fn part_file(&self, upload: &str, number: u16) -> PathBuf {
        self.root.path().join(format!(".upload_id-{upload}.part-{number}"))
    }
}

/// The engine's own answer lacks the tags.
fn parts(shared: &Shared, upload: &str) -> Response<Body> {
    let mut text = String::from("<ListPartsResult><IsTruncated>false</IsTruncated>");
    for ((own, number), (etag, size)) in shared.parts.lock().unwrap().iter() {
        if own == upload {
            text += &format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag><Size>{size}</Size>\
                 </Part>"
            );
        }
    }
    Response::new(full(Bytes::from(text + "</ListPartsResult>")))
}

fn listed(shared: &Shared, prefix: &str) -> Response<Body> {
    let mut text = String::from("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>");
    for ((key, id), begun) in shared.uploads.lock().unwrap().iter() {
        if key.starts_with(prefix) {
            text += &format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated>\
                 </Upload>"
            );
        }
    }
    Response::new(full(Bytes::from(text + "</ListMultipartUploadsResult>")))
}

fn operation(request: &Request<Incoming>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| {
        query.split('&').any(|pair| pair.split_once('=').map_or(pair, |(found, _)| found) == name)
    };
    let is_object = request.uri().path().trim_start_matches('/').contains('/');
    match request.method().as_str() {
        "PUT" if has("partNumber") && request.headers().contains_key("x-amz-copy-source") => {
            "UploadPartCopy"
        }
        "PUT" if has("partNumber") => "UploadPart",
        "PUT" => "PutObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" => "CompleteMultipartUpload",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "HEAD" => "HeadObject",
        _ if has("uploads") => "ListMultipartUploads",
        _ if has("uploadId") => "ListParts",
        _ if has("list-type") || !is_object => "ListObjectsV2",
        _ => "GetObject",
    }
}

fn error(status: u16, code: &str) -> Response<Body> {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    let mut answer = Response::new(full(Bytes::from(text)));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn cut() -> std::io::Error {
    std::io::Error::other("cut as planned")
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    use md5::{Digest, Md5};
    Md5::digest(bytes).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    md5(bytes).iter().map(|octet| format!("{octet:02x}")).collect()
}

fn digest(bytes: &[u8]) -> String {
    let digits: Vec<char> =
        ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for group in md5(bytes).chunks(3) {
        let octet = |place: usize| u32::from(group.get(place).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for place in 0..=group.len() {
            text.push(digits[(bits >> (18 - 6 * place) & 63) as usize]);
        }
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

pub(crate) const BUCKET: &str = "bucket";
pub(crate) const KEY: &str = "AKTEST";
pub(crate) const SECRET: &str = "never-shown";
