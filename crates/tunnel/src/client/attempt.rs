//! One try by one carrier: addresses, the call, and the session until it ends.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::pin::pin;
use std::time::Duration;

use menshen_tunnel_core::pptp::PORT;
use menshen_tunnel_core::sstp::Timers;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::course::{About, Course, Past};
use super::orders::Order;
use super::session::session;
use super::work::Work;
use super::{Bearer, Ended, Event, Failure, GRE_PATIENCE, GRE_PATIENCE_AUTO, Lost, Warning};
use crate::carrier::Carrier;
use crate::clock::Clock;
use crate::driver::{Driver, Ending, Nobody, Parts};
use crate::outer::Outer;
use crate::pptp::{self, Dial, DialError, PptpCarrier};
use crate::sstp::{self, ConnectError, Connection, Patience, Target};
use crate::tun::Tun;

/// What came of a try.
#[derive(Debug)]
pub(super) enum Tried {
    /// There is no session, or not any more.
    Failed(Failure),
    /// We were told so, and it ended in good order.
    Told(Order),
}

/// Whether another carrier follows a try that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Yes,
    No,
}

impl Work<'_> {
    /// By PPTP.
    pub(super) async fn pptp(&mut self, last: Last) -> Tried {
        let port = self.plan.address.port.unwrap_or(PORT);
        let addresses = match self.addresses(port).await {
            Ok(addresses) => addresses,
            Err(tried) => return tried,
        };
        let (within, patience) = match last {
            Last::Yes => (TCP_WITHIN, GRE_PATIENCE),
            Last::No => (TCP_WITHIN_AUTO, GRE_PATIENCE_AUTO),
        };
        let mut failed = Failure::NoIpv4;
        for address in addresses {
            let SocketAddr::V4(server) = address else { continue };
            let (clock, outer) = (Clock::new(), self.way(Bearer::Pptp, address));
            let dial = Dial { within, ..Dial::new(server, clock) };
            let name = outer.as_ref().map(|outer| outer.name.clone());
            match self.unless_told(pptp::dial_by(dial, name.as_deref())).await {
                Err(order) => return Tried::Told(order),
                Ok(Ok(carrier)) => {
                    self.found(address);
                    return self.over_pptp(carrier, clock, (server, patience), outer).await;
                }
                Ok(Err(error)) => {
                    let elsewhere = may_be_elsewhere(&error);
                    failed = Failure::Pptp(address, error);
                    if !elsewhere {
                        break;
                    }
                }
            }
        }
        Tried::Failed(failed)
    }

    /// By SSTP.
    pub(super) async fn sstp(&mut self) -> Tried {
        let port = self.plan.address.port.unwrap_or(SSTP_PORT);
        let addresses = match self.addresses(port).await {
            Ok(addresses) => addresses,
            Err(tried) => return tried,
        };
        let mut failed = Failure::Name(std::io::ErrorKind::NotFound.into());
        for server in addresses {
            let outer = self.way(Bearer::Sstp, server);
            let host = self.plan.address.host.clone();
            let target = Target { host, port: server.port(), address: Some(server.ip()) };
            let name = outer.as_ref().map(|outer| outer.name.clone());
            let began = Clock::new();
            let (trust, patience) = (self.plan.trust.clone(), Patience::default());
            let connect = sstp::connect_by(&target, &trust, &patience, name.as_deref());
            match self.unless_told(connect).await {
                Err(order) => return Tried::Told(order),
                Ok(Ok(connection)) => {
                    self.found(server);
                    return self.over_sstp(connection, began, outer).await;
                }
                Ok(Err(error)) => {
                    let elsewhere =
                        matches!(error, ConnectError::Tcp { .. } | ConnectError::TcpTimeout(_));
                    failed = Failure::Sstp(Some(server), error);
                    if !elsewhere {
                        break;
                    }
                }
            }
        }
        Tried::Failed(failed)
    }

    /// Where the server is: looked up anew, or where it was, if that fails now.
    async fn addresses(&mut self, port: u16) -> Result<Vec<SocketAddr>, Tried> {
        let host = self.plan.address.host.clone();
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let lookup = timeout(NAME_WITHIN, tokio::net::lookup_host((&*host, port)));
        let looked_up = self.unless_told(lookup).await.map_err(Tried::Told)?;
        let found = looked_up.unwrap_or_else(|late| Err(late.into()));
        match (found, self.last) {
            (Ok(found), _) => Ok(found.take(ADDRESSES_MAX).collect()),
            (Err(error), Some(last)) => {
                (self.tell)(Event::Warning(Warning::OldAddress(error.to_string())));
                Ok(vec![SocketAddr::new(last, port)])
            }
            (Err(error), None) => Err(Tried::Failed(Failure::Name(error))),
        }
    }

    /// The way outside, and that the server is dialled now.
    fn way(&mut self, bearer: Bearer, server: SocketAddr) -> Option<Outer> {
        let inner = self.device.as_ref().map(Tun::index);
        // What cannot be found out is left to the kernel, which then says what is wrong.
        let outer = Outer::find(server.ip(), inner).ok().flatten();
        let name = outer.as_ref().map(|outer| &*outer.name);
        (self.tell)(Event::Dialling { bearer, server, outer: name });
        outer
    }

    async fn over_pptp(
        &mut self,
        carrier: PptpCarrier,
        clock: Clock,
        (server, patience): (SocketAddrV4, Duration),
        outer: Option<Outer>,
    ) -> Tried {
        let start = carrier.facts().server;
        let peer = start.map(|start| match start.host.is_empty() {
            true => start.vendor.to_string(),
            false => format!("{}, {}", start.host, start.vendor),
        });
        let about = About {
            bearer: Bearer::Pptp,
            server: server.into(),
            outer,
            tls: None,
            peer: peer.filter(|peer| !peer.is_empty()),
            lcp_within: Some(patience),
            began: clock,
        };
        let facts = |carrier: &PptpCarrier| Some(carrier.facts());
        self.drive(carrier, clock, about, facts, Lost::Pptp).await
    }

    async fn over_sstp(
        &mut self,
        connection: Connection,
        began: Clock,
        outer: Option<Outer>,
    ) -> Tried {
        let facts = &connection.facts;
        let version = facts.version.and_then(|version| version.as_str()).unwrap_or("TLS");
        let suite = facts.suite.and_then(|suite| suite.as_str()).unwrap_or("unknown suite");
        let about = About {
            bearer: Bearer::Sstp,
            server: facts.server,
            outer,
            tls: Some(format!("{}, {suite}", version.replace("TLSv1_", "TLS 1."))),
            peer: None,
            lcp_within: None,
            began,
        };
        let clock = Clock::new();
        let carrier = connection.start(clock.now(), Timers::default());
        self.drive(carrier, clock, about, |_| None, Lost::Sstp).await
    }

    /// The session over a call, until it ends.
    async fn drive<C: Carrier>(
        &mut self,
        carrier: C,
        clock: Clock,
        about: About,
        facts: impl Fn(&C) -> Option<pptp::Facts>,
        lost: impl Fn(C::Lost) -> Lost,
    ) -> Tried {
        let session = match session(self.plan, self.password, about.bearer) {
            Ok(session) => session,
            Err(source) => {
                return Tried::Failed(Failure::Local { step: "get random octets", source });
            }
        };
        let mut device = match self.interface() {
            Ok(device) => device,
            Err(error) => return Tried::Failed(Failure::Interface(error)),
        };
        device.set_outer(Some(about.server.ip()));
        device.drain();
        let interface = device.name().to_owned();
        let driver = Driver::new(Parts { session, carrier, device, users: Nobody, clock });
        let status = driver.status();
        let (close, asked) = oneshot::channel::<&'static str>();
        let run = driver.run(async move { asked.await.unwrap_or_default().to_owned() });
        let mut run = pin!(run);
        let mut course = Course::new(self, &about, interface, close);
        let followed = course.follow(run.as_mut(), status).await;
        let Past { told, silent, open_for } = course.end().await;
        let Some(ending) = followed else { return Tried::Told(Order::End) };
        let Ending { cause, lost: why, device_error, heard, status, carrier, device } = ending;
        // An interface that failed is made anew.
        self.device = device_error.is_none().then_some(device);
        if let Some(order) = told {
            return Tried::Told(order);
        }
        Tried::Failed(Failure::Ended(Box::new(Ended {
            bearer: about.bearer,
            server: about.server,
            cause,
            lost: why.map(lost),
            device_error,
            heard,
            silent,
            open_for,
            status,
            facts: facts(&carrier),
        })))
    }
}

/// Another address of the same name may be better.
const fn may_be_elsewhere(error: &DialError) -> bool {
    matches!(
        error,
        DialError::PeerClosed(_) | DialError::PeerSilent | DialError::PeerUnreachable(_)
    )
}

/// HTTPS.
const SSTP_PORT: u16 = 443;
/// As long as four SYNs of Linux.
const TCP_WITHIN: Duration = Duration::from_secs(10);
/// Three SYNs, where SSTP is the other way.
const TCP_WITHIN_AUTO: Duration = Duration::from_secs(5);
/// A resolver asks two servers twice, 5 seconds each.
const NAME_WITHIN: Duration = Duration::from_secs(20);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
