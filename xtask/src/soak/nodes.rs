//! Doors that share a bucket: every acknowledged upload is there once, with its bytes, whatever
//! dies.
//!
//! Clients and checker are `bench/nodeload`; the bucket is three nodes of Garage or s3s-fs
//! (`crates/s3/examples/s3_engine.rs`). Here doors and store are killed, paused and started again,
//! and the doors' memory is read. How it can be fooled: by a load or disasters that did not come
//! about, so both are counted and too few fail; by a checker that sees nothing, so faults are
//! planted in the bucket at the end, and each has to be found. Only loopback is contacted.

mod arena;
mod memory;
mod reaper;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::bench::Lab;
use crate::{shell, workspace};
use reaper::{DISASTERS, Done};

/// How much of it.
#[derive(Debug, Args)]
pub(super) struct Wishes {
    /// `nodes`: files.
    #[arg(long, default_value_t = 200)]
    uploads: usize,
    /// `nodes`: MiB of each file.
    #[arg(long, default_value_t = 64)]
    mib: u64,
    /// `nodes`: clients at the same time.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// `nodes`: the store; Garage where there is one, except for the short form.
    #[arg(long)]
    engine: Option<Engine>,
    /// `nodes`: decides bytes, ways and disasters. Their moments are the machine's.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// `nodes`: seconds the whole store is away, once.
    #[arg(long, default_value_t = 60)]
    outage: u64,
    /// `nodes`: GiB of files that rest at most; the oldest that was compared is removed.
    #[arg(long, default_value_t = 2)]
    rest_gib: u64,
}

/// An object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// Three nodes of it, each with a copy of everything; conditions on writes are ignored.
    Garage,
    /// One process that keeps conditions.
    S3sFs,
    /// The same, and conditions are ignored.
    Listed,
}

/// What is done.
#[derive(Debug, Clone)]
struct Plan {
    engine: Engine,
    uploads: usize,
    /// Bytes of a file.
    size: u64,
    /// Bytes of a usual piece.
    piece: u64,
    clients: usize,
    seed: u64,
    /// Seconds.
    outage: u64,
    rest: u64,
    is_short: bool,
    garage: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// The checker's words.
    told: Value,
    disasters: Done,
    /// Greatest memory of each door, KiB.
    peaks_kib: Vec<u64>,
    seconds: u64,
}

/// Tortures; what came of it as text, and whether that is well.
pub(super) fn run(
    wishes: &Wishes,
    is_short: bool,
    lab: &Lab,
    when: &str,
    machine: &str,
) -> Result<(String, Result<(), String>), String> {
    let plan = Plan::of(wishes, is_short)?;
    let outcome = reaper::torture(lab, &plan)?;
    Ok((outcome.text(&plan, when, machine), outcome.judge(&plan)))
}

impl Engine {
    const fn word(self) -> &'static str {
        match self {
            Self::Garage => "garage",
            Self::S3sFs => "s3s-fs",
            Self::Listed => "listed",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::Garage => {
                "three nodes of Garage, three copies of everything, a node for each door"
            }
            Self::S3sFs => "s3s-fs behind a layer that keeps conditions on writes",
            Self::Listed => "s3s-fs behind a layer that ignores conditions on writes",
        }
    }
}

impl Plan {
    fn of(wishes: &Wishes, is_short: bool) -> Result<Self, String> {
        let named = std::env::var_os("MENSHEN_GARAGE").map(PathBuf::from);
        let garage = named.or_else(|| shell::find("garage"));
        let usual = if garage.is_some() && !is_short { Engine::Garage } else { Engine::S3sFs };
        let engine = wishes.engine.unwrap_or(usual);
        if engine == Engine::Garage && garage.is_none() {
            return Err("no garage in PATH and no MENSHEN_GARAGE: \
                        cargo install garage --version 2.5.0"
                .to_owned());
        }
        let Wishes { clients, seed, .. } = *wishes;
        let plan = Self {
            engine,
            uploads: wishes.uploads,
            size: wishes.mib << 20,
            piece: PIECE_BYTES,
            clients,
            seed,
            outage: wishes.outage,
            rest: wishes.rest_gib << 30,
            is_short,
            garage,
        };
        if !is_short {
            return Ok(plan);
        }
        let (size, piece) = (SHORT_BYTES, SHORT_PIECE_BYTES);
        let (uploads, clients) = (SHORT_UPLOADS, SHORT_CLIENTS);
        Ok(Self { uploads, clients, size, piece, outage: SHORT_OUTAGE_S, ..plan })
    }

    fn command(&self) -> String {
        if self.is_short {
            return "cargo xtask soak nodes --short".to_owned();
        }
        format!(
            "cargo xtask soak nodes --engine {} --uploads {} --mib {} --clients {} --outage {} \
             --rest-gib {} --seed {}",
            self.engine.word(),
            self.uploads,
            self.size >> 20,
            self.clients,
            self.outage,
            self.rest >> 30,
            self.seed
        )
    }
}

