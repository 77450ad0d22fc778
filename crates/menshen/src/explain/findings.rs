//! What is wrong or worth knowing about an upload, from the facts. Pure.

use menshen_base::{Finding, Severity};
use menshen_config::model::{Delivery, PhpBackend, Rule, Site};
use menshen_web::explain::{Reached, UploadAnswer};

use super::report::{Facts, Pool};

/// All findings, those that explain most first.
pub(super) fn of(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    match &facts.route.answer {
        UploadAnswer::Files => found.push(file_service(facts)),
        UploadAnswer::Reply { status, location } => {
            found.push(no_script(facts, *status, location.as_deref()));
        }
        UploadAnswer::Script { delivery, user_ini, .. } => {
            if let Some(pool) = &facts.pool {
                found.extend(unasked(pool));
                if matches!(delivery, Delivery::Auto | Delivery::Swap) {
                    found.extend(overridden(pool, user_ini));
                    found.extend(pool.test.findings.iter().cloned());
                }
                found.extend(php_takes_less(facts, pool));
            }
            found.extend(only_insiders(facts));
        }
    }
    found
}

fn file_service(facts: &Facts<'_>) -> Finding {
    let (claim, hint) = if facts.config.sites.is_empty() {
        (
            "no site is configured: the file service stores uploads itself, PHP never runs",
            "If the server was started with `serve --php DIR`, give `--php DIR` here too.",
        )
    } else {
        (
            "no site takes this host: the file service stores the upload itself, PHP never runs",
            "Add the host to `hosts` of a site; a site without `hosts` takes the rest.",
        )
    };
    let subject = facts.question.host.clone().unwrap_or_else(|| facts.question.path.clone());
    Finding::new("upload-file-service", Severity::Warning, subject, claim).hint(hint)
}

/// Why no script runs: by what the rules say, else by the status.
fn no_script(facts: &Facts<'_>, status: u16, location: Option<&str>) -> Finding {
    let path = &facts.question.path;
    let site = facts.route.site.and_then(|number| facts.config.sites.get(number));
    let rule = site.and_then(|site| site.rules.get(facts.route.rule?));
    let finding = |code, claim: String| {
        let finding = Finding::new(code, Severity::Warning, path.clone(), claim);
        finding.evidence("answer", "routing", status.to_string())
    };
    if let Some(location) = location {
        return redirected(finding("upload-redirected", "the path moved".into()), status, location);
    }
    if let Some(rule) = rule.filter(|rule| !rule.open) {
        let finding =
            finding("upload-closed", format!("the rule for {} answers nobody", rule.path));
        return finding.evidence("open", "menshen.toml", "false");
    }
    match status {
        405 => finding("upload-static", "a static file is there, which takes no POST".into())
            .hint("Let the form post to a script."),
        403 => finding("upload-forbidden", "no client may post here".into())
            .hint("See `allow` of the rules."),
        404 => not_found(finding, site, rule),
        _ => finding("upload-refused", "the path is not acceptable as it is written".into()),
    }
}

fn redirected(finding: Finding, status: u16, location: &str) -> Finding {
    let hint = match status {
        307 | 308 => "Clients send the form again, whole, to the new address: let it post there.",
        _ => {
            "Browsers ask for the new address with GET, and the upload is lost: let it post there."
        }
    };
    finding.evidence("location", "routing", location).hint(hint)
}

