//! The live probe: name, route, TCP 1723, greeting, call, GRE both ways, LCP, and SSTP on 443.
//!
//! It hears its own packets on the interface and judges them as a capture
//! (`menshen_explain_core::tunnel`), so that both always say the same. Sockets are made with the
//! rights there are ([`Sockets::open`]); everything after that needs none, and hears strangers.
//! Waits are bounded: [`WITHIN`] in all, and each step by a constant of its own. Fails with
//! [`LiveError`] where there is nobody to ask.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use menshen_explain_core::tunnel::CallReport;
use menshen_explain_core::tunnel::live::{Address, Attempt, Live, Route, Tcp, notes, verdict};
use menshen_explain_core::tunnel::verdict::Verdict;
use menshen_tunnel_core::pptp::PORT;
use rustix::event::{PollFd, Timespec, poll};
use rustix::net::netdevice;
use rustix::rand::{GetRandomFlags, getrandom};
use socket2::Socket;

use self::attempt::{Ended, Ground, Methods, attempt};
use self::ear::Ear;
use super::{Report, Told};
use crate::certificate::shown;
use crate::connect::Target;
use crate::fetch::is_public;

mod attempt;
mod ear;
mod gre;
mod lcp;
mod methods;
mod tcp;
mod tls;

/// Whom to ask.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The server; its port is not used.
    pub target: Target,
    /// Where HTTPS and SSTP are: 443 as a rule.
    pub https_port: u16,
}

/// What needs a right to be made, or why it could not be.
#[derive(Debug)]
pub struct Sockets {
    gre: io::Result<Socket>,
    ear: io::Result<Socket>,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The name has no address.
    #[error("{host} has no address")]
    Unresolved {
        /// The name, escaped.
        host: String,
        /// What the resolver said, escaped.
        detail: String,
    },
    /// A socket could not be made or used.
    #[error("could not {step}")]
    Local {
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// What a live probe comes to.
#[derive(Debug)]
pub struct Look {
    /// What is told.
    pub told: Told,
    /// Its own packets, as a capture file.
    pub capture: Vec<u8>,
}

impl Sockets {
    /// Makes them with the rights of now.
    #[must_use]
    pub fn open() -> Self {
        Self { gre: gre::open(), ear: ear::open() }
    }
}

/// Looks. `say` is told what is done next, for who waits.
///
/// # Errors
/// [`LiveError`].
pub fn look(ask: &Ask, sockets: Sockets, say: &mut dyn FnMut(&str)) -> Result<Look, LiveError> {
    let begin = Instant::now();
    say("looking the name up");
    let found = addresses(&ask.target)?;
    let mut live = Live { host: shown(&ask.target.host.to_string()), ..Live::default() };
    let all_v4: Vec<Ipv4Addr> = found
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        })
        .take(ADDRESSES_MAX)
        .collect();
    for address in &found {
        live.addresses.push(Address { address: *address, tcp: Tcp::Untried, after_ms: 0 });
    }
    let asked = all_v4.first().map(|v4| IpAddr::V4(*v4)).or_else(|| found.first().copied());
    let sstp = asked.map(|address| {
        let (host, port) = (ask.target.host.clone(), ask.https_port);
        thread::spawn(move || tls::sstp(&host, address, port))
    });
    let mut report = Report::default();
    let mut capture = ear::FILE_HEADER.to_vec();
    if !all_v4.is_empty() {
        match rights(sockets)? {
            Err(why) => {
                live.no_right = Some(why);
                say("no right to send GRE; TCP port 1723 is tried all the same");
                tcp_facts(tcp::connect(&all_v4, PORT, TCP_WITHIN, None).0, &mut live);
            }
            Ok(sockets) => {
                (report, capture) = pptp(&all_v4, &sockets, begin, &mut live, say)?;
            }
        }
    }
    let open = !verdict(&live, &report).open.is_empty();
    if let (true, Some(address)) = (open, asked) {
        say("asking the server over HTTPS what it counted");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let first = Duration::from_nanos(report.counts.first_unix_ns);
        let asked = |call: &CallReport| {
            let began = first + Duration::from_micros(call.call.began_us);
            let (own, server) = (call.call.client_id?, call.call.server_id?);
            Some(tls::Asked { own, server, age_seconds: now.saturating_sub(began).as_secs() })
        };
        let asked: Vec<tls::Asked> = report.calls.iter().filter_map(asked).collect();
        live.far = tls::far(&ask.target.host, address, ask.https_port, &asked);
    }
    if let Some(sstp) = sstp {
        say("waiting for SSTP on port 443");
        live.sstp = sstp.join().ok();
    }
    live.took_ms = millis(begin.elapsed());
    let verdict: Verdict = verdict(&live, &report);
    let findings = notes(&live, &report);
    let mut told = Told { report, findings, verdict: Some(verdict), live: Some(live) };
    told.report.good = told.is_good();
    Ok(Look { told, capture })
}

