//! The way to the guard: messages in order, written by one task.

use std::io;
use std::os::fd::OwnedFd;

use menshen_config::keeper::Message;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use crate::race::{First, first};

/// Where messages are put.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Message>,
}

/// The guard does not listen any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Outbox {
    /// The outbox, and where its messages come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        (Self { sender }, receiver)
    }

    /// Sends a message after those sent before.
    ///
    /// # Errors
    /// The guard is gone.
    pub(crate) async fn send(&self, message: Message) -> Result<(), Gone> {
        self.sender.send(message).await.map_err(|_| Gone)
    }
}

/// Writes messages until the guard closes its end.
pub(crate) async fn write(pipe: OwnedFd, mut messages: mpsc::Receiver<Message>) -> io::Result<()> {
    let mut pipe = pipe::Sender::from_owned_fd(pipe)?;
    loop {
        let message = match first(messages.recv(), closed(&pipe)).await {
            First::One(Some(message)) => message,
            First::One(None) | First::Other(()) => return Ok(()),
        };
        // What is out of its bounds here is a fault of ours; the guard could not take it.
        let Ok(bytes) = message.encode() else { continue };
        match pipe.write_all(&bytes).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Waits until nobody can read any more.
async fn closed(pipe: &pipe::Sender) {
    loop {
        match pipe.ready(Interest::ERROR).await {
            Ok(ready) if ready.is_error() || ready.is_write_closed() => return,
            Ok(_) => tokio::task::yield_now().await,
            Err(_) => return,
        }
    }
}

/// Waiting messages; names wait in turn beyond that.
const MESSAGES_MAX: usize = 64;
