//! The report for people: what it comes to, what was seen, what to do. Pure.

use std::fmt::Write;

use menshen_base::{Finding, Severity};
use menshen_config::Colour;
use menshen_config::model::Delivery;
use menshen_web::explain::Chosen;

use super::report::{DeliveryRow, LimitsRow, PoolRow, Report, SiteRow, TestRow};

/// All of it.
pub(super) fn text(report: &Report, colour: Colour) -> String {
    let mut out = String::new();
    let host = report.question.host.as_deref();
    let to = host.map(|host| format!(" at {}", shown(host))).unwrap_or_default();
    let mut row = |label: &str, value: &str| {
        let _ = writeln!(out, "{label:<10} {value}");
    };
    row("upload", &format!("POST {}{to}", shown(&report.question.path)));
    row("result", &verdict(report));
    match &report.site {
        Some(site) => row("site", &site_text(site)),
        None => row("site", "none: the file service answers"),
    }
    if let Some(rule) = &report.rule {
        row("rule", &shown(rule));
    }
    let answer = &report.answer;
    match (&answer.script, &answer.filename, answer.status) {
        (Some(script), Some(filename), _) => {
            let info =
                answer.path_info.as_deref().map(|info| format!(", path info {}", shown(info)));
            row(
                "script",
                &format!("{} ({}{})", shown(script), shown(filename), info.unwrap_or_default()),
            );
            if let Some(by) = &answer.authorize {
                row("asked", &format!("{}, before the first byte", shown(by)));
            }
        }
        (_, _, Some(status)) => {
            let location = answer.location.as_deref();
            let location = location.map(|to| format!(" to {}", shown(to))).unwrap_or_default();
            row("script", &format!("none: answered {status}{location}"));
        }
        _ => {}
    }
    if let Some(delivery) = &report.delivery {
        row("delivery", &delivery_text(delivery));
    }
    if let Some(limits) = &report.limits {
        row("limits", &limits_text(limits));
    }
    if let Some(pool) = &report.pool {
        pool_rows(pool, &mut row);
    }
    if let Some(test) = &report.self_test {
        row("self-test", &test_text(test));
    }
    for finding in &report.findings {
        finding_text(finding, colour, &mut out);
    }
    out
}

fn verdict(report: &Report) -> String {
    let Some(delivery) = &report.delivery else {
        return match report.answer.kind {
            "files" => "no PHP: stored by the file service".into(),
            _ => "no PHP: no script takes this upload".into(),
        };
    };
    match (delivery.result, delivery.reason) {
        (Some(Delivery::Swap), _) => "swap: files reach PHP by a rename".into(),
        (Some(Delivery::Fields), _) => "fields: PHP is told of the files, and gets none".into(),
        (Some(_), Some(reason)) => format!("replay: {reason}"),
        (Some(_), None) => "replay, as configured: PHP reads the form again".into(),
        (None, _) => "not known: the pool could not be asked".into(),
    }
}

fn site_text(site: &SiteRow) -> String {
    let hosts = match site.hosts.as_slice() {
        [] => "every other host".to_owned(),
        hosts => hosts.join(", "),
    };
    let why = match site.chosen {
        Chosen::Host => "it names the host",
        Chosen::CatchAll => "it takes what no other site names",
        Chosen::Only => "there is no other",
        Chosen::First => "the first one, since no host was given; --site HOST names another",
        Chosen::Nobody => "",
    };
    format!("{} ({hosts}), {}: {why}", site.number, shown(&site.root))
}

fn delivery_text(delivery: &DeliveryRow) -> String {
    let by = match delivery.configured_by {
        "rule" => "the rule says so",
        "site" => "the site says so",
        _ => "the default",
    };
    let result = delivery.result.map_or("?", word);
    let mut text = format!("{} ({by}) → {result}", word(delivery.configured));
    if let Some(most) = delivery.swap_files_max {
        let _ = write!(text, "; forms with more than {most} files are replayed");
    }
    text
}

fn limits_text(limits: &LimitsRow) -> String {
    format!(
        "body {}, one file {}, fields {}, {} parts, head of a part {}",
        size(limits.upload_bytes_max),
        size(limits.file_bytes_max),
        size(limits.php_fields_bytes_max),
        limits.parts_max,
        size(u64::from(limits.part_head_bytes_max)),
    )
}

fn pool_rows(pool: &PoolRow, row: &mut impl FnMut(&str, &str)) {
    let kind = if pool.managed { "managed" } else { "not ours" };
    let assumed = if pool.workers_assumed { " (assumed; see [[php.pool]])" } else { "" };
    row("pool", &format!("{} ({kind}), {} workers{assumed}", shown(&pool.address), pool.workers));
    let Some(php) = &pool.php else { return };
    let user = pool.user.as_deref().unwrap_or("an unknown user");
    row("php", &format!("{}, runs as {}", shown(&php.php), shown(user)));
    row(
        "",
        &format!(
            "post_max_size {}, upload_max_filesize {}, max_file_uploads {}",
            shown(&php.post_max_size),
            shown(&php.upload_max_filesize),
            php.max_file_uploads
        ),
    );
    row("", &format!("upload_tmp_dir {}", shown(&php.upload_tmp_dir)));
}

fn test_text(test: &TestRow) -> String {
    match test.outcome {
        "works" => format!("swap works: one file put in place in {} ms", test.milliseconds),
        "broken" => format!("swap does not work ({} ms)", test.milliseconds),
        "not-permitted" => "not done: not permitted".into(),
        "silent" => "no answer".into(),
        _ => "not done: the pool cannot be reached".into(),
    }
}

pub(super) fn finding_text(finding: &Finding, colour: Colour, out: &mut String) {
    let word = finding.severity.word();
    let (on, off) = match (colour, finding.severity) {
        (Colour::Plain, _) => ("", ""),
        (Colour::Ansi, Severity::Error) => ("\x1b[1;31m", "\x1b[0m"),
        (Colour::Ansi, Severity::Warning) => ("\x1b[1;33m", "\x1b[0m"),
        (Colour::Ansi, Severity::Note) => ("\x1b[1m", "\x1b[0m"),
    };
    let claim = shown(&finding.claim);
    let _ = writeln!(out, "\n{on}{word}{off}: {claim} [{}]", finding.code);
    let _ = writeln!(out, "  about: {}", shown(&finding.subject));
    for evidence in &finding.evidence {
        let value = Some(&*evidence.value).filter(|value| !value.is_empty()).unwrap_or("(empty)");
        let (what, place, value) = (shown(&evidence.what), shown(&evidence.place), shown(value));
        let _ = writeln!(out, "  evidence: {what} = {value} ({place})");
    }
    if !finding.hint.is_empty() {
        let _ = writeln!(out, "  hint: {}", shown(&finding.hint));
    }
}

const fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Auto => "auto",
        Delivery::Swap => "swap",
        Delivery::Fields => "fields",
        Delivery::Replay => "replay",
    }
}

/// `10 GiB`, `8 MiB`, `1000 bytes`, `no limit`.
fn size(bytes: u64) -> String {
    if bytes == 0 {
        return "no limit".into();
    }
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units.into_iter().find(|(shift, _)| bytes.trailing_zeros() >= *shift);
    match whole {
        Some((shift, unit)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// Fit for a terminal: control characters cannot steer it.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
