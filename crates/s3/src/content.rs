//! What is sent: bytes in memory, which can be sent again, or a stream of known length, which
//! cannot. Handed on in pieces, so that progress can be seen.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// A body to send.
#[derive(Debug)]
pub struct Content(pub(crate) Source, pub(crate) u64);

#[derive(Debug)]
pub(crate) enum Source {
    Whole(Bytes),
    Stream(UnsyncBoxBody<Bytes, io::Error>),
}

impl Content {
    /// Bytes in memory; their MD5 goes along, and a failed attempt is repeated.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self(Source::Whole(bytes), length)
    }

    /// A stream of `length` bytes. It is sent once; a failure is the caller's to repeat.
    pub fn stream(
        length: u64,
        body: impl Body<Data = Bytes, Error = io::Error> + Send + 'static,
    ) -> Self {
        Self(Source::Stream(body.boxed_unsync()), length)
    }

    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Source::Whole(bytes) => Some(bytes),
            Source::Stream(_) => None,
        }
    }

    /// The same once more, if it can be had.
    pub(crate) fn again(&self) -> Option<Self> {
        self.bytes().map(|bytes| Self::whole(bytes.clone()))
    }
}

/// How far a body is; shared by the body and whoever watches it.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    /// Milliseconds from the start to the last movement.
    moved: AtomicU64,
    /// All was handed on.
    is_sent: AtomicBool,
    /// The body's own source keeps us waiting, not the server.
    is_waiting: AtomicBool,
    /// The source failed.
    is_broken: AtomicBool,
}

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            moved: AtomicU64::new(0),
            is_sent: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            is_broken: AtomicBool::new(false),
        })
    }

    pub(crate) fn moved(&self) -> Instant {
        self.start + std::time::Duration::from_millis(self.moved.load(Ordering::Relaxed))
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.is_sent.load(Ordering::Relaxed)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 1);
        self.moved.store(passed, Ordering::Relaxed);
    }
}

/// A body on its way.
#[derive(Debug)]
pub(crate) struct Sending {
    source: Source,
    left: u64,
    progress: Arc<Progress>,
}

impl Sending {
    pub(crate) fn new(content: Content, progress: Arc<Progress>) -> Self {
        let Content(source, left) = content;
        progress.is_sent.store(left == 0, Ordering::Relaxed);
        Self { source, left, progress }
    }

    fn broken(&self, why: &'static str) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.progress.is_broken.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))))
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match &mut self.source {
            Source::Whole(bytes) => bytes.split_to(bytes.len().min(PIECE_BYTES)),
            Source::Stream(body) => match Pin::new(body).poll_frame(context) {
                Poll::Pending => {
                    self.progress.is_waiting.store(true, Ordering::Relaxed);
                    return Poll::Pending;
                }
                Poll::Ready(None) => return self.broken("the source ended early"),
                Poll::Ready(Some(Err(error))) => {
                    self.progress.is_broken.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            },
        };
        self.progress.is_waiting.store(false, Ordering::Relaxed);
        self.progress.touch();
        let Some(left) = self.left.checked_sub(piece.len() as u64) else {
            return self.broken("the source is longer than was announced");
        };
        self.left = left;
        self.progress.is_sent.store(left == 0, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Most bytes handed on at once: progress is seen at least as often.
const PIECE_BYTES: usize = 128 << 10;
