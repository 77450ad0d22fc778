//! Lines about a control group: its limit, its use, its statistics
//! (`mem_cgroup_print_oom_context`, `mem_cgroup_print_oom_meminfo`).
//!
//! A path may hold anything, so it is bounded by the kernel's words around it.

use super::{Fact, kib};
use crate::oom::text::{cut_first, cut_last, digits_then, number};

/// What a usage line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::oom) enum UsageOf {
    Memory,
    /// `memory+swap` (v1) or `swap` (v2).
    Swap,
    Kernel,
}

/// `memory: usage 980kB, limit 980kB, failcnt 4`.
#[derive(Debug, Clone, Copy)]
pub(in crate::oom) struct Usage {
    pub(in crate::oom) of: UsageOf,
    pub(in crate::oom) usage_kib: u64,
    pub(in crate::oom) limit_kib: Option<u64>,
    pub(in crate::oom) fail_count: Option<u64>,
}

/// Lines beginning with `T` or `M`.
pub(super) fn read(text: &[u8]) -> Option<Fact<'_>> {
    if let Some(rest) = text.strip_prefix(b"Task in ") {
        let (task, limit) = cut_last(rest, b" killed as a result of limit of ")?;
        return Some(Fact::Limit { task, limit: limit.trim_ascii_end() });
    }
    if let Some(rest) = text.strip_prefix(b"Tasks in ") {
        let (path, _) = cut_last(rest, b" are going to be killed due to memory.oom.group set")?;
        return Some(Fact::Group(path));
    }
    let rest = text.strip_prefix(b"Memory cgroup stats")?;
    if let Some(rest) = rest.strip_prefix(b" for ") {
        let (path, rest) = match cut_first(rest, b": ") {
            Some(parts) => parts,
            None => match cut_last(rest, b":") {
                Some((path, rest)) if rest.trim_ascii().is_empty() => (path, &[][..]),
                _ => return None,
            },
        };
        return Some(Fact::StatsFor { path, rest });
    }
    let rest = rest.strip_prefix(b":")?;
    Some(Fact::StatsFor { path: &[], rest })
}

/// `memory: usage …`.
pub(super) fn usage(text: &[u8]) -> Option<Fact<'_>> {
    let (name, rest) = cut_first(text.get(..text.len().min(USAGE_BYTES_MAX))?, b": usage ")?;
    let of = match name {
        b"memory" => UsageOf::Memory,
        b"memory+swap" | b"swap" => UsageOf::Swap,
        b"kmem" => UsageOf::Kernel,
        _ => return None,
    };
    let (usage_kib, rest) = kib(rest)?;
    let limit = rest.strip_prefix(b", limit ").and_then(kib);
    let fail_count = limit
        .and_then(|(_, rest)| digits_then(rest.strip_prefix(b", failcnt ")?))
        .map(|(count, _)| count);
    let limit_kib = limit.map(|(limit, _)| limit);
    Some(Fact::Usage(Usage { of, usage_kib, limit_kib, fail_count }))
}

/// `anon 24997888`, one or several of them.
pub(super) fn stats(text: &[u8]) -> Option<Fact<'_>> {
    Stats(text).next().map(|_| Fact::Stats(text))
}

/// The `key value` pairs of a text: one per line, or `key:valueKB` in a row. Values in bytes where
/// they are amounts.
#[derive(Debug)]
pub(in crate::oom) struct Stats<'a>(pub(in crate::oom) &'a [u8]);

impl<'a> Iterator for Stats<'a> {
    type Item = (&'a [u8], u64);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_ascii_start();
        let text = text.strip_prefix(b"#012").unwrap_or(text).trim_ascii_start();
        if !text.first()?.is_ascii_lowercase() {
            return None;
        }
        let end = text.iter().position(|&byte| !key_byte(byte))?;
        let (key, rest) = text.split_at(end);
        match rest {
            [b':', value @ ..] => {
                let (value, rest) = kib(value)?;
                self.0 = rest;
                Some((key, value.saturating_mul(1024)))
            }
            [b' ', value @ ..] => {
                let end =
                    value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
                let value_digits = value.get(..end)?;
                let rest = value.get(end..)?;
                let over = rest.first().is_none_or(|&byte| byte == b'\n' || byte == b'\r')
                    || rest.starts_with(b"#012");
                self.0 = rest;
                if over { Some((key, number(value_digits)?)) } else { None }
            }
            _ => None,
        }
    }
}

const fn key_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'(' | b')')
}

/// Longer than any usage line.
const USAGE_BYTES_MAX: usize = 160;
