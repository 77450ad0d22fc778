//! Text that a program has printed and its C library has not written yet: how much, and which text.
//!
//! The C library's own records of its streams (`FILE`) are read from the process's memory, without
//! stopping it: in glibc (stdio-common and libio, `struct _IO_FILE`) `stdout`, `stderr` and all
//! others of the list `_IO_list_all`; in musl (`src/internal/stdio_impl.h`) `stdout` and `stderr`,
//! and all where a table of symbols is there. A statically linked program has them in its own
//! symbols, unless it was stripped.
//!
//! It can fail: without the right to read that memory, in programs without these symbols, and when
//! the program writes at the very moment it is looked at. Records that contradict themselves are
//! left out; none is believed beyond what its own bounds allow.

use std::io;

use menshen_sys::remote_memory;
use serde::Serialize;

use self::walk::{Memory, Root, Roots};
use crate::elf::Image;
use crate::maps::{self, Mapped};

mod layout;
mod walk;

/// One C stream with text that is still in its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StuckStream {
    /// Which one.
    pub stream: Stream,
    /// The descriptor it will be written to.
    pub descriptor: i32,
    /// How much is stuck.
    pub bytes: u64,
    /// The first [`TEXT_BYTES_MAX`] bytes of it. Foreign.
    pub text: Vec<u8>,
    /// When the library writes by itself.
    pub buffering: Buffering,
    /// Size of its buffer in bytes.
    pub buffer_bytes: u64,
}

/// Which of a program's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// `stdout`.
    Stdout,
    /// `stderr`.
    Stderr,
    /// One the program opened.
    Other,
}

/// When a C library writes out what was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Buffering {
    /// When the buffer is full.
    Full,
    /// At the end of each line, too.
    Line,
    /// At once.
    None,
    /// Nothing was printed yet, so it is not decided.
    Undecided,
}

/// Whose C library it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Library {
    /// The GNU C library.
    Glibc,
    /// musl.
    Musl,
}

/// What was seen of a process's streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Its C library.
    pub library: Library,
    /// When `stdout` is written by itself.
    pub stdout: Buffering,
    /// Streams with text that is stuck.
    pub stuck: Vec<StuckStream>,
}

