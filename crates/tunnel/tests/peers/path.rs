//! A line between two namespaces that a thread of the test carries, packet by packet: it loses,
//! repeats, reorders, or edits what is proposed on it. What it does depends on the packets' order
//! alone, and not on the time.

use std::collections::{BTreeSet, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use menshen_tunnel_core::pptp::gre;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::space::Space;

/// An end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// 10.66.0.2.
    Near,
    /// 10.66.0.1, and all behind it.
    Far,
}

/// What the line does to GRE; the rates are in packets of a thousand, towards the near end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manners {
    /// So many are lost.
    pub(crate) lose: u64,
    /// So many are overtaken by one to six others.
    pub(crate) reorder: u64,
    /// So many come twice in a row.
    pub(crate) repeat: u64,
    /// So many are followed by one that came long before.
    pub(crate) replay: u64,
    /// Whether nothing comes out from the fourth frame on until some seconds later, when pppd has
    /// said the same again; what is answered then arrives together, too.
    pub(crate) stalls: bool,
    /// Whether both ends are made to believe that the other one would have MPPE only stateful.
    pub(crate) stateful: bool,
}

/// What was counted of frames towards the near end, each as far as it came out of the line.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Frames that came out, copies not counted.
    pub(crate) frames: u64,
    /// What Linux's PPTP (drivers/net/ppp/pptp.c) would have given on: it drops a number that is
    /// not above the highest before.
    pub(crate) kernel: u64,
    /// Frames that were lost.
    pub(crate) lost: u64,
    /// Copies that came out.
    pub(crate) copies: u64,
    /// Proposals that were edited.
    pub(crate) edited: u64,
}

/// A line that is carried until it is dropped.
#[derive(Debug)]
pub(crate) struct Path {
    counts: Arc<Mutex<Counts>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Path {
    /// Lays a line from `near` to `far`, which forwards what is for 10.77.0.0/24.
    pub(crate) fn lay(near: &Space, far: &Space, manners: Manners) -> Self {
        let fds = [near, far].map(|space| {
            let open = space.thread(|| menshen_sys::tun::open("line").unwrap().fd);
            open.join().unwrap()
        });
        near.run("ip addr add 10.66.0.2 peer 10.66.0.1 dev line");
        far.run("ip addr add 10.66.0.1 peer 10.66.0.2 dev line");
        for space in [near, far] {
            space.run("ip link set line up");
        }
        near.run("ip route add 10.77.0.0/24 via 10.66.0.1");
        far.run("sysctl -qw net.ipv4.ip_forward=1");
        let (counts, stop) = (Arc::default(), Arc::default());
        let carried = (Arc::clone(&counts), Arc::clone(&stop));
        let thread = std::thread::spawn(move || carry(&fds, Line::new(manners), &carried));
        Self { counts, stop, thread: Some(thread) }
    }

    /// What was counted by now.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(fds: &[OwnedFd; 2], mut line: Line, shared: &(Arc<Mutex<Counts>>, Arc<AtomicBool>)) {
    let mut buffer = vec![0; 65_536];
    while !shared.1.load(Ordering::Relaxed) {
        let mut ready = fds.each_ref().map(|fd| PollFd::new(fd, PollFlags::IN));
        let pause = Timespec { tv_sec: 0, tv_nsec: 40_000_000 };
        if poll(&mut ready, Some(&pause)).unwrap_or(0) == 0 {
            line.nothing_comes();
        }
        line.stall_ends();
        for (fd, to) in [(&fds[0], End::Far), (&fds[1], End::Near)] {
            for _ in 0..64 {
                let Ok(octets) = rustix::io::read(fd.as_fd(), &mut buffer) else { break };
                line.take(to, buffer[..octets].to_vec());
            }
        }
        while let Some((to, packet)) = line.out.pop_front() {
            let fd = &fds[usize::from(to == End::Far)];
            // What has no room is lost, as on any line.
            let _ = rustix::io::write(fd.as_fd(), &packet);
        }
        *shared.0.lock().unwrap() = line.counts;
    }
}

/// The line's manners at work.
struct Line {
    manners: Manners,
    dice: u64,
    counts: Counts,
    out: VecDeque<(End, Vec<u8>)>,
    /// Packets that are overtaken, and by how many more.
    held: Vec<(u64, Vec<u8>)>,
    past: VecDeque<Vec<u8>>,
    numbers: BTreeSet<u32>,
    highest: Option<u32>,
    /// Frames so far, and what waits behind a stall since when.
    taken: u64,
    stalled: Option<(Instant, Vec<Vec<u8>>)>,
    /// What was said after the stall, until it goes on together.
    gathered: Option<(Instant, Vec<Vec<u8>>)>,
    /// Requests that were edited, by where they went and identifier.
    edited: Vec<(End, u8)>,
}

impl Line {
    fn new(manners: Manners) -> Self {
        Self {
            manners,
            dice: 0x9E37_79B9_7F4A_7C15,
            counts: Counts::default(),
            out: VecDeque::new(),
            held: Vec::new(),
            past: VecDeque::new(),
            numbers: BTreeSet::new(),
            highest: None,
            taken: 0,
            stalled: None,
            gathered: None,
            edited: Vec::new(),
        }
    }

