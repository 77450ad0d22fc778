//! The control connection on its TCP socket: octets to and fro, timers. What they mean is
//! [`Control`]'s.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use menshen_tunnel_core::pptp::call::{Control, Event};
use tokio::net::TcpStream;

use crate::clock::Clock;

/// A control connection.
#[derive(Debug)]
pub(crate) struct Line {
    tcp: Option<TcpStream>,
    pub(crate) control: Control,
    clock: Clock,
    /// What is to be sent, from `sent` on.
    output: Vec<u8>,
    sent: usize,
    buffer: Vec<u8>,
}

impl Line {
    pub(crate) fn new(tcp: TcpStream, control: Control, clock: Clock) -> Self {
        let buffer = vec![0; READ_OCTETS];
        Self { tcp: Some(tcp), control, clock, output: Vec::new(), sent: 0, buffer }
    }

    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// The next event of the control connection, which has one before it ends.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            let clock = self.clock;
            self.control.poll(clock.now());
            if let Some(event) = self.control.next_event() {
                return event;
            }
            let deadline = self.control.deadline().map(|at| clock.instant(at));
            let deadline = deadline.unwrap_or_else(|| clock.instant(clock.now()));
            let mut sleep = pin!(tokio::time::sleep_until(deadline));
            poll_fn(|cx| {
                let moved = self.poll(cx);
                if moved.is_ready() { moved } else { sleep.as_mut().poll(cx) }
            })
            .await;
        }
    }

    /// Sends what is to be sent and takes what came; ready when anything came.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_send(cx);
        let Some(tcp) = &self.tcp else { return Poll::Pending };
        let mut came = Poll::Pending;
        for _ in 0..READS {
            match tcp.poll_read_ready(cx) {
                Poll::Pending => return came,
                Poll::Ready(_) => came = Poll::Ready(()),
            }
            match tcp.try_read(&mut self.buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(octets @ 1..) => {
                    let came = self.buffer.get(..octets).unwrap_or_default();
                    self.control.input(self.clock.now(), came);
                }
                Ok(0) | Err(_) => {
                    self.hang_up();
                    break;
                }
            }
        }
        came
    }

    /// While TCP takes nothing, what is to be said stays with [`Control`], which bounds it.
    fn poll_send(&mut self, cx: &mut Context<'_>) {
        loop {
            if self.sent == self.output.len() {
                self.output.clear();
                self.sent = 0;
                self.control.output(&mut self.output);
            }
            let rest = self.output.get(self.sent..).unwrap_or_default();
            let Some(tcp) = self.tcp.as_ref().filter(|_| !rest.is_empty()) else { return };
            if tcp.poll_write_ready(cx).is_pending() {
                return;
            }
            match tcp.try_write(rest) {
                Ok(octets) => self.sent += octets,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // What the peer said before is still to be read.
                Err(_) => self.sent = self.output.len(),
            }
        }
    }

    fn hang_up(&mut self) {
        self.tcp = None;
        self.control.lower_down();
    }
}

/// Octets read at once: a few messages.
const READ_OCTETS: usize = 2048;
/// Reads before others have their turn.
const READS: usize = 16;

#[cfg(test)]
mod tests;
