//! `menshen link key`: the keys that sign links. No key is ever printed, only its name and age.

use std::fmt::Write;
use std::process::ExitCode;

use menshen_config::Config;
use menshen_guard::running_guard;
use menshen_tls::LinkKeys;
use menshen_tls::link_keys::Change;
use menshen_web_core::link::KeyId;
use serde::Serialize;

use super::{Refused, config, failed, time, unix_now};
use crate::cli::KeyCommand;
use crate::out;

/// One key as `--json` prints it.
#[derive(Serialize)]
struct Key {
    id: String,
    created_unix: u64,
    signs: bool,
}

pub(super) fn run(command: &KeyCommand) -> Result<ExitCode, Refused> {
    let (place, change) = match command {
        KeyCommand::List { json, place } => return list(&config(place)?, *json),
        KeyCommand::Add { place } => (place, Some(Change::Add)),
        KeyCommand::Rotate { now: true, place } => (place, Some(Change::Replace)),
        KeyCommand::Rotate { now: false, place } => (place, None),
        KeyCommand::Remove { id, place } => (place, Some(Change::Remove(id.0))),
    };
    let config = config(place)?;
    let idle_seconds = config.links.expires_seconds_max;
    let change = change.unwrap_or(Change::Rotate { idle_seconds });
    let changed = LinkKeys::change(&config.links.keys, change, unix_now());
    let changed = changed.map_err(|error| failed(&error))?;
    let mut text = String::new();
    for key in &changed.removed {
        let _ = writeln!(text, "removed {}: its links end", KeyId(key.id));
    }
    if let Some(key) = &changed.added {
        let _ = writeln!(text, "made {}: it signs from now on", KeyId(key.id));
    }
    let code = out::print(&text, 0);
    if running_guard(&config.state).is_some() {
        out::complain("note: `menshen reload` lets the running menshen know");
    }
    Ok(code)
}

fn list(config: &Config, json: bool) -> Result<ExitCode, Refused> {
    let keys = LinkKeys::read(&config.links.keys).map_err(|error| failed(&error))?;
    let newest = keys.as_ref().and_then(|keys| keys.newest()).map(|key| key.id);
    let shown: Vec<Key> = keys
        .iter()
        .flat_map(LinkKeys::iter)
        .map(|key| Key {
            id: KeyId(key.id).to_string(),
            created_unix: key.created_unix,
            signs: newest == Some(key.id),
        })
        .collect();
    if json {
        let text = serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n";
        return Ok(out::print(&text, 0));
    }
    let mut text = String::new();
    for key in &shown {
        let does = if key.signs { "signs and verifies" } else { "verifies" };
        let made = time(key.created_unix);
        let _ = writeln!(text, "{}  {does:<18}  made {made}", key.id);
    }
    if shown.is_empty() {
        text.push_str("no key yet: the first link or the next start makes one\n");
    }
    Ok(out::print(&text, 0))
}
