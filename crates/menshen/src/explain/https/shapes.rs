//! In which shapes a handshake is given out: text or JSON on standard output, pictures and pages in
//! files.
//!
//! Files are opened before the rights of root are gone, and written at the end.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use menshen_config::Colour;
use menshen_explain::certificate::Paint;
use menshen_explain::handshake::{Gallery, Report, gallery_html, gallery_text, html, svg, text};

use super::{Complaint, HttpsArguments};
use crate::{EXIT_CONFIG, EXIT_PERMANENT, out};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Shapes {
    svg: Option<Place>,
    html: Option<Place>,
    json: bool,
}

/// Where a picture goes.
#[derive(Debug)]
enum Place {
    Stdout,
    File(PathBuf, File),
}

impl Shapes {
    /// Opens the files; an existing one keeps its content until there is a new one.
    pub(super) fn of(arguments: &HttpsArguments) -> Result<Self, Complaint> {
        let to_stdout = [arguments.svg.as_deref(), arguments.html.as_deref()];
        let to_stdout = to_stdout.into_iter().filter(|path| *path == Some(Path::new("-"))).count();
        if to_stdout + usize::from(arguments.json) > 1 {
            let text =
                "menshen: only one of --svg -, --html - and --json can go to standard output";
            return Err((text.into(), EXIT_CONFIG));
        }
        let [svg, html] = [&arguments.svg, &arguments.html].map(|path| place(path.as_deref()));
        Ok(Self { svg: svg?, html: html?, json: arguments.json })
    }

    /// What is printed of a handshake, after the files were written.
    pub(super) fn one(&self, report: &Report) -> Result<String, Complaint> {
        let picture = put(self.svg.as_ref(), || svg(report))?;
        let page = put(self.html.as_ref(), || html(report))?;
        Ok(match picture.or(page) {
            Some(shown) => shown,
            None if self.json => json(report),
            None => text(report, paint()),
        })
    }

    /// What is printed of the failed handshakes of a door.
    pub(super) fn many(&self, gallery: &Gallery) -> Result<String, Complaint> {
        if self.svg.is_some() && gallery.handshakes.is_empty() {
            return Err(("menshen: no failed handshake is kept".into(), EXIT_CONFIG));
        }
        let newest = || gallery.handshakes.first().map(svg).unwrap_or_default();
        let picture = put(self.svg.as_ref(), newest)?;
        let page = put(self.html.as_ref(), || gallery_html(gallery))?;
        Ok(match picture.or(page) {
            Some(shown) => shown,
            None if self.json => json(gallery),
            None => gallery_text(gallery, paint()),
        })
    }
}

fn place(path: Option<&Path>) -> Result<Option<Place>, Complaint> {
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
fn put(place: Option<&Place>, draw: impl Fn() -> String) -> Result<Option<String>, Complaint> {
    match place {
        None => Ok(None),
        Some(Place::Stdout) => Ok(Some(draw())),
        Some(Place::File(path, file)) => {
            let mut file = file;
            let is_regular = file.metadata().is_ok_and(|data| data.is_file());
            let emptied = if is_regular { file.set_len(0) } else { Ok(()) };
            emptied
                .and_then(|()| if is_regular { file.rewind() } else { Ok(()) })
                .and_then(|()| file.write_all(draw().as_bytes()))
                .map_err(|error| unwritable(path, &error, EXIT_PERMANENT))?;
            Ok(None)
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error, code: u8) -> Complaint {
    (format!("menshen: could not write {}\n  detail: {error}", path.display()), code)
}

fn json(value: &impl serde::Serialize) -> String {
    // Strings and numbers only: nothing in it can fail to become JSON.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn paint() -> Paint {
    match out::stdout_colour() {
        Colour::Plain => Paint::Plain,
        Colour::Ansi => Paint::Ansi,
    }
}