    fn take(&mut self, to: End, mut packet: Vec<u8>) {
        if self.manners.stateful {
            self.edit(to, &mut packet);
        }
        if let (End::Far, Some((_, gathered))) = (to, &mut self.gathered) {
            gathered.push(packet);
            return;
        }
        if to == End::Far || number(&packet).is_none() {
            self.out.push_back((to, packet));
            return;
        }
        self.taken += 1;
        if self.manners.stalls && self.taken >= 4 {
            let (_, waiting) = self.stalled.get_or_insert_with(|| (Instant::now(), Vec::new()));
            waiting.push(packet);
            return;
        }
        let Manners { lose, reorder, repeat, replay, .. } = self.manners;
        let chance = self.roll() % 1000;
        let below = |bounds: &[u64]| chance < bounds.iter().sum();
        if below(&[lose]) {
            self.counts.lost += 1;
        } else if below(&[lose, reorder]) {
            let by = 1 + self.roll() % 6;
            self.held.push((by, packet));
            return;
        } else {
            self.past.push_back(packet.clone());
            if below(&[lose, reorder, repeat]) {
                self.pass(packet.clone());
            } else if below(&[lose, reorder, repeat, replay]) && self.past.len() > PAST {
                let old = self.past.pop_front().unwrap();
                self.pass(old);
            }
            self.pass(packet);
        }
        if self.past.len() > 2 * PAST {
            self.past.pop_front();
        }
        for (left, _) in &mut self.held {
            *left -= 1;
        }
        for (_, packet) in self.held.extract_if(.., |(left, _)| *left == 0).collect::<Vec<_>>() {
            self.pass(packet);
        }
    }

    fn nothing_comes(&mut self) {
        for (_, packet) in std::mem::take(&mut self.held) {
            self.pass(packet);
        }
    }

    fn stall_ends(&mut self) {
        if let Some((_, waiting)) = self.stalled.take_if(|(since, _)| since.elapsed() > STALL) {
            self.manners.stalls = false;
            self.gathered = Some((Instant::now(), Vec::new()));
            for packet in waiting {
                self.pass(packet);
            }
        }
        let gathered = self.gathered.take_if(|(since, _)| since.elapsed() > GATHERS);
        for packet in gathered.into_iter().flat_map(|(_, gathered)| gathered) {
            self.out.push_back((End::Far, packet));
        }
    }

    fn pass(&mut self, packet: Vec<u8>) {
        if let Some(number) = number(&packet) {
            if self.numbers.insert(number) {
                self.counts.frames += 1;
            } else {
                self.counts.copies += 1;
            }
            if self.highest.is_none_or(|highest| number > highest) {
                self.counts.kernel += 1;
                self.highest = Some(number);
            }
        }
        self.out.push_back((End::Near, packet));
    }

    /// A request for stateless MPPE becomes one for stateful MPPE, and its acceptance a proposal of
    /// that, so that both ends agree to it by their own rules.
    fn edit(&mut self, to: End, packet: &mut [u8]) {
        let Some(frame) = frame(packet) else { return };
        let start = frame.start + 2 * usize::from(packet[frame.clone()].starts_with(&[0xFF, 3]));
        let Some([0x80, 0xFD, code, id, _, _, 18, 6, mode, ..]) = packet.get_mut(start..frame.end)
        else {
            return;
        };
        match *code {
            CONFIGURE_REQUEST if *mode & STATELESS != 0 => {
                *mode &= !STATELESS;
                self.edited.push((to, *id));
            }
            CONFIGURE_ACK if self.edited.iter().any(|(went, one)| *went != to && one == id) => {
                *code = CONFIGURE_NAK;
                self.counts.edited += 1;
            }
            _ => {}
        }
    }

    /// The next number of xorshift64.
    const fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

/// Where the frame of PPP is in a packet of GRE.
fn frame(packet: &[u8]) -> Option<std::ops::Range<usize>> {
    let header = usize::from(packet.first()? & 0x0F) * 4;
    if packet.get(9) != Some(&47) {
        return None;
    }
    let payload = gre::decode(packet.get(header..)?).ok()?.payload;
    Some(header + payload.start..header + payload.end)
}

/// The number of a packet of GRE that bears a frame.
fn number(packet: &[u8]) -> Option<u32> {
    frame(packet)?;
    let header = usize::from(packet.first()? & 0x0F) * 4;
    gre::decode(packet.get(header..)?).ok()?.sequence
}

/// How many packets lie between one and its copy, at least.
const PAST: usize = 100;
/// pppd says the same again after three seconds.
const STALL: Duration = Duration::from_millis(3500);
/// Long enough for all answers to what waited.
const GATHERS: Duration = Duration::from_millis(400);
const CONFIGURE_REQUEST: u8 = 1;
const CONFIGURE_ACK: u8 = 2;
const CONFIGURE_NAK: u8 = 3;
/// The mode's bit in the first octet of MPPE's option.
const STATELESS: u8 = 1;
