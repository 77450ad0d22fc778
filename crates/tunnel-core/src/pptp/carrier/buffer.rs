//! Frames that wait for those before them.
//!
//! Sorted by number; the places of their octets are used again, so that a call with steady
//! reordering allocates nothing. Bounded in packets and octets; whoever fills it makes the oldest
//! gap be given up. What was given up is remembered for a while: by how much it came late.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::delay::Delay;
use crate::time::Moment;

/// Bounds of what is held.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Frames held; 0: nothing is waited for.
    pub packets_max: usize,
    /// Octets held.
    pub octets_max: usize,
    /// Longest wait for a missing frame. TCP within the tunnel sends again after 200 ms.
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packets_max: 256, octets_max: 384 * 1024, wait_max: Duration::from_millis(100) }
    }
}

#[derive(Debug)]
pub(super) struct Buffer {
    limits: Limits,
    delay: Delay,
    /// By number, the next first.
    frames: VecDeque<Frame>,
    octets: usize,
    /// When the first gap was noticed.
    gap: Option<Moment>,
    /// Places that can be used again.
    spare: Vec<Vec<u8>>,
    /// The frame that was taken last.
    taken: Vec<u8>,
    /// Numbers that were given up: the first, how many, when the gap was noticed.
    given_up: VecDeque<(u32, u32, Moment)>,
}

#[derive(Debug)]
struct Frame {
    sequence: u32,
    came: Moment,
    octets: Vec<u8>,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Behind all that is held.
    Last,
    /// Before something that is held: it came late.
    Between,
    /// It is held already.
    Twice,
    /// There is no place at all.
    Full,
}

impl Buffer {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            delay: Delay::new(),
            frames: VecDeque::new(),
            octets: 0,
            gap: None,
            spare: Vec::new(),
            taken: Vec::new(),
            given_up: VecDeque::new(),
        }
    }

    /// Holds a frame that is `sequence - expected` too early.
    pub(super) fn hold(&mut self, now: Moment, expected: u32, sequence: u32, frame: &[u8]) -> Held {
        // One more than allowed, so that the frame that breaks a bound has a place itself.
        if self.frames.len() > self.limits.packets_max || self.octets > self.limits.octets_max {
            return Held::Full;
        }
        let ahead = |held: &Frame| held.sequence.wrapping_sub(expected);
        let wanted = sequence.wrapping_sub(expected);
        let place = self.frames.partition_point(|held| ahead(held) < wanted);
        if self.frames.get(place).is_some_and(|held| held.sequence == sequence) {
            return Held::Twice;
        }
        let mut octets = self.spare.pop().unwrap_or_default();
        octets.clear();
        octets.extend_from_slice(frame);
        self.octets += octets.len();
        self.frames.insert(place, Frame { sequence, came: now, octets });
        let gap = *self.gap.get_or_insert(now);
        if place + 1 == self.frames.len() {
            return Held::Last;
        }
        self.delay.came(now.since(gap));
        Held::Between
    }

    /// Number of the first frame held.
    pub(super) fn first(&self) -> Option<u32> {
        self.frames.front().map(|frame| frame.sequence)
    }

    /// Whether more is held than may be.
    pub(super) fn is_over(&self) -> bool {
        self.frames.len() > self.limits.packets_max || self.octets > self.limits.octets_max
    }

    /// Takes the first frame held.
    pub(super) fn take_first(&mut self) -> Option<&mut [u8]> {
        let frame = self.frames.pop_front()?;
        self.octets -= frame.octets.len();
        let before = core::mem::replace(&mut self.taken, frame.octets);
        self.spare.push(before);
        self.advanced(frame.sequence.wrapping_add(1));
        Some(&mut self.taken)
    }

    /// Nothing is ready: what an idle call need not keep is freed.
    pub(super) fn rest(&mut self) {
        if self.frames.is_empty() {
            self.spare.truncate(SPARE_KEPT);
        }
    }

    /// The frame before the gap's end came. Whether anything waited for it.
    pub(super) fn filled(&mut self, now: Moment) -> bool {
        let Some(gap) = self.gap else { return false };
        self.delay.came(now.since(gap));
        true
    }

    /// All before `expected` is done: is there a gap at it, and since when?
    pub(super) fn advanced(&mut self, expected: u32) {
        self.gap = match self.frames.front() {
            Some(first) if first.sequence != expected => {
                self.frames.iter().map(|frame| frame.came).min()
            }
            _ => None,
        };
    }

    /// So many from `first` on will not be waited for.
    pub(super) fn gave_up(&mut self, first: u32, count: u32) {
        let Some(gap) = self.gap else { return };
        self.delay.did_not_come();
        if self.given_up.len() >= GIVEN_UP_KEPT {
            self.given_up.pop_front();
        }
        self.given_up.push_back((first, count, gap));
        self.advanced(first.wrapping_add(count));
    }

    /// Whether this one was given up not long ago; by how much it is late is noted.
    pub(super) fn was_given_up(&mut self, now: Moment, sequence: u32) -> bool {
        let of = |(first, count, _): &&(u32, u32, Moment)| sequence.wrapping_sub(*first) < *count;
        let Some((_, _, gap)) = self.given_up.iter().find(of) else { return false };
        self.delay.came(now.since(*gap));
        true
    }

    pub(super) fn patience(&self) -> Duration {
        self.delay.patience(self.limits.wait_max)
    }

    /// When the first gap is to be given up.
    pub(super) fn deadline(&self) -> Option<Moment> {
        self.gap.map(|gap| gap + self.patience())
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.octets = 0;
        self.gap = None;
        self.given_up.clear();
    }
}

/// Places for frames that a call keeps while nothing waits.
const SPARE_KEPT: usize = 4;
/// Gaps whose frames can still be told from repetitions.
const GIVEN_UP_KEPT: usize = 16;
