//! A PPTP call, asked for: TCP port 1723, the call, and its GRE as a [`Carrier`].
//!
//! Our number of the call is 0 and a decoy goes first, so that answers pass a NAT without a PPTP
//! helper: Linux's, without the helper, takes the key of what goes out for the flow and 0 for what
//! comes in. A server that declines number 0 is asked for a random one on the same connection.
//! ICMP errors end nothing (a server whose GRE is not ready yet answers with one); they are facts.
//! PPTP keeps nothing secret but by MPPE, which is weak: that is said by whoever offers this.
//!
//! [`Carrier`]: crate::carrier::Carrier

use std::io;
use std::net::SocketAddrV4;
use std::time::Duration;

use menshen_tunnel_core::pptp::CallId;
use menshen_tunnel_core::pptp::call::{CallEnd, Control, End, Event, Role, Settings};
use menshen_tunnel_core::pptp::control::Text;

use crate::clock::Clock;
pub use carrier::{Facts, PptpCarrier};
pub(crate) use gre::{forget, widen};
pub use icmp::{About, IcmpError};

mod carrier;
mod gre;
mod icmp;
pub(crate) mod line;

/// What is dialled, and how.
#[derive(Debug, Clone, Copy)]
pub struct Dial {
    /// The server; port [`menshen_tunnel_core::pptp::PORT`] as a rule.
    pub server: SocketAddrV4,
    /// What session and carrier count by.
    pub clock: Clock,
    /// How long TCP may take.
    pub within: Duration,
    /// Our number of the call.
    pub number: Number,
}

impl Dial {
    /// This server, as is best for most.
    #[must_use]
    pub fn new(server: SocketAddrV4, clock: Clock) -> Self {
        Self { server, clock, within: CONNECT_WITHIN, number: Number::ZeroFirst }
    }
}

/// By which number we want to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 0, which passes a NAT without helper; a random one if the server declines that.
    ZeroFirst,
    /// A random one: a second call to the same server from behind the same NAT.
    Random,
}

/// Why there is no call.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Raw sockets are not allowed to this process.
    #[error("no right to send GRE (CAP_NET_RAW)")]
    LocalRight(#[source] io::Error),
    /// A socket could not be made or used.
    #[error("could not {step}")]
    Local {
        /// What was tried, such as `open a socket for GRE`.
        step: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// TCP was refused: nobody listens there.
    #[error("the port is closed")]
    PeerClosed(#[source] io::Error),
    /// TCP found no answer in time: a filter, or no such host.
    #[error("no answer to TCP")]
    PeerSilent,
    /// A router or this host's own table says that there is no way.
    #[error("no way to the server")]
    PeerUnreachable(#[source] io::Error),
    /// This host's own firewall forbids it.
    #[error("the connection is forbidden here")]
    LocalForbidden(#[source] io::Error),
    /// The control connection did not come about, or ended.
    #[error("{0}")]
    Control(End),
    /// The server did not take the call.
    #[error("{0}")]
    Call(Box<CallEnd>),
}

/// Why a call ended that was up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The call ended.
    #[error("{0}")]
    Call(CallEnd),
    /// The control connection ended, and the call with it.
    #[error("{0}")]
    Control(End),
    /// GRE cannot be sent or received any more.
    #[error("the socket for GRE failed: {0}")]
    Gre(io::ErrorKind),
}

/// Dials: TCP, the control connection, the call. GRE is not proven by it.
///
/// # Errors
/// Why there is no call.
pub async fn dial(dial: Dial) -> Result<PptpCarrier, DialError> {
    dial_by(dial, None).await
}

/// The same, whose packets leave by the interface `outer` whatever routes there will be.
///
/// # Errors
/// Why there is no call.
pub async fn dial_by(dial: Dial, outer: Option<&str>) -> Result<PptpCarrier, DialError> {
    let Dial { server, clock, within, number } = dial;
    // Rights first: without them nobody else need be troubled.
    let gre = gre::open().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => DialError::LocalRight(error),
        _ => local("open a socket for GRE")(error),
    })?;
    if let Some(outer) = outer {
        gre.bind_device(Some(outer.as_bytes())).map_err(local("choose the interface of GRE"))?;
    }
    let connect = crate::outer::connect(server.into(), outer);
    let tcp = match tokio::time::timeout(within, connect).await {
        Ok(connected) => connected.map_err(of_tcp)?,
        Err(_) => return Err(DialError::PeerSilent),
    };
    // Small messages, each awaited.
    tcp.set_nodelay(true).map_err(local("set up TCP"))?;
    let own = tcp.local_addr().map_err(local("set up TCP"))?;
    let gre = gre::Gre::new(gre, own.ip(), *server.ip()).map_err(local("set up GRE"))?;
    // Without it only facts are missing.
    let errors = icmp::Listener::open(*server.ip()).ok();
    let control = Control::new(settings(), clock.now());
    let mut line = line::Line::new(tcp, control, clock);
    let mut next = Some(match number {
        Number::ZeroFirst => CallId(0),
        Number::Random => random(),
    });
    loop {
        match line.event().await {
            Event::Established => {
                let call = next.take().unwrap_or_else(random);
                let _ = line.control.call(clock.now(), call);
            }
            Event::CallUp(up) => return Ok(PptpCarrier::new(line, gre, errors, up, own)),
            // Another number may be to the server's liking.
            Event::CallDown { call: Some(CallId(0)), end: CallEnd::Refused { .. }, .. } => {
                if line.control.call(clock.now(), random()).is_err() {
                    return Err(DialError::Call(Box::new(CallEnd::ControlDown)));
                }
            }
            Event::CallDown { end: CallEnd::ControlDown, .. } | Event::CallAsked { .. } => {}
            Event::CallDown { end, .. } => return Err(DialError::Call(Box::new(end))),
            Event::Down(end) => return Err(DialError::Control(end)),
        }
    }
}

fn settings() -> Settings {
    Settings {
        role: Role::Client,
        host: Text::new(""),
        vendor: Text::new(VENDOR),
        firmware: 1,
        window: carrier::WINDOW,
        limits: menshen_tunnel_core::pptp::call::Limits::default(),
    }
}

/// A number that is not 0.
fn random() -> CallId {
    let mut octets = [0; 2];
    // One that can be guessed is no danger: it is sent in clear.
    let _ = aws_lc_rs::rand::fill(&mut octets);
    CallId(u16::from_ne_bytes(octets).max(1))
}

fn of_tcp(error: io::Error) -> DialError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => DialError::PeerClosed(error),
        io::ErrorKind::TimedOut => DialError::PeerSilent,
        io::ErrorKind::PermissionDenied => DialError::LocalForbidden(error),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            DialError::PeerUnreachable(error)
        }
        _ => local("connect")(error),
    }
}

fn local(step: &'static str) -> impl FnOnce(io::Error) -> DialError {
    move |source| DialError::Local { step, source }
}

/// What we call ourselves.
const VENDOR: &str = "menshen";
/// As long as four SYNs of Linux.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
