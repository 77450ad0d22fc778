//! What is in a directory: as JSON for scripts and the page, as table rows for the page itself.
//!
//! Names are bytes of strangers: they go out escaped for where they stand, and those no request
//! could name (control characters, broken UTF-8, our own) are counted, not shown.

use std::fmt::Write;

use menshen_web_core::target::{check_name, encode_path};
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use serde::Serialize;

use crate::fault::Fault;
use crate::files::etag_of;
use crate::links::page;
use crate::root::{Kind, Root, kind_of};
use menshen_base::calendar::rfc3339;

/// A directory's content.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    path: String,
    access: &'static str,
    entries: Vec<Entry>,
    /// Whether there are more than `listing_entries_max`.
    truncated: bool,
    /// Entries whose names no request could say.
    unservable: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
}

impl Listing {
    /// Reads `path`, which ends in `/`. Directories first, then by name.
    pub(crate) fn read(
        root: &Root,
        path: &str,
        access: &'static str,
        entries_max: usize,
    ) -> Result<Self, Fault> {
        let opened = root.open(path.as_bytes())?;
        if kind_of(&opened.stat) != Some(Kind::Directory) {
            return Err(Fault::NotFound);
        }
        let mut listing = Self {
            path: path.into(),
            access,
            entries: Vec::new(),
            truncated: false,
            unservable: 0,
        };
        for entry in Dir::read_from(&opened.fd).map_err(Fault::from_errno)? {
            let entry = entry.map_err(Fault::from_errno)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || name.starts_with(b".menshen") {
                continue;
            }
            if listing.entries.len() >= entries_max {
                listing.truncated = true;
                break;
            }
            let (Ok(()), Ok(text)) = (check_name(name), std::str::from_utf8(name)) else {
                listing.unservable += 1;
                continue;
            };
            let Ok(stat) = statat(&opened.fd, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let stat = if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                // Shown as what it leads to, if that is inside the folder.
                match root.look(format!("{path}{text}").as_bytes()) {
                    Ok(Some(target)) => target,
                    _ => continue,
                }
            } else {
                stat
            };
            if let Some(entry) = Entry::new(text, &stat) {
                listing.entries.push(entry);
            }
        }
        listing.sort();
        Ok(listing)
    }

    /// Of `path`, with nothing in it yet.
    pub(crate) fn empty(path: &str, access: &'static str) -> Self {
        let (entries, truncated, unservable) = (Vec::new(), false, 0);
        Self { path: path.into(), access, entries, truncated, unservable }
    }

    /// Adds an entry, if its name is one that requests can say and there is room.
    pub(crate) fn add(&mut self, name: &str, entry: impl FnOnce() -> Entry, entries_max: usize) {
        if name.starts_with(".menshen") {
            return;
        }
        if check_name(name.as_bytes()).is_err() {
            self.unservable += 1;
        } else if self.entries.len() >= entries_max {
            self.truncated = true;
        } else {
            self.entries.push(entry());
        }
    }

    /// Whether there is more than fits.
    pub(crate) const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Directories first, then by name.
    pub(crate) fn sort(&mut self) {
        self.entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As table rows, for a browser without scripts.
    pub(crate) fn rows(&self) -> String {
        self.rows_with("", |bytes| bytes.to_string(), str::to_owned)
    }

    /// The same for somebody with a signed link, which every address has to carry along.
    pub(crate) fn rows_for(&self, link: &str) -> String {
        let minute = |time: &str| time.get(..16).unwrap_or(time).replace('T', " ");
        self.rows_with(&format!("?menshen-link={link}"), page::shown, minute)
    }

    fn rows_with(
        &self,
        query: &str,
        size_of: impl Fn(u64) -> String,
        time_of: impl Fn(&str) -> String,
    ) -> String {
        let mut out = String::new();
        for entry in &self.entries {
            let slash = if entry.kind == "directory" { "/" } else { "" };
            let mut link = Vec::new();
            encode_path(entry.name.as_bytes(), &mut link);
            let link = String::from_utf8(link).unwrap_or_default();
            let size = entry.size.map(&size_of).unwrap_or_default();
            let _ = write!(
                out,
                "<tr><td><a href=\"./{link}{slash}{query}\">{}{slash}</a></td>\
                 <td>{size}</td><td>{}</td></tr>",
                html(&entry.name),
                time_of(&entry.modified),
            );
        }
        out
    }
}

impl Entry {
    /// A folder nobody knows the time of.
    pub(crate) fn folder(name: &str) -> Self {
        let modified = String::new();
        Self { name: name.into(), kind: "directory", size: None, modified, etag: None }
    }

    /// A file by what is known of it; the tag with its quotes.
    pub(crate) fn file(name: &str, size: u64, modified_s: i64, etag: &str) -> Self {
        let etag = (!etag.is_empty()).then(|| etag.to_owned());
        let modified = rfc3339(modified_s);
        Self { name: name.into(), kind: "file", size: Some(size), modified, etag }
    }

    fn new(name: &str, stat: &Stat) -> Option<Self> {
        let (kind, size, etag) = match kind_of(stat)? {
            Kind::Directory => ("directory", None, None),
            Kind::File => {
                let etag = etag_of(stat);
                let text = etag.header_value(menshen_web_core::conditional::Strength::Strong);
                let text = String::from_utf8(text.to_vec()).ok();
                ("file", u64::try_from(stat.st_size).ok(), text)
            }
        };
        let modified = rfc3339(stat.st_mtime);
        Some(Self { name: name.into(), kind, size, modified, etag })
    }
}

/// Escapes text for HTML content and attribute values.
pub(crate) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