impl Outcome {
    fn judge(&self, plan: &Plan) -> Result<(), String> {
        let count = |key: &str| self.told["counts"][key].as_u64().unwrap_or(0);
        let planted = self.told["planted"].as_array().map_or(&[][..], Vec::as_slice);
        let missed: Vec<_> = planted.iter().filter(|one| one["found"] != true).collect();
        let peak = self.peaks_kib.iter().max().copied().unwrap_or(0);
        let lacking = self.disasters.iter().find(|(what, count)| what.is_due(plan) && *count == 0);
        if count("violations") > 0 {
            Err(format!(
                "{} things were wrong: {}",
                count("violations"),
                self.told["counts"]["shown"]
            ))
        } else if count("uploads") != plan.uploads as u64 || count("replays") != count("uploads") {
            Err(format!("{} of {} uploads came through", count("uploads"), plan.uploads))
        } else if peak == 0 || peak > memory_max_kib() {
            Err(format!("a door had {peak} KiB of memory, and {} are allowed", memory_max_kib()))
        } else if planted.len() < PLANTED || !missed.is_empty() {
            Err(format!("planted faults were not found, the checker shows nothing: {missed:?}"))
        } else if let Some((what, _)) = lacking {
            Err(format!("too short to show anything, never: {}", what.name()))
        } else if count("takeovers") == 0 || count("answers_503") == 0 {
            Err("no upload went on at another door, or none was refused: this shows nothing".into())
        } else {
            Ok(())
        }
    }

    fn text(&self, plan: &Plan, when: &str, machine: &str) -> String {
        let rows = |rows: Vec<(String, String)>| {
            let line = |(what, much): (String, String)| format!("| {what} | {much} |\n");
            format!(
                "| what | how many |\n|---|---|\n{}",
                rows.into_iter().map(line).collect::<String>()
            )
        };
        let counts = self.told["counts"].as_object().into_iter().flatten();
        let counts = counts.filter(|(_, value)| value.is_number());
        let mut all: Vec<(String, String)> =
            counts.map(|(key, value)| (key.replace('_', " "), value.to_string())).collect();
        for key in ["rest", "objects_before_collecting", "uploads_before_collecting", "collected"] {
            all.push((key.replace('_', " "), self.told[key].to_string()));
        }
        let disasters = DISASTERS.iter().zip(&self.disasters);
        all.extend(disasters.map(|(what, (_, count))| (what.name().to_owned(), count.to_string())));
        for (door, peak) in self.peaks_kib.iter().enumerate() {
            all.push((format!("peak memory of door {door}, MiB"), (peak >> 10).to_string()));
        }
        all.push(("memory a door may have, MiB".to_owned(), (memory_max_kib() >> 10).to_string()));
        all.push(("seconds".to_owned(), self.seconds.to_string()));
        let planted = self.told["planted"].as_array().into_iter().flatten();
        let planted = planted.map(|one| {
            let found = if one["found"] == true { "found" } else { "not found" };
            (one["fault"].as_str().unwrap_or_default().to_owned(), found.to_owned())
        });
        let mut text = format!(
            "# soak nodes, {when}\n\n{machine}\n`{}`: {} files of {} MiB in pieces of some {} MiB, \
             by tus and by RUFH in turn, through three doors with {WORKERS} workers each; the \
             bucket: {}. Each file is read from the bucket and from a door as soon as it was \
             acknowledged, and those that rest once more at the end; memory is proportional (Pss), \
             of a door's whole process tree.\n\n{}\n## Planted faults\n\n{}",
            plan.command(),
            plan.uploads,
            plan.size >> 20,
            plan.piece >> 20,
            plan.engine.about(),
            rows(all),
            rows(planted.collect()).replace("how many", "the checker")
        );
        for line in self.told["counts"]["shown"].as_array().into_iter().flatten() {
            text += &format!("\n- wrong: {}", line.as_str().unwrap_or_default());
        }
        text
    }
}

/// What a door may have at most: its parts, and what it has without any.
const fn memory_max_kib() -> u64 {
    ((WORKERS * BUFFERS_MAX * PART_BYTES) >> 10) + BASE_KIB
}

/// Builds what is not part of the product.
fn build() -> Result<PathBuf, String> {
    let root = workspace::repository_root()?;
    for arguments in [
        ["-p", "nodeload", "--bins", "--quiet"],
        ["-p", "menshen-s3", "--example=s3_engine", "--quiet"],
    ] {
        let mut command = std::process::Command::new("cargo");
        shell::run(command.current_dir(&root).arg("build").args(arguments))?;
    }
    Ok(workspace::target_folder()?.join("debug"))
}

/// Workers of each door.
const WORKERS: u64 = 2;
/// `s3.buffers_max`: fewer than the clients could use, so that some wait.
const BUFFERS_MAX: u64 = 4;
/// `s3.part_bytes`.
const PART_BYTES: u64 = 5 << 20;
/// Of all processes of a door together, without parts.
const BASE_KIB: u64 = 64 << 10;
const PIECE_BYTES: u64 = 8 << 20;
const SHORT_UPLOADS: usize = 10;
const SHORT_CLIENTS: usize = 4;
const SHORT_BYTES: u64 = 12 << 20;
const SHORT_PIECE_BYTES: u64 = 4 << 20;
const SHORT_OUTAGE_S: u64 = 2;
/// Faults that have to be planted.
const PLANTED: usize = 8;

#[cfg(test)]
mod tests;
