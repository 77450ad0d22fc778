//! `fields`: form fields in the place of each file tell where it is.
//!
//! What templates make must not be forgeable. A field of the client's is left out when PHP would
//! put it into a variable that a template makes in this form; and, because a form without a file
//! makes none, also when it could be the `$path` of any file.

mod names;

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use menshen_config::model::{FieldPiece, FieldVariable, Fields};
use menshen_web_core::glob;

use self::names::Guarded;
use super::{Delivered, Leftovers, Store, Writer, random_hex};
use crate::fault::Fault;
use crate::php::body::{Content, Part};
use crate::php::spool::{Named, PhpSpool};

pub(super) fn deliver(
    spool: &Arc<PhpSpool>,
    mut form: Writer,
    parts: Vec<Part>,
    fields: &Fields,
    store: Option<Store<'_>>,
) -> Result<Delivered, Fault> {
    let guarded = Guarded::of(fields, &parts);
    let (mut files, mut number) = (Vec::new(), 0_u64);
    for part in parts {
        if part.head.file_name.is_none() {
            let Content::Piled(range) = part.content else { continue };
            let name = &part.head.name;
            if is_passed(name, fields) && !guarded.forbids(name) {
                form.begin_field(name)?;
                form.source.push_piled(range);
                form.end();
            }
            continue;
        }
        // A field without a chosen file makes nothing, nor does a file over the limit.
        let Content::Spooled { mut file, .. } = part.content else { continue };
        let path = match store {
            Some(store) => into_store(&mut file, store)?,
            None => spool.path_of(&file),
        };
        number += 1;
        let told =
            Told { head: &part.head, digests: &part.digests, path, size: file.size(), number };
        for template in &fields.templates {
            let name = told.text(&template.name, names::tamed(&part.head.name, fields));
            form.begin_field(&name)?;
            let value = told.text(&template.value, &part.head.name);
            form.source.push_text(&value);
            form.end();
        }
        files.push(file);
    }
    let mut delivered = form.close();
    delivered.files = match store {
        Some(_) => Leftovers::stored(files, fields.cleanup.clone()),
        None => Leftovers::spooled(files),
    };
    Ok(delivered)
}

/// What is known of one file.
struct Told<'a> {
    head: &'a menshen_web_core::multipart::PartHead,
    digests: &'a crate::php::digests::Digests,
    path: Vec<u8>,
    size: u64,
    number: u64,
}

impl Told<'_> {
    /// The text of a template's name or value.
    fn text(&self, pieces: &[FieldPiece], field_name: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in pieces {
            match piece {
                FieldPiece::Text(known) => text.extend_from_slice(known.as_bytes()),
                FieldPiece::Variable(variable) => self.value(*variable, field_name, &mut text),
            }
        }
        text
    }

    fn value(&self, variable: FieldVariable, field_name: &[u8], out: &mut Vec<u8>) {
        let sent = |text: &Option<Vec<u8>>, out: &mut Vec<u8>| {
            out.extend_from_slice(text.as_deref().unwrap_or_default());
        };
        match variable {
            FieldVariable::FieldName => out.extend_from_slice(field_name),
            FieldVariable::FileName => sent(&self.head.file_name, out),
            FieldVariable::ContentType => sent(&self.head.content_type, out),
            FieldVariable::Path => out.extend_from_slice(&self.path),
            FieldVariable::Size => out.extend_from_slice(self.size.to_string().as_bytes()),
            FieldVariable::Number => out.extend_from_slice(self.number.to_string().as_bytes()),
            digest => out.extend_from_slice(self.digests.text(digest).as_bytes()),
        }
    }
}

fn is_passed(name: &[u8], fields: &Fields) -> bool {
    fields.pass.is_empty()
        || fields.pass.iter().any(|pattern| glob::matches(pattern.as_bytes(), name))
}

/// Moves a file into the store under a name nobody can guess; returns its path.
fn into_store(file: &mut Named, store: Store<'_>) -> Result<Vec<u8>, Fault> {
    let name = random_hex::<16>()?;
    let path = store.path.join(&name).as_os_str().as_bytes().to_vec();
    file.move_to(store.folder, name)?;
    Ok(path)
}
