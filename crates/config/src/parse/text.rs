//! Values that are text: paths, user names, host names, public folders. Pure functions.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// Why a value was refused.
#[derive(Debug, PartialEq, Eq)]
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
pub(super) fn path(text: &str) -> Result<PathBuf, Refusal> {
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
pub(super) fn host_name(text: &str) -> Result<String, Refusal> {
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

/// A folder as seen in a URL, decoded: from `/` to `/`, without `.`, `..` and empty steps.
pub(super) fn public_path(text: &str) -> Result<String, Refusal> {
    let refuse =
        |why: &str, hint: String| Err(Refusal::new(format!("{} {why}", quoted(text)), hint));
    if text.len() >= PATH_BYTES_MAX {
        return refuse("is longer than any path can be", String::new());
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return refuse("contains a backslash or control character", String::new());
    }
    if !text.starts_with('/') || !text.ends_with('/') {
        let inner = text.trim_matches('/');
        let path = if inner.is_empty() { "/".into() } else { format!("/{inner}/") };
        return refuse("must start and end with \"/\"", format!("write {}", quoted(&path)));
    }
    let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')).unwrap_or_default();
    let bad_step = |step: &str| matches!(step, "" | "." | "..");
    if !inner.is_empty() && inner.split('/').any(bad_step) || text == "//" {
        let hint = "write the path as it is, without \"..\", \".\" and \"//\"";
        return refuse("contains an empty or dotted step", hint.into());
    }
    Ok(text.into())
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `PATH_MAX` of Linux, which counts the terminating NUL.
const PATH_BYTES_MAX: usize = 4096;
/// `LOGIN_NAME_MAX` of Linux.
const USER_BYTES_MAX: usize = 256;
/// RFC 1035 §2.3.4.
const HOST_BYTES_MAX: usize = 253;
/// RFC 1035 §2.3.4.
const LABEL_BYTES_MAX: usize = 63;
