//! How PHP is reached: addresses, scripts, settings of the managed pool. Pure functions.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::text::{self, Refusal};
use crate::model::{NameValue, PhpAddress, PhpBackend};
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// `"off"`, `"managed"` or an address.
pub(crate) fn backend(text: &str) -> Result<PhpBackend, Refusal> {
    match text {
        "off" => Ok(PhpBackend::Off),
        "managed" => Ok(PhpBackend::Managed),
        "" | "no" | "false" | "none" => {
            Err(refusal(text, "does not say how PHP is reached", "write \"off\""))
        }
        "on" | "yes" | "true" | "auto" | "php-fpm" | "fpm" => {
            let hint = "write \"managed\" for a php-fpm that menshen starts";
            Err(refusal(text, "does not say how PHP is reached", hint))
        }
        _ => address(text).map(PhpBackend::At),
    }
}

/// Where a FastCGI server listens: `unix:/PATH` or `ADDRESS:PORT`.
pub(crate) fn address(text: &str) -> Result<PhpAddress, Refusal> {
    let refuse = |hint: String| Err(refusal(text, "is not an address of PHP", hint));
    if let Some(path) = text.strip_prefix("unix:") {
        return socket(text, path, "unix:/run/php.sock").map(PhpAddress::Unix);
    }
    match text.parse::<SocketAddr>() {
        Ok(at) if at.port() == 0 => refuse("port 0 is no port to connect to".into()),
        Ok(at) if at.ip().is_unspecified() => {
            refuse(format!("write the address it is reached at: \"127.0.0.1:{}\"", at.port()))
        }
        Ok(at) => Ok(PhpAddress::Tcp(at)),
        Err(_) => refuse(address_hint(text)),
    }
}

/// An address, or nothing for an empty text.
pub(crate) fn optional_address(text: &str) -> Result<Option<PhpAddress>, Refusal> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

/// The path of a status page, or nothing for an empty text.
pub(crate) fn status_path(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() { Ok(None) } else { text::url_path(text).map(Some) }
}

/// An absolute path of the file system, or nothing for an empty text.
pub(crate) fn optional_absolute(text: &str) -> Result<Option<PathBuf>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let path = text::path(text)?;
    if path.has_root() {
        return Ok(Some(path));
    }
    Err(refusal(text, "is not absolute", "PHP knows nothing of the folder of this file"))
}

/// The path of a script as in a URL, or nothing for an empty text. The ending is compared byte by
/// byte, as it is at every request.
pub(crate) fn script(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let path = text::url_path(text)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.len() > PHP_ENDING.len() && name.ends_with(PHP_ENDING) {
        return Ok(Some(path));
    }
    let hint = match text.split_once('?') {
        Some((path, _)) => format!("a script has no query: {}", quoted(path)),
        None => "such as \"/upload.php\"".to_owned(),
    };
    Err(refusal(text, "is not the path of a .php file", hint))
}

/// Adds a setting of the managed pool.
pub(crate) fn setting(
    settings: &mut Vec<NameValue>,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        return Err(refusal(name, "is not the name of a PHP setting", ""));
    }
    if OURS.contains(&name) {
        let hint = "menshen needs it for uploads; an .ini file or .user.ini of the site is chained";
        let hint = if name == "auto_prepend_file" { hint } else { "set php.folder instead" };
        return Err(refusal(name, "is set by menshen itself", hint));
    }
    if name == "pm"
        || ["pm.", "listen.", "php_value", "php_admin"].iter().any(|p| name.starts_with(p))
    {
        let hint = "settings are those of php.ini; php.children says how many processes there are";
        return Err(refusal(name, "is no PHP setting but one of the pool", hint));
    }
    if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(refusal(value, &format!("cannot be the value of {name}"), ""));
    }
    if settings.iter().any(|other| other.name == name) {
        return Err(refusal(name, "is written twice", ""));
    }
    settings.push(NameValue { name: name.into(), value: value.into() });
    Ok(())
}

/// The path of a socket behind `unix:`; `example` is a whole address.
pub(crate) fn socket(text: &str, path: &str, example: &str) -> Result<PathBuf, Refusal> {
    let refuse = |why: &str, hint: &str| Err(refusal(text, why, hint));
    let path = match path.strip_prefix("//") {
        Some(_) => return refuse("has slashes that do not belong there", "write \"unix:/PATH\""),
        None => path,
    };
    if !path.starts_with('/') || path.ends_with('/') {
        let hint = format!("such as {}", quoted(example));
        return refuse("is not an absolute path after \"unix:\"", &hint);
    }
    if path.ends_with(':') {
        return refuse("ends in a colon", "write \"unix:/PATH\" without it");
    }
    if path.len() > SOCKET_BYTES_MAX {
        let hint = format!("the kernel takes at most {SOCKET_BYTES_MAX} bytes");
        return Err(refusal(text, "is too long for a socket", hint));
    }
    text::path(path)
}

fn address_hint(text: &str) -> String {
    if text.starts_with('/') {
        return format!("write {}", quoted(&format!("unix:{text}")));
    }
    if let Some(path) = text.strip_prefix("unix/") {
        return format!("write {}", quoted(&format!("unix:/{}", path.trim_start_matches('/'))));
    }
    for scheme in ["fastcgi://", "tcp://", "http://"] {
        if let Some(rest) = text.strip_prefix(scheme) {
            return format!("write it without scheme: {}", quoted(rest.trim_end_matches('/')));
        }
    }
    let port = |digits: &str| digits.parse::<u16>().is_ok_and(|port| port > 0);
    match text.rsplit_once(':') {
        None if port(text) => format!("write \"127.0.0.1:{text}\""),
        Some((name, digits)) if port(digits) => match name {
            "" | "localhost" | "*" => format!("write \"127.0.0.1:{digits}\""),
            _ => "host names are not looked up: write the address in numbers".into(),
        },
        _ => "write \"unix:/run/php/php8.2-fpm.sock\" or \"127.0.0.1:9000\"".into(),
    }
}

fn refusal(text: &str, why: &str, hint: impl Into<String>) -> Refusal {
    Refusal::new(format!("{} {why}", quoted(text)), hint)
}

/// What `sun_path` of Linux holds beside its terminator.
const SOCKET_BYTES_MAX: usize = 107;

const PHP_ENDING: &str = ".php";

/// Settings without which uploads could not be handed over.
const OURS: &[&str] = &["auto_prepend_file", "upload_tmp_dir"];

const NAME_BYTES_MAX: usize = 128;
const VALUE_BYTES_MAX: usize = 4096;