/// Why a process's streams cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// It has ended.
    #[error("process {0} has ended")]
    LocalGone(u32),
    /// Its memory is not ours to read.
    #[error("the memory of process {0} may not be read")]
    LocalNotPermitted(u32),
    /// Linked statically and stripped: nothing says where the streams are.
    #[error("the program is statically linked and stripped: nothing says where its streams are")]
    LocalStripped,
    /// It has no C streams.
    #[error("the program has no C library with streams")]
    LocalNoStdio,
    /// A C library that is none of those known here, or whose file cannot be opened any more.
    #[error("the C library is of an unknown kind, or its file is gone")]
    LocalUnknown,
    /// Another failure of the kernel.
    #[error("could not look at process {pid}")]
    Local {
        /// The process.
        pid: u32,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Streams of a process with text that is stuck; empty: there is none.
///
/// One who looks often keeps a [`Reader`].
///
/// # Errors
/// See [`StdioError`].
pub fn stuck(pid: u32) -> Result<Vec<StuckStream>, StdioError> {
    Ok(Reader::open(pid)?.look()?.stuck)
}

/// Where the streams of one process are. It holds no descriptor and nothing of the process; it is
/// of no use after an `exec`, where it tells [`StdioError::LocalUnknown`] or
/// [`StdioError::Local`].
#[derive(Debug, Clone)]
pub struct Reader {
    pid: u32,
    roots: Roots,
}

impl Reader {
    /// Finds them: some milliseconds.
    ///
    /// # Errors
    /// See [`StdioError`].
    pub fn open(pid: u32) -> Result<Self, StdioError> {
        let failed = |source| failure(pid, source);
        let files = maps::files(pid).map_err(failed)?;
        // A zombie and a kernel thread have an empty file of maps.
        if files.is_empty() {
            return Err(StdioError::LocalGone(pid));
        }
        let mut libraries = false;
        for mapped in files.iter().filter(|mapped| is_library(mapped)) {
            libraries = true;
            let file = mapped.open(pid);
            if let Some(roots) = file.ok().and_then(|file| find(file, mapped).0) {
                return Ok(Self { pid, roots });
            }
        }
        let program = std::fs::File::open(format!("/proc/{pid}/exe")).map_err(failed)?;
        let seen = rustix::fs::fstat(&program).map_err(|error| failed(error.into()))?;
        let mapped = files.iter().find(|mapped| mapped.is(seen.st_ino));
        let mut image = None;
        if let Some(mapped) = mapped {
            image = match find(program, mapped) {
                (Some(roots), _) => return Ok(Self { pid, roots }),
                (None, image) => image,
            };
        }
        Err(match image {
            _ if libraries => StdioError::LocalUnknown,
            // It asks for a loader, which has not loaded its C library yet.
            Some(image) if image.dynamic => StdioError::LocalUnknown,
            Some(image) if image.has_symbols || image.go => StdioError::LocalNoStdio,
            Some(_) => StdioError::LocalStripped,
            None => StdioError::LocalUnknown,
        })
    }

    /// Reads the streams as they are now: some ten microseconds.
    ///
    /// # Errors
    /// See [`StdioError`].
    pub fn look(&self) -> Result<Look, StdioError> {
        let look = walk::walk(&Process(self.pid), &self.roots);
        look.map_err(|error| failure(self.pid, error))?.ok_or(StdioError::LocalUnknown)
    }
}

/// Memory of a process.
struct Process(u32);

impl Memory for Process {
    fn read(&self, address: u64, buffer: &mut [u8]) -> io::Result<()> {
        remote_memory::read(self.0, address, buffer)
    }
}

/// By name: `libc.so.6`, `libc-2.31.so`, `libc.musl-x86_64.so.1`, `ld-musl-x86_64.so.1`.
fn is_library(mapped: &Mapped) -> bool {
    let name = mapped.name();
    [&b"libc.so"[..], b"libc-2.", b"libc.musl-", b"ld-musl-"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Looks for the streams in the symbols of one file.
fn find(file: std::fs::File, mapped: &Mapped) -> (Option<Roots>, Option<Image>) {
    let mut found = [None; NAMES.len()];
    let image = Image::open(file, &mut |symbol| {
        if let Some(index) = NAMES.iter().position(|name| *name == symbol.name) {
            found[index] = Some(symbol.address);
        }
    });
    let Some(image) = image else { return (None, None) };
    let Some(bias) = image.bias(mapped.start, mapped.offset) else { return (None, Some(image)) };
    let width = image.width;
    let at = |index: usize| found[index].map(|address| address.wrapping_add(bias));
    let direct = |index: usize| at(index).map(Root::At);
    let through = |index: usize| at(index).map(Root::Through);
    let glibc = direct(0).map(|stdout| Roots {
        library: Library::Glibc,
        width,
        stdout,
        stderr: direct(1),
        list: at(2),
    });
    let musl = || {
        direct(3).or_else(|| through(6)).map(|stdout| Roots {
            library: Library::Musl,
            width,
            stdout,
            stderr: direct(4).or_else(|| through(7)),
            list: at(5),
        })
    };
    // A musl program has a symbol `stdout` as well as glibc's, but none of glibc's own.
    (glibc.or_else(musl), Some(image))
}

fn failure(pid: u32, source: io::Error) -> StdioError {
    match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::SRCH | rustix::io::Errno::NOENT) => StdioError::LocalGone(pid),
        Some(rustix::io::Errno::PERM | rustix::io::Errno::ACCESS) => {
            StdioError::LocalNotPermitted(pid)
        }
        _ => StdioError::Local { pid, source },
    }
}

/// Longest text that is read of one stream.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// Symbols of the streams: of glibc; of musl; and musl's exported pointers to the same.
const NAMES: [&[u8]; 8] = [
    b"_IO_2_1_stdout_",
    b"_IO_2_1_stderr_",
    b"_IO_list_all",
    b"__stdout_FILE",
    b"__stderr_FILE",
    b"ofl_head",
    b"stdout",
    b"stderr",
];

#[cfg(test)]
mod tests;
