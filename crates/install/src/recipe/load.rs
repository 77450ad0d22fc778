//! Where recipes come from: the binary, `/etc/menshen/recipes.d`, a file the user names.
//!
//! A recipe runs as whoever calls `menshen install`, often root. So a file is taken only if nobody
//! but root or that user could have written it: the file, its folder and all folders above.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Recipe, RecipeProblem};

/// A recipe with its text.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub recipe: Recipe,
    /// As it is written.
    pub text: String,
    /// The file it is from; none: built in.
    pub file: Option<PathBuf>,
}

/// Why a recipe cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("could not read the recipe {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// Somebody else may have written it.
    #[error("the recipe {} is not used: {} {why}", .file.display(), .place.display())]
    Foreign {
        /// The recipe.
        file: PathBuf,
        /// What is not safe.
        place: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// It is none.
    #[error("{} is no recipe", .0.display())]
    Problem(PathBuf, #[source] RecipeProblem),
    /// Two have the same name.
    #[error("{} and {} have the same name", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
}

/// All recipes: those of files replace built-in ones of the same name.
///
/// # Errors
/// Files that cannot be read, are not safe, or hold no recipe; a folder that is not there is empty.
pub fn all(folder: &Path) -> Result<Vec<Loaded>, LoadError> {
    let mut found: Vec<Loaded> = Vec::new();
    for file in files(folder)? {
        let loaded = from_file(&file)?;
        if let Some(other) = found.iter().find(|one| one.recipe.name == loaded.recipe.name) {
            return Err(LoadError::Twice(other.file.clone().unwrap_or_default(), file));
        }
        found.push(loaded);
    }
    let own = built_in();
    let new = own
        .into_iter()
        .filter(|one| !found.iter().any(|other| other.recipe.name == one.recipe.name));
    let mut all: Vec<Loaded> = new.collect();
    all.append(&mut found);
    all.sort_by(|a, b| a.recipe.name.cmp(&b.recipe.name));
    Ok(all)
}

/// The recipes of the binary.
#[must_use]
pub fn built_in() -> Vec<Loaded> {
    // A test reads them all.
    let parsed = BUILT_IN.iter().filter_map(|text| {
        let recipe = Recipe::parse(text).ok()?;
        Some(Loaded { recipe, text: (*text).to_owned(), file: None })
    });
    parsed.collect()
}

/// The recipe of one file.
///
/// # Errors
/// It cannot be read, is not safe, or is none.
pub fn from_file(file: &Path) -> Result<Loaded, LoadError> {
    let failed = |error| LoadError::Read(file.to_owned(), error);
    let path = file.canonicalize().map_err(failed)?;
    let opened = File::open(&path).map_err(failed)?;
    let meta = opened.metadata().map_err(failed)?;
    let foreign = |place: &Path, why| LoadError::Foreign {
        file: file.to_owned(),
        place: place.to_owned(),
        why,
    };
    if let Some(why) = unsafe_file(&meta) {
        return Err(foreign(&path, why));
    }
    for above in path.ancestors().skip(1) {
        let meta = above.symlink_metadata().map_err(failed)?;
        if let Some(why) = unsafe_folder(&meta) {
            return Err(foreign(above, why));
        }
    }
    let bytes = crate::read::from(opened, RECIPE_BYTES_MAX).map_err(failed)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8")))?;
    let recipe = Recipe::parse(&text).map_err(|why| LoadError::Problem(file.to_owned(), why))?;
    Ok(Loaded { recipe, text, file: Some(file.to_owned()) })
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |error| LoadError::Read(folder.to_owned(), error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries.take(FILES_MAX) {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unsafe_file(meta: &Metadata) -> Option<&'static str> {
    if !meta.is_file() {
        return Some("is no file");
    }
    unsafe_owner(meta).or_else(|| (meta.mode() & 0o022 != 0).then_some("can be written by others"))
}

/// A folder in which others may write only what is theirs (`/tmp`) is no danger.
pub(crate) fn unsafe_folder(meta: &Metadata) -> Option<&'static str> {
    let open = meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0;
    unsafe_owner(meta).or_else(|| open.then_some("can be written by others"))
}

fn unsafe_owner(meta: &Metadata) -> Option<&'static str> {
    let own = rustix::process::geteuid().as_raw();
    (meta.uid() != 0 && meta.uid() != own).then_some("belongs to somebody else")
}

const BUILT_IN: [&str; 3] = [
    include_str!("../recipes/git.toml"),
    include_str!("../recipes/mariadb.toml"),
    include_str!("../recipes/php-fpm.toml"),
];
/// Where administrators put theirs.
pub const FOLDER: &str = "/etc/menshen/recipes.d";
const RECIPE_BYTES_MAX: u64 = 256 << 10;
const FILES_MAX: usize = 1000;

#[cfg(test)]
mod tests;
