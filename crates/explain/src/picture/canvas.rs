//! The drawing as it grows downwards. Every text goes through [`Canvas::text`], which escapes it
//! and notes the place it takes.

use std::fmt::Write as _;

use super::measure;

/// A part of the sheet from top to bottom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) x: i32,
    pub(crate) width: i32,
}

impl Column {
    pub(crate) const fn right(self) -> i32 {
        self.x + self.width
    }

    /// Without so much at its left.
    pub(crate) const fn indented(self, by: i32) -> Self {
        Self { x: self.x + by, width: self.width - by }
    }
}

/// The look of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Face {
    pub(crate) size: i32,
    pub(crate) bold: bool,
    /// Of the style sheet.
    pub(crate) class: &'static str,
}

impl Face {
    pub(crate) const TITLE: Self = Self { size: 22, bold: true, class: "t" };
    pub(crate) const HEADING: Self = Self { size: 17, bold: true, class: "t" };
    pub(crate) const STRONG: Self = Self { size: 15, bold: true, class: "t" };
    pub(crate) const BODY: Self = Self { size: 15, bold: false, class: "t" };
    pub(crate) const FAINT: Self = Self { size: 14, bold: false, class: "m" };
    pub(crate) const LABEL: Self = Self { size: 14, bold: true, class: "m" };
    pub(crate) const STRUCK: Self = Self { size: 15, bold: false, class: "t s" };

    /// From one line to the next.
    pub(crate) const fn line(self) -> i32 {
        self.size * 135 / 100
    }

    pub(crate) fn width(self, text: &str) -> i32 {
        measure::width(text, self.size, self.bold)
    }
}

/// A sign of the document's defs (`i-ID`), and its colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign {
    pub(crate) id: &'static str,
    /// Of the style sheet.
    pub(crate) class: &'static str,
}

/// Where a text begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: i32,
    pub(crate) right: i32,
    pub(crate) top: i32,
    pub(crate) bottom: i32,
    pub(crate) text: String,
}

/// The drawing.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    /// Drawn first.
    under: String,
    over: String,
    areas: Vec<Area>,
}

impl Canvas {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn done(self) -> (String, Vec<Area>) {
        (self.under + &self.over, self.areas)
    }

    /// One line of text; `y` is its base line.
    pub(crate) fn text(&mut self, x: i32, y: i32, face: Face, anchor: Anchor, text: &str) {
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
    pub(crate) fn paragraph(&mut self, column: Column, y: i32, face: Face, text: &str) -> i32 {
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
    pub(crate) fn marked(
        &mut self,
        column: Column,
        y: i32,
        sign: Sign,
        face: Face,
        text: &str,
    ) -> i32 {
        let side = face.size + 1;
        self.icon(sign.id, sign.class, column.x, y + 1, side);
        self.paragraph(column.indented(side + 7), y, face, text)
    }

    /// One of the signs of the defs.
    pub(crate) fn icon(&mut self, id: &str, class: &str, x: i32, y: i32, side: i32) {
        let _ = writeln!(
            self.over,
            "<use href=\"#i-{id}\" class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" \
             height=\"{side}\"/>"
        );
    }

    /// A shape as it is written; never with text of others.
    pub(crate) fn shape(&mut self, shape: &str) {
        self.over.push_str(shape);
        self.over.push('\n');
    }

    /// A shape below all others.
    pub(crate) fn below(&mut self, shape: &str) {
        self.under.push_str(shape);
        self.under.push('\n');
    }

    /// All until [`Canvas::close`] shows `title` when pointed at.
    pub(crate) fn open(&mut self, title: &str) {
        let _ = writeln!(self.over, "<g><title>{}</title>", escape(title));
    }

    pub(crate) fn close(&mut self, column: Column, top: i32, bottom: i32) {
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
pub(crate) fn escape(text: &str) -> String {
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
