//! A record of `/dev/kmsg` (kernel, Documentation/ABI/testing/dev-kmsg):
//! `prio,seq,usec,flags[,caller=…];text`.
//!
//! It decides nothing about the text. Lines that are no record give `None`.

use super::text::digits_then;

/// A record's first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KmsgRecord<'a> {
    /// Facility × 8 + level. User space cannot write facility 0.
    pub priority: u32,
    /// Number in the ring; gaps are records that were overwritten.
    pub sequence: u64,
    /// Microseconds since the kernel started.
    pub micros: u64,
    /// The text goes on where the one before ended.
    pub continues: bool,
    /// Who wrote it: `T123` a thread, `C0` a processor.
    pub caller: Option<&'a [u8]>,
    /// The text, with `\xNN` for bytes that do not print.
    pub text: &'a [u8],
}

impl<'a> KmsgRecord<'a> {
    /// Reads the first line of a record, with or without its line end.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let field = |text: &'a [u8]| {
            let (number, rest) = digits_then(text)?;
            Some((number, rest.strip_prefix(b",")?))
        };
        let (priority, rest) = field(line)?;
        let priority = u32::try_from(priority).ok()?;
        let (sequence, rest) = field(rest)?;
        let (micros, rest) = field(rest)?;
        let limit = HEAD_BYTES_MAX.saturating_sub(line.len() - rest.len()).min(rest.len());
        let end = rest.get(..limit)?.iter().position(|&byte| byte == b';')?;
        let (head, text) = (rest.get(..end)?, rest.get(end + 1..)?);
        let mut fields = head.split(|&byte| byte == b',');
        let flags = fields.next()?;
        if flags.len() > 2 || !flags.iter().all(|&flag| matches!(flag, b'-' | b'c' | b'+')) {
            return None;
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        Some(Self {
            priority,
            sequence,
            micros,
            continues: flags.iter().any(|&flag| matches!(flag, b'c' | b'+')),
            caller: fields.find_map(|field| field.strip_prefix(b"caller=")),
            text: text.strip_suffix(b"\r").unwrap_or(text),
        })
    }

    /// Whether the kernel itself wrote it.
    #[must_use]
    pub const fn from_kernel(&self) -> bool {
        self.priority >> 3 == 0
    }
}

/// The part before `;`, with room for fields that later kernels may add.
const HEAD_BYTES_MAX: usize = 256;
