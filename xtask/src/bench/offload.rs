//! Who holds PHP's workers: a crowd of slow people and a steady page against four workers.
//!
//! Each server gets a fresh start and a fresh php-fpm twice: for the crowd, and for transfers at
//! full speed that give the cost of a GiB and the memory at three file sizes. It must never leave
//! out a server that failed: what was not answered is in the table as such.

mod bulk;
mod crowd;
mod figures;
mod sampler;
mod servers;

use super::Options;
use super::lab::Lab;
use super::report::{Report, Row};
use figures::Figures;
use servers::Kind;

/// Puts the load on every server in turn.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let wanted = |kind: &Kind| options.wants(kind.only()) && kind.name().contains(&options.filter);
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(wanted).collect();
    if kinds.is_empty() {
        return Err(format!("no server's name contains {:?}", options.filter));
    }
    let size = if options.short { &SHORT } else { &FULL };
    let mut all: Vec<(Kind, Vec<Figures>)> = kinds.iter().map(|kind| (*kind, Vec::new())).collect();
    for round in 0..options.rounds() {
        for (kind, rounds) in &mut all {
            let mut figures = Figures::default();
            crowd::measure(*kind, lab, size, round, &mut figures, report)
                .and_then(|()| bulk::measure(*kind, lab, size, &mut figures))
                .map_err(|e| format!("{}: {e}", kind.name()))?;
            figures.print(kind.name());
            report.more("offload-figures.csv", figures::HEADING, &figures.lines(*kind, round))?;
            rounds.push(figures);
        }
    }
    report.add_text(&figures::table(&all));
    for failure in figures::failures(&all) {
        report.add_failure(failure);
    }
    Ok(figures::rows(&all))
}

/// The configurations measured, by file name.
pub(crate) fn configurations(options: &Options, lab: &Lab) -> Vec<(String, String)> {
    let wanted = Kind::ALL.into_iter().filter(|kind| options.wants(kind.only()));
    let mut files: Vec<_> = wanted.map(|kind| kind.configuration(lab)).collect();
    files.push(("php-fpm-offload.conf".to_owned(), super::pool::configuration(lab, None)));
    files
}

/// How much of everything.
#[derive(Debug)]
struct Size {
    /// Slow uploads, and as many slow downloads.
    people: u32,
    /// Bytes each upload has, at half the rate.
    upload: u64,
    /// What is downloaded; one of the pool's files.
    download: (&'static str, u64),
    /// Seconds of the page alone.
    idle_secs: f64,
    /// Over how many seconds the crowd comes.
    ramp_secs: f64,
    /// After so many seconds the crowd is sent away.
    secs_max: f64,
    /// Seconds for what PHP still works on then.
    settle_secs: f64,
    /// Files moved at full speed, with how many times each.
    bulk: [(&'static str, u64, u32); 3],
}

/// Bytes a second of every download: 1 MiB takes 21 s.
const RATE: u64 = 50_000;
/// Bytes a second of every upload: 512 KiB take 21 s. That is more than a socket's buffers hold, so
/// a server that buffers nothing holds PHP.
const UPLOAD_RATE: u64 = 25_000;
const FULL: Size = Size {
    people: 1000,
    upload: 512 << 10,
    download: ("1m", 1 << 20),
    idle_secs: 8.0,
    ramp_secs: 4.0,
    secs_max: 45.0,
    settle_secs: 10.0,
    bulk: [("1m", 1 << 20, 64), ("16m", 16 << 20, 16), ("256m", 256 << 20, 8)],
};
const SHORT: Size = Size {
    people: 100,
    upload: 32 << 10,
    download: ("64k", 64 << 10),
    idle_secs: 0.5,
    ramp_secs: 0.5,
    secs_max: 2.5,
    settle_secs: 0.5,
    bulk: [("64k", 64 << 10, 16), ("1m", 1 << 20, 8), ("16m", 16 << 20, 2)],
};
