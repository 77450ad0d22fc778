//! The way by packages: the distribution's manager, with commands that were shown before.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::child::{self, End, OnStop, Plan, shown};
use crate::host::Host;
use crate::manager::Manager;
use crate::recipe::Recipe;
use crate::show::{Event, Show};
use crate::stop::Stop;
use crate::work::{WorkError, own_folder};

/// What will be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagePlan {
    /// By whom.
    pub manager: Manager,
    /// What is installed.
    pub packages: Vec<String>,
    /// The commands, one after the other.
    pub commands: Vec<Vec<String>>,
}

/// Why no package was installed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No package manager is known here.
    #[error("no package manager is here that is known: apt, dnf, yum, apk, zypper, pacman")]
    NoManager,
    /// The recipe has no packages for it.
    #[error("the recipe names no package for {0}")]
    NoPackage(&'static str),
    /// It cannot be asked for one version.
    #[error("{0} cannot be asked for one version")]
    NoVersion(&'static str),
    /// It failed.
    #[error("{command} failed: {status}")]
    Failed {
        /// What was run.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// It could not be started.
    #[error("{0} could not be started")]
    Start(String, #[source] io::Error),
    /// The folder of the log.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// The user wanted to stop.
    #[error("stopped")]
    Stopped,
}

/// The commands that install `recipe` with `features` here; in `version` if one is named.
///
/// # Errors
/// No manager, no package, or a version that cannot be asked for.
pub fn plan(
    recipe: &Recipe,
    host: &Host,
    features: &[String],
    version: Option<&str>,
) -> Result<PackagePlan, PackageError> {
    let manager = host.manager.ok_or(PackageError::NoManager)?;
    let own = recipe.packages.get(&manager).filter(|list| !list.is_empty());
    let mut packages = own.ok_or_else(|| PackageError::NoPackage(manager.word()))?.clone();
    if let (Some(version), Some(first)) = (version, packages.first_mut()) {
        let one = manager.exactly(first, version);
        *first = one.ok_or_else(|| PackageError::NoVersion(manager.word()))?;
    }
    let more = features.iter().filter_map(|name| recipe.feature(name)?.packages.get(&manager));
    for package in more.flatten() {
        if !packages.contains(package) {
            packages.push(package.clone());
        }
    }
    Ok(commands(manager, packages))
}

/// The commands that install what a build of `recipe` with `features` needs.
///
/// # Errors
/// No manager; a recipe without packages for it needs none.
pub fn build_plan(
    recipe: &Recipe,
    host: &Host,
    features: &[String],
) -> Result<PackagePlan, PackageError> {
    let manager = host.manager.ok_or(PackageError::NoManager)?;
    let own = recipe.source.as_ref().and_then(|source| source.packages.get(&manager));
    let mut packages = own.cloned().unwrap_or_default();
    let more =
        features.iter().filter_map(|name| recipe.feature(name)?.source_packages.get(&manager));
    packages.extend(more.flatten().cloned());
    packages.sort();
    packages.dedup();
    Ok(commands(manager, packages))
}

fn commands(manager: Manager, packages: Vec<String>) -> PackagePlan {
    let mut commands: Vec<Vec<String>> = manager.refresh().into_iter().collect();
    commands.push(manager.install(&packages));
    PackagePlan { manager, packages, commands }
}

/// Runs the commands; the log is in `base`, and its path is given back.
///
/// # Errors
/// The first command that fails.
pub fn install(
    plan: &PackagePlan,
    base: &Path,
    show: &mut dyn Show,
    stop: &Stop,
) -> Result<PathBuf, PackageError> {
    let path = log_path(&own_folder(base)?);
    let failed = |error| PackageError::Work(WorkError::Io(path.clone(), error));
    let mut log = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
    let total = plan.commands.len();
    for (words, number) in plan.commands.iter().zip(1..) {
        let command = shown(words);
        if stop.wanted() {
            return Err(PackageError::Stopped);
        }
        show.event(Event::Step { number, total, name: &command });
        let environment = plan.manager.environment().iter();
        let plan = Plan {
            words,
            folder: Path::new("/"),
            environment: environment.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            log: &mut log,
            lock: None,
            on_stop: OnStop::Wait,
        };
        let ended = child::run(plan, show, stop);
        match ended.map_err(|error| PackageError::Start(command.clone(), error))? {
            End::Status(status) if status.success() => {}
            End::Status(status) => return Err(PackageError::Failed { command, status }),
            End::Stopped => return Err(PackageError::Stopped),
        }
    }
    Ok(path)
}

/// The log of the package manager's output.
#[must_use]
pub fn log_path(base: &Path) -> PathBuf {
    base.join("packages.log")
}

#[cfg(test)]
mod tests {
    //! Commands for every manager, from the recipes that are built in.
    use super::*;
    use crate::host::Release;
    use crate::recipe::load::built_in;

    fn host(manager: Option<Manager>) -> Host {
        Host { release: Release::default(), manager, root: false }
    }

    fn git() -> Recipe {
        built_in().into_iter().map(|one| one.recipe).find(|one| one.name == "git").unwrap()
    }

    fn lines(plan: &PackagePlan) -> Vec<String> {
        plan.commands.iter().map(|words| shown(words)).collect()
    }

    #[test]
    fn every_recipe_has_a_plan_for_every_manager() {
        for loaded in built_in() {
            for manager in Manager::ALL {
                let plan = plan(&loaded.recipe, &host(Some(manager)), &[], None).unwrap();
                let last = plan.commands.last().unwrap();
                assert_eq!(last.first().map(String::as_str), Some(manager.program()));
                assert!(plan.packages.iter().all(|package| last.contains(package)));
            }
        }
    }

    #[test]
    fn features_bring_their_packages() {
        let features = ["https", "perl", "svn"].map(str::to_owned);
        let debian = plan(&git(), &host(Some(Manager::Apt)), &features, None).unwrap();
        let install = "apt-get install --yes --no-install-recommends git ca-certificates git-email \
                       git-svn";
        assert_eq!(lines(&debian), ["apt-get update", install]);
        let centos = plan(&git(), &host(Some(Manager::Yum)), &[], None).unwrap();
        assert_eq!(lines(&centos), ["yum install --assumeyes git"]);
    }

    #[test]
    fn a_build_asks_for_what_its_features_need() {
        let plan = build_plan(&git(), &host(Some(Manager::Dnf)), &["https".to_owned()]).unwrap();
        assert!(plan.packages.contains(&"libcurl-devel".to_owned()));
        assert!(!plan.packages.contains(&"gettext".to_owned()));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let version = plan(&git(), &host(Some(Manager::Apt)), &[], Some("1:2.0")).unwrap();
        assert_eq!(version.packages.first().unwrap(), "git=1:2.0");
        let arch = plan(&git(), &host(Some(Manager::Pacman)), &[], Some("2.0"));
        assert!(matches!(arch, Err(PackageError::NoVersion("pacman"))));
        assert!(matches!(plan(&git(), &host(None), &[], None), Err(PackageError::NoManager)));
        let mut none = git();
        none.packages.clear();
        let none = plan(&none, &host(Some(Manager::Apk)), &[], None);
        assert!(matches!(none, Err(PackageError::NoPackage("apk"))));
    }
}
