//! How often a password may be tried: for each source address and for each name.
//!
//! Every attempt is counted before its proof is looked at, and taken back when it was right, so
//! that many at once are no more than many in a row. It must be taken back as soon as the proof is
//! known to hold, before any other attempt is allowed: what a right one still waits for then (a
//! crypto binding, an address) is no guess, and many right ones at once never count. A user who
//! came in from an address is not kept out there by strangers who guess at his name elsewhere.
//! Tables are bounded: whoever waits least is forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use menshen_tunnel_core::time::Moment;

/// What was tried of late.
#[derive(Debug)]
pub(super) struct Guesses {
    sources: Tries<IpAddr>,
    names: Tries<Box<str>>,
    /// Who came in from where, and when.
    proven: HashMap<(IpAddr, Box<str>), Moment>,
}

/// Whether one more may be tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Allowed {
    #[default]
    No,
    /// It is counted for its source and for its name.
    Counted,
    /// It is counted for its source alone: the user came in from there.
    AtHome,
}

impl Guesses {
    /// So many wrong ones in a row for each.
    pub(super) fn new(per_source: u32, per_name: u32) -> Self {
        Self {
            sources: Tries::new(per_source, SOURCE_FORGIVEN),
            names: Tries::new(per_name, NAME_FORGIVEN),
            proven: HashMap::new(),
        }
    }

    /// Whether one more may be tried; it is counted.
    pub(super) fn allow(&mut self, now: Moment, source: IpAddr, name: &str) -> Allowed {
        let source = network(source);
        if !self.sources.allow(now, source) {
            return Allowed::No;
        }
        let is_known = self
            .proven
            .get(&(source, Box::from(name)))
            .is_some_and(|at| now.since(*at) < PROVEN_FOR);
        if is_known {
            Allowed::AtHome
        } else if self.names.allow(now, Box::from(name)) {
            Allowed::Counted
        } else {
            // What is not looked at was not tried from there either.
            self.sources.take_back(&source);
            Allowed::No
        }
    }

    /// One that was allowed so was right: what was counted of it is taken back, and no more.
    pub(super) fn right(&mut self, source: IpAddr, name: &str, allowed: Allowed) {
        if allowed != Allowed::No {
            self.sources.take_back(&network(source));
        }
        if allowed == Allowed::Counted {
            self.names.take_back(name);
        }
    }

    /// Who was right is sure to be there himself: he is at home at this source from now on. A
    /// proof alone does not say so, somebody else may have passed it on.
    pub(super) fn came_in(&mut self, now: Moment, source: IpAddr, name: &str) {
        let source = network(source);
        if self.proven.len() >= ENTRIES_MAX {
            let oldest = self.proven.iter().min_by_key(|(_, at)| **at).map(|(who, _)| who.clone());
            oldest.and_then(|who| self.proven.remove(&who));
        }
        self.proven.insert((source, Box::from(name)), now);
    }
}

/// Attempts that were not taken back, each forgiven after a while.
#[derive(Debug)]
struct Tries<K> {
    most: u32,
    forgiven: Duration,
    /// When all will be forgiven.
    until: HashMap<K, Moment>,
}

impl<K: Hash + Eq + Clone> Tries<K> {
    fn new(most: u32, forgiven: Duration) -> Self {
        Self { most, forgiven, until: HashMap::new() }
    }

    fn allow(&mut self, now: Moment, key: K) -> bool {
        let before = self.until.get(&key).copied().unwrap_or_default().max(now);
        let after = before + self.forgiven;
        if after.since(now) > self.forgiven * self.most {
            return false;
        }
        if self.until.len() >= ENTRIES_MAX && !self.until.contains_key(&key) {
            self.make_room(now);
        }
        self.until.insert(key, after);
        true
    }

    fn take_back<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        if let Some(until) = self.until.get_mut(key) {
            until.0 = until.0.saturating_sub(self.forgiven);
        }
    }

    fn make_room(&mut self, now: Moment) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= ENTRIES_MAX {
            let least = self.until.iter().min_by_key(|(_, until)| **until);
            let least = least.map(|(key, _)| key.clone());
            least.and_then(|key| self.until.remove(&key));
        }
    }
}

/// Who has one address of an IPv6 network of 64 bits has them all.
pub(super) fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(source) => Ipv6Addr::from_bits(source.to_bits() & !u128::from(u64::MAX)).into(),
        source @ IpAddr::V4(_) => source,
    }
}

/// One more wrong password from an address is forgiven after this long.
const SOURCE_FORGIVEN: Duration = Duration::from_secs(10);
/// And one more for a name.
const NAME_FORGIVEN: Duration = Duration::from_secs(60);
/// Addresses and names that are remembered, each.
const ENTRIES_MAX: usize = 4096;
/// How long it is remembered from where a user came in.
const PROVEN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

#[cfg(test)]
mod tests {
    //! Guessers, and those whose names they guess at.
    use super::*;

