//! Values of `[guard]`: when a step begins and ends, names of units and control groups. Pure
//! functions.

use super::text::{self, Refusal};
use crate::model::{Bounds, Threshold};
use crate::problem::quoted;

/// `off`, or up to two of `available N% until M%` and `pressure N% until M%`, a comma between.
pub(crate) fn threshold(text: &str) -> Result<Option<Threshold>, Refusal> {
    if text == "off" {
        return Ok(None);
    }
    let refuse = |why: String| Err(Refusal::new(why, FORM));
    let mut read = Threshold { available: None, pressure: None };
    for part in text.split(',') {
        let words: Vec<&str> = part.split_ascii_whitespace().collect();
        let [what, enter, "until", leave] = words[..] else {
            return refuse(format!("{} does not say when", quoted(text)));
        };
        let (Some(enter), Some(leave)) = (percent(enter), percent(leave)) else {
            return refuse(format!("{} is not in percent", quoted(part.trim())));
        };
        let bounds = Bounds { enter, leave };
        let (place, sound, how) = match what {
            "available" => (&mut read.available, enter < leave, "larger"),
            "pressure" => (&mut read.pressure, leave < enter, "smaller"),
            _ => return refuse(format!("{} is neither available nor pressure", quoted(what))),
        };
        if !sound {
            let why = format!("{} would end where it begins", quoted(part.trim()));
            return Err(Refusal::new(why, format!("of {what}, the second number is {how}")));
        }
        if place.replace(bounds).is_some() {
            return refuse(format!("{what} is written twice in {}", quoted(text)));
        }
    }
    Ok(Some(read))
}

/// The path of a control group below its mount: not the root, since everything is in that.
pub(crate) fn cgroup(text: &str) -> Result<String, Refusal> {
    let refuse = |why: &str, hint: &str| Err(Refusal::new(format!("{} {why}", quoted(text)), hint));
    if let Some(rest) = text.strip_prefix("/sys/fs/cgroup/") {
        let rest = rest.strip_prefix("memory/").or_else(|| rest.strip_prefix("unified/"));
        let hint =
            rest.map_or_else(String::new, |rest| format!("write {}", quoted(&format!("/{rest}"))));
        let hint = if hint.is_empty() { "write it as /proc/PID/cgroup shows it" } else { &hint };
        return refuse("is a path of the mount", hint);
    }
    let Some(inner) = text.strip_prefix('/') else {
        return refuse("must start with \"/\"", "such as \"/system.slice/mariadb.service\"");
    };
    let bad = |step: &str| matches!(step, "" | "." | "..");
    if inner.split('/').any(bad) || text.chars().any(char::is_control) {
        return refuse("is no path of a control group", "write it as /proc/PID/cgroup shows it");
    }
    text::path(text).map(|_| text.to_owned())
}

/// A control group, or none.
pub(crate) fn optional_cgroup(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() { Ok(None) } else { cgroup(text).map(Some) }
}

/// A user's name or number, or none. Root is one here.
pub(crate) fn user(text: &str) -> Result<Option<String>, Refusal> {
    match text {
        "" => Ok(None),
        "root" | "0" => Ok(Some(text.into())),
        _ => text::user(text).map(Some),
    }
}

/// A unit of systemd, or none (systemd.unit(5)); one without a type is a service.
pub(crate) fn unit(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if text.len() > UNIT_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Refusal::new(format!("{} is not the name of a unit", quoted(text)), ""));
    }
    match text.rsplit_once('.') {
        Some((name, "service" | "scope" | "slice")) if !name.is_empty() => Ok(Some(text.into())),
        _ => {
            let hint = format!("write {}", quoted(&format!("{text}.service")));
            Err(Refusal::new(format!("{} has no type", quoted(text)), hint))
        }
    }
}

/// A pattern over a command line, or none. One that matches everything is a mistake.
pub(crate) fn command(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.bytes().all(|byte| matches!(byte, b'*' | b'?')) {
        let message = format!("{} matches every process", quoted(text));
        return Err(Refusal::new(message, "such as \"/usr/sbin/mysqld*\""));
    }
    if text.len() > COMMAND_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(Refusal::new(format!("{} is no pattern", quoted(text)), ""));
    }
    Ok(Some(text.to_owned()))
}

/// What a program is called in logs.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    let plain = text.chars().all(|c| !c.is_control());
    if text.trim().is_empty() || text.len() > NAME_BYTES_MAX || !plain {
        return Err(Refusal::new(
            format!("{} is not a name", quoted(text)),
            "such as \"database\"",
        ));
    }
    Ok(text.to_owned())
}

fn percent(text: &str) -> Option<u8> {
    let digits = text.strip_suffix('%')?;
    digits.parse().ok().filter(|number| (1..=100).contains(number))
}

const FORM: &str = "such as \"available 10% until 15%, pressure 20% until 5%\", or \"off\"";
const UNIT_BYTES_MAX: usize = 255;
const COMMAND_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests;
