//! Which names of fields a client may not use, because templates make them.
//!
//! Names are compared as PHP would tell them apart, with what PHP replaces replaced: it reads
//! `photo.path`, `photo path` and `photo[path` as `photo_path`, skips blanks before a name and
//! behind a bracket, and does not look at what follows the last bracket.

use std::collections::HashSet;

use menshen_config::model::{FieldPiece, FieldTemplate, FieldVariable, Fields};
use menshen_web_core::glob;

use crate::php::body::Part;

/// Names that are not the client's, as skeletons.
pub(super) struct Guarded {
    /// Made in this form.
    made: HashSet<Vec<u8>>,
    /// Patterns of names that carry a `$path` in any form.
    paths: Vec<Vec<u8>>,
}

impl Guarded {
    /// Those of a form with these parts.
    pub(super) fn of(fields: &Fields, parts: &[Part]) -> Self {
        let files = parts.iter().filter(|part| part.head.file_name.is_some());
        let made = files.flat_map(|part| {
            let name = tamed(&part.head.name, fields);
            fields.templates.iter().map(move |template| skeleton(&pattern(template, name)))
        });
        let made = made.collect();
        let has_path = |template: &&FieldTemplate| {
            template.value.contains(&FieldPiece::Variable(FieldVariable::Path))
        };
        let paths = fields.templates.iter().filter(has_path);
        let paths = paths.map(|template| skeleton(&pattern(template, b"*")));
        // A name of variables alone would be every name; then only names in this form count.
        let paths = paths.filter(|pattern| pattern.iter().any(|&byte| byte != b'*')).collect();
        Self { made, paths }
    }

    /// Whether a client's field of this skeleton is left out.
    pub(super) fn forbids(&self, name: &[u8]) -> bool {
        self.made.contains(name) || self.paths.iter().any(|pattern| glob::matches(pattern, name))
    }
}

/// The name of a file's field where a template's name is made of it.
pub(super) fn tamed<'a>(name: &'a [u8], fields: &Fields) -> &'a [u8] {
    let bare = name.strip_suffix(b"[]").filter(|_| fields.tame_arrays);
    bare.unwrap_or(name)
}

/// What stands for all names by which PHP gives the same variable.
pub(super) fn skeleton(name: &[u8]) -> Vec<u8> {
    let name = name.trim_ascii_start();
    let bracket = name.iter().position(|&byte| byte == b'[').unwrap_or(name.len());
    let (base, mut rest) = name.split_at(bracket);
    let mut bones: Vec<u8> = base.iter().map(replaced).collect();
    while let Some(inside) = rest.strip_prefix(b"[") {
        bones.push(b'_');
        let inside = inside.trim_ascii_start();
        let Some(end) = inside.iter().position(|&byte| byte == b']') else {
            bones.extend(inside.iter().map(replaced));
            break;
        };
        bones.extend(inside[..end].iter().map(replaced));
        bones.push(b'_');
        rest = &inside[end + 1..];
    }
    bones
}

/// The name a template makes for `field_name`, with a star for what differs from file to file.
fn pattern(template: &FieldTemplate, field_name: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::new();
    for piece in &template.name {
        match piece {
            FieldPiece::Text(text) => pattern.extend_from_slice(text.as_bytes()),
            FieldPiece::Variable(FieldVariable::FieldName) => pattern.extend_from_slice(field_name),
            FieldPiece::Variable(_) => pattern.push(b'*'),
        }
    }
    pattern
}

const fn replaced(byte: &u8) -> u8 {
    match byte {
        b' ' | b'.' | b'[' => b'_',
        other => *other,
    }
}

#[cfg(test)]
mod tests;
