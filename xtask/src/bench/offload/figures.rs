//! What was measured of each server, as a table, and the goals.
//!
//! Every figure of every server is in the table, also where menshen falls short. A goal is written
//! here once; it must never be lowered to fit a result.

use std::collections::BTreeMap;

use super::super::report::{Row, median};
use super::servers::Kind;

/// Figures of one server in one round, by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Keeps a figure.
    pub(super) fn set(&mut self, key: &str, value: f64) {
        self.0.insert(key.to_owned(), value);
    }

    fn get(&self, key: &str) -> f64 {
        self.0.get(key).copied().unwrap_or(f64::NAN)
    }

    /// Shows the main ones as soon as they are there.
    pub(super) fn print(&self, name: &str) {
        println!("\n{name}");
        for (label, keys) in TABLE {
            let shown: Vec<String> = keys.iter().map(|key| number(self.get(key))).collect();
            println!("  {label:<64} {}", shown.join(" / "));
        }
    }

    /// All of them, for the raw file.
    pub(super) fn lines(&self, kind: Kind, round: usize) -> Vec<String> {
        let line =
            |(key, value): (&String, &f64)| format!("{:?},{round},{key},{value}", kind.name());
        self.0.iter().map(line).collect()
    }
}

/// Seconds for each GiB of payload; not a number without payload.
pub(super) fn per_gib(secs: f64, bytes: f64) -> f64 {
    if bytes > 0.0 { secs / (bytes / GIB) } else { f64::NAN }
}

/// The smallest of these sorted values that so many per cent do not exceed.
pub(super) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let place = (sorted.len() as f64 * percent / 100.0).ceil().max(1.0);
    sorted
        .iter()
        .zip(1_u32..)
        .find(|(_, rank)| f64::from(*rank) >= place)
        .map_or(f64::NAN, |v| *v.0)
}

/// One column for each server, medians over the rounds.
pub(super) fn table(all: &[(Kind, Vec<Figures>)]) -> String {
    let names: Vec<&str> = all.iter().map(|(kind, _)| kind.name()).collect();
    let mut text = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (label, keys) in TABLE {
        let cell = |rounds: &[Figures]| {
            let shown: Vec<String> = keys.iter().map(|key| number(middle(rounds, key))).collect();
            shown.join(" / ")
        };
        let cells: Vec<String> = all.iter().map(|(_, rounds)| cell(rounds)).collect();
        text += &format!("| {label} | {} |\n", cells.join(" | "));
    }
    text
}

/// menshen's servers that did not answer everything.
pub(super) fn failures(all: &[(Kind, Vec<Figures>)]) -> Vec<String> {
    let ours = all.iter().filter(|(kind, _)| kind.is_ours() || *kind == Kind::Nginx);
    let failed = ours.filter(|(_, rounds)| errors(rounds) > 0.0);
    failed.map(|(kind, rounds)| format!("{}: {} errors", kind.name(), errors(rounds))).collect()
}

/// Each goal for menshen, then `swap` beside each rival; the table has all others.
pub(super) fn rows(all: &[(Kind, Vec<Figures>)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, rounds) in all.iter().filter(|(kind, _)| kind.is_ours()) {
        let idle = middle(rounds, "page_idle_p99");
        let page = format!("2 × idle {}", number(idle));
        rows.push(goal(*kind, rounds, ("page p99, ms", "page_load_p99"), &page, 2.0 * idle));
        let memory = ("memory of 2,000 held, MiB", "crowd_mib");
        rows.push(goal(*kind, rounds, memory, "goal 128", 128.0));
        let small = middle(rounds, "small_mib") * FLAT;
        let flat = ("memory at the largest file, MiB", "large_mib");
        let bound = format!("1.25 × smallest {}", number(small / FLAT));
        rows.push(goal(*kind, rounds, flat, &bound, small));
        if matches!(kind, Kind::Swap | Kind::Durable) {
            let time = ("worker seconds per GiB uploaded", "up_worker_secs");
            rows.push(goal(*kind, rounds, time, "goal 0.01", 0.01));
            let written = ("bytes written per byte uploaded", "up_written");
            rows.push(goal(*kind, rounds, written, "goal 1.02", 1.02));
        }
    }
    for (kind, rounds) in all.iter().filter(|(kind, _)| *kind == Kind::Swap) {
        for (rival, others) in all.iter().filter(|(kind, _)| !kind.is_ours()) {
            for (label, key) in BESIDE {
                let theirs = middle(others, key);
                let against = format!("{} {}", rival.name(), number(theirs));
                rows.push(Row {
                    goal: None,
                    errors: 0.0,
                    ..goal(*kind, rounds, (label, key), &against, theirs)
                });
            }
        }
    }
    rows
}

