//! Tunnels of ours beside the limit of any tunnel in userland, beside plain TLS of the same worker,
//! and, in guest kernels, beside what else speaks the same protocols.
//!
//! Everything runs in network namespaces joined by a line, as root: nothing leaves the machine.
//! Both ends, iperf3 and the kernel's TCP share the processors, so rates are compared, and
//! processor time for each gigabyte is told of both ends together. It must never leave out a rival
//! that was faster.

mod ends;
mod guests;
mod idle;
mod space;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Options;
use super::lab::Lab;
use super::report::{Report, Row, median};
use ends::{End, KINDS, Kind};

/// Runs every case. The short form has our own tunnels alone, with a few megabytes through each.
pub(crate) fn measure(options: &Options, lab: &Lab, report: &Report) -> Result<Vec<Row>, String> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if options.short && !(is_root && Path::new("/dev/net/tun").exists()) {
        println!("SKIPPED: tunnels need root and /dev/net/tun");
        return Ok(Vec::new());
    }
    let mut rows = Vec::new();
    let all = "bare".contains(&options.filter);
    let kinds: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| all || kind.name().contains(&options.filter))
        .filter(|kind| !options.short || kind.is_ours())
        .collect();
    rows.extend(bare(options, lab, report, &kinds)?);
    let has_run = !kinds.is_empty();
    if "idle".contains(&options.filter) {
        rows.extend(idle::measure(options, lab, report)?);
    }
    rows.extend(guests::measure(options, lab, report)?);
    if rows.is_empty() && !has_run {
        return Err(format!("no case contains {:?}; there are bare, idle, guests", options.filter));
    }
    Ok(rows)
}

/// The configurations measured, by file name.
pub(crate) fn configurations(lab: &Lab) -> Vec<(String, String)> {
    vec![("menshen-tunnel.toml".to_owned(), ends::configuration(lab, "off"))]
}

/// Which way the octets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the end that dials.
    Up,
    /// To it.
    Down,
}

impl Way {
    const ALL: [Self; 2] = [Self::Up, Self::Down];

    const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// How much goes through in one run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Seconds(f64),
    Megabytes(u32),
}

/// What one run gave.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    megabits: f64,
    /// Processor seconds for each gigabyte, both ends.
    cpu: f64,
    retransmitted: f64,
}

/// All samples of one kind in one direction.
type Samples = Vec<(Kind, Way, Vec<Sample>)>;

fn bare(options: &Options, lab: &Lab, report: &Report, kinds: &[Kind]) -> Result<Vec<Row>, String> {
    let mut samples: Samples = Vec::new();
    for round in 0..options.rounds() {
        for kind in kinds.iter().copied() {
            let end = End::start(lab, kind)?;
            for way in Way::ALL.into_iter().filter(|way| kind.goes(*way)) {
                let amount = if options.short {
                    Amount::Megabytes(SHORT_MEGABYTES)
                } else {
                    Amount::Seconds(options.secs() * SECONDS_FACTOR)
                };
                let sample = end.run(way, amount)?;
                let line = format!(
                    "{:?},{},{round},{:.1},{:.3},{}",
                    kind.name(),
                    way.name(),
                    sample.megabits,
                    sample.cpu,
                    sample.retransmitted
                );
                report.more("tunnel.csv", HEADING, &[line])?;
                match samples.iter_mut().find(|(k, w, _)| (*k, *w) == (kind, way)) {
                    Some((_, _, all)) => all.push(sample),
                    None => samples.push((kind, way, vec![sample])),
                }
            }
        }
    }
    for (kind, way, samples) in &samples {
        println!("{} {}: {}", kind.name(), way.name(), shown(samples));
    }
    Ok(if options.short { own_rows(kinds, &samples) } else { rows(&samples) })
}

/// A row for each of ours and each way, with an error where nothing came or it cannot be true.
fn own_rows(kinds: &[Kind], samples: &Samples) -> Vec<Row> {
    let ways = |kind: &Kind| {
        let kind = *kind;
        Way::ALL.into_iter().filter(move |way| kind.goes(*way)).map(move |way| (kind, way))
    };
    let row = |(kind, way): (Kind, Way)| {
        let found = samples.iter().find(|(k, w, _)| (*k, *w) == (kind, way));
        let samples = found.map(|(_, _, samples)| samples.as_slice()).unwrap_or_default();
        let is_plausible = |sample: &Sample| sample.megabits > 1.0 && sample.cpu > 0.0;
        let is_well = !samples.is_empty() && samples.iter().all(is_plausible);
        Row {
            case: format!("tunnel, {} {}", kind.name(), way.name()),
            ours: if samples.is_empty() { "nothing".to_owned() } else { shown(samples) },
            against: "that anything passes".to_owned(),
            ratio: 1.0,
            rate_ratio: None,
            goal: None,
            errors: f64::from(u8::from(!is_well)),
        }
    };
    kinds.iter().flat_map(ways).map(row).collect()
}

/// Ours against the limits, SSTP against plain TLS.
fn rows(samples: &Samples) -> Vec<Row> {
    let of = |kind: Kind, way: Way| {
        let found = samples.iter().find(|(k, w, _)| (*k, *w) == (kind, way));
        found.map(|(_, _, samples)| samples.as_slice())
    };
    let mut rows = Vec::new();
    for (ours, rival, goal) in PAIRS {
        for way in Way::ALL {
            let (Some(own), Some(other)) = (of(*ours, way), of(*rival, way)) else { continue };
            let rate = |samples: &[Sample]| median(samples, |sample| sample.megabits);
            let cpu = |samples: &[Sample]| median(samples, |sample| sample.cpu);
            rows.push(Row {
                case: format!("tunnel, {} {}", ours.name(), way.name()),
                ours: shown(own),
                against: format!("{}, {}", rival.name(), shown(other)),
                ratio: rate(own) / rate(other),
                rate_ratio: Some(cpu(other) / cpu(own)),
                goal: *goal,
                errors: 0.0,
            });
        }
    }
    rows
}

fn shown(samples: &[Sample]) -> String {
    let rates = || samples.iter().map(|sample| sample.megabits);
    format!(
        "{:.0} ({:.0}–{:.0}) Mbit/s, {:.2} processor s/GB",
        median(samples, |sample| sample.megabits),
        rates().fold(f64::INFINITY, f64::min),
        rates().fold(0.0, f64::max),
        median(samples, |sample| sample.cpu),
    )
}

/// Ours, what it is compared with, and the least ratio of rates.
const PAIRS: &[(Kind, Kind, Option<f64>)] = &[
    (Kind::Pptp, Kind::LimitPlain, Some(0.7)),
    (Kind::Pptp, Kind::LimitBatched, Some(0.7)),
    (Kind::Mppe, Kind::LimitPlain, None),
    (Kind::Mppe, Kind::LimitBatched, None),
    (Kind::Sstp, Kind::LimitPlain, None),
    (Kind::Sstp, Kind::Tls, Some(0.5)),
];

/// Of the short form: some thousand packets.
const SHORT_MEGABYTES: u32 = 16;
const HEADING: &str = "case,way,round,megabits_per_s,cpu_s_per_gigabyte,retransmitted";
/// Of `--secs`: TCP needs a moment to find its speed.
const SECONDS_FACTOR: f64 = 5.0;

#[cfg(test)]
mod tests;
