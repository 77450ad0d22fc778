//! The crowd and the page beside it.
//!
//! The page is fetched at fixed times by a process of its own, before and while the crowd is there.
//! A fetch that was not answered soon after the crowd was sent away counts as having taken until
//! then, so a server that never answers cannot look fast.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::lab::Lab;
use super::super::load::{CLIENT_CPU, pinned};
use super::super::report::Report;
use super::figures::{Figures, per_gib, percentile};
use super::sampler::{self, Look, now_ms};
use super::servers::{Kind, Running};
use super::{RATE, Size, UPLOAD_RATE};

/// Measures one server.
pub(super) fn measure(
    kind: Kind,
    lab: &Lab,
    size: &Size,
    round: usize,
    figures: &mut Figures,
    report: &Report,
) -> Result<(), String> {
    let mut running = kind.start(lab)?;
    let mut page = Page::start(lab, running.port)?;
    thread::sleep(Duration::from_secs_f64(size.idle_secs) + PAGE_WARM_UP);
    let written = running.written_bytes();
    let [server, fpm] = running.cpu_secs();
    let start_ms = now_ms();
    let (crowd, looks) = sampler::during(&running, LOOK_EVERY, || Crowd::run(lab, &running, size));
    let crowd = crowd?;
    let end_ms = now_ms();
    let written = running.written_bytes() - written;
    let busy_secs = (end_ms - start_ms) / 1000.0;
    let [server_after, fpm_after] = running.cpu_secs();
    figures.set("crowd_server_cpu", (server_after - server) / busy_secs * 100.0);
    figures.set("crowd_fpm_cpu", (fpm_after - fpm) / busy_secs * 100.0);
    // A fetch that was just under way is not one that was never answered.
    thread::sleep(PAGE_PATIENCE);
    let page = page.end()?;
    if !running.server.is_alive() {
        return Err("the server has ended".to_owned());
    }
    page.figures(start_ms, end_ms, figures);
    crowd.figures(figures);
    worker_time(&running, &crowd, size, figures);
    let payload: f64 = NAMES.iter().map(|name| crowd.bytes(name)).sum();
    figures.set("slow_written", written / payload);
    let held: Vec<f64> = crowd.held(&looks, start_ms).map(|look| look.memory_mib).collect();
    figures.set("held_mib", held.iter().copied().fold(f64::NAN, f64::max));
    figures.set("crowd_mib", sampler::peak_mib(&looks));
    let busy: Vec<f64> = looks.iter().filter_map(|look| look.busy).collect();
    figures.set("busy", busy.iter().sum::<f64>() / busy.len() as f64);
    figures.set("busy_max", busy.iter().copied().fold(f64::NAN, f64::max));
    let line = |look: &Look| {
        let busy = look.busy.map_or_else(String::new, |busy| format!("{busy:.0}"));
        let (at, memory) = ((look.at_ms - start_ms) / 1000.0, look.memory_mib);
        format!("{:?},{round},{at:.2},{memory:.1},{busy}", kind.name())
    };
    let lines: Vec<String> = looks.iter().map(line).collect();
    report.more("offload-series.csv", SERIES_HEADING, &lines)
}

/// Worker seconds per GiB while people were slow; what still runs is waited for a little.
fn worker_time(running: &Running, crowd: &Crowd, size: &Size, figures: &mut Figures) {
    let (start, settle) = (Instant::now(), Duration::from_secs_f64(size.settle_secs));
    while start.elapsed() < settle && running.pool.busy().is_ok_and(|busy| busy > 0.0) {
        thread::sleep(Duration::from_millis(50));
    }
    for (kind, script) in [("up", "up.php"), ("down", "down.php"), ("accel", "accel.php")] {
        let spent = running.pool.spent(script).worker_secs;
        figures.set(&format!("slow_{kind}_worker_secs"), per_gib(spent, crowd.bytes(kind)));
    }
}

/// The process that fetches the page.
struct Page(Child);

/// What it saw: when a fetch was due in milliseconds of Unix time, and what became of it.
#[derive(Debug, Default)]
struct Fetches {
    /// With milliseconds.
    answered: Vec<(f64, f64)>,
    failed: Vec<f64>,
    /// With the milliseconds they had waited at the end.
    unanswered: Vec<(f64, f64)>,
}

