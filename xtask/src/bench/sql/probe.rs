//! A write to a table that a hundred thousand cached answers depend on, and what an entry costs.
//!
//! How it may mislead: a write through the door costs what it costs the server as well; so writes
//! that find entries are compared with writes right after them, which find none.

use std::process::Command;

use super::rivals::{Rivals, Target};
use super::{Lab, Only, Options, Report, Row};
use crate::bench::report::median;
use crate::server::Server;
use crate::shell;

/// Rows for the door, and for the server's own cache beside it.
pub(super) fn measure(
    options: &Options,
    lab: &Lab,
    rivals: &Rivals,
    report: &Report,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let entries = if options.short { 5_000 } else { 100_000 };
    let mut measured = Vec::new();
    for target in [Target::Menshen, Target::OwnCache] {
        if !options.wants(target.only()) {
            continue;
        }
        let before = rivals.server(target).map_or(0, Server::private_kib);
        let outcome = run(lab, rivals, target, entries, options)?;
        let after = rivals.server(target).map_or(0, Server::private_kib);
        let line = format!(
            "{:?},{},{:?},{:?},{:?},{:?},{before},{after}",
            target.name(),
            outcome.entries,
            outcome.full.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            outcome.empty.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            outcome.stalls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            outcome.calm.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        );
        report.more("sql-invalidation.csv", HEADING, &[line])?;
        let grown = after.saturating_sub(before) as f64 * 1024.0;
        measured.push((target, outcome, grown));
    }
    for (target, outcome, grown) in &measured {
        println!(
            "invalidation, {}: {} entries, {:.0} us with, {:.0} us without",
            target.name(),
            outcome.entries,
            middle(&outcome.full),
            middle(&outcome.empty)
        );
        rows.extend(rows_of(*target, outcome, *grown));
    }
    Ok(rows)
}

/// What the probe told.
#[derive(Debug)]
struct Outcome {
    entries: f64,
    payload: f64,
    full: Vec<f64>,
    empty: Vec<f64>,
    stalls: Vec<f64>,
    calm: Vec<f64>,
}

fn rows_of(target: Target, outcome: &Outcome, grown: f64) -> Vec<Row> {
    let is_ours = target.only() == Only::Menshen;
    let extra = (middle(&outcome.full) - middle(&outcome.empty)).max(1.0);
    let overhead = (grown - outcome.payload) / outcome.entries.max(1.0);
    let row = |case: &str, ours: String, against: &str, ratio: f64| Row {
        case: format!("sql, {case}, {}", target.name()),
        ours,
        against: against.to_owned(),
        ratio,
        rate_ratio: None,
        goal: is_ours.then_some(1.0),
        errors: 0.0,
    };
    let mut rows = vec![
        row(
            &format!("invalidating {} entries", outcome.entries),
            format!("{extra:.0} us more than a write without entries"),
            "goal 1000 us",
            1000.0 / extra,
        ),
        Row {
            goal: None,
            ..row(
                "slowest read of another table beside it",
                format!("{:.0} us", middle(&outcome.stalls)),
                &format!("{:.0} us in a calm time", middle(&outcome.calm)),
                middle(&outcome.calm) / middle(&outcome.stalls).max(1.0),
            )
        },
    ];
    // The server's own cache takes all its memory when it starts: its growth says nothing.
    if is_ours {
        rows.push(row(
            "memory of a point select beside its text and answer",
            format!("{overhead:.0} bytes"),
            "goal 600 bytes",
            600.0 / overhead.max(1.0),
        ));
    }
    rows
}

fn run(
    lab: &Lab,
    rivals: &Rivals,
    target: Target,
    entries: u32,
    options: &Options,
) -> Result<Outcome, String> {
    let writes = if options.short { "1" } else { "5" };
    let address = format!("127.0.0.1:{}", rivals.port(target));
    let mut command = Command::new(lab.program("sql_probe"));
    let text = shell::output(command.arg(address).arg(entries.to_string()).arg(writes))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let list = |name: &str| -> Vec<f64> {
        let values = value[name].as_array().cloned().unwrap_or_default();
        values.iter().filter_map(serde_json::Value::as_f64).collect()
    };
    let outcome = Outcome {
        entries: value["entries"].as_f64().unwrap_or(0.0),
        payload: value["payload"].as_f64().unwrap_or(0.0),
        full: list("write_us"),
        empty: list("write_empty_us"),
        stalls: list("slowest_read_us"),
        calm: list("slowest_read_calm_us"),
    };
    if outcome.entries < f64::from(entries) {
        let name = target.name();
        return Err(format!("{name} held {} of {entries} entries", outcome.entries));
    }
    Ok(outcome)
}

fn middle(values: &[f64]) -> f64 {
    median(values, |value| *value)
}

const HEADING: &str = "target,entries,write_us,write_empty_us,slowest_read_us,slowest_calm_us,\
                       private_KiB_before,private_KiB_after";
