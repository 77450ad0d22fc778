//! A tunnel dialled from here and kept up: by PPTP, by SSTP, or by whichever comes up.
//!
//! [`run`] makes the interface, dials, drives the session and dials again until it is told to stop
//! (SIGTERM, SIGINT) or a cause is found that no other try can change. Everything is told as
//! [`Event`]s; nothing is printed here. It must never send the password anywhere but into PPP's
//! proof, let the carrier's packets into their own tunnel ([`crate::outer`]), or let packets around
//! a tunnel that is down: the interface and its routes stay between two sessions, and vanish with
//! the process, however that ends.

use std::net::SocketAddr;
use std::time::Duration;

use menshen_config::dial::{Address, Mppe, Proof, Resolver, Routes};
use menshen_tunnel_core::auth::Secret;
use menshen_tunnel_core::ppp::Opened;

use crate::driver::Counters;
use crate::sstp::Trust;
pub use failure::{Class, Ended, Failure, Lost, WasOpen};
pub use resolver::PASSWORD_VARIABLE;

mod attempt;
mod backoff;
mod course;
mod failure;
mod orders;
mod resolver;
mod session;
mod work;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whom to dial.
    pub address: Address,
    /// Encryption of PPTP; SSTP has TLS.
    pub mppe: Mppe,
    /// The proofs that may be given, the preferred one first.
    pub proofs: Vec<Proof>,
    /// What an SSTP server's certificate is checked against.
    pub trust: Trust,
    /// Name of the interface; `%d` in it stands for a number that is free.
    pub interface: String,
    /// What goes through the tunnel.
    pub routes: Routes,
    /// What becomes of the name servers that the server names.
    pub resolver: Resolver,
    /// Domains that these name servers are for.
    pub domains: Vec<String>,
    /// Whether it dials again.
    pub retry: Retry,
    /// How often [`Event::Figures`] comes while packets pass.
    pub figures_every: Option<Duration>,
}

/// Whether a tunnel that did not come up, or ended, is dialled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// For ever, but for causes that no other try can change.
    Always,
    /// Not once.
    Never,
}

/// What bears a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// TCP 1723 and GRE.
    Pptp,
    /// TLS.
    Sstp,
}

impl Bearer {
    /// Its name as people know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pptp => "PPTP",
            Self::Sstp => "SSTP",
        }
    }
}

/// What happens, for whoever tells it to people.
#[derive(Debug)]
pub enum Event<'a> {
    /// A server is dialled.
    Dialling {
        /// By what.
        bearer: Bearer,
        /// Where.
        server: SocketAddr,
        /// The interface its packets leave by, if there is a way at all.
        outer: Option<&'a str>,
    },
    /// PPTP did not come up; SSTP is next.
    FallsOver(&'a Failure),
    /// Packets pass.
    Open(&'a Opening),
    /// Something that was agreed on has changed while packets pass.
    Changed(&'a Opened),
    /// What became of the name servers.
    NamesSet(&'a Result<Vec<String>, String>),
    /// Something is not as it should be, and the tunnel goes on.
    Warning(Warning),
    /// How it goes.
    Figures(&'a Figures),
    /// A session ended, or none came up.
    Down(&'a Failure),
    /// The next try comes after this while.
    Waiting(Duration),
    /// We were told to end or to dial again: the session is ended in good order.
    Closing {
        /// Whether another one follows.
        dials_again: bool,
    },
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// `all` was asked for, and IPv6 goes its own way.
    Ipv6Outside,
    /// The server cannot be held outside by a route: its answers may be dropped here.
    NotHeld(String),
    /// The name could not be looked up; where it was last is dialled.
    OldAddress(String),
}

/// A session in which packets pass.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What bears it.
    pub bearer: Bearer,
    /// Where the server is.
    pub server: SocketAddr,
    /// Our interface.
    pub interface: String,
    /// What was agreed on.
    pub opened: Opened,
    /// How TLS protects it: version and suite.
    pub tls: Option<String>,
    /// How a PPTP server calls itself: vendor and name, escaped.
    pub peer: Option<String>,
    /// From the first packet to the first network protocol.
    pub took: Duration,
}

/// How a session goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// For how long packets have passed.
    pub open_for: Duration,
    /// What was counted since it began.
    pub counters: Counters,
    /// Octets received in a second, since the last figures.
    pub received_per_s: f64,
    /// Octets sent in a second, since the last figures.
    pub sent_per_s: f64,
    /// How long the last echo took.
    pub round_trip: Option<Duration>,
}

/// How it ended.
#[derive(Debug)]
pub enum Outcome {
    /// We were told to.
    Closed,
    /// No other try would help, or none was wanted.
    Failed(Failure),
}

/// Keeps a tunnel up until it is told to end. Blocks this thread; `tell` is called on it and must
/// not wait long.
#[must_use]
pub fn run(plan: &Plan, password: &Secret, tell: &mut dyn FnMut(Event<'_>)) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(work::work(plan, password, tell)),
        Err(error) => Outcome::Failed(Failure::Local { step: "start a runtime", source: error }),
    }
}

/// How long a PPTP call may take to LCP's end where SSTP is the other way: three requests of LCP,
/// whose first is often lost because the server's GRE is not ready yet.
pub const GRE_PATIENCE_AUTO: Duration = Duration::from_secs(7);
/// The same where there is no other way: five requests. GRE that is blocked is named after that.
pub const GRE_PATIENCE: Duration = Duration::from_secs(15);
