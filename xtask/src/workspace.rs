//! What `cargo metadata` and the file list say about this tree.
//!
//! Only reads; the tree under test may also be a fixture in a temporary folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::shell;

/// A tree of files below one folder.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The folder.
    pub(crate) root: PathBuf,
    /// Files relative to it, sorted.
    pub(crate) files: BTreeSet<PathBuf>,
}

/// One package of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name, such as `menshen-web`.
    pub(crate) name: String,
    /// Its folder, relative to the root.
    pub(crate) folder: PathBuf,
    /// What its manifest names.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line under `[dependencies]` or its relatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package's own name, whatever it is renamed to.
    pub(crate) name: String,
    /// Whether only tests use it.
    pub(crate) use_case: UseCase,
}

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UseCase {
    /// Part of the product, or of building it.
    Product,
    /// Tests, examples and benchmarks only.
    Test,
}

impl Tree {
    /// The repository this program was built in: its files, except those git ignores.
    pub(crate) fn of_repository() -> Result<Self, String> {
        let root = repository_root()?;
        let mut git = Command::new("git");
        git.current_dir(&root).args(["ls-files", "-z", "--cached", "--others"]);
        match shell::output(git.arg("--exclude-standard")) {
            Ok(list) => {
                let files = list.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
                // A file may be deleted but not yet so in git's index.
                let files = files.filter(|file| root.join(file).is_file()).collect();
                Ok(Self { root, files })
            }
            Err(_) => Self::of_folder(root),
        }
    }

    /// Every file below `root`, except in folders that hold built or fetched things.
    pub(crate) fn of_folder(root: PathBuf) -> Result<Self, String> {
        let mut files = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder)
                .map_err(|e| format!("could not list {}: {e}", folder.display()))?;
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    let name = entry.file_name();
                    if !FOLDERS_SKIPPED.iter().any(|skipped| name == *skipped) {
                        folders.push(path);
                    }
                } else if let Ok(relative) = path.strip_prefix(&root) {
                    files.insert(relative.to_path_buf());
                }
            }
        }
        Ok(Self { root, files })
    }

    /// The file's text; None when it is missing or not UTF-8.
    pub(crate) fn text(&self, file: impl AsRef<Path>) -> Option<String> {
        fs::read_to_string(self.root.join(file)).ok()
    }

    /// All files with this extension, with their text.
    pub(crate) fn texts(&self, extension: &str) -> impl Iterator<Item = (&Path, String)> {
        self.files
            .iter()
            .filter(move |file| file.extension().is_some_and(|found| found == extension))
            .filter_map(|file| Some((file.as_path(), self.text(file)?)))
    }
}

/// The folder of the workspace.
pub(crate) fn repository_root() -> Result<PathBuf, String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).ok_or_else(|| "xtask has no parent folder".to_owned())
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let metadata = metadata(&repository_root()?)?;
    let folder = metadata["target_directory"].as_str();
    folder.map(PathBuf::from).ok_or_else(|| "metadata without target_directory".to_owned())
}

/// `cargo metadata` of the workspace at `root`, its own packages only.
pub(crate) fn metadata(root: &Path) -> Result<Value, String> {
    let args = ["metadata", "--format-version", "1", "--no-deps"];
    let text = shell::output(Command::new("cargo").current_dir(root).args(args))?;
    serde_json::from_str(&text).map_err(|e| format!("cargo metadata is not JSON: {e}"))
}

/// The packages in the output of `cargo metadata`.
pub(crate) fn packages(metadata: &Value) -> Result<Vec<Package>, String> {
    let root = metadata["workspace_root"].as_str().ok_or("metadata without workspace_root")?;
    let list = metadata["packages"].as_array().ok_or("metadata without packages")?;
    list.iter().map(|value| package(Path::new(root), value)).collect()
}

fn package(root: &Path, value: &Value) -> Result<Package, String> {
    let name = value["name"].as_str().ok_or("package without name")?.to_owned();
    let manifest = Path::new(value["manifest_path"].as_str().ok_or("package without manifest")?);
    let folder = manifest.parent().and_then(|folder| folder.strip_prefix(root).ok());
    let folder = folder.ok_or_else(|| format!("{name} is outside the workspace"))?.to_path_buf();
    let dependencies = value["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let dependencies = dependencies
        .iter()
        .filter_map(|dependency| {
            let use_case = match dependency["kind"].as_str() {
                Some("dev") => UseCase::Test,
                _ => UseCase::Product,
            };
            Some(Dependency { name: dependency["name"].as_str()?.to_owned(), use_case })
        })
        .collect();
    Ok(Package { name, folder, dependencies })
}

const FOLDERS_SKIPPED: [&str; 3] = [".git", "target", "node_modules"];

#[cfg(test)]
mod tests;
