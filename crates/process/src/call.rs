//! In which system call a thread stands (proc_pid_syscall(5)), in words.
//!
//! It can fail: the file needs the right of ptrace and a kernel that has it, and numbers are known
//! for x86-64, its 32-bit programs and 64-bit ARM. A thread that runs stands in none.

use std::fs::File;
use std::io::Read;

use menshen_sys::{proc, remote_memory};
use serde::Serialize;

/// What a thread does or waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It runs in the program itself, or is about to.
    Runs,
    /// Reads from this descriptor.
    Reads(i32),
    /// Writes to this descriptor.
    Writes(i32),
    /// Changes a terminal: its settings or its foreground group.
    SetsTerminal(i32),
    /// Waits until one of these descriptors can be read; empty: which ones is not known.
    Polls(Vec<i32>),
    /// Waits for a lock or a mark in memory, for as long as it takes.
    Locks,
    /// The same, for some time.
    LocksForAWhile,
    /// Sleeps because it asked to.
    Sleeps,
    /// Waits for a child to end or stop.
    WaitsForChild,
    /// Made a child by vfork(2) and waits until that is another program.
    Forks,
    /// Waits for a connection, or to be connected, on this descriptor.
    Connects(i32),
    /// Waits for a signal.
    WaitsForSignal,
    /// Another call, by its number.
    Other(i64),
}

