//! `swap`: the form with a token in the place of each spooled file.
//!
//! PHP makes a temporary file of 48 bytes of each token and registers its name as uploaded; the
//! prepend script then puts the spooled file under that name. The tokens are told in the FastCGI
//! parameter `MENSHEN_FILES`, which no header of a client can become.
//!
//! A file that is told as too large has a token as well: PHP needs bytes to make an entry of.

use std::collections::BTreeMap;
use std::sync::Arc;

use menshen_web_core::fastcgi::push_param;
use serde::Serialize;

use super::{Delivered, Leftovers, Writer, random_hex};
use crate::fault::Fault;
use crate::php::body::{Content, Over, Part};
use crate::php::spool::{Named, PhpSpool};

/// The value of `MENSHEN_FILES`.
#[derive(Serialize)]
struct Told<'a> {
    nonce: &'a str,
    files: BTreeMap<String, Entry>,
}

/// What the prepend script does with a token.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry {
    Put { path: String, size: u64 },
    Refuse { error: u8 },
}

pub(super) fn deliver(
    spool: &Arc<PhpSpool>,
    mut form: Writer,
    parts: Vec<Part>,
    files_max: usize,
) -> Result<Delivered, Fault> {
    let nonce = random_hex::<16>()?;
    let (mut files, mut leftovers, mut swapped) = (BTreeMap::new(), Vec::new(), 0);
    let mut seen = 0;
    for mut part in parts {
        if part.content.is_over() {
            // PHP gives no type for a file it refuses itself.
            part.head.content_type = None;
        }
        form.begin(&part.head)?;
        seen += usize::from(part.is_chosen_file());
        let entry = match part.content {
            Content::Piled(range) => {
                form.source.push_piled(range);
                None
            }
            Content::Spooled { file, over: Some(Over::Form) } => {
                drop(file);
                Some(Entry::Refuse { error: ERROR_FORM_SIZE })
            }
            Content::Spooled { file, .. } => {
                let entry = put(spool, &file)?;
                leftovers.push(file);
                Some(entry)
            }
            Content::Gone => Some(Entry::Refuse { error: ERROR_INI_SIZE }),
            Content::Ahead(_) => return Err(Fault::Storage),
        };
        if let Some(entry) = entry {
            let token = random_hex::<{ TOKEN_BYTES / 2 }>()?;
            form.source.push_text(token.as_bytes());
            // PHP ignores what comes behind its `max_file_uploads`.
            if seen <= files_max {
                swapped += usize::from(matches!(entry, Entry::Put { .. }));
                files.insert(token, entry);
            }
        }
        form.end();
    }
    let mut delivered = form.close();
    if !files.is_empty() {
        let told = serde_json::to_vec(&Told { nonce: &nonce, files });
        let told = told.map_err(|_| Fault::Storage)?;
        if told.len() > TOLD_BYTES_MAX {
            return Err(Fault::Form(menshen_web_core::multipart::MultipartError::TooManyParts));
        }
        push_param(b"MENSHEN_FILES", &told, &mut delivered.params);
        delivered.nonce = Some(nonce);
    }
    delivered.swapped = swapped;
    delivered.files = Leftovers::spooled(leftovers);
    Ok(delivered)
}

fn put(spool: &PhpSpool, file: &Named) -> Result<Entry, Fault> {
    // A path that is no UTF-8 cannot be told in JSON; the probe never lets it come to this.
    let path = String::from_utf8(spool.path_of(file)).map_err(|_| Fault::Storage)?;
    Ok(Entry::Put { path, size: file.size() })
}

/// Bytes of `MENSHEN_FILES` for one file with a path of so many bytes, at most: JSON may need two
/// letters for a quote or a backslash.
pub(crate) const fn told_bytes(path_bytes: usize) -> usize {
    TOKEN_BYTES + 2 * path_bytes + ENTRY_FRAME_BYTES
}

/// Bytes of a token. The prepend script looks at no file of another size.
const TOKEN_BYTES: usize = 48;
/// `MENSHEN_FILES` may have so many bytes: a pair must fit into one FastCGI record, because PHP
/// closes the connection over one that does not (measured with PHP 8.2).
pub(crate) const TOLD_BYTES_MAX: usize = 65_000;
/// `"":{"path":"","size":18446744073709551615},`.
const ENTRY_FRAME_BYTES: usize = 44;
/// PHP's `UPLOAD_ERR_INI_SIZE`.
const ERROR_INI_SIZE: u8 = 1;
/// PHP's `UPLOAD_ERR_FORM_SIZE`.
const ERROR_FORM_SIZE: u8 = 2;
