//! The addresses of the tunnel: which session has which.
//!
//! It must never give out an address that is in use, the server's own, or one that belongs to a
//! user. Addresses are given in turn, so that one that was given back rests as long as it can. The
//! work of finding one grows with those in use, not with the network.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::rc::Rc;

use menshen_sys::lease::Leases;

/// Addresses of one network.
#[derive(Debug)]
pub(super) struct Pool {
    /// The first host address: the server's.
    own: u32,
    /// The last host address.
    last: u32,
    /// Where looking for the next begins.
    next: u32,
    taken: HashSet<u32>,
    reserved: HashSet<u32>,
    /// What other processes have.
    leases: Option<Rc<Leases>>,
}

impl Pool {
    /// All of a network; `None`: it has not from 8 to 30 leading bits.
    pub(super) fn new(network: Ipv4Addr, prefix: u8) -> Option<Self> {
        if !(8..=30).contains(&prefix) {
            return None;
        }
        let hosts = u32::MAX >> prefix;
        let base = network.to_bits() & !hosts;
        let (own, last) = (base + 1, base + hosts - 1);
        let (taken, reserved) = (HashSet::new(), HashSet::new());
        Some(Self { own, last, next: own + 1, taken, reserved, leases: None })
    }

    /// Other processes give out addresses, too.
    pub(super) fn share(&mut self, leases: Rc<Leases>) {
        self.leases = Some(leases);
    }

    /// The server's own address.
    pub(super) const fn own(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.own)
    }

    /// These belong to users, and no others do any more.
    pub(super) fn reserve(&mut self, addresses: impl Iterator<Item = Ipv4Addr>) {
        self.reserved = addresses.map(Ipv4Addr::to_bits).collect();
    }

    /// Whether it belongs to a user.
    pub(super) fn is_reserved(&self, address: Ipv4Addr) -> bool {
        self.reserved.contains(&address.to_bits())
    }

    /// An address that is free.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        // Of so many different ones, one is neither taken nor reserved, if any is.
        let known = self.taken.len() + self.reserved.len() + 1;
        let tries = if self.leases.is_none() { known.min(self.size()) } else { self.size() };
        for _ in 0..tries {
            let address = self.next;
            self.next = if address == self.last { self.own + 1 } else { address + 1 };
            if !self.reserved.contains(&address) && self.lease(address) {
                return Some(Ipv4Addr::from_bits(address));
            }
        }
        None
    }

    /// This very address, which belongs to a user; whether it was free.
    pub(super) fn take_this(&mut self, address: Ipv4Addr) -> bool {
        let no_host = address.is_unspecified() || address.is_broadcast() || address.is_multicast();
        !no_host && address.to_bits() != self.own && self.lease(address.to_bits())
    }

    /// Takes it if nobody has it, here or in another process.
    fn lease(&mut self, address: u32) -> bool {
        if self.taken.contains(&address) {
            return false;
        }
        // Where locks cannot be had at all, the server's own knowledge has to do.
        let free = |leases: &Rc<Leases>| leases.take(address.into()).unwrap_or(true);
        self.leases.as_ref().is_none_or(free) && self.taken.insert(address)
    }

    /// It is free again.
    pub(super) fn give_back(&mut self, address: Ipv4Addr) {
        if self.taken.remove(&address.to_bits())
            && let Some(leases) = &self.leases
        {
            leases.give_back(address.to_bits().into());
        }
    }

    /// Addresses that sessions may have, those of users included.
    pub(super) fn size(&self) -> usize {
        usize::try_from(self.last - self.own).unwrap_or(usize::MAX)
    }

    /// Those in use.
    pub(super) fn taken(&self) -> usize {
        self.taken.len()
    }
}

