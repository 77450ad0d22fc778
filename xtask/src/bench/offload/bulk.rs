//! Transfers at full speed, eight at a time: what a GiB costs, and memory at three file sizes.
//!
//! Sizes are measured from small to large on one fresh server, so memory grown for one size can
//! only add to the next. Bytes written are those of files on the disk (`write_bytes` of proc(5)):
//! the count of all `write` calls would hold what a server writes to sockets.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::super::lab::Lab;
use super::super::load::{CLIENT_CPU, pinned};
use super::super::pool::Folders;
use super::Size;
use super::figures::{Figures, per_gib};
use super::sampler;
use super::servers::{Kind, Running};
use crate::shell;

/// Measures one server.
pub(super) fn measure(
    kind: Kind,
    lab: &Lab,
    size: &Size,
    figures: &mut Figures,
) -> Result<(), String> {
    let mut running = kind.start(lab)?;
    let settled = running.server.shared_out_kib() as f64 / 1024.0;
    figures.set("start_mib", settled);
    let (mut failed, mut peaks) = (0.0, Vec::new());
    let last = size.bulk.len() - 1;
    for (step, &(name, bytes, count)) in size.bulk.iter().enumerate() {
        let mut peak: f64 = 0.0;
        for (transfer, script, load) in transfers(name) {
            let one = Transfer { script, load, bytes, count };
            let cost = one.run(lab, &running)?;
            peak = peak.max(cost.peak_mib);
            failed += cost.failed;
            if step == last {
                cost.figures(transfer, figures);
            }
        }
        peaks.push(peak);
        // What was uploaded is not to fill the disk.
        empty(&Folders::new(lab)).map_err(|e| format!("could not remove uploads: {e}"))?;
    }
    for (name, peak) in ["small", "middle", "large"].iter().zip(&peaks) {
        figures.set(&format!("{name}_mib"), *peak);
    }
    figures.set("bulk_failed", failed);
    if running.server.is_alive() { Ok(()) } else { Err("the server has ended".to_owned()) }
}

fn transfers(name: &str) -> [(&'static str, &'static str, Vec<String>); 3] {
    let get = |script: &str| vec![format!("path=/{script}?f={name}")];
    let form = vec!["mode=form".to_owned(), "path=/up.php".to_owned(), "cr=1".to_owned()];
    [
        ("up", "up.php", form),
        ("down", "down.php", get("down.php")),
        ("accel", "accel.php", get("accel.php")),
    ]
}

struct Transfer {
    script: &'static str,
    load: Vec<String>,
    bytes: u64,
    count: u32,
}

/// What some transfers of one kind took.
#[derive(Debug)]
struct Cost {
    payload: f64,
    failed: f64,
    peak_mib: f64,
    worker_secs: f64,
    fpm_secs: f64,
    server_secs: f64,
    server_written: f64,
    fpm_written: f64,
}

impl Transfer {
    fn run(&self, lab: &Lab, running: &Running) -> Result<Cost, String> {
        let mut command = pinned(CLIENT_CPU, &lab.loadgen);
        command.args(["tls=1", "cipher=AES_256", "c=8", &format!("secs={SECS_MAX}")]);
        command.arg(format!("n={}", self.count)).arg(format!("size={}", self.bytes));
        command.arg(format!("port={}", running.port)).args(&self.load);
        let totals = || {
            let (server, fpm) = (&running.server, &running.pool.server);
            [server.cpu_ns(), fpm.cpu_ns(), server.written_bytes(), fpm.written_bytes()]
        };
        let (before, spent) = (totals(), running.pool.spent(self.script));
        let (said, looks) = sampler::during(running, LOOK_EVERY, || shell::spoken(&mut command));
        let (text, errors) = said?;
        if !errors.is_empty() {
            println!("  {}", errors.trim());
        }
        let after = totals();
        let grown = |place: usize| after[place].saturating_sub(before[place]) as f64;
        let value: Value = serde_json::from_str(&text)
            .map_err(|e| format!("the load client said {text:?}: {e}"))?;
        let requests = value["reqs"].as_f64().ok_or("no count of requests")?;
        Ok(Cost {
            payload: requests * self.bytes as f64,
            failed: f64::from(self.count) - requests,
            peak_mib: sampler::peak_mib(&looks),
            worker_secs: running.pool.spent(self.script).worker_secs - spent.worker_secs,
            fpm_secs: grown(1) / 1e9,
            server_secs: grown(0) / 1e9,
            server_written: grown(2),
            fpm_written: grown(3),
        })
    }
}

impl Cost {
    fn figures(&self, name: &str, figures: &mut Figures) {
        for (what, secs) in [
            ("worker_secs", self.worker_secs),
            ("fpm_cpu", self.fpm_secs),
            ("server_cpu", self.server_secs),
        ] {
            figures.set(&format!("{name}_{what}"), per_gib(secs, self.payload));
        }
        figures.set(&format!("{name}_server_written"), self.server_written / self.payload);
        figures.set(&format!("{name}_fpm_written"), self.fpm_written / self.payload);
        let written = self.server_written + self.fpm_written;
        figures.set(&format!("{name}_written"), written / self.payload);
    }
}

fn empty(folders: &Folders) -> std::io::Result<()> {
    for entry in fs::read_dir(folders.target())? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

/// Transfers that take longer count as failed.
const SECS_MAX: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(100);
