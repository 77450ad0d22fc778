//! `menshen install --remove`.

use std::path::Path;
use std::process::ExitCode;

use menshen_install::place::remove;
use menshen_install::words::is_name;

use super::failure::Failure;
use super::show::Shower;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT};

/// Removes what the manifest of `name` lists, and names what stays.
pub(super) fn remove(name: &str, prefix: &Path, shower: &mut Shower) -> Result<ExitCode, Failure> {
    if !is_name(name) {
        return Err(Failure::new(EXIT_CONFIG, format!("{name:?} is no name of a recipe")));
    }
    let removed = remove::remove(prefix, name);
    let removed = removed.map_err(|error| Failure::of(EXIT_PERMANENT, &error))?;
    let Some(removed) = removed else {
        let text = format!("nothing of {name} was built into {}", prefix.display());
        return Err(Failure::new(EXIT_NO, text)
            .hint("--prefix says where; packages are removed by the package manager."));
    };
    let mut text = format!("removed {} files of {name} from {}", removed.files, prefix.display());
    for path in &removed.kept {
        text.push_str(&format!("\nkept, because it was changed: {}", path.display()));
    }
    for path in &removed.folders_kept {
        text.push_str(&format!("\nkept, because it is not empty: {}", path.display()));
    }
    let json = serde_json::json!({
        "event": "removed",
        "files": removed.files,
        "kept": removed.kept,
        "folders_kept": removed.folders_kept,
    });
    shower.result(&text, &json);
    Ok(ExitCode::from(if removed.kept.is_empty() { 0 } else { EXIT_NO }))
}
