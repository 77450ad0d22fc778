//! One call's packets: numbers, acknowledgements, order (RFC 2637 §4).
//!
//! What is sent gets a number and the acknowledgement that is due; what comes is given on in order,
//! each frame once. A frame that is missing is waited for as long as frames of this call have come
//! late, no longer, and never past a bound in packets, octets or time ([`Limits`]); the Linux
//! kernel's PPTP instead drops whatever comes late. Sending never stops for missing
//! acknowledgements: nobody else's does, and RFC 2637's own rule only halves the window.
//!
//! Nothing here keeps a stranger out: who knows address and number of a call can put packets into
//! it. A wild number alone moves nothing; two that follow one another are believed, because a peer
//! that was long out of sight looks like that. No packet in order is copied.

use core::ops::Range;
use core::time::Duration;

use super::CallId;
use super::gre::{self, ACK_BYTES, NotGre, acknowledge, prepend};
use crate::time::Moment;
pub use buffer::Limits;
use buffer::{Buffer, Held};

mod buffer;
mod delay;

/// A call as its ends agreed on it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Our number: the key of what we take.
    pub local: CallId,
    /// The peer's number: the key of what we send.
    pub peer: CallId,
    /// Packets we said we hold unacknowledged.
    pub window: u16,
    /// Packets the peer said it holds unacknowledged; only counted against.
    pub peer_window: u16,
    /// Whether the way back through a NAT is to be opened.
    pub decoy: Decoy,
    /// How much is held for order.
    pub limits: Limits,
}

/// A packet without payload to key 0, so that a NAT without a PPTP helper lets answers through.
///
/// Such a NAT takes the key of what goes out for the flow, and key 0 for what comes in. With our
/// number 0 all that comes to us bears key 0: one packet with key 0 has to go out. The peer ignores
/// it, having no call 0 with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoy {
    /// Never.
    Never,
    /// Before the first packet and after silence, when our number is 0 and the peer's is not.
    KeyZero,
}

/// What a packet was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The next frame: where it is in the packet. Frames that waited for it may follow.
    Frame(Range<usize>),
    /// A frame that waits for those before it; it was copied.
    Held,
    /// No frame in it.
    Acknowledgement,
}

/// Why a packet is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is none of PPTP.
    NotGre(NotGre),
    /// It is for another call.
    Stranger(CallId),
    /// The frame was there before, or is older than can be told.
    Duplicate,
    /// It was waited for and given up.
    Late,
    /// Its number is far from what is awaited.
    Wild,
    /// Frames that are ready have not been taken.
    Full,
}

/// What was counted on one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames sent.
    pub sent: u64,
    /// Frames given on.
    pub received: u64,
    /// Packets sent that only acknowledge.
    pub acknowledgements_sent: u64,
    /// Packets received that only acknowledge.
    pub acknowledgements_received: u64,
    /// Frames that came before one that precedes them, and waited.
    pub held: u64,
    /// Frames that came late and in time: lost with a carrier that does not wait.
    pub rescued: u64,
    /// Frames that were given up.
    pub missing: u64,
    /// Frames that came after they were given up: of those above.
    pub late: u64,
    /// Frames that came twice.
    pub duplicates: u64,
    /// Frames with a number far from what is awaited.
    pub wild: u64,
    /// How often such a number was believed.
    pub resyncs: u64,
    /// Packets for another call, or of no kind that is known.
    pub strangers: u64,
    /// Frames sent beyond the peer's window.
    pub beyond_window: u64,
    /// Decoys sent.
    pub decoys: u64,
}

/// One call's packets.
#[derive(Debug)]
pub struct Carrier {
    settings: Settings,
    counters: Counters,
    /// Number of the next frame we send.
    next: u32,
    /// The highest of ours that was acknowledged, plus one.
    acknowledged: u32,
    /// Number of the next frame to give on; `None` before the first.
    expected: Option<u32>,
    buffer: Buffer,
    /// When an acknowledgement is due.
    due: Option<Moment>,
    /// Frames since the last acknowledgement we sent.
    owed: u16,
    /// The number after a wild one.
    wild_next: Option<u32>,
    decoy: Option<Moment>,
    heard: Option<Moment>,
}

