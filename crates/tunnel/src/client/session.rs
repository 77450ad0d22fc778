//! A client's PPP session as a plan wants it.

use std::io;

use menshen_config::dial::{Mppe as Wanted, Proof};
use menshen_tunnel_core::auth::{Method, Secret};
use menshen_tunnel_core::ppp::{Ciphers, Credentials, Interface, Mppe, Session, Settings};
use rustix::rand::{GetRandomFlags, getrandom};

use super::{Bearer, Plan};

/// The session, not opened yet.
///
/// # Errors
/// The system gives no random octets.
pub(super) fn session(plan: &Plan, password: &Secret, bearer: Bearer) -> io::Result<Session> {
    let mut seed = [0; SEED_OCTETS];
    getrandom(&mut seed[..], GetRandomFlags::empty())?;
    let mut left = seed.iter();
    let mut dice = |octets: &mut [u8]| {
        for octet in octets {
            *octet = left.next().copied().unwrap_or_default();
        }
    };
    let credentials =
        Credentials { user: plan.address.user.clone().into_bytes(), password: password.clone() };
    Ok(Session::new(settings(plan, bearer), Some(credentials), &mut dice))
}

fn settings(plan: &Plan, bearer: Bearer) -> Settings {
    let mppe = match (bearer, plan.mppe) {
        (Bearer::Sstp, _) | (Bearer::Pptp, Wanted::Off) => Mppe::Off,
        (Bearer::Pptp, Wanted::Allow) => Mppe::Allowed(Ciphers::BITS_128),
        (Bearer::Pptp, Wanted::Require) => Mppe::Required(Ciphers::BITS_128),
    };
    let mut settings = Settings::client(mppe);
    settings.methods = plan.proofs.iter().map(|proof| method(*proof)).collect();
    settings.mru = match bearer {
        Bearer::Pptp => MRU_PPTP,
        Bearer::Sstp => MRU_SSTP,
    };
    if let Some(network) = &mut settings.network {
        network.ipv6 = Some(Interface::default());
    }
    settings
}

const fn method(proof: Proof) -> Method {
    match proof {
        Proof::MsChapV2 => Method::MsChapV2,
        Proof::Chap => Method::ChapMd5,
        Proof::Pap => Method::Pap,
    }
}

/// Octets that [`Session::new`] asks for.
const SEED_OCTETS: usize = 32;
/// A packet of this many octets passes a path of 1,500, with the heads of GRE, PPP and MPPE.
const MRU_PPTP: u16 = 1400;
/// TCP cuts what is longer than the path.
const MRU_SSTP: u16 = 1500;

#[cfg(test)]
mod tests {
    //! What the plan's words come to.
    use menshen_config::dial::{Address, Resolver, Routes};

    use super::super::Retry;
    use super::*;
    use crate::sstp::Trust;

    fn plan(mppe: Wanted) -> Plan {
        Plan {
            address: Address::parse("auto://anna@vpn.test").unwrap(),
            mppe,
            proofs: vec![Proof::MsChapV2, Proof::Pap],
            trust: Trust::System,
            interface: "t%d".to_owned(),
            routes: Routes::Peer,
            resolver: Resolver::No,
            domains: Vec::new(),
            retry: Retry::Never,
            figures_every: None,
        }
    }

    #[test]
    fn encryption_is_pptps_and_required_unless_said_otherwise() {
        let of = |wanted, bearer| settings(&plan(wanted), bearer).mppe;
        assert_eq!(of(Wanted::Require, Bearer::Pptp), Mppe::Required(Ciphers::BITS_128));
        assert_eq!(of(Wanted::Allow, Bearer::Pptp), Mppe::Allowed(Ciphers::BITS_128));
        assert_eq!(of(Wanted::Off, Bearer::Pptp), Mppe::Off);
        assert_eq!(of(Wanted::Require, Bearer::Sstp), Mppe::Off);
        let methods = settings(&plan(Wanted::Off), Bearer::Sstp).methods;
        assert_eq!(methods, [Method::MsChapV2, Method::Pap]);
        let password = Secret::new(b"hunter2");
        let session = session(&plan(Wanted::Require), &password, Bearer::Pptp).unwrap();
        assert!(!format!("{session:?}").contains("hunter2"));
    }
}