    impl Guesses {
        fn is_allowed(&mut self, now: Moment, source: IpAddr, name: &str) -> bool {
            self.allow(now, source, name) != Allowed::No
        }
    }

    const fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn source(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn a_source_is_bounded_and_forgiven_one_by_one() {
        let mut guesses = Guesses::new(3, 100);
        for name in ["a", "b", "c"] {
            assert!(guesses.is_allowed(at(5), source(1), name));
        }
        assert!(!guesses.is_allowed(at(5), source(1), "d"));
        assert!(guesses.is_allowed(at(5), source(2), "d"), "another source");
        assert!(!guesses.is_allowed(at(14), source(1), "d"));
        assert!(guesses.is_allowed(at(15), source(1), "d"));
        assert!(!guesses.is_allowed(at(15), source(1), "d"));
    }

    #[test]
    fn a_name_is_bounded_over_all_sources_but_not_for_its_user_at_home() {
        let mut guesses = Guesses::new(100, 2);
        let first = guesses.allow(at(0), source(1), "anna");
        guesses.right(source(1), "anna", first);
        guesses.came_in(at(0), source(1), "anna");
        for last in [2, 3] {
            assert!(guesses.is_allowed(at(1), source(last), "anna"));
        }
        assert!(!guesses.is_allowed(at(1), source(4), "anna"));
        assert!(guesses.is_allowed(at(1), source(1), "anna"), "she came in from there");
        assert!(guesses.is_allowed(at(1), source(4), "bob"));
        assert!(guesses.is_allowed(at(62), source(4), "anna"));
    }

    #[test]
    fn who_is_at_home_forgives_nothing_that_was_tried_elsewhere() {
        let mut guesses = Guesses::new(100, 2);
        let first = guesses.allow(at(0), source(1), "anna");
        guesses.right(source(1), "anna", first);
        guesses.came_in(at(0), source(1), "anna");
        assert!(guesses.is_allowed(at(1), source(2), "anna"));
        assert!(guesses.is_allowed(at(1), source(2), "anna"));
        let again = guesses.allow(at(1), source(1), "anna");
        assert_eq!(again, Allowed::AtHome);
        guesses.right(source(1), "anna", again);
        assert!(!guesses.is_allowed(at(1), source(2), "anna"));
    }

    #[test]
    fn right_ones_between_wrong_ones_buy_none() {
        let mut guesses = Guesses::new(3, 100);
        let looked_at = (0..40).filter(|number| {
            let own = guesses.allow(at(5), source(1), "mallory");
            guesses.right(source(1), "mallory", own);
            guesses.is_allowed(at(5), source(1), &number.to_string())
        });
        assert_eq!(looked_at.count(), 3);
    }

    #[test]
    fn a_name_that_is_guessed_at_shuts_nobody_else_out() {
        let mut guesses = Guesses::new(3, 1);
        assert!(guesses.is_allowed(at(5), source(1), "anna"));
        for _ in 0..40 {
            assert!(!guesses.is_allowed(at(5), source(2), "anna"));
        }
        for name in ["bob", "carol", "dave"] {
            assert!(guesses.is_allowed(at(5), source(2), name));
        }
        assert!(!guesses.is_allowed(at(5), source(2), "erin"));
    }

    #[test]
    fn a_proof_alone_makes_nobody_at_home() {
        let mut guesses = Guesses::new(100, 2);
        let passed_on = guesses.allow(at(0), source(9), "anna");
        guesses.right(source(9), "anna", passed_on);
        assert_eq!(guesses.allow(at(0), source(9), "anna"), Allowed::Counted);
    }

    #[test]
    fn what_was_right_costs_nothing() {
        let mut guesses = Guesses::new(2, 2);
        for second in 0..50 {
            let allowed = guesses.allow(at(second), source(1), "anna");
            assert_ne!(allowed, Allowed::No);
            guesses.right(source(1), "anna", allowed);
        }
    }

    #[test]
    fn tables_are_bounded_and_a_network_of_ipv6_is_one_source() {
        let mut guesses = Guesses::new(2, 2);
        for number in 0..3 * u32::try_from(ENTRIES_MAX).unwrap() {
            let source = std::net::Ipv4Addr::from_bits(number).into();
            let allowed = guesses.allow(at(1), source, &number.to_string());
            guesses.right(source, &number.to_string(), allowed);
            guesses.came_in(at(1), source, &number.to_string());
        }
        assert_eq!(guesses.proven.len(), ENTRIES_MAX);
        assert!(guesses.sources.until.len() <= ENTRIES_MAX);
        assert!(guesses.names.until.len() <= ENTRIES_MAX);
        let hosts = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
        let hosts = hosts.map(|host| guesses.is_allowed(at(1), host.parse().unwrap(), host));
        assert_eq!(hosts, [true, true, false]);
    }
}