impl Carrier {
    /// Before the first packet.
    #[must_use]
    pub fn new(settings: Settings, now: Moment) -> Self {
        let open = settings.decoy == Decoy::KeyZero
            && settings.local == CallId(0)
            && settings.peer != CallId(0);
        Self {
            counters: Counters::default(),
            next: 0,
            acknowledged: 0,
            expected: None,
            buffer: Buffer::new(settings.limits),
            due: None,
            owed: 0,
            wild_next: None,
            decoy: open.then_some(now),
            heard: None,
            settings,
        }
    }

    /// Makes a packet of the frame at `frame` in `buffer`: the header is written in front of it.
    /// Gives where the packet is.
    ///
    /// `None` without [`gre::HEADER_BYTES_MAX`] octets in front of the frame, or when it is longer
    /// than 65,535 octets; then nothing is changed.
    pub fn send(&mut self, buffer: &mut [u8], frame: Range<usize>) -> Option<Range<usize>> {
        let number = self.due.and(self.expected).map(|expected| expected.wrapping_sub(1));
        let packet = prepend(buffer, frame, self.settings.peer, self.next, number)?;
        if number.is_some() {
            self.acknowledged_theirs();
        }
        self.next = self.next.wrapping_add(1);
        self.counters.sent += 1;
        if self.next.wrapping_sub(self.acknowledged) > u32::from(self.settings.peer_window) {
            self.counters.beyond_window += 1;
        }
        Some(packet)
    }

    /// Takes a packet, from behind its header of IP. After it [`Self::next_held`] until `None`.
    ///
    /// # Errors
    /// When there is nothing in it for this call.
    pub fn receive(&mut self, now: Moment, octets: &[u8]) -> Result<Received, Dropped> {
        let packet = gre::decode(octets).map_err(|what| {
            self.counters.strangers += 1;
            Dropped::NotGre(what)
        })?;
        if packet.call != self.settings.local {
            self.counters.strangers += 1;
            return Err(Dropped::Stranger(packet.call));
        }
        self.heard = Some(now);
        self.decoy = self.decoy.map(|_| now + DECOY_AFTER_INPUT);
        if let Some(number) = packet.acknowledgement {
            self.take_acknowledgement(number);
        }
        let Some(sequence) = packet.sequence else {
            self.counters.acknowledgements_received += 1;
            return Ok(Received::Acknowledgement);
        };
        let ahead = sequence.wrapping_sub(self.expected.unwrap_or(sequence));
        match ahead {
            0 => {
                self.in_order(now, sequence);
                Ok(Received::Frame(packet.payload))
            }
            1..JUMP_MAX => {
                let frame = octets.get(packet.payload).unwrap_or_default();
                self.hold(now, sequence, frame)
            }
            _ if ahead > u32::MAX - JUMP_MAX => Err(self.behind(now, sequence)),
            _ => self.wild(now, sequence, packet.payload),
        }
    }

    /// A frame that waited and whose turn it is now; its place is used again by the next call.
    pub fn next_held(&mut self, now: Moment) -> Option<&mut [u8]> {
        let mut expected = self.expected?;
        if let Some(until) = self.buffer.deadline()
            && now >= until
        {
            self.give_up();
            expected = self.expected?;
        }
        if self.buffer.first() != Some(expected) {
            self.buffer.rest();
            return None;
        }
        self.expected = Some(expected.wrapping_add(1));
        self.counters.received += 1;
        self.owe(now);
        self.buffer.take_first()
    }

    /// A packet to send that has no frame: an acknowledgement or a decoy. To be called until `None`
    /// when the [`Self::deadline`] is there, and after packets came.
    pub fn next_bare(&mut self, now: Moment) -> Option<[u8; ACK_BYTES]> {
        if self.decoy.is_some_and(|at| now >= at) {
            self.decoy = Some(now + DECOY_AFTER_SILENCE);
            self.counters.decoys += 1;
            return Some(acknowledge(CallId(0), 0));
        }
        if self.due.is_none_or(|at| now < at) {
            return None;
        }
        let number = self.expected?.wrapping_sub(1);
        self.acknowledged_theirs();
        self.counters.acknowledgements_sent += 1;
        Some(acknowledge(self.settings.peer, number))
    }

