//! Status as text for people.

use std::fmt::Write;

use super::{Status, TransferRow, bucket, certificates, ladder, php, runs, sql, tunnel, watch};

/// The whole answer, each line ended.
pub(super) fn text(status: &Status) -> String {
    let mut out = String::new();
    let state = if status.stopping { "stopping" } else { "up" };
    let _ = writeln!(
        out,
        "guard      pid {}, {state} {}, generation {}",
        status.guard_pid,
        age(status.uptime_seconds),
        status.generation
    );
    let _ = writeln!(
        out,
        "events     {} reloads, {} refused, {} crashes",
        status.reloads, status.reloads_refused, status.crashes
    );
    if let Some(reason) = &status.reload_refusal {
        let _ = writeln!(out, "           last refusal:");
        reason.lines().for_each(|line| {
            let _ = writeln!(out, "             {line}");
        });
    }
    workers(&mut out, status);
    transfers(&mut out, &status.transfers);
    bucket::text(&mut out, status.bucket.as_ref());
    sql::text(&mut out, status.sql.as_ref());
    tunnel::text(&mut out, status.tunnel.as_ref());
    php::text(&mut out, &status.php);
    certificates::text(&mut out, &status.certificates);
    ladder::text(&mut out, &status.ladder);
    watch::text(&mut out, status.watch.as_ref());
    if !status.runs.is_empty() {
        out.push('\n');
        runs::text(&mut out, &status.runs);
    }
    let _ = writeln!(out);
    if status.limits_hit.is_empty() {
        let _ = writeln!(out, "limits hit: none");
    } else {
        let _ = writeln!(out, "limits hit");
        for row in &status.limits_hit {
            let _ = writeln!(out, "  {:<40} {:>10}", row.name, row.count);
        }
    }
    out
}

fn workers(out: &mut String, status: &Status) {
    let _ = writeln!(
        out,
        "\n{:<8} {:>8} {:>4} {:<9} {:>9} {:>6} {:>9} {:>6} {:>6} {:>10} {:>10}",
        "worker", "pid", "gen", "state", "age", "conns", "requests", "4xx", "5xx", "in", "out"
    );
    for row in &status.workers {
        let _ = writeln!(
            out,
            "{:<8} {:>8} {:>4} {:<9} {:>9} {:>6} {:>9} {:>6} {:>6} {:>10} {:>10}",
            format!("{}/{}", row.door, row.index),
            row.pid,
            row.generation,
            row.state,
            age(row.age_seconds),
            row.connections,
            row.requests,
            row.responses_4xx,
            row.responses_5xx,
            bytes(row.received_bytes),
            bytes(row.sent_bytes)
        );
    }
}

fn transfers(out: &mut String, rows: &[TransferRow]) {
    if rows.is_empty() {
        let _ = writeln!(out, "\ntransfers: none in flight");
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<9} {:>21} {:>5} {:>12} {:>12}  path",
        "transfer", "done", "", "now", "average"
    );
    for row in rows {
        let (done, share) = match row.total_bytes {
            Some(total) => (
                format!("{} / {}", bytes(row.done_bytes), bytes(total)),
                format!(
                    "{} %",
                    (row.done_bytes.min(total) * 100).checked_div(total).unwrap_or(100)
                ),
            ),
            None => (bytes(row.done_bytes), String::new()),
        };
        let _ = writeln!(
            out,
            "{:<9} {done:>21} {share:>5} {:>12} {:>12}  {}",
            row.direction,
            format!("{}/s", bytes(row.current_bytes_per_second)),
            format!("{}/s", bytes(row.average_bytes_per_second)),
            row.path
        );
    }
}

/// `950 B`, `1.5 KiB`, …: binary units, three digits.
pub(crate) fn bytes(count: u64) -> String {
    let mut unit = 0;
    let (mut whole, mut rest) = (count, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        rest = whole % 1024;
        whole /= 1024;
        unit += 1;
    }
    match (unit, whole) {
        (0, _) => format!("{count} B"),
        (_, 0..10) => format!("{whole}.{} {}", rest * 10 / 1024, UNITS[unit]),
        _ => format!("{whole} {}", UNITS[unit]),
    }
}

/// `12 s`, `3 min`, `5 h 10 min`, `2 d 3 h`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
