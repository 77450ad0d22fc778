//! Sites: host names, a folder, and what a request's path comes to in it.
//!
//! Everything of a web site that is not PHP itself: which site a host names, rules, redirects,
//! `try`, index files, mounts, static files and their encoded forms, and which file an application
//! means by `X-Accel-Redirect` or `X-Sendfile`. A script is found here and run elsewhere.
//!
//! Nothing here sends PHP source, runs what is not a regular file beneath its folder, or repairs a
//! path: it is taken byte for byte, or refused ([`menshen_web_core::target`]).

pub(crate) mod coding;
pub(crate) mod extra;
mod named;
mod offload;
mod place;
mod route;
mod rules;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use std::sync::Arc;

use menshen_config::model::{self, Fields, PhpBackend, Try};
use menshen_config::{Config, SiteSpec};
use menshen_sys::inherit;
use menshen_web_core::head::host_parts;

use crate::fault::Fault;
use crate::files::Files;
use crate::php::spool::PhpSpool;
use coding::Gzips;
use place::{Place, Scripts};
use rules::{Redirects, Rules};

pub(crate) use offload::Offload;
pub(crate) use route::{Script, Way};
pub(crate) use rules::Settings;

/// All sites of a worker, by host.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    all: Vec<Rc<Site>>,
    exact: HashMap<Vec<u8>, usize>,
    /// By what follows the `*`, with its dot.
    wild: HashMap<Vec<u8>, usize>,
    rest: Option<usize>,
}

/// One site.
#[derive(Debug)]
pub(crate) struct Site {
    /// Its place among the sites of the configuration.
    pub(crate) number: usize,
    /// Whether it is the one for hosts that no other site names.
    names_none: bool,
    /// Its pool among those of the worker; `None` without PHP.
    pub(crate) pool: Option<usize>,
    /// `DOCUMENT_ROOT`: absolute, as PHP sees it, without a slash at its end unless it
    /// is `/`.
    pub(crate) document_root: Vec<u8>,
    /// Which group its unfinished uploads are, and how many bytes these may hold together.
    pub(crate) uploads_share: Option<(u64, u64)>,
    /// One per rule of the configuration: the folder of its `fields.store`.
    pub(crate) stores: Vec<Option<Arc<OwnedFd>>>,
    /// One per rule: where files on their way to its store rest; made at the first.
    store_spools: Vec<OnceCell<Arc<PhpSpool>>>,
    /// One per rule: details of its `fields` delivery.
    fields: Vec<Option<Fields>>,
    /// `X-Accel-Mapping`: the mounts, as PHP may name their files.
    pub(crate) accel_mapping: Vec<u8>,
    /// Longest path first; the last is the document root.
    places: Vec<Place>,
    rules: Rules,
    redirects: Redirects,
    tries: Vec<Try>,
    index: Vec<Vec<u8>>,
    scripts: RefCell<Scripts>,
    gzips: Rc<Gzips>,
}

impl Sites {
    /// Takes over the open folders of all sites. `files` is the cache whose number of descriptors
    /// they share.
    pub(crate) fn new(config: &Config, specs: &[SiteSpec], files: &Files) -> io::Result<Self> {
        if specs.len() != config.sites.len() {
            return Err(io::Error::other("folders of sites are missing"));
        }
        let gzips = Rc::new(Gzips::default());
        let mut sites = Self::default();
        for (number, (site, spec)) in config.sites.iter().zip(specs).enumerate() {
            for host in &site.hosts {
                let host = host.to_ascii_lowercase().into_bytes();
                // The first site that names a host has it; the configuration refuses a second.
                match host.strip_prefix(b"*") {
                    Some(suffix) => sites.wild.entry(suffix.to_vec()).or_insert(number),
                    None => sites.exact.entry(host).or_insert(number),
                };
            }
            if site.hosts.is_empty() && sites.rest.is_none() {
                sites.rest = Some(number);
            }
            let site = Site::new(number, site, spec, files, Rc::clone(&gzips))?;
            sites.all.push(Rc::new(site));
        }
        Ok(sites)
    }

    /// The site that `host` (a `Host` field's value) names: exactly, else by `*.`, else the one
    /// without names.
    pub(crate) fn find(&self, host: &[u8]) -> Option<&Rc<Site>> {
        let number = if self.exact.is_empty() && self.wild.is_empty() {
            self.rest
        } else {
            self.named(host).or(self.rest)
        };
        self.all.get(number?)
    }

    /// All of them, in the order of the configuration.
    pub(crate) fn all(&self) -> &[Rc<Site>] {
        &self.all
    }

    /// Closes files nobody asked for since the last call.
    pub(crate) fn close_idle(&self) {
        self.all.iter().for_each(|site| site.places.iter().for_each(Place::close_idle));
    }

    /// Forgets what only makes answers faster; gives the bytes of files in memory among it.
    pub(crate) fn forget(&self) -> u64 {
        self.all.iter().for_each(|site| site.places.iter().for_each(Place::forget));
        self.all.first().map_or(0, |site| site.gzips.forget())
    }