    /// When [`Self::next_held`] or [`Self::next_bare`] has something.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        [self.due, self.decoy, self.buffer.deadline()].into_iter().flatten().min()
    }

    /// Whether held frames are ready now, without waiting.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.expected.is_some_and(|expected| self.buffer.first() == Some(expected))
    }

    /// Whether [`Self::next_held`] has a frame: its turn has come, or what it waited for is given
    /// up now.
    #[must_use]
    pub fn is_frame_due(&self, now: Moment) -> bool {
        self.has_ready() || self.buffer.deadline().is_some_and(|until| now >= until)
    }

    /// When a packet of this call came last.
    #[must_use]
    pub const fn heard(&self) -> Option<Moment> {
        self.heard
    }

    /// How long a missing frame is waited for now.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.buffer.patience()
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    fn in_order(&mut self, now: Moment, sequence: u32) {
        if self.buffer.filled(now) {
            self.counters.rescued += 1;
        }
        self.expected = Some(sequence.wrapping_add(1));
        self.buffer.advanced(sequence.wrapping_add(1));
        self.wild_next = None;
        self.counters.received += 1;
        self.owe(now);
    }

    /// One frame more to acknowledge.
    fn owe(&mut self, now: Moment) {
        self.owed = self.owed.saturating_add(1);
        // Half a window of silence would stop a peer that keeps to it.
        let at_once = self.owed >= (self.settings.window / 2).max(1);
        let due = if at_once { now } else { now + ACKNOWLEDGE_WITHIN };
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    fn hold(&mut self, now: Moment, sequence: u32, frame: &[u8]) -> Result<Received, Dropped> {
        let Some(expected) = self.expected else { return Err(Dropped::Wild) };
        match self.buffer.hold(now, expected, sequence, frame) {
            Held::Last => {}
            Held::Between => self.counters.rescued += 1,
            Held::Twice => {
                self.counters.duplicates += 1;
                return Err(Dropped::Duplicate);
            }
            Held::Full => return Err(Dropped::Full),
        }
        self.counters.held += 1;
        if self.buffer.is_over() {
            self.give_up();
        }
        Ok(Received::Held)
    }

    /// What is missing before the first held frame will not be waited for.
    fn give_up(&mut self) {
        let (Some(expected), Some(first)) = (self.expected, self.buffer.first()) else { return };
        let missing = first.wrapping_sub(expected);
        if missing > 0 {
            self.counters.missing += u64::from(missing);
            self.buffer.gave_up(expected, missing);
            self.expected = Some(first);
        }
    }

    fn behind(&mut self, now: Moment, sequence: u32) -> Dropped {
        if self.buffer.was_given_up(now, sequence) {
            self.counters.late += 1;
            return Dropped::Late;
        }
        self.counters.duplicates += 1;
        Dropped::Duplicate
    }

    fn wild(
        &mut self,
        now: Moment,
        sequence: u32,
        payload: Range<usize>,
    ) -> Result<Received, Dropped> {
        if self.wild_next != Some(sequence) {
            self.counters.wild += 1;
            self.wild_next = Some(sequence.wrapping_add(1));
            return Err(Dropped::Wild);
        }
        self.counters.resyncs += 1;
        self.buffer.clear();
        self.in_order(now, sequence);
        Ok(Received::Frame(payload))
    }

    fn take_acknowledgement(&mut self, number: u32) {
        let outstanding = self.next.wrapping_sub(self.acknowledged);
        let news = number.wrapping_add(1).wrapping_sub(self.acknowledged);
        if news <= outstanding {
            self.acknowledged = self.acknowledged.wrapping_add(news);
        }
    }

    const fn acknowledged_theirs(&mut self) {
        self.due = None;
        self.owed = 0;
    }
}

/// How long an acknowledgement may wait for a frame to ride on ([MS-PTPT]: what Windows does).
pub const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(100);
/// Linux forgets a flow without answer after 30 s.
const DECOY_AFTER_SILENCE: Duration = Duration::from_secs(20);
/// And one with answers 180 s after the last.
const DECOY_AFTER_INPUT: Duration = Duration::from_secs(120);
/// Numbers further than this from the next one are wild. MPPE counts no further either.
const JUMP_MAX: u32 = 4096;

#[cfg(test)]
mod tests;
