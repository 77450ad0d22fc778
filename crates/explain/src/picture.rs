//! What pictures of all kinds are drawn with: a canvas that knows where its texts are, the width
//! of texts, and the shell of a page. No script, no font, no reference to anything outside.
//!
//! Every text is escaped where it is written. Nothing here can fail.

mod canvas;
mod measure;
mod page;
#[cfg(test)]
pub(crate) mod proof;

pub(crate) use canvas::{Anchor, Area, Canvas, Column, Face, Sign, escape};
pub(crate) use page::page;