/// What thread `thread` of `pid` stands in; `None`: it cannot be told.
#[must_use]
pub fn doing(pid: u32, thread: u32) -> Option<Doing> {
    let text = proc::read(pid, &format!("task/{thread}/syscall"), CALL_BYTES_MAX).ok()?;
    let text = std::str::from_utf8(&text).ok()?.trim_ascii();
    if text == "running" {
        return Some(Doing::Runs);
    }
    let call = Call::parse(text)?;
    Some(call.doing(&|address, bytes| remote_memory::read(pid, address, bytes).ok(), table(pid)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Call {
    number: i64,
    arguments: [u64; 6],
}

/// Fills bytes from an address of the process.
type Remote<'a> = &'a dyn Fn(u64, &mut [u8]) -> Option<()>;

impl Call {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let number = words.next()?.parse().ok()?;
        let mut arguments = [0; 6];
        for (argument, word) in arguments.iter_mut().zip(words) {
            *argument = u64::from_str_radix(word.trim_start_matches("0x"), 16).ok()?;
        }
        Some(Self { number, arguments })
    }

    fn doing(&self, remote: Remote<'_>, table: &[(i64, Kind)]) -> Doing {
        let [first, second, third, fourth, ..] = self.arguments;
        let descriptor = descriptor(first);
        let kind = table.iter().find(|(number, _)| *number == self.number).map(|(_, kind)| *kind);
        match kind {
            None if self.number < 0 => Doing::Runs,
            None => Doing::Other(self.number),
            Some(Kind::Read) => Doing::Reads(descriptor),
            Some(Kind::Write) => Doing::Writes(descriptor),
            Some(Kind::Connect) => Doing::Connects(descriptor),
            Some(Kind::Ioctl) if TERMINAL_CHANGES.contains(&second) => {
                Doing::SetsTerminal(descriptor)
            }
            Some(Kind::Ioctl) => Doing::Other(self.number),
            Some(Kind::Poll) => Doing::Polls(polled(remote, first, second)),
            Some(Kind::Select) => Doing::Polls(selected(remote, first, second)),
            Some(Kind::Events) => Doing::Polls(Vec::new()),
            // Of the commands, those that wait have the time to wait at the same place.
            Some(Kind::Futex) if fourth == 0 => Doing::Locks,
            Some(Kind::Futex) => Doing::LocksForAWhile,
            Some(Kind::Sleep) => Doing::Sleeps,
            Some(Kind::Child) => Doing::WaitsForChild,
            Some(Kind::Signal) => Doing::WaitsForSignal,
            Some(Kind::Vfork) => Doing::Forks,
            Some(Kind::Clone) if first & CLONE_VFORK != 0 => Doing::Forks,
            Some(Kind::Clone) => Doing::Other(self.number),
            Some(Kind::CloneArguments) => {
                let mut flags = [0; 8];
                match remote(first, &mut flags).filter(|()| third < u64::MAX) {
                    Some(()) if u64::from_le_bytes(flags) & CLONE_VFORK != 0 => Doing::Forks,
                    _ => Doing::Other(self.number),
                }
            }
        }
    }
}

/// The descriptors of poll(2) that are waited for to be read.
fn polled(remote: Remote<'_>, address: u64, count: u64) -> Vec<i32> {
    let count = usize::try_from(count).unwrap_or(0).min(POLLED_MAX);
    let mut entries = vec![0; count * 8];
    if remote(address, &mut entries).is_none() {
        return Vec::new();
    }
    entries
        .chunks_exact(8)
        .filter(|entry| entry.get(4).is_some_and(|events| events & 1 != 0))
        .filter_map(|entry| Some(i32::from_le_bytes(entry.get(..4)?.try_into().ok()?)))
        .collect()
}

/// The same of select(2): a set of bits, of which the first 64 are looked at.
fn selected(remote: Remote<'_>, count: u64, address: u64) -> Vec<i32> {
    let mut set = [0; 8];
    if address == 0 || remote(address, &mut set).is_none() {
        return Vec::new();
    }
    let set = u64::from_le_bytes(set);
    let count = i32::try_from(count.min(64)).unwrap_or(0);
    (0..count).filter(|bit| set & (1 << bit) != 0).collect()
}

/// Descriptors are 32-bit numbers in a 64-bit word.
fn descriptor(word: u64) -> i32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn table(pid: u32) -> &'static [(i64, Kind)] {
    let mut head = [0; 5];
    let file = File::open(format!("/proc/{pid}/exe"));
    let read = file.and_then(|mut file| file.read_exact(&mut head));
    match (cfg!(target_arch = "x86_64"), cfg!(target_arch = "aarch64")) {
        (true, _) if read.is_ok() && head[4] == 1 => X86,
        (true, _) => X86_64,
        (_, true) => ARM_64,
        _ => &[],
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Ioctl,
    Poll,
    Select,
    Events,
    Futex,
    Sleep,
    Child,
    Vfork,
    Clone,
    CloneArguments,
    Connect,
    Signal,
}

/// arch/x86/entry/syscalls/syscall_64.tbl
const X86_64: &[(i64, Kind)] = &[
    (0, Kind::Read),
    (17, Kind::Read),
    (19, Kind::Read),
    (45, Kind::Read),
    (47, Kind::Read),
    (1, Kind::Write),
    (18, Kind::Write),
    (20, Kind::Write),
    (44, Kind::Write),
    (46, Kind::Write),
    (16, Kind::Ioctl),
    (7, Kind::Poll),
    (271, Kind::Poll),
    (23, Kind::Select),
    (270, Kind::Select),
    (232, Kind::Events),
    (281, Kind::Events),
    (441, Kind::Events),
    (202, Kind::Futex),
    (35, Kind::Sleep),
    (230, Kind::Sleep),
    (61, Kind::Child),
    (247, Kind::Child),
    (58, Kind::Vfork),
    (56, Kind::Clone),
    (435, Kind::CloneArguments),
    (42, Kind::Connect),
    (43, Kind::Connect),
    (288, Kind::Connect),
    (34, Kind::Signal),
    (128, Kind::Signal),
    (130, Kind::Signal),
];

/// arch/x86/entry/syscalls/syscall_32.tbl
const X86: &[(i64, Kind)] = &[
    (3, Kind::Read),
    (145, Kind::Read),
    (4, Kind::Write),
    (146, Kind::Write),
    (54, Kind::Ioctl),
    (168, Kind::Poll),
    (309, Kind::Poll),
    (240, Kind::Futex),
    (422, Kind::Futex),
    (162, Kind::Sleep),
    (267, Kind::Sleep),
    (407, Kind::Sleep),
    (7, Kind::Child),
    (114, Kind::Child),
    (190, Kind::Vfork),
    (120, Kind::Clone),
    (256, Kind::Events),
    (319, Kind::Events),
    (29, Kind::Signal),
    (179, Kind::Signal),
];

/// include/uapi/asm-generic/unistd.h
const ARM_64: &[(i64, Kind)] = &[
    (63, Kind::Read),
    (65, Kind::Read),
    (207, Kind::Read),
    (212, Kind::Read),
    (64, Kind::Write),
    (66, Kind::Write),
    (206, Kind::Write),
    (211, Kind::Write),
    (29, Kind::Ioctl),
    (73, Kind::Poll),
    (72, Kind::Select),
    (22, Kind::Events),
    (441, Kind::Events),
    (98, Kind::Futex),
    (101, Kind::Sleep),
    (115, Kind::Sleep),
    (260, Kind::Child),
    (95, Kind::Child),
    (220, Kind::Clone),
    (435, Kind::CloneArguments),
    (203, Kind::Connect),
    (202, Kind::Connect),
    (242, Kind::Connect),
    (133, Kind::Signal),
    (137, Kind::Signal),
];

/// `TCSETS`, `TCSETSW`, `TCSETSF`, `TCSETA..`, `TIOCSPGRP` and the `TCSETS2` family
/// (asm-generic/ioctls.h): what a background process is stopped for.
const TERMINAL_CHANGES: [u64; 13] = [
    0x5402,
    0x5403,
    0x5404,
    0x5406,
    0x5407,
    0x5408,
    0x5409,
    0x540a,
    0x540b,
    0x5410,
    0x402c_542b,
    0x402c_542c,
    0x402c_542d,
];
const CLONE_VFORK: u64 = 0x4000;
const CALL_BYTES_MAX: usize = 4096;
const POLLED_MAX: usize = 64;

#[cfg(test)]
mod tests;