/// Both sockets, or why there is no right to them.
fn rights(sockets: Sockets) -> Result<Result<(Socket, Socket), String>, LiveError> {
    let Sockets { gre, ear } = sockets;
    match (gre, ear) {
        (Ok(gre), Ok(ear)) => Ok(Ok((gre, ear))),
        (Err(error), _) | (_, Err(error)) if is_missing_right(&error) => Ok(Err(error.to_string())),
        (Err(source), _) => Err(LiveError::Local { step: "open a socket for GRE", source }),
        (_, Err(source)) => Err(LiveError::Local { step: "hear packets", source }),
    }
}

fn is_missing_right(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Everything of PPTP: the report of what passed, and the capture itself.
fn pptp(
    servers: &[Ipv4Addr],
    (gre, ear): &(Socket, Socket),
    begin: Instant,
    live: &mut Live,
    say: &mut dyn FnMut(&str),
) -> Result<(Report, Vec<u8>), LiveError> {
    let local = |step| move |source| LiveError::Local { step, source };
    let empty = || (Report::default(), ear::FILE_HEADER.to_vec());
    let Some(first) = servers.first().copied() else { return Ok(empty()) };
    let Ok(own) = source_of(first) else {
        for address in &mut live.addresses {
            if address.address.is_ipv4() {
                address.tcp = Tcp::Unreachable;
            }
        }
        return Ok(empty());
    };
    let device = ear::device(own, first).unwrap_or_default();
    let heard = ear.try_clone().map_err(local("hear packets"))?;
    let mut ear = Ear::new(heard, device, own, servers.to_vec()).map_err(local("hear packets"))?;
    say("connecting to TCP port 1723");
    let (outcomes, mut taken) = tcp::connect(servers, PORT, TCP_WITHIN, Some(&mut ear));
    let mut ports: Vec<u16> = outcomes.iter().map(|outcome| outcome.port).collect();
    tcp_facts(outcomes, live);
    let server = taken.as_ref().map_or(first, |(server, _)| *server);
    let name = device_name(device);
    live.route = Some(route(own, server, name));
    let mtu = taken.as_ref().and_then(|_| mtu(own, server)).unwrap_or(MTU_USUAL);
    if taken.is_some() {
        if ear.counts().control == 0 {
            ear.widen();
        }
        gre::aim(gre, own, server).map_err(local("aim the socket for GRE"))?;
    }
    let mut before = None;
    for id in [0, random_id()] {
        if let Some(ended) = before {
            let left = WITHIN.saturating_sub(begin.elapsed());
            if !is_worth_another(ended, live, &ear) || left < ANOTHER_TAKES {
                break;
            }
            taken = tcp::connect(&[server], PORT, ANOTHER_TCP_WITHIN, Some(&mut ear)).1;
        }
        let Some((_, tcp)) = taken.take() else { break };
        let known = live.attempts.iter().any(|attempt| attempt.methods.is_some());
        let methods = if known { Methods::Known } else { Methods::Wanted };
        let mut ground = Ground { ear: &mut ear, gre, server, mtu, methods, say };
        let (facts, ended) = attempt(&mut ground, tcp, id);
        ports.push(facts.port);
        live.attempts.push(facts);
        before = Some(ended);
    }
    ear.hear();
    let (mut facts, capture) = ear.finish();
    // Other tunnels of this host to the same server are not ours to tell of.
    facts.calls.retain(|call| {
        call.control.as_ref().is_some_and(|control| ports.contains(&control.client_port))
    });
    Ok((Report::new(facts), capture))
}

fn tcp_facts(outcomes: Vec<tcp::Outcome>, live: &mut Live) {
    for outcome in outcomes {
        let of = |one: &&mut Address| one.address == IpAddr::V4(outcome.address);
        if let Some(address) = live.addresses.iter_mut().find(of) {
            (address.tcp, address.after_ms) = (outcome.tcp, millis(outcome.after));
        }
    }
}

/// Whether another call id may tell more: not where there was no call, a filter has said no, or we
/// may not send.
fn is_worth_another(ended: Ended, live: &Live, ear: &Ear) -> bool {
    let forbidden = |attempt: &Attempt| attempt.forbidden.is_some();
    match ended {
        Ended::NoCall => false,
        Ended::Refused | Ended::Up => true,
        Ended::Unheard => !live.attempts.iter().any(forbidden) && ear.counts().icmp == 0,
    }
}

fn addresses(target: &Target) -> Result<Vec<IpAddr>, LiveError> {
    let found = crate::connect::resolve(target, RESOLVE_WITHIN).map_err(|error| {
        let detail = match &error {
            crate::connect::ConnectError::Unresolved { detail, .. } => detail.clone(),
            error => error.to_string(),
        };
        let host = shown(&target.host.to_string());
        LiveError::Unresolved { host, detail: shown(&detail) }
    })?;
    let mut all: Vec<IpAddr> = Vec::new();
    for address in found.into_iter().map(|address| address.ip()) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    Ok(all)
}

/// The address from which packets to `server` leave: nothing is sent to find out.
fn source_of(server: Ipv4Addr) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((server, PORT))?;
    match socket.local_addr()? {
        SocketAddr::V4(own) => Ok(*own.ip()),
        SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Longest packet of the way, as far as this host knows.
fn mtu(own: Ipv4Addr, server: Ipv4Addr) -> Option<u16> {
    let socket = UdpSocket::bind((own, 0)).ok()?;
    socket.connect((server, PORT)).ok()?;
    let mtu = rustix::net::sockopt::ip_mtu(&socket).ok()?;
    // The loopback device takes more than any network.
    Some(u16::try_from(mtu).unwrap_or(MTU_USUAL).min(MTU_USUAL))
}

fn device_name(device: u32) -> String {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok();
    let name = socket.and_then(|socket| netdevice::index_to_name(socket, device).ok());
    name.map(|name| shown(&name)).unwrap_or_default()
}

fn route(own: Ipv4Addr, server: Ipv4Addr, device: String) -> Route {
    let behind_nat = !is_public(own.into()) && is_public(server.into());
    Route { to: server.into(), from: own.into(), device, behind_nat }
}

/// Random octets; those that can be guessed do no harm here.
fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    let _ = getrandom(&mut octets[..], GetRandomFlags::empty());
    octets
}

/// A call id that is not 0.
fn random_id() -> u16 {
    u16::from_ne_bytes(random()).max(1)
}

/// Waits until one of these is ready or the time has come.
fn wait(polled: &mut [PollFd<'_>], until: Instant) {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let left = Timespec::try_from(left).ok();
    // What ends it early is looked at again by the caller.
    let _ = poll(polled, left.as_ref());
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// All of it, the name and SSTP left aside.
const WITHIN: Duration = Duration::from_millis(12_500);
const RESOLVE_WITHIN: Duration = Duration::from_secs(3);
/// Three SYNs of Linux.
const TCP_WITHIN: Duration = Duration::from_millis(3500);
const ANOTHER_TCP_WITHIN: Duration = Duration::from_millis(1200);
/// What a second call may take at most.
const ANOTHER_TAKES: Duration = Duration::from_secs(4);
/// Of one name.
const ADDRESSES_MAX: usize = 4;
/// Of Ethernet.
const MTU_USUAL: u16 = 1500;
