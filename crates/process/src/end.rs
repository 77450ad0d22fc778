//! The last look at a process that ends: what its C library had not written, and who ended it.
//!
//! Only for one that its tracer holds at its exit ([`menshen_sys::ptrace::Stop::Exit`]), when its
//! memory is still there. `exit` has emptied the buffers by then; `_exit`, a signal and `os.Exit`
//! of a Go program with C inside have not.
//!
//! It can fail to name the caller: another machine than x86-64, a program without symbols, a caller
//! that was in another thread.

use menshen_sys::proc::Stat;
use menshen_sys::{ptrace, remote_memory};
use serde::Serialize;

use crate::elf::{Image, Symbol};
use crate::maps::{self, Mapped};
use crate::stdio::{self, StdioError, StuckStream};

/// How a process ended, seen at the moment it did.
#[derive(Debug)]
pub struct End {
    /// Its name. Foreign.
    pub name: Vec<u8>,
    /// Its exit code, if it has one.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What is lost with it.
    pub lost: Result<Vec<StuckStream>, StdioError>,
    /// Who made the last call, when its main thread did.
    pub caller: Option<Caller>,
}

/// Where the call was made that ended a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The function that made it, such as `_exit`. Foreign.
    pub function: Option<String>,
    /// The file it is in. Foreign.
    pub file: String,
    /// Who called that function: name and place. Foreign.
    pub from: Option<String>,
}

/// Looks at a process that is held at its exit by this thread.
#[must_use]
pub fn look(pid: u32) -> End {
    let status = ptrace::event_message(pid).unwrap_or(0);
    let low = i32::try_from(status & 0x7f).unwrap_or(0);
    let code = i32::try_from((status >> 8) & 0xff).ok().filter(|_| low == 0);
    let signal = Some(low).filter(|signal| *signal != 0);
    let name = Stat::read(pid).map(|stat| stat.name).unwrap_or_default();
    End { name, code, signal, lost: stdio::stuck(pid), caller: caller(pid) }
}

fn caller(pid: u32) -> Option<Caller> {
    let place = ptrace::place(pid).ok()?;
    if ![EXIT, EXIT_GROUP].contains(&place.call) {
        return None;
    }
    let files = maps::files(pid).ok()?;
    let (mapped, function) = name(pid, &files, place.instruction)?;
    let file = text(mapped.name());
    // A function that only makes the call has nothing on the stack but where it came from.
    let mut bytes = [0; 8];
    let from = remote_memory::read(pid, place.stack, &mut bytes).ok().and_then(|()| {
        let address = u64::from_le_bytes(bytes);
        let (mapped, function) = name(pid, &files, address)?;
        let function = function.unwrap_or_else(|| format!("{address:#x}"));
        Some(format!("{function} in {}", text(mapped.name())))
    });
    Some(Caller { function, file, from })
}

/// The file and the function an address is in.
fn name(pid: u32, files: &[Mapped], address: u64) -> Option<(&Mapped, Option<String>)> {
    let mapped = files.iter().find(|file| (file.start..file.end).contains(&address))?;
    let Ok(file) = mapped.open(pid) else { return Some((mapped, None)) };
    let mut symbols = Vec::new();
    let image = Image::open(file, &mut |symbol: Symbol<'_>| {
        if symbol.function && symbols.len() < SYMBOLS_MAX {
            symbols.push((symbol.address, symbol.bytes, text(symbol.name)));
        }
    });
    let bias = image.and_then(|image| image.bias(mapped.start, mapped.offset));
    let function = bias.and_then(|bias| {
        let inside = address.wrapping_sub(bias);
        let fits = |(start, bytes, _): &&(u64, u64, String)| {
            // A return address may be right behind a function that never returns.
            inside.checked_sub(*start).is_some_and(|offset| offset <= *bytes)
        };
        symbols.iter().find(fits).map(|(_, _, name)| name.clone())
    });
    Some((mapped, function))
}

fn text(bytes: &[u8]) -> String {
    let cut = bytes.get(..bytes.len().min(TEXT_BYTES_MAX)).unwrap_or_default();
    String::from_utf8_lossy(cut).into_owned()
}

// arch/x86/entry/syscalls/syscall_64.tbl
const EXIT: i64 = 60;
const EXIT_GROUP: i64 = 231;
const SYMBOLS_MAX: usize = 1 << 18;
const TEXT_BYTES_MAX: usize = 200;
