//! Which names of fields a client may not use, because templates make them.
//!
//! PHP puts several names into one variable: it reads `photo.path`, ` photo path` and `photo[path`
//! as `photo_path`, and of `photo[path]x` and `photo[path][x` it does not look at the end (measured
//! with PHP 8.2). So names are compared as variables. Where in doubt two names are the same.

use std::collections::HashSet;

use menshen_config::model::{FieldPiece, FieldTemplate, FieldVariable, Fields};
use menshen_web_core::glob;

use crate::php::body::Part;

/// Names that are not the client's.
pub(super) struct Guarded {
    /// Variables that templates make in this form.
    made: HashSet<Vec<u8>>,
    /// Patterns of names that carry a `$path` in any form.
    paths: Vec<Vec<u8>>,
}

/// A name as PHP reads it.
struct Skeleton {
    /// Letters that PHP replaces replaced, brackets too; a tail that PHP ignores is gone.
    bones: Vec<u8>,
    /// So many of them name the variable; the rest are its indices.
    variable: usize,
}

impl Guarded {
    /// Those of a form with these parts.
    pub(super) fn of(fields: &Fields, parts: &[Part]) -> Self {
        let files = parts.iter().filter(|part| part.head.file_name.is_some());
        let made = files.flat_map(|part| {
            let name = tamed(&part.head.name, fields);
            let variable = move |template| Skeleton::of(&pattern(template, name)).into_variable();
            fields.templates.iter().map(variable)
        });
        let made = made.collect();
        let has_path = |template: &&FieldTemplate| {
            template.value.contains(&FieldPiece::Variable(FieldVariable::Path))
        };
        let paths = fields.templates.iter().filter(has_path);
        let paths = paths.map(|template| Skeleton::of(&pattern(template, b"*")).bones);
        // A name of variables alone would be every name; then only names in this form count.
        let paths = paths.filter(|pattern| pattern.iter().any(|&byte| byte != b'*')).collect();
        Self { made, paths }
    }

    /// Whether a client's field of this name is left out.
    pub(super) fn forbids(&self, name: &[u8]) -> bool {
        let skeleton = Skeleton::of(name);
        self.paths.iter().any(|pattern| glob::matches(pattern, &skeleton.bones))
            || self.made.contains(&skeleton.into_variable())
    }
}

/// The name of a file's field where a template's name is made of it.
pub(super) fn tamed<'a>(name: &'a [u8], fields: &Fields) -> &'a [u8] {
    let bare = name.strip_suffix(b"[]").filter(|_| fields.tame_arrays);
    bare.unwrap_or(name)
}

impl Skeleton {
    fn of(name: &[u8]) -> Self {
        let blanks = name.iter().take_while(|&&byte| byte == b' ').count();
        let name = &name[blanks..];
        let closed = name.iter().position(|&byte| byte == b'[').filter(|&open| {
            let behind = &name[open..];
            behind.contains(&b']')
        });
        let (base, mut rest) = name.split_at(closed.unwrap_or(name.len()));
        let mut bones: Vec<u8> = base.iter().map(replaced).collect();
        let variable = bones.len();
        while let Some(inside) = rest.strip_prefix(b"[") {
            let Some(end) = inside.iter().position(|&byte| byte == b']') else { break };
            let index = inside[..end].trim_ascii_start();
            bones.push(b'_');
            // PHP counts: in a pattern it is any index.
            bones.extend(if index.is_empty() { b"*" } else { index }.iter().map(replaced));
            bones.push(b'_');
            rest = &inside[end + 1..];
        }
        Self { bones, variable }
    }

    fn into_variable(mut self) -> Vec<u8> {
        self.bones.truncate(self.variable);
        self.bones
    }
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