impl Page {
    fn start(lab: &Lab, port: u16) -> Result<Self, String> {
        let mut command = pinned(CLIENT_CPU, &lab.loadgen);
        command.args(["mode=page", "tls=1", "cipher=AES_256", "path=/page.php", "c=64"]);
        command.args([format!("every={PAGE_EVERY_MS}"), format!("port={port}")]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        child.map(Self).map_err(|e| format!("could not start the load client: {e}"))
    }

    fn end(&mut self) -> Result<Fetches, String> {
        drop(self.0.stdin.take());
        let mut text = String::new();
        let mut stdout = self.0.stdout.take().ok_or("the load client has no output")?;
        stdout.read_to_string(&mut text).map_err(|e| e.to_string())?;
        Fetches::parse(&text)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Fetches {
    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|e| format!("the load client said {text:?}: {e}"))?;
        let number = |value: &Value| value.as_f64().ok_or("not a number");
        let list = |key: &str| value[key].as_array().cloned().ok_or_else(|| format!("no {key}"));
        let (start, ended) = (number(&value["start_unix_ms"])?, number(&value["ended_ms"])?);
        let mut fetches = Self::default();
        for one in list("fetched")? {
            fetches.answered.push((start + number(&one[0])?, number(&one[1])? / 1000.0));
        }
        for one in list("failed")? {
            fetches.failed.push(start + number(&one)?);
        }
        for one in list("unanswered")? {
            let due = number(&one)?;
            fetches.unanswered.push((start + due, ended - due));
        }
        Ok(fetches)
    }

    fn figures(&self, start_ms: f64, end_ms: f64, figures: &mut Figures) {
        let begin = self.answered.first().map_or(start_ms, |(due, _)| due + SKIPPED_MS);
        let took = |from: f64, to: f64| {
            let all = self.answered.iter().chain(&self.unanswered);
            let within = all.filter(|(due, _)| (from..to).contains(due)).map(|(_, took)| *took);
            let mut took: Vec<f64> = within.collect();
            took.sort_by(f64::total_cmp);
            took
        };
        for (name, took) in [("idle", took(begin, start_ms)), ("load", took(start_ms, end_ms))] {
            figures.set(&format!("page_{name}_p50"), percentile(&took, 50.0));
            figures.set(&format!("page_{name}_p99"), percentile(&took, 99.0));
            figures.set(&format!("page_{name}_max"), percentile(&took, 100.0));
            figures.set(&format!("page_{name}_count"), took.len() as f64);
        }
        let within = |due: f64| due < end_ms;
        let failed = self.failed.iter().filter(|due| within(**due)).count();
        let unanswered = self.unanswered.iter().filter(|(due, _)| within(*due)).count();
        figures.set("page_failed", failed as f64);
        figures.set("page_unanswered", unanswered as f64);
    }
}

/// What became of the crowd.
#[derive(Debug)]
struct Crowd {
    /// Milliseconds from its start until all had asked; `None` when not all could.
    asked_ms: Option<f64>,
    /// Uploads, then each download.
    kinds: Vec<Value>,
    /// How many of each kind there were.
    people: [f64; 3],
    /// Seconds in which none of them can have finished.
    busy_secs: f64,
}

impl Crowd {
    fn run(lab: &Lab, running: &Running, size: &Size) -> Result<Self, String> {
        let (name, bytes) = size.download;
        let mut command = Command::new("nice");
        // Below the process that fetches the page, which must be on time.
        let client = pinned(CLIENT_CPU, &lab.loadgen);
        command.args(["-n", "5"]).arg(client.get_program()).args(client.get_args());
        command.args(["mode=crowd", "tls=1", "cipher=AES_256", "up=/up.php"]);
        command.args([
            format!("down=/down.php?f={name},/accel.php?f={name}"),
            format!("uploads={}", size.people),
            format!("downloads={}", size.people),
            format!("size={bytes}"),
            format!("rate={RATE}"),
            format!("up_size={}", size.upload),
            format!("up_rate={UPLOAD_RATE}"),
            format!("ramp={}", size.ramp_secs),
            format!("secs={}", size.secs_max),
            format!("port={}", running.port),
        ]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|e| format!("could not start the load client: {e}"))?;
        let output = BufReader::new(child.stdout.take().ok_or("the load client has no output")?);
        let (mut asked_ms, mut kinds) = (None, Vec::new());
        for line in output.lines() {
            let line = line.map_err(|e| e.to_string())?;
            let value: Value = serde_json::from_str(&line)
                .map_err(|e| format!("the load client said {line:?}: {e}"))?;
            asked_ms = asked_ms.or_else(|| value["after_ms"].as_f64());
            kinds.extend(value["kinds"].as_array().cloned().unwrap_or_default());
        }
        child.wait().map_err(|e| e.to_string())?;
        let people = f64::from(size.people);
        let people = [people, (people / 2.0).ceil(), (people / 2.0).floor()];
        if kinds.len() != people.len() {
            return Err("the load client gave no result".to_owned());
        }
        let secs = |bytes: u64, rate: u64| bytes as f64 / rate as f64;
        let busy_secs = secs(bytes, RATE).min(secs(size.upload, UPLOAD_RATE));
        Ok(Self { asked_ms, kinds, people, busy_secs })
    }

    fn figures(&self, figures: &mut Figures) {
        for ((name, kind), people) in NAMES.iter().zip(&self.kinds).zip(self.people) {
            let number = |key: &str| kind[key].as_f64().unwrap_or(f64::NAN);
            let (done, failed) = (number("done"), number("failed"));
            figures.set(&format!("{name}_done"), done);
            figures.set(&format!("{name}_failed"), failed);
            figures.set(&format!("{name}_unfinished"), people - done - failed);
        }
        let upload = |key: &str| self.kinds[0][key].as_f64().unwrap_or(f64::NAN);
        figures.set("up_answer_p50", upload("p50_ms"));
        figures.set("up_answer_p99", upload("p99_ms"));
    }

    fn bytes(&self, name: &str) -> f64 {
        let place = NAMES.iter().position(|other| *other == name);
        place.map_or(0.0, |place| self.kinds[place]["bytes"].as_f64().unwrap_or(0.0))
    }

    /// What was seen while nobody could have finished and all had asked.
    fn held<'a>(&self, looks: &'a [Look], start_ms: f64) -> impl Iterator<Item = &'a Look> {
        let from = self.asked_ms.map_or(f64::INFINITY, |asked| start_ms + asked);
        let to = start_ms + self.busy_secs * 1000.0;
        looks.iter().filter(move |look| (from..to).contains(&look.at_ms))
    }
}

const NAMES: [&str; 3] = ["up", "down", "accel"];
const SERIES_HEADING: &str = "server,round,secs,memory_mib,busy_workers";
/// Between two fetches of the page.
const PAGE_EVERY_MS: u32 = 20;
/// In which its process opens its connections.
const PAGE_WARM_UP: Duration = Duration::from_millis(700);
/// After the crowd, for fetches that were due beside it.
const PAGE_PATIENCE: Duration = Duration::from_millis(500);
/// Its first fetches find cold caches and are left out.
const SKIPPED_MS: f64 = 200.0;
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
