//! Copies an installed package out of the system's folders.
//!
//! Links are followed, because Debian's packages link to shared libraries and to `/etc`. A link to
//! something missing is left out. It must never write to the source.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Copies the folder `from` to `to`, without the entries at its top that `leave_out` names.
pub(crate) fn copy(from: &Path, to: &Path, leave_out: &[&str]) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|e| format!("could not create {}: {e}", to.display()))?;
    let entries =
        fs::read_dir(from).map_err(|e| format!("could not list {}: {e}", from.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if leave_out.iter().any(|left_out| name == *left_out) {
            continue;
        }
        one(&entry.path(), &to.join(name), DEPTH_MAX)?;
    }
    Ok(())
}

fn one(from: &Path, to: &Path, depth: u32) -> Result<(), String> {
    let what = match fs::metadata(from) {
        Ok(what) => what,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(format!("could not read {}: {e}", from.display())),
    };
    if !what.is_dir() {
        return match fs::copy(from, to) {
            Ok(_) => Ok(()),
            Err(e) => Err(format!("could not copy {}: {e}", from.display())),
        };
    }
    // A link that leads back upwards would otherwise be copied for ever.
    let depth = depth.checked_sub(1).ok_or_else(|| format!("{} is too deep", from.display()))?;
    fs::create_dir_all(to).map_err(|e| format!("could not create {}: {e}", to.display()))?;
    let entries =
        fs::read_dir(from).map_err(|e| format!("could not list {}: {e}", from.display()))?;
    for entry in entries.flatten() {
        one(&entry.path(), &to.join(entry.file_name()), depth)?;
    }
    Ok(())
}

const DEPTH_MAX: u32 = 40;

#[cfg(test)]
mod tests;
