//! Transports, deadlines and budgets for the doors: the one room that names tokio sockets and
//! rustls connections.
//!
//! A worker is one thread, so nothing here is `Send`, nothing locks, and the large buffers are
//! the worker's, not the connection's: bytes are received into a shared scratch, handled in the
//! same call, and only what cannot be handled yet is kept.

pub mod clock;
pub mod desk;
pub mod gate;
pub mod handover;
pub mod stream;
pub mod tape;
pub mod watch;

pub use desk::Desk;
pub use gate::{Gate, GateRefusal, Pass};
pub use handover::Handover;
pub use stream::{AsyncStream, SendStep, Stream};
pub use tape::Tape;
pub use watch::{Breach, Watch, Watched};
