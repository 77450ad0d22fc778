//! Details of the `fields` delivery: templates, name patterns, ranges of statuses. Pure functions.

use super::text::Refusal;
use crate::model::{FieldPiece, FieldTemplate, FieldVariable};
use crate::nearest::nearest;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// `NAME = VALUE`, both with variables.
pub(crate) fn read(text: &str) -> Result<FieldTemplate, Refusal> {
    let hint = "such as \"$field_name.path = $path\"";
    let refuse = |why: &str, hint| Err(Refusal::new(format!("{} {why}", quoted(text)), hint));
    if text.len() > TEMPLATE_BYTES_MAX || text.chars().any(char::is_control) {
        return refuse("is too long or contains a control character", "");
    }
    let Some((name, value)) = text.split_once('=') else {
        return refuse("has no \"=\" between name and value", hint);
    };
    let (name, value) = (pieces(name.trim())?, pieces(value.trim())?);
    if name.is_empty() {
        return refuse("has no name before \"=\"", hint);
    }
    Ok(FieldTemplate { name, value })
}

/// The name of a form field, with `*` for anything.
pub(crate) fn pattern(text: &str) -> Result<String, Refusal> {
    let refuse = |hint: &str| {
        Err(Refusal::new(format!("{} is not the name of a form field", quoted(text)), hint))
    };
    if text.starts_with('^') || text.ends_with('$') || text.contains(".*") {
        return refuse("patterns know \"*\" alone, such as \"descr*\"");
    }
    if text.is_empty() || text.len() > PATTERN_BYTES_MAX || text.chars().any(char::is_control) {
        return refuse("");
    }
    Ok(text.into())
}

/// A status, or a range of them with both ends: `"404"`, `"400-599"`.
pub(crate) fn statuses(text: &str) -> Result<(u16, u16), Refusal> {
    let one = |digits: &str| {
        let plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten().filter(|status| (100..=599).contains(status))
    };
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (one(from), one(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => {
            let message = format!("{} is neither a status nor a range of them", quoted(text));
            Err(Refusal::new(message, "such as \"404\" or \"400-599\""))
        }
    }
}

/// The variables by name.
pub(crate) const VARIABLES: &[(&str, FieldVariable)] = &[
    ("field_name", FieldVariable::FieldName),
    ("file_name", FieldVariable::FileName),
    ("content_type", FieldVariable::ContentType),
    ("path", FieldVariable::Path),
    ("size", FieldVariable::Size),
    ("number", FieldVariable::Number),
    ("sha256", FieldVariable::Sha256),
    ("sha512", FieldVariable::Sha512),
    ("sha1", FieldVariable::Sha1),
    ("md5", FieldVariable::Md5),
    ("crc32", FieldVariable::Crc32),
];

fn pieces(text: &str) -> Result<Vec<FieldPiece>, Refusal> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        plain.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
            continue;
        }
        let (name, next) = match after.strip_prefix('{') {
            Some(inner) => inner.split_once('}').ok_or_else(|| {
                Refusal::new(format!("\"${{\" in {} has no \"}}\"", quoted(text)), "")
            })?,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        if !plain.is_empty() {
            pieces.push(FieldPiece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(FieldPiece::Variable(variable(name)?));
        rest = next;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(FieldPiece::Text(plain));
    }
    Ok(pieces)
}

fn variable(name: &str) -> Result<FieldVariable, Refusal> {
    if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| *known == name) {
        return Ok(*variable);
    }
    let names = || VARIABLES.iter().map(|(known, _)| *known);
    let foreign = || FOREIGN.iter().find(|(foreign, _)| *foreign == name).map(|(_, ours)| *ours);
    let meant = foreign().or_else(|| nearest(name, names()));
    let hint = match meant {
        Some(meant) => format!("did you mean \"${meant}\"?"),
        None if name.is_empty() => "a dollar that begins no variable is written \"$$\"".into(),
        None => {
            let all: Vec<String> = names().map(|name| format!("${name}")).collect();
            format!("there are {}", all.join(", "))
        }
    };
    Err(Refusal::new(format!("there is no variable {}", quoted(&format!("${name}"))), hint))
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What nginx-upload-module calls them (its README, "Form field" variables).
const FOREIGN: &[(&str, &str)] = &[
    ("upload_field_name", "field_name"),
    ("upload_file_name", "file_name"),
    ("upload_content_type", "content_type"),
    ("upload_tmp_path", "path"),
    ("upload_file_size", "size"),
    ("upload_file_number", "number"),
    ("upload_file_sha256", "sha256"),
    ("upload_file_sha256_uc", "sha256"),
    ("upload_file_sha512", "sha512"),
    ("upload_file_sha512_uc", "sha512"),
    ("upload_file_sha1", "sha1"),
    ("upload_file_sha1_uc", "sha1"),
    ("upload_file_md5", "md5"),
    ("upload_file_md5_uc", "md5"),
    ("upload_file_crc32", "crc32"),
    ("tmp_path", "path"),
    ("tmp_name", "path"),
    ("type", "content_type"),
    ("name", "file_name"),
];

const TEMPLATE_BYTES_MAX: usize = 1024;
const PATTERN_BYTES_MAX: usize = 256;
