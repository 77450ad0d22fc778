//! The places of PHP pools: what workers of all generations share about one pool. A place stays
//! with an address as long as anybody uses it, so its figures and its bell survive reloads.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::rc::{Rc, Weak};

use menshen_config::POOLS_MAX;
use menshen_config::model::PhpAddress;
use rustix::event::{EventfdFlags, eventfd};
use serde::{Deserialize, Serialize};

use crate::error::GuardError;
use crate::handover::Outgoing;

/// One pool's place.
#[derive(Debug)]
pub(crate) struct Place {
    /// 0..[`POOLS_MAX`].
    pub(crate) number: u32,
    pub(crate) address: PhpAddress,
    /// Rung when a PHP worker got free and somebody waits.
    pub(crate) wake: OwnedFd,
}

/// All places; one is free again when nobody holds it any more.
#[derive(Debug, Default)]
pub(crate) struct Places {
    taken: [Weak<Place>; POOLS_MAX],
}

/// The places as they are handed to the next program.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedPlaces(Vec<(u32, PhpAddress, RawFd)>);

/// Places that are held for workers of another program.
pub(crate) type HeldPlaces = Vec<Rc<Place>>;

impl HandedPlaces {
    /// The places, with copies of their bells.
    pub(crate) fn hold(
        &self,
        copy: impl Fn(RawFd) -> Result<OwnedFd, GuardError>,
    ) -> Result<HeldPlaces, GuardError> {
        let place = |(number, address, wake): &(u32, PhpAddress, RawFd)| {
            let (number, address) = (*number, address.clone());
            Ok(Rc::new(Place { number, address, wake: copy(*wake)? }))
        };
        self.0.iter().map(place).collect()
    }
}

impl Places {
    /// Those that another program held.
    pub(crate) fn adopt(held: &HeldPlaces) -> Self {
        let mut places = Self::default();
        for place in held {
            let number = usize::try_from(place.number).unwrap_or(usize::MAX);
            if let Some(slot) = places.taken.get_mut(number) {
                *slot = Rc::downgrade(place);
            }
        }
        places
    }

    /// What the next program is told.
    pub(crate) fn hand_over(&self, outgoing: &mut Outgoing) -> HandedPlaces {
        let held = self.taken.iter().filter_map(Weak::upgrade);
        let row =
            |place: Rc<Place>| (place.number, place.address.clone(), outgoing.add(&place.wake));
        HandedPlaces(held.map(row).collect())
    }

    /// The place of `address`, the same one as before where it is still held; `None`: all are
    /// taken.
    ///
    /// # Errors
    /// When the kernel gives no eventfd.
    pub(crate) fn of(&mut self, address: &PhpAddress) -> io::Result<Option<Rc<Place>>> {
        let held = self.taken.iter().filter_map(Weak::upgrade).find(|p| p.address == *address);
        if held.is_some() {
            return Ok(held);
        }
        let free = (0u32..).zip(&mut self.taken).find(|(_, place)| place.strong_count() == 0);
        let Some((number, slot)) = free else { return Ok(None) };
        // Workers wait on it with others: a wake-up that another one took must not block.
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let place = Rc::new(Place { number, address: address.clone(), wake });
        *slot = Rc::downgrade(&place);
        Ok(Some(place))
    }
}

#[cfg(test)]
mod tests {
    //! Places stay while they are held and are given out again after that.
    use super::*;

    #[test]
    fn an_address_keeps_its_place_and_its_bell() {
        let mut places = Places::default();
        let address = |port: u16| PhpAddress::Tcp(([127, 0, 0, 1], port).into());
        let mut held: Vec<_> = (0..8).map(|n| places.of(&address(n)).unwrap().unwrap()).collect();
        let numbers: Vec<u32> = held.iter().map(|place| place.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(places.of(&address(9)).unwrap().is_none(), "all are taken");
        assert!(Rc::ptr_eq(&places.of(&address(3)).unwrap().unwrap(), &held[3]));
        held.remove(5);
        assert_eq!(places.of(&address(9)).unwrap().unwrap().number, 5);
    }
}
