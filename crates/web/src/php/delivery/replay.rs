//! `replay`: the form again, with every byte of its files, at local speed.
//!
//! The body cannot say that a file was over the site's limit, so such a form is refused rather
//! than told wrong.

use super::{Delivered, Writer};
use crate::fault::Fault;
use crate::php::body::{Content, Part};

pub(super) fn deliver(mut form: Writer, parts: Vec<Part>) -> Result<Delivered, Fault> {
    for part in parts {
        form.begin(&part.head)?;
        match part.content {
            Content::Piled(range) => form.source.push_piled(range),
            // One byte over the form's own limit is all PHP needs to see that it is too large.
            Content::Spooled { file, .. } => form.source.push_file(file),
            Content::Gone => return Err(Fault::TooLarge),
            Content::Ahead(_) => return Err(Fault::Storage),
        }
        form.end();
    }
    Ok(form.close())
}
