//! `menshen explain oom` through large logs, beside GNU grep looking for two sentences.
//!
//! grep answers much less: it prints lines. It is the fastest thing people do with such a file, so
//! it is the rival. Both read from the page cache; processor time counts, one core each.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::lab::Lab;
use super::report::{Report, Row, median};
use super::{Only, Options};

/// Runs both through each log, in turns.
pub(crate) fn measure(
    options: &Options,
    lab: &Lab,
    report: &mut Report,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut text = String::from(
        "Megabytes (10^6) of log for each second of processor time; smallest and largest in \
         brackets.\n\n| log | program | median | |\n|---|---|---|---|\n",
    );
    for log in LOGS.iter().filter(|log| log.name.contains(&options.filter)) {
        let bytes = if options.short { SHORT_BYTES } else { FULL_BYTES };
        let (path, kills) = log.make(&lab.disk, bytes)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..options.rounds() {
            for (program, rates) in [(OURS, &mut ours), (RIVAL, &mut theirs)] {
                let only = if program == OURS { Only::Menshen } else { Only::Nginx };
                if options.wants(only) {
                    let seconds = run(lab, program, &path, kills)?;
                    let rate = bytes as f64 / 1e6 / seconds;
                    let line = format!("{:?},{program:?},{round},{seconds:.3},{rate:.1}", log.name);
                    report.more("oom.csv", "log,program,round,cpu_s,MB_per_cpu_s", &[line])?;
                    rates.push(rate);
                }
            }
        }
        fs::remove_file(&path).map_err(|e| e.to_string())?;
        for (program, rates) in [(OURS, &ours), (RIVAL, &theirs)] {
            let line = format!("| {}, {kills} kills | {program} | {} | |", log.name, shown(rates));
            println!("{line}");
            text += &format!("{line}\n");
        }
        rows.extend(rows_of(log, &ours, &theirs));
    }
    report.add_text(&text);
    Ok(rows)
}

fn rows_of(log: &Log, ours: &[f64], theirs: &[f64]) -> Vec<Row> {
    let middle = |rates: &[f64]| median(rates, |rate| *rate);
    let row = |against: String, ratio, goal| Row {
        case: format!("explain oom, {}", log.name),
        ours: format!("{OURS}, {} MB/s", shown(ours)),
        against,
        ratio,
        rate_ratio: None,
        goal,
        errors: 0.0,
    };
    vec![
        row(format!("goal {GOAL_RATE} MB/s"), middle(ours) / GOAL_RATE, Some(1.0)),
        row(format!("{RIVAL}, {} MB/s", shown(theirs)), middle(ours) / middle(theirs), None),
    ]
}

fn shown(rates: &[f64]) -> String {
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    format!("{:.0} ({least:.0}–{most:.0})", median(rates, |rate| *rate))
}

/// Processor seconds of one run; what it found is compared with what was put in.
fn run(lab: &Lab, program: &str, path: &Path, kills: usize) -> Result<f64, String> {
    let mut command = if program == OURS {
        let mut command = Command::new(&lab.menshen);
        command.args(["explain", "oom", "--json"]);
        command
    } else {
        let mut command = Command::new("grep");
        command.env("LC_ALL", "C").args(["-a", "-c", "-E", "invoked oom-killer|Killed process"]);
        command
    };
    let before = children_seconds()?;
    let done = command
        .arg(path)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("could not run {program}: {e}"))?;
    let seconds = children_seconds()? - before;
    let text = String::from_utf8_lossy(&done.stdout);
    let (found, expected) = if program == OURS {
        let value: Value = serde_json::from_str(&text).map_err(|e| format!("{program}: {e}"))?;
        (value["kills"].as_array().map_or(0, Vec::len), kills)
    } else {
        (text.trim().parse().unwrap_or(usize::MAX), 2 * kills)
    };
    if found != expected {
        return Err(format!("{program} found {found} of {expected}"));
    }
    Ok(seconds)
}

/// Processor time of all children waited for, from proc_pid_stat(5); clock ticks are 10 ms.
pub(super) fn children_seconds() -> Result<f64, String> {
    let text = fs::read_to_string("/proc/self/stat").map_err(|e| e.to_string())?;
    let fields: Vec<&str> = text
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let ticks = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok());
    match (ticks(16), ticks(17)) {
        (Some(user), Some(system)) => Ok((user + system) / 100.0),
        _ => Err("/proc/self/stat has another form".to_owned()),
    }
}

/// A log that is made for the run.
#[derive(Debug)]
struct Log {
    name: &'static str,
    /// Ordinary bytes before each report; `None`: no report at all.
    between: Option<usize>,
}