    fn named(&self, host: &[u8]) -> Option<usize> {
        let (name, _port) = host_parts(host);
        // The dot of the DNS root changes no name.
        let name = name.strip_suffix(b".").unwrap_or(name);
        let mut lower = [0; HOST_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let wild = || {
            let dot = lower.iter().position(|&b| b == b'.').filter(|&at| at > 0)?;
            self.wild.get(&lower[dot..])
        };
        self.exact.get(&*lower).or_else(wild).copied()
    }
}

impl Site {
    /// Whether it takes the hosts that no other site names.
    pub(crate) fn takes_every_host(&self) -> bool {
        self.names_none
    }

    /// The rule that counts for `path`, as its place among the site's.
    pub(crate) fn rule_of(&self, path: &[u8]) -> Option<usize> {
        self.rules.find(path).rule
    }

    fn new(
        number: usize,
        site: &model::Site,
        spec: &SiteSpec,
        files: &Files,
        gzips: Rc<Gzips>,
    ) -> io::Result<Self> {
        if spec.mount_fds.len() != site.mounts.len() {
            return Err(io::Error::other("folders of mounts are missing"));
        }
        let root = Place::root(site, spec.root_fd, gzips.number_place(), files)?;
        let document_root = if root.php.is_empty() { b"/".to_vec() } else { root.php.clone() };
        let mut places = vec![root];
        for (mount, fd) in site.mounts.iter().zip(&spec.mount_fds) {
            let number = gzips.number_place();
            places.push(Place::mount(mount, site.links, *fd, number, files)?);
        }
        places.sort_by_key(|place| std::cmp::Reverse(place.path.len()));
        let adopt = |fd: &Option<i32>| fd.map(inherit::adopt).transpose();
        let stores: io::Result<Vec<_>> =
            spec.store_fds.iter().map(|fd| Ok(adopt(fd)?.map(Arc::new))).collect();
        let pool = match site.php {
            PhpBackend::Off => None,
            _ => spec.pool.and_then(|pool| usize::try_from(pool).ok()),
        };
        Ok(Self {
            number,
            names_none: site.hosts.is_empty(),
            pool,
            document_root,
            uploads_share: share_of(site),
            stores: stores?,
            fields: site.rules.iter().map(|rule| rule.fields.clone()).collect(),
            store_spools: site.rules.iter().map(|_| OnceCell::new()).collect(),
            accel_mapping: accel_mapping(site),
            places,
            rules: Rules::new(site)?,
            redirects: Redirects::new(&site.redirects),
            tries: site.tries.clone(),
            index: site.index.iter().map(|name| name.clone().into_bytes()).collect(),
            scripts: RefCell::default(),
            gzips,
        })
    }
}

/// A site is known by its names, over reloads.
fn share_of(site: &model::Site) -> Option<(u64, u64)> {
    let names = site.hosts.join(" ");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, names.as_bytes());
    let group = digest.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (site.uploads_bytes_max > 0).then_some((group, site.uploads_bytes_max))
}

impl Script {
    /// Details of the `fields` delivery, and the open folder where files rest.
    pub(crate) fn fields(&self) -> Option<(&Fields, Option<&Arc<OwnedFd>>)> {
        let rule = self.settings.fields?;
        let store = self.site.stores.get(rule).and_then(Option::as_ref);
        Some((self.site.fields.get(rule)?.as_ref()?, store))
    }

    /// The spool of that folder; `make` opens it at the first time.
    pub(crate) fn store_spool(
        &self,
        make: impl FnOnce() -> Result<Arc<PhpSpool>, Fault>,
    ) -> Result<Arc<PhpSpool>, Fault> {
        let rule = self.settings.fields.and_then(|rule| self.site.store_spools.get(rule));
        let Some(cell) = rule else { return make() };
        if let Some(spool) = cell.get() {
            return Ok(Arc::clone(spool));
        }
        let made = make()?;
        Ok(Arc::clone(cell.get_or_init(|| made)))
    }

    /// The fields that the configuration adds, but for those among `lines`: the application knows
    /// its own pages better.
    pub(crate) fn extra_lines(&self, lines: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        self.settings.extra.each(|name, value| {
            let said = lines.split(|&b| b == b'\n').any(|line| {
                let own = line.split(|&b| b == b':').next().unwrap_or_default();
                own.eq_ignore_ascii_case(name.as_bytes())
            });
            if !said {
                for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                    out.extend_from_slice(part);
                }
            }
        });
        out
    }
}

/// What PHP is told of mounts, so that frameworks name files by them: `FOLDER/=PATH/`, commas
/// between. A folder with a comma or an equals sign in its name cannot be told of.
fn accel_mapping(site: &model::Site) -> Vec<u8> {
    let mut out = Vec::new();
    for mount in &site.mounts {
        let root = place::without_slash(mount.root.as_os_str().as_bytes());
        if [&root[..], mount.path.as_bytes()].concat().iter().any(|b| b",=\"".contains(b)) {
            continue;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        for part in [&root[..], b"/=", mount.path.as_bytes()] {
            out.extend_from_slice(part);
        }
    }
    out
}

/// DNS names have at most 253 characters; longer ones name no site.
const HOST_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests;
