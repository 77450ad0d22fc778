//! Suites of others against the sql door: MariaDB's own tests (`mariadb-test`), run through the
//! door with the server's cache off, or through a plain proxy to prove the recipe. And tunnels to
//! programs of others ([`tunnel`]).
//!
//! Everything of a suite lies in a temporary folder with a server of its own; the system's database
//! is never touched. A test that does not run counts as failed.

mod backend;
mod front;
mod main_suite;
mod stand;
mod suite;
mod tunnel;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::{shell, workspace};
use stand::Stand;
use suite::Outcome;

/// Which suite.
#[derive(Debug, Subcommand)]
pub(crate) enum Peer {
    /// The server's tests of its query cache; ends with 1 when one fails that could pass, or one
    /// passes that is said not to.
    MariadbQueryCache(Options),
    /// The server's `main` suite: what fails through the door and not through haproxy.
    MariadbMain(main_suite::Options),
    /// Files through tunnels to pptpd, pptp-linux, sstp-server and sstp-client, in guest kernels.
    Tunnel(tunnel::Options),
}

/// How a suite is run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tests as `suite.name`; the listed ones without any.
    tests: Vec<String>,
    /// What stands between the tests and the server.
    #[arg(long, value_enum, default_value = "menshen")]
    through: Through,
    /// The menshen program; the released one of this tree without it.
    #[arg(long, value_name = "FILE")]
    menshen: Option<PathBuf>,
    /// Leaves the working folder, for a look at logs and differences.
    #[arg(long)]
    keep: bool,
}

/// What the tests connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Through {
    /// The door, cache on; the server's own cache cannot be switched on.
    Menshen,
    /// A proxy of bytes.
    Haproxy,
    /// The server itself.
    Nothing,
}

/// Runs one suite.
pub(crate) fn run(peer: &Peer) -> Result<ExitCode, String> {
    match peer {
        Peer::MariadbQueryCache(options) => query_cache(options),
        Peer::MariadbMain(options) => main_suite::run(options),
        Peer::Tunnel(options) => tunnel::run(options),
    }
}

fn query_cache(options: &Options) -> Result<ExitCode, String> {
    let lab = Lab::new(options.keep)?;
    let menshen = program(options.menshen.as_ref())?;
    let tests = if options.tests.is_empty() {
        QUERY_CACHE.iter().map(|test| (*test).to_owned()).collect()
    } else {
        options.tests.clone()
    };
    let mut stand = Stand::new(&lab, "suite", (options.through, Cache::Off), &menshen, 5)?;
    let outcomes = stand.run_all(&tests)?;
    Ok(sum_up(options.through, &outcomes))
}

/// Says what came of all tests; the known ones that cannot pass hold behind the door only.
fn sum_up(through: Through, outcomes: &[Outcome]) -> ExitCode {
    let (mut passed, mut failed, mut cannot) = (0, 0, 0);
    println!();
    for outcome in outcomes {
        let test = &outcome.test;
        match Verdict::of(outcome) {
            _ if through != Through::Menshen && outcome.passed() => passed += 1,
            _ if through != Through::Menshen => failed += 1,
            Verdict::Passed => passed += 1,
            Verdict::Failed => failed += 1,
            Verdict::Unexpected => {
                failed += 1;
                println!("{test} passes: take it out of the table of those that cannot");
            }
            Verdict::Cannot(reason) => {
                cannot += 1;
                println!("{test:<40} cannot: {} differing lines: {reason}", outcome.differing);
            }
        }
    }
    println!("{passed} passed, {failed} failed, {cannot} cannot");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Passed,
    /// Differs, broke off, or did not run.
    Failed,
    /// Fails for this reason, which is known and no fault.
    Cannot(&'static str),
    /// Passes, though the table says that it cannot.
    Unexpected,
}

impl Verdict {
    fn of(outcome: &Outcome) -> Self {
        let cannot = CANNOT.iter().find(|(test, _)| *test == outcome.test);
        match cannot {
            Some(_) if outcome.passed() => Self::Unexpected,
            Some((_, reason)) if outcome.failed() => Self::Cannot(reason),
            None if outcome.passed() => Self::Passed,
            _ => Self::Failed,
        }
    }
}

/// Whether the query cache is on when a test begins; the server's default is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cache {
    /// `query_cache_type=ON`.
    On,
    /// As the server's defaults are.
    Off,
}

fn program(given: Option<&PathBuf>) -> Result<PathBuf, String> {
    match given {
        Some(file) => fs::canonicalize(file).map_err(|e| format!("{}: {e}", file.display())),
        None => Ok(workspace::target_folder()?.join("release/menshen")),
    }
}

/// The working folder; gone with this value unless it is to be kept.
#[derive(Debug)]
struct Lab {
    folder: PathBuf,
    keep: bool,
}

impl Lab {
    fn new(keep: bool) -> Result<Self, String> {
        for program in ["perl", "mariadbd", "mariadb"] {
            shell::find(program).ok_or_else(|| {
                format!(
                    "no {program}: apt-get install mariadb-test mariadb-server-core mariadb-client"
                )
            })?;
        }
        // Socket paths are short: 107 bytes at most.
        let folder = std::env::temp_dir().join(format!("menshen-peers-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self { folder, keep })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.keep {
            println!("left in {}", self.folder.display());
        } else {
            fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// The server's tests of its query cache that run against a server started by others.
const QUERY_CACHE: &[&str] = &[
    "main.query_cache",
    "main.query_cache_28249",
    "main.query_cache_innodb",
    "main.query_cache_merge",
    "main.query_cache_partition",
    "main.query_cache_ps_no_prot",
    "main.query_cache_with_views",
    "main.ps_qc_innodb",
    "innodb.innodb_query_cache",
    "sys_vars.query_cache_type_func",
    "sys_vars.query_cache_wlock_invalidate_func",
    "main.query_cache_notembedded",
    "vcol.query_cache",
    "sys_vars.query_cache_limit_basic",
    "sys_vars.query_cache_min_res_unit_basic",
    "sys_vars.query_cache_size_basic",
    "sys_vars.query_cache_strip_comments_basic",
    "sys_vars.query_cache_type_basic",
    "sys_vars.query_cache_wlock_invalidate_basic",
    "sys_vars.query_cache_limit_func",
];

/// Tests that cannot pass behind a door, and why. They are run all the same.
const CANNOT: &[(&str, &str)] = &[
    ("main.query_cache", INSIDE_PROCEDURES),
    ("sys_vars.query_cache_type_func", INSIDE_PROCEDURES),
    ("main.query_cache_notembedded", INSIDE_PROCEDURES),
];

const INSIDE_PROCEDURES: &str =
    "the server's cache keeps SELECTs inside of procedures; a door sees only the CALL";

#[cfg(test)]
mod tests;
