//! The way from source: fetch, checksum, signature, unpack, build into a stage, place, check.
//!
//! How it can fail, and what is done: the wrong bytes (refused before anything reads them), a step
//! that fails (a clear stop, its last lines, a guess at what is missing), an interruption anywhere
//! (stamps; the step that was cut is done again), a full disk, files of others in the prefix
//! (nothing is replaced), a program that is built and does not work (said, and the way to remove
//! it). See docs/decisions/0053.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::child::{self, End, OnStop, Plan};
use crate::fetch::{FetchError, Proxies, fetch};
use crate::manifest::Manifest;
use crate::place::{About, PlaceError, place, staged};
use crate::probe::{Works, ask, works};
use crate::recipe::load::Loaded;
use crate::recipe::{Signed, Source, Step};
use crate::show::{Event, Show};
use crate::signature::{self, SignatureError};
use crate::stop::Stop;
use crate::sum::{of_text, sha256};
use crate::unpack::{Limits, UnpackError, unpack};
use crate::words::filled;
use crate::work::{Work, WorkError};

/// What shall be built.
#[derive(Debug, Clone)]
pub struct Order {
    /// The recipe; it has a source.
    pub recipe: Loaded,
    /// Which version.
    pub version: String,
    /// Absolute.
    pub prefix: PathBuf,
    /// Where work folders are.
    pub base: PathBuf,
    /// Compilers at a time.
    pub jobs: u32,
    /// Features, with all they need.
    pub features: Vec<String>,
    /// The archive.
    pub archive: Place,
    /// What its bytes have to be.
    pub checksum: Checksum,
    /// Its signature, if it shall be checked.
    pub signature: Option<SignatureOrder>,
    /// For what is fetched.
    pub proxies: Proxies,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On this host.
    File(PathBuf),
    /// Over HTTP or HTTPS.
    Url(String),
}

/// What the archive's bytes have to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// This SHA-256, hex.
    Sha256(String),
    /// Anything: the user said so.
    Anything,
}

/// A signature that shall be checked.
#[derive(Debug, Clone)]
pub struct SignatureOrder {
    /// Where it is.
    pub place: Place,
    /// Whose keys are trusted: a file as `gpgv` reads it.
    pub keyring: PathBuf,
    /// What is signed.
    pub of: Signed,
}

/// Why it was not installed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Programs a build needs are not here.
    #[error("these programs are needed and not here: {}", .0.join(", "))]
    Needs(Vec<String>),
    /// The file cannot be read.
    #[error("could not read {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Other bytes than expected.
    #[error("the checksum is wrong: nothing was unpacked")]
    Checksum {
        /// What the recipe or the user said.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The archive has another folder than the recipe says.
    #[error("the archive has no folder {0}")]
    Folder(String),
    /// A step failed.
    #[error("step {step} failed: {status}")]
    Step {
        /// Its name.
        step: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A step could not be started.
    #[error("step {0} could not be started")]
    Start(String, #[source] io::Error),
    /// The files could not be placed.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It is there, and does not do what it should.
    #[error("it is installed, but does not work: {0}")]
    Check(String),
    /// The work folder.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The user wanted to stop.
    #[error("stopped at step {0}")]
    Stopped(String),
}

/// What was installed.
#[derive(Debug)]
pub struct Installed {
    /// The program.
    pub program: PathBuf,
    /// What is there now.
    pub manifest: Manifest,
    /// Steps that had been done before.
    pub resumed: usize,
}

impl Order {
    /// The names of the steps, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        let mut names = vec![FETCH, CHECKSUM];
        if self.signature.is_some() {
            names.push(SIGNATURE);
        }
        names.push(UNPACK);
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        names
            .extend(self.source().map(|source| &source.steps).into_iter().flatten().map(step_name));
        names.extend([PLACE, CHECK].map(str::to_owned));
        names
    }

    /// The commands of the build, as they will be run.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        let steps = self.source().map(|source| &source.steps);
        steps.into_iter().flatten().map(|step| self.command(step)).collect()
    }

    /// The work folder: another one for another order.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        let parts = [
            self.recipe.text.clone(),
            self.version.clone(),
            self.prefix.display().to_string(),
            self.features.join(","),
            format!("{:?} {:?}", self.checksum, self.archive),
        ];
        let key = of_text(&parts.join("\n"));
        let key: String = key.chars().take(KEY_DIGITS).collect();
        self.base.join(format!("{}-{}-{key}", self.recipe.recipe.name, self.version))
    }

    /// Programs that are needed and not here.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let needs = self.source().map(|source| &source.needs);
        let absent = |name: &&String| crate::host::find(name).is_none();
        needs.into_iter().flatten().filter(absent).cloned().collect()
    }

    fn source(&self) -> Option<&Source> {
        self.recipe.recipe.source.as_ref()
    }

    fn command(&self, step: &Step) -> Vec<String> {
        let prefix = self.prefix.display().to_string();
        let jobs = self.jobs.to_string();
        let work = self.folder();
        let stage = work.join(STAGE).display().to_string();
        let source = self.source_folder().display().to_string();
        let work = work.display().to_string();
        let values = [
            ("prefix", prefix.as_str()),
            ("jobs", &jobs),
            ("version", &self.version),
            ("stage", &stage),
            ("source", &source),
            ("work", &work),
        ];
        let mut words = Vec::new();
        for word in &step.run {
            if word == "{features}" {
                words.extend(self.feature_words().map(|word| filled(word, &values)));
            } else {
                words.push(filled(word, &values));
            }
        }
        words
    }

    fn feature_words(&self) -> impl Iterator<Item = &String> {
        self.recipe.recipe.features.iter().flat_map(|feature| {
            if self.features.contains(&feature.name) { &feature.with } else { &feature.without }
        })
    }

    fn source_folder(&self) -> PathBuf {
        let folder = self.source().map(|source| source.folder.as_str()).unwrap_or_default();
        self.folder().join(SOURCE).join(folder.replace("{version}", &self.version))
    }
}