#[cfg(test)]
mod tests {
    //! Small networks until they are empty, and any order of taking and giving back.
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_host_but_ours_and_then_none() {
        let mut pool = Pool::new([10, 77, 0, 9].into(), 29).unwrap();
        assert_eq!((pool.own(), pool.size()), ([10, 77, 0, 9].into(), 5));
        let all: Vec<_> = std::iter::from_fn(|| pool.take()).map(|all| all.octets()[3]).collect();
        assert_eq!(all, [10, 11, 12, 13, 14]);
        pool.give_back([10, 77, 0, 12].into());
        assert_eq!(pool.take(), Some([10, 77, 0, 12].into()));
        assert_eq!(pool.take(), None);
        assert!(Pool::new([10, 0, 0, 0].into(), 31).is_none());
        assert!(Pool::new([10, 0, 0, 0].into(), 7).is_none());
        assert_eq!(Pool::new([10, 9, 8, 7].into(), 8).unwrap().size(), (1 << 24) - 3);
    }

    #[test]
    fn what_was_given_back_rests() {
        let mut pool = Pool::new([10, 0, 0, 0].into(), 28).unwrap();
        let first = pool.take().unwrap();
        pool.give_back(first);
        assert_ne!(pool.take(), Some(first));
    }

    #[test]
    fn what_another_process_has_is_not_given_out() {
        use std::io::Read;
        use std::process::{Command, Stdio};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("leases");
        let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path);
        let script = "import fcntl, sys\n\
                      f = open(sys.argv[1], 'r+b')\n\
                      fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, (10 << 24) + 2)\n\
                      print('it', flush=True)\nsys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.arg("-c").arg(script).arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut other) = command.spawn() else {
            eprintln!("SKIPPED: there is no python3 to take an address");
            return;
        };
        let mut said = [0; 3];
        other.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        let mut pool = Pool::new([10, 0, 0, 0].into(), 29).unwrap();
        pool.share(Rc::new(Leases::new(file.unwrap().into())));
        let all: Vec<_> = std::iter::from_fn(|| pool.take()).map(|all| all.octets()[3]).collect();
        assert_eq!(all, [3, 4, 5, 6]);
        assert!(!pool.take_this([10, 0, 0, 2].into()));
        drop(other.stdin.take());
        other.wait().unwrap();
        assert_eq!(pool.take(), Some([10, 0, 0, 2].into()), "it has ended");
    }

    #[test]
    fn addresses_of_users_are_theirs_alone() {
        let mut pool = Pool::new([10, 0, 0, 0].into(), 29).unwrap();
        let (fixed, outside) = ([10, 0, 0, 3].into(), [192, 0, 2, 1].into());
        pool.reserve([fixed, outside].into_iter());
        let others: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(others.len(), 4);
        assert!(!others.contains(&fixed));
        assert!(pool.take_this(fixed) && pool.take_this(outside));
        assert!(!pool.take_this(fixed), "it is in use");
        assert!(!pool.take_this([10, 0, 0, 1].into()), "it is ours");
        assert!(!pool.take_this([224, 0, 0, 1].into()));
    }

    proptest! {
        #[test]
        fn no_address_twice(
            prefix in 26u8..=30,
            reserved in proptest::collection::vec(0u32..64, 0..8),
            steps in proptest::collection::vec(any::<Option<u8>>(), 0..200),
        ) {
            let mut pool = Pool::new([10, 0, 0, 0].into(), prefix).unwrap();
            let own = pool.own();
            let reserved: Vec<_> =
                reserved.into_iter().map(|at| Ipv4Addr::from_bits((10 << 24) + at)).collect();
            pool.reserve(reserved.iter().copied());
            let inside = |address: &Ipv4Addr| {
                let at = address.to_bits() - (10 << 24);
                at > 1 && at < u32::MAX >> prefix
            };
            let free: HashSet<_> = reserved.iter().filter(|address| inside(address)).collect();
            let most = pool.size() - free.len();
            let mut had: Vec<Ipv4Addr> = Vec::new();
            for step in steps {
                match step {
                    Some(which) if !had.is_empty() => {
                        pool.give_back(had.swap_remove(usize::from(which) % had.len()));
                    }
                    _ => match pool.take() {
                        Some(address) => {
                            prop_assert!(inside(&address) && address != own);
                            prop_assert!(!had.contains(&address) && !reserved.contains(&address));
                            had.push(address);
                        }
                        None => prop_assert_eq!(had.len(), most),
                    },
                }
                prop_assert_eq!(pool.taken(), had.len());
            }
        }
    }
}