fn not_found(
    finding: impl Fn(&'static str, String) -> Finding,
    site: Option<&Site>,
    rule: Option<&Rule>,
) -> Finding {
    if site.is_some_and(|site| site.php == PhpBackend::Off) {
        return finding("upload-php-off", "the site runs no PHP".into())
            .evidence("php", "menshen.toml", "off")
            .hint("Set `php` of the site: `managed`, or the socket of a php-fpm.");
    }
    if let Some(rule) = rule.filter(|rule| !rule.php) {
        return finding("upload-php-off", format!("below {} no PHP runs", rule.path))
            .evidence("php", "menshen.toml", "false")
            .hint(
                "Let the form post to a script elsewhere; folders with uploads should run none.",
            );
    }
    finding("upload-not-found", "no script answers this path".into()).hint(
        "See `root`, `index` and `try` of the site. Names that begin with a dot, and internal \
         mounts, are answered to nobody.",
    )
}

/// The pool could not be asked.
fn unasked(pool: &Pool) -> Option<Finding> {
    let finding =
        |code, severity, claim: &str| Finding::new(code, severity, pool.address.clone(), claim);
    let start = if pool.managed {
        "Start menshen: the pool is its own."
    } else {
        "Start the php-fpm that listens there, or correct `php` of the site."
    };
    match &pool.test.reached {
        Reached::Answered => None,
        Reached::Unreachable(detail) if pool.test.never_started => Some(
            finding("php-folder-missing", Severity::Error, "there is no spool: menshen never ran")
                .evidence("spool", &*pool.spool, detail)
                .hint("Start menshen once, or name its state folder with --state."),
        ),
        Reached::Unreachable(detail) => Some(
            finding("php-unreachable", Severity::Error, "nobody listens there")
                .evidence("connect", &*pool.address, detail)
                .hint(start),
        ),
        Reached::Closed(detail) => Some(
            finding(
                "php-socket-closed",
                Severity::Error,
                "the user of menshen's workers may not connect to the socket",
            )
            .evidence("connect", &*pool.address, detail)
            .hint("Set listen.owner of the pool to that user; `user` in menshen.toml names it."),
        ),
        Reached::Silent => Some(
            finding("php-silent", Severity::Error, "the pool did not answer the test whole")
                .hint("All of its workers may be busy, or it is no FastCGI server; see its log."),
        ),
        Reached::NotPermitted(detail) => Some(
            finding(
                "explain-not-permitted",
                Severity::Warning,
                "whether swap works was not tested: this user may not write into the spool",
            )
            .evidence("spool", &*pool.spool, detail)
            .hint("Run the same command with sudo, or as the user of menshen's workers."),
        ),
    }
}

/// The pool swaps, and yet not for this script.
fn overridden(pool: &Pool, user_ini: &str) -> Option<Finding> {
    (pool.test.swaps && pool.test.delivery.delivery == Delivery::Replay).then(|| {
        let claim = "a .user.ini on the way to the script may run a script in the place of ours";
        Finding::new("php-user-ini", Severity::Warning, pool.address.clone(), claim)
            .evidence("found", "routing", user_ini)
            .hint("Set auto_prepend_file in the pool by php_admin_value, as below.")
    })
}

/// PHP itself counts the bytes of a body that is sent again.
fn php_takes_less(facts: &Facts<'_>, pool: &Pool) -> Option<Finding> {
    let said = pool.said.as_ref()?;
    if pool.test.delivery.delivery != Delivery::Replay {
        return None;
    }
    let ours = facts.body_bytes_max();
    let settings = [
        ("post_max_size", &said.post_max_size),
        ("upload_max_filesize", &said.upload_max_filesize),
    ];
    let (name, value, _) = settings
        .into_iter()
        .filter_map(|(name, text)| Some((name, text, php_bytes(text)?)))
        .filter(|&(_, _, bytes)| ours == 0 || bytes < ours)
        .min_by_key(|&(_, _, bytes)| bytes)?;
    let claim = format!("PHP takes at most {value}, less than this server lets through");
    Some(
        Finding::new("php-limit-below", Severity::Warning, pool.address.clone(), claim)
            .evidence(name, "probe.php", &**value)
            .evidence("upload_bytes_max", "menshen.toml", ours.to_string())
            .hint(
                "With replay PHP's limits hold too: larger files reach the script as an error, \
                 larger forms empty. Raise them in the pool, or get swap to work.",
            ),
    )
}

fn only_insiders(facts: &Facts<'_>) -> Option<Finding> {
    let rule =
        facts.route.site.and_then(|n| facts.config.sites.get(n)?.rules.get(facts.route.rule?));
    let rule = rule.filter(|rule| !rule.allow.is_empty())?;
    let networks: Vec<String> =
        rule.allow.iter().map(|net| format!("{}/{}", net.address, net.prefix)).collect();
    let claim = format!("below {} only some networks are answered, others get 403", rule.path);
    let finding =
        Finding::new("upload-insiders", Severity::Note, facts.question.path.clone(), claim);
    Some(finding.evidence("allow", "menshen.toml", networks.join(", ")))
}

/// A size as PHP writes it: `8M`, `1073741824`; `None` for no limit or none that is understood.
pub(super) fn php_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).filter(|&bytes| bytes > 0)
}
