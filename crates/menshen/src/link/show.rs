//! `menshen link show`: what a link says, how much of it is used, and whether it is valid now.

use std::fmt::Write;
use std::io::Read;
use std::process::ExitCode;

use menshen_config::Config;
use menshen_tls::LinkKeys;
use menshen_web_core::link::tally::Tally;
use menshen_web_core::link::{Claims, Deed, KeyId, Sealed, TEXT_BYTES_MAX, find};
use menshen_web_core::target::{decode_path, split};
use serde::Serialize;

use super::{Refused, Said, config, failed, said, summary, tally_path, unix_now, usage};
use crate::cli::ShowArguments;
use crate::{EXIT_CONFIG, EXIT_NO, out};

/// What `--json` prints; field names stay as they are.
#[derive(Serialize)]
struct Shown<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<Used>,
    #[serde(flatten)]
    said: Option<Said<'a>>,
}

#[derive(Serialize, Clone, Copy)]
struct Used {
    count: u32,
    bytes: u64,
}

pub(super) fn run(arguments: &ShowArguments) -> Result<ExitCode, Refused> {
    let config = config(&arguments.place)?;
    let given = given(&arguments.link)?;
    let (link, path) = find(given.trim());
    let keys = LinkKeys::read(&config.links.keys).map_err(|error| failed(&error))?;
    let sealed = match Sealed::read(link.as_bytes()) {
        Ok(sealed) => sealed,
        Err(error) => return Ok(tell(arguments.json, None, None, Some(error.words()))),
    };
    let key = keys.as_ref().and_then(|keys| keys.find(sealed.key().0));
    let Some(key) = key else {
        let reason =
            format!("no key of the name {} is there; it may have been removed", sealed.key());
        return Ok(tell(arguments.json, None, None, Some(&reason)));
    };
    let claims = match sealed.verify(|bytes| key.sign(bytes)) {
        Ok(claims) => claims,
        Err(error) => return Ok(tell(arguments.json, None, None, Some(error.words()))),
    };
    let used = used(&claims, &config);
    let mut reason = judged(&claims, used).or_else(|| elsewhere(&claims, path));
    if !config.links.enabled {
        reason = Some("signed links are off: links.enabled");
    }
    let text = summary(&claims, key);
    Ok(tell(arguments.json, Some((&claims, sealed.key(), &text)), used, reason))
}

fn tell(
    json: bool,
    link: Option<(&Claims, KeyId, &str)>,
    used: Option<Used>,
    reason: Option<&str>,
) -> ExitCode {
    let code = if reason.is_some() { EXIT_NO } else { 0 };
    if json {
        let said = link.map(|(claims, key, _)| said(claims, key));
        let shown = Shown { valid: reason.is_none(), reason, used, said };
        let text = serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n";
        return out::print(&text, code);
    }
    let mut text = match reason {
        None => "valid\n".to_owned(),
        Some(reason) => format!("not valid: {reason}\n"),
    };
    if let Some((_, _, rows)) = link {
        text += rows;
    }
    if let Some(Used { count, bytes }) = used {
        let _ = writeln!(text, "  {:<10}{count} times, {bytes} bytes", "used");
    }
    out::print(&text, code)
}

/// The link as given, from standard input for `-`.
fn given(argument: &str) -> Result<String, Refused> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    let most = TEXT_BYTES_MAX as u64 * 3;
    let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(|_| Refused("menshen: standard input is not text".into(), EXIT_CONFIG))?;
    if text.trim().is_empty() { Err(usage("no link was given", "")) } else { Ok(text) }
}

/// How much was used, as far as this user may read it.
fn used(claims: &Claims, config: &Config) -> Option<Used> {
    let record = std::fs::read(tally_path(&config.state, claims.id?)).unwrap_or_default();
    let tally = Tally::read(&record).ok()?;
    Some(Used { count: tally.count, bytes: tally.bytes })
}

fn judged(claims: &Claims, used: Option<Used>) -> Option<&'static str> {
    let now = unix_now();
    if claims.not_before.is_some_and(|begin| now < begin) {
        return Some("it is not good yet");
    }
    if now >= claims.expires {
        return Some("it has expired");
    }
    let used = used.unwrap_or(Used { count: 0, bytes: 0 });
    if claims.count.is_some_and(|most| used.count >= most) {
        return Some("it was used as often as it may be");
    }
    if claims.bytes.is_some_and(|most| used.bytes >= most) {
        return Some("its bytes are used up, or held by transfers that last");
    }
    None
}

/// Whether the address it stands in is one it is for.
fn elsewhere(claims: &Claims, target: Option<&str>) -> Option<&'static str> {
    let (raw, _) = split(target?.as_bytes());
    let fits = claims.deed != Deed::Drop && decode_path(raw).is_ok_and(|path| claims.covers(&path));
    if fits { None } else { Some("the address it stands in is not one it is for") }
}
