//! Where pictures and pages go: files, or standard output.
//!
//! Files are opened before the rights of root are gone, and written at the end. What goes wrong is
//! a message and an exit code.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use crate::{EXIT_CONFIG, EXIT_PERMANENT};

/// Where a picture goes.
#[derive(Debug)]
pub(super) enum Place {
    Stdout,
    File(PathBuf, File),
}

/// Refuses more than one thing for standard output.
pub(super) fn one_to_stdout(
    svg: Option<&Path>,
    html: Option<&Path>,
    json: bool,
) -> Result<(), (String, u8)> {
    let pictures = [svg, html].into_iter().filter(|path| *path == Some(Path::new("-"))).count();
    if pictures + usize::from(json) > 1 && pictures > 0 {
        let text = "menshen: only one of --svg -, --html - and --json can go to standard output";
        return Err((text.into(), EXIT_CONFIG));
    }
    Ok(())
}

/// Opens the file before rights are given up; an existing one keeps its content until there is a
/// new one.
pub(super) fn place(path: Option<&Path>) -> Result<Option<Place>, (String, u8)> {
    match path {
        None => Ok(None),
        Some(path) if path == Path::new("-") => Ok(Some(Place::Stdout)),
        Some(path) => {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
            let file = file.map_err(|error| unwritable(path, &error, EXIT_CONFIG))?;
            Ok(Some(Place::File(path.to_owned(), file)))
        }
    }
}

/// Writes a file; gives back what is for standard output.
pub(super) fn put(
    place: Option<&Place>,
    draw: impl Fn() -> String,
) -> Result<Option<String>, (String, u8)> {
    match place {
        None => Ok(None),
        Some(Place::Stdout) => Ok(Some(draw())),
        Some(place) => write(place, draw().as_bytes()).map(|()| None),
    }
}

/// Writes octets that are no text.
pub(super) fn write(place: &Place, octets: &[u8]) -> Result<(), (String, u8)> {
    let Place::File(path, file) = place else {
        let text = "menshen: a capture is not written to standard output\n  hint: name a file.";
        return Err((text.into(), EXIT_CONFIG));
    };
    let mut file = file;
    let is_regular = file.metadata().is_ok_and(|data| data.is_file());
    let emptied = if is_regular { file.set_len(0) } else { Ok(()) };
    emptied
        .and_then(|()| if is_regular { file.rewind() } else { Ok(()) })
        .and_then(|()| file.write_all(octets))
        .map_err(|error| unwritable(path, &error, EXIT_PERMANENT))
}

fn unwritable(path: &Path, error: &std::io::Error, code: u8) -> (String, u8) {
    (format!("menshen: could not write {}\n  detail: {error}", path.display()), code)
}
