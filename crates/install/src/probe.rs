//! Is it here, in which version, and what can it do: by asking the program itself.
//!
//! Programs of recipes are started with little time, no input, and their output bounded.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;

use crate::child::{End, OnStop, Plan, run};
use crate::host::find;
use crate::manager::Manager;
use crate::recipe::{Exit, Feature, Here, Recipe};
use crate::show::{Event, Show};
use crate::stop::Stop;
use crate::words::{filled, version_in};

/// A program that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub program: PathBuf,
    /// Which version.
    pub version: String,
}

/// Whether a feature works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Works {
    /// It does.
    Yes,
    /// It does not; what was seen.
    No(String),
}

/// The program of `recipe` on this host; one that answers otherwise is another program.
#[must_use]
pub fn find_program(here: &Here) -> Option<Found> {
    let names = here.programs.iter().flat_map(|name| match name.strip_suffix('*') {
        Some(start) => starting_with(start),
        None => find(name).into_iter().collect(),
    });
    names.into_iter().find_map(|program| ask(&program, here))
}

/// What `program` says it is.
#[must_use]
pub fn ask(program: &Path, here: &Here) -> Option<Found> {
    let mut words = vec![program.display().to_string()];
    words.extend(here.arguments.iter().cloned());
    let (_, said) = output(&words).ok()?;
    let version = version_in(&said, &here.version)?;
    Some(Found { program: program.to_owned(), version })
}

/// Whether `feature` of `program` works.
#[must_use]
pub fn works(feature: &Feature, program: &Path) -> Works {
    let test = &feature.test;
    if let Some(file) = &test.file {
        let root = program.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("/"));
        let path = filled(file, &[("root", &root.display().to_string())]);
        let there = Path::new(&path).exists();
        return if there { Works::Yes } else { Works::No(format!("{path} is not there")) };
    }
    let shown = program.display().to_string();
    let words: Vec<String> =
        test.run.iter().map(|word| filled(word, &[("program", &shown)])).collect();
    let command = crate::child::shown(&words);
    let (good, said) = match output(&words) {
        Ok(done) => done,
        Err(error) => return Works::No(format!("{command}: {error}")),
    };
    let first = || said.lines().next().unwrap_or("(nothing)").chars().take(200).collect::<String>();
    let missing = test.says.as_ref().is_some_and(|text| !said.contains(text));
    let there = test.says_not.as_ref().is_some_and(|text| said.contains(text));
    if missing || there || (test.exit == Exit::Good && !good) {
        return Works::No(format!("{command}: {}", first()));
    }
    Works::Yes
}

/// Which version of `package` the manager would install; none where it does not say.
#[must_use]
pub fn offered(manager: Manager, package: &str) -> Option<String> {
    let words = manager.ask(package);
    find(words.first()?)?;
    let (_, said) = output(&words).ok()?;
    manager.offered(&said)
}

/// Features that are wanted: the standard ones with and without those named, and what they need.
///
/// # Errors
/// A name that is no feature, or one that is both wanted and not.
pub fn wanted(recipe: &Recipe, with: &[String], without: &[String]) -> Result<Vec<String>, String> {
    if let Some(unknown) = with.iter().chain(without).find(|name| recipe.feature(name).is_none()) {
        let known: Vec<&str> = recipe.features.iter().map(|one| one.name.as_str()).collect();
        return Err(format!("{unknown:?} is no feature; there are: {}", known.join(", ")));
    }
    let mut wanted: Vec<String> = with.to_vec();
    let standard = recipe.features.iter().filter(|one| one.standard).map(|one| one.name.clone());
    wanted.extend(standard.filter(|name| !without.contains(name)));
    let mut at = 0;
    while let Some(feature) = wanted.get(at).and_then(|name| recipe.feature(name)) {
        for need in &feature.needs {
            if !wanted.contains(need) {
                wanted.push(need.clone());
            }
        }
        at += 1;
    }
    wanted.sort();
    wanted.dedup();
    match wanted.iter().find(|name| without.contains(name)) {
        Some(both) => Err(format!("{both} is needed and not wanted")),
        None => Ok(wanted),
    }
}

