//! Rules of packet filters, from the programs that list them: nft(8), iptables-save(8).
//!
//! They are run from fixed folders, with an empty environment and a time limit, and change
//! nothing. The legacy program is run only where the kernel has legacy tables: else it would load
//! them.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use menshen_explain_core::port::rules::{IpFamily, Table, iptables, nft};
use menshen_explain_core::port::{Firewall, Reading, ReadingOutcome};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Reads all rules that can be read.
pub(super) fn read() -> Firewall {
    let mut firewall = Firewall::default();
    let json = list("nft", &["-j", "list", "ruleset"]);
    let with_nft = match &json {
        Ok(json) => {
            let text = list("nft", &["-a", "list", "ruleset"]).unwrap_or_default();
            match nft::parse(json, &text) {
                Some(rules) => {
                    note(&mut firewall, "nft", &rules.tables);
                    firewall.rules = rules;
                }
                None => fail(&mut firewall, "nft", "its listing has an unknown form"),
            }
            true
        }
        Err(outcome) => {
            firewall.readings.push(Reading { program: "nft", outcome: outcome.clone() });
            false
        }
    };
    let foreign = json.as_ref().is_ok_and(|json| nft::has_foreign(json));
    let absent = json.as_ref().is_err_and(|outcome| *outcome == ReadingOutcome::Absent);
    for (family, nft_name, legacy, plain, names) in [
        (IpFamily::V4, "iptables-nft-save", "iptables-legacy-save", "iptables-save", NAMES_V4),
        (IpFamily::V6, "ip6tables-nft-save", "ip6tables-legacy-save", "ip6tables-save", NAMES_V6),
    ] {
        if with_nft && foreign {
            // What nft cannot tell in full, its own program can.
            if let Ok(text) = list(nft_name, &[]) {
                replace(&mut firewall, iptables::parse(nft_name, family, &text), family);
            }
        }
        let has_legacy = std::fs::read_to_string(names).is_ok_and(|names| !names.trim().is_empty());
        let program = match (has_legacy, absent) {
            (true, _) if find(legacy).is_some() => legacy,
            (true, _) | (false, true) if find(plain).is_some() => plain,
            _ => continue,
        };
        match list(program, &[]) {
            Ok(text) => {
                let tables = iptables::parse(program, family, &text);
                note(&mut firewall, program, &tables);
                firewall.rules.tables.extend(tables);
            }
            Err(outcome) => firewall.readings.push(Reading { program, outcome }),
        }
    }
    firewall
}

fn note(firewall: &mut Firewall, program: &'static str, tables: &[Table]) {
    let chains = tables.iter().flat_map(|table| &table.chains);
    let count = chains.map(|chain| chain.rules.len()).sum::<usize>();
    let outcome = ReadingOutcome::Read(u32::try_from(count).unwrap_or(u32::MAX));
    firewall.readings.push(Reading { program, outcome });
}

fn fail(firewall: &mut Firewall, program: &'static str, why: &str) {
    let outcome = ReadingOutcome::Failed(why.to_owned());
    firewall.readings.push(Reading { program, outcome });
}

/// Takes tables of iptables in the place of those nft listed under the same name.
fn replace(firewall: &mut Firewall, tables: Vec<Table>, family: IpFamily) {
    let family = match family {
        IpFamily::V4 => "ip",
        IpFamily::V6 => "ip6",
    };
    for table in tables {
        let name = format!("{family} {}", table.name);
        let listed = &mut firewall.rules.tables;
        if let Some(place) = listed.iter_mut().find(|other| other.name == name) {
            *place = table;
        }
    }
}

/// What a program prints.
fn list(program: &'static str, arguments: &[&str]) -> Result<String, ReadingOutcome> {
    let path = find(program).ok_or(ReadingOutcome::Absent)?;
    let failed = |error: std::io::Error| ReadingOutcome::Failed(error.to_string());
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let until = Instant::now() + WITHIN;
    let (mut out, mut complaint) = (Vec::new(), Vec::new());
    let whole = child.stdout.take().is_some_and(|pipe| drain(pipe, until, &mut out))
        && child.stderr.take().is_some_and(|pipe| drain(pipe, until, &mut complaint));
    if !whole {
        // It is ours, and has not been waited for: the number is its own.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    if !whole {
        return Err(ReadingOutcome::Failed("it took too long or said too much".into()));
    }
    if status.success() {
        return Ok(String::from_utf8_lossy(&out).into_owned());
    }
    let said = String::from_utf8_lossy(&complaint).into_owned();
    let first = said.lines().next().unwrap_or_default().to_owned();
    let refused = ["not permitted", "ermission denied", "must be root"];
    if refused.iter().any(|words| said.contains(words)) {
        return Err(ReadingOutcome::NotPermitted);
    }
    Err(ReadingOutcome::Failed(if first.is_empty() { status.to_string() } else { first }))
}

/// Reads to the end; `false`: that was not in time, or too much.
fn drain(mut pipe: impl Read + std::os::fd::AsFd, until: Instant, into: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 64 * 1024];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        let mut ready = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut ready, left.as_ref()) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return false,
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return true,
            Ok(bytes) => into.extend_from_slice(buffer.get(..bytes).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
        if into.len() > BYTES_MAX {
            return false;
        }
    }
}

fn find(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| PathBuf::from(folder).join(program)).find(|path| path.is_file())
}

const FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin"];
const NAMES_V4: &str = "/proc/thread-self/net/ip_tables_names";
const NAMES_V6: &str = "/proc/thread-self/net/ip6_tables_names";
const WITHIN: Duration = Duration::from_secs(10);
const BYTES_MAX: usize = 64 << 20;