/// Builds and installs. After an interruption the same order goes on where it was.
///
/// # Errors
/// See [`SourceError`]; what was done stays in the work folder, with the log.
pub fn install(order: &Order, show: &mut dyn Show, stop: &Stop) -> Result<Installed, SourceError> {
    let missing = order.missing();
    if !missing.is_empty() {
        return Err(SourceError::Needs(missing));
    }
    // Before anything is built.
    crate::work::safe_place(&order.prefix)?;
    let order = &Order { base: crate::work::own_folder(&order.base)?, ..order.clone() };
    let work = Work::open(&order.folder(), show, stop)?;
    let mut run = Run { order, work, show, stop, steps: order.steps(), number: 0, resumed: 0 };
    let archive_sha256 = run.archive()?;
    for step in order.source().map(|source| &source.steps).into_iter().flatten() {
        run.build(step)?;
    }
    let manifest = run.place(archive_sha256)?;
    let program = run.check()?;
    Ok(Installed { program, manifest, resumed: run.resumed })
}

struct Run<'a> {
    order: &'a Order,
    work: Work,
    show: &'a mut dyn Show,
    stop: &'a Stop,
    steps: Vec<String>,
    number: usize,
    resumed: usize,
}

impl Run<'_> {
    /// Whether the next step has to be done.
    fn begin(&mut self, name: &str) -> Result<bool, SourceError> {
        self.number += 1;
        let (number, total) = (self.number, self.steps.len());
        if self.work.is_done(name) {
            self.resumed += 1;
            self.show.event(Event::Done { number, total, name });
            return Ok(false);
        }
        if self.stop.wanted() {
            return Err(SourceError::Stopped(name.to_owned()));
        }
        self.show.event(Event::Step { number, total, name });
        Ok(true)
    }

    /// Fetched, checked and unpacked; its SHA-256.
    fn archive(&mut self) -> Result<String, SourceError> {
        let path = self.work.folder.join(ARCHIVE);
        if self.begin(FETCH)? {
            self.get(&self.order.archive, &path)?;
            self.work.stamp(FETCH)?;
        }
        let file = File::open(&path).map_err(|error| SourceError::File(path.clone(), error))?;
        // Each time, and of the very file that is unpacked: it costs little.
        self.number += 1;
        let (number, total) = (self.number, self.steps.len());
        self.show.event(Event::Step { number, total, name: CHECKSUM });
        let found = sha256(&file).map_err(|error| SourceError::File(path.clone(), error))?;
        match &self.order.checksum {
            Checksum::Anything => self.show.event(Event::Warning(
                "the archive is not checked: whoever made it, its commands will be run",
            )),
            Checksum::Sha256(expected) if expected.eq_ignore_ascii_case(&found) => {}
            Checksum::Sha256(expected) => {
                let expected = expected.to_ascii_lowercase();
                // Fetched anew the next time: a part may have been damaged.
                self.work.undo_from(FETCH)?;
                return Err(SourceError::Checksum { expected, found });
            }
        }
        if let Some(signature) = &self.order.signature
            && self.begin(SIGNATURE)?
        {
            let at = self.work.folder.join("signature");
            self.get(&signature.place, &at)?;
            signature::check(&file, &at, &signature.keyring, signature.of)?;
            self.work.stamp(SIGNATURE)?;
        }
        if self.begin(UNPACK)? {
            let folder = self.work.empty(SOURCE)?;
            let (show, stop) = (&mut *self.show, self.stop);
            let mut last = 0;
            unpack(&file, &folder, Limits::default(), &mut |done| {
                last = done.entries;
                show.event(Event::Amount { unit: "files", done: last, total: None });
            })?;
            if stop.wanted() {
                return Err(SourceError::Stopped(UNPACK.to_owned()));
            }
            let expected = self.order.source_folder();
            if !expected.is_dir() {
                let name = expected.file_name().unwrap_or_default();
                return Err(SourceError::Folder(name.to_string_lossy().into_owned()));
            }
            self.work.stamp(UNPACK)?;
        }
        Ok(found)
    }

    /// A copy of our own: what is checked is what is unpacked, whoever changes the other one.
    fn get(&mut self, from: &Place, to: &Path) -> Result<(), SourceError> {
        match from {
            Place::Url(url) => {
                fetch(url, to, &self.order.proxies, self.show, self.stop).map_err(|error| {
                    match error {
                        FetchError::Stopped => SourceError::Stopped(FETCH.to_owned()),
                        error => error.into(),
                    }
                })
            }
            Place::File(file) => {
                let copied = std::fs::copy(file, to);
                copied.map(drop).map_err(|error| SourceError::File(file.clone(), error))
            }
        }
    }

    fn build(&mut self, step: &Step) -> Result<(), SourceError> {
        let name = step_name(step);
        if !self.begin(&name)? {
            return Ok(());
        }
        let words = self.order.command(step);
        if step.run.iter().any(|word| word.contains("{stage}")) {
            self.work.empty(STAGE)?;
        }
        let folder = self.order.source_folder();
        let environment = step.environment.clone().into_iter();
        let plan = Plan {
            words: &words,
            folder: &folder,
            environment: environment.chain([("LC_ALL".to_owned(), "C".to_owned())]).collect(),
            log: &mut self.work.log,
            lock: Some(&self.work.lock),
            on_stop: OnStop::End,
        };
        let ended = child::run(plan, self.show, self.stop);
        match ended.map_err(|error| SourceError::Start(name.clone(), error))? {
            End::Status(status) if status.success() => Ok(self.work.stamp(&name)?),
            End::Status(status) => Err(SourceError::Step { step: name, status }),
            End::Stopped => Err(SourceError::Stopped(name)),
        }
    }

    fn place(&mut self, archive_sha256: String) -> Result<Manifest, SourceError> {
        let (order, stop) = (self.order, self.stop);
        // Never skipped: files may have been removed since, and the stage is what was built.
        self.number += 1;
        let (number, total) = (self.number, self.steps.len());
        self.show.event(Event::Step { number, total, name: PLACE });
        let staged = staged(&self.work.folder.join(STAGE), &order.prefix)?;
        for file in &staged.lose_bits {
            let text =
                format!("{file} would run with the rights of its owner: that bit is left out");
            self.show.event(Event::Warning(&text));
        }
        let about = About {
            name: order.recipe.recipe.name.clone(),
            version: order.version.clone(),
            features: order.features.clone(),
            archive_sha256,
        };
        let show = &mut *self.show;
        let all = u64::try_from(staged.files.len()).ok();
        let placed = place(&staged, &order.prefix, &about, stop, &mut |done| {
            show.event(Event::Amount { unit: "files", done, total: all });
        });
        placed.map_err(|error| match error {
            PlaceError::Stopped => SourceError::Stopped(PLACE.to_owned()),
            error => error.into(),
        })
    }

    fn check(&mut self) -> Result<PathBuf, SourceError> {
        self.number += 1;
        let (number, total) = (self.number, self.steps.len());
        self.show.event(Event::Step { number, total, name: CHECK });
        let recipe = &self.order.recipe.recipe;
        let prefix = self.order.prefix.display().to_string();
        let program = recipe.source.as_ref().map(|source| source.program.as_str());
        let program = PathBuf::from(filled(program.unwrap_or_default(), &[("prefix", &prefix)]));
        let found = ask(&program, &recipe.here).ok_or_else(|| {
            SourceError::Check(format!("{} does not say its version", program.display()))
        })?;
        if !self.order.version.starts_with(&found.version) {
            let (says, wanted) = (&found.version, &self.order.version);
            return Err(SourceError::Check(format!("it says it is {says}, not {wanted}")));
        }
        for name in &self.order.features {
            let Some(feature) = recipe.feature(name) else { continue };
            if let Works::No(why) = works(feature, &program) {
                return Err(SourceError::Check(format!("{name}: {why}")));
            }
        }
        Ok(program)
    }
}

/// The end of a log, for who looks for a cause.
#[must_use]
pub fn log_end(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_END_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_END_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// A recipe's step cannot be taken for one of ours.
fn step_name(step: &Step) -> String {
    format!("run:{}", step.name)
}

const FETCH: &str = "fetch";
const CHECKSUM: &str = "checksum";
const SIGNATURE: &str = "signature";
const UNPACK: &str = "unpack";
const PLACE: &str = "place";
const CHECK: &str = "check";
const ARCHIVE: &str = "archive";
const SOURCE: &str = "source";
const STAGE: &str = "stage";
const KEY_DIGITS: usize = 12;
const LOG_END_BYTES: u64 = 64 << 10;

#[cfg(test)]
mod tests;
