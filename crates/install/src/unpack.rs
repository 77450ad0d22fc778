//! An archive unpacked into a folder of our own: tar, plain or compressed by gzip or xz.
//!
//! Who packed it is a stranger, even where the checksum is right. Nothing is written outside of the
//! folder: paths that are absolute or climb are refused, folders are entered one name after the
//! other without following links, and links have to stay inside. Devices, pipes, set-user-id bits
//! and sizes beyond the limits are refused or left out. xz is read by the host's own program, so
//! that its decoder is nobody's but the distribution's; gzip is read here.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use tar::{EntryType, PaxExtensions};

use self::inside::{Inside, parts};

mod inside;

/// Bounds of one archive.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries.
    pub entries_max: u64,
    /// Bytes after decompression, with heads.
    pub bytes_max: u64,
}

impl Default for Limits {
    /// A million entries and 16 GiB: several times the largest program that is built here.
    fn default() -> Self {
        Self { entries_max: 1_000_000, bytes_max: 16 << 30 }
    }
}

/// What was unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Entries.
    pub entries: u64,
    /// Bytes of files.
    pub bytes: u64,
}

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is compressed in another way, or is no tar.
    #[error("the archive is neither a tar nor one compressed by gzip or xz")]
    Kind,
    /// The host has no xz.
    #[error("the archive is compressed by xz, and the program xz is not here")]
    NoXz,
    /// The decompressor failed.
    #[error("the archive is damaged: xz ended with {0}")]
    Xz(std::process::ExitStatus),
    /// An entry that no honest archive has.
    #[error("the archive is refused: {why}: {path}")]
    Hostile {
        /// Its path, shortened.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// More than the limits allow.
    #[error("the archive is refused: it has more than {0}")]
    TooMuch(&'static str),
    /// Reading or writing failed.
    #[error("could not unpack {0}")]
    Io(String, #[source] io::Error),
}

/// Unpacks `archive` from its beginning into `folder`, which is there and empty. `tick` hears of
/// every entry.
///
/// # Errors
/// The archive is damaged, refused, or cannot be written; what was unpacked so far stays.
pub fn unpack(
    archive: &File,
    folder: &Path,
    limits: Limits,
    tick: &mut dyn FnMut(Unpacked),
) -> Result<Unpacked, UnpackError> {
    let mut stream = Stream::open(archive)?;
    let inside = Inside::open(folder).map_err(|error| io_error("the folder", error))?;
    let unpacked = entries(&mut stream, &inside, limits, tick)?;
    stream.finish()?;
    Ok(unpacked)
}

/// The tar within `archive`: what a signature of the tar is of.
///
/// # Errors
/// As [`unpack`].
pub(crate) fn copy_tar(archive: &File, to: &mut dyn io::Write) -> Result<(), UnpackError> {
    let mut stream = Stream::open(archive)?;
    let limit = Limits::default().bytes_max;
    io::copy(&mut (&mut stream).take(limit), to).map_err(|error| io_error("the tar", error))?;
    stream.finish()
}

fn entries(
    stream: &mut Stream,
    inside: &Inside,
    limits: Limits,
    tick: &mut dyn FnMut(Unpacked),
) -> Result<Unpacked, UnpackError> {
    let bounded = Bounded { inner: stream, left: limits.bytes_max };
    let mut archive = tar::Archive::new(bounded);
    let read = |error| tar_error(error, "the archive");
    // Raw: the crate would read long names into memory without a bound.
    let entries = archive.entries().map_err(read)?.raw(true);
    let mut names = Names::default();
    let mut done = Unpacked::default();
    for entry in entries {
        let mut entry = entry.map_err(read)?;
        if done.entries >= limits.entries_max {
            return Err(UnpackError::TooMuch("entries than are unpacked"));
        }
        let kind = entry.header().entry_type();
        if names.took(kind, &mut entry)? {
            continue;
        }
        let header = entry.header().clone();
        let path = names.path.take().unwrap_or_else(|| header.path_bytes().into_owned());
        let own_link = || header.link_name_bytes().map(std::borrow::Cow::into_owned);
        let link = names.link.take().or_else(own_link).unwrap_or_default();
        let place = parts(&path).map_err(|why| hostile(&path, why))?;
        let failed = |error| tar_error(error, &shown(&path));
        let mode = header.mode().map_err(failed)?;
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                let modified = header.mtime().unwrap_or(0);
                done.bytes += inside.file(&place, &mut entry, mode, modified).map_err(failed)?;
            }
            EntryType::Directory => inside.folder(&place).map_err(failed)?,
            EntryType::Symlink => {
                inside::link_stays(&place, &link).map_err(|why| hostile(&path, why))?;
                inside.symlink(&place, &link).map_err(failed)?;
            }
            EntryType::Link => {
                let target = parts(&link).map_err(|why| hostile(&path, why))?;
                if !inside.is_file(&target).map_err(failed)? {
                    return Err(hostile(&path, "it is a hard link to what is no file"));
                }
                inside.hard_link(&place, &target).map_err(failed)?;
            }
            _ => return Err(hostile(&path, "it is no file, folder or link")),
        }
        done.entries += 1;
        tick(done);
    }
    Ok(done)
}

