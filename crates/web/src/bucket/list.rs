//! What is in a folder of the bucket: keys up to the next slash.
//!
//! A folder is there while something lies in it, or its marker does: an empty object of a reserved
//! name, which no request can say and no listing shows.

use std::rc::Rc;

use menshen_web_core::fields::Lang;

use super::{Answered, Bucket, MARKER};
use crate::auth::Grant;
use crate::door::Door;
use crate::fault::Fault;
use crate::job::{listed_json, listed_shared, word};
use crate::listing::{Entry, Listing};
use crate::page::Page;

/// A read of a folder; `path` ends in a slash.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) path: String,
    pub(crate) shown: Shown,
}

/// For whom, and as what.
#[derive(Debug)]
pub(crate) enum Shown {
    Json(Grant),
    Page(Grant, Lang),
    /// For somebody with a signed link for the folder `top`.
    Shared {
        top: String,
        link: String,
        lang: Lang,
    },
}

impl List {
    pub(super) async fn run(self, door: &Rc<Door>, bucket: &Rc<Bucket>) -> Result<Answered, Fault> {
        let grant = match &self.shown {
            Shown::Json(grant) | Shown::Page(grant, _) => *grant,
            Shown::Shared { .. } => Grant::Read,
        };
        let listing = read(door, bucket, &self.path, grant).await?;
        let path = &self.path;
        Ok(match self.shown {
            Shown::Json(_) => listed_json(&listing),
            Shown::Page(grant, lang) => {
                let (rows, access) = (listing.rows(), word(grant));
                Page { lang, path, rows: &rows, state: "open", access }.reply()
            }
            Shown::Shared { top, link, lang } => listed_shared(&listing, path, &top, &link, lang),
        }
        .into())
    }
}

async fn read(
    door: &Rc<Door>,
    bucket: &Rc<Bucket>,
    path: &str,
    grant: Grant,
) -> Result<Listing, Fault> {
    let client = bucket.client().await?;
    let beginning = path.trim_start_matches('/');
    let mut listing = Listing::empty(path, word(grant));
    let (mut after, mut is_there) = (None, beginning.is_empty());
    loop {
        let page = client.list(beginning, Some('/'), after.as_deref()).await;
        let page = page.map_err(|error| door.bucket_fault(bucket, &error))?;
        is_there |= !page.entries.is_empty() || !page.folders.is_empty();
        for folder in &page.folders {
            let name = folder.strip_prefix(beginning).and_then(|name| name.strip_suffix('/'));
            if let Some(name) = name {
                listing.add(name, || Entry::folder(name), door.shared.entries_max);
            }
        }
        for entry in &page.entries {
            let name = entry.key.strip_prefix(beginning).unwrap_or_default();
            // What other tools make for a folder ends where the folder begins.
            if name.is_empty() || name == MARKER {
                continue;
            }
            let made = || Entry::file(name, entry.size, entry.modified, &entry.etag);
            listing.add(name, made, door.shared.entries_max);
        }
        match page.next {
            Some(next) if !listing.is_truncated() => after = Some(next),
            _ => break,
        }
    }
    if !is_there {
        return Err(Fault::NotFound);
    }
    listing.sort();
    Ok(listing)
}
