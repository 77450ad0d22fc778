//! What differs below a path, and paths that moved: the longest matching path counts.
//!
//! Paths are compared decoded and byte for byte; no case is folded.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;

use menshen_config::model::{Delivery, Network, Redirect, Rule, Site};
use menshen_web_core::target::encode_path;

use super::extra::{Compress, Extra};

/// The rules of a site.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Longest path first.
    rows: Vec<Row>,
    site: Rc<Settings>,
}

#[derive(Debug)]
struct Row {
    path: Vec<u8>,
    settings: Rc<Settings>,
}

/// What holds for a request: the site's settings, with those of the rule that counts.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The rule's place among the site's, in the order of the configuration. Details of `fields`
    /// and its store are there.
    pub(crate) rule: Option<usize>,
    pub(crate) delivery: Delivery,
    /// Largest request body in bytes, 0 for none.
    pub(crate) upload_bytes_max: u64,
    /// Largest single file of a form in bytes, 0 for none.
    pub(crate) file_bytes_max: u64,
    /// The script that is asked about uploads before their first byte.
    pub(crate) authorize: Option<Vec<u8>>,
    /// The rule whose `fields` tell how files become form fields.
    pub(crate) fields: Option<usize>,
    /// Added to every answer.
    pub(crate) extra: Rc<Extra>,
    pub(super) open: bool,
    pub(super) php: bool,
    pub(super) script: Option<Vec<u8>>,
    allow: Vec<Network>,
    /// How long the rule's path is; 0 for the site itself.
    weight: usize,
}

/// The redirects of a site, longest path first.
#[derive(Debug)]
pub(crate) struct Redirects(Vec<Redirect>);

impl Rules {
    pub(crate) fn new(site: &Site) -> io::Result<Self> {
        let mut rows = Vec::new();
        for (number, rule) in site.rules.iter().enumerate() {
            let settings = Rc::new(Settings::new(site, Some((number, rule)))?);
            rows.push(Row { path: rule.path.clone().into_bytes(), settings });
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.path.len()));
        Ok(Self { rows, site: Rc::new(Settings::new(site, None)?) })
    }

    /// What holds where no rule does.
    pub(crate) fn plain(&self) -> &Rc<Settings> {
        &self.site
    }

    /// What holds for `path`.
    pub(crate) fn find(&self, path: &[u8]) -> &Rc<Settings> {
        let row = self.rows.iter().find(|row| covers(&row.path, path));
        row.map_or(&self.site, |row| &row.settings)
    }
}

impl Settings {
    fn new(site: &Site, rule: Option<(usize, &Rule)>) -> io::Result<Self> {
        let compress = if site.compress { Compress::Text } else { Compress::Never };
        let number = rule.map(|(number, _)| number);
        let plain = Rule::new(String::new());
        let rule = rule.map_or(&plain, |(_, rule)| rule);
        Ok(Self {
            rule: number,
            delivery: rule.delivery.unwrap_or(site.delivery),
            upload_bytes_max: rule.upload_bytes_max.unwrap_or(site.upload_bytes_max),
            file_bytes_max: rule.file_bytes_max.unwrap_or(site.file_bytes_max),
            authorize: rule
                .authorize
                .as_ref()
                .or(site.authorize.as_ref())
                .filter(|script| !script.is_empty())
                .map(|script| script.clone().into_bytes()),
            fields: number.filter(|_| rule.fields.is_some()),
            extra: Rc::new(Extra::new(&site.headers, &rule.headers, compress)?),
            open: rule.open,
            php: rule.php,
            script: rule.script.clone().map(String::into_bytes),
            allow: rule.allow.clone(),
            weight: rule.path.len(),
        })
    }

    /// Whether a client at `address` is answered.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        self.allow.is_empty()
            || self.allow.iter().any(|network| crate::door::contains(network, address))
    }

    /// Whether its rule's path is longer than that of `other`.
    pub(super) fn outweighs(&self, other: &Self) -> bool {
        self.weight > other.weight
    }
}

impl Redirects {
    pub(crate) fn new(redirects: &[Redirect]) -> Self {
        let mut rows = redirects.to_vec();
        rows.sort_by_key(|row| std::cmp::Reverse(row.from.len()));
        Self(rows)
    }

    /// Status and `Location` for `path`, with the client's query.
    pub(crate) fn find(&self, path: &[u8], query: &[u8]) -> Option<(u16, Vec<u8>)> {
        let row = self.0.iter().find(|row| covers(row.from.as_bytes(), path))?;
        let (to, fragment) = match row.to.find('#') {
            Some(at) => row.to.split_at(at),
            None => (row.to.as_str(), ""),
        };
        let mut location = to.as_bytes().to_vec();
        if row.from.ends_with('/') && to.ends_with('/') {
            encode_path(&path[row.from.len()..], &mut location);
        }
        if !query.is_empty() {
            location.push(if to.contains('?') { b'&' } else { b'?' });
            location.extend_from_slice(query);
        }
        location.extend_from_slice(fragment.as_bytes());
        Some((row.status, location))
    }
}

/// Whether `rule` speaks of `path`: everything below it when it ends in `/`, else just itself.
fn covers(rule: &[u8], path: &[u8]) -> bool {
    if rule.ends_with(b"/") { path.starts_with(rule) } else { path == rule }
}
