//! The drawing as it grows downwards. Every text goes through [`Canvas::text`], which escapes it
//! and notes the place it takes.

use std::fmt::Write as _;

use super::measure;
use crate::handshake::scene::Mark;

/// A part of the sheet from top to bottom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) x: i32,
    pub(super) width: i32,
}

impl Column {
    pub(super) const fn right(self) -> i32 {
        self.x + self.width
    }

    /// Without so much at its left.
    pub(super) const fn indented(self, by: i32) -> Self {
        Self { x: self.x + by, width: self.width - by }
    }
}

/// The look of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    pub(super) size: i32,
    pub(super) bold: bool,
    /// Of the style sheet.
    pub(super) class: &'static str,
}

impl Face {
    pub(super) const TITLE: Self = Self { size: 22, bold: true, class: "t" };
    pub(super) const HEADING: Self = Self { size: 17, bold: true, class: "t" };
    pub(super) const STRONG: Self = Self { size: 15, bold: true, class: "t" };
    pub(super) const BODY: Self = Self { size: 15, bold: false, class: "t" };
    pub(super) const FAINT: Self = Self { size: 14, bold: false, class: "m" };
    pub(super) const LABEL: Self = Self { size: 14, bold: true, class: "m" };
    pub(super) const STRUCK: Self = Self { size: 15, bold: false, class: "t s" };

    /// From one line to the next.
    pub(super) const fn line(self) -> i32 {
        self.size * 135 / 100
    }

    pub(super) fn width(self, text: &str) -> i32 {
        measure::width(text, self.size, self.bold)
    }
}

/// Where a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
    pub(super) text: String,
}

/// The drawing.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    /// Drawn first.
    under: String,
    over: String,
    areas: Vec<Area>,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn done(self) -> (String, Vec<Area>) {
        (self.under + &self.over, self.areas)
    }

    /// One line of text; `y` is its base line.
    pub(super) fn text(&mut self, x: i32, y: i32, face: Face, anchor: Anchor, text: &str) {
        let width = face.width(text);
        let (left, word) = match anchor {
            Anchor::Start => (x, ""),
            Anchor::Middle => (x - width / 2, " text-anchor=\"middle\""),
            Anchor::End => (x - width, " text-anchor=\"end\""),
        };
        let weight = if face.bold { " font-weight=\"600\"" } else { "" };
        let _ = writeln!(
            self.over,
            "<text x=\"{x}\" y=\"{y}\" class=\"{}\" font-size=\"{}\"{weight}{word}>{}</text>",
            face.class,
            face.size,
            escape(text),
        );
        self.areas.push(Area {
            left,
            right: left + width,
            top: y - face.size * 4 / 5,
            bottom: y + face.size / 4,
            text: text.to_owned(),
        });
    }

    /// A paragraph from `y` on; gives where the next thing may begin.
    pub(super) fn paragraph(&mut self, column: Column, y: i32, face: Face, text: &str) -> i32 {
        if text.is_empty() {
            return y;
        }
        let mut y = y;
        for line in measure::broken(text, face.size, face.bold, column.width) {
            self.text(column.x, y + face.size, face, Anchor::Start, &line);
            y += face.line();
        }
        y
    }

    /// A paragraph behind a sign.
    pub(super) fn marked(
        &mut self,
        column: Column,
        y: i32,
        mark: Mark,
        face: Face,
        text: &str,
    ) -> i32 {
        let side = face.size + 1;
        self.sign(column.x, y + 1, side, mark);
        self.paragraph(column.indented(side + 7), y, face, text)
    }

    pub(super) fn sign(&mut self, x: i32, y: i32, side: i32, mark: Mark) {
        let (id, class) = match mark {
            Mark::Good => ("good", "good"),
            Mark::Bad => ("bad", "bad"),
            Mark::Differs => ("differs", "odd"),
            Mark::Unknown => ("unknown", "odd"),
        };
        self.icon(id, class, x, y, side);
    }

    /// One of the signs of the defs.
    pub(super) fn icon(&mut self, id: &str, class: &str, x: i32, y: i32, side: i32) {
        let _ = writeln!(
            self.over,
            "<use href=\"#i-{id}\" class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" \
             height=\"{side}\"/>"
        );
    }

    /// A shape as it is written; never with text of others.
    pub(super) fn shape(&mut self, shape: &str) {
        self.over.push_str(shape);
        self.over.push('\n');
    }

    /// A shape below all others.
    pub(super) fn below(&mut self, shape: &str) {
        self.under.push_str(shape);
        self.under.push('\n');
    }

    /// All until [`Canvas::close`] shows `title` when pointed at.
    pub(super) fn open(&mut self, title: &str) {
        let _ = writeln!(self.over, "<g><title>{}</title>", escape(title));
    }

    pub(super) fn close(&mut self, column: Column, top: i32, bottom: i32) {
        let _ = writeln!(
            self.over,
            "<rect class=\"hit\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\"/></g>",
            column.x,
            column.width,
            bottom - top
        );
    }
}

/// Text as it is written in XML and HTML.
pub(in crate::handshake) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}
