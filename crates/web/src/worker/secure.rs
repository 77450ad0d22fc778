//! A TLS connection from its first byte to the protocol it agrees on.
//!
//! The certificates are those of the moment the connection began. What a failed handshake left on
//! its tape is kept for `menshen explain https --clients`; a successful one drops its tape before
//! anything else happens. Connections of authorities (tls-alpn-01, RFC 8737 §3) end with the
//! handshake: no request is ever read from them.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use menshen_base::{Counter, EndReason, Phase, Who};
use menshen_net::{Breach, Stream, Tape, Watched};
use menshen_tls::{ACME_TLS_ALPN, Shown, ShownHashes};
use rustls::{HandshakeKind, ServerConnection};
use tokio::net::TcpStream;

use super::Acceptor;
use crate::failures::Failed;
use crate::h1::{Mode, Session};
use crate::h2;
use crate::log::{Line, PhpNote, Times};

/// A connection whose handshake is done.
struct Shaken {
    stream: Stream,
    /// The certificate it goes by; none without a tunnel door.
    shown: Option<ShownHashes>,
    handshake_ms: i64,
}

impl Acceptor {
    pub(super) async fn secure(
        &self,
        socket: Rc<TcpStream>,
        watched: Rc<Watched>,
        peer: SocketAddr,
    ) {
        let door = &self.door;
        let Some(Shaken { mut stream, shown, handshake_ms }) =
            self.shake(socket, &watched, peer).await
        else {
            return;
        };
        door.slot.add(Counter::ConnectionsTls, 1);
        let tls = stream.tls();
        if tls.and_then(|tls| tls.handshake_kind()) == Some(HandshakeKind::Resumed) {
            door.slot.add(Counter::TlsResumed, 1);
        }
        match tls.and_then(|tls| tls.alpn_protocol()) {
            // Boxed: the few HTTP/2 connections must not make every connection's task as large.
            Some(b"h2") => {
                Box::pin(h2::run(Rc::clone(door), stream, watched, peer, handshake_ms)).await;
            }
            Some(ACME_TLS_ALPN) => {
                door.slot.add(Counter::AcmeAnswered, 1);
                stream.finish();
            }
            _ => {
                Session::new(Rc::clone(door), stream, watched, peer, Mode::Serve, handshake_ms)
                    .shown(shown)
                    .run()
                    .await;
            }
        }
    }

    /// The handshake.
    async fn shake(
        &self,
        socket: Rc<TcpStream>,
        watched: &Watched,
        peer: SocketAddr,
    ) -> Option<Shaken> {
        let config = self.certificates.current();
        // Only a tunnel is bound to the certificate.
        let (config, watches) = match &self.door.tunnel {
            None => (config, None),
            Some(_) => {
                let (config, watches) = Shown::over(&config);
                (config, Some(watches))
            }
        };
        let tls = ServerConnection::new(config).ok()?;
        watched.enter(Phase::Handshake, self.door.limits.handshake_seconds_max);
        let mut tape = Tape::begin();
        let mut stream = Stream::new(socket, Some(tls));
        let mut shown = None;
        let seen = |tls: &mut ServerConnection| {
            shown = watches.as_ref().and_then(|watches| watches.look(tls)).or(shown);
        };
        let shaken = stream.handshake_seen(&mut tape, seen).await;
        let handshake_ms = i64::try_from(tape.elapsed_us() / 1000).unwrap_or(0);
        match shaken {
            Ok(()) => Some(Shaken { stream, shown, handshake_ms }),
            Err(error) => {
                self.failed(&stream, watched, peer, &tape, &error);
                None
            }
        }
    }

    fn failed(
        &self,
        stream: &Stream,
        watched: &Watched,
        peer: SocketAddr,
        tape: &Tape,
        error: &io::Error,
    ) {
        let door = &self.door;
        door.slot.add(Counter::TlsFailed, 1);
        let breach = watched.breach();
        let failed = Failed {
            client: peer,
            local: stream.local_addr(),
            tls: stream.tls(),
            error,
            limit: breach.is_some(),
            tape,
        };
        // When this worker drains nobody has failed.
        let failures = self.failures.as_ref().filter(|_| breach != Some(Breach::Drain));
        if failures.is_some_and(|failures| failures.keep(&failed)) {
            door.slot.add(Counter::TlsKept, 1);
        }
        let who = if breach.is_some() { Who::Limit } else { Who::Client };
        let handshake = i64::try_from(tape.elapsed_us() / 1000).unwrap_or(0);
        door.log.add(&Line {
            client: peer.ip(),
            protocol: "tls",
            request: b"",
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            times: Times { handshake, ..Times::NONE },
            php: PhpNote::default(),
            end: EndReason::new(who, Phase::Handshake),
        });
    }
}