/// Names that stand in entries of their own before the one they belong to.
#[derive(Default)]
struct Names {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Names {
    /// Whether the entry was one of these.
    fn took(&mut self, kind: EntryType, entry: &mut impl Read) -> Result<bool, UnpackError> {
        let text = || {
            crate::read::from(entry, NAME_ENTRY_BYTES_MAX)
                .map_err(|error| tar_error(error, "a long name"))
        };
        match kind {
            EntryType::GNULongName => self.path = Some(trimmed(text()?)),
            EntryType::GNULongLink => self.link = Some(trimmed(text()?)),
            EntryType::XHeader => {
                for extension in PaxExtensions::new(&text()?) {
                    let extension = extension.map_err(|error| tar_error(error, "a pax head"))?;
                    let value = || Some(extension.value_bytes().to_vec());
                    match extension.key_bytes() {
                        b"path" => self.path = value(),
                        b"linkpath" => self.link = value(),
                        // The size in the head is what was read by; another one is a trick.
                        b"size" => return Err(hostile(b"", "its size stands in a pax head")),
                        _ => {}
                    }
                }
            }
            EntryType::XGlobalHeader => {}
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn trimmed(mut name: Vec<u8>) -> Vec<u8> {
    while name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// The tar, decompressed.
enum Stream {
    Plain(File),
    Gzip(Box<flate2::read::MultiGzDecoder<File>>),
    /// `None` once all is read.
    Xz(Child, Option<ChildStdout>),
}

impl Stream {
    fn open(archive: &File) -> Result<Self, UnpackError> {
        use std::os::unix::fs::FileExt;
        let mut head = [0; 512];
        let read = archive.read_at(&mut head, 0).map_err(|error| io_error("the archive", error))?;
        let head = head.get(..read).unwrap_or_default();
        let from_start = || -> io::Result<File> {
            let mut file = archive.try_clone()?;
            io::Seek::rewind(&mut file)?;
            Ok(file)
        };
        let file = from_start().map_err(|error| io_error("the archive", error))?;
        if head.starts_with(&[0x1f, 0x8b]) {
            return Ok(Self::Gzip(Box::new(flate2::read::MultiGzDecoder::new(file))));
        }
        if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            let program = crate::host::find("xz").ok_or(UnpackError::NoXz)?;
            let mut command = Command::new(program);
            command.args(["--decompress", "--stdout", "--memlimit-decompress=512MiB"]);
            command.env_remove("XZ_OPT").env_remove("XZ_DEFAULTS");
            command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().map_err(|error| io_error("xz", error))?;
            let Some(out) = child.stdout.take() else { return Err(UnpackError::NoXz) };
            return Ok(Self::Xz(child, Some(out)));
        }
        if head.get(257..262) == Some(b"ustar") {
            return Ok(Self::Plain(file));
        }
        Err(UnpackError::Kind)
    }

    /// What is behind the end is read, too, so that damage is seen; but not without end.
    fn finish(&mut self) -> Result<(), UnpackError> {
        let rest = io::copy(&mut (&mut *self).take(REST_BYTES_MAX + 1), &mut io::sink());
        if rest.map_err(|error| tar_error(error, "the end of the archive"))? > REST_BYTES_MAX {
            return Err(UnpackError::TooMuch("bytes behind its end"));
        }
        if let Self::Xz(child, out) = self {
            // Nobody waits for a program that waits for a reader.
            drop(out.take());
            let status = child.wait().map_err(|error| io_error("xz", error))?;
            if !status.success() {
                return Err(UnpackError::Xz(status));
            }
        }
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Xz(_, Some(out)) => out.read(buffer),
            Self::Xz(_, None) => Ok(0),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Self::Xz(child, out) = self {
            drop(out.take());
            // It may have ended long ago, or waits for a reader that goes away now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads no more than the limit, and says so instead of ending there.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            return Err(io::Error::from(io::ErrorKind::QuotaExceeded));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.left -= u64::try_from(read).unwrap_or(self.left);
        Ok(read)
    }
}

fn tar_error(error: io::Error, what: &str) -> UnpackError {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => UnpackError::TooMuch("bytes than are unpacked"),
        io::ErrorKind::FileTooLarge => UnpackError::TooMuch("bytes in a name"),
        _ if matches!(error.raw_os_error(), Some(NOT_A_FOLDER | LOOP)) => {
            let why = "a link or a file stands where it goes on";
            UnpackError::Hostile { path: what.to_owned(), why }
        }
        _ => io_error(what, error),
    }
}

fn io_error(what: &str, error: io::Error) -> UnpackError {
    UnpackError::Io(what.to_owned(), error)
}

fn hostile(path: &[u8], why: &'static str) -> UnpackError {
    UnpackError::Hostile { path: shown(path), why }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().take(200).flat_map(char::escape_debug).collect()
}

const NOT_A_FOLDER: i32 = rustix::io::Errno::NOTDIR.raw_os_error();
const LOOP: i32 = rustix::io::Errno::LOOP.raw_os_error();
/// A long name, or the pax heads of one entry.
const NAME_ENTRY_BYTES_MAX: u64 = 64 << 10;
/// Behind the tar's end; tar itself fills up to 10 KiB there.
const REST_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests;
