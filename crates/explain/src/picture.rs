//! What pictures of all kinds are drawn with: a canvas that knows where its texts are, the width
//! of texts, sheets of two widths, and the shell of a page. No script, no font, no reference to
//! anything outside.
//!
//! Every text is escaped where it is written. Nothing here can fail.

mod canvas;
mod measure;
mod page;
#[cfg(test)]
pub(crate) mod proof;
mod sheet;
mod words;

pub(crate) use canvas::{Anchor, Canvas, Column, Face, Sign, escape};
pub(crate) use page::page;
pub(crate) use sheet::{Document, MARGIN, NARROW, SECTION, Sheet, WIDE, document, finish};
pub(crate) use words::{clean, short};