impl Log {
    /// Its file, and how many kills it tells of.
    fn make(&self, folder: &Path, bytes: usize) -> Result<(PathBuf, usize), String> {
        let path = folder.join("oom.log");
        let failed = |e: std::io::Error| format!("could not write {}: {e}", path.display());
        let mut out = BufWriter::new(File::create(&path).map_err(failed)?);
        let (mut written, mut next, mut kills, mut line) = (0, self.between, 0, 0_u64);
        while written < bytes {
            let text = if next.is_some_and(|at| written >= at) {
                next = next.map(|at| at + self.between.unwrap_or(0).max(1));
                kills += 1;
                report_text(kills)
            } else {
                line += 1;
                ordinary(line)
            };
            out.write_all(text.as_bytes()).map_err(failed)?;
            written += text.len();
        }
        out.flush().map_err(failed)?;
        Ok((path, kills))
    }
}

/// A line of a busy server's syslog.
fn ordinary(number: u64) -> String {
    let second = number / 40;
    let stamp = format!(
        "Nov {:2} {:02}:{:02}:{:02} web1",
        1 + second / 86400 % 28,
        second / 3600 % 24,
        second / 60 % 60,
        second % 60
    );
    let pid = 1000 + number * 7919 % 60_000;
    match number % 7 {
        0 => format!("{stamp} CRON[{pid}]: (root) CMD (cd / && run-parts /etc/cron.hourly)\n"),
        1 => format!(
            "{stamp} sshd[{pid}]: Failed password for invalid user admin from 192.0.2.{} port \
             {pid} ssh2\n",
            number % 250
        ),
        2 => format!(
            "{stamp} kernel: [{second}.{:06}] [UFW BLOCK] IN=eth0 OUT= SRC=198.51.100.{} \
             DST=192.0.2.1 LEN=40 TOS=0x00 TTL=244 ID={pid} PROTO=TCP SPT=55555 DPT=23 SYN\n",
            number % 1_000_000,
            number % 250
        ),
        3 => format!("{stamp} systemd[1]: Started Session {number} of user deploy.\n"),
        4 => format!(
            "{stamp} mysqld[{pid}]: [Note] Aborted connection {number} to db: 'shop' (room 12)\n"
        ),
        5 => format!("{stamp} php-fpm[{pid}]: [pool www] child {pid} exited with code 0 after 9\n"),
        _ => format!("{stamp} postfix/smtpd[{pid}]: connect from unknown[203.0.113.{}]\n", pid % 9),
    }
}

/// A whole report of a 6.1 kernel with a table of a hundred processes.
fn report_text(number: usize) -> String {
    let at = format!("Nov 22 03:04:05 web1 kernel: [{}.000001] ", 1_000 + number);
    let pid = 10_000 + number;
    let mut text = format!(
        "{at}php-fpm8.2 invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|\
         __GFP_ZERO), order=0, oom_score_adj=0\n\
         {at}CPU: 1 PID: 812 Comm: php-fpm8.2 Not tainted 6.1.0-18-amd64 #1  Debian 6.1.76-1\n\
         {at}Mem-Info:\n\
         {at}active_anon:120 inactive_anon:480000 isolated_anon:0\n\
         {at}Free swap  = 0kB\n{at}Total swap = 1048572kB\n{at}524158 pages RAM\n\
         {at}Tasks state (memory values in pages):\n\
         {at}[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name\n"
    );
    for row in 0..100 {
        let task = if row == 99 { pid } else { 300 + row };
        text += &format!(
            "{at}[{task:7}]    33 {task:5}    60213    {:5}   204800      121             0 \
             php-fpm8.2\n",
            1000 + row
        );
    }
    text + &format!(
        "{at}oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,\
         global_oom,task_memcg=/system.slice/mariadb.service,task=mariadbd,pid={pid},uid=106\n\
         {at}Out of memory: Killed process {pid} (mariadbd) total-vm:1200000kB, \
         anon-rss:800000kB, file-rss:0kB, shmem-rss:0kB, UID:106 pgtables:2000kB \
         oom_score_adj:0\n"
    )
}

const OURS: &str = "menshen explain oom";
const RIVAL: &str = "grep";
const GOAL_RATE: f64 = 500.0;
const FULL_BYTES: usize = 1 << 30;
const SHORT_BYTES: usize = 32 << 20;

const LOGS: &[Log] = &[
    Log { name: "syslog without a kill", between: None },
    Log { name: "one report a megabyte", between: Some(1 << 20) },
    Log { name: "nothing but reports", between: Some(0) },
];
