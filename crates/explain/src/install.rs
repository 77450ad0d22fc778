//! Looks whether a program is here, what it can do, and what would bring it.
//!
//! The program itself is asked, and the package manager which version it would install; both are
//! started with little time and no input. Nothing is changed, nothing is fetched.

use std::path::{Path, PathBuf};

use menshen_explain_core::install::{Facts, Feature, Here, Minimum, Package, Source};
use menshen_install::host::{Host, find};
use menshen_install::manifest::Manifest;
use menshen_install::probe::{Found, Works, ask, find_program, offered, works};
use menshen_install::recipe::Recipe;

/// Looks; `prefix` names one more place where the program may be.
#[must_use]
pub fn look(recipe: &Recipe, host: &Host, prefix: Option<&Path>) -> Facts {
    // Programs are asked from another folder than this one.
    let prefix = prefix.and_then(|prefix| std::path::absolute(prefix).ok());
    let found =
        prefix.and_then(|prefix| below(recipe, &prefix)).or_else(|| find_program(&recipe.here));
    let features = recipe.features.iter().map(|one| {
        let state = found.as_ref().map(|found| works(one, &found.program));
        let packages = host.manager.and_then(|manager| one.packages.get(&manager));
        Feature {
            name: one.name.clone(),
            about: one.about.clone(),
            standard: one.standard,
            works: state.as_ref().map(|state| *state == Works::Yes),
            seen: match state {
                Some(Works::No(seen)) => seen,
                _ => String::new(),
            },
            packages: packages.cloned().unwrap_or_default(),
        }
    });
    let names = host.manager.and_then(|manager| recipe.packages.get(&manager)).cloned();
    let names = names.unwrap_or_default();
    let offered =
        host.manager.zip(names.first()).and_then(|(manager, name)| offered(manager, name));
    Facts {
        name: recipe.name.clone(),
        about: recipe.about.clone(),
        distribution: host.release.pretty.clone(),
        manager: host.manager.map(menshen_install::manager::Manager::word),
        features: features.collect(),
        here: found.map(|found| Here {
            built_into: built_into(recipe, &found.program),
            program: found.program.display().to_string(),
            version: found.version,
        }),
        minimum: recipe
            .minimum
            .as_ref()
            .map(|minimum| Minimum { version: minimum.version.clone(), why: minimum.why.clone() }),
        package: Package { names, offered },
        source: recipe.source.as_ref().map(|source| Source {
            version: source.version.clone(),
            missing: source.needs.iter().filter(|name| find(name).is_none()).cloned().collect(),
        }),
    }
}

/// The program a build for this prefix has.
fn below(recipe: &Recipe, prefix: &Path) -> Option<Found> {
    let program = recipe.source.as_ref()?.program.strip_prefix("{prefix}/")?;
    ask(&prefix.join(program), &recipe.here)
}

/// The prefix whose manifest lists this program.
fn built_into(recipe: &Recipe, program: &Path) -> Option<String> {
    let real: PathBuf = program.canonicalize().ok()?;
    let prefix = real.ancestors().skip(1).find(|prefix| {
        let known = Manifest::load(prefix, &recipe.name).ok().flatten();
        let below = real.strip_prefix(prefix).ok().and_then(Path::to_str);
        known.zip(below).is_some_and(|(known, below)| known.entry(below).is_some())
    })?;
    Some(prefix.display().to_string())
}
