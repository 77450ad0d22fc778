//! Which authority and which way to prove a name have their turn.
//!
//! A way that failed gives place to the next one, and an authority that failed to the next
//! authority, each at the next try: what is wrong at one place (a blocked port 80, an authority
//! that is down) shall not hold up a name for which another place works.

use menshen_config::AcmeChallenge;

use crate::name::Name;

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The proof: the authority looked and did not find, or the hook failed.
    Proof,
    /// The authority, or the way to it.
    Authority,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    way: usize,
    authority: usize,
}

/// The ways `name` can be proved at all, in the order of the configuration.
pub(crate) fn possible(
    name: &Name,
    configured: &[AcmeChallenge],
    hook: Option<&std::path::Path>,
) -> Vec<AcmeChallenge> {
    let can = |way: &AcmeChallenge| match way {
        AcmeChallenge::Dns01 => hook.is_some() && !matches!(name, Name::Address(_)),
        AcmeChallenge::Http01 | AcmeChallenge::TlsAlpn01 => !matches!(name, Name::Wildcard(_)),
    };
    let mut ways = Vec::new();
    for way in configured.iter().copied().filter(can) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

impl Turn {
    /// `ways` with the one whose turn it is in front.
    pub(crate) fn ways(self, ways: &[AcmeChallenge]) -> Vec<AcmeChallenge> {
        let mut ways = ways.to_vec();
        let shift = self.way.checked_rem(ways.len()).unwrap_or(0);
        ways.rotate_left(shift);
        ways
    }

    /// The authority whose turn it is, and the moment from which it may be asked: one that asked to
    /// wait gives place to the next that did not. `embargoes` has a moment for each authority.
    pub(crate) fn authority(self, embargoes: &[i64], now: i64) -> (usize, i64) {
        let count = embargoes.len().max(1);
        let in_turn = (0..count).map(|step| (self.authority + step) % count);
        let moment = |place: usize| embargoes.get(place).copied().unwrap_or(i64::MIN);
        let free = in_turn.clone().find(|place| moment(*place) <= now);
        let place = free.or_else(|| in_turn.min_by_key(|place| moment(*place))).unwrap_or(0);
        (place, moment(place))
    }

    /// Whose turn it is after a failure, of `ways` ways and `authorities` authorities.
    pub(crate) fn after(self, blame: Blame, ways: usize, authorities: usize) -> Self {
        let (ways, authorities) = (ways.max(1), authorities.max(1));
        let next = (self.authority + 1) % authorities;
        match blame {
            Blame::Authority => Self { authority: next, ..self },
            Blame::Proof => {
                let way = (self.way + 1) % ways;
                // Every way failed here: perhaps this authority cannot reach us.
                Self { way, authority: if way == 0 { next } else { self.authority } }
            }
        }
    }

    /// Whose turn it is after a success: the preferred authority, and the way that worked.
    pub(crate) fn after_success(self) -> Self {
        Self { authority: 0, ..self }
    }
}

#[cfg(test)]
mod tests;
