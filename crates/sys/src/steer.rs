//! Steering new connections of a `SO_REUSEPORT` group to its first members, so that the last ones
//! can be retired, or be filled only once somebody accepts on them, without losing a connection.
//!
//! The kernel orders the members of a group by the time they began to listen. The program put into
//! the group picks one at random below a count; it needs no privilege. This module never decides
//! the count.

use std::ffi::{c_int, c_void};
use std::io;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd};

/// Sends every new connection of the group of `member` to one of its first `count` members.
/// Connections already queued stay where they are.
///
/// # Errors
/// When the socket is in no group, or the kernel knows no such programs (before Linux 4.6).
pub fn steer_to_first(member: impl AsFd, count: NonZeroU32) -> io::Result<()> {
    let code = [
        Instruction { code: LOAD_WORD, if_true: 0, if_false: 0, operand: ANCILLARY_RANDOM },
        Instruction { code: MODULO, if_true: 0, if_false: 0, operand: count.get() },
        Instruction { code: RETURN_ACCUMULATOR, if_true: 0, if_false: 0, operand: 0 },
    ];
    let program = Program { len: 3, code: code.as_ptr() };
    let fd = member.as_fd().as_raw_fd();
    let value = (&raw const program).cast::<c_void>();
    // SAFETY: `program` is laid out as the kernel's `struct sock_fprog`, and it and the three
    // instructions it points to live until the call returns; the kernel copies and checks them.
    let done = unsafe { setsockopt(fd, SOL_SOCKET, ATTACH_REUSEPORT_CBPF, value, PROGRAM_BYTES) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `struct sock_filter` of `linux/filter.h`.
#[repr(C)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    operand: u32,
}

/// `struct sock_fprog` of `linux/filter.h`.
#[repr(C)]
struct Program {
    len: u16,
    code: *const Instruction,
}

unsafe extern "C" {
    /// The C library's `setsockopt(2)`: the safe crates know no way to pass this option.
    fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: u32) -> c_int;
}

/// `BPF_LD | BPF_W | BPF_ABS`.
const LOAD_WORD: u16 = 0x20;
/// `BPF_ALU | BPF_MOD | BPF_K`.
const MODULO: u16 = 0x94;
/// `BPF_RET | BPF_A`.
const RETURN_ACCUMULATOR: u16 = 0x16;
/// `SKF_AD_OFF + SKF_AD_RANDOM`: -4096 + 56.
const ANCILLARY_RANDOM: u32 = 0xffff_f038;
/// As on x86, Arm, RISC-V, POWER and s390; MIPS, SPARC and PA-RISC number it otherwise.
const SOL_SOCKET: c_int = 1;
const ATTACH_REUSEPORT_CBPF: c_int = 51;
#[expect(clippy::cast_possible_truncation, reason = "16 bytes")]
const PROGRAM_BYTES: u32 = size_of::<Program>() as u32;

#[cfg(test)]
mod tests;
