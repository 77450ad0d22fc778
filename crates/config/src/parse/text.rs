//! Values that are text: paths of files and of URLs, user names, host names. Pure functions.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Lower case, no final period.
    pub(crate) message: String,
    /// What to write instead; may be empty.
    pub(crate) hint: String,
}

impl Refusal {
    /// A refusal with a hint; `""` for none.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

/// A file-system path: not empty, no NUL, of at most `PATH_MAX` bytes with its terminator.
pub(crate) fn path(text: &str) -> Result<PathBuf, Refusal> {
    let refuse = |why: &str| Err(Refusal::new(format!("{} {why}", quoted(text)), ""));
    if text.is_empty() {
        return Err(Refusal::new("the path is empty", "\".\" is the folder of this file"));
    }
    if text.contains('\0') {
        return refuse("contains a NUL character, which no path can");
    }
    if text.len() >= PATH_BYTES_MAX {
        return refuse("is longer than any path can be");
    }
    Ok(PathBuf::from(text))
}

/// A user name as the user database may hold it. Root is refused: workers read untrusted bytes.
pub(super) fn user(text: &str) -> Result<String, Refusal> {
    if matches!(text, "root" | "0") {
        return Err(Refusal::new(
            "workers must not run as root",
            "leave the key out: they become the owner of web.root, or nobody",
        ));
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '$' | '\\');
    if text.is_empty() || text.len() > USER_BYTES_MAX || !text.chars().all(allowed) {
        return Err(Refusal::new(format!("{} is not a user name", quoted(text)), ""));
    }
    Ok(text.into())
}

/// A host name (RFC 1123 §2.1, one leading `*.` allowed) or an IP address, in lower case.
pub(crate) fn host_name(text: &str) -> Result<String, Refusal> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let refuse = |hint: &str| {
        Err(Refusal::new(format!("{} is not a host name or address", quoted(text)), hint))
    };
    if text.contains("://") || text.contains('/') {
        return refuse("write the name alone, without scheme and path");
    }
    if !text.is_ascii() {
        return refuse("write names with other letters in their ASCII form, xn--…");
    }
    if text.contains(':') {
        return refuse("write the name alone, without port");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let all_digits = labels
        .rsplit('.')
        .next()
        .is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    if name.len() > HOST_BYTES_MAX || all_digits || !labels.split('.').all(is_label) {
        return refuse("");
    }
    Ok(name.to_ascii_lowercase())
}

/// A host name of a site: as [`host_name`], and none that stands for all.
pub(crate) fn host(text: &str) -> Result<String, Refusal> {
    if matches!(text, "" | "*" | "_" | "*:*" | "default") {
        let message = format!("{} is not a host name", quoted(text));
        return Err(Refusal::new(message, "leave hosts out for every host no other site names"));
    }
    host_name(text)
}

/// Adds a word that may stand in its list once.
pub(crate) fn once(list: &mut Vec<String>, word: String) -> Result<(), Refusal> {
    if list.contains(&word) {
        return Err(Refusal::new(format!("{} is written twice", quoted(&word)), ""));
    }
    list.push(word);
    Ok(())
}

/// The name of a file, without folders.
pub(crate) fn file_name(text: &str) -> Result<String, Refusal> {
    let dotted = matches!(text, "" | "." | "..");
    if dotted || text.len() > NAME_BYTES_MAX || text.contains(['/', '\\']) || has_control(text) {
        let hint =
            if text.contains('/') { "a path to fall back to belongs into \"try\"" } else { "" };
        return Err(Refusal::new(format!("{} is not the name of a file", quoted(text)), hint));
    }
    Ok(text.into())
}

/// A folder as seen in a URL, decoded: from `/` to `/`, without `.`, `..` and empty steps.
pub(crate) fn folder(text: &str) -> Result<String, Refusal> {
    let sound = url_path(&format!("/{}", text.trim_start_matches('/'))).is_ok();
    if sound && !(text.starts_with('/') && text.ends_with('/')) {
        let inner = text.trim_matches('/');
        let path = if inner.is_empty() { "/".into() } else { format!("/{inner}/") };
        let message = format!("{} must start and end with \"/\"", quoted(text));
        return Err(Refusal::new(message, format!("write {}", quoted(&path))));
    }
    url_path(text)
}

/// A path as seen in a URL, decoded: from `/`, without `.`, `..` and empty steps, and no pattern.
pub(crate) fn url_path(text: &str) -> Result<String, Refusal> {
    let refuse = |why: &str, hint: &str| Err(Refusal::new(format!("{} {why}", quoted(text)), hint));
    if text.len() >= PATH_BYTES_MAX {
        return refuse("is longer than any path can be", "");
    }
    if text.starts_with(['~', '^', '*']) || text.ends_with(['*', '$']) {
        return refuse("is no path but a pattern", PATTERNS);
    }
    if text.contains('\\') || has_control(text) {
        return refuse("contains a backslash or control character", "");
    }
    let Some(inner) = text.strip_prefix('/') else {
        let hint = match text.contains("://") {
            true => "write the path alone".to_owned(),
            false => format!("write {}", quoted(&format!("/{text}"))),
        };
        return refuse("must start with \"/\"", &hint);
    };
    if inner.contains(['?', '#']) {
        return refuse("has a query", "write the path alone");
    }
    let bad_step = |step: &str| matches!(step, "" | "." | "..");
    let steps = inner.strip_suffix('/').unwrap_or(inner);
    if text != "/" && steps.split('/').any(bad_step) {
        let hint = "write the path as it is, without \"..\", \".\" and \"//\"";
        return refuse("contains an empty or dotted step", hint);
    }
    Ok(text.into())
}

/// Where a redirect leads: a path or an `http` address, as it goes into `Location` (RFC 9110
/// §10.2.2).
pub(crate) fn target(text: &str) -> Result<String, Refusal> {
    let refuse = |why: &str, hint: &str| Err(Refusal::new(format!("{} {why}", quoted(text)), hint));
    let wrong = |c: char| !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`');
    if text.len() >= PATH_BYTES_MAX {
        return refuse("is longer than any path can be", "");
    }
    if text.contains(wrong) {
        return refuse("is no address", "write spaces and other letters percent-encoded");
    }
    if text.contains('$') {
        return refuse("has a variable", "when \"from\" and \"to\" end in \"/\" the rest is kept");
    }
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fine = match host {
        Some(rest) => !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':']),
        None => text.starts_with('/') && !text.starts_with("//"),
    };
    if !fine {
        return refuse("is no address", "write such as \"/new/\" or \"https://example.test/\"");
    }
    Ok(text.into())
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

const PATTERNS: &str = "a path ends in \"/\" to stand for everything below it";

/// `NAME_MAX` of Linux.
const NAME_BYTES_MAX: usize = 255;
/// `PATH_MAX` of Linux, which counts the terminating NUL.
const PATH_BYTES_MAX: usize = 4096;
/// `LOGIN_NAME_MAX` of Linux.
const USER_BYTES_MAX: usize = 256;
/// RFC 1035 §2.3.4.
const HOST_BYTES_MAX: usize = 253;
/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;