fn goal(
    kind: Kind,
    rounds: &[Figures],
    (label, key): (&str, &str),
    against: &str,
    bound: f64,
) -> Row {
    let ours = middle(rounds, key);
    Row {
        case: label.to_owned(),
        ours: format!("{} {}", kind.name(), number(ours)),
        against: against.to_owned(),
        ratio: bound / ours,
        rate_ratio: None,
        goal: Some(1.0),
        errors: errors(rounds),
    }
}

fn errors(rounds: &[Figures]) -> f64 {
    let of = |figures: &Figures| {
        ERRORS.iter().map(|key| figures.get(key)).filter(|count| !count.is_nan()).sum::<f64>()
    };
    rounds.iter().map(of).sum()
}

fn middle(rounds: &[Figures], key: &str) -> f64 {
    if rounds.iter().any(|figures| figures.get(key).is_nan()) {
        return f64::NAN;
    }
    median(rounds, |figures| figures.get(key))
}

fn number(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_owned(),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.6}"),
    }
}

/// Heading of the raw file.
pub(super) const HEADING: &str = "server,round,figure,value";
const GIB: f64 = (1_u64 << 30) as f64;
/// Memory at the largest file, at most this many times that at the smallest.
const FLAT: f64 = 1.25;
const ERRORS: [&str; 9] = [
    "page_failed",
    "page_unanswered",
    "up_failed",
    "up_unfinished",
    "down_failed",
    "down_unfinished",
    "accel_failed",
    "accel_unfinished",
    "bulk_failed",
];
const BESIDE: [(&str, &str); 4] = [
    ("page p99, ms", "page_load_p99"),
    ("worker seconds per GiB uploaded", "up_worker_secs"),
    ("bytes written per byte uploaded", "up_written"),
    ("memory of 2,000 held, MiB", "crowd_mib"),
];
const TABLE: &[(&str, &[&str])] = &[
    ("page alone, ms: p50 / p99 / max", &["page_idle_p50", "page_idle_p99", "page_idle_max"]),
    (
        "page beside the crowd, ms: p50 / p99 / max",
        &["page_load_p50", "page_load_p99", "page_load_max"],
    ),
    (
        "page beside the crowd: due / failed / never answered",
        &["page_load_count", "page_failed", "page_unanswered"],
    ),
    ("slow uploads: done / failed / unfinished", &["up_done", "up_failed", "up_unfinished"]),
    (
        "slow readfile() downloads: done / failed / unfinished",
        &["down_done", "down_failed", "down_unfinished"],
    ),
    (
        "slow X-Accel downloads: done / failed / unfinished",
        &["accel_done", "accel_failed", "accel_unfinished"],
    ),
    ("last byte of an upload to its answer, ms: p50 / p99", &["up_answer_p50", "up_answer_p99"]),
    ("busy workers of 4 beside the crowd: mean / most", &["busy", "busy_max"]),
    (
        "processor time beside the crowd, per cent of one: server / PHP",
        &["crowd_server_cpu", "crowd_fpm_cpu"],
    ),
    (
        "worker s per GiB, slow: upload / readfile() / X-Accel",
        &["slow_up_worker_secs", "slow_down_worker_secs", "slow_accel_worker_secs"],
    ),
    (
        "worker s per GiB, full speed: upload / readfile() / X-Accel",
        &["up_worker_secs", "down_worker_secs", "accel_worker_secs"],
    ),
    (
        "CPU s of PHP per GiB, full speed: upload / readfile() / X-Accel",
        &["up_fpm_cpu", "down_fpm_cpu", "accel_fpm_cpu"],
    ),
    (
        "CPU s of the server per GiB, full speed: upload / readfile() / X-Accel",
        &["up_server_cpu", "down_server_cpu", "accel_server_cpu"],
    ),
    (
        "bytes written per byte uploaded: server / PHP / both",
        &["up_server_written", "up_fpm_written", "up_written"],
    ),
    ("bytes written per byte downloaded: readfile() / X-Accel", &["down_written", "accel_written"]),
    (
        "memory of the server, MiB: at start / all held / most beside the crowd",
        &["start_mib", "held_mib", "crowd_mib"],
    ),
    (
        "memory of the server, MiB: small / middle / large files",
        &["small_mib", "middle_mib", "large_mib"],
    ),
    ("full-speed transfers that failed", &["bulk_failed"]),
];

#[cfg(test)]
mod tests;
