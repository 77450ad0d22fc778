//! A site of this menshen: the certificate files it may serve against what its door serves.

use menshen_explain_core::certificate::Certificate;
use serde::Serialize;

use super::observe::observe;
use super::{Looked, findings, input};
use crate::connect::Dial;
use crate::fetch::Reach;

/// Files that may hold the certificate of a site.
#[derive(Debug)]
pub struct SiteFiles {
    /// The site's name.
    pub name: String,
    /// The files in the order menshen prefers them.
    pub held: Vec<Held>,
    /// The development certificate, which counts only where no other file covers the name.
    pub standin: Option<Held>,
}

/// A file that may hold a certificate.
#[derive(Debug)]
pub struct Held {
    /// What to call it.
    pub place: String,
    /// Its contents.
    pub bytes: Vec<u8>,
}

/// Files against what is served.
#[derive(Debug, Clone, Serialize)]
pub struct SiteView {
    /// The site's name.
    pub name: String,
    /// Files that cover the name: where, and the SHA-256 of the certificate.
    pub files: Vec<SiteFile>,
    /// SHA-256 of what the door serves; None when it does not answer.
    pub served_sha256: Option<String>,
    /// Whether one of the files is served; None when the door does not answer.
    pub same: Option<bool>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SiteFile {
    /// Where it is.
    pub place: String,
    /// SHA-256 of its first certificate.
    pub sha256: String,
    /// Its last second.
    pub not_after: i64,
}

/// Reads the files and asks the door.
pub(super) fn look(files: &SiteFiles, dial: &Dial) -> Looked {
    let name = &files.name;
    let mut places = Vec::new();
    let mut fitting: Vec<(SiteFile, Vec<Certificate>)> = Vec::new();
    for held in files.held.iter().chain(&files.standin) {
        let is_standin = files.standin.as_ref().is_some_and(|standin| std::ptr::eq(held, standin));
        if is_standin && !fitting.is_empty() {
            continue;
        }
        let Ok(chain) = input::certificates(&held.bytes) else { continue };
        let Some(leaf) = chain.first() else { continue };
        // Self-signed ones are often made out as an authority's, and served all the same.
        let fits = covers(leaf, name);
        if fits || !leaf.is_ca() {
            places.push(held.place.clone());
        }
        if fits {
            let (place, sha256) = (held.place.clone(), leaf.sha256.clone());
            fitting.push((SiteFile { place, sha256, not_after: leaf.not_after }, chain));
        }
    }
    let mut looked = Looked {
        subject: format!("{name} (site)"),
        asked: Some(name.clone()),
        seen: None,
        chain: Vec::new(),
        site: None,
        reach: Reach::Anywhere,
        findings: Vec::new(),
    };
    if fitting.is_empty() {
        looked.findings.push(findings::no_file(name, &places));
    }
    let door = dial.instead.as_ref().unwrap_or(&dial.target).to_string();
    match observe(dial, None, Some(name)) {
        Ok(seen) => looked.take(seen, &door),
        Err(error) => {
            let why = match error.detail() {
                "" => error.to_string(),
                detail => format!("{error}: {detail}"),
            };
            looked.findings.push(findings::door_silent(&door, &why));
        }
    }
    let served = looked.chain.first().map(|leaf| leaf.sha256.clone());
    let same = served.as_ref().map(|served| fitting.iter().any(|(file, _)| file.sha256 == *served));
    if let (Some(served), Some(false), false) = (&served, same, fitting.is_empty()) {
        let held: Vec<_> =
            fitting.iter().map(|(file, _)| (file.place.clone(), file.sha256.clone())).collect();
        looked.findings.push(findings::served_differs(name, served, &held));
    }
    if looked.chain.is_empty()
        && let Some((_, chain)) = fitting.first()
    {
        looked.chain.clone_from(chain);
    }
    let files = fitting.into_iter().map(|(file, _)| file).collect();
    looked.site = Some(SiteView { name: name.clone(), files, served_sha256: served, same });
    looked
}

/// Whether a certificate is for this name: exact, or by a wildcard of one label.
fn covers(leaf: &Certificate, name: &str) -> bool {
    if let Ok(address) = name.parse::<std::net::IpAddr>() {
        return leaf.ip_addresses().any(|one| one == address);
    }
    leaf.dns_names().any(|one| {
        one.eq_ignore_ascii_case(name)
            || one.strip_prefix("*.").is_some_and(|rest| {
                name.split_once('.').is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(rest))
            })
    })
}
