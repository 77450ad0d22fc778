//! Where an upload to the file service lands: the name and folder its client gives.
//!
//! They come from the head (`Content-Disposition`, the metadata of tus), else from the query, and
//! are checked as any path of a request is; nothing is repaired. Without a name the upload's id is
//! the name.

use std::borrow::Cow;

use menshen_upload_core::Create;
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
    pub(super) fn of(create: &Create, query: &[u8]) -> Result<Self, Fault> {
        let asked = |name| query_value(query, name).map(Cow::into_owned);
        let name = create.file_name.clone().or_else(|| asked("filename"));
        let name = match name.filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => {
                check_name(&name).map_err(fault)?;
                Some(String::from_utf8(name).map_err(|_| fault(PathError::NotUtf8))?)
            }
        };
        let told = create.metadata.get("folder").map(<[u8]>::to_vec);
        let mut folder = told.or_else(|| asked("folder")).unwrap_or_default();
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

#[cfg(test)]
mod tests;
