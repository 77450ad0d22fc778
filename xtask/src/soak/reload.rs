//! Reloads and scale-downs while connections begin at a fixed rate, whatever became of the ones
//! before.
//!
//! It fails as well when the rate or the number of reloads was not reached: a load that was not
//! there shows nothing.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Options;
use crate::bench::{self, Lab, Store};
use crate::shell;

/// Tortures; what came of it as text, and whether that is well.
pub(super) fn run(
    options: &Options,
    lab: &Lab,
    when: &str,
    machine: &str,
) -> Result<(String, Result<(), String>), String> {
    let plan = Plan::of(options);
    let outcome = reload(lab, &plan)?;
    Ok((outcome.text(&plan, when, machine), outcome.judge(&plan)))
}

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    reloads: u32,
    rate: u32,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outcome {
    /// Reloads done while the load ran.
    reloads: u32,
    /// Of them with fewer workers than before.
    fewer: u32,
    /// Connections answered.
    answered: f64,
    /// Connections that were not.
    lost: f64,
    /// Answered in a second.
    rate: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Plan {
    const fn of(options: &Options) -> Self {
        let divisor = if options.short { 4 } else { 1 };
        Self { reloads: options.reloads / divisor, rate: options.rate / divisor }
    }

    fn secs(&self) -> f64 {
        f64::from(self.reloads) * SECONDS_PER_RELOAD
    }
}

impl Outcome {
    fn judge(&self, plan: &Plan) -> Result<(), String> {
        // A tenth less than asked for is what the clock of the client costs.
        let slow = self.rate < f64::from(plan.rate) * 0.9;
        if self.lost > 0.0 {
            Err(format!("{} connections were lost", self.lost))
        } else if slow {
            Err(format!("{:.0} connections a second are too few to show anything", self.rate))
        } else if self.reloads < plan.reloads {
            Err(format!("{} reloads were done of {}", self.reloads, plan.reloads))
        } else {
            Ok(())
        }
    }

    fn text(&self, plan: &Plan, when: &str, machine: &str) -> String {
        format!(
            "# soak reload, {when}\n\n\
             {machine}\n\
             `cargo xtask soak reload --reloads {} --rate {}`: a connection for every GET of 1 KiB \
             over plain HTTP,\nbegun at fixed times; one reload every {SECONDS_PER_RELOAD} s, \
             workers in turn {WORKERS:?}.\n\n\
             | reloads | of them with fewer workers | connections | a second | lost | p50, µs | \
             p99, µs |\n|---|---|---|---|---|---|---|\n\
             | {} | {} | {} | {:.0} | {} | {} | {} |\n",
            plan.reloads,
            plan.rate,
            self.reloads,
            self.fewer,
            self.answered,
            self.rate,
            self.lost,
            self.p50_us,
            self.p99_us,
        )
    }
}

fn reload(lab: &Lab, plan: &Plan) -> Result<Outcome, String> {
    let store = Store::Files;
    let _server = bench::start_menshen(lab, store, WORKERS[0])?;
    let folder = bench::menshen_folder(lab, store);
    let load = Command::new(&lab.loadgen)
        .args(["mode=connect", "path=/1k", "c=256"])
        .arg(format!("port={}", lab.plain_port(store)))
        .arg(format!("pace={}", plan.rate))
        .arg(format!("secs={:.2}", plan.secs()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("could not start the load client: {e}"))?;
    let (began, mut reloads, mut fewer) = (Instant::now(), 0, 0);
    let mut before = WORKERS[0];
    while reloads < plan.reloads {
        let next = began + Duration::from_secs_f64(f64::from(reloads) * SECONDS_PER_RELOAD);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        // What is done after the load's end would count for nothing.
        if began.elapsed().as_secs_f64() > plan.secs() {
            break;
        }
        let turn = usize::try_from(reloads).unwrap_or(0) + 1;
        let workers = WORKERS[turn % WORKERS.len()];
        let text = bench::menshen_configuration(lab, store, workers);
        fs::write(folder.join("menshen.toml"), text).map_err(|e| e.to_string())?;
        let mut command = Command::new(&lab.menshen);
        command.current_dir(&folder).args(["reload", "--config", "menshen.toml"]);
        shell::output(&mut command)?;
        fewer += u32::from(workers < before);
        before = workers;
        reloads += 1;
    }
    let done = load.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&done.stdout);
    let value: Value =
        serde_json::from_str(&text).map_err(|e| format!("the load client said {text:?}: {e}"))?;
    let number = |key: &str| value[key].as_f64().ok_or_else(|| format!("no {key} in {text:?}"));
    Ok(Outcome {
        reloads,
        fewer,
        answered: number("reqs")?,
        lost: number("err")?,
        rate: number("rps")?,
        p50_us: number("p50_us")?,
        p99_us: number("p99_us")?,
    })
}

/// Workers of one reload after the other.
const WORKERS: [usize; 6] = [4, 2, 3, 1, 2, 1];

/// From one reload to the next.
const SECONDS_PER_RELOAD: f64 = 0.4;

#[cfg(test)]
mod tests {
    //! What fails.
    use super::*;

    #[test]
    fn losses_a_thin_load_and_missing_reloads_fail() {
        let plan = Plan { reloads: 100, rate: 5000 };
        let good = Outcome {
            reloads: 100,
            fewer: 50,
            answered: 150_000.0,
            lost: 0.0,
            rate: 4990.0,
            p50_us: 1.0,
            p99_us: 2.0,
        };
        assert_eq!(good.judge(&plan), Ok(()));
        assert!(Outcome { lost: 1.0, ..good }.judge(&plan).is_err());
        assert!(Outcome { rate: 4000.0, ..good }.judge(&plan).is_err());
        assert!(Outcome { reloads: 99, ..good }.judge(&plan).is_err());
    }
}
