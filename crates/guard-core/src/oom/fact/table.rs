//! The table of processes (`dump_tasks`): its heading says which column is which, and that changed
//! in nearly every year.
//!
//! A row is read by the heading of its own table, never by position alone; the name is the rest of
//! the line and may hold anything.

use super::Fact;
use crate::oom::model::Task;
use crate::oom::text::{self, digits_then, signed_then, small_signed, trim_start};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Uid,
    Tgid,
    TotalVm,
    Rss,
    RssAnon,
    RssFile,
    RssShmem,
    /// Pages of page tables of one level.
    TablePages,
    TableBytes,
    Swap,
    OldAdj,
    Adj,
    Other,
}

/// The columns between pid and name.
#[derive(Debug, Clone, Copy)]
pub(in crate::oom) struct Columns {
    kinds: [Column; COLUMNS_MAX],
    count: usize,
}

/// A heading, or what may be a row.
pub(super) fn read(text: &[u8]) -> Option<Fact<'_>> {
    let end = memchr::memchr(b']', text.get(..text.len().min(PID_BYTES_MAX))?)?;
    let content = text.get(1..end)?.trim_ascii();
    let rest = text.get(end + 1..)?;
    if content == b"pid" {
        return heading(rest).map(Fact::Heading);
    }
    let number = !content.is_empty() && content.iter().all(u8::is_ascii_digit);
    let blank = matches!(rest.first(), Some(b' ' | b'\t'));
    let numbers = matches!(trim_start(rest).first(), Some(b'0'..=b'9' | b'-'));
    (number && blank && numbers).then_some(Fact::Row(text))
}

fn heading(text: &[u8]) -> Option<Columns> {
    let mut columns = Columns { kinds: [Column::Other; COLUMNS_MAX], count: 0 };
    let mut named = false;
    for word in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if word == b"name" || word == b"comm" {
            named = true;
            break;
        }
        *columns.kinds.get_mut(columns.count)? = match word {
            b"uid" => Column::Uid,
            b"tgid" => Column::Tgid,
            b"total_vm" => Column::TotalVm,
            b"rss" => Column::Rss,
            b"rss_anon" => Column::RssAnon,
            b"rss_file" => Column::RssFile,
            b"rss_shmem" => Column::RssShmem,
            b"nr_ptes" | b"nr_pmds" | b"nr_puds" => Column::TablePages,
            b"pgtables_bytes" => Column::TableBytes,
            b"swapents" => Column::Swap,
            b"oom_adj" => Column::OldAdj,
            b"oom_score_adj" => Column::Adj,
            _ => Column::Other,
        };
        columns.count += 1;
    }
    let has = |kind| columns.kinds.get(..columns.count).is_some_and(|kinds| kinds.contains(&kind));
    (named && has(Column::TotalVm) && has(Column::Rss)).then_some(columns)
}

/// A row of the table; `None`: it could not be read.
pub(in crate::oom) fn row(
    line: &[u8],
    columns: &Columns,
    page_bytes: Option<u32>,
    decoded: bool,
) -> Option<Task> {
    let (pid, rest) = digits_then(trim_start(trim_start(line).strip_prefix(b"[")?))?;
    let mut rest = trim_start(rest).strip_prefix(b"]")?;
    let mut task = Task { pid: text::small(pid)?, ..Task::default() };
    task.tgid = task.pid;
    let mut old_adj = None;
    let mut adj = None;
    let page = u64::from(page_bytes.unwrap_or(PAGE_BYTES));
    for kind in columns.kinds.get(..columns.count)? {
        let (value, after) = signed_then(trim_start(rest))?;
        matches!(after.first(), None | Some(b' ' | b'\t')).then_some(())?;
        rest = after;
        let amount = || u64::try_from(value).ok();
        match kind {
            Column::Uid => task.uid = value,
            Column::Tgid => task.tgid = u32::try_from(value).ok()?,
            Column::TotalVm => task.total_vm_pages = amount()?,
            Column::Rss => task.rss_pages = amount()?,
            Column::RssAnon => task.rss_anon_pages = amount(),
            Column::RssFile => task.rss_file_pages = amount(),
            Column::RssShmem => task.rss_shmem_pages = amount(),
            Column::TablePages => {
                let bytes = amount()?.saturating_mul(page);
                let sum = task.page_table_bytes.unwrap_or_default().saturating_add(bytes);
                task.page_table_bytes = Some(sum);
            }
            Column::TableBytes => task.page_table_bytes = amount(),
            Column::Swap => task.swap_pages = amount(),
            Column::OldAdj => old_adj = small_signed(value),
            Column::Adj => adj = small_signed(value),
            Column::Other => {}
        }
    }
    task.adj = adj.or(old_adj).unwrap_or_default();
    task.name = text::name(rest.get(1..).unwrap_or_default(), decoded);
    Some(task)
}

/// More than any kernel prints.
const COLUMNS_MAX: usize = 20;

/// `[  4194304]` is shorter.
const PID_BYTES_MAX: usize = 24;

/// Where the text does not say: most machines'.
const PAGE_BYTES: u32 = 4096;
