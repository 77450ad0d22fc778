//! Recipes: what a program is called, how it is seen, and how it comes here. TOML, read whole.
//!
//! A recipe holds commands that its user will run, so it is code: [`load`] takes it from files of
//! root or of the user only. What is checked here are mistakes: unknown keys and variables, names
//! that a command line would take for options.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manager::Manager;
use crate::words;

pub mod load;

/// How a program is seen and brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What `menshen install` calls it: `[a-z0-9][a-z0-9.+-]*`.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// From which version on it is of use.
    pub minimum: Option<Minimum>,
    /// How to see that it is here.
    pub here: Here,
    /// Packages, by manager.
    #[serde(default)]
    pub packages: Packages,
    /// How it is built.
    pub source: Option<Source>,
    /// What it may be able to do.
    #[serde(default, rename = "feature")]
    pub features: Vec<Feature>,
}

/// Packages by manager.
pub type Packages = BTreeMap<Manager, Vec<String>>;

/// From which version on something is of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// That version.
    pub version: String,
    /// Why older ones are not.
    pub why: String,
}

/// How to see that it is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Here {
    /// Names it may have; one that ends in `*` stands for digits and dots behind it.
    pub programs: Vec<String>,
    /// What it is given to say its version.
    pub arguments: Vec<String>,
    /// Where in its answer the version is: text with `{version}` in it.
    pub version: String,
}

/// How it is built from source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The version that is built when none is named.
    pub version: String,
    /// Where its archive is; `{version}` stands for the version.
    pub url: String,
    /// The folder in the archive.
    pub folder: String,
    /// Programs without which nothing can be built.
    pub needs: Vec<String>,
    /// The program that is then there.
    pub program: String,
    /// SHA-256 of the archive, by version; hex.
    #[serde(default)]
    pub sha256: BTreeMap<String, String>,
    /// Where its signature is.
    pub signature: Option<Signature>,
    /// Packages that are needed to build it.
    #[serde(default)]
    pub packages: Packages,
    /// What is run, one after the other; the last one installs into `{stage}`.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// A detached signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Where it is.
    pub url: String,
    /// What is signed.
    #[serde(default)]
    pub of: Signed,
}

/// What a signature is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// The file as it is.
    #[default]
    Archive,
    /// The tar within the compression.
    Tar,
}

/// One command of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// For people, and for the stamp that it is done.
    pub name: String,
    /// Program and arguments, run in the unpacked folder. Without a shell, unless it is the
    /// program.
    pub run: Vec<String>,
    /// Set beside the environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// What it may be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// What `--with` calls it.
    pub name: String,
    /// For people.
    pub about: String,
    /// It is wanted unless it is said not to be.
    #[serde(default)]
    pub standard: bool,
    /// Features it needs.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How to see whether it works.
    pub test: Test,
    /// Packages that bring it.
    #[serde(default)]
    pub packages: Packages,
    /// Packages that are needed to build with it.
    #[serde(default)]
    pub source_packages: Packages,
    /// Stands for `{features}` where it is wanted.
    #[serde(default)]
    pub with: Vec<String>,
    /// Stands for `{features}` where it is not.
    #[serde(default)]
    pub without: Vec<String>,
}

/// How to see whether a feature works: by a command or by a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Program and arguments; `{program}` is the one that was found.
    #[serde(default)]
    pub run: Vec<String>,
    /// How it has to end.
    #[serde(default)]
    pub exit: Exit,
    /// What it has to print.
    pub says: Option<String>,
    /// What it must not print.
    pub says_not: Option<String>,
    /// A file that has to be there; `{root}` is the folder above the program's own.
    pub file: Option<String>,
}

/// How a command of a test has to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// With 0.
    #[default]
    Good,
    /// Anyhow: what it prints decides.
    Any,
}

