//! Medians, ratios and verdicts, on the screen and in the run's folder.
//!
//! Every case gives a row, also where it falls short. A folder that exists is added to, so a
//! result is never replaced by a better one of the same day.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::case::{Case, Part};
use super::load::Sample;

/// One line of the summary: menshen against one rival.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The case.
    pub(crate) case: String,
    /// What was measured, of whom.
    pub(crate) ours: String,
    /// The rival, and which setting of it.
    pub(crate) against: String,
    /// Above 1 menshen needs less.
    pub(crate) ratio: f64,
    /// Our rate divided by the rival's; None where rates mean nothing.
    pub(crate) rate_ratio: Option<f64>,
    /// Least ratio wanted; None where there is nothing like for like.
    pub(crate) goal: Option<f64>,
    /// Connections that failed, on either side.
    pub(crate) errors: f64,
}

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Report {
    folder: PathBuf,
    title: String,
    raw: File,
    text: String,
    failures: Vec<String>,
}

impl Report {
    /// Opens the folder's raw file, so that samples are kept even if the run ends early.
    pub(crate) fn create(folder: &Path, title: &str) -> Result<Self, String> {
        let open = || {
            fs::create_dir_all(folder)?;
            let path = folder.join("raw.csv");
            let is_new = !path.exists();
            let mut raw = OpenOptions::new().create(true).append(true).open(path)?;
            if is_new {
                writeln!(raw, "{RAW_HEADING}")?;
            }
            Ok(raw)
        };
        let raw = open().map_err(|e: std::io::Error| failed(folder, &e))?;
        let (folder, title) = (folder.to_path_buf(), title.to_owned());
        Ok(Self { folder, title, raw, text: String::new(), failures: Vec::new() })
    }

    /// Keeps one sample.
    pub(crate) fn raw(
        &mut self,
        case: &str,
        target: &str,
        round: usize,
        sample: &Sample,
    ) -> Result<(), String> {
        let cells = [
            format!("{:?}", self.title),
            format!("{case:?}"),
            format!("{target:?}"),
            round.to_string(),
            sample.requests.to_string(),
            format!("{:.4}", sample.secs),
            format!("{:.1}", sample.rate),
            format!("{:.1}", sample.megabytes),
            format!("{:.2}", sample.cpu_us),
            sample.p50_us.to_string(),
            sample.p99_us.to_string(),
            sample.errors.to_string(),
        ];
        self.raw_line(&(cells.join(",") + ",,,"))
    }

    /// Keeps one memory reading: KiB of private memory for each of the connections held.
    pub(crate) fn raw_memory(
        &mut self,
        case: &str,
        target: &str,
        round: usize,
        (held, kib): (f64, f64),
    ) -> Result<(), String> {
        let title = &self.title;
        let line = format!("{title:?},{case:?},{target:?},{round},{held},,,,,,,,{kib:.3},,");
        self.raw_line(&line)
    }

    /// Keeps one start: milliseconds until a connection and until the first byte of an answer.
    pub(crate) fn raw_start(
        &mut self,
        case: &str,
        target: &str,
        round: usize,
        (connect_ms, first_byte_ms): (f64, f64),
    ) -> Result<(), String> {
        let title = &self.title;
        let blank = ",".repeat(RAW_BLANK_BEFORE_START);
        let times = format!("{connect_ms:.3},{first_byte_ms:.3}");
        self.raw_line(&format!("{title:?},{case:?},{target:?},{round},{blank}{times}"))
    }

    /// Adds lines to a file of its own, for sets whose figures are not those of `raw.csv`. The
    /// first column, `run`, is added.
    pub(crate) fn more(&self, name: &str, heading: &str, lines: &[String]) -> Result<(), String> {
        let title = &self.title;
        let text: String = lines.iter().map(|line| format!("{title:?},{line}\n")).collect();
        self.append(name, &format!("run,{heading}\n"), &text)
    }

    /// Text that goes before the table of goals.
    pub(crate) fn add_text(&mut self, text: &str) {
        self.text += text;
        self.text += "\n";
    }

