//! What status says of PHP: its pools and the uploads handed to it.

use std::fmt::Write;

use menshen_base::Counter;
use menshen_sys::{PoolView, ScoreView};
use serde::Serialize;

use super::{escape_bytes, sum};

/// All of it; its fields are fields of the whole.
#[derive(Debug, Serialize)]
pub(super) struct Php {
    /// Empty without PHP.
    pub(super) php_pools: Vec<PoolRow>,
    /// How uploads were handed over, since the guard began; empty before the first.
    pub(super) deliveries: Vec<DeliveryRow>,
    /// Requests admitted by all workers waited that long for a PHP worker, in all.
    php_queue_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct PoolRow {
    address: String,
    /// Processes of the pool.
    workers: u32,
    /// Those that are busy: our requests and others.
    busy: u32,
    /// Those of them that work on nothing of ours.
    busy_others: u32,
    /// Deliveries among our requests.
    deliveries: u32,
    /// Requests that wait for a process.
    queued: u32,
    /// Deliveries among those.
    queued_deliveries: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct DeliveryRow {
    kind: &'static str,
    count: u64,
    /// For one upload, on average, a PHP process was held that long.
    average_milliseconds: f64,
    /// For all of them.
    php_seconds: f64,
}

/// Reads what the scoreboard has.
pub(super) fn read(board: ScoreView) -> Php {
    let seconds = |counter| micros_to_seconds(sum(board, counter));
    let rows = DELIVERIES.iter().filter_map(|&(kind, count, micros)| {
        let count = sum(board, count);
        let php_seconds = seconds(micros);
        (count > 0).then(|| DeliveryRow {
            kind,
            count,
            average_milliseconds: micros_to_seconds(sum(board, micros) / count) * 1000.0,
            php_seconds,
        })
    });
    Php {
        php_pools: board.pools().iter().map(pool_row).collect(),
        deliveries: rows.collect(),
        php_queue_seconds: seconds(Counter::PhpQueueMicros),
    }
}

fn pool_row(pool: &PoolView) -> PoolRow {
    PoolRow {
        address: escape_bytes(pool.name.as_bytes()),
        workers: pool.limit,
        busy: u32::from(pool.load.in_flight).saturating_add(pool.strangers),
        busy_others: pool.strangers,
        deliveries: u32::from(pool.load.deliveries),
        queued: pool.load.waiting(),
        queued_deliveries: u32::from(pool.load.waiting_deliveries),
    }
}

/// The sections for people; nothing where there is no PHP.
pub(super) fn text(out: &mut String, php: &Php) {
    if php.php_pools.is_empty() && php.deliveries.is_empty() {
        return;
    }
    let _ = writeln!(out);
    for pool in &php.php_pools {
        let others = match pool.busy_others {
            0 => String::new(),
            others => format!(" ({others} other)"),
        };
        let _ = writeln!(
            out,
            "php        {}  busy {} of {}{others}  queued {}",
            pool.address, pool.busy, pool.workers, pool.queued
        );
    }
    let _ = writeln!(out, "           waited for PHP in all: {}", duration(php.php_queue_seconds));
    if php.deliveries.is_empty() {
        return;
    }
    let _ =
        writeln!(out, "\n{:<9} {:>10} {:>12} {:>12}", "delivery", "count", "average", "PHP time");
    for row in &php.deliveries {
        let _ = writeln!(
            out,
            "{:<9} {:>10} {:>12} {:>12}",
            row.kind,
            row.count,
            duration(row.average_milliseconds / 1000.0),
            duration(row.php_seconds)
        );
    }
}

/// `0.84 ms`, `12 ms`, `3.2 s`, `12 min`: two digits at least.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 0.01 => format!("{:.2} ms", s * 1000.0),
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 600.0 => format!("{s:.1} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

fn micros_to_seconds(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64()
}

const DELIVERIES: [(&str, Counter, Counter); 3] = [
    ("swap", Counter::PhpSwap, Counter::PhpSwapMicros),
    ("fields", Counter::PhpFields, Counter::PhpFieldsMicros),
    ("replay", Counter::PhpReplay, Counter::PhpReplayMicros),
];
