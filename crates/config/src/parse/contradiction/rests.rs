//! Expiries of folders.

use super::super::reader::{At, Read};
use crate::model::{Expire, Site};

/// Expiries that may delete what nobody means.
pub(super) fn check(read: &mut Read<'_>) {
    let web = &read.config.web;
    let served = web.root.clone();
    let of_site = |expire: &Expire| {
        let folder = served.join(expire.path.trim_matches('/'));
        let inside = |site: &Site| site.root.starts_with(&folder) || folder.starts_with(&site.root);
        read.config.sites.iter().find(|site| inside(site)).map(|site| site.root.clone())
    };
    let expires = web.expires.iter().enumerate();
    let sites: Vec<_> =
        expires.filter_map(|(index, expire)| of_site(expire).map(|root| (index, root))).collect();
    let all = web.expires.iter().position(|expire| expire.path == "/");
    for (index, root) in sites {
        let message = format!("files of the site {} are deleted when they are old", root.display());
        let hint = "keep what expires apart from what a site serves";
        read.warn_at(&[At::of("web.expire", index, None)], message, hint);
    }
    if let Some(index) = all {
        let message = "everything that is served is deleted when it is old";
        let hint = "name a folder, such as \"/tmp/\"";
        read.warn_at(&[At::of("web.expire", index, None)], message, hint);
    }
}
