//! A server and what stands in front of it, kept fit for one test after the other.
//!
//! A test that fails may leave anything behind, a dead server included: the next one gets a new
//! server. So does a test with options of its own, and the one after it.

use std::fs;
use std::path::{Path, PathBuf};

use super::backend::Backend;
use super::front::Front;
use super::suite::{self, Outcome, Suite};
use super::{Cache, Lab, Through};

/// Runs tests one after the other.
#[derive(Debug)]
pub(crate) struct Stand {
    folder: PathBuf,
    menshen: PathBuf,
    through: Through,
    cache: Cache,
    suite: Suite,
    /// The proxy ends before its server.
    running: Option<(Front, Backend)>,
}

impl Stand {
    /// Prepares the folder `name` in that of the whole run; a test gets `minutes`.
    pub(crate) fn new(
        lab: &Lab,
        name: &str,
        (through, cache): (Through, Cache),
        menshen: &Path,
        minutes: u32,
    ) -> Result<Self, String> {
        let folder = lab.folder.join(name);
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let suite = Suite::new(&folder, minutes);
        Ok(Self { folder, menshen: menshen.to_owned(), through, cache, suite, running: None })
    }

    /// Runs `tests` and prints each result line.
    pub(crate) fn run_all(&mut self, tests: &[String]) -> Result<Vec<Outcome>, String> {
        let mut outcomes = Vec::with_capacity(tests.len());
        for test in tests {
            let outcome = self.run(test)?;
            println!("{}", outcome.line);
            outcomes.push(outcome);
        }
        self.running = None;
        Ok(outcomes)
    }

    /// Runs `test`.
    fn run(&mut self, test: &str) -> Result<Outcome, String> {
        if let Some(why) = suite::cannot_run(test) {
            return Ok(Outcome::skipped(test, why));
        }
        let own_options = suite::has_own_options(test);
        if own_options {
            self.running = None;
            if let Err(error) = self.start(test) {
                return Ok(Outcome::skipped(test, &format!("its server does not start: {error}")));
            }
        }
        // What a test that passed has left: a server that is about to fall, say.
        let mut ready = self.make_ready();
        for _ in 0..STARTS_MAX {
            if ready.is_ok() {
                break;
            }
            self.running = None;
            ready = self.start(PLAIN).and_then(|()| self.make_ready());
        }
        ready?;
        let Some((front, _)) = &self.running else { return Err("no server".to_owned()) };
        let outcome = self.suite.run(test, &front.socket, front.port)?;
        if own_options || outcome.failed() {
            self.running = None;
        }
        Ok(outcome)
    }

    /// Starts a server with the options of `test`, and the proxy.
    fn start(&mut self, test: &str) -> Result<(), String> {
        let backend = Backend::start(&self.folder, self.through, test)?;
        let front = Front::start(self.through, &backend, &self.menshen, &self.folder)?;
        self.running = Some((front, backend));
        Ok(())
    }

    fn make_ready(&mut self) -> Result<(), String> {
        let Some((front, backend)) = &mut self.running else {
            return Err("not started".to_owned());
        };
        backend.make_ready()?;
        front.make_ready(backend, self.cache)
    }
}

/// A test whose server has no options but those of every test.
const PLAIN: &str = "main.query_cache";

/// Starts of a server before a run is given up.
const STARTS_MAX: usize = 3;
