//! One session from its carrier to its end.
//!
//! It asks the [`Door`] who may come in and which address he gets, and gives all of it back. A user
//! who may not come in although he proved himself is told why before PPP ends.

use std::rc::Rc;

use menshen_tunnel_core::auth::mschap2::account;
use menshen_tunnel_core::auth::{Known, Method};
use menshen_tunnel_core::ppp::{
    Cause, Limits, Meaning, Mppe, Network, Phase, Role, Session, Settings,
};
use rustix::rand::{GetRandomFlags, getrandom};

use super::accounting::Stop;
use super::door::{Door, Task};
use super::facts::Bearer;
use super::port::Port;
use super::seat::{Seat, Why};
use crate::carrier::Carrier;
use crate::driver::{Driver, Ending, Parts, Users};

/// Runs a session until it is over.
pub(super) async fn run<C: Carrier>(door: Rc<Door>, seat: Rc<Seat>, carrier: C, task: Task) {
    let session = Session::new(settings(&door, seat.bearer), None, &mut |octets| {
        // Blocks only before the kernel has any; it cannot fail otherwise.
        let _ = getrandom(octets, GetRandomFlags::empty());
    });
    let driver = Driver::new(Parts {
        session,
        carrier,
        device: Port::new(door.clone(), seat.clone()),
        users: Guest { door: door.clone(), seat: seat.clone() },
        clock: door.clock,
    });
    *seat.status.borrow_mut() = Some(driver.status());
    let ending = driver.run(seat.clone().ending(door.clone())).await;
    write_down(&door, &seat, &ending);
    door.leave(&seat);
    ending.device.close();
    drop(task);
}

fn settings(door: &Door, bearer: Bearer) -> Settings {
    let server = &door.settings;
    let (mppe, methods) = match bearer {
        Bearer::Pptp => (server.pptp.mppe, vec![Method::MsChapV2]),
        Bearer::Sstp => (Mppe::Off, server.sstp_methods.clone()),
    };
    Settings {
        role: Role::Server,
        // Without any, anybody would be let in.
        methods: if methods.is_empty() { vec![Method::MsChapV2] } else { methods },
        mppe,
        mru: server.mru.clamp(MRU_MIN, MRU_MAX),
        network: None,
        name: server.pptp.host.clone().into_bytes(),
        echo: server.times.echo,
        limits: Limits { setup: server.times.half_open, ..Limits::default() },
    }
}

/// Who wants to come in.
#[derive(Debug)]
struct Guest {
    door: Rc<Door>,
    seat: Rc<Seat>,
}

impl Users for Guest {
    fn known(&mut self, _: Method, account: &[u8]) -> Known {
        self.door.known(&self.seat, &String::from_utf8_lossy(account))
    }

    fn proved(&mut self, user: &[u8]) {
        self.door.proved(&self.seat, &String::from_utf8_lossy(account(user)));
    }

    fn network(&mut self, user: &[u8]) -> Option<Network> {
        // Names that were tried before or since are nobody's here.
        let name = String::from_utf8_lossy(account(user));
        match self.door.let_in(&self.seat, &name) {
            Ok(network) => Some(network),
            Err(denied) => {
                self.seat.ring(Why::Denied(denied));
                None
            }
        }
    }
}

/// Counts the end and writes it down.
fn write_down<C: Carrier>(door: &Door, seat: &Seat, ending: &Ending<C, Port>) {
    let cause = seat.why().filter(|_| ending.cause == Cause::Closed).map_or_else(
        || code(&ending.cause),
        |why| {
            door.count(|counters| match why {
                Why::Idle => counters.idle_ended += 1,
                Why::Time => counters.time_ended += 1,
                _ => {}
            });
            why.code()
        },
    );
    let is_stranger = seat.user.borrow().is_none();
    let is_late = seat.known_by().is_some_and(|by| by <= door.clock.now())
        && matches!(seat.why(), None | Some(Why::HalfOpen));
    door.count(|counters| match ending.cause {
        Cause::PeerRefused { .. } => counters.logins_refused += 1,
        Cause::LcpTimeout(_) | Cause::AuthTimeout(_) | Cause::SetupTimeout(_) if is_stranger => {
            counters.half_open_timeouts += 1;
        }
        _ if is_late => counters.half_open_timeouts += 1,
        _ => {}
    });
    let Some(opened) = seat.opened.get() else { return };
    let lost = ending.lost.as_ref().map(ToString::to_string);
    let failed = ending.device_error.as_ref().map(|error| format!("the interface failed: {error}"));
    door.accounting.stop(
        seat,
        Stop {
            counters: ending.status.counters,
            seconds: door.clock.now().since(opened).as_secs(),
            cause: if failed.is_some() { "interface-failed" } else { cause },
            detail: failed.or(lost),
        },
    );
}

/// A stable word for why a session ended.
const fn code(cause: &Cause) -> &'static str {
    match cause {
        Cause::Closed => "closed",
        Cause::CarrierLost => "carrier-lost",
        Cause::PeerTerminated { meaning: Meaning::Asked, .. } => "user-request",
        Cause::PeerTerminated { .. } => "peer-terminated",
        Cause::Refused(_) => "refused",
        Cause::PeerRefused { .. } => "login-refused",
        Cause::NoCommonMethod { .. } => "no-common-method",
        Cause::AuthTimeout(_) => "authentication-timeout",
        Cause::LcpTimeout(_) => "lcp-timeout",
        Cause::Loopback => "loopback",
        Cause::MppeMissing(_) => "mppe-missing",
        Cause::KeysDiffer => "keys-differ",
        Cause::NoAddress => "no-address",
        Cause::NoNetwork => "no-network",
        Cause::EchoTimeout { .. } => "echo-timeout",
        Cause::NeverConverged(_) => "never-converged",
        Cause::Restless(_) => "restless",
        Cause::NotUnderstood(_) => "not-understood",
        Cause::SetupTimeout(Phase::Network) => "no-network-in-time",
        Cause::SetupTimeout(_) => "setup-timeout",
    }
}

/// What every IPv4 host takes (RFC 791), in octets.
const MRU_MIN: u16 = 576;
/// What a PPP session has without asking, in octets.
const MRU_MAX: u16 = 1500;

#[cfg(test)]
mod tests;
