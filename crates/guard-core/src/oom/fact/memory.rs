//! Lines of the `Mem-Info` part (`show_free_areas`, `show_mem`), in pages unless named otherwise.
//!
//! Zones and per-processor lists are passed over; only what tells how much memory there was and
//! what held it is kept.

use super::{Fact, kib, whole};
use crate::oom::model::MemoryState;
use crate::oom::text::{digits_then, has, trim_start, word};

/// Lines that say by themselves what they are.
pub(super) fn read(text: &[u8]) -> Option<Fact<'_>> {
    if let Some(rest) = text.strip_prefix(b"Mem-Info:").or_else(|| text.strip_prefix(b"Mem-info:"))
    {
        return rest.trim_ascii().is_empty().then_some(Fact::MemoryStart);
    }
    minor(text).filter(|fact| !matches!(fact, Fact::Counters(_)))
}

/// Lines that count only within a report.
pub(super) fn minor(text: &[u8]) -> Option<Fact<'_>> {
    match text.first()? {
        b'F' => swap(text, b"Free swap").map(Fact::SwapFree),
        b'T' => swap(text, b"Total swap").map(Fact::SwapTotal),
        b'0'..=b'9' => pages(text),
        b'N' | b'D' | b'H' | b'M' => block_bytes(text).map(Fact::PageBytes),
        b'a' | b'A' | b'i' | b'u' | b'f' | b'm' | b's' | b'p' | b'd' | b'w' => {
            let colon = memchr::memchr(b':', text.get(..text.len().min(KEY_BYTES_MAX))?)?;
            let digit = text.get(colon + 1)?.is_ascii_digit();
            (digit && is_counter(text.get(..colon)?)).then_some(Fact::Counters(text))
        }
        _ => None,
    }
}

/// The pairs of a line of counters. rsyslog's `#012` may stand for line ends.
pub(in crate::oom) fn counters(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    text.split(u8::is_ascii_whitespace).filter_map(|word| {
        let at = memchr::memchr(b':', word)?;
        let (number, rest) = digits_then(word.get(at + 1..)?)?;
        (rest.is_empty() || rest.starts_with(b"#0")).then_some(())?;
        Some((word.get(..at)?, number))
    })
}

/// Adds a counter to what is known; the first value stays.
pub(in crate::oom) fn fill(memory: &mut MemoryState, key: &[u8], pages: u64) {
    let sum = |slot: &mut Option<u64>| *slot = Some(slot.unwrap_or_default().saturating_add(pages));
    let first = |slot: &mut Option<u64>| *slot = slot.or(Some(pages));
    match key {
        b"active_anon" | b"Active_anon" | b"inactive_anon" => sum(&mut memory.anon_pages),
        b"active_file" | b"inactive_file" => sum(&mut memory.file_pages),
        b"unevictable" => first(&mut memory.unevictable_pages),
        b"slab_reclaimable" => first(&mut memory.slab_reclaimable_pages),
        b"slab_unreclaimable" => first(&mut memory.slab_unreclaimable_pages),
        b"shmem" => first(&mut memory.shmem_pages),
        b"pagetables" => first(&mut memory.page_table_pages),
        b"free" => first(&mut memory.free_pages),
        _ => {}
    }
}

/// `Free swap  = 84kB`, `Free swap:       84kB`.
fn swap(text: &[u8], key: &[u8]) -> Option<u64> {
    let rest = trim_start(text.strip_prefix(key)?);
    let rest = rest.strip_prefix(b"=").or_else(|| rest.strip_prefix(b":"))?;
    kib(rest).map(|(kib, _)| kib)
}

/// `4115400 pages RAM`, `262144 pages of RAM`, `97082 pages reserved`, `2340 reserved pages`.
fn pages(text: &[u8]) -> Option<Fact<'_>> {
    let (number, rest) = word(text);
    let number = whole(number)?;
    match rest.trim_ascii() {
        b"pages RAM" | b"pages of RAM" => Some(Fact::RamPages(number)),
        b"pages reserved" | b"reserved pages" => Some(Fact::ReservedPages(number)),
        _ => None,
    }
}

/// `Node 0 DMA: 3*4kB …`: the smallest block of free memory is one page.
fn block_bytes(text: &[u8]) -> Option<u32> {
    if !text.starts_with(b"Node ") && !ZONES.iter().any(|zone| text.starts_with(zone)) {
        return None;
    }
    let head = text.get(..text.len().min(ZONE_BYTES_MAX))?;
    let star = memchr::memchr(b'*', head)?;
    let before = head.get(..star)?;
    let counted = before.last().is_some_and(u8::is_ascii_digit) && has(before, b": ");
    let (kib, _) = kib(text.get(star + 1..)?)?;
    let bytes = u32::try_from(kib).ok()?.checked_mul(1024)?;
    (counted && bytes.is_power_of_two() && (4096..=1 << 20).contains(&bytes)).then_some(bytes)
}

/// How a line of counters may begin.
fn is_counter(key: &[u8]) -> bool {
    matches!(
        key,
        b"active_anon"
            | b"Active_anon"
            | b"Active"
            | b"active_file"
            | b"inactive_file"
            | b"inactive_anon"
            | b"unevictable"
            | b"free"
            | b"mapped"
            | b"slab_reclaimable"
            | b"slab_unreclaimable"
            | b"shmem"
            | b"pagetables"
            | b"sec_pagetables"
            | b"dirty"
            | b"writeback"
    )
}

const ZONES: [&[u8]; 5] = [b"DMA: ", b"DMA32: ", b"Normal: ", b"HighMem: ", b"Movable: "];

/// Zone names and the first number are shorter.
const ZONE_BYTES_MAX: usize = 64;

/// Counters' names are shorter.
const KEY_BYTES_MAX: usize = 32;