/// Why a text is no recipe.
#[derive(Debug, thiserror::Error)]
pub enum RecipeProblem {
    /// It is no TOML, or its keys are others.
    #[error("{0}")]
    Text(#[from] toml::de::Error),
    /// It contradicts itself.
    #[error("{0}")]
    Content(String),
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// What is not TOML, has unknown keys or variables, or names that are no names.
    pub fn parse(text: &str) -> Result<Self, RecipeProblem> {
        let recipe: Self = toml::from_str(text)?;
        recipe.check().map_err(RecipeProblem::Content)?;
        Ok(recipe)
    }

    /// The feature of this name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    fn check(&self) -> Result<(), String> {
        if !words::is_name(&self.name) {
            return Err(format!("name = {:?} is no name: a-z, 0-9, `.`, `+`, `-`", self.name));
        }
        if self.here.programs.is_empty() || !self.here.version.contains("{version}") {
            return Err("here: needs programs, and a version with {version} in it".into());
        }
        if self.here.programs.iter().any(|name| name.contains('/') || name.starts_with('*')) {
            return Err("here.programs: names without a folder".into());
        }
        if self.minimum.as_ref().is_some_and(|one| !words::is_version(&one.version)) {
            return Err("minimum.version is no version".into());
        }
        packages("packages", &self.packages)?;
        for feature in &self.features {
            self.check_feature(feature)
                .map_err(|why| format!("feature {}: {why}", feature.name))?;
        }
        match &self.source {
            Some(source) => source.check().map_err(|why| format!("source: {why}")),
            None => Ok(()),
        }
    }

    fn check_feature(&self, feature: &Feature) -> Result<(), String> {
        let same = self.features.iter().filter(|one| one.name == feature.name).count();
        if !words::is_name(&feature.name) || same != 1 {
            return Err("is no name, or stands here twice".into());
        }
        if let Some(unknown) = feature.needs.iter().find(|name| self.feature(name).is_none()) {
            return Err(format!("needs {unknown:?}, which is no feature"));
        }
        match (feature.test.run.is_empty(), &feature.test.file) {
            (true, Some(file)) => words::variables(file, &["root"])?,
            (false, None) => all(&feature.test.run, &["program"])?,
            _ => return Err("test: either `run` or `file`".into()),
        }
        all(&feature.with, words::STEP)?;
        all(&feature.without, words::STEP)?;
        packages("packages", &feature.packages)?;
        packages("source_packages", &feature.source_packages)
    }
}

impl Source {
    /// The archive's place.
    #[must_use]
    pub fn url(&self, version: &str) -> String {
        self.url.replace("{version}", version)
    }

    fn check(&self) -> Result<(), String> {
        if !words::is_version(&self.version) {
            return Err(format!("version = {:?} is no version", self.version));
        }
        for text in [&self.url, &self.folder] {
            words::variables(text, &["version"])?;
        }
        if let Some(signature) = &self.signature {
            words::variables(&signature.url, &["version"])?;
        }
        words::variables(&self.program, &["prefix"])?;
        if !self.program.starts_with("{prefix}/") {
            return Err("program has to begin with {prefix}/".into());
        }
        if self.folder.is_empty() || self.folder.contains('/') || self.folder.starts_with('.') {
            return Err("folder is one name".into());
        }
        let wrong = self
            .sha256
            .iter()
            .find(|(version, sum)| !words::is_version(version) || !words::is_sha256(sum));
        if let Some((version, _)) = wrong {
            return Err(format!("sha256: {version:?} has to have 64 hex digits"));
        }
        packages("packages", &self.packages)?;
        for step in &self.steps {
            all(&step.run, words::STEP).map_err(|why| format!("step {}: {why}", step.name))?;
            let same = self.steps.iter().filter(|one| one.name == step.name).count();
            if step.run.is_empty() || !words::is_name(&step.name) || same != 1 {
                return Err(format!(
                    "step {:?}: needs a name of its own, and a command",
                    step.name
                ));
            }
        }
        let stages = |step: &&Step| step.run.iter().any(|word| word.contains("{stage}"));
        let last = self.steps.last().filter(stages);
        if last.is_none() || self.steps.iter().filter(stages).count() != 1 {
            return Err("the last step, and no other, installs into {stage}".into());
        }
        Ok(())
    }
}

fn all(list: &[String], known: &[&str]) -> Result<(), String> {
    list.iter().try_for_each(|word| words::variables(word, known))
}

fn packages(key: &str, packages: &Packages) -> Result<(), String> {
    let wrong = packages.values().flatten().find(|name| !words::is_package(name));
    wrong.map_or(Ok(()), |name| Err(format!("{key}: {name:?} is no package's name")))
}

#[cfg(test)]
mod tests;
