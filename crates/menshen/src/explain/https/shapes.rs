//! In which shapes a handshake is given out: text or JSON on standard output, pictures and pages in
//! files.
//!
//! Files are opened before the rights of root are gone, and written at the end.

use menshen_config::Colour;
use menshen_explain::certificate::Paint;
use menshen_explain::handshake::{Gallery, Report, gallery_html, gallery_text, html, svg, text};

use super::{Complaint, HttpsArguments};
use crate::explain::place::{Place, one_to_stdout, place, put};
use crate::{EXIT_CONFIG, out};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Shapes {
    svg: Option<Place>,
    html: Option<Place>,
    json: bool,
}

impl Shapes {
    /// Opens the files; an existing one keeps its content until there is a new one.
    pub(super) fn of(arguments: &HttpsArguments) -> Result<Self, Complaint> {
        one_to_stdout(arguments.svg.as_deref(), arguments.html.as_deref(), arguments.json)?;
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