    /// Something that was not answered.
    pub(crate) fn add_failure(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// What was not answered, of the rows and beside them.
    pub(crate) fn failures(&self, rows: &[Row]) -> Vec<String> {
        let of_rows = rows.iter().filter(|row| row.errors > 0.0);
        let of_rows = of_rows.map(|row| format!("{}: {} errors", row.case, row.errors));
        self.failures.iter().cloned().chain(of_rows).collect()
    }

    /// Prints the summary and writes it, with how it came about, to the folder.
    pub(crate) fn finish(
        &self,
        rows: &[Row],
        command: &str,
        machine: &str,
        configurations: &[(String, String)],
    ) -> Result<(), String> {
        let table = self.text.clone() + &table(rows);
        println!("\n{table}");
        let title = &self.title;
        let summary = format!("## {title}\n\n{table}\n{}\n", verdict(rows));
        let about = format!(
            "## {title}\n\n    {command}\n\n{machine}\nConfigurations: {}.\n\n{METHOD}\n",
            configurations.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        );
        self.append("summary.md", "# Summary\n\n", &summary)?;
        self.append("README.md", "# Benchmark runs of one day on one machine\n\n", &about)?;
        for (name, text) in configurations {
            let path = self.folder.join(name);
            fs::write(&path, text).map_err(|e| failed(&path, &e))?;
        }
        Ok(())
    }

    fn raw_line(&mut self, line: &str) -> Result<(), String> {
        writeln!(self.raw, "{line}").map_err(|e| failed(&self.folder, &e))
    }

    fn append(&self, name: &str, heading: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let old = fs::read_to_string(&path).unwrap_or_else(|_| heading.to_owned());
        fs::write(&path, old + text).map_err(|e| failed(&path, &e))
    }
}

/// The rows of a case: each rival against ours, then ours that does more against the default.
pub(crate) fn rows_of(case: &Case, samples: &[Vec<Sample>]) -> Vec<Row> {
    let with = || case.targets.iter().zip(samples);
    let Some((ours, our_samples)) = with().find(|(t, _)| matches!(t.part, Part::Ours(_))) else {
        return Vec::new();
    };
    let row = |label: &str, own: &[Sample], against: &str, rival: &[Sample], goal| Row {
        case: case.name.to_owned(),
        ours: label.to_owned(),
        against: against.to_owned(),
        ratio: median(rival, |s| s.cpu_us) / median(own, |s| s.cpu_us),
        rate_ratio: Some(median(own, |s| s.rate) / median(rival, |s| s.rate)),
        goal,
        errors: own.iter().chain(rival).map(|sample| sample.errors).sum(),
    };
    let mut rows = Vec::new();
    for (target, rival) in with() {
        let goal = match target.part {
            Part::Default => case.goal_default,
            Part::Tuned => case.goal_tuned,
            Part::Ours(_) | Part::OursAlone(_) => continue,
        };
        rows.push(row(ours.label, our_samples, target.label, rival, Some(goal)));
    }
    let default = with().find(|(target, _)| target.part == Part::Default);
    for (target, own) in with().filter(|(t, _)| matches!(t.part, Part::OursAlone(_))) {
        let against = default.map(|(default, rival)| (default.label, rival));
        rows.extend(against.map(|(label, rival)| row(target.label, own, label, rival, None)));
    }
    rows
}

/// Shows a case as soon as it is done.
pub(crate) fn print_case(case: &Case, samples: &[Vec<Sample>]) {
    println!("\n{}", case.name);
    for (target, samples) in case.targets.iter().zip(samples) {
        let cpu = median(samples, |s| s.cpu_us);
        let least = samples.iter().map(|s| s.cpu_us).fold(f64::INFINITY, f64::min);
        let most = samples.iter().map(|s| s.cpu_us).fold(0.0, f64::max);
        println!(
            "  {:<40} {cpu:>11.2} us CPU/request (spread {:>3.0} %) {:>10.1} req/s {:>8.1} MB/s \
             p99 {:>7.0} us, {} errors",
            target.label,
            (most - least) / cpu * 100.0,
            median(samples, |s| s.rate),
            median(samples, |s| s.megabytes),
            median(samples, |s| s.p99_us),
            samples.iter().map(|s| s.errors).sum::<f64>(),
        );
    }
}

/// The middle value, or the mean of the two in the middle; 0 without any.
pub(crate) fn median<T>(samples: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

fn table(rows: &[Row]) -> String {
    let mut text =
        "| case | ours | against | ratio | rate | goal | |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let goal = row.goal.map_or_else(|| "-".to_owned(), |goal| format!("{goal:.2}"));
        let rate = row.rate_ratio.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.2}"));
        text += &format!(
            "| {} | {} | {} | {:.2} | {rate} | {goal} | {} |\n",
            row.case,
            row.ours,
            row.against,
            row.ratio,
            row.verdict()
        );
    }
    text
}

fn verdict(rows: &[Row]) -> String {
    let count = |word| rows.iter().filter(|row| row.verdict() == word).count();
    format!("{} met, {} not met, {} with errors.", count(MET), count(NOT_MET), count(ERRORS))
}

