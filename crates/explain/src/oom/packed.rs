//! Compressed logs, known by their first bytes, whatever their name: gzip is read, of the others
//! it is said which they are and how to read them.
//!
//! What comes out of gzip is bounded: a small file can hold a very large one.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// A format that is named, and not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packed {
    /// `.xz`
    Xz,
    /// `.zst`
    Zstd,
    /// `.bz2`
    Bzip2,
    /// `.lz4`
    Lz4,
    /// A file of systemd's journal.
    Journal,
}

impl Packed {
    /// What it is, in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xz => "compressed with xz",
            Self::Zstd => "compressed with zstd",
            Self::Bzip2 => "compressed with bzip2",
            Self::Lz4 => "compressed with lz4",
            Self::Journal => "a file of systemd's journal",
        }
    }

    /// The command that reads it.
    #[must_use]
    pub fn hint(self, name: &str) -> String {
        let name = quoted(name);
        match self {
            Self::Xz => format!("xzcat {name} | menshen explain oom -"),
            Self::Zstd => format!("zstdcat {name} | menshen explain oom -"),
            Self::Bzip2 => format!("bzcat {name} | menshen explain oom -"),
            Self::Lz4 => format!("lz4cat {name} | menshen explain oom -"),
            Self::Journal => {
                format!("journalctl --file {name} -o export --no-pager | menshen explain oom -")
            }
        }
    }

    fn of(head: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 5] = [
            (b"\xfd7zXZ\0", Self::Xz),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            (b"BZh", Self::Bzip2),
            (b"\x04\x22\x4d\x18", Self::Lz4),
            (b"LPKSHHRH", Self::Journal),
        ];
        known.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, kind)| kind)
    }
}

/// The plain text of an input, or what it is instead.
pub(super) fn plain(
    mut from: Box<dyn Read>,
    unpacked_bytes_max: u64,
) -> io::Result<Result<Box<dyn Read>, Packed>> {
    let mut head = Vec::new();
    from.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    if let Some(kind) = Packed::of(&head) {
        return Ok(Err(kind));
    }
    let zipped = head.starts_with(b"\x1f\x8b");
    let whole = Cursor::new(head).chain(from);
    Ok(Ok(if zipped {
        Box::new(Bounded { from: MultiGzDecoder::new(whole), left: unpacked_bytes_max })
    } else {
        Box::new(whole)
    }))
}

/// Fails where more comes than is believed.
struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(buffer)?;
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| {
            io::Error::other("it unpacks to more than any log has, and was left there")
        })?;
        Ok(got)
    }
}

/// A name as a shell takes it.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        return name.to_owned();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

/// More than the longest magic.
const HEAD_BYTES: u64 = 8;
/// What one compressed file may unpack to.
pub(super) const UNPACKED_BYTES_MAX: u64 = 64 << 30;

#[cfg(test)]
mod tests;
