//! Where an upload to the file service lands: the name and folder its client gives.
//!
//! They come from the metadata (tus), the query, or `Content-Disposition` (RFC 6266), in this
//! order, and are checked as any path of a request is; nothing is repaired. Without a name the
//! upload's id is the name.

use menshen_upload_core::Metadata;
use menshen_web_core::target::{PathError, check_name, decode_path, encode_path, query_value};

use crate::fault::Fault;

/// The folder, ending in `/`, and the name where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Landing {
    pub(super) folder: String,
    pub(super) name: Option<String>,
}

impl Landing {
    /// What a request says of it.
    ///
    /// # Errors
    /// A name or folder that is not acceptable.
    pub(super) fn of(
        metadata: &Metadata,
        query: &[u8],
        disposition: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let said = |names: &[&str]| {
            let told = names.iter().find_map(|name| metadata.get(name).map(<[u8]>::to_vec));
            told.or_else(|| names.iter().find_map(|name| Some(query_value(query, name)?.into())))
        };
        let name = said(&["filename", "name"]).or_else(|| file_name(disposition?));
        let name = match name.filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => {
                check_name(&name).map_err(fault)?;
                Some(String::from_utf8(name).map_err(|_| fault(PathError::NotUtf8))?)
            }
        };
        let mut folder = said(&["folder"]).unwrap_or_default();
        if folder.first() != Some(&b'/') {
            folder.insert(0, b'/');
        }
        if folder.last() != Some(&b'/') {
            folder.push(b'/');
        }
        let mut raw = Vec::with_capacity(folder.len());
        encode_path(&folder, &mut raw);
        let folder = decode_path(&raw).map_err(fault)?.as_str().to_owned();
        Ok(Self { folder, name })
    }

    /// The whole path, for an upload of this id.
    pub(super) fn path(&self, id: &str) -> String {
        format!("{}{}", self.folder, self.name.as_deref().unwrap_or(id))
    }
}

fn fault(error: PathError) -> Fault {
    match error {
        PathError::NameTooLong | PathError::TooLong => Fault::NameTooLong,
        other => Fault::BadPath(other.reason()),
    }
}

/// `filename*`, else `filename`, of a `Content-Disposition`.
fn file_name(value: &[u8]) -> Option<Vec<u8>> {
    let mut plain = None;
    for (name, value) in Parameters(value.get(value.iter().position(|&b| b == b';')?..)?) {
        if name.eq_ignore_ascii_case(b"filename*") {
            // RFC 8187 §3.2: charset, language, escaped bytes.
            let mut pieces = value.splitn(3, |&b| b == b'\'');
            let charset = pieces.next()?;
            let text = pieces.nth(1)?;
            if charset.eq_ignore_ascii_case(b"utf-8") {
                return unescaped(text);
            }
        } else if name.eq_ignore_ascii_case(b"filename") {
            plain = Some(value);
        }
    }
    plain
}

/// `; name=value` again and again; values may be quoted.
struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.strip_prefix(b";")?.trim_ascii_start();
        let equals = rest.iter().position(|&b| b == b'=')?;
        let (name, rest) = (rest.get(..equals)?.trim_ascii(), rest.get(equals + 1..)?);
        let rest = rest.trim_ascii_start();
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = rest.iter().position(|&b| b == b';').unwrap_or(rest.len());
            let (value, rest) = rest.split_at(end);
            self.0 = rest;
            return Some((name, value.trim_ascii().to_vec()));
        };
        let (mut value, mut bytes, mut at) = (Vec::new(), quoted.iter(), 0);
        loop {
            let byte = *bytes.next()?;
            at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    value.push(*bytes.next()?);
                    at += 1;
                }
                byte => value.push(byte),
            }
        }
        self.0 = quoted.get(at..)?.trim_ascii_start();
        Some((name, value))
    }
}

fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            out.push(digit(bytes.next()?)? << 4 | digit(bytes.next()?)?);
        } else {
            out.push(byte);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