impl Row {
    fn verdict(&self) -> &'static str {
        match self.goal {
            _ if self.errors > 0.0 => ERRORS,
            None => "own row",
            Some(goal) if self.ratio >= goal => MET,
            Some(_) => NOT_MET,
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("could not write {}: {error}", path.display())
}

const MET: &str = "met";
const NOT_MET: &str = "not met";
const ERRORS: &str = "connections failed";
const RAW_HEADING: &str = "run,case,target,round,requests,secs,requests_per_s,MB_per_s,\
                           cpu_us_per_request,p50_us,p99_us,errors,private_KiB_per_connection,\
                           connect_ms,first_byte_ms";
/// Columns between the round and the times of a start.
const RAW_BLANK_BEFORE_START: usize = 9;
const METHOD: &str = "\
- **ratio**: the rival's processor time per request divided by ours, medians over the rounds;
  above 1 menshen needs less. Processor time is the `schedstat` of all threads of all processes
  of a server: guard and workers, nginx's master and workers, and for forms PHP-FPM with them.
  In memory rows the ratio is the goal's bound, or the rival's figure, divided by ours.
- **rate**: our requests per second divided by the rival's. A hint: neighbours take the
  processor away.
- Start-up rows give least / median / most in milliseconds, from just before the process is
  started to the first TCP connection that is taken, and to the first byte of its HTTPS answer
  (TLS handshake included); the ratio is the goal, or nginx's median, divided by our median first
  byte. menshen runs with defaults but for its ports: in a fresh folder it also makes token,
  authority and certificate. nginx has one listener and the certificate menshen made.
- Servers on processor 0 with one worker (`memory` and `offload`: two), the client on processor 1,
  runs interleaved A B C A B C.
- PHP-FPM is on the server's processor: it is part of the machine under test, and what it burns is
  missing for everybody else. In `fastcgi` rows its time is not counted, only the server's.
- `offload` uses a fresh server and php-fpm (4 workers, static) for the crowd and another for the
  transfers at full speed. The page is fetched every 20 ms whatever happens to the fetches before,
  and its latency counts from when it was due; one never answered counts as waiting until the
  crowd was sent away (so with many of them p99 is a lower bound). Each of the crowd has an address
  of its own and TCP segments as over Ethernet; uploads move 25 kB a second, downloads 50 kB with
  a small TCP window: with loopback's segments and buffers the kernel would hold the whole file,
  and no server would hold anything.
- Worker seconds are the microseconds in php-fpm's access log, per script, from accepting the
  connection to the end of the request; exact where sampling the status would miss requests of a
  millisecond. A request cut off when the crowd was sent away is in the sum; payload is what
  arrived in full. Processor seconds of PHP are the `schedstat` of its processes.
- Bytes written are `write_bytes` of /proc/PID/io, server and php-fpm together: whole pages of files
  on the disk, everybody's temporary folders included; sockets and files in memory do not count
  (`wchar` would count every record OpenSSL writes to a socket). Nothing when the disk is tmpfs.
- Memory in `offload` is `Pss` of all processes of the server: shared pages once.
- `sql`: sysbench and all servers share the processors, none is pinned; the ratio is queries a
  second divided by the rival's, or haproxy's processor time a query divided by ours. Statements
  that repeat are the same text each time (1,000 of each kind); every other one holds a number no
  run had before. Both proxies reach the server without cache through its unix socket. The canned
  responder answers without looking: the limit of what a client on this machine can ask. Latencies
  of `readonly` are those of 14 statements. Memory of an entry is the growth of private memory,
  whole processes.
- `resumable`: a request is a whole upload of 64 MiB, in pieces of 8 MiB where not PUT. Against PUT
  of the same door and against HTTP/1.1 the ratio is a rate divided by a rate, and the column
  `rate` the rival's processor time divided by ours; against @tus/server (Node, one process, its
  file store) the ratio is processor time as elsewhere. `flushed`: each piece is on the disk before
  it is acknowledged; @tus/server never flushes. The long link is a relay that hands bytes on 25 ms
  later each way and at the rate given; curl uploads through it over TLS.
- `tunnel`: the ratio is our rate divided by the rival's, the column `rate` the rival's processor
  time a gigabyte divided by ours, both ends of each together. Both ends, iperf3 and the kernel's
  TCP share the processors, over a line between two namespaces. The limit moves the packets of one
  TUN interface to another in UDP datagrams and does nothing else: once with a system call for each
  packet, once with the batches and offloads that menshen uses. menshen is `serve` with one worker
  of each kind and `tunnel connect`; HTTPS is a file of 1 GiB from the same web worker to curl. In
  guests (user-mode-linux, one processor each, MTU 1400) each rival has its own client: pptp-linux,
  sstp-client, pppd at both ends. Idle sessions of PPTP: resident memory of the server's process;
  of SSTP: `Pss` of all of menshen's.
- Differences below about 15 % are noise. Requests in flight when the time is up are finished and
  counted, so processor time and count belong together.
- TLS 1.3, AES-256-GCM, X25519, ECDSA P-256 on all sides; HTTP/1.1; no access log on either side.
- Not comparable: nginx never flushes an upload, so like-for-like rows run menshen with
  `durable = false`, and durable uploads are rows of their own. nginx is Debian's with its
  OpenSSL. Loopback has no loss and no latency. For forms, nginx replays the body into PHP, which
  moves the file; menshen stores it itself.
";

#[cfg(test)]
mod tests;