/// Whether it ended well, and what it printed.
pub(crate) fn output(words: &[String]) -> io::Result<(bool, String)> {
    let mut log = File::from(rustix::fs::memfd_create("menshen-probe", MemfdFlags::CLOEXEC)?);
    let stop = Stop::default();
    let mut watch = Deadline { until: Instant::now() + WITHIN, stop: stop.clone() };
    let environment = vec![("LC_ALL".to_owned(), "C".to_owned())];
    let plan = Plan {
        words,
        folder: Path::new("/"),
        environment,
        log: &mut log,
        lock: None,
        on_stop: OnStop::End,
    };
    let End::Status(status) = run(plan, &mut watch, &stop)? else {
        return Err(io::Error::from(io::ErrorKind::TimedOut));
    };
    log.rewind()?;
    let bytes = crate::read::from(log, OUTPUT_BYTES_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    // Before it stands the command, which is not what it said.
    let said = text.split_once('\n').map_or("", |(_, said)| said);
    Ok((status.success(), said.to_owned()))
}

struct Deadline {
    until: Instant,
    stop: Stop,
}

impl Show for Deadline {
    fn event(&mut self, _: Event<'_>) {
        if Instant::now() > self.until {
            self.stop.want();
        }
    }
}

/// Programs called `start` and digits and dots behind it, the last by name first.
fn starting_with(start: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    let entries = folders.iter().filter(|folder| folder.is_absolute());
    let entries = entries.filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let fits = |name: &str| {
        let rest = name.strip_prefix(start).unwrap_or("-");
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    };
    let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(fits));
    let mut found: Vec<PathBuf> =
        named.filter_map(|entry| find(&entry.path().display().to_string())).collect();
    found.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    found
}

const WITHIN: Duration = Duration::from_secs(10);
const OUTPUT_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    //! Programs that are on every host.
    use super::*;
    use crate::recipe::Test;

    fn here(program: &str, version: &str) -> Here {
        Here {
            programs: vec!["no-such-program".into(), program.into()],
            arguments: vec!["--version".into()],
            version: version.into(),
        }
    }

    fn feature(test: Test) -> Feature {
        Feature {
            name: "x".into(),
            about: "x".into(),
            standard: false,
            needs: vec![],
            test,
            packages: Default::default(),
            source_packages: Default::default(),
            with: vec![],
            without: vec![],
        }
    }

    #[test]
    fn a_program_says_its_version() {
        let found = find_program(&here("tar", "tar (GNU tar) {version}")).expect("tar is needed");
        assert!(found.program.is_absolute());
        assert!(found.version.starts_with(|c: char| c.is_ascii_digit()), "{found:?}");
        assert_eq!(find_program(&here("tar", "other {version}")), None, "another program");
    }

    #[test]
    fn features_are_tested_by_what_is_said_and_how_it_ends() {
        let run = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let sh = Path::new("/bin/sh");
        let works = |test: Test| works(&feature(test), sh) == Works::Yes;
        let says = |text: &str| Some(text.to_owned());
        let echo = run(&["{program}", "-c", "echo one; exit 1"]);
        assert!(!works(Test { run: echo.clone(), ..Test::default() }), "exit 1");
        let any = Test { run: echo, exit: Exit::Any, ..Test::default() };
        assert!(works(any.clone()));
        assert!(works(Test { says: says("one"), ..any.clone() }));
        assert!(!works(Test { says: says("two"), ..any.clone() }));
        // What the command line holds is not what it said.
        assert!(works(Test { says_not: says("exit"), ..any.clone() }));
        assert!(!works(Test { says_not: says("one"), ..any }));
        assert!(!works(Test { run: run(&["no-such-program"]), ..Test::default() }));
        assert!(works(Test { file: says("{root}/bin/sh"), ..Test::default() }));
        assert!(!works(Test { file: says("{root}/bin/no"), ..Test::default() }));
    }

    #[test]
    fn what_is_wanted_brings_what_it_needs() {
        let recipe = Recipe::parse(include_str!("recipes/git.toml")).unwrap();
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(wanted(&recipe, &[], &[]).unwrap(), ["https"]);
        assert_eq!(wanted(&recipe, &list(&["svn"]), &[]).unwrap(), ["https", "perl", "svn"]);
        assert!(wanted(&recipe, &[], &list(&["https"])).unwrap().is_empty());
        assert!(wanted(&recipe, &list(&["svn"]), &list(&["perl"])).is_err());
        assert!(wanted(&recipe, &list(&["x"]), &[]).unwrap_err().contains("gettext"));
    }
}
