//! Hooks: each has one receiver, and one that is a script has sites that run it.

use super::{At, Read};
use crate::model::{Hook, PhpBackend, Site};
use crate::problem::quoted;

/// Checks all hooks.
pub(super) fn check(read: &mut Read<'_>) {
    let hooks = std::mem::take(&mut read.config.uploads.hooks);
    for (index, hook) in hooks.iter().enumerate() {
        let of = |key| At::of(key, index, None);
        let (url, php) = (of("uploads.hook.url"), of("uploads.hook.php"));
        if read.is_bad(url) || read.is_bad(php) {
            continue;
        }
        match (hook.url.is_empty(), &hook.php) {
            (true, None) => read.contradicts_at(
                &[of("uploads.hook"), url],
                "a hook has no receiver",
                "write url = \"https://…\", or php = \"/hook.php\" with hosts",
            ),
            (false, Some(_)) => read.contradicts_at(
                &[php],
                "php is set together with url",
                "one hook has one receiver: write two",
            ),
            (true, Some(_)) => script(read, index, hook),
            (false, None) => {}
        }
    }
    read.config.uploads.hooks = hooks;
}

/// A receiver that is a script.
fn script(read: &mut Read<'_>, index: usize, hook: &Hook) {
    let of = |key| At::of(key, index, None);
    let (hosts, php) = (of("uploads.hook.hosts"), of("uploads.hook.php"));
    if hook.roots.is_some() && !read.is_bad(of("uploads.hook.roots")) {
        read.warn_at(&[of("uploads.hook.roots")], "roots has no effect with php", "");
    }
    if read.is_bad(hosts) {
        return;
    }
    if hook.hosts.is_empty() {
        let hint =
            "hosts = [\"example.test\"]: the sites whose events it is told, and which run it";
        return read.contradicts_at(&[php], "php is set without hosts", hint);
    }
    let bad = |at: &At| matches!(at.name, "site" | "site.hosts" | "site.php");
    if read.seen.bad.iter().any(bad) {
        return;
    }
    for (entry, host) in hook.hosts.iter().enumerate() {
        let site = site_of(&read.config.sites, host);
        if site.is_none_or(|site| site.php == PhpBackend::Off) {
            let message = format!("no site with PHP has the host {}", quoted(host));
            let hint = "the script is run by the site whose event it is";
            return read.contradicts_at(&[hosts.entry(entry), hosts], message, hint);
        }
    }
}

/// The site that serves a host, or hosts of this form: by its name, else by `*.`, else the one
/// without names.
fn site_of<'a>(sites: &'a [Site], host: &str) -> Option<&'a Site> {
    let wild = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
    let named = |name: &str| sites.iter().find(|site| site.hosts.iter().any(|own| own == name));
    let rest = || sites.iter().find(|site| site.hosts.is_empty());
    named(host).or_else(|| named(&wild?)).or_else(rest)
}
